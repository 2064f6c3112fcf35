"""Gaps that are given up: when, for what cause, for how long."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Forget, Record
from securechat.ids import Hash
from securechat.messaging import claims
from securechat.messaging.closing import Cause, cause_of
from securechat.messaging.facts import GapClosed
from securechat.messaging.messages import Frontiers, Posts, Why
from securechat.messaging.statements import FloorEntry, Frontier, StreamEntry
from securechat.messaging.views import GapLine
from securechat.notices import GapChanged
from securechat.settings import Settings
from tests.messaging.chaos import shown
from tests.messaging.room import Disk, Member, Room, admit, sign
from tests.messaging.test_sets import chain, envelope

FAST = Settings(posts_per_second=100_000, burst=100_000)
FEW = Settings(posts_per_second=100_000, burst=100_000, history_posts=4)
HASH = Hash(b"\1" * 32)


def hole(count: int = 3) -> tuple[Room, Member, Member, Member]:
    """Ada and bob have all, carol only the last of what ada said, and no link."""
    room = Room()
    ada, bob, carol = (room.member(number, settings=FAST) for number in (1, 2, 3))
    room.roster()
    room.link(ada, bob)
    for number in range(count):
        ada.say(str(number))
    room.wait(0.5)
    carol.receive(bob.id, Posts((ada.disk.object(ada.lines()[-1].hash),)))
    room.tick()
    return room, ada, bob, carol


def whole(
    holder: Member, author: Member, version: int, *spans: tuple[int, int], floor: int = 0
) -> Frontiers:
    """All that a holder says to have: these ranges of an author's stream."""
    place = (author.id, author.epoch, author.boot)
    entry = StreamEntry(*place, tuple((a, b, _head(author, b)) for a, b in spans))
    floors = (FloorEntry(*place, floor),) if floor else ()
    claim = Frontier(
        holder.id, holder.epoch, holder.boot, version, True, 1, 1, floors, (entry,) if spans else ()
    )
    return Frontiers((sign(holder.number, claim),))


def _head(author: Member, seq: int) -> Hash:
    """The header of an author's post."""
    return next((x.hash for x in author.lines() if x.id.seq == seq), HASH)


def closed(member: Member) -> dict[str, GapClosed]:
    """The facts of closed gaps on a disk."""
    return {k: fact for k, fact in member.disk.facts.items() if isinstance(fact, GapClosed)}


def told(member: Member) -> list[tuple[int, int, str]]:
    """What was told of gaps."""
    return [(n.first, n.last, n.state) for n in member.notices if isinstance(n, GapChanged)]


def entry_of(member: Member, author: Member) -> StreamEntry:
    """What a member's frontier says of an author's stream."""
    parts = member.core.parts.announcing._own.full(member.room.now)
    streams: list[StreamEntry] = [
        entry for part in parts for entry in admit(part).statement.streams
    ]
    return next(entry for entry in streams if entry.author == author.id)


def gap(member: Member) -> GapLine:
    """The one gap of a member."""
    (line,) = member.core.gaps(member.room.now)
    return line


