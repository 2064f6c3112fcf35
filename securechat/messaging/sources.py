"""
One peer as a source of missing posts: what it was asked, what it answered, when it failed.

A peer has one want at a time.  Who does not answer in time is left alone, 5 s at first and up to a
minute if it goes on; who breaks the protocol by an answer (a signature, a text that its header does
not bind) loses its link at the door and gets a strike: 30 s at first, up to ten minutes.  A link that
ends for anything else, a breach of ours or one in another message included, is no strike.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from attrs import define, field

from securechat.ids import Stream
from securechat.messaging.messages import Why
from securechat.messaging.ranges import Ranges, Span

NO_ANSWER = "no answer"
BAD_ANSWER = "bad answer"
NO = frozenset(Why)
"""Answers by which a peer says that it does not have a range."""
LAG_MAX = 60.0
STRIKE_MIN = 30.0
STRIKE_MAX = 600.0
PATIENCE = 6
"""A want whose answer comes bit by bit may take so many times as long as one that does not."""
RECENT = 8
"""Wants of one peer whose late answers are still known as answers."""
MAX_FAILURES = 16
"""Ranges of one stream of which it is remembered that asking brought nothing."""


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
    answers: dict[Stream, dict[Span, str]] = field(factory=dict)
    failures: dict[Stream, dict[Span, str]] = field(factory=dict)
    """What asking brought nothing of, to be shown; it may be asked for again."""
    lacking: dict[Stream, None] = field(factory=dict)
    """Streams of which it claims what we may lack."""
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
        """The same peer on a new link: its answers are void, a strike is not."""
        fresh = Source(strikes=self.strikes, lacking=dict.fromkeys(lacking), recent=self.recent)
        if self.strikes and mono < self.quiet:
            fresh.quiet, fresh.failures = self.quiet, self.failures
        return fresh

    def refuse(self, stream: Stream, spans: Iterable[Span], why: str) -> None:
        """It does not have these."""
        for span in spans:
            self.refused.setdefault(stream, Ranges()).add(*span)
            self.answers.setdefault(stream, {})[span] = why

    def forgive(self, stream: Stream) -> None:
        """News of this stream from it: what it said before is void."""
        self.refused.pop(stream, None)
        self.answers.pop(stream, None)
        self.failures.pop(stream, None)

    def ask_again(self, stream: Stream) -> bool:
        """It still says to have this stream: whether anything was left without an answer."""
        answers = self.answers.get(stream, {})
        kept = {span: why for span, why in answers.items() if why != NO_ANSWER}
        if len(kept) == len(answers):
            return False
        self.answers[stream], self.refused[stream] = kept, Ranges.of(kept)
        return True

    def answered(self) -> None:
        """The answer is whole."""
        self.want, self.lag = None, 0

    def lagged(self, mono: float, timeout: float) -> None:
        """The answer did not come in time."""
        self.quiet = mono + min(LAG_MAX, timeout * 2.0**self.lag)
        self.lag += 1
        self._failed(NO_ANSWER)

    def struck(self, mono: float) -> None:
        """It broke the protocol by what it answered."""
        self.quiet = mono + min(STRIKE_MAX, STRIKE_MIN * 2.0**self.strikes)
        self.strikes += 1
        self._failed(BAD_ANSWER)

    def denied(self, stream: Stream, first: int, last: int) -> Why | None:
        """What it answered, if it has none of a range."""
        no = {span: why for span, why in self.answers.get(stream, {}).items() if why in NO}
        if not Ranges.of(no).covers(first, last):
            return None
        pruned = any(why == Why.PRUNED for (a, b), why in no.items() if a <= last and first <= b)
        return Why.PRUNED if pruned else Why.NEVER_HAD

    def failed(self, stream: Stream, first: int, last: int) -> str:
        """Why asking it for some of a range brought nothing; empty if it did not happen."""
        answers = {**self.answers.get(stream, {}), **self.failures.get(stream, {})}
        found = [why for (a, b), why in answers.items() if a <= last and first <= b]
        return next((why for why in reversed(found) if why not in NO), "")

    def _failed(self, why: str) -> None:
        want, self.want = self.want, None
        if want is not None:
            rows = self.failures.setdefault(want.stream, {})
            rows.pop((want.first, want.last), None)
            rows[(want.first, want.last)] = why
            for span in list(rows)[:-MAX_FAILURES]:
                del rows[span]
