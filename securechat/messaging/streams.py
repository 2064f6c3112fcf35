"""
All streams of all authors: what is held, known, missing and pruned; the digest over it.

- ``known`` is the highest seq with evidence signed by the author: an envelope, a head, the opening of
  a later stream.  A gap is (floor, known] minus what is held: derived here, never stored.
- The floor of an author: everything up to (epoch, boot id, seq) is pruned, gone and not wanted.  But a
  process that did not know of its author's later ones, since its disk had been lost or set back, said
  its posts in an earlier place, and they are newer than what the floor took: such a stream lies *aside*
  and has a floor of its own (ADR 19).
- Digest: SHA-256 over the streams in order, each with its sound ranges and the hash that ends each, and
  where it is proved to contradict itself: who does not know of that shows another (ADR 15).  What lies
  below our floor counts as if it were here, and so does a gap that was given up since somebody has
  pruned it: what only retention took leaves no mark, and ranges that meet over it are one (ADR 18).
- An opening declares the end of an earlier stream: one that names a later stream, or of which a twin is
  known, declares nothing.  So no more streams are known by that than are held.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from securechat.ids import MAX_INT, Hash, MemberId, Stream
from securechat.inputs import StreamEnd
from securechat.messaging.boots import Boots
from securechat.messaging.digest import Sums
from securechat.messaging.facts import (
    EnvelopeHeld,
    Floor,
    FloorAside,
    Forked,
    GapClosed,
    HeadKnown,
)
from securechat.messaging.held import Breach, Held, StreamState
from securechat.messaging.ranges import Span
from securechat.settings import MAX_ENDS
from securechat.wire import pack


@define(eq=False)
class AuthorState:
    """What is kept of one author."""

    floor: Floor | None = None
    aside: dict[tuple[int, str], FloorAside] = field(factory=dict)
    """Floors of the streams that lie aside, by (epoch, boot id)."""
    streams: dict[tuple[int, str], StreamState] = field(factory=dict)
    """By (epoch, boot id)."""
    posts: int = 0
    size: int = 0

    def in_order(self) -> list[StreamState]:
        """Its streams, oldest first."""
        return [self.streams[place] for place in sorted(self.streams)]

    def floors(self) -> Iterator[Floor | FloorAside]:
        """Its floor, if it has one, and those of the streams that lie aside."""
        if self.floor is not None:
            yield self.floor
            yield from (self.aside[place] for place in sorted(self.aside))


@define(eq=False)
class Streams:
    """The index of all posts."""

    authors: dict[MemberId, AuthorState] = field(factory=dict)
    boots: Boots = field(factory=Boots)
    """Of which processes something is kept: these streams, and whatever else counts there."""
    posts: int = 0
    size: int = 0
    changed: dict[Stream, None] = field(factory=dict)
    """Streams of which something changed since the last settle; volatile."""
    revision: int = 0
    """Counts changes, so that what was derived can be kept until the next."""
    _held: dict[Hash, Held] = field(factory=dict)
    _sums: Sums = field(factory=Sums)
    _unsummed: dict[Stream, None] = field(factory=dict)
    """Streams of which something changed since the digest was asked for last."""

    # Reading.

    def get(self, stream: Stream) -> StreamState | None:
        """What is kept of a stream, if anything."""
        author = self.authors.get(stream.author)
        return author.streams.get((stream.epoch, stream.boot)) if author else None

    def by_hash(self, name: Hash) -> Held | None:
        """The envelope of this hash, if it is held."""
        return self._held.get(name)

    def __iter__(self) -> Iterator[StreamState]:
        for author in self.authors.values():
            yield from author.streams.values()

    def floor(self, stream: Stream) -> int:
        """The seq up to which this stream is pruned; the highest number if it is wholly so."""
        author = self.authors.get(stream.author)
        if author is None or author.floor is None:
            return 0
        mine = (stream.epoch, stream.boot)
        place = (author.floor.epoch, author.floor.boot)
        own = author.aside.get(mine) if mine < place else author.floor if mine == place else None
        return own.seq if own is not None else MAX_INT if mine < place else 0

    def own_floor(self, stream: Stream) -> Floor | FloorAside | None:
        """The floor that a stream has for itself, if any."""
        author = self.authors.get(stream.author)
        if author is None or author.floor is None:
            return None
        if author.floor.stream == stream:
            return author.floor
        return author.aside.get((stream.epoch, stream.boot))

    def lies_aside(self, stream: Stream) -> bool:
        """Whether it is newer than its author's floor, though its place is below it."""
        author = self.authors.get(stream.author)
        return author is not None and (stream.epoch, stream.boot) in author.aside

    def below(self, stream: Stream, last: int, hlc: int) -> bool:
        """Whether what ends here is pruned: it lies below a floor, by its place and by its time."""
        author, floor = self.authors.get(stream.author), self.floor(stream)
        if author is None or author.floor is None:
            return False
        lower = (stream.epoch, stream.boot) < (author.floor.epoch, author.floor.boot)
        return (last <= floor < MAX_INT) or (lower and hlc <= author.floor.hlc)

    def overtaken(self, stream: Stream, hlc: int) -> Floor | None:
        """The floor that wrongly lies above a header by its place alone; None if none does."""
        author = self.authors.get(stream.author)
        floor = author.floor if author is not None else None
        newer = floor is not None and hlc > floor.hlc
        return floor if newer and self.floor(stream) == MAX_INT else None

    def gaps(self, state: StreamState) -> list[Span]:
        """What is known to exist in a stream and is not here."""
        return state.absent(self.floor(state.stream) + 1, state.known)

    def wanted(self, state: StreamState) -> list[Span]:
        """What of that is asked for: nothing beyond a fork."""
        return state.missing(self.floor(state.stream) + 1, state.known)

    def missing(self, stream: Stream, first: int, last: int) -> list[Span]:
        """What of a range somebody claims could be asked for."""
        first = max(first, min(self.floor(stream), MAX_INT - 1) + 1)
        state = self.get(stream)
        if first > last:
            return []
        return state.missing(first, last) if state else [(first, last)]

    def end(self, stream: Stream) -> StreamEnd | None:
        """The last that is known of a stream by hash: an envelope, a head, or its floor."""
        state = self.get(stream)
        found = [state.envelopes[-1]] if state and state.envelopes else []
        ends = [StreamEnd(stream.epoch, stream.boot, h.last, h.hash, h.hlc) for h in found]
        head = state.head if state else None
        for other in (self.own_floor(stream), head):
            if other is not None and other.seq:
                ends.append(StreamEnd(stream.epoch, stream.boot, other.seq, other.hash, other.hlc))
        return max(ends, key=lambda end: (end.seq, end.hlc), default=None)

    def ends(self, member: MemberId) -> tuple[StreamEnd, ...]:
        """The newest ends of a member's streams."""
        author = self.authors.get(member)
        if author is None:
            return ()
        streams = {state.stream: None for state in author.streams.values()}
        streams.update((floor.stream, None) for floor in author.floors())
        found = [end for end in map(self.end, streams) if end is not None]
        return tuple(sorted(found, key=lambda end: end.hlc)[-MAX_ENDS:])

    def digest(self) -> bytes:
        """Equal for sets that are equal but for what retention took."""
        changed, self._unsummed = self._unsummed, {}
        return self._sums.digest({stream: self._row(stream) for stream in changed})

    # Facts.

    def hold(self, fact: EnvelopeHeld) -> Held:
        """An envelope is stored."""
        known = self.authors.get(fact.author)
        state = known.streams.get((fact.epoch, fact.boot)) if known else None
        state = state or self._state(fact.stream)
        held = Held.of(fact, state.stream)
        forked = state.beyond(1)
        state.put(held)
        self._held[held.hash] = held
        author = self.authors[fact.author]
        for count in (author, self):
            count.posts += held.count
            count.size += held.size
        self._declare(held, state)
        if not forked:
            self._contradicted(state)
        self._touch(state.stream)
        return held

    def drop(self, name: Hash, forgotten: bool = True) -> Held | None:
        """An envelope is forgotten, or only damaged: what its author declared in it stays known."""
        held = self._held.pop(name, None)
        if held is None:
            return None
        author = self.authors[held.stream.author]
        author.streams[(held.stream.epoch, held.stream.boot)].take(held)
        for count in (author, self):
            count.posts -= held.count
            count.size -= held.size
        if forgotten:
            self.undeclare(held)
        self._tidy(author.streams[(held.stream.epoch, held.stream.boot)])
        self._touch(held.stream)
        return held

    def undeclare(self, held: Held) -> None:
        """What an envelope declared of the stream before it is forgotten."""
        named = self.get(held.names) if held.names else None
        if named is not None:
            named.undeclare(held.hash)
            self._tidy(named)

    def head(self, fact: HeadKnown) -> None:
        """The author signed that a stream goes on."""
        self._state(fact.stream).head = fact
        self._touch(fact.stream)

    def drop_head(self, stream: Stream) -> None:
        """The head is forgotten: its body came, or it was pruned."""
        state = self.get(stream)
        if state is not None:
            state.head = None
            self._tidy(state)
            self._touch(stream)

    def fork(self, fact: Forked) -> None:
        """A contradiction is proved."""
        state = self._state(fact.stream)
        state.breached(Breach(fact.seq, fact.one, fact.other, fact.what), proved=True)
        self._contradicted(state)
        self._touch(fact.stream)

    def drop_fork(self, stream: Stream) -> None:
        """The proof is forgotten with its stream."""
        state = self.get(stream)
        if state is not None:
            state.breach = None
            self._tidy(state)
            self._touch(stream)

    def close(self, fact: GapClosed) -> None:
        """A gap is given up."""
        self._state(fact.stream).closed[fact.first] = fact
        self._touch(fact.stream)

    def reopen(self, stream: Stream, first: int) -> None:
        """It is not any more."""
        state = self.get(stream)
        if state is not None and state.closed.pop(first, None) is not None:
            self._tidy(state)
            self._touch(stream)

    def raise_floor(self, fact: Floor) -> None:
        """Everything of an author up to here is pruned; a lower one than there is says nothing."""
        author = self.authors.setdefault(fact.author, AuthorState())
        if author.floor is not None and _end(fact) < _end(author.floor):
            return
        author.floor = fact
        self._touch(fact.stream)
        for place in [place for place in author.streams if place < (fact.epoch, fact.boot)]:
            self._touch(author.streams[place].stream)
            if not author.streams[place].envelopes and place not in author.aside:
                self.boots.take(author.streams.pop(place).stream)
        self.revision += 1

    def lay_aside(self, fact: FloorAside) -> None:
        """
        A stream lies aside, and everything of it up to here is pruned.  Said before each floor that
        rises over it, so that a replay never takes it for pruned.
        """
        author = self.authors.setdefault(fact.author, AuthorState())
        new = not self.lies_aside(fact.stream)
        author.aside[(fact.epoch, fact.boot)] = fact
        for state in author.in_order() if new else ():
            # What named it while it was taken for pruned declared nothing then.
            for held in state.around(1, 1):
                self._declare(held, state)
        self._touch(fact.stream)

    def drop_aside(self, stream: Stream) -> None:
        """All of it is pruned, and the author's floor is newer."""
        author, state = self.authors.get(stream.author), self.get(stream)
        if author is not None:
            author.aside.pop((stream.epoch, stream.boot), None)
        if state is not None:
            self._tidy(state)
        self._touch(stream)

    # Inside.

    def _declare(self, held: Held, state: StreamState) -> None:
        """An opening tells of a stream before its own: unless that is pruned, or it has a twin."""
        named, own = held.names, (state.stream.epoch, state.stream.boot)
        if named is None or state.beyond(1):
            return
        if (named.epoch, named.boot) < own and self.floor(named) < MAX_INT:
            self._state(named).declare(held.hash, held.named)
            self._touch(named)

    def _contradicted(self, state: StreamState) -> None:
        """If there are two openings of a stream, what either of them declared is void."""
        for held in state.around(1, 1) if state.beyond(1) else ():
            self.undeclare(held)

    def _state(self, stream: Stream) -> StreamState:
        author = self.authors.get(stream.author)
        if author is None:
            author = self.authors[stream.author] = AuthorState()
        place = (stream.epoch, stream.boot)
        state = author.streams.get(place)
        if state is None:
            state = author.streams[place] = StreamState(stream)
            self.boots.add(stream)
        return state

    def _tidy(self, state: StreamState) -> None:
        s = state.stream
        if state.empty or (not state.envelopes and self.floor(s) == MAX_INT):
            gone = self.authors[s.author].streams.pop((s.epoch, s.boot), None)
            if gone is not None:
                self.boots.take(s)

    def _touch(self, stream: Stream) -> None:
        self.changed[stream] = self._unsummed[stream] = None
        self.revision += 1

    def _row(self, stream: Stream) -> bytes:
        """What a stream puts into the digest: what is sound of it, and where that ends; or nothing."""
        state, own = self.get(stream), self.own_floor(stream)
        if state is None or not (state.entry() or state.breach):
            return b""
        ranges = _with_pruned(state, own) if own or state.closed else state.entry()
        fork = () if state.breach is None else (state.breach.seq,)
        return pack((stream.author, stream.epoch, stream.boot, ranges, *fork))


def _end(floor: Floor) -> tuple[int, str, int]:
    return (floor.epoch, floor.boot, floor.seq)


def _with_pruned(
    state: StreamState, floor: Floor | FloorAside | None
) -> tuple[tuple[int, int, Hash], ...]:
    """The sound ranges, with what only retention took as if it were here."""
    if not state.entry():
        return ()
    taken = [(f.first, f.last, None) for f in state.closed.values() if f.pruned]
    below = [(1, floor.seq, floor.hash)] if floor is not None and floor.seq else []
    rows: list[tuple[int, int, Hash | None]] = []
    reach = -1
    for first, last, name in sorted([*taken, *below, *state.entry()], key=lambda span: span[:2]):
        if first > reach + 1:
            rows.append((first, last, name))
        elif name is not None and (last > rows[-1][1] or rows[-1][2] is None):
            rows[-1] = (rows[-1][0], last, name)
        reach = max(reach, last)
    # A range that ends with what was taken ends with what is here of it; if nothing is, it is none.
    return tuple((first, last, name) for first, last, name in rows if name is not None)
