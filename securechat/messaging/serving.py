"""
Answering a want: stored envelopes in batches, and a plain word for what is not here.

The whole range is answered.  If it is too much for one answer (256 KiB), the newest part of it is,
and the final Backfill says which part that was, so that the asker goes on from there.

A peer has one want outstanding: of several that come in a turn the last counts.  Of a turn only a few
peers get their answers, in the order in which they asked, so that wants without end cost it little;
what it costs to read and to send them, ``node.bulk`` bounds.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from securechat.effects import Effect, Send
from securechat.ids import Hash, MemberId
from securechat.inputs import Instant
from securechat.messaging.acks import Acks
from securechat.messaging.book import Book
from securechat.messaging.held import Held
from securechat.messaging.messages import Absent, Backfill, Want, Why
from securechat.messaging.ranges import Ranges, Span
from securechat.messaging.statements import MAX_ATTACHMENT

BATCH = MAX_ATTACHMENT
"""Bytes of stored objects in one frame; the rest of the frame is room for their names."""
OVERHEAD = 64
BATCH_ENVELOPES = 64
"""Each has a signature that is checked before it is served."""
ANSWERS = 8
"""Peers that get their answer in one turn."""


@define(eq=False)
class Serving:
    """Gives others what they lack."""

    _book: Book
    _acks: Acks
    _open: dict[MemberId, Want] = field(factory=dict)

    def want(self, peer: MemberId, want: Want) -> None:
        """A peer asks; it is answered at the end of the turn, or of one of the next."""
        self._book.counters["wants_replaced"] += peer in self._open
        self._open[peer] = want

    def down(self, peer: MemberId) -> None:
        """A peer went: on its next link it asks anew."""
        self._open.pop(peer, None)

    def due(self, mono: float) -> bool:
        """Whether somebody still waits for an answer, however long."""
        return bool(self._open)

    def settle(self, now: Instant) -> tuple[list[Effect], list[Effect]]:
        """The answers of this turn; apart from them what is kept of it, which may be impossible."""
        answers: list[Effect] = []
        kept: list[Effect] = []
        for peer in list(self._open)[:ANSWERS]:
            want = self._open.pop(peer)
            spans = self._answer(peer, want, answers)
            if spans and want.author == self._book.me:
                kept += self._acks.served(peer, want.stream, spans, now)
        return answers, kept

    def _answer(self, peer: MemberId, want: Want, effects: list[Effect]) -> list[Span]:
        """The answer to a want; what of it is given."""
        state = self._book.streams.get(want.stream)
        held = state.around(want.first, want.last) if state is not None else []
        sent = _newest(held, self._book.settings.want_bytes)
        first = want.first if len(sent) == len(held) else max(want.first, sent[0].first)
        have = Ranges.of((envelope.first, envelope.last) for envelope in held)
        effects += self._absences(peer, want, have.missing(first, want.last))
        self._book.counters["posts_served"] += sum(envelope.count for envelope in sent)
        batches = _batches(sent)
        for number, batch in enumerate(batches, 1):
            effects.append(self._backfill(peer, want, first, number == len(batches), batch))
        return [(envelope.first, envelope.last) for envelope in sent]

    def _absences(self, peer: MemberId, want: Want, missing: list[Span]) -> list[Effect]:
        floor = self._book.streams.floor(want.stream)
        pruned = tuple((a, min(b, floor)) for a, b in missing if a <= floor)
        never = tuple((max(a, floor + 1), b) for a, b in missing if b > floor)
        return [
            Send(peer, Absent(want.author, want.epoch, want.boot, ranges, why))
            for ranges, why in ((pruned, Why.PRUNED), (never, Why.NEVER_HAD))
            if ranges
        ]

    def _backfill(
        self, peer: MemberId, want: Want, first: int, final: bool, batch: Sequence[Hash]
    ) -> Effect:
        message = Backfill(want.author, want.epoch, want.boot, first, want.last, final)
        return Send(peer, message, tuple(batch), patient=True)


def _newest(held: list[Held], limit: int) -> list[Held]:
    """The newest envelopes that fit, in order; at least one."""
    size = 0
    for index in range(len(held) - 1, -1, -1):
        size += held[index].size
        if size > limit and index < len(held) - 1:
            return held[index + 1 :]
    return held


def _batches(held: list[Held]) -> list[list[Hash]]:
    """Names in groups that fit a frame each; one empty group if there are none."""
    groups: list[list[Hash]] = [[]]
    size = 0
    for envelope in held:
        more = envelope.size + OVERHEAD
        if groups[-1] and (size + more > BATCH or len(groups[-1]) == BATCH_ENVELOPES):
            groups.append([])
            size = 0
        groups[-1].append(envelope.hash)
        size += more
    return groups
