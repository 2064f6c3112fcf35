"""
What was said by a process that did not know of its author's later ones (ADR 19).

Its disk had been lost or set back, so it spoke in an epoch that the others' floor has passed long ago;
it is newer than all they forgot, and comes to everybody all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import MAX_INT, BootId, Hash, MessageId, Stream
from securechat.messaging import retention, taking
from securechat.messaging.claims import Claim
from securechat.messaging.facts import EnvelopeHeld, Floor, FloorAside
from securechat.messaging.floors import Rising
from securechat.messaging.held import Held
from securechat.messaging.messages import Posts, Want
from securechat.messaging.statements import FloorEntry, Frontier, StreamEntry
from securechat.messaging.streams import Streams
from securechat.notices import Delivery
from securechat.settings import Settings
from tests.messaging.room import Disk, Member, Room, member_of
from tests.messaging.test_sets import FAST

FEW = Settings(posts_per_second=100_000, burst=100_000, history_posts=40)
ADA = member_of(1)
ALONE = ["alone 1", "alone 2", "alone 3"]


def room_of(limits: Settings = FAST) -> tuple[Room, Member, Member, Member]:
    """Bob and carol keep 40 posts; ada, in her epoch 3, has said 60."""
    room = Room()
    ada = room.member(1, settings=limits, epoch=3)
    bob, carol = (room.member(number, settings=FEW) for number in (2, 3))
    say_sixty(room, ada)
    return room, ada, bob, carol


def say_sixty(room: Room, ada: Member) -> None:
    """All are linked, and ada says more than those keep who keep few."""
    room.roster()
    room.mesh()
    for number in range(60):
        ada.say(f"old {number}")
        room.tick()
    room.wait(2)


def alone(room: Room, ada: Member, disk: Disk, epoch: int = 1) -> list[MessageId]:
    """Ada speaks three times on this disk, linked to nobody; then she jumps past her past."""
    for other in room.members.values():
        if other is not ada:
            room.cut(ada, other)
    ada.disk = disk
    ada.restart(epoch, boot="f0")
    room.seat(ada, *room.members.values())
    said = [ada.say(text).id for text in ALONE]
    ada.restart(epoch=9)
    room.roster()
    return said


def old_copy() -> tuple[Room, Member, Member, Disk]:
    """Ada's disk as it was in her first epoch; bob has pruned that, and a part of her present one."""
    room = Room()
    ada, bob = room.member(1, settings=FAST), room.member(2, settings=FEW)
    room.roster()
    room.mesh()
    for number in range(10):
        ada.say(f"older {number}")
    room.wait(1)
    copy = ada.disk.copy()
    ada.restart(epoch=5)
    say_sixty(room, ada)
    return room, ada, bob, copy


def floors(member: Member) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Ada's floor at a member, and those of her streams that lie aside: epochs and seqs."""
    author = member.core.parts.book.streams.authors[ADA]
    again = member.rebuilt().parts.book.streams.authors[ADA]
    assert (again.floor, again.aside) == (author.floor, author.aside)
    assert author.floor is not None
    return (author.floor.epoch, author.floor.seq), [(f.epoch, f.seq) for f in author.aside.values()]