class Closes(SynchronousTestCase):
    """When a gap is given up."""

    def test_each_answered(self) -> None:
        """Once every member has shown that it has none of it; the answers are kept."""
        room, ada, bob, carol = hole()
        ada.frozen = True  # it has all: what it says here is not its own
        room.told(carol, bob)
        carol.receive(bob.id, whole(bob, ada, 10**13))
        room.wait(2)
        self.assertEqual((gap(carol).verdict, closed(carol)), ("waiting", {}))
        room.told(carol, ada)
        carol.receive(ada.id, whole(ada, ada, 10**13, floor=2))
        room.wait(2)
        line = gap(carol)
        self.assertEqual(line.verdict, "closed: pruned by some, never had by others")
        answers = {answer.member: answer.answer for answer in line.asked}
        self.assertEqual(answers, {ada.id: "pruned", bob.id: "never had"})
        self.assertEqual((line.not_asked, line.next_try), ((), None))
        (fact,) = closed(carol).values()
        self.assertEqual((fact.first, fact.last), (1, 2))
        self.assertEqual(told(carol), [(1, 2, "open"), (1, 2, "closed")])
        self.assertEqual(entry_of(carol, ada).closed, ((1, 2),))
        claim = bob.core.parts.claims.get(carol.id)
        assert claim is not None
        self.assertTrue(claim.gave_up(ada.lines()[0].id.stream, 1, 2))

    def test_pruned_everywhere(self) -> None:
        """Posts that all holders pruned close a newcomer's gap with that cause."""
        room = Room()
        ada, bob = (room.member(number, settings=FEW) for number in (1, 2))
        carol = room.member(3, settings=FAST)
        room.roster()
        room.link(ada, bob)
        for number in range(10):
            ada.say(str(number))
            room.wait(0.1)
        room.link(ada, carol)
        room.link(bob, carol)
        room.wait(10)
        self.assertEqual(carol.texts(), ["[1-6]", "6", "7", "8", "9"])
        self.assertEqual(gap(carol).verdict, "closed: pruned by all")
        self.assertEqual({ada.digest, bob.digest}, {carol.digest})

    def test_nobody_has_it(self) -> None:
        """A post that died with its author's disk closes on every node: nobody has it."""
        room = Room()
        ada, bob, carol = (room.member(number, settings=FAST) for number in (1, 2, 3))
        room.roster()
        room.mesh()
        ada.say("one")
        room.run()
        ada.say("two")
        room._frames.clear()
        signed = ada.disk.object(ada.lines()[-1].hash)
        bob.receive(ada.id, Frontiers((evolve(signed, attachment=b""),)))
        for other in (bob, carol):
            room.cut(ada, other)
        ada.disk = Disk()
        ada.restart()
        room.roster()
        room.wait(5)
        self.assertEqual([gap(m).verdict for m in (bob, carol)], ["waiting"] * 2)
        for other in (bob, carol):
            room.link(ada, other)
        room.wait(15)
        for member in (ada, bob, carol):
            self.assertEqual(member.texts(), ["one", "[2-2]"])
            self.assertEqual(gap(member).verdict, f"closed: {Cause.NEVER_HAD}")
        self.assertEqual({ada.digest, bob.digest}, {carol.digest})

    def test_older_than_the_gap(self) -> None:
        """What a member showed before the gap was known says nothing: it may have got it since."""
        room, ada, bob, carol = hole()
        room.told(carol, bob)
        room.told(carol, ada)
        ada.frozen = bob.frozen = True
        carol.receive(bob.id, whole(bob, ada, 10**13, (3, 3)))
        carol.receive(ada.id, whole(ada, ada, 10**13, (3, 3), floor=2))
        room.wait(2)
        self.assertTrue(gap(carol).verdict.startswith("closed"))
        signed = sign(1, admit(ada.disk.object(ada.lines()[-1].hash)).statement)
        header = admit(signed).statement
        later = type(header)(
            header.author, header.epoch, header.boot, 9, 1, HASH, header.hlc + 1, header.body
        )
        carol.receive(bob.id, Frontiers((sign(1, later),)))
        room.wait(3)
        lines = carol.core.gaps(room.now)
        self.assertEqual([(x.first, x.last) for x in lines], [(1, 2), (4, 9)])
        self.assertNotIn("never had", [a.answer for a in lines[1].asked])
        self.assertFalse(lines[1].verdict.startswith("closed"))

    def test_equal_digests(self) -> None:
        """Who has just what we have has not what we lack."""
        room, ada, bob, carol = hole()
        room.told(carol, bob)
        room.told(carol, ada)
        closing = carol.core.parts.closing
        stream = ada.lines()[0].id.stream
        carol.receive(bob.id, whole(bob, ada, 10**13, (3, 3)))
        closing._since[stream] = (closing._since[stream][0], [room.mono + 1])
        self.assertIsNone(closing.denial(bob.id, stream, 1, 2))
        carol.core.parts.claims.equal(bob.id, room.mono + 2)
        self.assertEqual(closing.denial(bob.id, stream, 1, 2), Why.NEVER_HAD)

    def test_pruned_since_it_said_so(self) -> None:
        """A member's floor and its answer close together what neither covers alone."""
        settings = evolve(FAST, history_posts=30)
        room = Room()
        ada, bob = room.member(1, settings=settings), room.member(2, settings=FAST)
        room.roster()
        for number in range(53):
            ada.say(str(number))
        room.tick()
        room.link(ada, bob)
        # She has said "floor 23, I have 24-53", and forgets ten more before she is asked for them.
        ada.say_all([f"more {number}" for number in range(10)])
        room.wait(5)
        line = gap(bob)
        self.assertEqual((line.first, line.last, line.not_asked), (1, 33, ()))
        self.assertEqual(line.verdict, f"closed: {Cause.PRUNED}")
        self.assertEqual([answer.answer for answer in line.asked], ["pruned"])

    def test_floor_and_silence(self) -> None:
        """What lies below a member's floor and what its frontier does not name close together."""
        room, ada, bob, carol = hole(4)
        room.told(carol, bob)
        room.told(carol, ada)
        carol.receive(ada.id, whole(ada, ada, 10**13, (4, 4), floor=2))
        stream = ada.lines()[0].id.stream
        denial = carol.core.parts.closing.denial
        self.assertEqual(denial(ada.id, stream, 1, 3), Why.PRUNED)
        self.assertEqual(denial(ada.id, stream, 3, 3), Why.NEVER_HAD)
        carol.receive(ada.id, whole(ada, ada, 10**13 + 1, (3, 4), floor=2))
        self.assertIsNone(denial(ada.id, stream, 1, 3))

    def test_while_others_come(self) -> None:
        """Holes that come and go in the same stream do not keep an old one open."""
        room = Room()
        ada, bob, eve = (room.member(number, settings=FAST) for number in (1, 2, 3))
        room.roster(ada, bob)
        room.link(ada, bob)
        objects = chain(4, 1, [1] * 50, 0)
        for member in (ada, bob):
            member.receive(eve.id, Posts((objects[5],)))
        for place in range(7, 47, 2):
            ada.receive(eve.id, Posts((objects[place],)))
            room.wait(0.5)
            ada.receive(eve.id, Posts((objects[place - 1],)))
            bob.receive(eve.id, Posts((objects[place - 1], objects[place])))
            room.tick()
        line = gap(ada)
        self.assertEqual((line.first, line.last), (1, 5))
        self.assertEqual(line.verdict, f"closed: {Cause.NEVER_HAD}")

    def test_who_is_away(self) -> None:
        """
        It stays open as long as one member showed nothing itself: what others pass on of it may be from
        before the posts were said.  A floor is true for good, whoever passes it on.
        """
        room, ada, bob, carol = hole()
        dave = room.member(4)
        room.roster()
        ada.frozen = bob.frozen = True  # they have it: what they say here is not theirs
        for number, peer in ((1, ada), (2, bob)):
            room.told(carol, peer)
            carol.receive(peer.id, whole(peer, ada, 10**13 + number, (3, 3)))
        room.wait(3)
        self.assertEqual((gap(carol).verdict, gap(carol).not_asked), ("waiting", (dave.id,)))
        carol.receive(bob.id, whole(dave, ada, 1))
        room.wait(3)
        self.assertEqual((gap(carol).verdict, gap(carol).not_asked), ("waiting", (dave.id,)))
        carol.receive(bob.id, whole(dave, ada, 2, floor=2))
        room.wait(2)
        self.assertEqual(gap(carol).verdict, f"closed: {Cause.MIXED}")

    def test_who_has_just_come(self) -> None:
        """What the first member that somebody meets has pruned is not given up for all at once."""
        room = Room()
        ada, bob, carol = (room.member(number, settings=FAST) for number in (1, 2, 3))
        room.roster(ada, bob)
        for number in range(3):
            ada.say(str(number))
        room.seat(carol, ada)
        room.told(carol, ada)
        carol.receive(ada.id, whole(ada, ada, 10**13, (3, 3), floor=2))
        carol.receive(ada.id, Posts((ada.disk.object(ada.lines()[-1].hash),)))
        room.tick()
        self.assertEqual((gap(carol).verdict, gap(carol).not_asked), ("waiting", ()))
        room.seat(carol, ada, bob)
        room.wait(2)
        self.assertEqual((gap(carol).verdict, gap(carol).not_asked), ("waiting", (bob.id,)))

    def test_others_gave_up(self) -> None:
        """That another gave it up counts as its answer."""
        room, ada, bob, carol = hole()
        room.told(carol, bob)
        entry = StreamEntry(ada.id, ada.epoch, ada.boot, ((3, 3, _head(ada, 3)),), ((1, 2),))
        claim = Frontier(bob.id, bob.epoch, bob.boot, 10**13, False, 1, 1, (), (entry,))
        stream = ada.lines()[0].id.stream
        carol.core.parts.closing._since.clear()
        carol.receive(bob.id, Frontiers((sign(2, claim),)))
        self.assertEqual(carol.core.parts.closing.denial(bob.id, stream, 1, 2), Why.NEVER_HAD)
        self.assertIsNone(carol.core.parts.closing.denial(bob.id, stream, 1, 4))

    def test_who_claims_it(self) -> None:
        """A member that claims a post of the range has not shown that it has none of it."""
        _room, ada, bob, carol = hole()
        stream = ada.lines()[0].id.stream
        carol.receive(bob.id, whole(bob, ada, 10**13, (2, 3)))
        self.assertIsNone(carol.core.parts.closing.denial(bob.id, stream, 1, 2))
        self.assertEqual(carol.core.parts.closing.denial(bob.id, stream, 1, 1), Why.NEVER_HAD)

    def test_causes(self) -> None:
        """The cause is what all answers make together."""
        self.assertEqual(cause_of([Why.PRUNED, Why.PRUNED]), Cause.PRUNED)
        self.assertEqual(cause_of([Why.NEVER_HAD]), Cause.NEVER_HAD)
        self.assertEqual(cause_of([Why.NEVER_HAD, Why.PRUNED]), Cause.MIXED)


