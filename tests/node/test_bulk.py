"""What can wait on its way out: it leaves as its link drains, and a little of it at a time."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Send
from securechat.ids import BootId, Hash, MemberId
from securechat.messaging.messages import Backfill, Frontiers
from securechat.node import links
from securechat.node.bulk import BITE, LOW, OBJECTS, OBJECTS_PER_SECOND, PAUSE, Bulk
from securechat.settings import KIB

BOB, CAROL = MemberId("b" * 52), MemberId("c" * 52)
PART = 16 * KIB


@define(eq=False)
class Links:
    """Two links that drain when the test says so."""

    numbers: dict[MemberId, int] = field(factory=lambda: {BOB: 1, CAROL: 2})
    waiting: Counter[MemberId] = field(factory=Counter)
    most: int = 0
    """Bytes that were ever queued on one of them."""
    writes: list[tuple[MemberId, list[bytes]]] = field(factory=list)

    def linked(self) -> tuple[Any, ...]:
        """The newest link of each peer."""
        return tuple(SimpleNamespace(peer=p, link=number) for p, number in self.numbers.items())

    def queued(self, peer: MemberId) -> int | None:
        """What waits on a link."""
        return self.waiting[peer] if peer in self.numbers else None

    def send(self, peer: MemberId, frames: list[bytes]) -> bool:
        """One write."""
        self.writes.append((peer, frames))
        self.waiting[peer] += sum(map(len, frames))
        self.most = max(self.most, self.waiting[peer])
        return True

    def got(self, peer: MemberId) -> list[bytes]:
        """The frames that a peer was given, in order."""
        return [frame for to, frames in self.writes if to == peer for frame in frames]


def batch(peer: MemberId, first: int, objects: int = OBJECTS, final: bool = False) -> Send:
    """A batch of an answer."""
    place = (MemberId("a" * 52), 1, BootId("0" * 32))
    names = tuple(Hash(b"%d" % number) for number in range(objects))
    return Send(peer, Backfill(*place, first, first, final), names, patient=True)


def part(peer: MemberId) -> Send:
    """A part of a whole frontier."""
    return Send(peer, Frontiers(), patient=True)


class BulkTests(SynchronousTestCase):
    """One node's."""

    def setUp(self) -> None:
        self.clock, self.links = Clock(), Links()
        self.counters: Counter[str] = Counter()
        self.checked: list[int] = []
        self.bulk = Bulk(
            cast("links.Links", self.links), cast("Any", self.clock), self.counters, self.frame
        )

    def frame(self, send: Send) -> bytes | None:
        """A part is long; a batch is as short as its number, and counted."""
        if isinstance(send.message, Frontiers):
            return bytes(PART)
        self.checked.append(len(send.objects))
        return b"%d" % send.message.first

    def give(self, peer: MemberId, *sends: Send) -> None:
        """What one turn has for a peer."""
        self.bulk.put(peer, sends)
        self.bulk.pump()

    def pause(self) -> None:
        """Until it is looked again what has room."""
        self.clock.advance(PAUSE)

    def test_at_once(self) -> None:
        """What is short and has room leaves in the turn that it is of."""
        self.give(BOB, batch(BOB, 1, 3), batch(BOB, 2, 3, final=True))
        self.give(CAROL, part(CAROL), part(CAROL))
        self.assertEqual(self.links.got(BOB), [b"1", b"2"])
        self.assertEqual(len(self.links.got(CAROL)), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_as_it_drains(self) -> None:
        """Of two megabytes no more than a little waits on a link, and when it drains all arrives."""
        self.give(BOB, *[part(BOB)] * 128)
        for _ in range(20):
            self.pause()
        self.assertEqual(len(self.links.got(BOB)) * PART, LOW)
        for _ in range(40):
            self.links.waiting[BOB] = 0
            self.pause()
        self.assertEqual(len(self.links.got(BOB)), 128)
        self.assertLess(self.links.most, LOW + PART)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_reader_that_does_not_read(self) -> None:
        """A peer that reads nothing keeps nobody else waiting."""
        self.links.waiting[BOB] = LOW
        self.give(BOB, *[part(BOB)] * 8, batch(BOB, 1))
        self.give(CAROL, part(CAROL), batch(CAROL, 1))
        self.assertEqual(self.links.got(BOB), [])
        self.assertEqual(len(self.links.got(CAROL)), 2)

    def test_all_links_at_a_time(self) -> None:
        """What all links are given in one piece has a bound of its own."""
        peers = [MemberId(f"{number:02}" * 26) for number in range(40)]
        self.links.numbers = dict.fromkeys(peers, 1)
        for peer in peers:
            self.bulk.put(peer, [part(peer)] * 4)
        self.bulk.pump()
        given = sum(len(frames) for _, frames in self.links.writes) * PART
        self.assertEqual(given, BITE)
        for _ in range(10):
            self.pause()
        self.assertEqual(
            {peer: len(self.links.got(peer)) for peer in peers}, dict.fromkeys(peers, 4)
        )

    def test_few_checks_at_a_time(self) -> None:
        """However much is wanted: of stored objects one bite is read and checked at a time."""
        for peer in (BOB, CAROL):
            self.bulk.put(peer, [batch(peer, first) for first in range(1, 5)])
        self.bulk.pump()
        self.assertEqual(self.checked, [OBJECTS])
        most = 0
        while self.clock.getDelayedCalls():
            before = len(self.checked)
            self.pause()
            most = max(most, sum(self.checked[before:]))
        self.assertEqual((sum(self.checked), most), (8 * OBJECTS, OBJECTS))

    def test_checks_in_a_second(self) -> None:
        """Wants without end get what one node would ask for, and no more."""
        seconds = 10
        for number in range(seconds * 100):
            self.give(BOB, *[batch(BOB, number)] * 4)
            self.clock.advance(0.01)
        most = (seconds + 1) * OBJECTS_PER_SECOND
        self.assertLessEqual(sum(self.checked), most)
        self.assertGreater(sum(self.checked), most - 2 * OBJECTS)

    def test_what_needs_no_check(self) -> None:
        """Who waits for no stored object is not kept by those who do."""
        for number in range(100):
            self.give(BOB, *[batch(BOB, number)] * 4)
        self.give(CAROL, part(CAROL), part(CAROL))
        self.assertEqual(len(self.links.got(CAROL)), 2)

    def test_links_take_turns(self) -> None:
        """A long answer to one peer does not keep another waiting for its end."""
        self.bulk.put(BOB, [batch(BOB, first) for first in range(1, 21)])
        self.bulk.pump()
        self.bulk.put(CAROL, [batch(CAROL, 1), batch(CAROL, 2)])
        while len(self.links.got(CAROL)) < 2:
            self.pause()
        self.assertLessEqual(len(self.links.got(BOB)), 4)

    def test_the_next_answer(self) -> None:
        """Of an answer what has not left gives way to the answer to the peer's next want."""
        self.links.waiting[BOB] = LOW
        self.give(BOB, batch(BOB, 1), batch(BOB, 2, final=True))
        self.give(BOB, batch(BOB, 3, final=True))
        self.links.waiting[BOB] = 0
        self.pause()
        self.assertEqual(self.links.got(BOB), [b"3"])
        self.assertEqual(self.counters["answers_cut_short"], 1)

    def test_one_whole_frontier(self) -> None:
        """While parts of a whole frontier wait the next is left out: one comes to its end."""
        self.give(BOB, *[part(BOB)] * 8)
        self.give(BOB, *[part(BOB)] * 8)
        for _ in range(10):
            self.links.waiting[BOB] = 0
            self.pause()
        self.assertEqual(len(self.links.got(BOB)), 8)
        self.assertEqual(self.counters["frontiers_left_out"], 1)

    def test_answers_first(self) -> None:
        """An answer, for which the peer waits, does not wait for the end of a whole frontier."""
        self.give(BOB, *[part(BOB)] * 8)
        self.give(BOB, batch(BOB, 1, final=True))
        self.links.waiting[BOB] = 0
        self.pause()
        self.assertEqual(self.links.got(BOB).index(b"1"), LOW // PART)

    def test_a_new_link(self) -> None:
        """On a new link all is said anew: what waits for the old one is dropped."""
        self.links.waiting[BOB] = LOW
        self.give(BOB, part(BOB), batch(BOB, 1))
        self.links.numbers[BOB], self.links.waiting[BOB] = 7, 0
        self.pause()
        self.assertEqual(self.links.got(BOB), [])
        del self.links.numbers[BOB]
        self.give(BOB, part(BOB))
        self.assertEqual(self.links.got(BOB), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_gone_from_disk(self) -> None:
        """What cannot be sent is passed over, and the rest leaves."""
        self.bulk = Bulk(
            cast("links.Links", self.links),
            cast("Any", self.clock),
            self.counters,
            lambda send: None,
        )
        self.give(BOB, part(BOB), batch(BOB, 1))
        self.assertEqual(self.links.got(BOB), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_fault(self) -> None:
        """A disk that fails when something could leave later is told, and the node lives."""
        self.links.waiting[BOB] = LOW
        self.give(BOB, part(BOB))
        self.links.waiting[BOB] = 0
        self.bulk._frame = lambda send: 1 // 0  # type: ignore[assignment,return-value]
        self.pause()
        self.assertEqual(self.counters["faults"], 1)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_stop(self) -> None:
        """A node that stops leaves nothing behind."""
        self.give(BOB, *[part(BOB)] * 8)
        self.bulk.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