class Alone(SynchronousTestCase):
    """A disk that was lost or set back, while its member was alone."""

    def assert_agreed(self, room: Room, said: list[MessageId]) -> None:
        """All show what was said alone, and have told its author so; no gap is open."""
        members = list(room.members.values())
        for member in members:
            self.assertEqual([text for text in member.texts() if text in ALONE], ALONE)
            self.assertEqual([gap for gap in member.core.gaps(member.now) if not gap.verdict], [])
            self.assertEqual(
                member.rebuilt().parts.book.streams.digest().hex()[:8], member.digest[:8]
            )
        ada = room.members[ADA]
        for wanted in said:
            states = {row.state for row in ada.core.delivery(wanted)}
            self.assertEqual(states, {Delivery.ACKED})

    def test_lost(self) -> None:
        """After a lost disk it comes to all, though their floor lies in a later epoch."""
        room, ada, bob, carol = room_of()
        said = alone(room, ada, Disk())
        room.mesh()
        room.wait(30, 0.25)
        self.assert_agreed(room, said)
        self.assertEqual({member.digest for member in (ada, bob, carol)}, {ada.digest})
        self.assertEqual(floors(bob), ((3, 23), [(1, 0)]))
        self.assertEqual(floors(bob), floors(carol))
        self.assertEqual(ada.core.diff(bob.id), ())

    def test_set_back(self) -> None:
        """The same with an old disk in place of the present one."""
        room, ada, bob, copy = old_copy()
        said = alone(room, ada, copy, epoch=2)
        room.mesh()
        room.wait(60, 0.25)
        self.assert_agreed(room, said)
        self.assertEqual(floors(bob), ((5, 23), [(2, 0)]))
        self.assertEqual([text for text in bob.texts() if text.startswith("older")], [])

    def test_through_another(self) -> None:
        """Who has no link to its author gets it from who had one."""
        room, ada, bob, carol = room_of()
        alone(room, ada, Disk())
        room.link(ada, bob)
        room.wait(20, 0.25)
        room.cut(ada, bob)
        ada.frozen = True
        room.link(bob, carol)
        room.wait(60, 0.25)
        self.assertEqual([text for text in carol.texts() if text in ALONE], ALONE)
        self.assertEqual(bob.digest, carol.digest)

    def test_quiet(self) -> None:
        """Once all have it nothing more is said about it."""
        room, ada, bob, carol = room_of()
        alone(room, ada, Disk())
        room.mesh()
        room.wait(60, 0.25)
        before = {member.number: len(member.sent) for member in (ada, bob, carol)}
        fulls = [m.core.parts.book.counters["full_frontiers"] for m in (ada, bob, carol)]
        room.wait(120, 0.5)
        after = [m.core.parts.book.counters["full_frontiers"] for m in (ada, bob, carol)]
        self.assertEqual(after, fulls)
        for member in (ada, bob, carol):
            kinds = {type(send.message).__name__ for send in member.sent[before[member.number] :]}
            self.assertEqual(kinds, {"Digest"})

    def test_author_forgets_in_order(self) -> None:
        """A member with a full history does not forget first what it has just said alone."""
        room, ada, bob, carol = room_of(FEW)
        said = alone(room, ada, Disk())
        room.mesh()
        room.wait(30, 0.25)
        for number in range(10):
            ada.say(f"new {number}")
            room.tick()
        room.wait(30, 0.25)
        self.assert_agreed(room, said)
        self.assertEqual(len(ada.lines()), 40)
        self.assertEqual([m.texts()[-14:] for m in (bob, carol)], [ada.texts()[-14:]] * 2)

    def test_forgotten_bit_by_bit(self) -> None:
        """It goes as it was said: after what is older, before what is newer, and for good."""
        room, ada, bob, carol = room_of()
        said = alone(room, ada, Disk())
        objects = [ada.disk.object(line.hash) for line in ada.lines() if line.id in said]
        room.mesh()
        room.wait(30, 0.25)
        for number in range(39):
            ada.say(f"new {number}")
            room.tick()
        room.wait(5)
        self.assertEqual(floors(bob), ((3, 60), [(1, 2)]))
        self.assertEqual(bob.texts()[:2], ["alone 3", "new 0"])
        self.assertEqual(carol.texts(), bob.texts())
        self.assertEqual(carol.digest, bob.digest)
        ada.say("the last")
        room.wait(5)
        self.assertEqual(floors(bob), ((3, 60), []))
        ada.say("one more")
        room.wait(5)
        self.assertEqual(floors(bob), ((9, 1), []))
        self.assertEqual([f for f in bob.disk.facts.values() if isinstance(f, FloorAside)], [])
        refused = bob.core.parts.book.counters["refused.pruned"]
        bob.receive(carol.id, Posts(tuple(objects)))
        self.assertEqual(bob.core.parts.book.counters["refused.pruned"], refused + 3)
        self.assertEqual(bob.texts(), carol.texts())

    def test_really_old(self) -> None:
        """An epoch that was pruned as it should be is neither asked for nor told of."""
        room = Room()
        ada, bob = room.member(1, settings=FAST), room.member(2, settings=FEW)
        room.roster()
        room.mesh()
        for epoch in (1, 2, 3):
            ada.restart(epoch)
            room.roster()
            room.mesh()
            for number in range(30):
                ada.say(f"{epoch}.{number}")
            room.wait(1)
        room.cut(ada, bob)
        ada.sent.clear()
        bob.sent.clear()
        room.mesh()
        room.wait(60, 0.25)
        self.assertEqual(floors(bob), ((2, 20), []))
        self.assertEqual([s for s in bob.sent if isinstance(s.message, Want)], [])
        self.assertEqual([send for send in ada.sent if send.objects], [])
        self.assertEqual(bob.core.parts.book.counters["refused.pruned"], 0)

    def test_older_part(self) -> None:
        """Of such a stream what is older than the floor stays forgotten, and is asked for once."""
        room, ada, bob, carol = room_of()
        disk = Disk()
        ada.skew_ms = -20_000
        said = alone(room, ada, disk)
        ada.skew_ms = 0
        ada.restart(epoch=1, boot="f0")
        room.seat(ada, *room.members.values())
        newer = ada.say("alone 4").id
        ada.restart(epoch=9)
        room.roster()
        room.mesh()
        room.wait(60, 0.25)
        for member in (bob, carol):
            self.assertEqual([t for t in member.texts() if t.startswith("alone")], ["alone 4"])
            self.assertEqual(floors(member), ((3, 21), [(1, 3)]))
            self.assertEqual(member.gaps(), [])
        wants = len([send for send in bob.sent if isinstance(send.message, Want)])
        room.wait(60, 0.25)
        self.assertEqual(len([s for s in bob.sent if isinstance(s.message, Want)]), wants)
        self.assertEqual({row.state for row in ada.core.delivery(newer)}, {Delivery.ACKED})
        why = {row.evidence for row in ada.core.delivery(said[0])}
        self.assertEqual(why, {"below its floor: it keeps nothing of this"})
        self.assertEqual(ada.digest, bob.digest)


