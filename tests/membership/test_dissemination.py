"""How claims travel: pushed when new, proved to who holds an older one."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.inputs import Ending, Greeted, Received
from securechat.membership import dissemination
from securechat.membership.messages import (
    AskClaims,
    AskVouch,
    Claims,
    Nack,
    Observation,
    Rows,
)
from securechat.notices import Conflict, Liveness, MemberChanged
from securechat.objects import Admitted
from tests.membership.bench import Bench, boot, hangups, notices, objects, sends, someone

BOB, CAROL, DAVE = someone("bob"), someone("carol"), someone("dave")


class PushTests(SynchronousTestCase):
    """What is new is passed on."""

    def setUp(self) -> None:
        """Ada is linked to bob and carol."""
        self.bench = Bench().start()
        self.bob = self.bench.link(BOB)
        self.carol = self.bench.link(CAROL)
        self.bench.effects.clear()

    def test_to_all_others(self) -> None:
        """A new member is told to every linked peer but the one who told it."""
        claim = DAVE.alive()
        effects = self.bench.receive(BOB, Claims((claim.signed,)), self.bob)
        self.assertEqual(sends(effects, Claims, CAROL), [Claims((claim.signed,))])
        self.assertEqual(sends(effects, Claims, BOB), [])

    def test_a_member_itself(self) -> None:
        """A member is not told its own claim."""
        effects = self.bench.receive(CAROL, Claims((BOB.alive(1, 1).signed,)), self.carol)
        self.assertEqual(sends(effects, Claims), [])

    def test_told_again(self) -> None:
        """What is held already is passed on to nobody."""
        claim = Claims((DAVE.alive().signed,))
        self.bench.receive(BOB, claim, self.bob)
        self.assertEqual(self.bench.receive(CAROL, claim, self.carol), [])

    def test_one_message_for_all(self) -> None:
        """The same message object goes to all who need it, so that it is encoded once."""
        number = self.bench.link(DAVE, DAVE.alive())
        effects = self.bench.receive(DAVE, Claims((DAVE.alive(1, 1).signed,)), number)
        first, second = sends(effects, Claims)
        self.assertIs(first, second)

    def test_leave_is_passed_on(self) -> None:
        """A leave reaches those who were not told by the leaver, and is shown as left."""
        effects = self.bench.receive(BOB, Claims((BOB.leave().signed,)), self.bob)
        self.assertEqual(objects(sends(effects, Claims, CAROL)), [BOB.leave().signed])
        self.assertIs(self.bench.state(BOB), Liveness.LEFT)

    def test_newest_of_a_message(self) -> None:
        """Of several claims of one member in a message, in any order, the newest is kept."""
        old, new = DAVE.alive(1, 0), DAVE.alive(2, 0, "b")
        for claims in ((old, new), (new, old)):
            self.setUp()
            message = Claims(tuple(claim.signed for claim in claims))
            self.bench.receive(BOB, message, self.bob)
            self.assertEqual(self.bench.member(DAVE).epoch, 2)

    def test_alive_and_leave_in_one_message(self) -> None:
        """A member whose alive and leave come together has left, and was never suspect."""
        self.bench.receive(BOB, Claims((DAVE.alive().signed,)), self.bob)
        message = Claims((DAVE.alive(2, 0, "b").signed, DAVE.leave(2).signed))
        self.bench.receive(BOB, message, self.bob)
        self.assertIs(self.bench.state(DAVE), Liveness.LEFT)

    def test_return(self) -> None:
        """A higher epoch returns a member that left; a higher incarnation does not."""
        self.bench.receive(BOB, Claims((BOB.leave().signed,)), self.bob)
        self.bench.receive(CAROL, Claims((BOB.alive(1, 5).signed,)), self.carol)
        self.assertIs(self.bench.state(BOB), Liveness.LEFT)
        self.bench.receive(CAROL, Claims((BOB.alive(2, 0, "b").signed,)), self.carol)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)

    def test_leave_before_its_alive(self) -> None:
        """A member whose leave came first has left, also when the Alive of that epoch comes."""
        self.bench.receive(CAROL, Claims((BOB.leave(3).signed,)), self.carol)
        self.assertIs(self.bench.state(BOB), Liveness.LEFT)
        self.bench.receive(CAROL, Claims((BOB.alive(3, 0, "c").signed,)), self.carol)
        self.assertIs(self.bench.state(BOB), Liveness.LEFT)
        self.bench.receive(CAROL, Claims((BOB.alive(4, 0, "d").signed,)), self.carol)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)

    def test_what_could_not_be_written(self) -> None:
        """A node that cannot write shows nobody that it could not keep, and nobody left by hearsay."""
        core, now = self.bench.core, self.bench.now
        for who, told in ((DAVE, DAVE.alive()), (BOB, BOB.leave())):
            received = Received(CAROL.id, self.carol, Claims((told.signed,)), (told,))
            core.received(received, now)
            core.dropped(now)
            self.assertEqual(notices(core.settle(now), MemberChanged), [], who.name)
        self.assertIsNone(core.snapshot(now).get(DAVE.id))
        self.assertIsNot(self.bench.state(BOB), Liveness.LEFT)
        self.bench.heard(BOB, self.bob)
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)

    def test_unreachable_learns_of_a_leave(self) -> None:
        """A member that is unreachable and whose leave arrives late has left."""
        self.bench.cut(BOB, self.bob)
        for _ in range(30):
            for ask in sends(self.bench.wait(0.5), AskVouch, CAROL):
                self.bench.receive(CAROL, Nack(BOB.id, ask.nonce), self.carol)
            self.bench.heard(CAROL, self.carol)
        self.assertIs(self.bench.state(BOB), Liveness.UNREACHABLE)
        self.bench.receive(CAROL, Claims((BOB.leave().signed,)), self.carol)
        self.assertIs(self.bench.state(BOB), Liveness.LEFT)


class StaleTests(SynchronousTestCase):
    """Old claims and twins."""

    def setUp(self) -> None:
        """Ada holds carol's third epoch, and is linked to bob."""
        self.bench = Bench().start()
        self.bob = self.bench.link(BOB)
        self.held = CAROL.alive(3, 1, "c")
        self.bench.receive(BOB, Claims((self.held.signed,)), self.bob)
        self.bench.effects.clear()

    def test_answered_once(self) -> None:
        """Who tells an old claim is shown the proof, once for each version of the proof."""
        old = Claims((CAROL.alive(2, 0, "b").signed,))
        effects = self.bench.receive(BOB, old, self.bob)
        self.assertEqual(objects(sends(effects, Claims, BOB)), [self.held.signed])
        self.assertEqual(self.bench.receive(BOB, old, self.bob), [])
        self.bench.receive(BOB, Claims((CAROL.alive(4, 0, "d").signed,)), self.bob)
        self.assertEqual(len(sends(self.bench.receive(BOB, old, self.bob), Claims, BOB)), 1)

    def test_answered_again_on_the_next_link(self) -> None:
        """A peer whose link ended is shown the proof again."""
        old = Claims((CAROL.alive(2, 0, "b").signed,))
        self.bench.receive(BOB, old, self.bob)
        self.bench.cut(BOB, self.bob)
        self.bob = self.bench.link(BOB)
        self.assertEqual(len(sends(self.bench.receive(BOB, old, self.bob), Claims, BOB)), 1)

    def test_left_is_proved_with_the_leave(self) -> None:
        """An old claim of a member that left is answered with its alive and its leave."""
        leave = CAROL.leave(3, 1)
        self.bench.receive(BOB, Claims((leave.signed,)), self.bob)
        effects = self.bench.receive(BOB, Claims((CAROL.alive(2, 0, "b").signed,)), self.bob)
        self.assertEqual(objects(sends(effects, Claims)), [self.held.signed, leave.signed])

    def test_twins(self) -> None:
        """Two processes in one epoch: a conflict is told once, and all keep the same one."""
        for words, kept in (("cd", "d"), ("dc", "d")):
            bench = Bench().start()
            number = bench.link(BOB)
            told = []
            for word in words + words:
                claim = CAROL.alive(3, 0, word)
                effects = bench.receive(BOB, Claims((claim.signed,)), number)
                told += notices(effects, Conflict)
            self.assertEqual([notice.member for notice in told], [CAROL.id])
            self.assertEqual(bench.member(CAROL).boot, boot(kept))

    def test_many_twins(self) -> None:
        """However many twins are told, what is remembered of them stays bounded."""
        self.patch(dissemination, "MAX_OBJECTS", 4)
        for epoch in range(4, 14):
            for word in "ab":
                claim = CAROL.alive(epoch, 0, word)
                self.bench.receive(BOB, Claims((claim.signed,)), self.bob)
        self.assertLessEqual(len(self.bench.core._parts.talk._claims._twins), 4)

    def test_relayed_restart_of_a_linked_member(self) -> None:
        """News that a linked member restarted ends the links of its earlier process."""
        effects = self.bench.receive(BOB, Claims((BOB.alive(2, 0, "b").signed,)), self.bob)
        self.assertEqual(hangups(effects), [(BOB.id, "superseded")])

    def test_full_roster(self) -> None:
        """Beyond 1,024 certificates no further member is held; the refusal is counted."""
        self.patch(type(self.bench.core._parts.ledger), "room_left", property(lambda _: 0))
        self.bench.receive(BOB, Claims((DAVE.alive().signed,)), self.bob)
        self.assertIsNone(self.bench.core.alive_of(DAVE.id))
        counters = self.bench.core.snapshot(self.bench.now).counters
        self.assertEqual(counters["refused.roster-full"], 1)


