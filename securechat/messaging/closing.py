"""
When a gap is given up, and when it opens again (DESIGN 6, recovery).

A missing range closes once every member of the roster has shown that it does not have it, each by one
of these, or by several that cover the range together, none of them heard before the gap was known:

- it was asked and answered ``pruned`` or ``never had``;
- a whole frontier of it names none of the range; but of a stream with many holes it names the newest
  ranges only, so of what lies below them it says nothing, and it is asked for that;
- a floor of it covers the range: it keeps nothing of that;
- its digest was equal to ours, and we have none of it either;
- its frontier says that it has given the range up itself.

A floor never falls, so it may come through others.  What else others pass on may be from long ago, when
the posts were not yet said: of a member it counts only what came on a link of its own.

Nothing is given up in the first period after it is known: who has just come, or lost its disk, meets
the members one after the other, and the first that it meets are not all.

That is a fact with its cause and all answers, is told in our frontier, and outlives a restart.  Any
claim of a post of the range opens it again, once its holder may be asked (``sources``); so does
anything that changes the range.  What a member got after it had shown that, it claims soon: its digest
is then unlike ours, or that of who passes it on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from enum import StrEnum

from attrs import define, field

from securechat.effects import Effect, Forget, Notify, Record
from securechat.ids import MAX_INT, MemberId, Stream
from securechat.inputs import Instant
from securechat.messaging.announcing import Announcing
from securechat.messaging.book import Book
from securechat.messaging.claims import Claim, Claims
from securechat.messaging.facts import GapClosed
from securechat.messaging.held import StreamState
from securechat.messaging.messages import Why
from securechat.messaging.peers import Peers
from securechat.messaging.ranges import Ranges, Span, minus
from securechat.messaging.recovery import Recovery
from securechat.messaging.statements import MAX_RANGES
from securechat.notices import GapChanged


class Cause(StrEnum):
    """Why a gap was given up."""

    PRUNED = "pruned by all"
    NEVER_HAD = "never had by any"
    MIXED = "pruned by some, never had by others"


def cause_of(answers: Iterable[Why]) -> Cause:
    """The cause that these answers make."""
    found = set(answers)
    if found == {Why.PRUNED}:
        return Cause.PRUNED
    return Cause.NEVER_HAD if found == {Why.NEVER_HAD} else Cause.MIXED


@define(eq=False)
class Closing:
    """Gives gaps up, and takes them up again."""

    _book: Book
    _peers: Peers
    _claims: Claims
    _recovery: Recovery
    _announcing: Announcing
    _since: dict[Stream, tuple[list[Span], list[float]]] = field(factory=dict)
    """What is missing of each stream, and since when each of these ranges is known to be."""
    _later: dict[tuple[MemberId, Stream], None] = field(factory=dict)
    """Claims of who is not asked now: what it claimed last it did not have."""
    _next: float = 0.0

    def denial(self, member: MemberId, stream: Stream, first: int, last: int) -> Why | None:
        """How a member has shown that it has none of a range, by all that it said; None if not."""
        source, claim = self._recovery.sources.get(member), self._claims.get(member)
        left = source.unsaid(stream, first, last) if source is not None else [(first, last)]
        floor = claim.floor(stream) if claim is not None else 0
        pruned = source is not None and source.pruned(stream, first, last)
        pruned = pruned or any(a <= floor for a, _ in left)
        left = [(max(a, floor + 1), b) for a, b in left if b > floor]
        if left and not self._lacks(member, claim, stream, left):
            return None
        return Why.PRUNED if pruned else Why.NEVER_HAD

    def claimed(self, holder: MemberId, streams: Iterable[Stream], mono: float) -> list[Effect]:
        """A member's frontier says something else of these streams: what it claims is open again."""
        return [effect for s in streams for effect in self._reopen(holder, s, mono)]

    def settle(self, now: Instant) -> list[Effect]:
        """Forget what is no gap any more; once a period, look what can be given up."""
        effects: list[Effect] = []
        for stream in self._book.streams.changed:
            state = self._book.streams.get(stream)
            self._watch(stream, state, now.mono)
            if state is not None and state.closed:
                effects += self._tidy(state)
        if self._since and now.mono >= self._next:
            self._next = now.mono + self._book.settings.period
            for holder, stream in list(self._later):
                effects += self._reopen(holder, stream, now.mono)
            for stream in self._since:
                state = self._book.streams.get(stream)
                if state is not None:
                    effects += self._judge(state, now)
        return effects

    # Inside.

    def _reopen(self, holder: MemberId, stream: Stream, mono: float) -> list[Effect]:
        """What a member claims of what was given up, once it may be asked for it."""
        claim, state = self._claims.get(holder), self._book.streams.get(stream)
        facts = state.closed.values() if claim is not None and state is not None else ()
        found = [f for f in facts if claim is not None and claim.has(stream, f.first, f.last)]
        if found and mono < self._recovery.paused(holder, stream):
            self._later[(holder, stream)] = None
            return []
        self._later.pop((holder, stream), None)
        return [e for fact in found for e in _reopened(fact, f"{{{holder}}} claims it")]

    def _lacks(
        self, member: MemberId, claim: Claim | None, stream: Stream, left: list[Span]
    ) -> bool:
        """Whether a member's own frontiers and digest show that it has nothing of these."""
        if claim is None or any(claim.has(stream, *span) for span in left):
            return False
        if member in self._peers.linked:
            left = minus(left, Ranges.of(claim.closed.get(stream, ())))
        if not left:
            return True
        since = self._known_since(stream, left[0][0], left[-1][1])
        return since is not None and self._claims.shown_at(member, stream, left[0][0]) > since

    def _watch(self, stream: Stream, state: StreamState | None, mono: float) -> None:
        """What is missing of a stream, each range since all of it is known."""
        gaps = self._book.streams.wanted(state) if state is not None else []
        if not gaps:
            self._since.pop(stream, None)
            return
        before = dict(zip(*self._since.get(stream, ([], [])), strict=True))
        news = [span for span in gaps if span not in before]
        for span in news:
            since = self._known_since(stream, *span)
            before[span] = mono if since is None else since
        self._since[stream] = (gaps, [before[span] for span in gaps])

    def _known_since(self, stream: Stream, first: int, last: int) -> float | None:
        """Since when all of a range is known to be missing; None if it is not."""
        spans, since = self._since.get(stream, ([], []))
        at = bisect_right(spans, (first, MAX_INT)) - 1
        return since[at] if at >= 0 and last <= spans[at][1] else None

    def _tidy(self, state: StreamState) -> list[Effect]:
        """What was given up and is here now; what retention passes, it forgets itself."""
        return [
            Record(Forget((fact.key,)))
            for fact in state.closed.values()
            if state.missing(fact.first, fact.last) != [(fact.first, fact.last)]
        ]

    def _judge(self, state: StreamState, now: Instant) -> list[Effect]:
        gaps = self._book.streams.wanted(state)[-MAX_RANGES:]
        before = now.mono - self._book.settings.period
        effects: list[Effect] = []
        for first, last in gaps:
            since = self._known_since(state.stream, first, last)
            old = since is not None and since <= before
            if old and state.closing(first, last) is None:
                effects += self._close(state.stream, (first, last), now)
        if effects:
            self._announcing.recovered(state.stream)
        return effects

    def _close(self, stream: Stream, span: Span, now: Instant) -> list[Effect]:
        answers: list[tuple[MemberId, Why]] = []
        for member in self._peers.roster:
            why = self.denial(member, stream, *span)
            if why is None or self._recovery.asking(member, stream, *span):
                return []
            answers.append((member, why))
        if not answers:
            return []
        cause = cause_of(why for _, why in answers)
        s, told = stream, tuple((member, str(why)) for member, why in answers)
        ours = "; damaged on our disk" if damaged_within(self._book, stream, span) else ""
        fact = GapClosed(s.author, s.epoch, s.boot, *span, f"{cause}{ours}", told, now.wall_ms)
        self._book.counters["gaps_closed"] += 1
        return [Record(fact), Notify(GapChanged(stream, *span, "closed", fact.why))]


def damaged_within(book: Book, stream: Stream, span: Span) -> bool:
    """Whether we had some of a range, and it was damaged on disk."""
    lost = (held for held in book.damaged.values() if held is not None and held.stream == stream)
    return any(held.first <= span[1] and span[0] <= held.last for held in lost)


def _reopened(fact: GapClosed, why: str) -> list[Effect]:
    told = GapChanged(fact.stream, fact.first, fact.last, "reopened", why)
    return [Record(Forget((fact.key,))), Notify(told)]
