"""
Sets of numbers as ordered ranges, which is what streams, frontiers and gaps are made of.

``spans`` is the one form: first and last inclusive, in order, never overlapping or touching.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice

from attrs import define, field

from securechat.ids import MAX_INT

Span = tuple[int, int]


def _first(span: Span) -> int:
    return span[0]


def _last(span: Span) -> int:
    return span[1]


@define
class Ranges:
    """A set of whole numbers; what concerns its end, the usual case, costs nothing much."""

    _spans: list[Span] = field(factory=list)

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Ranges:
        """The union of these ranges, in whatever order they are."""
        made = cls()
        for first, last in spans:
            made.add(first, last)
        return made

    @property
    def spans(self) -> tuple[Span, ...]:
        """The ranges, in order."""
        return tuple(self._spans)

    @property
    def last(self) -> int:
        """The highest number; 0 if there is none."""
        return self._spans[-1][1] if self._spans else 0

    def __bool__(self) -> bool:
        return bool(self._spans)

    def add(self, first: int, last: int) -> None:
        """Put a range in."""
        if not self._spans or first > self._spans[-1][1] + 1:
            self._spans.append((first, last))
            return
        start = bisect_left(self._spans, first - 1, key=_last)
        end = bisect_right(self._spans, last + 1, key=_first)
        if start < end:
            first = min(first, self._spans[start][0])
            last = max(last, self._spans[end - 1][1])
        self._spans[start:end] = [(first, last)]

    def remove(self, first: int, last: int) -> None:
        """Take a range out."""
        start = bisect_left(self._spans, first, key=_last)
        end = bisect_right(self._spans, last, key=_first)
        left = [(a, min(b, first - 1)) for a, b in self._spans[start:end] if a < first]
        right = [(max(a, last + 1), b) for a, b in self._spans[start:end] if b > last]
        self._spans[start:end] = left + right

    def covers(self, first: int, last: int) -> bool:
        """Whether the whole range is in."""
        if not self._spans or first >= self._spans[-1][0]:
            return bool(self._spans) and last <= self._spans[-1][1]
        index = bisect_left(self._spans, first, key=_last)
        if index == len(self._spans):
            return False
        start, end = self._spans[index]
        return start <= first and last <= end

    def until(self, number: int) -> int:
        """How far it goes on from here that all are in, or that none is."""
        index = bisect_left(self._spans, number, key=_last)
        if index == len(self._spans):
            return MAX_INT
        first, last = self._spans[index]
        return last if first <= number else first - 1

    def missing(self, first: int, last: int) -> list[Span]:
        """The parts of a range that are not in, in order."""
        if not self._spans or first > self._spans[-1][1]:
            return [(first, last)] if first <= last else []
        found = []
        begin = bisect_left(self._spans, first, key=_last)
        for start, end in self._spans[begin : bisect_right(self._spans, last, key=_first)]:
            if start > first:
                found.append((first, start - 1))
            first = end + 1
        if first <= last:
            found.append((first, last))
        return found


def minus(spans: Iterable[Span], taken: Ranges) -> list[Span]:
    """What of these ranges is not in ``taken``."""
    return [part for first, last in spans for part in taken.missing(first, last)]


def newest(spans: Sequence[Span], most: int) -> list[int]:
    """The highest numbers of these ranges, highest first."""
    numbers = (n for first, last in reversed(spans) for n in range(last, first - 1, -1))
    return list(islice(numbers, most))


def shown(spans: Sequence[Span]) -> str:
    """The last ranges, for people."""
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans[-3:])
