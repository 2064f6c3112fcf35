"""
The digest: SHA-256 over all streams in order, each as its place and its sound ranges (DESIGN 6).

Its value is that of a plain pass over everything that is held, and others compare it with theirs.  But
a post changes one stream of thousands, and a peer's digest none: each stream is packed when it has
changed, the streams of one author are joined when one of them has, and the sum is taken up before the
first author of whom something is new.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from attrs import define, field

from securechat.ids import MemberId, Stream

if TYPE_CHECKING:
    from hashlib import _Hash

Place = tuple[int, str]


@define(eq=False)
class Share:
    """What one author's streams put into the sum."""

    before: _Hash
    """The sum of all authors before it."""
    rows: dict[Place, bytes] = field(factory=dict)
    order: list[Place] = field(factory=list)
    joined: bytes = b""

    def put(self, place: Place, row: bytes) -> None:
        """What a stream puts in now; nothing if nothing sound of it is held."""
        if row and place not in self.rows:
            insort(self.order, place)
        if row:
            self.rows[place] = row
        elif self.rows.pop(place, None) is not None:
            del self.order[bisect_left(self.order, place)]

    def join(self) -> None:
        """All of it, in order."""
        self.joined = b"".join([self.rows[place] for place in self.order])


@define(eq=False)
class Sums:
    """The sum so far, to be taken up where something is new."""

    _shares: dict[MemberId, Share] = field(factory=dict)
    _authors: list[MemberId] = field(factory=list)
    _value: bytes = field(factory=lambda: hashlib.sha256().digest())

    def digest(self, changed: dict[Stream, bytes]) -> bytes:
        """The digest, when these streams now put this in; an empty one puts in nothing."""
        if changed:
            authors = {stream.author for stream in changed}
            for stream, row in changed.items():
                self._share(stream.author).put((stream.epoch, stream.boot), row)
            for author in authors:
                self._shares[author].join()
            self._sum_from(min(authors))
        return self._value

    def _share(self, author: MemberId) -> Share:
        share = self._shares.get(author)
        if share is None:
            share = self._shares[author] = Share(hashlib.sha256())
            insort(self._authors, author)
        return share

    def _sum_from(self, first: MemberId) -> None:
        start = bisect_left(self._authors, first)
        sums = hashlib.sha256()
        if start:
            last = self._shares[self._authors[start - 1]]
            sums = last.before.copy()
            sums.update(last.joined)
        for author in self._authors[start:]:
            share = self._shares[author]
            share.before = sums.copy()
            sums.update(share.joined)
        self._value = sums.digest()
