"""
Group receipts: what others' signed frontiers prove about our own posts (DESIGN 6, group delivery).

Only an explicit stored range counts, never a floor; where the range ends at a header that we hold,
its hash must be that header's.  A range that ends beyond it speaks of what an earlier process of ours
said and this disk lacks; in the stream in which we speak now there is no such thing, so there it proves
nothing, and no post has evidence that is older than itself.  Evidence is kept as facts, with the
frontier itself where there is room (``evidence``).  A post whose deadline passes without it becomes
``unknown`` at that recipient, never "failed".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import define, evolve, field

from securechat.effects import Effect, Forget, Notify, Record
from securechat.ids import MemberId, Stream
from securechat.inputs import Instant
from securechat.messaging.book import Book
from securechat.messaging.evidence import Row
from securechat.messaging.facts import PostsOffered, PostsStored
from securechat.messaging.held import Held
from securechat.messaging.peers import Peers
from securechat.messaging.ranges import Ranges, Span, minus
from securechat.messaging.statements import Frontier, StreamEntry
from securechat.notices import Delivery, DeliveryChanged
from securechat.objects import Admitted


@define(eq=False)
class Acks:
    """Evidence about own posts, and the want of it."""

    _book: Book
    _peers: Peers
    _deadlines: deque[tuple[float, Stream, int]] = field(factory=deque)
    """Own envelopes that were pushed, oldest first."""

    def start(self, now: Instant) -> None:
        """Deadlines of what an earlier process said, clipped to their full length."""
        deadline = self._book.settings.direct_deadline
        waiting = sorted(self._book.evidence.still_open(), key=lambda held: held.at)
        for held in waiting:
            left = deadline - (now.wall_ms - held.at) / 1000
            until = now.mono + min(deadline, max(0.0, left))
            self._deadlines.append((until, held.stream, held.first))

    def pushed(self, stream: Stream, first: int, now: Instant) -> None:
        """An own envelope was sent."""
        until = now.mono + self._book.settings.direct_deadline
        self._deadlines.append((until, stream, first))

    def frontiers(self, objects: Iterable[Admitted[Any]], now: Instant) -> list[Effect]:
        """The frontiers of one message: facts for what members newly say of our posts."""
        effects: list[Effect] = []
        fresh: dict[Row, dict[int, PostsStored]] = {}
        for found in objects:
            frontier: Frontier = found.statement
            if found.seen or frontier.author == self._book.me:
                continue
            for entry in frontier.streams:
                if entry.author == self._book.me:
                    kept = fresh.setdefault((entry.stream, frontier.author), {})
                    effects += self._entry(entry, found, now, kept)
        return effects

    def served(
        self, member: MemberId, stream: Stream, spans: list[Span], now: Instant
    ) -> list[Effect]:
        """Own posts that a member gets later than at once are ``sent`` from now on."""
        row = (stream, member)
        _, sent, overdue = self._book.evidence.offered(row)
        if all(sent.covers(first, last) for first, last in spans):
            return []
        union = Ranges.of((*sent.spans, *spans))
        for first, _ in spans:
            self.pushed(stream, first, now)
        held = list(self._book.evidence.within(stream, spans))
        queued = [h for h in held if self._book.evidence.state(h, member) is Delivery.QUEUED]
        effects: list[Effect] = [Record(_offered(row, union, overdue, spans, now, silence=False))]
        for envelope in queued:
            effects += _changed(envelope, member, Delivery.QUEUED, Delivery.SENT, "asked for")
        return effects

    def due(self, mono: float) -> bool:
        """Whether a deadline passed."""
        return bool(self._deadlines) and self._deadlines[0][0] <= mono

    def tick(self, now: Instant) -> list[Effect]:
        """Posts whose deadline passed are unknown where there is no evidence."""
        rows: dict[Row, list[Held]] = {}
        while self.due(now.mono):
            _, stream, first = self._deadlines.popleft()
            for held in self._book.evidence.within(stream, [(first, first)]):
                for member in self._book.evidence.audience(held):
                    if self._book.evidence.state(held, member) is Delivery.SENT:
                        rows.setdefault((stream, member), []).append(held)
        effects: list[Effect] = []
        for row, late in rows.items():
            _, sent, overdue = self._book.evidence.offered(row)
            spans = Ranges.of((*overdue.spans, *((held.first, held.last) for held in late)))
            news = [(held.first, held.last) for held in late]
            effects.append(Record(_offered(row, sent, spans, news, now, silence=True)))
            for held in late:
                why = "the deadline passed without evidence"
                effects += _changed(held, row[1], Delivery.SENT, Delivery.UNKNOWN, why)
        return effects

    def settle(self) -> list[Effect]:
        """Frontiers above what may be kept go; the facts stay without them."""
        gone = self._book.evidence.excess()
        if not gone:
            return []
        self._book.counters["evidence_dropped"] += len(gone)
        facts = [Record(evolve(proof, kept=False)) for proof in gone]
        return [Record(Forget(tuple(proof.key for proof in gone))), *facts]

    def _entry(
        self,
        entry: StreamEntry,
        found: Admitted[Any],
        now: Instant,
        kept: dict[int, PostsStored],
    ) -> list[Effect]:
        """``kept``: what earlier frontiers of the same message prove, which is no fact yet."""
        holder = found.author
        row = (entry.stream, holder)
        spans = tuple(self._proved(entry))
        before_it = Ranges.of(span for proof in kept.values() for span in proof.ranges)
        news = minus(self._book.evidence.news(row, spans), before_it)
        acked = [
            held
            for held in self._book.evidence.within(entry.stream, news)
            if holder in self._book.evidence.audience(held)
        ]
        again = () if acked else self._stored_again(row, spans, found.statement.epoch)
        if not acked and not again:
            return []
        before = self._book.evidence.states_at(row, acked)
        number, ranges, needless = self._book.evidence.place(row, spans, kept)
        s = entry.stream
        effects: list[Effect] = []
        listed = spans if ranges != spans else ()
        fact = PostsStored(
            s.author, s.epoch, s.boot, holder, number, ranges, again or tuple(news), found.hash,
            now.wall_ms, listed, found.statement.epoch, found.signed.size,
        )  # fmt: skip
        kept[number] = fact
        if needless:
            keys = tuple(f"stored/{s}/{holder}/{other}" for other in needless)
            effects.append(Record(Forget(keys)))
        effects.append(Record(fact, (found.signed,)))
        for held, state in zip(acked, before, strict=True):
            effects += _changed(held, holder, state, Delivery.ACKED, fact.evidence)
        return effects

    def _stored_again(self, row: Row, spans: tuple[Span, ...], epoch: int) -> tuple[Span, ...]:
        """What a member acknowledged, lost with its disk, and has signed to have again."""
        lost = self._book.losses.get(row[1])
        if lost is None or epoch < lost.epoch:
            return ()
        return self._book.evidence.before(row, spans, lost.epoch)

    def _proved(self, entry: StreamEntry) -> Iterator[Span]:
        """The ranges of an entry that name the same posts as ours, as far as we can tell."""
        state = self._book.streams.get(entry.stream)
        past = entry.stream != self._peers.stream
        for first, last, head in entry.stored:
            ours = state.ending(last) if state else None
            beyond = past and state is not None and last > state.held.last
            if beyond or (ours is not None and ours.hash == head):
                yield first, last
            else:
                self._book.counters["frontier_heads_other"] += 1


def _offered(
    row: Row, sent: Ranges, overdue: Ranges, news: list[Span], now: Instant, *, silence: bool
) -> PostsOffered:
    s, member = row
    spans = Ranges.of(news).spans
    return PostsOffered(
        s.author, s.epoch, s.boot, member, sent.spans, overdue.spans, spans, now.wall_ms, silence
    )


def _changed(
    held: Held, member: MemberId, before: Delivery, to: Delivery, why: str
) -> list[Effect]:
    return [Notify(DeliveryChanged(post, member, before, to, why)) for post in held.ids()]