class Reopens(SynchronousTestCase):
    """What becomes of a closed gap."""

    def closed(self) -> tuple[Room, Member, Member, Member]:
        """Carol has given up 1 and 2; ada and bob have them after all, and say nothing now."""
        room, ada, bob, carol = hole()
        room.told(carol, bob)
        room.told(carol, ada)
        ada.frozen = bob.frozen = True
        carol.receive(bob.id, whole(bob, ada, 10**13, (3, 3)))
        carol.receive(ada.id, whole(ada, ada, 10**13, (3, 3), floor=2))
        room.wait(2)
        self.assertEqual(len(closed(carol)), 1)
        return room, ada, bob, carol

    def test_a_claim(self) -> None:
        """A holder appears: it is open again, asked for, and filled in place."""
        room, ada, bob, carol = self.closed()
        carol.receive(bob.id, whole(bob, ada, 10**13 + 1, (2, 3)))
        self.assertEqual((closed(carol), gap(carol).verdict), ({}, "asking"))
        self.assertIn((1, 2, "reopened"), told(carol))
        ada.frozen = bob.frozen = False
        carol.receive(ada.id, whole(ada, ada, 10**13 + 1, (1, 3)))
        room.wait(8)
        self.assertEqual(carol.texts(), ["0", "1", "2"])
        self.assertEqual(told(carol)[-1], (1, 1, "filled"))
        self.assertEqual(entry_of(carol, ada).closed, ())

    def test_no_claim(self) -> None:
        """News that claims nothing of it, and a link that ends, leave it closed."""
        room, ada, bob, carol = self.closed()
        carol.receive(bob.id, whole(bob, ada, 10**13 + 1, (3, 4)))
        room.cut(carol, ada)
        room.wait(2)
        self.assertEqual(len(closed(carol)), 1)

    def test_restart(self) -> None:
        """It outlives a restart with its cause and answers, and reopens then as before."""
        room, ada, bob, carol = self.closed()
        for other in (ada, bob):
            room.cut(carol, other)
        before = gap(carol)
        carol.restart()
        room.seat(carol, ada, bob, carol)
        after = gap(carol)
        self.assertEqual((after.verdict, after.asked), (before.verdict, before.asked))
        self.assertEqual(entry_of(carol, ada).closed, ((1, 2),))
        ada.frozen = bob.frozen = False
        room.link(carol, bob)
        room.wait(5)
        self.assertEqual((carol.texts(), closed(carol)), (["0", "1", "2"], {}))

    def test_pushed(self) -> None:
        """A post of it that comes by itself is shown; what is left is judged anew."""
        room, ada, bob, carol = self.closed()
        carol.receive(bob.id, Posts((ada.disk.object(ada.lines()[1].hash),)))
        self.assertEqual(carol.texts(), ["[1-1]", "1", "2"])
        room.wait(2)
        self.assertEqual([(f.first, f.last) for f in closed(carol).values()], [(1, 1)])
        self.assertEqual(shown(carol.core), shown(carol.rebuilt()))

    def test_grows(self) -> None:
        """A gap that grows at its end is open again as a whole."""
        _room, ada, _bob, carol = self.closed()
        stream = ada.lines()[0].id.stream
        state = carol.core.parts.book.streams.get(stream)
        assert state is not None
        self.assertIsNotNone(state.closing(1, 2))
        self.assertIsNotNone(state.closing(2, 2))
        self.assertIsNone(state.closing(1, 3))

    def test_digest(self) -> None:
        """What is given up though nobody pruned it is a hole in the digest; else no mark is left."""
        room, ada, bob, carol = self.closed()
        dave = room.member(4)
        room.roster()
        dave.receive(bob.id, Posts((ada.disk.object(ada.lines()[-1].hash),)))
        self.assertEqual((len(closed(carol)), len(closed(dave))), (1, 0))
        before = carol.core.parts.book.streams.revision
        fact = next(iter(closed(carol).values()))
        carol.core.apply(fact)
        self.assertGreater(carol.core.parts.book.streams.revision, before)
        self.assertNotEqual(carol.digest, dave.digest)
        dave.core.apply(fact)
        self.assertEqual(carol.digest, dave.digest)
        never = evolve(fact, answers=((ada.id, str(Why.NEVER_HAD)), (bob.id, str(Why.NEVER_HAD))))
        carol.core.apply(never)
        dave.core.apply(Forget((fact.key,)))
        self.assertEqual(carol.digest, dave.digest)

    def test_retention(self) -> None:
        """The fact is forgotten with the posts around it, and replay agrees."""
        room, ada, bob, carol = self.closed()
        carol.settings = FEW
        carol.begin(fresh=False)
        room.seat(carol, ada, bob, carol)
        self.assertEqual(len(closed(carol)), 1)
        for number in range(5):
            carol.say(str(number) * 1)
            room.wait(0.1)
        ada.frozen = False
        room.wait(61, 0.5)
        for number in range(5):
            ada.say("long enough to be the biggest " * 9 + str(number))
        for line in ada.lines()[-5:]:
            carol.receive(ada.id, Posts((ada.disk.object(line.hash),)))
        room.wait(2)
        self.assertEqual((closed(carol), carol.gaps()), ({}, []))
        self.assertIn((1, 2, "pruned"), told(carol))
        self.assertEqual(shown(carol.core), shown(carol.rebuilt()))

    def test_retention_at_once(self) -> None:
        """What is forgotten with a stream is forgotten in the same commit, at the floor and below."""
        for below in (False, True):
            _room, ada, _bob, carol = self.closed()
            stream = ada.lines()[0].id.stream
            if below:
                ada.restart()
                carol.room.roster()
                ada.say("another stream")
                carol.receive(ada.id, Posts((ada.disk.object(ada.lines()[-1].hash),)))
            held = [h for s in carol.core.parts.book.streams for h in s.envelopes]
            gone = [h for h in held if below or h.stream == stream]
            (forget,) = [
                effect.fact.keys
                for effect in carol.core.parts.retention._forget(gone)
                if isinstance(effect, Record) and isinstance(effect.fact, Forget)
            ]
            self.assertIn(f"closed/{stream}/1", forget)

    def test_bounded(self) -> None:
        """Of a stream with many holes the newest 17 are given up."""
        room, ada, bob, carol = hole(50)
        objects = [ada.disk.object(line.hash) for line in ada.lines()]
        carol.receive(bob.id, Posts(tuple(objects[1::2])))
        room.told(carol, bob)
        room.told(carol, ada)
        ada.frozen = bob.frozen = True
        carol.receive(bob.id, whole(bob, ada, 10**13))
        carol.receive(ada.id, whole(ada, ada, 10**13))
        room.wait(8)
        self.assertEqual(sorted(f.first for f in closed(carol).values()), list(range(17, 50, 2)))
        self.assertEqual(len(entry_of(carol, ada).closed), 17)
        self.assertEqual(carol.errors, [])