def stream(epoch: int, boot: str) -> Stream:
    """A stream of ada's."""
    return Stream(ADA, epoch, BootId(boot * 32))


class Hard(SynchronousTestCase):
    """Cases in which a header, a claim or a floor comes at the wrong moment."""

    def assert_there(self, *members: Member, texts: list[str] = ALONE) -> None:
        """What was said alone is here, and no gap is open."""
        for member in members:
            self.assertEqual([text for text in member.texts() if text in texts], texts)
            self.assertEqual([gap for gap in member.core.gaps(member.now) if not gap.verdict], [])

    def test_link_that_stays(self) -> None:
        """Who claimed it before its reader knew that it is not pruned is asked for it then."""
        room, ada, bob, carol = room_of()
        alone(room, ada, Disk())
        room.link(ada, bob)
        room.wait(60, 0.25)
        self.assert_there(bob, carol)

    def test_compared_before(self) -> None:
        """A peer that has told all its floors, and tells no more, is given the header too."""
        room, ada, bob, carol = room_of()
        alone(room, ada, Disk())
        room.cut(bob, carol)
        room.wait(1)
        room.link(bob, carol)
        room.wait(60, 0.25)
        room.link(ada, bob)
        room.wait(60, 0.5)
        self.assert_there(bob, carol)
        self.assertEqual(bob.digest, carol.digest)

    def test_twice_alone(self) -> None:
        """Two processes were alone, one after the other: what either said comes."""
        room, ada, bob, carol = room_of()
        for other in (bob, carol):
            room.cut(ada, other)
        ada.disk = Disk()
        texts = []
        for epoch in (1, 2):
            ada.restart(epoch, boot=f"f{epoch}")
            room.seat(ada, *room.members.values())
            texts += [f"alone {epoch}.{number}" for number in range(3)]
            for text in texts[-3:]:
                ada.say(text)
            room.wait(1)
        ada.restart(epoch=9)
        room.roster()
        room.mesh()
        room.wait(60, 0.25)
        self.assert_there(bob, carol, texts=texts)
        self.assertEqual({member.digest for member in (ada, bob, carol)}, {ada.digest})

    def test_older_and_newer_in_one_message(self) -> None:
        """What is older than the floor is no gap, whether the newer part comes with it or before it."""
        room, ada, bob, carol = room_of()
        ada.skew_ms = -20_000
        said = alone(room, ada, Disk())
        ada.skew_ms = 0
        ada.restart(epoch=1, boot="f0")
        room.seat(ada, *room.members.values())
        said += [ada.say(text).id for text in ("alone 4", "alone 5")]
        ada.frozen = True
        objects = [ada.disk.object(line.hash) for line in ada.lines() if line.id in said]
        bob.receive(carol.id, Posts(tuple(objects)))
        for signed in reversed(objects):
            carol.receive(bob.id, Posts((signed,)))
        for member in (bob, carol):
            self.assertEqual(member.gaps(), [])
            self.assertEqual(floors(member)[1], [(1, 3)])
        self.assertEqual(bob.digest, carol.digest)

    def test_many_epochs(self) -> None:
        """Of an author of very many streams with posts the header of another is taken all the same."""
        self.patch(taking, "MAX_HEADS", 20)
        room = Room()
        few = Settings(posts_per_second=100_000, burst=100_000, history_posts=30)
        ada, bob = room.member(1, settings=FAST), room.member(2, settings=few)
        for epoch in range(1, 40):
            ada.restart(epoch, boot=f"{epoch:06x}")
            room.roster()
            room.mesh()
            ada.say(f"old {epoch}")
            room.wait(1)
        self.assertEqual(floors(bob), ((9, 1), []))
        said = alone(room, ada, Disk())
        ada.restart(epoch=100)
        room.roster()
        room.mesh()
        room.wait(10, 0.5)
        self.assert_there(bob)
        self.assertEqual({row.state for row in ada.core.delivery(said[0])}, {Delivery.ACKED})

    def test_crowd(self) -> None:
        """Of an author of too many streams what was said first goes, at once, whatever its epoch."""
        self.patch(retention, "MAX_STREAMS", 20)
        room = Room()
        ada, bob = room.member(1, settings=FAST, epoch=1000), room.member(2, settings=FAST)
        room.roster()
        for number in range(300):
            ada.say(f"long {number}")
        objects = [ada.disk.object(line.hash) for line in ada.lines()]
        for epoch in (*range(1001, 1020), 5):
            ada.restart(epoch, boot=f"{epoch:06x}")
            room.seat(ada, ada, bob)
            ada.say(f"in {epoch}")
            objects.append(ada.disk.object(ada.lines()[-1].hash))
        for signed in objects[:-1]:
            bob.receive(ada.id, Posts((signed,)))
        self.assertEqual(len(bob.lines()), 319)
        bob.receive(ada.id, Posts((objects[-1],)))
        self.assertEqual(len(bob.lines()), 20)
        self.assertEqual(bob.texts()[-1], "in 5")
        self.assertEqual(floors(bob), ((1000, 300), [(5, 0)]))

    def test_declared_before(self) -> None:
        """What an opening told of a stream that was taken for pruned counts once it lies aside."""
        room, ada, bob, carol = room_of()
        said = alone(room, ada, Disk())
        opening = ada.say("back again").id
        lines = {line.id: ada.disk.object(line.hash) for line in ada.lines()}
        bob.receive(carol.id, Posts((lines[opening],)))
        self.assertEqual(bob.gaps(), [])
        bob.receive(carol.id, Posts((lines[said[0]],)))
        self.assertEqual(bob.gaps(), [(2, 3)])
        states = [core.parts.book.streams.get(said[0].stream) for core in (bob.core, bob.rebuilt())]
        self.assertEqual([state.known for state in states if state is not None], [3, 3])


