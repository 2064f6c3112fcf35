"""
Who is told of heads, the authors' own words for how far their streams go (DESIGN 6).

- A head that we learn goes to every link in the next period; at link-up, and with all that we have, all
  of them go to a peer.
- Heads are in no digest, so one that got lost would stay so as long as its link.  A peer knows it once
  it tells it itself, or its frontier reaches as far; until then it is told again, after 2 s, then after
  4 and so on up to 30, at most 64 in a period.
- Who is told of a head that he knows tells it back, unless he has told it that peer as often as that
  peer has told him.  So the word of each comes to the other, and no answer is answered for ever.  Who
  has the posts, or wants them no more, answers the second time with a frontier.
- Whose floor lies above a stream by its place, and who names nothing of it, may take it for pruned
  though it is newer (ADR 19): once such a peer has told all that it has, it is told our last header of
  that stream, unless something that we know of shows that it is older.  Who lies can have most told in
  vain: so it is done again after 2 s, then after 4 and so on up to 30, with 64 at most, those of all
  authors in turn, and each author's from where the last time ended; in a period for a few peers.
- Of a stream that forks no frontier tells how far it goes: who holds posts beyond tells the header of
  the last like a head, and so learns who knows of it.

Volatile: told to each link anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain, islice, zip_longest

from attrs import define, field

from securechat.effects import Effect, Send
from securechat.ids import Hash, MemberId, Stream
from securechat.inputs import Instant
from securechat.messaging.book import Book
from securechat.messaging.claims import Claim, Claims
from securechat.messaging.facts import HeadKnown
from securechat.messaging.floors import overtaken
from securechat.messaging.held import StreamState
from securechat.messaging.messages import Frontiers
from securechat.messaging.peers import Peers
from securechat.messaging.statements import FloorEntry

HeadOf = Callable[[Stream], HeadKnown | None]
"""The head of a stream that is told of."""
HEADS = 64
"""Heads in one message."""
PASSED = 4
"""Peers of which it is looked up in one period what they may wrongly pass: those that wait longest."""
MAX_TOLD = 1024
"""Heads of which it is remembered how often a peer was told; beyond, once has to do."""


@define(eq=False)
class Told:
    """One head, between a peer and us, on the present link."""

    seq: int
    sent: int = 0
    heard: int = 0
    pause: float = 0.0
    next: float = 0.0

    @property
    def owed(self) -> bool:
        """Whether the peer may not know that we have it too."""
        return self.heard > self.sent


@define(eq=False)
class Passing:
    """Streams that a peer may wrongly pass, on the present link."""

    due: bool = False
    """Whether it has told its floors since it was told last."""
    last: dict[MemberId, Stream] = field(factory=dict)
    """Of each author the stream of which it was told last."""
    pause: float = 0.0
    next: float = 0.0


@define(eq=False)
class Heads:
    """Tells heads."""

    _book: Book
    _peers: Peers
    _claims: Claims
    _news: dict[Stream, None] = field(factory=dict)
    _told: dict[MemberId, dict[Stream, Told]] = field(factory=dict)
    _passing: dict[MemberId, Passing] = field(factory=dict)

    def news(self, stream: Stream) -> None:
        """We learned that a stream goes on."""
        self._news[stream] = None

    def up(self, peer: MemberId) -> None:
        """A new link, on which nothing was told yet."""
        self._told[peer] = {}
        self._passing[peer] = Passing()

    def down(self, peer: MemberId) -> None:
        """Nobody to tell any more."""
        self._told.pop(peer, None)
        self._passing.pop(peer, None)

    def heard(self, peer: MemberId, stream: Stream, seq: int, taken: bool) -> bool:
        """
        A peer told us of a head, which was news or not; whether it does not know that we are past it.
        """
        head, state = self._head(stream), self._book.streams.get(stream)
        ours = taken or (head is not None and head.seq == seq)
        last = state.held.last if state is not None else 0
        past = not ours and seq <= max(last, self._book.streams.floor(stream))
        row = self._row(peer, stream, seq) if ours or past else None
        if row is None or row.seq != seq:
            return False
        row.heard += 1
        return past and row.heard > 1

    def all(self, peer: MemberId, now: Instant) -> list[Effect]:
        """All that there are."""
        return self._tell(peer, (state.stream for state in self._book.streams), now, patient=True)

    def passed(self, peer: MemberId) -> None:
        """A peer has told all its floors: it is looked for what these may wrongly pass."""
        if peer in self._passing:
            self._passing[peer].due = True

    def tick(self, now: Instant) -> list[Effect]:
        """What is new, what was asked for, and what a peer does not seem to know yet, or to pass."""
        news, self._news = self._news, {}
        effects: list[Effect] = []
        head = cache(self._head)  # each is looked at once, not for every peer
        for peer in self._peers.linked:
            again = self._again(peer, now.mono, head)
            self._book.counters["heads_told_again"] += len(again)
            effects += self._tell(peer, {**news, **dict.fromkeys(again)}, now)
        ready = [(row.next, peer) for peer, row in self._passing.items() if row.due]
        for _, peer in sorted(pair for pair in ready if pair[0] <= now.mono)[:PASSED]:
            effects += self._pass(peer, now.mono)
        return effects

    # Inside.

    def _pass(self, peer: MemberId, mono: float) -> list[Effect]:
        """The last headers of some streams that a peer's floors may wrongly pass."""
        row, claim = self._passing[peer], self._claims.get(peer)
        floors = claim.floors.values() if claim is not None else ()
        waiting = [self._passed(claim, floor, row) for floor in floors]
        found = filter(None, chain.from_iterable(zip_longest(*waiting)))
        names: list[Hash] = []
        for stream, name in islice(found, HEADS):
            row.last[stream.author] = stream
            names.append(name)
        settings = self._book.settings
        shortest = settings.frontier_backoff_min
        row.pause = (
            min(settings.frontier_backoff_max, max(shortest, 2 * row.pause)) if names else 0.0
        )
        row.due, row.next = False, mono + max(shortest, row.pause)
        return [Send(peer, Frontiers(), tuple(names))] if names else []

    def _passed(
        self, claim: Claim | None, floor: FloorEntry, row: Passing
    ) -> list[tuple[Stream, Hash]]:
        """Those of one author, the newest first of all, then from behind the one that was told last."""
        author, last = self._book.streams.authors.get(floor.author), row.last.get(floor.author)
        found = [
            (state.stream, state.end.hash)
            for state in (overtaken(author, floor) if author is not None else ())
            if state.end is not None and state.end.hash not in self._book.damaged
            and not _names(claim, state.stream)
        ]  # fmt: skip
        return sorted(found, key=lambda pair: last is not None and pair[0] >= last)

    def _head(self, stream: Stream) -> HeadKnown | None:
        state, floor = self._book.streams.get(stream), self._book.streams.floor(stream)
        head = _furthest(state) if state is not None else None
        if state is None or head is None or head.seq <= max(floor, _told_of(state)):
            return None
        # Of an envelope that was damaged on disk we know the header, and cannot show it.
        return head if head.hash not in self._book.damaged else None

    def _row(self, peer: MemberId, stream: Stream, seq: int) -> Told | None:
        """What is remembered of this head, or of a later one; None if there is no room."""
        rows = self._told.setdefault(peer, {})
        row = rows.get(stream)
        if row is not None and row.seq >= seq:
            return row
        if row is None and len(rows) >= MAX_TOLD:
            return None
        row = rows[stream] = Told(seq)
        return row

    def _again(self, peer: MemberId, mono: float, head_of: HeadOf) -> list[Stream]:
        """Heads that a peer is told once more; what is no head any more is forgotten."""
        rows = self._told.get(peer, {})
        found: list[Stream] = []
        for stream, row in list(rows.items()):
            head = head_of(stream)
            if head is None or head.seq != row.seq:
                if row.sent:
                    del rows[stream]
            elif row.owed or (not row.heard and row.next <= mono):
                if self._shown(peer, stream, row.seq):
                    row.next = math.inf
                if row.owed or row.next <= mono:
                    found.append(stream)
        return found[:HEADS]

    def _shown(self, peer: MemberId, stream: Stream, seq: int) -> bool:
        """Whether a peer's frontier reaches as far: it has it, gave it up, or wants it no more."""
        claim = self._claims.get(peer)
        if claim is None:
            return False
        closed = claim.closed.get(stream, ())
        reached = max(claim.end(stream), closed[-1][1] if closed else 0)
        return reached >= seq or claim.pruned(stream, seq)

    def _tell(
        self, peer: MemberId, streams: Iterable[Stream], now: Instant, patient: bool = False
    ) -> list[Effect]:
        names: list[Hash] = []
        for stream in streams:
            head = self._head(stream)
            if head is not None:
                names.append(head.hash)
                self._count(peer, stream, head.seq, now.mono)
        return [
            Send(peer, Frontiers(), tuple(names[start : start + HEADS]), patient)
            for start in range(0, len(names), HEADS)
        ]

    def _count(self, peer: MemberId, stream: Stream, seq: int, mono: float) -> None:
        row = self._row(peer, stream, seq)
        if row is None:
            return
        settings = self._book.settings
        # One answer counts for all before it and one to come, so that two that count differently end.
        row.sent = max(row.sent, row.heard) + 1 if row.sent else 1
        longer = max(settings.frontier_backoff_min, 2 * row.pause)
        row.pause = min(settings.frontier_backoff_max, longer)
        row.next = mono + row.pause


def _names(claim: Claim | None, stream: Stream) -> bool:
    """Whether a member says anything of a stream."""
    return claim is not None and (stream in claim.streams or stream in claim.aside)


def _told_of(state: StreamState) -> int:
    """How far a frontier tells of what we have of a stream: of one that forks, nowhere beyond."""
    entry = state.entry()
    return entry[-1][1] if entry else 0


def _furthest(state: StreamState) -> HeadKnown | None:
    """The head of a stream; of one that forks, our last envelope beyond may be it."""
    last = state.held.last
    if not state.beyond(last) or (state.head is not None and state.head.seq >= last):
        return state.head
    held, s = state.ending(last), state.stream
    return HeadKnown(s.author, s.epoch, s.boot, last, held.hlc, held.hash) if held else state.head
