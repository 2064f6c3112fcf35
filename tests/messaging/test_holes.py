"""A stream with thousands of holes: what one post more costs."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.messaging.held import StreamState
from securechat.messaging.messages import Posts
from securechat.messaging.ranges import Ranges, Span, minus
from securechat.messaging.streams import Streams
from securechat.notices import GapChanged
from tests.messaging.room import Room
from tests.messaging.test_sets import FAST, envelope

HOLES = 1000


class Compared(tuple[int, int]):
    """A range that counts how often one is compared with another."""

    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return tuple.__eq__(self, other)

    __hash__ = tuple.__hash__


class Copied(list[Span]):
    """Ranges that count how many of them are copied."""

    times = 0

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        if isinstance(place, slice):
            Copied.times += len(found)
        return found


class Holes(SynchronousTestCase):
    """An author who signs every other post."""

    def test_one_more(self) -> None:
        """It is not compared with each hole, nor each of them with all the others."""
        room = Room()
        ada, eve = room.member(1, settings=FAST), room.member(3, settings=FAST)
        room.roster()
        objects = [
            envelope(3, 1, 2 * number + 2, ("x",), number, previous=b"p" * 32)
            for number in range(HOLES + 1)
        ]
        ada.receive(eve.id, Posts(tuple(objects[:-1])))
        before = Streams.gaps

        def counted(streams: Streams, state: StreamState) -> list[Span]:
            return [Compared(span) for span in before(streams, state)]

        self.patch(Streams, "gaps", counted)
        Compared.times = 0
        ada.notices.clear()
        ada.receive(eve.id, Posts(tuple(objects[-1:])))
        told = [(x.first, x.last) for x in ada.notices if isinstance(x, GapChanged)]
        self.assertEqual(told, [(2 * HOLES + 1, 2 * HOLES + 1)])
        self.assertLess(Compared.times, 10 * HOLES)

    def test_a_part(self) -> None:
        """What is missing of a few of thousands of ranges costs no look at the rest."""
        spans = [(2 * number, 2 * number) for number in range(1, HOLES)]
        Copied.times = 0
        self.assertEqual(minus(spans, Ranges(Copied(spans))), [])
        self.assertLess(Copied.times, 3 * HOLES)