class Claimed(SynchronousTestCase):
    """What a holder says of its floors."""

    def claim(self, *frontiers: tuple[FloorEntry, ...]) -> Claim:
        """A holder that has said these floors, each time in a part of one frontier."""
        claim = Claim(1, BootId("b" * 32))
        bob = member_of(2)
        for part, entries in enumerate(frontiers, 1):
            said = Frontier(bob, 1, claim.boot, 7, True, part, len(frontiers), entries)
            claim.take(said, True, 0.0, lambda author: True)
        return claim

    def test_any_order(self) -> None:
        """The highest is its floor, in whatever order and parts they come; others lie aside."""
        high, low = (
            FloorEntry(ADA, 5, BootId("a" * 32), 20),
            FloorEntry(ADA, 2, BootId("c" * 32), 3),
        )
        for parts in (((high, low),), ((low, high),), ((high,), (low,)), ((low,), (high,))):
            claim = self.claim(*parts)
            self.assertEqual(claim.floor(stream(5, "a")), 20)
            self.assertEqual(claim.floor(stream(2, "c")), 3)
            self.assertEqual(claim.floor(stream(4, "c")), MAX_INT)
            self.assertEqual(claim.floor(stream(6, "a")), 0)
            self.assertTrue(claim.pruned(stream(2, "c"), 3))
            self.assertFalse(claim.pruned(stream(2, "c"), 4))

    def test_said_no_more(self) -> None:
        """What a later full frontier does not name any more does not lie aside."""
        high, low = (
            FloorEntry(ADA, 5, BootId("a" * 32), 20),
            FloorEntry(ADA, 2, BootId("c" * 32), 3),
        )
        claim = self.claim((high, low))
        later = Frontier(member_of(2), 1, claim.boot, 8, True, 1, 1, (high,))
        claim.take(later, True, 0.0, lambda author: True)
        self.assertEqual(claim.floor(stream(2, "c")), MAX_INT)

    def test_gone_by_a_delta(self) -> None:
        """A delta that names it, and no floor of its own, says that all of it has gone."""
        high, low = (
            FloorEntry(ADA, 5, BootId("a" * 32), 20),
            FloorEntry(ADA, 2, BootId("c" * 32), 3),
        )
        for floors, named, floor in (
            ((high,), "c", MAX_INT),
            ((high, low), "c", 3),
            ((high,), "d", 3),
            ((), "c", 3),
        ):
            claim = self.claim((high, low))
            entry = StreamEntry(ADA, 2, BootId(named * 32), ())
            delta = Frontier(member_of(2), 1, claim.boot, 8, False, 1, 1, floors, (entry,))
            claim.take(delta, True, 0.0, lambda author: True)
            self.assertEqual(claim.floor(stream(2, "c")), floor)


