"""
What others last signed to have: the latest frontier of each member, as far as we heard it.

Recovery uses the latest version only; as receipts for our own posts all versions count (``acks``).
Volatile: after a start every linked peer sends its whole frontier again.

A holder may speak of any author that we know, and of a few whose certificates are still to come: ids
cost nothing to make up.  What is left out for that, its next whole frontiers bring.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from attrs import define, field

from securechat.ids import MAX_INT, BootId, Hash, MemberId, Stream
from securechat.messaging.ranges import Ranges, Span
from securechat.messaging.statements import (
    MAX_ENTRIES,
    MAX_RANGES,
    FloorEntry,
    Frontier,
    StreamEntry,
)

MAX_STREAMS = 8192
"""Streams remembered of one holder."""
MAX_STRANGERS = 64
"""Authors that we do not know and one holder may speak of: as many as a room has members."""


@define(eq=False)
class Claim:
    """What one member says to have."""

    epoch: int
    boot: BootId
    version: int = 0
    whole: bool = False
    """Whether a full frontier of this process of his was heard: then silence means "not stored"."""
    streams: dict[Stream, tuple[tuple[int, int, Hash], ...]] = field(factory=dict)
    closed: dict[Stream, tuple[Span, ...]] = field(factory=dict)
    floors: dict[MemberId, FloorEntry] = field(factory=dict)
    aside: dict[Stream, int] = field(factory=dict)
    """Floors of streams that lie aside (ADR 19)."""
    completed: float = -math.inf
    """When the last of a full frontier was heard from him: one passed on may be from long ago."""
    _silent: set[Stream] = field(factory=set)
    """Streams that a full frontier names with nothing: it does not say what it has of them."""
    _said_at: dict[Stream, int] = field(factory=dict)
    """By which version it said what it says of a stream: they come over several ways, in any order."""
    _floors_at: dict[MemberId, int] = field(factory=dict)
    _aside_at: dict[Stream, int] = field(factory=dict)
    _strangers: set[MemberId] = field(factory=set)
    """Authors of whom it spoke before we knew them."""
    _whole_at: int = 0
    _dropped_at: int = -1
    """By which version it named more than is remembered."""
    _collecting: int = 0
    _parts: set[int] = field(factory=set)
    _own_parts: set[int] = field(factory=set)
    """Those that came on a link of his own."""

    def spans(self, stream: Stream) -> tuple[Span, ...]:
        """The ranges it has of a stream."""
        return tuple((first, last) for first, last, _ in self.streams.get(stream, ()))

    def end(self, stream: Stream) -> int:
        """The last seq of a stream on which it has said anything: stored or below its floor."""
        stored, floor = self.streams.get(stream, ()), self.floor(stream)
        return max(stored[-1][1] if stored else 0, floor if floor < MAX_INT else 0)

    def pruned(self, stream: Stream, seq: int) -> bool:
        """Whether this post is below its floor."""
        return seq <= self.floor(stream)

    def floor(self, stream: Stream) -> int:
        """The seq up to which it has pruned a stream; the highest number if it has all of it."""
        floor = self.floors.get(stream.author)
        if floor is None:
            return 0
        if floor.stream == stream:
            return floor.seq
        lower = (stream.epoch, stream.boot) < (floor.epoch, floor.boot)
        return self.aside.get(stream, MAX_INT) if lower else 0

    def unsaid(self, stream: Stream) -> int:
        """The seq up to which its silence says nothing: not all ranges or streams are named."""
        stored = self.streams.get(stream)
        if stored is None:
            return MAX_INT if self._dropped_at >= self._whole_at else 0
        if stream in self._silent and not stored:
            return MAX_INT
        return stored[0][0] - 1 if len(stored) == MAX_RANGES else 0

    def has(self, stream: Stream, first: int, last: int) -> bool:
        """Whether it says to have any post of a range."""
        return any(a <= last and first <= b for a, b, _ in self.streams.get(stream, ()))

    @property
    def complete(self) -> bool:
        """Whether a full frontier of it was heard, and no stream of it left out here."""
        return self.whole and self._dropped_at < self._whole_at

    def gave_up(self, stream: Stream, first: int, last: int) -> bool:
        """Whether it says that it has given a range up."""
        return Ranges.of(self.closed.get(stream, ())).covers(first, last)

    def take(
        self, frontier: Frontier, direct: bool, mono: float, known: Callable[[MemberId], bool]
    ) -> list[Stream]:
        """A frontier of this process of his; the streams of which it says something else."""
        version = frontier.version
        self.version = max(self.version, version)
        highest = {floor.author: floor for floor in sorted(frontier.floors, key=_place)}
        for floor in frontier.floors:
            if self._may(floor.author, known):
                self._floor(floor, version, highest[floor.author] is not floor)
        changed: list[Stream] = []
        for entry in frontier.streams:
            if not self._may(entry.author, known):
                self._dropped_at = version
            elif self._says(entry, version):
                changed.append(entry.stream)
            if frontier.full and not entry.stored and not entry.closed:
                self._silent.update({entry.stream} & self.streams.keys())
        if frontier.parts == 1:
            self._ended(frontier)
        return changed + (self._completed(frontier, direct, mono) if frontier.full else [])

    def _floor(self, floor: FloorEntry, version: int, lower: bool) -> None:
        """
        The highest that one frontier names of an author is its floor; the others lie aside.

        ``lower``: this part of it names a higher one, so that it lies aside also where a newer frontier
        has told the author's floor since: that one named other streams.
        """
        at, before = self._floors_at.get(floor.author, 0), self.floors.get(floor.author)
        if version < at:
            if lower:
                self._lay_aside(floor, version)
            return
        if version == at and before is not None and before.stream != floor.stream:
            before, floor = sorted((before, floor), key=_place)
            self._lay_aside(before, version)
        self.floors[floor.author], self._floors_at[floor.author] = floor, version

    def _lay_aside(self, floor: FloorEntry, version: int) -> None:
        stream = floor.stream
        if version < max(self._aside_at.get(stream, 0), self._said_at.get(stream, 0)):
            return
        if len(self.aside) >= MAX_STREAMS and stream not in self.aside:
            self._dropped_at = max(self._dropped_at, version)
            return
        self.aside[stream], self._aside_at[stream] = floor.seq, version

    def _ended(self, frontier: Frontier) -> None:
        """Who names a stream beside its author's floor, and none of its own, says it is not aside."""
        authors = {floor.author for floor in frontier.floors}
        for stream in (entry.stream for entry in frontier.streams if entry.author in authors):
            if self._aside_at.get(stream, MAX_INT) < frontier.version:
                del self.aside[stream], self._aside_at[stream]

    def _may(self, author: MemberId, known: Callable[[MemberId], bool]) -> bool:
        """Whether it may speak of this author."""
        if author in self._strangers or known(author):
            return True
        if len(self._strangers) >= MAX_STRANGERS:
            self._strangers = {stranger for stranger in self._strangers if not known(stranger)}
        if len(self._strangers) >= MAX_STRANGERS:
            return False
        self._strangers.add(author)
        return True

    def _says(self, entry: StreamEntry, version: int) -> bool:
        """What it says of one stream, unless that is old; whether it says something else now."""
        stream = entry.stream
        if version < self._said_at.get(stream, self._whole_at):
            return False
        if len(self.streams) >= MAX_STREAMS and stream not in self.streams:
            self._dropped_at = version
            return False
        changed = self.streams.get(stream, ()) != entry.stored
        self.streams[stream], self._said_at[stream] = entry.stored, version
        if entry.closed:
            self.closed[stream] = entry.closed
        else:
            self.closed.pop(stream, None)
        return changed

    def _completed(self, frontier: Frontier, direct: bool, mono: float) -> list[Stream]:
        """Once every part of a full frontier is here, what it does not name is not stored."""
        if frontier.version < max(self._collecting, self._whole_at):
            return []
        if frontier.version > self._collecting:
            self._collecting, self._parts, self._own_parts = frontier.version, set(), set()
        self._parts.add(frontier.part)
        if direct:
            self._own_parts.add(frontier.part)
        if frontier.parts == MAX_ENTRIES:
            self._dropped_at = frontier.version
        if len(self._parts) < frontier.parts:
            return []
        self.whole, self._whole_at = True, frontier.version
        if len(self._own_parts) == frontier.parts:
            self.completed = mono
        gone = [stream for stream, at in self._said_at.items() if at < frontier.version]
        for stream in gone:
            del self.streams[stream], self._said_at[stream]
            self.closed.pop(stream, None)
        for author in [a for a, at in self._floors_at.items() if at < frontier.version]:
            del self.floors[author], self._floors_at[author]
        for stream in [s for s, at in self._aside_at.items() if at < frontier.version]:
            del self.aside[stream], self._aside_at[stream]
        self._silent &= self.streams.keys()
        self._strangers &= {stream.author for stream in self.streams} | self.floors.keys()
        return gone


