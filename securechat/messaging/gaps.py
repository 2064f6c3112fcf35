"""
Gaps as people see them: what is missing, who was asked, what each answered, who could not be asked.

Derived from streams, claims and recovery at the moment of reading, never stored.  A gap is closed
once every member of the roster has answered that it does not have it (or shown so by a whole
frontier); any new claim opens it again.
"""

from __future__ import annotations

from attrs import define, field

from securechat.effects import Effect, Notify
from securechat.ids import MemberId, Stream
from securechat.messaging.book import Book
from securechat.messaging.claims import Claims
from securechat.messaging.held import StreamState
from securechat.messaging.messages import Why
from securechat.messaging.peers import Peers
from securechat.messaging.ranges import Ranges, Span
from securechat.messaging.recovery import Recovery
from securechat.messaging.views import Answered, GapLine
from securechat.notices import GapChanged

ASKED = "asked"
NO = frozenset(Why)


@define(eq=False)
class Gaps:
    """Reads gaps, and tells when they change."""

    _book: Book
    _peers: Peers
    _claims: Claims
    _recovery: Recovery
    _told: dict[Stream, tuple[Span, ...]] = field(factory=dict)

    def all(self) -> tuple[GapLine, ...]:
        """Every gap, by stream."""
        states = sorted(self._book.streams, key=lambda state: state.stream)
        return tuple(
            self.line(state, first, last)
            for state in states
            for first, last in self._book.streams.gaps(state)
        )

    def count(self) -> int:
        """How many there are."""
        return sum(len(self._book.streams.gaps(state)) for state in self._book.streams)

    def line(self, state: StreamState, first: int, last: int) -> GapLine:
        """One gap with its story."""
        asked, open_to, silent = [], [], []
        for member in self._peers.roster:
            word = self._answer(member, state.stream, first, last)
            if word:
                asked.append(Answered(member, word))
            elif member in self._peers.linked:
                open_to.append(member)
            else:
                silent.append(member)
        verdict = "waiting"
        if any(answer.answer == ASKED for answer in asked):
            verdict = "asking"
        elif asked and not open_to and not silent and all(a.answer in NO for a in asked):
            verdict = "closed"
        return GapLine(
            state.stream, first, last, tuple(asked), tuple(open_to + silent), verdict, None
        )

    def settle(self) -> list[Effect]:
        """Notices for what changed in the streams of this turn."""
        effects: list[Effect] = []
        for stream in self._book.streams.changed:
            state = self._book.streams.get(stream)
            now = tuple(self._book.streams.gaps(state)) if state is not None else ()
            before = self._told.get(stream, ())
            if now == before:
                continue
            # Only what is new or gone is told, not every range of a stream with many.
            effects += [_told(stream, span, "open") for span in now if span not in before]
            left = Ranges.of(now)
            filled = [span for span in before if left.missing(*span) == [span]]
            effects += [_told(stream, span, "filled") for span in filled]
            if now:
                self._told[stream] = now
            else:
                self._told.pop(stream, None)
        return effects

    def _answer(self, member: MemberId, stream: Stream, first: int, last: int) -> str:
        """What a member said of this range; empty if it was not asked and said nothing."""
        source = self._recovery.sources.get(member)
        if source is not None:
            want = source.want
            if want and want.stream == stream and want.first <= last and first <= want.last:
                return ASKED
            for (a, b), why in source.answers.get(stream, {}).items():
                if a <= first and last <= b:
                    return str(why)
        claim = self._claims.get(member)
        if claim is None or member not in self._peers.linked:
            # What one who is away once said of everything is no answer to what was missed since.
            return ""
        return claim.denies(stream, first, last) or ""


def _told(stream: Stream, span: Span, state: str) -> Effect:
    return Notify(GapChanged(stream, span[0], span[1], state, ""))
