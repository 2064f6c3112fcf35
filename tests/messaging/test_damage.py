"""Texts that are damaged on disk: claimed no more, fetched again, at their old place."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Forget
from securechat.ids import MessageId
from securechat.inputs import Damaged, Retry
from securechat.messaging.facts import EnvelopeHeld, TextDamaged
from securechat.messaging.messages import Directs, Want
from securechat.messaging.statements import Frontier, StreamEntry
from securechat.notices import Delivery, FaultNoticed, GapChanged, PostShown
from securechat.settings import Settings
from securechat.wire import unpack
from tests.messaging.chaos import shown
from tests.messaging.room import Member, Room, _up, admit, code_of, three


def spoil(member: Member, wanted: MessageId) -> None:
    """The stored envelope of a post is not what was written, and its node reads it."""
    held = member.core.parts.book.streams.get(wanted.stream)
    assert held is not None
    (envelope,) = held.around(wanted.seq, wanted.seq)
    owner = f"held/{envelope.hash.hex()}"
    member.disk.objects[owner].clear()
    member.turn(member.core.damaged(Damaged(owner), member.now))


def wants(member: Member) -> int:
    """How often posts were asked for."""
    return sum(isinstance(send.message, Want) for send in member.sent)


def claims(member: Member, wanted: MessageId) -> bool:
    """Whether a member's full frontier lists a post."""
    parts = member.core.parts.announcing._own.full(member.room.now)
    entries = [e for part in parts for e in _streams(part.statement)]
    spans = [span for entry in entries if entry.stream == wanted.stream for span in entry.stored]
    return any(first <= wanted.seq <= last for first, last, _ in spans)


def _streams(statement: bytes) -> tuple[StreamEntry, ...]:
    frontier: Frontier = unpack(Frontier, statement)
    return frontier.streams


def talked() -> tuple[Room, Member, Member, Member, list[MessageId]]:
    """Ada said five posts and all have them."""
    room, ada, bob, carol = three()
    ids = []
    for number in range(5):
        ids.append(ada.say(str(number)).id)
        room.run()
    room.wait(3)
    return room, ada, bob, carol, ids


ALL = ["0", "1", "2", "3", "4"]


class GivenReceipts(SynchronousTestCase):
    """A receipt that we gave and can read no more."""

    def given(self) -> tuple[Room, Member, Member, str]:
        """Bob has a letter of ada's and signed for it, unheard; where his receipt lies."""
        room, ada, bob, _ = three()
        room.cut(ada, bob)
        wanted = ada.tell(bob, "hi").id
        letter = ada.core.parts.book.letters.by_id(wanted)
        assert letter is not None
        bob.receive(ada.id, Directs((ada.disk.object(letter.hash),)))
        return room, ada, bob, f"given/{letter.hash.hex()}"

    def test_signed_again(self) -> None:
        """It says the same, in the epoch of now; the duplicate gets it, and its author knows."""
        room, ada, bob, owner = self.given()
        (before,) = bob.disk.objects[owner].values()
        bob.disk.objects[owner].clear()
        bob.restart()
        room.seat(bob, ada)
        room.wall_ms += 60_000
        bob.turn(bob.core.damaged(Damaged(owner), bob.now))
        (after,) = bob.disk.objects[owner].values()
        self.assertEqual(admit(after).statement, evolve(admit(before).statement, epoch=2))
        room.link(ada, bob)
        room.run()
        self.assertEqual([line.state for line in ada.lines()], [Delivery.ACKED])
        self.assertEqual((bob.texts(), ada.errors + bob.errors), (["hi"], []))

    def test_sent_at_once(self) -> None:
        """Found damaged when a duplicate asked for it, it follows on the same link."""
        room, ada, bob, owner = self.given()
        bob.disk.objects[owner].clear()
        room.links.add(frozenset((ada.id, bob.id)))
        bob.turn(bob.core.damaged(Damaged(owner), bob.now))
        room.run()
        self.assertEqual([line.state for line in ada.lines()], [Delivery.ACKED])

    def test_unknown(self) -> None:
        """Of one that retention has forgotten meanwhile nothing is signed."""
        _, ada, bob, owner = self.given()
        for name in ("00" * 32, "no name"):
            self.assertEqual(bob.turn(bob.core.damaged(Damaged(f"given/{name}"), bob.now)), [])
        self.assertEqual(ada.turn(ada.core.damaged(Damaged(owner), ada.now)), [])