def _place(floor: FloorEntry) -> tuple[int, str]:
    return (floor.epoch, floor.boot)


@define(eq=False)
class Claims:
    """The latest of everybody."""

    _known: Callable[[MemberId], bool]
    """Whether an author is a member whose certificate we hold."""
    _claims: dict[MemberId, Claim] = field(factory=dict)
    digests: dict[MemberId, bytes] = field(factory=dict)
    """What each last said its digest was; frontiers of live posts go to their authors alone."""
    _equal: dict[MemberId, float] = field(factory=dict)
    named: tuple[Stream, ...] = ()
    """The streams in the frontier taken last, changed or not; none if it was an old one."""

    def get(self, member: MemberId) -> Claim | None:
        """What a member last said."""
        return self._claims.get(member)

    def take(self, frontier: Frontier, direct: bool, mono: float) -> list[Stream]:
        """
        A frontier; the streams of which its holder now says something else.

        ``direct``: it came on a link of its holder, so of two processes of one epoch it is of the
        one that is there.
        """
        holder = frontier.author
        self.named = ()
        claim = self._claims.get(holder)
        same = claim is not None and (claim.epoch, claim.boot) == (frontier.epoch, frontier.boot)
        if claim is None or (not same and (direct or frontier.epoch > claim.epoch)):
            claim = self._claims[holder] = Claim(frontier.epoch, frontier.boot)
        elif not same:
            return []
        if frontier.version >= claim.version:
            self.named = tuple(entry.stream for entry in frontier.streams)
        return claim.take(frontier, direct, mono, self._known)

    def equal(self, member: MemberId, mono: float) -> None:
        """A member's digest was equal to ours."""
        self._equal[member] = mono

    def shown_at(self, member: MemberId, stream: Stream, first: int) -> float:
        """
        When it last showed us all that it has of a stream from a post on: in a full frontier on a link
        of its own, or by a digest equal to ours.
        """
        claim = self._claims.get(member)
        said = claim is not None and first > claim.unsaid(stream)
        whole = claim.completed if claim is not None and said else -math.inf
        return max(whole, self._equal.get(member, -math.inf))

    def believes(self, frontier: Frontier) -> bool:
        """Whether it is of the process that is taken for its holder's present one."""
        claim = self._claims.get(frontier.author)
        return claim is not None and (claim.epoch, claim.boot) == (frontier.epoch, frontier.boot)

    def keep(self, members: set[MemberId]) -> None:
        """Only these members matter."""
        self._claims = {m: claim for m, claim in self._claims.items() if m in members}
        self.digests = {m: digest for m, digest in self.digests.items() if m in members}
        self._equal = {m: mono for m, mono in self._equal.items() if m in members}
