"""
How much is asked for in all, and for whose posts next.

At most 1,000 posts a second, shared equally among authors: the next want is for the author of whom
least was asked while others waited (start-time fair queueing).  What was asked for and not had does not
count.
"""

from __future__ import annotations

from attrs import define, field

from securechat.ids import MemberId, Stream
from securechat.messaging.book import Book
from securechat.messaging.rates import Bucket
from securechat.settings import MAX_CERTIFICATES


@define(eq=False)
class Shares:
    """What each author had."""

    _book: Book
    _bucket: Bucket
    _given: dict[MemberId, float] = field(factory=dict)
    """By author: posts asked for, counted on from where those stood who waited."""
    _turn: float = 0.0
    """Where the author stood of whom was asked last."""

    def place(self, stream: Stream) -> tuple[float, int]:
        """Who is next: the author of whom least was asked, its newest stream first."""
        return max(self._given.get(stream.author, 0.0), self._turn), -stream.epoch

    def take(self, stream: Stream, count: int, mono: float) -> float | None:
        """Ask for so many posts now, and None; else the seconds until that may be."""
        if not self._bucket.take(count, mono):
            return self._bucket.wait(count, mono)
        self._turn = self.place(stream)[0]
        self._given[stream.author] = self._turn + count
        # Of many, those of whom nothing is held begin anew.
        if len(self._given) > MAX_CERTIFICATES:
            authors = self._book.streams.authors
            self._given = {a: given for a, given in self._given.items() if a in authors}
        return None

    def back(self, author: MemberId, count: int) -> None:
        """So many were not had."""
        self._bucket.give(count)
        if author in self._given:
            self._given[author] = max(0.0, self._given[author] - count)
