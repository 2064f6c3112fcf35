"""
Recovery pulls: which missing posts to ask of whom, and what the answers mean (DESIGN 6).

- Newest first, at most 256 posts a want, one outstanding want a peer, 5 s for the answer or for more of
  it.  Who fails is left alone for a while (``sources``), and others are asked.
- The author is asked if linked.  Else a long gap is spread over all linked peers whose latest frontiers
  claim it: each is asked for the newest part that nobody else is asked for.  A hole in a linked
  author's own stream waits half a second for the frames that may be on their way.
- A want is answered for its whole range.  What was answered "pruned" or "never had" is remembered of
  that peer until its frontier says something else of the stream, what was not answered at all (or
  not taken: its clock was too far ahead) until a frontier of it names the stream again; both until
  the next link-up.  Full frontiers back off to one in 30 s, so recovery always comes to rest.
  What an author's head alone tells of, and was given up, is asked for again once he claims it.
- Who answers a want with nothing of it is not asked for what lies below in the same hole either.  So a
  false claim costs a want, not one for each 256 posts that never were; and so does an author's own
  false word for how far it went.
- Of a stream that a peer names with nothing, since it forks there, it is asked for what is known, once.
- Of a stream with more holes than a frontier can name, a peer is asked for the known gaps below those
  too, newest first; what it answers of them stays until that is through (ADR 17).
- A range that ends with another header than ours is asked for as well: its author has signed two
  histories, and both are the proof (``held``).
- Who answers with nothing that was missing is asked again, for that stream and for others, with growing
  pauses (``sources``), however often it claims something else meanwhile.
- Of several who have a range one who failed lately is asked last, however often it comes anew.
- How much is asked for in all, and for whose posts next: ``shares``.

Volatile: a gap is found again after any start, from the heads and frontiers that peers send.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from securechat.effects import Effect, Send
from securechat.ids import MAX_INT, MemberId, Stream
from securechat.inputs import Instant, LinkDown
from securechat.messaging.book import Book
from securechat.messaging.claims import Claims
from securechat.messaging.messages import MAX_WANTED, Absent, Backfill, Want
from securechat.messaging.peers import Peers
from securechat.messaging.ranges import Ranges, Span, minus
from securechat.messaging.shares import Shares
from securechat.messaging.sources import NO_ANSWER, Asked, Source

ANSWERS = frozenset({Backfill.__name__, Absent.__name__})
"""Messages that answer a want."""


@define(eq=False)
class Recovery:
    """Asks for what is missing."""

    _book: Book
    _peers: Peers
    _claims: Claims
    _shares: Shares
    sources: dict[MemberId, Source] = field(factory=dict)
    _since: dict[Stream, float] = field(factory=dict)
    """When a hole in a stream was first seen."""
    _wake: float | None = None
    _look: bool = False
    """Whether anything happened that could make a want possible."""

    @property
    def wake(self) -> float | None:
        """When it looks again by itself, on the monotonic clock."""
        return self._wake

    def failed(self, member: MemberId, stream: Stream, first: int, last: int) -> str:
        """Why asking a member for some of a range brought nothing; empty if it did not happen."""
        source = self.sources.get(member)
        return source.failed(stream, first, last) if source is not None else ""

    def asking(self, member: MemberId, stream: Stream, first: int, last: int) -> bool:
        """Whether a member is being asked for some of a range."""
        source = self.sources.get(member)
        want = source.want if source is not None else None
        return want is not None and want.touches(stream, first, last)

    def paused(self, member: MemberId, stream: Stream) -> float:
        """Until when a member is not asked for a stream, since its last answer filled nothing."""
        source = self.sources.get(member)
        return source.paused(stream) if source is not None else 0.0

    def next_try(self, stream: Stream) -> float | None:
        """When something of a stream may be asked for next, if that is known; monotonic."""
        linked = [self.sources.get(peer) for peer in self._peers.linked]
        rows = [source for source in linked if source is not None]
        waits = any(s.want.stream == stream if s.want else stream in s.lacking for s in rows)
        return self._wake if waits else None

    # What happened.

    def up(self, peer: MemberId, mono: float) -> None:
        """A peer came, or came again: all its answers are void."""
        claim = self._claims.get(peer)
        lacking = dict.fromkeys(claim.streams) if claim is not None else {}
        own = self._book.streams.authors.get(peer)
        states = own.in_order() if own is not None else []
        lacking.update((state.stream, None) for state in states if self._book.streams.wanted(state))
        self.sources[peer] = self.sources.get(peer, Source()).anew(lacking, mono)
        self._look = True

    def ended(self, link: LinkDown, mono: float) -> None:
        """
        A link ended; if its peer broke the protocol by what it answered, that is a strike.  Else what
        was asked is asked again, even if another is still up: it may not be read any more.
        """
        source = self.sources.get(link.peer)
        if source is not None and link.offence in ANSWERS:
            source.struck(mono)
            self._book.counters["strikes"] += 1
        elif source is not None:
            source.broken_off()
        self._look = True

    def down(self, peer: MemberId) -> None:
        """A peer went; what it answered stays, as what we know of it."""
        source = self.sources.get(peer)
        if source is not None:
            source.lacking = {}
        for stream in [stream for stream in self._since if stream.author == peer]:
            del self._since[stream]
        self._claims.digests.pop(peer, None)
        self._look = True

    def claimed(self, holder: MemberId, streams: Iterable[Stream], linked: bool) -> None:
        """A member's frontier says something else of these streams."""
        source = self.sources.setdefault(holder, Source())
        changed, named = list(streams), self._claims.named
        under_way = {stream for stream in (*changed, *named) if stream in source.lacking}
        for stream in changed:
            # What it cannot name it is asked for from the newest on, and not from there ever again.
            source.forgive(stream, but=self._unsaid(holder, stream) if stream in under_way else 0)
            if linked and self._offers(holder, stream):
                source.lacking[stream] = None
            elif linked:
                # What it says no more to have would wait here for ever behind what it has.
                source.lacking.pop(stream, None)
                if stream.author == holder:
                    self._since.pop(stream, None)
            self._look = self._look or linked
        claim = self._claims.get(holder)
        for stream in named:
            unsaid = 0 if stream in under_way else self._unsaid(holder, stream)
            # Who names it with nothing once more says nothing new: what it answered stays.
            silent = unsaid == MAX_INT and claim is not None and stream in claim.streams
            again = source.ask_again(stream, 0 if silent else unsaid) or unsaid == MAX_INT
            if again and linked:
                source.lacking[stream] = None
                self._look = True

    def lost(self, stream: Stream) -> None:
        """Something of a stream is not here any more: who claims it may be asked."""
        for peer in self._peers.linked:
            claim, source = self._claims.get(peer), self.sources.get(peer)
            if source is not None and claim is not None and stream in claim.streams:
                source.lacking[stream] = None
                self._look = True

    def backfill(
        self, peer: MemberId, message: Backfill, mono: float, brought: bool, fills: bool
    ) -> None:
        """
        A batch of an answer; what it leaves open is seen once its facts are applied.  ``brought``:
        there are posts of the want in it; ``fills``: some of them were missing, so it gets on.
        """
        want = self._want(peer, message.stream)
        if want is not None:
            want.brought = want.brought or brought
        if want is not None and message.final:
            if want.first <= message.first and message.last == want.last:
                want.finished = (message.first, message.last)
                self._look = True
        elif want is not None and fills:
            want.progress(mono, self._book.settings.want_timeout)

    def absent(self, peer: MemberId, message: Absent) -> None:
        """A part of a want that the peer does not have."""
        want = self._want(peer, message.stream)
        if want is not None:
            asked = Ranges.of([(want.first, want.last)])
            outside = minus(message.ranges, asked)
            spans = minus(message.ranges, Ranges.of(outside))
            self.sources[peer].refuse(message.stream, spans, message.why)

    def keep(self, members: set[MemberId]) -> None:
        """Only these members matter."""
        for member in [member for member in self.sources if member not in members]:
            del self.sources[member]

    # Time.

    def due(self, mono: float) -> bool:
        """Whether a want timed out or may be sent now."""
        return self._wake is not None and self._wake <= mono

    def tick(self, now: Instant) -> None:
        """Look again at the end of the turn, if it is time."""
        self._look = self._look or self.due(now.mono)

    def settle(self, now: Instant) -> list[Effect]:
        """Judge what was answered, then ask for more."""
        self._ask_authors()
        if not self._look:
            return []
        self._look, self._wake = False, None
        linked = [(peer, self.sources[peer]) for peer in self._peers.linked if peer in self.sources]
        for peer, source in linked:
            self._judge(peer, source, now)
        idle = [(peer, source) for peer, source in linked if not source.want and source.lacking]
        effects: list[Effect] = []
        place = self._shares.place
        for peer, source in sorted(
            idle, key=lambda row: (row[1].failed_lately, min(map(place, row[1].lacking)))
        ):
            asked = self._ask(peer, source, now)
            if asked is None:
                break
            effects += asked
        for source in self.sources.values():
            if source.want is not None:
                self._sleep(source.want.until)
        return effects

    # Inside.

    def _ask_authors(self) -> None:
        """
        A hole in a stream whose author is linked: he signed that it is none, so he is asked.  One in a
        stream that was held for pruned before: so are all who claimed it then.
        """
        streams = self._book.streams
        for stream in streams.changed:
            state = streams.get(stream)
            if state is not None and streams.lies_aside(stream) and streams.wanted(state):
                self.lost(stream)
            source = self.sources.get(stream.author)
            linked = stream.author in self._peers.linked
            if source is not None and linked and state and self._book.streams.wanted(state):
                source.lacking[stream] = None
                self._look = True

    def _want(self, peer: MemberId, stream: Stream) -> Asked | None:
        source = self.sources.get(peer)
        want = source.want if source is not None else None
        return want if want is not None and want.stream == stream else None

    def _judge(self, peer: MemberId, source: Source, now: Instant) -> None:
        want = source.want
        if want is None:
            return
        if want.finished is not None:
            self._judge_whole(peer, source, want.stream, want.finished, want.brought)
            self._weigh(peer, source, want, now)
            source.answered()
        elif want.until <= now.mono:
            self._book.counters["wants_timed_out"] += 1
            source.lagged(now.mono, self._book.settings.want_timeout)
            self._sleep(source.quiet)

    def _judge_whole(
        self, peer: MemberId, source: Source, stream: Stream, span: Span, brought: bool
    ) -> None:
        """What was not in a whole answer the peer does not have."""
        missing = self._book.streams.missing(stream, *span)
        missing += [part for part in self._disputed(peer, stream) if part[1] == span[1]]
        known = source.refused.get(stream) or Ranges()
        source.refuse(stream, minus(missing, known), NO_ANSWER)
        if missing and not brought:
            named = self._unsaid(peer, stream) % MAX_INT + 1
            open_ = [s for s in self._missing(peer, source, stream) if s[1] == span[0] - 1]
            below = [(max(first, named), last) for first, last in open_ if named <= last]
            source.refuse(stream, below, NO_ANSWER)

    def _weigh(self, peer: MemberId, source: Source, want: Asked, now: Instant) -> None:
        """What a whole answer did not bring does not count as asked for."""
        stream, first, last = want.stream, want.first, want.last
        left = self._book.streams.missing(stream, first, last)
        disputed = any(part[1] == last for part in self._disputed(peer, stream))
        if disputed or left == [(first, last)]:
            left = [(first, last)]
            source.filled_nothing(stream, now.mono)
        else:
            source.filled(stream)
        short = sum(b - a + 1 for a, b in left)
        self._shares.back(stream.author, short)

    def _ask(self, peer: MemberId, source: Source, now: Instant) -> list[Effect] | None:
        """A want for a peer, if there is one; None if it must wait, and so must everybody."""
        if now.mono < source.quiet:
            self._sleep(source.quiet)
            return []
        for stream in sorted(source.lacking, key=self._shares.place):
            spans = self._missing(peer, source, stream)
            if not spans:
                del source.lacking[stream]
                continue
            if now.mono < source.paused(stream):
                self._sleep(source.paused(stream))
                continue
            spans = self._free(stream, spans)
            if (
                not spans
                or self._left_to_author(peer, stream, spans, now)
                or self._grace(peer, stream, now)
            ):
                continue
            first, last = spans[-1]
            first = max(first, last - MAX_WANTED + 1)
            wait = self._shares.take(stream, last - first + 1, now.mono)
            if wait is not None:
                self._sleep(now.mono + wait)
                return None
            until = now.mono + self._book.settings.want_timeout
            source.ask(Asked(stream, first, last, now.mono, until))
            self._book.counters["wants"] += 1
            return [Send(peer, Want(stream.author, stream.epoch, stream.boot, first, last))]
        return []

    def _offers(self, holder: MemberId, stream: Stream) -> bool:
        """Whether a member says to have a stream; of its own we may know that it goes on."""
        claim = self._claims.get(holder)
        own = stream.author == holder and self._book.streams.get(stream) is not None
        return own or (claim is not None and stream in claim.streams)

    def _missing(self, peer: MemberId, source: Source, stream: Stream) -> list[Span]:
        """What a peer claims, or said itself since it last claimed, we lack, and it did not refuse."""
        claim, streams = self._claims.get(peer), self._book.streams
        state = streams.get(stream)
        known = state.known if state is not None else 0
        claimed = claim.spans(stream) if claim is not None else ()
        if claim is not None:
            # What it cannot name of a stream with many holes it is asked for all the same.
            below, unsaid = claim.floor(stream), min(self._unsaid(peer, stream), known)
            claimed = ((below + 1, unsaid), *claimed) if below < unsaid else claimed
        if peer == stream.author:
            told = claim.end(stream) if claim is not None and claim.whole else 0
            given_up = Ranges.of(state.closed_spans() if state is not None else ())
            claimed += tuple(given_up.missing(told + 1, known))
        lacked = [part for first, last in claimed for part in streams.missing(stream, first, last)]
        refused = source.refused.get(stream) or Ranges()
        found = minus(lacked, refused) or minus(self._disputed(peer, stream), refused)
        if not found:
            self._since.pop(stream, None)
        return found

    def _unsaid(self, member: MemberId, stream: Stream) -> int:
        """The seq up to which a member cannot name what it has of a stream."""
        claim = self._claims.get(member)
        return claim.unsaid(stream) if claim is not None else 0

    def _disputed(self, peer: MemberId, stream: Stream) -> list[Span]:
        """Ranges that a peer signed to have, and that end with another header than ours."""
        claim, state = self._claims.get(peer), self._book.streams.get(stream)
        if claim is None or state is None or not state.envelopes:
            return []
        streams = self._book.streams
        return [
            (max(first, last - MAX_WANTED + 1), last)
            for first, last, head in claim.streams.get(stream, ())
            if streams.floor(stream) < last <= state.sound
            and state.held.covers(last, last)
            and streams.by_hash(head) is None
        ]

    def _free(self, stream: Stream, spans: list[Span]) -> list[Span]:
        """Without what somebody else is being asked for."""
        wants = [source.want for source in self.sources.values()]
        asked = Ranges.of((w.first, w.last) for w in wants if w and w.stream == stream)
        return minus(spans, asked)

    def _left_to_author(
        self, peer: MemberId, stream: Stream, spans: list[Span], now: Instant
    ) -> bool:
        """Whether the author is linked, answers, and can be asked instead."""
        author = stream.author
        source = self.sources.get(author)
        if author == peer or author not in self._peers.linked or source is None:
            return False
        offered = Ranges.of(self._missing(author, source, stream))
        free = not source.unanswered and max(source.quiet, source.paused(stream)) <= now.mono
        return free and offered.covers(*spans[-1])

    def _grace(self, peer: MemberId, stream: Stream, now: Instant) -> bool:
        """Whether the live frames of a linked author may still be on their way."""
        link = self._peers.linked.get(stream.author)
        if peer != stream.author or link is None or link.boot != stream.boot:
            return False
        start = self._since.setdefault(stream, now.mono)
        end = start + self._book.settings.own_stream_grace
        if now.mono >= end:
            return False
        self._sleep(end)
        return True

    def _sleep(self, until: float) -> None:
        self._wake = until if self._wake is None else min(self._wake, until)
