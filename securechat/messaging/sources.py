"""
One peer as a source of missing posts: what it was asked, what it answered, when it failed.

A peer has one want at a time.  Who does not answer in time is left alone, 5 s at first and up to a
minute if it goes on; who breaks the protocol by an answer (a signature, a text that its header does
not bind) loses its link at the door and gets a strike: 30 s at first, up to ten minutes.  A link that
ends for anything else, a breach of ours or one in another message included, is no strike.

A whole answer that fills nothing costs little: the peer is left alone for a tenth of a second, then
twice as long and so on up to 5 s, and for this stream for a second at first and up to a minute,
whatever it claims meanwhile.  The first answer that fills anything ends that.  What it answered is kept
as ranges, so many at most; more is forgotten all at once, and those pauses bound what is asked again.

A want whose link ends before its answer is asked again at once, of those first who have failed least.
So one who takes up links and drops them keeps no range from others, nor do several in turn; unless they
each fill something else in between, and so count as answering.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from attrs import define, field

from securechat.ids import MAX_INT, Stream
from securechat.messaging.messages import Why
from securechat.messaging.ranges import Ranges, Span, minus

NO_ANSWER = "no answer"
BAD_ANSWER = "bad answer"
LAG_MAX = 60.0
PACE_MIN = 0.1
PACE_MAX = 5.0
PAUSE_MIN = 1.0
PAUSE_MAX = 60.0
MAX_PAUSES = 1024
"""Streams of which it is remembered that the last answer filled nothing."""
MAX_ANSWERED = 8192
"""Ranges that are remembered of the answers of one peer."""
STRIKE_MIN = 30.0
STRIKE_MAX = 600.0
PATIENCE = 6
"""A want whose answer comes bit by bit may take so many times as long as one that does not."""
RECENT = 8
"""Wants of one peer whose late answers are still known as answers."""
MAX_FAILURES = 16
"""Ranges of one stream of which it is remembered that asking brought nothing."""
MAX_FAILED = 1024
"""Streams of which that is remembered."""


@define(eq=False)
class Asked:
    """The one outstanding want of a peer."""

    stream: Stream
    first: int
    last: int
    begun: float
    until: float
    brought: bool = False
    """Whether any post of it came."""
    finished: Span | None = None
    """Once the final Backfill came: the part of the range that was answered."""

    def touches(self, stream: Stream, first: int, last: int) -> bool:
        """Whether it is for some of a range."""
        return self.stream == stream and self.first <= last and first <= self.last

    def progress(self, mono: float, timeout: float) -> None:
        """Some of the answer came."""
        self.until = min(mono + timeout, self.begun + PATIENCE * timeout)


@define(eq=False)
class Source:
    """One peer as a source of missing posts."""

    want: Asked | None = None
    quiet: float = 0.0
    """It is left alone until then."""
    lag: int = 0
    """Wants in a row that it did not answer in time."""
    strikes: int = 0
    refused: dict[Stream, Ranges] = field(factory=dict)
    answers: dict[Stream, dict[str, Ranges]] = field(factory=dict)
    """What it refused, by why."""
    failures: dict[Stream, dict[Span, str]] = field(factory=dict)
    """What asking brought nothing of, to be shown; it may be asked for again."""
    lacking: dict[Stream, None] = field(factory=dict)
    """Streams of which it claims what we may lack."""
    fruitless: int = 0
    """Whole answers in a row that filled nothing."""
    unanswered: int = 0
    """Wants that it did not answer in time, or before a link ended, since one filled anything."""
    _pauses: dict[Stream, tuple[float, int]] = field(factory=dict)
    """Until when it is not asked for a stream, and after how many such answers about it."""
    _answered: int = 0
    """Ranges in all its answers."""
    recent: deque[tuple[Stream, Span]] = field(factory=lambda: deque(maxlen=RECENT))
    """What it was asked for lately: an answer may come late, or over the link before this one."""

    def ask(self, want: Asked) -> None:
        """It is asked for this."""
        self.want = want
        self.recent.append((want.stream, (want.first, want.last)))

    def asked(self, stream: Stream, first: int, last: int) -> tuple[Stream, Span] | None:
        """The want that a Backfill of this range answers, if it was asked for that lately."""
        for wanted, span in reversed(self.recent):
            if wanted == stream and span[0] <= first and span[1] == last:
                return wanted, span
        return None

    def anew(self, lacking: Iterable[Stream], mono: float) -> Source:
        """The same peer on a new link: its answers are void; a strike is not, nor a want left open."""
        self.broken_off()
        fresh = Source(strikes=self.strikes, lacking=dict.fromkeys(lacking), recent=self.recent)
        fresh.unanswered = self.unanswered
        if self.strikes and mono < self.quiet:
            fresh.quiet, fresh.failures = self.quiet, self.failures
        return fresh

    def refuse(self, stream: Stream, spans: Iterable[Span], why: str) -> None:
        """It does not have these."""
        rows = self.answers.pop(stream, {})
        self._answered -= _count(rows)
        for span in spans:
            for found in rows.values():
                found.remove(*span)
            rows.setdefault(why, Ranges()).add(*span)
        self._keep(stream, rows)

    def forgive(self, stream: Stream, but: int = 0) -> None:
        """News of this stream from it: what it said before is void, but of posts up to ``but``."""
        self.failures.pop(stream, None)
        self._forget(stream, (but + 1, MAX_INT) if but < MAX_INT else None)

    def ask_again(self, stream: Stream, unsaid: int = 0) -> bool:
        """
        It still says to have this stream: whether anything was left without an answer, or lies below
        what it could name (``unsaid``), where it may have got more.
        """
        before = self.refused.get(stream, Ranges()).spans
        self._forget(stream, (1, unsaid) if unsaid else None)
        return self.refused.get(stream, Ranges()).spans != before

    def _forget(self, stream: Stream, span: Span | None) -> None:
        """What it did not answer; and its answers about these posts."""
        rows = self.answers.pop(stream, {})
        self._answered -= _count(rows)
        rows.pop(NO_ANSWER, None)
        for found in rows.values():
            if span is not None:
                found.remove(*span)
        self._keep(stream, rows)

    def _keep(self, stream: Stream, rows: dict[str, Ranges]) -> None:
        kept = {why: found for why, found in rows.items() if found}
        self.refused.pop(stream, None)
        if kept:
            self.answers[stream] = kept
            self.refused[stream] = Ranges.of(s for found in kept.values() for s in found.spans)
        self._answered += _count(kept)
        if self._answered > MAX_ANSWERED:
            self.answers, self.refused, self._answered = {}, {}, 0

    def answered(self) -> None:
        """The answer is whole."""
        self.want, self.lag = None, 0

    def filled(self, stream: Stream) -> None:
        """An answer about this stream brought something that was missing."""
        self.fruitless = self.unanswered = 0
        self._pauses.pop(stream, None)

    def filled_nothing(self, stream: Stream, mono: float) -> None:
        """A whole answer about this stream brought nothing that was missing."""
        pace = min(PACE_MAX, PACE_MIN * 2.0 ** min(self.fruitless, 16))
        self.quiet, self.fruitless = max(self.quiet, mono + pace), self.fruitless + 1
        _, times = self._pauses.pop(stream, (0.0, 0))
        pause = min(PAUSE_MAX, PAUSE_MIN * 2.0 ** min(times, 16))
        self._pauses[stream] = (mono + pause, times + 1)
        if len(self._pauses) > MAX_PAUSES:
            del self._pauses[next(iter(self._pauses))]

    def broken_off(self) -> None:
        """A link to it ended: what it was asked may not be answered any more."""
        if self.want is not None:
            self.unanswered += self.want.finished is None
            self.want = None

    @property
    def failed_lately(self) -> int:
        """Wants that came to nothing since one filled anything."""
        return self.unanswered + self.fruitless

    def paused(self, stream: Stream) -> float:
        """Until when it is not asked for a stream."""
        return self._pauses.get(stream, (0.0, 0))[0]

    def lagged(self, mono: float, timeout: float) -> None:
        """The answer did not come in time."""
        self.quiet = mono + min(LAG_MAX, timeout * 2.0**self.lag)
        self.lag += 1
        self.unanswered += 1
        self._failed(NO_ANSWER)

    def struck(self, mono: float) -> None:
        """It broke the protocol by what it answered."""
        self.quiet = mono + min(STRIKE_MAX, STRIKE_MIN * 2.0**self.strikes)
        self.strikes += 1
        self._failed(BAD_ANSWER)

    def unsaid(self, stream: Stream, first: int, last: int) -> list[Span]:
        """What of a range it has not answered that it does not have."""
        rows = self.answers.get(stream, {})
        left = [(first, last)]
        for why in Why:
            left = minus(left, rows[why]) if why in rows else left
        return left

    def pruned(self, stream: Stream, first: int, last: int) -> bool:
        """Whether it answered of some of a range that it has pruned it."""
        return _touch(self.answers.get(stream, {}).get(Why.PRUNED), first, last)

    def failed(self, stream: Stream, first: int, last: int) -> str:
        """Why asking it for some of a range brought nothing; empty if it did not happen."""
        failures = self.failures.get(stream, {})
        found = [why for (a, b), why in failures.items() if a <= last and first <= b]
        if found:
            return found[-1]
        left = self.answers.get(stream, {}).get(NO_ANSWER)
        return NO_ANSWER if _touch(left, first, last) else ""

    def _failed(self, why: str) -> None:
        want, self.want = self.want, None
        if want is not None:
            rows = self.failures.setdefault(want.stream, {})
            rows.pop((want.first, want.last), None)
            rows[(want.first, want.last)] = why
            for span in list(rows)[:-MAX_FAILURES]:
                del rows[span]
            if len(self.failures) > MAX_FAILED:
                del self.failures[next(iter(self.failures))]


def _count(rows: dict[str, Ranges]) -> int:
    return sum(len(found.spans) for found in rows.values())


def _touch(found: Ranges | None, first: int, last: int) -> bool:
    """Whether any of a range is in."""
    return found is not None and found.missing(first, last) != [(first, last)]
