"""
Taking envelopes and heads that others give us, live or in recovery.

What is accepted is a function of the object: any well-formed envelope above its author's floor is
stored and shown at its place, whoever brought it and in whatever order.  Three things only are put
off, and recovery or a later try brings them again: a post that we did not ask for, above the rate of
the peer that pushes it, a stamp more than 24 h ahead of our clock (the author is told), and what we
hold already.

Of what lies below the floor nothing is stored.  But two envelopes in one message that contradict each
other prove a fork there too, and that is kept as a fact: from the fork on the stream is left out here
as at those who show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

import attrs
from attrs import define, field

from securechat.effects import Effect, Forget, Notify, Record, Send
from securechat.ids import MAX_INT, Hash, MemberId, Stream
from securechat.inputs import Instant
from securechat.messaging.announcing import Announcing
from securechat.messaging.book import Book
from securechat.messaging.damage import again
from securechat.messaging.facts import EnvelopeHeld, Floor, FloorAside, Forked, HeadKnown
from securechat.messaging.floors import laid_aside, lay_aside
from securechat.messaging.held import Breach, Held, StreamState
from securechat.messaging.hlc import ahead, wall_of
from securechat.messaging.messages import Rejected
from securechat.messaging.ranges import Span
from securechat.messaging.rates import Buckets
from securechat.messaging.statements import Envelope
from securechat.notices import ClockNoticed, Conflict, PostShown, Recovered
from securechat.objects import Admitted

LATE_MS = 1000
"""Live posts of several said at the same moment cross; one that is shown above others by less is not
late, unless a later one of its stream is shown already."""
MAX_HEADS = 256
"""Streams of one author of which a head may be kept without any post of them."""


@define(eq=False)
class Taking:
    """The way in for posts."""

    _book: Book
    _announcing: Announcing
    _pushed: Buckets = field(init=False)

    def __attrs_post_init__(self) -> None:
        settings = self._book.settings
        self._pushed = Buckets(settings.posts_per_second, max(settings.burst, 64.0))

    def live(self, objects: Iterable[Admitted[Any]], peer: MemberId, now: Instant) -> list[Effect]:
        """Posts as they are said."""
        return self._envelopes(objects, peer, now, frozenset())

    def backfill(
        self,
        objects: Iterable[Admitted[Any]],
        peer: MemberId,
        now: Instant,
        wanted: Set[Hash],
    ) -> list[Effect]:
        """An answer: what of it we asked for, by name; the rest is taken as if it were pushed."""
        return self._envelopes(objects, peer, now, wanted)

    def head(self, found: Admitted[Any], now: Instant) -> list[Effect]:
        """The author's word for how far a stream goes."""
        header: Envelope = found.statement
        streams = self._book.streams
        state = streams.get(header.stream)
        known = max(state.held.last, state.head.seq if state.head else 0) if state else 0
        if header.last <= known or streams.below(header.stream, header.last, header.hlc):
            return []
        if ahead(header.hlc, now.wall_ms) > self._book.settings.skew_refused:
            self._book.counters["refused.clock"] += 1
            return []
        if state is None and self._alone(header.author) >= MAX_HEADS:
            self._book.counters["refused.too-many-streams"] += 1
            return []
        fact = HeadKnown(
            header.author, header.epoch, header.boot, header.last, header.hlc, found.hash
        )
        self._announcing.head(header.stream)
        signed = attrs.evolve(found.signed, attachment=b"")
        aside = lay_aside(streams, header.stream, found.hash, header.hlc)
        return [*aside, Record(fact, (signed,))]

    def settle(self) -> list[Effect]:
        """Contradictions that this turn's envelopes brought to light, as facts."""
        effects: list[Effect] = []
        for stream in self._book.streams.changed:
            state = self._book.streams.get(stream)
            if state is not None and state.breach is not None and not state.proved:
                effects += self._forked(stream, state.breach)
        return effects

    def _forked(self, stream: Stream, breach: Breach) -> list[Effect]:
        s = stream
        self._announcing.head(stream)
        self._book.counters["forks"] += 1
        what = f"signed {breach.what} at {s.epoch}/{breach.seq}"
        fact = Forked(s.author, s.epoch, s.boot, breach.seq, breach.one, breach.other, breach.what)
        return [Record(fact), Notify(Conflict(s.author, what))]

    def _envelopes(
        self,
        objects: Iterable[Admitted[Any]],
        peer: MemberId,
        now: Instant,
        wanted: Set[Hash],
    ) -> list[Effect]:
        # In their order: what comes together overtakes nothing.
        objects = sorted(objects, key=lambda found: found.statement.hlc)
        effects: list[Effect] = []
        taken: set[Hash] = set()
        pruned: set[Stream] = set()
        aside: dict[Stream, Floor] = {}
        for found in objects:
            header: Envelope = found.statement
            stream = header.stream
            recovered = found.hash in wanted
            if not found.signed.attachment:
                effects += self.head(found, now)
            elif found.seen or found.hash in taken:
                self._book.counters["duplicates"] += header.count
                self._announcing.live(stream)
            elif self._book.streams.below(stream, header.last, header.hlc):
                self._book.counters["refused.pruned"] += 1
                pruned.add(stream)
            elif ahead(header.hlc, now.wall_ms) > self._book.settings.skew_refused:
                effects += self._too_early(found, peer, now)
            elif not recovered and not self._allowed(peer, header.count, now):
                self._book.counters["rate_limited"] += header.count
                effects += self.head(found, now)
            else:
                taken.add(found.hash)
                floor = self._book.streams.overtaken(stream, header.hlc)
                if floor is not None and stream not in aside:
                    effects += laid_aside(floor, stream, 0, found.hash, header.hlc)
                    aside[stream] = floor
                effects += self._take(found, stream, peer, now, recovered)
        for stream in pruned:
            effects += self._below(stream, objects, peer, now)
            effects += self._older(stream, objects, stream in aside)
        return effects

    def _alone(self, member: MemberId) -> int:
        """Streams of an author of which no post is here."""
        author = self._book.streams.authors.get(member)
        states = author.streams.values() if author is not None else ()
        return sum(not state.envelopes for state in states)

    def _older(self, stream: Stream, objects: Iterable[Admitted[Any]], laid: bool) -> list[Effect]:
        """
        What of a stream that lies aside (``laid``: since this message) is older than what its author's
        floor took, and below all that is here: pruned.
        """
        streams, state = self._book.streams, self._book.streams.get(stream)
        own, author = streams.own_floor(stream), streams.authors.get(stream.author)
        floor = author.floor if author is not None else None
        if floor is None or not (laid or isinstance(own, FloorAside)):
            return []
        first = state.envelopes[0].first if state is not None and state.envelopes else MAX_INT
        top, newest = None, 0
        for found in objects:
            header: Envelope = found.statement
            if header.stream == stream and found.signed.attachment:
                newest = max(newest, header.hlc)
                if not streams.below(stream, header.last, header.hlc):
                    first = min(first, header.first)
                elif top is None or header.last > top.statement.last:
                    top = found
        seq, hlc = (own.seq, own.hlc) if own is not None else (0, 0)
        if top is None or not seq < top.statement.last < first:
            return []
        return laid_aside(floor, stream, top.statement.last, top.hash, max(hlc, newest))

    def _below(
        self, stream: Stream, objects: Iterable[Admitted[Any]], peer: MemberId, now: Instant
    ) -> list[Effect]:
        """Envelopes of a stream in one message, not all above its floor: whether they prove a fork."""
        streams = self._book.streams
        if streams.floor(stream) == MAX_INT:
            return []
        shown = StreamState(stream)
        for found in objects:
            if found.statement.stream == stream and found.signed.attachment:
                shown.put(Held.of(_fact(found, peer, now), stream))
        state, breach = streams.get(stream), shown.breach
        known = state.breach.seq if state is not None and state.breach is not None else MAX_INT
        return self._forked(stream, breach) if breach is not None and breach.seq < known else []

    def _take(
        self, found: Admitted[Any], stream: Stream, peer: MemberId, now: Instant, recovered: bool
    ) -> list[Effect]:
        header: Envelope = found.statement
        state = self._book.streams.get(stream)
        lag = now.wall_ms - wall_of(header.hlc)
        overtaken = state is not None and header.last < state.held.last
        crossed = not recovered and not overtaken and lag <= LATE_MS
        late = header.hlc < self._book.transcript.newest() and not crossed
        early = ahead(header.hlc, now.wall_ms) > self._book.settings.skew_noticed
        fact = attrs.evolve(_fact(found, peer, now), late=late, recovered=recovered, ahead=early)
        shown = found.hash in self._book.damaged
        fact = again(self._book, fact)
        effects: list[Effect] = []
        if state is not None and state.head is not None and state.head.seq <= header.last:
            # Before the envelope itself: the head may be the same object without its posts.
            effects.append(Record(Forget((state.head.key,))))
        effects.append(Record(fact, (found.signed,)))
        if state is not None and state.breach is not None:
            # No frontier says that it goes on.
            self._announcing.head(stream)
        for post in () if shown else fact.posts():
            named = state.name(post.seq, found.hash) if state is not None else post
            effects.append(Notify(PostShown(named, late, recovered)))
        if recovered:
            effects.append(Notify(Recovered(stream, fact.first, fact.last, peer)))
            self._book.counters["recovered"] += header.count
            self._announcing.recovered(stream)
        else:
            self._announcing.live(stream)
        if fact.ahead:
            seconds = round(ahead(header.hlc, now.wall_ms))
            effects.append(Notify(ClockNoticed(header.author, f"a post stamped {seconds} s ahead")))
        if late:
            self._book.counters["late"] += header.count
        return effects

    def _too_early(self, found: Admitted[Any], peer: MemberId, now: Instant) -> list[Effect]:
        header: Envelope = found.statement
        self._book.counters["refused.clock"] += 1
        hours = round(ahead(header.hlc, now.wall_ms) / 3600)
        what = f"a post stamped {hours} h ahead is not taken yet"
        effects: list[Effect] = [Notify(ClockNoticed(header.author, what))]
        if peer == header.author:
            effects.append(
                Send(peer, Rejected(found.hash, f"clock: stamped {hours} h ahead", True))
            )
        return effects

    def _allowed(self, peer: MemberId, count: int, now: Instant) -> bool:
        """By who pushes: posts of others that somebody pushes cost him, never their authors."""
        return self._pushed.take(peer, count, now.mono)


def _fact(found: Admitted[Any], peer: MemberId, now: Instant) -> EnvelopeHeld:
    header: Envelope = found.statement
    return EnvelopeHeld(
        header.author, header.epoch, header.boot, header.first, header.count, header.previous,
        header.hlc, found.hash, found.signed.size, now.wall_ms, peer, header.opening,
    )  # fmt: skip


def within(header: Envelope, stream: Stream, span: Span) -> bool:
    """Whether an envelope has posts of a range."""
    return header.stream == stream and header.first <= span[1] and header.last >= span[0]


def own_refused(book: Book, name: Hash, peer: MemberId, reason: str) -> list[Effect]:
    """A peer does not take a post of ours yet, and says why."""
    held = book.streams.by_hash(name)
    if held is None or held.stream.author != book.me:
        return []
    book.counters["posts_refused"] += 1
    return [Notify(ClockNoticed(book.me, f"{{{peer}}} does not take a post of ours: {reason}"))]