class ManyHoles(SynchronousTestCase):
    """A holder of more ranges of a stream than its frontier can name."""

    def test_all_is_had(self) -> None:
        """Each post that somebody shows comes to all, and no gap over it is given up meanwhile."""
        room = Room()
        ada, bob, carol, eve = (room.member(number, settings=FAST) for number in (1, 2, 3, 4))
        room.roster()
        for signed in chain(4, 1, [1] * 100, 0)[::2]:
            bob.receive(ada.id, Posts((signed,)))
        for one, other in ((bob, carol), (ada, carol), (ada, bob)):
            room.link(one, other)
        eve.restart()  # without its disk: the posts between are nowhere
        room.roster()
        for other in (ada, bob, carol):
            room.link(eve, other)
        room.wait(60, 0.25)
        shown = {m.number: len(m.lines()) for m in (ada, bob, carol, eve)}
        self.assertEqual(shown, {1: 50, 2: 50, 3: 50, 4: 50})
        self.assertEqual({ada.digest, bob.digest, carol.digest}, {eve.digest})
        for member in (ada, bob, carol, eve):
            facts = closed(member).values()
            self.assertTrue(all(f.first == f.last and not f.last % 2 for f in facts), facts)

    def test_silence(self) -> None:
        """Its silence about what is older than all it names is no answer; its own word is one."""
        room, ada, bob, carol = hole(60)
        room.told(carol, bob)
        room.told(carol, ada)
        ada.frozen = bob.frozen = True
        spans = [(seq, seq) for seq in range(27, 61, 2)]
        carol.receive(bob.id, whole(bob, ada, 10**13, *spans))
        carol.receive(ada.id, whole(ada, ada, 10**13, floor=26))
        denial, stream = carol.core.parts.closing.denial, ada.lines()[0].id.stream
        room.mono += 1
        carol.receive(bob.id, whole(bob, ada, 10**13 + 1, *spans))
        answers = [denial(bob.id, stream, seq, seq) for seq in (24, 26, 27, 28)]
        self.assertEqual(answers, [None, None, None, Why.NEVER_HAD])
        carol.core.parts.claims.equal(bob.id, room.mono)
        self.assertEqual(denial(bob.id, stream, 24, 26), Why.NEVER_HAD)

    def test_sparse(self) -> None:
        """What cannot be named is asked for once, bit by bit, and then no more."""
        room = Room()
        ada, bob, carol = (room.member(number, settings=FAST) for number in (1, 2, 3))
        room.roster()
        posts = chain(4, 1, [1] * 2000, 0)
        for signed in posts[1::100]:
            bob.receive(ada.id, Posts((signed,)))
        room.link(bob, carol)
        room.wait(90, 0.25)
        self.assertEqual((len(carol.lines()), carol.digest), (20, bob.digest))
        before = carol.core.parts.book.counters["wants"]
        self.assertLess(before, 40)
        room.wait(90, 0.25)
        self.assertEqual(carol.core.parts.book.counters["wants"], before)

    def test_sparser_than_a_want(self) -> None:
        """Wants that bring nothing of what lies between only slow it down."""
        room = Room()
        ada, bob, carol = (room.member(number, settings=FAST) for number in (1, 2, 3))
        room.roster()
        for seq in range(500, 15_000, 500):
            post = envelope(4, 1, seq, (str(seq),), seq, previous=b"p" * 32)
            bob.receive(ada.id, Posts((post,)))
        room.link(bob, carol)
        room.wait(40, 0.25)
        self.assertEqual((len(carol.lines()), carol.digest), (29, bob.digest))

    def test_more_streams_than_are_remembered(self) -> None:
        """Nor is silence about a stream an answer where not all that it named could be kept."""
        room, ada, bob, carol = hole()
        room.told(carol, bob)
        self.patch(claims, "MAX_STREAMS", 0)
        carol.receive(bob.id, whole(bob, ada, 10**13, (1, 3)))
        room.mono += 1
        carol.receive(bob.id, whole(bob, ada, 10**13 + 1, (1, 3)))
        denial, stream = carol.core.parts.closing.denial, ada.lines()[0].id.stream
        self.assertIsNone(denial(bob.id, stream, 1, 2))
        carol.receive(bob.id, whole(bob, ada, 10**13 + 2))
        self.assertEqual(denial(bob.id, stream, 1, 2), Why.NEVER_HAD)