class Overtaken(SynchronousTestCase):
    """Frontiers of one holder that come over several ways, in any order."""

    HIGH = FloorEntry(ADA, 5, BootId("a" * 32), 20)
    LOW = FloorEntry(ADA, 2, BootId("c" * 32), 3)

    def setUp(self) -> None:
        """Who has said nothing yet."""
        self.bob = Claim(1, BootId("b" * 32))

    def says(
        self,
        version: int,
        full: bool,
        boot: str,
        *floors: FloorEntry,
        part: int = 1,
        parts: int = 1,
    ) -> None:
        """He names one stream of ada's, of which he has three posts."""
        entry = StreamEntry(ADA, 2, BootId(boot * 32), ((4, 6, Hash(b"h" * 32)),))
        said = Frontier(
            member_of(2), 1, self.bob.boot, version, full, part, parts, floors, (entry,)
        )
        self.bob.take(said, True, 0.0, lambda author: True)

    def test_full_behind_a_delta(self) -> None:
        """A delta that left before a full frontier says nothing of what it does not name."""
        for before in (False, True):
            self.setUp()
            if before:
                self.says(7, True, "c", self.HIGH, self.LOW)
            self.says(9, False, "d", self.HIGH)
            self.says(8, True, "c", self.HIGH, self.LOW)
            self.assertEqual(self.bob.floor(stream(2, "c")), 3)

    def test_delta_behind_a_delta(self) -> None:
        """Nor does one delta of another."""
        self.says(7, True, "c", self.HIGH, self.LOW)
        self.says(9, False, "d", self.HIGH)
        self.says(8, False, "c", self.HIGH, evolve(self.LOW, seq=2))
        self.assertEqual(self.bob.floor(stream(2, "c")), 2)

    def test_older_than_what_is_known(self) -> None:
        """What was said of this very stream since stands."""
        self.says(9, False, "c", self.HIGH)
        self.says(8, True, "c", self.HIGH, self.LOW)
        self.assertEqual(self.bob.floor(stream(2, "c")), MAX_INT)
        self.says(10, False, "c", self.HIGH, evolve(self.LOW, seq=4))
        self.says(8, True, "c", self.HIGH, self.LOW)
        self.assertEqual(self.bob.floor(stream(2, "c")), 4)
        self.setUp()
        self.says(10, True, "d", self.HIGH, evolve(self.LOW, seq=4))
        self.says(8, False, "c", self.HIGH, self.LOW)
        self.assertEqual(self.bob.floor(stream(2, "c")), 4)

    def test_parts_of_a_delta(self) -> None:
        """One part of a delta may name a stream whose floor another part tells."""
        self.says(7, True, "c", self.HIGH, self.LOW)
        self.says(8, False, "c", FloorEntry(ADA, 3, BootId("e" * 32), 1), part=2, parts=2)
        self.assertEqual(self.bob.floor(stream(2, "c")), 3)


