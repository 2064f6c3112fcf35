"""
What is known of all own posts that still lack evidence, in one pass over each stream.

The same as ``Evidence.states`` of each, but what is known of a member is looked up only where it
changes: neighbours in a stream are mostly known alike, and a member that is linked and signs nothing
makes thousands of them wait.  So ``status`` and ``outbox`` cost as much as there are posts, however
many members they are for.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from securechat.ids import MAX_INT, MemberId, Stream
from securechat.messaging.evidence import Evidence, weakest
from securechat.messaging.held import Held
from securechat.notices import Delivery


@define(eq=False)
class Standing:
    """What is known of some posts at their recipients; one object for all that are known alike."""

    members: tuple[MemberId, ...]
    states: tuple[Delivery, ...]
    weakest: Delivery
    acked: int


def standings(evidence: Evidence) -> Iterator[tuple[Held, Standing]]:
    """Own envelopes that lack evidence, those of a stream by their numbers."""
    for stream in evidence.open:
        yield from _of_stream(evidence, stream)


def tally(evidence: Evidence) -> tuple[int, int]:
    """How many own posts lack evidence, and how many of these are unknown."""
    waiting = sum(held.count for held in evidence.still_open())
    late = [stream for stream in evidence.overdue() if stream in evidence.open]
    found = (row for stream in late for row in _of_stream(evidence, stream))
    unknown = sum(held.count for held, known in found if known.weakest is Delivery.UNKNOWN)
    return waiting, unknown


def _of_stream(evidence: Evidence, stream: Stream) -> Iterator[tuple[Held, Standing]]:
    known = _Pass(evidence, stream)
    for held in sorted(evidence.open[stream].values(), key=lambda held: held.first):
        yield held, known.standing(held)


@define(eq=False)
class _Pass:
    """One pass over a stream, from its lowest number to its highest."""

    _evidence: Evidence
    _stream: Stream
    _known: dict[MemberId, tuple[Delivery, int]] = field(factory=dict)
    """By member: what is known of an envelope that was not pushed to it, and how far that goes on."""
    _until: int = MAX_INT
    """How far it goes on at all of them."""
    _made: dict[tuple[str, tuple[MemberId, ...]], Standing] = field(factory=dict)
    """By audience, and by those to whom it was not pushed."""

    def standing(self, held: Held) -> Standing:
        """Of the next envelope."""
        if held.last > self._until:
            self._go_on(held)
        name = (held.audience, held.unsent)
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(held)
        return found

    def _go_on(self, held: Held) -> None:
        """To where it is otherwise at somebody."""
        self._made.clear()
        for member, (_, until) in self._known.items():
            if held.last > until:
                self._known[member] = self._look(held, member)
        self._until = min(until for _, until in self._known.values())

    def _make(self, held: Held) -> Standing:
        members = self._evidence.audience(held)
        for member in members:
            if member not in self._known:
                self._known[member] = self._look(held, member)
                self._until = min(self._until, self._known[member][1])
        unsent = set(held.unsent)
        known = [(member, self._known[member][0]) for member in members]
        states = tuple(
            Delivery.SENT if state is Delivery.QUEUED and member not in unsent else state
            for member, state in known
        )
        return Standing(members, states, weakest(states), states.count(Delivery.ACKED))

    def _look(self, held: Held, member: MemberId) -> tuple[Delivery, int]:
        stored = self._evidence.stored((self._stream, member))
        _, sent, overdue = self._evidence.offered((self._stream, member))
        rows = ((stored, Delivery.ACKED), (overdue, Delivery.UNKNOWN), (sent, Delivery.SENT))
        found = (state for ranges, state in rows if ranges.covers(held.first, held.last))
        until = min(ranges.until(held.first) for ranges, _ in rows)
        return next(found, Delivery.QUEUED), until
