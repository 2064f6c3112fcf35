"""
How the floors of one author rise over envelopes of it that are forgotten, oldest first (ADR 19).

An author's floor is a place, (epoch, boot id, seq), and a time: that of the newest that went.  A stream
of a lower place of which something newer is known lies aside: it keeps a floor of its own, until all of
it has gone.  Where epochs and time go together, as they do but for a disk that was lost or set back,
there is no such stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrs import define, evolve

from securechat.effects import Effect, Record
from securechat.ids import Hash, Stream
from securechat.messaging.facts import Floor, FloorAside
from securechat.messaging.held import Held, StreamState
from securechat.messaging.statements import FloorEntry
from securechat.messaging.streams import AuthorState, Streams

Place = tuple[int, str]


@define
class Rising:
    """The floors of an author as they will be."""

    floor: Floor
    aside: dict[Place, FloorAside]
    _before: AuthorState

    @classmethod
    def over(cls, author: AuthorState, gone: list[Held]) -> Rising:
        """If these go, in the order in which they were said."""
        tops = {held.stream: held for held in gone}
        counts = Counter(held.stream for held in gone)
        rising = cls(_raised(author.floor, gone), {}, author)
        for state in author.in_order():
            place = _place(state.stream)
            left = len(state.envelopes) > counts[state.stream]
            newest = [known.hlc for known in (state.head, author.aside.get(place)) if known]
            newer = max(newest, default=0) > rising.floor.hlc
            if place < _place(rising.floor.stream) and (left or newer):
                rising.aside[place] = _own(author, state, tops.get(state.stream))
        return rising

    def facts(self) -> Iterator[Floor | FloorAside]:
        """What is to be recorded: those aside first, so that a replay knows them by then."""
        known = self._before.aside
        changed = [fact for place, fact in self.aside.items() if known.get(place) != fact]
        yield from changed
        if changed or self.floor != self._before.floor:
            yield self.floor

    def seq(self, stream: Stream) -> int:
        """Up to which post of a stream that is not passed everything goes."""
        own = self.floor if self.floor.stream == stream else self.aside.get(_place(stream))
        return own.seq if own is not None else 0

    def passes(self, state: StreamState) -> bool:
        """Whether a stream goes wholly."""
        place = _place(state.stream)
        return place < _place(self.floor.stream) and place not in self.aside

    def takes(self, held: Held) -> bool:
        """Whether an envelope goes too that was damaged, and is not here."""
        if held.stream.author != self.floor.author:
            return False
        place = _place(held.stream)
        if place < _place(self.floor.stream) and place not in self.aside:
            return True
        return held.last <= self.seq(held.stream)


def lay_aside(streams: Streams, stream: Stream, name: Hash, hlc: int) -> list[Effect]:
    """Facts for a stream of which this header shows that it lies aside; none if it does not."""
    floor = streams.overtaken(stream, hlc)
    return [] if floor is None else laid_aside(floor, stream, 0, name, hlc)


def laid_aside(floor: Floor, stream: Stream, seq: int, name: Hash, hlc: int) -> list[Effect]:
    """Up to here a stream aside is pruned; its author's floor again, which a replay must find after."""
    fact = FloorAside(stream.author, stream.epoch, stream.boot, seq, name, hlc)
    return [Record(fact), Record(floor)]


def _raised(before: Floor | None, gone: list[Held]) -> Floor:
    top = max(gone, key=lambda held: (*_place(held.stream), held.last))
    s, hlc = top.stream, max(held.hlc for held in gone)
    floor = Floor(s.author, s.epoch, s.boot, top.last, top.hash, hlc)
    if before is None:
        return floor
    higher = (*_place(s), top.last) > (*_place(before.stream), before.seq)
    return evolve(floor if higher else before, hlc=max(before.hlc, hlc))


def _own(author: AuthorState, state: StreamState, top: Held | None) -> FloorAside:
    """The floor within a stream that lies aside."""
    s, before = state.stream, author.aside.get(_place(state.stream))
    if top is not None:
        hlc = max(top.hlc, before.hlc if before is not None else 0)
        return FloorAside(s.author, s.epoch, s.boot, top.last, top.hash, hlc)
    if before is not None:
        return before
    if author.floor is not None and author.floor.stream == s:
        old = author.floor
        return FloorAside(s.author, s.epoch, s.boot, old.seq, old.hash, old.hlc)
    first = state.envelopes[0] if state.envelopes else state.head
    assert first is not None, "known by nothing"
    return FloorAside(s.author, s.epoch, s.boot, 0, first.hash, first.hlc)


def _place(stream: Stream) -> Place:
    return (stream.epoch, stream.boot)


def overtaken(author: AuthorState, floor: FloorEntry) -> list[StreamState]:
    """
    Streams below somebody's floor by their place, newest first, that may be newer than it: nothing that
    is known here of the floor's own stream up to it, or of what we pruned, was said later.
    """
    latest = _latest(author, floor)
    return [
        state
        for state in reversed(author.in_order())
        if _place(state.stream) < (floor.epoch, floor.boot)
        and state.end is not None
        and state.end.hlc > latest
    ]


def _latest(author: AuthorState, floor: FloorEntry) -> int:
    """The newest stamp of what is known here up to a floor, in its own stream."""
    state = author.streams.get((floor.epoch, floor.boot))
    held = state.until(floor.seq) if state is not None else None
    stamps = [held.hlc] if held is not None else []
    own = author.floor
    if own is not None and (*_place(own.stream), own.seq) <= (floor.epoch, floor.boot, floor.seq):
        stamps.append(own.hlc)
    return max(stamps, default=0)