class OwnLetters(SynchronousTestCase):
    """A direct message of ours that we can read no more."""

    def queued(self) -> tuple[Room, Member, Member, MessageId, str]:
        """Ada has a letter for bob, who is away; where it lies."""
        room, ada, bob, _ = three()
        room.cut(ada, bob)
        wanted = ada.tell(bob, "hi").id
        letter = ada.core.parts.book.letters.by_id(wanted)
        assert letter is not None
        owner = f"dm/{letter.hash.hex()}"
        ada.disk.objects[owner].clear()
        ada.sent.clear()
        ada.notices.clear()
        return room, ada, bob, wanted, owner

    def directs(self, member: Member) -> int:
        """How often direct messages were to be sent."""
        return sum(isinstance(send.message, Directs) for send in member.sent)

    def faults(self, member: Member) -> list[str]:
        """What its operator was told."""
        return [notice.what for notice in member.notices if isinstance(notice, FaultNoticed)]

    def test_before_it_was_sent(self) -> None:
        """It was never sent, and is not; its author is told so, and to say it again."""
        room, ada, bob, wanted, owner = self.queued()
        ada.turn(ada.core.damaged(Damaged(owner), ada.now))
        (row,) = ada.core.delivery(wanted)
        self.assertEqual(row.state, Delivery.EXPIRED)
        self.assertEqual(row.evidence, "damaged on this disk: not offered again; never sent")
        (told,) = self.faults(ada)
        self.assertIn("is damaged on this disk: not offered again", told)
        self.assertEqual(code_of(ada.ask, Retry(wanted)), 503)
        room.link(ada, bob)
        room.wait(30)
        self.assertEqual((self.directs(ada), ada.core.outbox()), (0, ()))
        self.assertEqual(shown(ada.core), shown(ada.rebuilt()))

    def test_when_it_was_to_be_sent(self) -> None:
        """Found out at the send, it does not stay sent nor is offered again, not after a restart."""
        room, ada, bob, wanted, owner = self.queued()
        ada.turn(ada.core.link_up(_up(bob, ()), ada.now))
        self.assertEqual(self.directs(ada), 1)
        ada.turn(ada.core.damaged(Damaged(owner), ada.now))
        (row,) = ada.core.delivery(wanted)
        self.assertEqual(row.state, Delivery.UNKNOWN)
        self.assertIn("damaged on this disk: not offered again", row.evidence)
        self.assertEqual(len(self.faults(ada)), 1)
        room.wait(100)
        ada.restart()
        room.seat(ada, *room.members.values())
        ada.turn(ada.core.link_up(_up(bob, ()), ada.now))
        room.wait(100)
        self.assertEqual(self.directs(ada), 1)
        self.assertEqual(ada.core.delivery(wanted), (row,))

    def test_tried_again(self) -> None:
        """Who tries it again is told again."""
        room, ada, bob, wanted, owner = self.queued()
        ada.turn(ada.core.link_up(_up(bob, ()), ada.now))
        for times in (1, 2):
            ada.turn(ada.core.damaged(Damaged(owner), ada.now))
            self.assertEqual((self.directs(ada), len(self.faults(ada))), (times, times))
            room.wait(1)
            self.assertEqual(ada.ask(Retry(wanted)).state, Delivery.UNKNOWN)

    def test_others(self) -> None:
        """Of a letter that is settled, or that another wrote, nothing is made; evidence stays."""
        room, ada, bob, _ = three()
        wanted = ada.tell(bob, "hi").id
        room.run()
        letter = ada.core.parts.book.letters.by_id(wanted)
        assert letter is not None
        for member in (ada, bob):
            owner = f"dm/{letter.hash.hex()}"
            self.assertEqual(member.turn(member.core.damaged(Damaged(owner), member.now)), [])
        self.assertEqual([line.state for line in ada.lines()], [Delivery.ACKED])


