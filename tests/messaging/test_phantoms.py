"""Who claims what it does not have, again and again: others are asked all the same, and it seldom."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Send
from securechat.ids import BootId, Hash, Stream
from securechat.messaging.messages import Absent, Backfill, Frontiers, Posts, Want, Why
from securechat.messaging.sources import MAX_ANSWERED, NO_ANSWER, Source
from securechat.messaging.statements import Envelope, Frontier, StreamEntry
from securechat.notices import GapChanged
from securechat.signing import object_hash
from tests.messaging.room import ROOM, Member, Room, sign, signer
from tests.messaging.test_sets import FAST, chain

DAVE = signer(4).member
"""Who said what is asked for, and is gone."""
LIVE = Stream(DAVE, 1, BootId("0401".ljust(32, "0")))
TRUE, FALSE = object_hash(ROOM, chain(4, 1, [1], 0)[0]), Hash(b"x" * 32)
Spans = tuple[tuple[int, int], ...]


@define(eq=False)
class Stage(Room):
    """A room in which one member claims by hand, and answers each want at once, with nothing."""

    liar: Member = field(init=False)
    asked: list[Want] = field(factory=list)
    silent: bool = False
    version: int = 10**15

    def carry(self, sender: Member, send: Send) -> None:
        """Put a message on its link; what the liar sends by itself does not leave."""
        if send.peer == self.liar.id and isinstance(send.message, Want):
            want = send.message
            self.asked.append(want)
            if self.silent:
                return
            place = (want.author, want.epoch, want.boot)
            sender.receive(self.liar.id, Absent(*place, ((want.first, want.last),), Why.NEVER_HAD))
            sender.receive(self.liar.id, Backfill(*place, want.first, want.last, True))
        elif sender is not self.liar:
            super().carry(sender, send)

    def claim(self, member: Member, **streams: tuple[Stream, Spans]) -> None:
        """The liar says to have these, to one member."""
        self.version += 1
        entries = tuple(
            StreamEntry(
                s.author, s.epoch, s.boot, tuple((a, b, FALSE if b > 1 else TRUE) for a, b in spans)
            )
            for s, spans in streams.values()
        )
        liar = self.liar
        said = Frontier(liar.id, 1, liar.boot, self.version, False, 1, 1, (), entries)
        member.receive(liar.id, Frontiers((sign(liar.number, said),)))

    def whole(self, member: Member) -> None:
        """The liar says to have nothing at all."""
        self.version += 1
        said = Frontier(self.liar.id, 1, self.liar.boot, self.version, True, 1, 1)
        member.receive(self.liar.id, Frontiers((sign(self.liar.number, said),)))


def stage() -> tuple[Stage, Member, Member]:
    """Ada, bob, and eve, who lies to ada; nobody is linked to bob yet."""
    room = Stage()
    ada, bob, eve = (room.member(number, settings=FAST) for number in (1, 2, 3))
    room.liar = eve
    room.roster()
    room.told(ada, eve)
    return room, ada, bob


def reopened(member: Member) -> int:
    """How often a gap was opened again."""
    told = [notice for notice in member.notices if isinstance(notice, GapChanged)]
    return sum(notice.state == "reopened" for notice in told)


class Phantoms(SynchronousTestCase):
    """Claims of what never was."""

    def wanted(self, seconds: float, claim: Callable[[Stage, Member, int], None]) -> int:
        """How often the liar was asked, if it claims so ten times a second."""
        room, ada, _ = stage()
        ada.receive(room.liar.id, Posts(tuple(chain(4, 1, [1], 0))))
        for number in range(round(seconds * 10)):
            claim(room, ada, number)
            room.tick(0.1)
        return len(room.asked)

    def test_others_are_asked(self) -> None:
        """New streams of an author, ever newer: what he did say comes from another at full speed."""
        room, ada, bob = stage()
        for signed in chain(4, 1, [64] * 40, 0):
            bob.receive(room.liar.id, Posts((signed,)))
        room.link(ada, bob)
        start = room.mono
        while ada.core.parts.book.streams.posts < 2560 and room.mono < start + 60:
            number = round((room.mono - start) * 100)
            phantoms = {
                f"s{k}": (Stream(DAVE, 10**6 + 8 * number + k, LIVE.boot), ((1, 2**62),))
                for k in range(8)
            }
            room.claim(ada, **phantoms)
            room.tick()
        self.assertLess(room.mono - start, 4)
        self.assertLess(len(room.asked), 10)

    def test_same_stream(self) -> None:
        """A stream that is claimed ever further is asked for less and less."""
        found = self.wanted(
            300, lambda room, ada, n: room.claim(ada, one=(LIVE, ((1, 10**6 + n),)))
        )
        self.assertLess(found, 13)

    def test_many_streams(self) -> None:
        """Of many streams in turn one is asked for in five seconds."""

        def claim(room: Stage, ada: Member, n: int) -> None:
            room.claim(ada, one=(Stream(DAVE, 2 + n % 500, LIVE.boot), ((1, 10**6 + n),)))

        self.assertLess(self.wanted(120, claim), 35)

    def test_other_heads(self) -> None:
        """A header that is not ours, another one each time, is asked for less and less as well."""

        def claim(room: Stage, ada: Member, n: int) -> None:
            room.version += 1
            entry = StreamEntry(DAVE, LIVE.epoch, LIVE.boot, ((1, 1, Hash(n.to_bytes(32, "big"))),))
            liar = room.liar
            said = Frontier(liar.id, 1, liar.boot, room.version, False, 1, 1, (), (entry,))
            ada.receive(liar.id, Frontiers((sign(liar.number, said),)))

        self.assertLess(self.wanted(300, claim), 13)

    def test_far_head(self) -> None:
        """An author who signs that he said a million million posts is asked for few of them."""
        room, ada, _ = stage()
        liar = room.liar
        mine = Stream(liar.id, 1, liar.boot)
        stamp, body = (room.wall_ms + 5) << 16, b"q" * 32
        far = Envelope(liar.id, 1, liar.boot, 10**12, 1, b"p" * 32, stamp, body)
        ada.receive(liar.id, Frontiers((sign(liar.number, far),)))
        for number in range(600):
            room.claim(ada, own=(mine, ((1, number % 2 + 1),)))
            room.wait(1, 0.5)
        self.assertLess(len(room.asked), 20)
        self.assertEqual(ada.gaps(), [(1, 10**12)])
        rows = ada.core.parts.recovery.sources[liar.id].answers.values()
        self.assertLess(sum(len(found.spans) for row in rows for found in row.values()), 50)


class GivenUp(SynchronousTestCase):
    """A gap that was given up, and that somebody claims to have and has not."""

    def closed(self) -> tuple[Stage, Member, Member]:
        """Nobody has what dave said second to ninth."""
        room, ada, bob = stage()
        said = chain(4, 1, [1] * 10, 0)
        for member, peer in ((ada, bob), (bob, ada)):
            member.receive(peer.id, Posts((said[0], said[9])))
        room.link(ada, bob)
        room.wait(1)
        room.whole(ada)
        room.wait(2)
        (line,) = ada.core.gaps(room.now)
        self.assertEqual(line.verdict, "closed: never had by any")
        return room, ada, bob

    def insist(self, room: Stage, ada: Member, seconds: int) -> None:
        """The liar claims it, and claims it not, ten times a second."""
        for number in range(10 * seconds):
            room.claim(ada, one=(LIVE, ((1, 9 if number % 2 else 1),)))
            room.tick(0.1)

    def test_seldom(self) -> None:
        """It is opened again and asked for with growing pauses, not each time it is claimed."""
        room, ada, _ = self.closed()
        self.insist(room, ada, 120)
        self.assertTrue(1 < len(room.asked) < 10, len(room.asked))
        self.assertTrue(0 < reopened(ada) < 10, reopened(ada))
        (line,) = ada.core.gaps(room.now)
        self.assertEqual(line.verdict, "closed: never had by any")

    def test_another_has_it(self) -> None:
        """Another who does have it is asked at once all the same."""
        room, ada, bob = self.closed()
        self.insist(room, ada, 60)
        bob.receive(room.liar.id, Posts((chain(4, 1, [1] * 10, 0)[4],)))
        room.wait(1.5)
        self.assertEqual(len(ada.lines()), 3)

    def test_when_the_pause_is_over(self) -> None:
        """A claim that stands is asked for then, and the gap is open, though nothing more is said."""
        room, ada, _ = self.closed()
        self.insist(room, ada, 60)
        asked, before = len(room.asked), reopened(ada)
        room.silent = True
        room.claim(ada, one=(LIVE, ((1, 8),)))
        room.wait(1, 0.25)
        self.assertEqual((len(room.asked), reopened(ada)), (asked, before))
        room.wait(60, 0.25)
        self.assertGreater(len(room.asked), asked)
        self.assertEqual(reopened(ada), before + 1)
        self.assertIn(ada.core.gaps(room.now)[0].verdict, ("asking", "waiting"))


class Remembered(SynchronousTestCase):
    """What is remembered of answers."""

    def test_merged(self) -> None:
        """Ranges that touch are one, and the later answer for a range counts."""
        source = Source()
        for last in range(256, 25_600, 256):
            source.refuse(LIVE, [(last - 255, last)], NO_ANSWER)
        source.refuse(LIVE, [(100, 300)], Why.PRUNED)
        found = {why: ranges.spans for why, ranges in source.answers[LIVE].items()}
        self.assertEqual(found, {NO_ANSWER: ((1, 99), (301, 25_344)), Why.PRUNED: ((100, 300),)})
        self.assertEqual(source.refused[LIVE].spans, ((1, 25_344),))
        self.assertEqual(source.unsaid(LIVE, 100, 200), [])
        self.assertTrue(source.pruned(LIVE, 100, 200))
        self.assertEqual(source.unsaid(LIVE, 99, 200), [(99, 99)])
        self.assertEqual([source.failed(LIVE, n, n) for n in (99, 100)], [NO_ANSWER, ""])

    def test_bounded(self) -> None:
        """So many at most are kept of a peer; more is forgotten, and nothing else is."""
        source = Source()
        source.filled_nothing(LIVE, 10.0)
        for number in range(100):
            stream = Stream(DAVE, number, LIVE.boot)
            source.refuse(stream, [(n, n) for n in range(1, 257, 2)], Why.NEVER_HAD)
            kept = [len(r.spans) for row in source.answers.values() for r in row.values()]
            self.assertLessEqual(sum(kept), MAX_ANSWERED)
        self.assertTrue(source.answers)
        self.assertEqual(source.paused(LIVE), 11.0)
        for number in range(100):
            source.forgive(Stream(DAVE, number, LIVE.boot))
        self.assertEqual((source.answers, source.refused, source._answered), ({}, {}, 0))

    def test_pauses(self) -> None:
        """Pauses grow, for the peer to 5 s, for the stream to a minute; one thing found ends them."""
        source, other = Source(), Stream(DAVE, 2, LIVE.boot)
        found = []
        for _ in range(8):
            source.quiet = 0.0
            source.filled_nothing(LIVE, 0.0)
            found.append((source.quiet, source.paused(LIVE)))
        self.assertEqual([pace for pace, _ in found], [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5])
        self.assertEqual([pause for _, pause in found], [1, 2, 4, 8, 16, 32, 60, 60])
        source.filled(other)
        source.quiet = 0.0
        source.filled_nothing(other, 0.0)
        self.assertEqual((source.quiet, source.paused(other), source.paused(LIVE)), (0.1, 1, 60))
        source.filled(LIVE)
        self.assertEqual(source.paused(LIVE), 0.0)
