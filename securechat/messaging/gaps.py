"""
Gaps as people see them: what is missing, who was asked, what each answered, who could not be asked.

Derived from streams, claims and recovery at the moment of reading.  Only that a gap was given up, with
the answers of that moment, is a fact (``closing``).  What lies beyond a proven fork is a gap by itself,
for which nobody is asked, and which is not given up for anybody's answer.
"""

from __future__ import annotations

from attrs import define, evolve, field

from securechat.effects import Effect, Notify
from securechat.ids import MemberId, Stream
from securechat.inputs import Instant
from securechat.messaging.book import Book
from securechat.messaging.closing import Closing
from securechat.messaging.held import StreamState
from securechat.messaging.peers import Peers
from securechat.messaging.ranges import Ranges, Span
from securechat.messaging.recovery import Recovery
from securechat.messaging.views import Answered, GapLine
from securechat.notices import GapChanged

ASKED = "asked"
CLOSED = "closed"
FORKED = "beyond a proven fork at {}; what each heard stays where it is"


@define(eq=False)
class Gaps:
    """Reads gaps, and tells when they change."""

    _book: Book
    _peers: Peers
    _closing: Closing
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
        roster = self._peers.roster
        if state.breach is not None and state.beyond(first):
            verdict = f"{CLOSED}: {FORKED.format(state.breach.seq)}"
            return GapLine(state.stream, first, last, (), tuple(roster), verdict, None)
        fact = state.closing(first, last)
        if fact is not None:
            answers = [Answered(member, answer) for member, answer in fact.answers]
            verdict = f"{CLOSED}: {fact.why}"
        else:
            words = [(member, self._answer(member, state.stream, first, last)) for member in roster]
            answers = [Answered(member, word) for member, word in words if word]
            asking = any(answer.answer == ASKED for answer in answers)
            verdict = "asking" if asking else "waiting"
        heard = {answer.member for answer in answers}
        others = [member for member in roster if member not in heard]
        # First those that could be asked and were not: they claim nothing of it.
        others.sort(key=lambda member: member not in self._peers.linked)
        return GapLine(state.stream, first, last, tuple(answers), tuple(others), verdict, None)

    def timed(self, line: GapLine, now: Instant) -> GapLine:
        """A gap with the seconds until something of it may be asked for again, if that is known."""
        wake = self._recovery.next_try(line.stream)
        if wake is None or line.verdict.startswith(CLOSED):
            return line
        return evolve(line, next_try=max(0.0, wake - now.mono))

    def settle(self) -> list[Effect]:
        """Notices for what changed in the streams of this turn."""
        effects: list[Effect] = []
        for stream in self._book.streams.changed:
            state = self._book.streams.get(stream)
            now = tuple(self._book.streams.gaps(state)) if state is not None else ()
            before = self._told.get(stream, ())
            if now == before:
                continue
            # Only what is new or gone is looked at, not every range of a stream with many.
            was, here = set(before), set(now)
            effects += [_new(stream, state, span) for span in now if span not in was]
            away = [span for span in before if span not in here]
            left, floor = Ranges.of(now if away else ()), self._book.streams.floor(stream)
            gone = [span for span in away if left.missing(*span) == [span]]
            effects += [
                _told(stream, span, "pruned" if span[1] <= floor else "filled") for span in gone
            ]
            if now:
                self._told[stream] = now
            else:
                self._told.pop(stream, None)
        return effects

    def _answer(self, member: MemberId, stream: Stream, first: int, last: int) -> str:
        """What a member said of this range; empty if it was not asked and said nothing."""
        if self._recovery.asking(member, stream, first, last):
            return ASKED
        why = self._closing.denial(member, stream, first, last)
        return str(why) if why is not None else self._recovery.failed(member, stream, first, last)


def _new(stream: Stream, state: StreamState | None, span: Span) -> Effect:
    """A gap that was none before."""
    if state is not None and state.breach is not None and state.beyond(span[0]):
        why = FORKED.format(state.breach.seq)
        return Notify(GapChanged(stream, span[0], span[1], CLOSED, why))
    return _told(stream, span, "open")


def _told(stream: Stream, span: Span, state: str) -> Effect:
    return Notify(GapChanged(stream, span[0], span[1], state, ""))