class FetchedAgain(SynchronousTestCase):
    """A damaged text is fetched from whoever has it."""

    def test_in_the_middle(self) -> None:
        """It is a gap, claimed no more, until it comes from another; then all is as before."""
        room, _, bob, _, ids = talked()
        before = [(line.id, line.at, line.late) for line in bob.lines()]
        whole = bob.digest
        spoil(bob, ids[2])
        self.assertEqual(bob.texts(), ["0", "1", "[3-3]", "3", "4"])
        self.assertFalse(claims(bob, ids[2]))
        self.assertTrue(claims(bob, ids[1]))
        self.assertNotEqual(bob.digest, whole)
        bob.notices.clear()
        room.wait(3)
        self.assertEqual(bob.texts(), ALL)
        self.assertTrue(claims(bob, ids[2]))
        self.assertEqual(bob.digest, whole)
        self.assertEqual(
            [(i, late) for i, _, late in before], [(x.id, x.late) for x in bob.lines()]
        )
        self.assertEqual([n for n in bob.notices if isinstance(n, PostShown)], [], "told twice")
        self.assertIn("filled", [n.state for n in bob.notices if isinstance(n, GapChanged)])

    def test_explained(self) -> None:
        """The story of the post tells that it was damaged, and from whom it came again."""
        room, ada, bob, _, ids = talked()
        spoil(bob, ids[2])
        room.wait(3)
        facts = [fact for fact in bob.disk.facts.values() if str(ids[2]) in fact.about]
        damage, again = facts
        assert isinstance(damage, TextDamaged)
        assert isinstance(again, EnvelopeHeld)
        self.assertIn("damaged on this disk", damage.words)
        self.assertIn(f"recovered from {{{ada.id}}}", again.words)

    def test_at_the_end(self) -> None:
        """The newest post of a stream, damaged, is a gap too; a restart meanwhile changes nothing."""
        room, ada, bob, carol, ids = talked()
        room.cut(ada, bob)
        room.cut(bob, carol)
        spoil(bob, ids[4])
        self.assertEqual(bob.texts(), [*ALL[:4], "[5-5]"])
        self.assertEqual(shown(bob.core), shown(bob.rebuilt()))
        bob.restart()
        room.seat(bob, *room.members.values())
        self.assertEqual(bob.texts(), [*ALL[:4], "[5-5]"])
        room.link(bob, carol)
        room.wait(3)
        self.assertEqual(bob.texts(), ALL)
        self.assertEqual(shown(bob.core), shown(bob.rebuilt()))
        self.assertFalse(any(key.startswith("head/") for key in bob.disk.facts))

    def test_everything(self) -> None:
        """All texts of a disk damaged at once all come again."""
        room, _, bob, _, ids = talked()
        for wanted in ids:
            spoil(bob, wanted)
        self.assertEqual(bob.texts(), ["[1-5]"])
        room.wait(5)
        self.assertEqual(bob.texts(), ALL)

    def test_from_another_than_the_author(self) -> None:
        """Live posts that only their author was told of are found at others, once digests differ."""
        room, ada, bob, carol = three()
        said = ada.say("only once").id
        room.wait(1)
        for other in (bob, carol):
            room.cut(ada, other)
        spoil(bob, said)
        room.wait(10)
        self.assertEqual(bob.texts(), ["only once"])

    def test_again(self) -> None:
        """A text that is damaged again after it came again is fetched once more."""
        room, _, bob, _, ids = talked()
        for _ in range(3):
            spoil(bob, ids[1])
            self.assertEqual(bob.gaps(), [(2, 2)])
            room.wait(5)
            self.assertEqual(bob.texts(), ALL)
        self.assertEqual(shown(bob.core), shown(bob.rebuilt()))

    def test_told_twice(self) -> None:
        """The same damage noticed twice is one; of what is not held nothing is made."""
        room, _, bob, _, ids = talked()
        name = bob.lines()[2].hash.hex()
        spoil(bob, ids[2])
        records = len(bob.disk.facts)
        for owner in (f"held/{name}", "held/zz", "held/" + "00" * 32, f"dm/{name}", "x"):
            bob.turn(bob.core.damaged(Damaged(owner), bob.now))
        self.assertEqual(len(bob.disk.facts), records)
        room.wait(3)
        self.assertEqual((bob.texts(), wants(bob)), (ALL, 1))


