"""Sets of ranges, compared with plain sets of numbers."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.messaging.ranges import Ranges, minus

SPAN = st.tuples(st.integers(1, 40), st.integers(0, 12)).map(lambda two: (two[0], sum(two)))
MOVES = st.lists(st.tuples(st.booleans(), SPAN), max_size=30)


def numbers(spans: object) -> set[int]:
    """The numbers in ranges."""
    return {n for first, last in spans for n in range(first, last + 1)}  # type: ignore[attr-defined]


class RangesTests(SynchronousTestCase):
    """A set of ranges behaves as the set of its numbers."""

    @given(MOVES, SPAN)
    def test_like_a_set(
        self, moves: list[tuple[bool, tuple[int, int]]], asked: tuple[int, int]
    ) -> None:
        """Adding, removing, asking what is there and what is missing."""
        ranges, plain = Ranges(), set[int]()
        for add, (first, last) in moves:
            if add:
                ranges.add(first, last)
                plain |= numbers([(first, last)])
            else:
                ranges.remove(first, last)
                plain -= numbers([(first, last)])
        self.assertEqual(numbers(ranges.spans), plain)
        self.assertEqual(bool(ranges), bool(plain))
        self.assertEqual(ranges.last, max(plain, default=0))
        self.assertEqual(numbers(ranges.missing(*asked)), numbers([asked]) - plain)
        self.assertEqual(ranges.covers(*asked), numbers([asked]) <= plain)
        self.assertEqual(numbers(minus([asked], ranges)), numbers([asked]) - plain)

    @given(st.lists(SPAN))
    def test_one_form(self, spans: list[tuple[int, int]]) -> None:
        """Equal sets have equal spans, in order and never touching."""
        found = Ranges.of(spans).spans
        self.assertEqual(found, Ranges.of(reversed(spans)).spans)
        self.assertTrue(all(a[1] + 1 < b[0] for a, b in itertools.pairwise(found)))