class FanOutTests(SynchronousTestCase):
    """Large rooms."""

    def test_not_everybody_tells_everybody(self) -> None:
        """Above twelve members a claim of another is passed on to some; our own goes to all."""
        bench = Bench(listen="10.0.0.1:7400").start()
        others = [someone(f"peer{number:02}") for number in range(30)]
        links = {who: bench.link(who) for who in others}
        first = others[0]
        news = bench.receive(first, Claims((first.alive(2, 0, "b").signed,)), links[first])
        told = [who for who in others if sends(news, Claims, who)]
        self.assertIn(len(told), range(6, 9))
        accused = Observation(bench.me.id, 1, 0, "suspect", refused=False)
        mine = bench.receive(first, Rows(0, (accused,)), links[first])
        self.assertEqual(len([who for who in others if sends(mine, Claims, who)]), 30)


class BucketTests(SynchronousTestCase):
    """A member that changes its claim without end."""

    def test_flood(self) -> None:
        """What is more than the bucket holds is not taken now, costs no disk, and comes later."""
        bench = Bench().start()
        bob, carol = bench.link(BOB), bench.link(CAROL)
        facts = len(bench.facts)
        for incarnation in range(1, 501):
            bench.receive(CAROL, Claims((BOB.alive(1, incarnation).signed,)), carol)
        self.assertLessEqual(len(bench.facts) - facts, 21)
        counters = bench.core.snapshot(bench.now).counters
        self.assertGreater(counters["claims.too-often"], 470)
        for _ in range(6):
            bench.wait(0.5)
            bench.heard(BOB, bob)
        bench.receive(CAROL, Claims((BOB.alive(1, 500).signed,)), carol)
        self.assertEqual(bench.member(BOB).incarnation, 500)

    def test_goodbyes(self) -> None:
        """The first goodbye of a process is free; goodbyes without end pay from the bucket."""
        bench = Bench().start()
        bob, carol = bench.link(BOB), bench.link(CAROL)
        for incarnation in range(1, 501):
            bench.receive(BOB, Claims((BOB.alive(1, incarnation).signed,)), bob)
        bench.effects.clear()
        facts = len(bench.facts)
        for incarnation in range(1, 501):
            bench.receive(BOB, Claims((BOB.leave(1, incarnation).signed,)), bob)
        self.assertIs(bench.state(BOB), Liveness.LEFT)
        self.assertEqual(len(bench.facts) - facts, 1)
        self.assertEqual(len(sends(bench.effects, Claims, CAROL)), 1)
        bench.wait(5)
        bench.effects.clear()
        for epoch in range(2, 502):
            bench.receive(CAROL, Claims((BOB.leave(epoch).signed,)), carol)
        self.assertLessEqual(len(bench.facts) - facts, 12)
        self.assertLessEqual(len(sends(bench.effects, Claims, BOB)), 12)
        self.assertGreater(bench.core.snapshot(bench.now).counters["claims.too-often"], 900)

    def test_a_goodbye_that_was_beyond(self) -> None:
        """Who took fewer goodbyes than another holds the same view, and learns the same return."""
        few, all_of_them = Bench().start(), Bench().start()
        for bench, most in ((few, 500), (all_of_them, 5)):
            number = bench.link(CAROL)
            bench.receive(CAROL, Claims((BOB.alive().signed,)), number)
            for epoch in range(1, most + 1):
                bench.receive(CAROL, Claims((BOB.leave(epoch).signed,)), number)
            bench.receive(CAROL, Claims((BOB.leave(500).signed,)), number)
            bench.wait(1)
            bench.heard(CAROL, number)
            bench.receive(CAROL, Claims((BOB.alive(500, 0, "b").signed,)), number)
        ledgers = [bench.core._parts.ledger for bench in (few, all_of_them)]
        self.assertFalse(ledgers[0].left(BOB.id))
        self.assertTrue(ledgers[1].left(BOB.id))
        self.assertNotEqual(ledgers[0].digest, ledgers[1].digest)
        few.receive(CAROL, Claims((BOB.leave(500).signed,)))
        self.assertEqual(ledgers[0].digest, ledgers[1].digest)

    def door(self, bench: Bench, *told: Admitted[Any]) -> None:
        """Bob comes to the door with each of these, and his link ends again."""
        for number, alive in enumerate(told, 1000):
            bench.turn(bench.core.greeted(Greeted(BOB.id, number, alive), bench.now))
            bench.cut(BOB, bench.link(BOB, alive), Ending.BOOKKEEPING)

    def test_at_the_door(self) -> None:
        """Who comes back with a new incarnation each time pays as if it had sent them."""
        bench = Bench().start()
        bench.link(CAROL)
        facts = len(bench.facts)
        bench.effects.clear()
        self.door(bench, *(BOB.alive(1, incarnation) for incarnation in range(200)))
        self.assertLessEqual(len(bench.facts) - facts, 21)
        self.assertLessEqual(len(sends(bench.effects, Claims, CAROL)), 21)
        self.assertGreater(bench.core.snapshot(bench.now).counters["claims.too-often"], 170)
        self.assertIs(bench.state(BOB), Liveness.ALIVE)

    def test_a_restart_is_always_let_in(self) -> None:
        """A later process is let in when the bucket is empty; it is not passed on, but answered."""
        bench = Bench().start()
        carol = bench.link(CAROL)
        for incarnation in range(100):
            bench.receive(CAROL, Claims((BOB.alive(1, incarnation).signed,)), carol)
        bench.effects.clear()
        self.door(bench, BOB.alive(2, 0, "b"))
        self.assertEqual(bench.member(BOB).epoch, 2)
        self.assertIs(bench.state(BOB), Liveness.ALIVE)
        self.assertEqual(sends(bench.effects, Claims, CAROL), [])
        (answer,) = sends(bench.receive(CAROL, AskClaims(BOB.id, BOB.id), carol), Claims, CAROL)
        self.assertEqual(answer.objects, (BOB.alive(2, 0, "b").signed,))

    def test_others_are_taken(self) -> None:
        """The flood of one member costs no other its claims, and a repeated claim costs nothing."""
        bench = Bench().start()
        carol = bench.link(CAROL)
        for incarnation in range(100):
            bench.receive(CAROL, Claims((BOB.alive(1, incarnation).signed,)), carol)
            bench.receive(CAROL, Claims((DAVE.alive().signed,)), carol)
        self.assertEqual(bench.member(DAVE).incarnation, 0)
        held = bench.member(BOB).incarnation
        self.assertLess(held, 30)