class OwnPosts(SynchronousTestCase):
    """What we said ourselves."""

    def test_no_number_is_used_twice(self) -> None:
        """After our last post was damaged, what we say next follows it, also after a restart."""
        for restarts in (False, True):
            room, ada, bob, carol, ids = talked()
            room.cut(ada, bob)
            room.cut(ada, carol)
            spoil(ada, ids[4])
            if restarts:
                ada.restart()
                room.seat(ada, *room.members.values())
            said = ada.say("next").id
            if not restarts:
                self.assertEqual(said.seq, 6)
            room.link(ada, bob)
            room.link(ada, carol)
            room.wait(5)
            for member in (ada, bob, carol):
                self.assertEqual(member.texts(), [*ALL, "next"])
                self.assertEqual(member.core.parts.book.counters["forks"], 0)

    def test_delivery(self) -> None:
        """Once it is here again we know of whom it was acknowledged, and for whom it was."""
        room, ada, bob, _, ids = talked()
        before = ada.core.delivery(ids[2])
        self.assertEqual({row.state for row in before}, {Delivery.ACKED})
        spoil(ada, ids[2])
        self.assertEqual(code_of(ada.core.delivery, ids[2]), 520)
        room.wait(5)
        self.assertEqual(ada.core.delivery(ids[2]), before)
        self.assertEqual(ada.lines()[2].at, bob.lines()[2].at)
        self.assertEqual(shown(ada.core), shown(ada.rebuilt()))
        fact = next(
            f for k, f in ada.disk.facts.items() if k == f"held/{ada.lines()[2].hash.hex()}"
        )
        self.assertIn("fetched again from", fact.words)

    def test_acked_stays_and_says_so(self) -> None:
        """Acked stays at the author while a holder's text is damaged; its evidence tells of it."""
        room, ada, bob, carol, ids = talked()
        bob_row = lambda: next(r for r in ada.core.delivery(ids[2]) if r.member == bob.id)  # noqa: E731
        before = bob_row().evidence
        for member in (ada, carol):
            member.frozen = True
        spoil(bob, ids[2])
        room.wait(2)
        ada.frozen = False
        room.run()
        self.assertEqual(bob_row().state, Delivery.ACKED)
        self.assertIn("its latest frontier does not list it", bob_row().evidence)
        carol.frozen = False
        room.wait(5)
        self.assertEqual(bob_row().evidence, before)


class NobodyHasIt(SynchronousTestCase):
    """What was damaged here and is nowhere else."""

    def test_closes_with_its_cause(self) -> None:
        """The gap closes once all have shown that they lack it, and says that it was damaged here."""
        room, ada, bob, carol = three()
        for other in (bob, carol):
            room.cut(ada, other)
        said = ada.say("never sent").id
        ada.say("after it")
        spoil(ada, said)
        for other in (bob, carol):
            room.link(ada, other)
        room.wait(15)
        (gap,) = ada.core.gaps(room.now)
        self.assertEqual(gap.verdict, "closed: never had by any; damaged on our disk")
        self.assertEqual(ada.texts(), ["[1-1]", "after it"])

    def test_retention_passes_it(self) -> None:
        """When the floor rises over it, nothing of it is kept: neither fact nor audience."""
        room = Room()
        ada = room.member(1, settings=Settings(history_posts=3))
        bob = room.member(2)
        room.roster()
        ids = [ada.say(str(number)).id for number in range(3)]
        spoil(ada, ids[0])
        bob_gone = room.member(3)
        room.roster(ada, bob, bob_gone)
        for number in range(3, 8):
            ada.say(str(number))
        room.wait(130, 0.5)
        self.assertFalse([key for key in ada.disk.facts if key.startswith("damaged/")])
        self.assertEqual(ada.core.parts.book.damaged, {})
        self.assertEqual(len([key for key in ada.disk.facts if key.startswith("held/")]), 3)
        self.assertEqual(len(ada.core.parts.book.evidence.uses), 1)
        self.assertEqual(shown(ada.core), shown(ada.rebuilt()))


class Forgotten(SynchronousTestCase):
    """What becomes of a damaged text when retention passes it."""

    def test_no_head_is_left(self) -> None:
        """An own text that nobody else has is told of no more, once it is pruned, to anybody."""
        room = Room()
        ada = room.member(1, settings=Settings(history_posts=6, burst=100))
        bob = room.member(2)
        room.roster()
        ada.say("one")
        lost = ada.say("two").id
        spoil(ada, lost)
        self.assertEqual(sum(key.startswith("head/") for key in ada.disk.facts), 1)
        for number in range(20):
            ada.say(str(number))
            room.tick()
        self.assertEqual(len(ada.texts()), 6)
        self.assertFalse([key for key in ada.disk.facts if key.startswith(("head/", "damaged/"))])
        room.link(ada, bob)
        room.wait(10)
        ada.sent.clear()
        room.wait(60, 0.25)
        self.assertEqual({type(send.message).__name__ for send in ada.sent}, {"Digest"})

    def test_no_head_of_what_is_past(self) -> None:
        """Nor is a head told of that a frontier reaches beyond, as one's own next post does."""
        room = Room()
        ada, bob = room.member(1), room.member(2)
        room.roster()
        ada.say("one")
        spoil(ada, ada.say("two").id)
        ada.say("three")
        ada.core.apply(Forget(tuple(k for k in ada.disk.facts if k.startswith("damaged/"))))
        room.link(ada, bob)
        room.wait(10)
        self.assertEqual(bob.texts(), ["one", "[2-2]", "three"])