def history(lengths: list[int], stamps: list[int]) -> Iterator[EnvelopeHeld]:
    """Streams of ada's, each of its own epoch, with stamps that rise within each."""
    left = iter(stamps)
    for epoch, length in enumerate(lengths, 1):
        row = sorted(next(left) for _ in range(length))
        previous = b""
        for seq, hlc in enumerate(row, 1):
            name = Hash(bytes([epoch]) + seq.to_bytes(31, "big"))
            yield EnvelopeHeld(ADA, epoch, BootId("a" * 32), seq, 1, previous, hlc, name, 1, 1, ADA)
            previous = name


class Rises(SynchronousTestCase):
    """However the epochs of an author and its clocks go together."""

    @given(st.data())
    def test_what_is_held_and_what_is_not(self, data: st.DataObject) -> None:
        """What went lies below a floor, what is held above it, live and in a replay."""
        lengths = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
        count = sum(lengths)
        stamps = data.draw(
            st.lists(st.integers(1, 99), min_size=count, max_size=count, unique=True)
        )
        facts: dict[str, EnvelopeHeld | Floor | FloorAside] = {}
        live = Streams()
        for fact in history(lengths, stamps):
            live.hold(fact)
            facts[fact.key] = fact
        order = sorted((h for state in live for h in state.envelopes), key=lambda held: held.hlc)
        gone: list[Held] = []
        while order:
            some = data.draw(st.integers(1, 4))
            now, order = order[:some], order[some:]
            rising = Rising.over(live.authors[ADA], now)
            passed = [state.stream for state in live if rising.passes(state)]
            for risen in rising.facts():
                facts.pop(risen.key, None)
                facts[risen.key] = risen
                if isinstance(risen, Floor):
                    live.raise_floor(risen)
                else:
                    live.lay_aside(risen)
            for held in now:
                live.drop(held.hash)
                del facts[f"held/{held.hash.hex()}"]
            for one in passed:
                live.drop_aside(one)
                facts.pop(f"aside/{one}", None)
            gone += now
            for streams in (live, replay(facts)):
                for held in gone:
                    self.assertTrue(streams.below(held.stream, held.last, held.hlc))
                for held in order:
                    self.assertFalse(streams.below(held.stream, held.last, held.hlc))
                    self.assertLess(streams.floor(held.stream), held.first)
                self.assertEqual(streams.digest(), live.digest())


def replay(facts: dict[str, EnvelopeHeld | Floor | FloorAside]) -> Streams:
    """Made from what is kept, in its order."""
    streams = Streams()
    for fact in facts.values():
        if isinstance(fact, EnvelopeHeld):
            streams.hold(fact)
        elif isinstance(fact, Floor):
            streams.raise_floor(fact)
        else:
            streams.lay_aside(fact)
    return streams
