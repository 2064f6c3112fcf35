"""How claims travel: pushed when new, asked for when views differ, and then nothing more."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.membership import dissemination
from securechat.membership.claims import Claim
from securechat.membership.dissemination import PART, parts_of, questions
from securechat.membership.messages import (
    FIRST_ID,
    LAST_ID,
    MAX_ROWS,
    AskClaims,
    AskVouch,
    Claims,
    Leave,
    Nack,
    Ping,
    Row,
)
from securechat.notices import Conflict, Liveness
from securechat.objects import Purpose
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
        self.assertLessEqual(len(self.bench.core._parts.claims._twins), 4)

    def test_relayed_restart_of_a_linked_member(self) -> None:
        """News that a linked member restarted ends the links of its earlier process."""
        effects = self.bench.receive(BOB, Claims((BOB.alive(2, 0, "b").signed,)), self.bob)
        self.assertEqual(hangups(effects), [(BOB.id, "superseded")])

    def test_full_roster(self) -> None:
        """Beyond 1,024 certificates no further member is held; the refusal is counted."""
        self.patch(type(self.bench.core._parts.ledger), "full", property(lambda _: True))
        self.bench.receive(BOB, Claims((DAVE.alive().signed,)), self.bob)
        self.assertIsNone(self.bench.core.alive_of(DAVE.id))
        counters = self.bench.core.snapshot(self.bench.now).counters
        self.assertEqual(counters["refused.roster-full"], 1)


class AskTests(SynchronousTestCase):
    """Views that differ are mended by asking."""

    def setUp(self) -> None:
        """Ada is linked to bob and knows carol."""
        self.bench = Bench().start()
        self.bob = self.bench.link(BOB)
        self.bench.receive(BOB, Claims((CAROL.alive(3, 1, "c").signed,)), self.bob)
        self.bench.mono += 2

    def ask(self, *rows: Row, first: str = FIRST_ID, last: str = LAST_ID) -> list[bytes]:
        """Bob asks; the statements he gets."""
        self.bench.mono += 2
        message = AskClaims(type(BOB.id)(first), type(BOB.id)(last), rows)
        effects = self.bench.receive(BOB, message, self.bob)
        return [signed.statement for signed in objects(sends(effects, Claims, BOB))]

    def test_differing_digest(self) -> None:
        """A ping with another digest is answered with a question, at most once in 2 s."""
        ping = Ping(1, b"otherone")
        (ask,) = sends(self.bench.receive(BOB, ping, self.bob), AskClaims, BOB)
        self.assertEqual((ask.first, ask.last, len(ask.held)), (FIRST_ID, LAST_ID, 3))
        self.assertEqual(sends(self.bench.receive(BOB, ping, self.bob), AskClaims), [])
        self.bench.mono += 2
        self.assertEqual(len(sends(self.bench.receive(BOB, ping, self.bob), AskClaims)), 1)

    def test_equal_digest(self) -> None:
        """A ping with our own digest is acked and nothing more."""
        digest = bytes.fromhex(self.bench.core.snapshot(self.bench.now).digest)
        self.assertEqual(len(self.bench.receive(BOB, Ping(1, digest), self.bob)), 1)

    def test_what_is_newer(self) -> None:
        """Who asks gets exactly what is newer than what it holds."""
        all_three = self.ask()
        self.assertEqual(len(all_three), 3)
        me = self.bench.core.version_of(self.bench.me.id)
        assert me is not None
        known = (Row(BOB.id, 1, 0, False), Row(self.bench.me.id, me.epoch, me.incarnation, False))
        newer = CAROL.alive(3, 1, "c").signed.statement
        self.assertEqual(self.ask(*known), [newer])
        self.assertEqual(self.ask(*known, Row(CAROL.id, 3, 0, False)), [newer])
        self.assertEqual(self.ask(*known, Row(CAROL.id, 3, 1, False)), [])
        self.assertEqual(self.ask(*known, Row(CAROL.id, 4, 0, False)), [])

    def test_leaves(self) -> None:
        """A leave is sent to who does not know of it."""
        leave = CAROL.leave(3, 1)
        self.bench.receive(BOB, Claims((leave.signed,)), self.bob)
        row = Row(CAROL.id, 3, 1, False)
        span = {"first": CAROL.id, "last": CAROL.id}
        self.assertEqual(self.ask(row, **span), [leave.signed.statement])
        self.assertEqual(self.ask(evolve(row, left=True), **span), [])
        self.assertEqual(len(self.ask(evolve(row, epoch=2, left=True), **span)), 2)

    def test_a_span(self) -> None:
        """A question about one member is answered with that member."""
        statements = self.ask(first=BOB.id, last=BOB.id)
        self.assertEqual(statements, [BOB.alive().signed.statement])

    def test_too_often(self) -> None:
        """A peer that repeats its question at once is not answered, and counted."""
        message = AskClaims(FIRST_ID, LAST_ID)
        self.bench.receive(BOB, message, self.bob)
        self.assertEqual(self.bench.receive(BOB, message, self.bob), [])
        counters = self.bench.core.snapshot(self.bench.now).counters
        self.assertEqual(counters["refused.asks-too-often"], 1)

    def test_bounded_memory(self) -> None:
        """A peer that asks for ever new spans, or names ever new strangers, fills no memory."""
        self.patch(dissemination, "MAX_OBJECTS", 4)
        for number in range(40):
            member = someone(f"peer{number:02}")
            self.bench.receive(BOB, AskClaims(member.id, member.id), self.bob)
            self.bench.receive(BOB, Claims((member.leave().signed,)), self.bob)
        claims = self.bench.core._parts.claims
        self.assertLessEqual(len(claims._answered), 16)
        self.assertLessEqual(len(claims._asked), 16)

    def test_two_nodes_converge(self) -> None:
        """Two nodes whose views differ both ways hold the same after one question each."""
        other = Bench("bob", boot=boot("9")).start()
        other.link(someone("ada"))
        other.receive(someone("ada"), Claims((DAVE.alive(7, 0, "d").signed,)))
        ada, bob = someone("ada"), someone("bob")
        nodes = {"ada": self.bench, "bob": other}
        nodes["bob"].mono += 100
        nodes["ada"].mono += 100
        nodes["ada"].link(bob, bob.alive(1, 0, "9"))
        for _ in range(3):
            for name, peer in (("ada", bob), ("bob", ada)):
                there = nodes["bob" if name == "ada" else "ada"]
                here = nodes[name]
                here.mono += 3
                there.mono += 3
                digest = bytes.fromhex(there.core.snapshot(there.now).digest)
                for ask in sends(here.receive(peer, Ping(1, digest), 1), AskClaims):
                    for claims in sends(there.receive(someone(name), ask, 1), Claims):
                        here.receive(peer, claims, 1)
        held = [set(node.core.keyring.keys) for node in nodes.values()]
        self.assertEqual(held[0], held[1])
        self.assertEqual(len(held[0]), 4)


class PartTests(SynchronousTestCase):
    """Large rooms are told in parts."""

    def test_parts(self) -> None:
        """Parts stay within 32 KiB, every Alive precedes every Leave, and nothing is lost."""
        people = [someone(f"peer{number:02}") for number in range(90)]
        claims = [Claim.of(c) for who in people for c in (who.leave(), who.alive())]
        parts = parts_of(claims)
        told = objects(list(parts))
        self.assertEqual(len(told), len(claims))
        kinds = [signed.purpose for signed in told]
        self.assertEqual(kinds, sorted(kinds))
        for part in parts:
            self.assertLessEqual(sum(signed.size for signed in part.objects), PART)
            self.assertEqual(len({signed.purpose for signed in part.objects}), 1)
        self.assertIs(told[-1].purpose, Purpose.LEAVE)

    def test_leaves_only(self) -> None:
        """Leaves alone make parts too; nothing makes none."""
        claims = [Claim.of(BOB.leave())]
        self.assertIsInstance(claims[0].statement, Leave)
        self.assertEqual(len(parts_of(claims)), 1)
        self.assertEqual(parts_of([]), ())

    def test_questions(self) -> None:
        """A question in parts leaves no gap between them, and names every row."""
        ids = sorted(type(BOB.id)(("234567abcdefghijklmnopqrstuvwxyz"[n // 32]
                     + "234567abcdefghijklmnopqrstuvwxyz"[n % 32]) + "2" * 50)
                     for n in range(1000))  # fmt: skip
        rows = tuple(Row(member, 1, 0, False) for member in ids)
        for count in (0, 1, MAX_ROWS, MAX_ROWS + 1, 1000):
            asked = list(questions(rows[:count]))
            self.assertEqual((asked[0].first, asked[-1].last), (FIRST_ID, LAST_ID))
            for one, two in pairwise(asked):
                self.assertEqual(one.last, two.first)
            self.assertEqual({row for ask in asked for row in ask.held}, set(rows[:count]))
            self.assertTrue(all(len(ask.held) <= MAX_ROWS for ask in asked))
