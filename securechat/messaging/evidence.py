"""
What is known of our own posts at each recipient: the index behind "k of n".

The recipients of a post are its audience, the roster when it was said.  At each of them it is

- ``acked`` if a frontier signed by that member ever listed it as stored: the union over time, so
  that a holder's lost disk takes nothing back (G1);
- ``unknown`` if it was sent and the deadline passed without such a frontier;
- ``sent`` if it was pushed or served to that member, ``queued`` if it was not.  What is pushed may
  have left: perform leaves it out where much waits on a link (``node.perform``).

The state of a post is the weakest of its recipients, in the order queued, sent, unknown, acked.

Frontiers kept as evidence have a limit in bytes: above it the oldest of the member who holds most go.
The facts stay: when it signed what, and the hash of that frontier (ADR 20).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from attrs import define, field

from securechat.ids import MemberId, Stream
from securechat.messaging.facts import Audience, PostsOffered, PostsStored
from securechat.messaging.held import Held
from securechat.messaging.ranges import Ranges, Span, minus
from securechat.notices import Delivery
from securechat.settings import MIB

Counts = tuple[Delivery, int, int]
"""The state of a post, and k of n: how many of its recipients have it, and how many they are."""
RANK = (Delivery.QUEUED, Delivery.SENT, Delivery.UNKNOWN, Delivery.ACKED)
Row = tuple[Stream, MemberId]

MAX_PROOFS = 8
"""Frontiers kept as evidence of one stream at one member while none covers the others."""
MAX_EVIDENCE = 16 * MIB
"""Bytes of all frontiers that are kept as evidence."""

NONE: Mapping[int, PostsStored] = MappingProxyType({})


def weakest(states: Iterable[Delivery]) -> Delivery:
    """The state of a post from those of its recipients; queued if it has none."""
    return min(states, key=RANK.index, default=Delivery.QUEUED)


@define(eq=False)
class Evidence:
    """Evidence about own posts."""

    audiences: dict[str, tuple[MemberId, ...]] = field(factory=dict)
    open: dict[Stream, dict[int, Held]] = field(factory=dict)
    """Own envelopes that some recipient has not acknowledged, by first seq, oldest first."""
    uses: dict[str, int] = field(factory=dict)
    """Envelopes by audience, so that an unused one can be forgotten."""
    _offered: dict[Row, tuple[PostsOffered, Ranges, Ranges]] = field(factory=dict)
    _proofs: dict[Row, dict[int, PostsStored]] = field(factory=dict)
    _stored: dict[Row, Ranges] = field(factory=dict)
    _members: dict[Stream, dict[MemberId, None]] = field(factory=dict)
    """By own stream: members of whom there are proofs, or to whom it was offered."""
    size: int = 0
    """Bytes of the frontiers that are kept,"""
    _sizes: Counter[MemberId] = field(factory=Counter)
    """those of each member,"""
    _kept: dict[MemberId, dict[tuple[Stream, int], PostsStored]] = field(factory=dict)
    """and the proofs that own them, oldest first."""
    _counted: tuple[Held, Counts] | None = None
    """What was counted last, until anything changes: of one envelope a frontier tells 64 times."""

    # Reading.

    def audience(self, held: Held) -> tuple[MemberId, ...]:
        """For whom an own envelope is; nobody if it is not ours."""
        return self.audiences.get(held.audience, ())

    def state(self, held: Held, member: MemberId) -> Delivery:
        """What is known of an own envelope at one recipient."""
        row = (held.stream, member)
        stored = self._stored.get(row)
        if stored is not None and stored.covers(held.first, held.last):
            return Delivery.ACKED
        _, sent, overdue = self.offered(row)
        return _state(held, member, sent, overdue)

    def states_at(self, row: Row, envelopes: Iterable[Held]) -> list[Delivery]:
        """What is known of own envelopes of one stream at one recipient."""
        stored = self.stored(row)
        _, sent, overdue = self.offered(row)
        return [
            Delivery.ACKED
            if stored.covers(held.first, held.last)
            else _state(held, row[1], sent, overdue)
            for held in envelopes
        ]

    def states(self, held: Held) -> list[Delivery]:
        """The same at all recipients."""
        return [self.state(held, member) for member in self.audience(held)]

    def counts(self, held: Held) -> Counts:
        """The same of all of them together."""
        if self._counted is None or self._counted[0] is not held:
            states = self.states(held)
            counts = (weakest(states), states.count(Delivery.ACKED), len(states))
            self._counted = (held, counts)
        return self._counted[1]

    def stored(self, row: Row) -> Ranges:
        """What a member ever signed to have of an own stream."""
        return self._stored.get(row) or Ranges()

    def offered(self, row: Row) -> tuple[PostsOffered | None, Ranges, Ranges]:
        """What was sent to a member later than at once, and what is overdue there."""
        return self._offered.get(row) or (None, Ranges(), Ranges())

    def proof(self, held: Held, member: MemberId) -> PostsStored | None:
        """The first frontier that itself lists an own envelope; one that is kept, if there is any."""
        proofs = self._proofs.get((held.stream, member), {}).values()
        return next(
            (
                proof
                for proof in sorted(proofs, key=lambda proof: (not proof.kept, proof.number))
                if Ranges.of(proof.listed or proof.ranges).covers(held.first, held.last)
            ),
            None,
        )

    def latest(self, row: Row) -> PostsStored | None:
        """What a member signed last of an own stream, of that which is kept."""
        proofs = [proof for proof in self._proofs.get(row, {}).values() if proof.kept]
        return max(proofs, key=lambda proof: (proof.holder_epoch, proof.at), default=None)

    def news(self, row: Row, spans: Iterable[Span]) -> list[Span]:
        """What of these ranges was not acknowledged before."""
        return minus(spans, self.stored(row))

    def within(self, stream: Stream, spans: Iterable[Span]) -> list[Held]:
        """Own envelopes that lack evidence and begin in these ranges."""
        waiting = self.open.get(stream, {})
        found = []
        for first, last in spans:
            few = last - first < len(waiting)
            places = range(first, last + 1) if few else list(waiting)
            found += [waiting[n] for n in places if n in waiting and first <= n <= last]
        return found

    def place(
        self, row: Row, spans: tuple[Span, ...], kept: Mapping[int, PostsStored] = NONE
    ) -> tuple[int, tuple[Span, ...], list[int]]:
        """
        Where new evidence is kept: its number, the ranges it stands for, the numbers it makes
        needless.  ``kept`` is evidence of the same message, not a fact yet.  When there are too many,
        the last one is replaced: the new one stands for both, and is cited only for what it lists
        itself.
        """
        now = Ranges.of(spans)
        proofs = {**self._proofs.get(row, {}), **kept}
        covered = [
            number
            for number, proof in proofs.items()
            if all(now.covers(first, last) for first, last in proof.ranges)
        ]
        if covered:
            return covered[0], spans, covered[1:]
        if len(proofs) >= MAX_PROOFS:
            number = max(proofs)
            return number, Ranges.of(proofs[number].ranges + spans).spans, []
        return max(proofs, default=0) + 1, spans, []

    def before(self, row: Row, spans: tuple[Span, ...], epoch: int) -> tuple[Span, ...]:
        """What of these ranges is all that some proof of an earlier epoch of the holder stands for."""
        now = Ranges.of(spans)
        proofs = self._proofs.get(row, {}).values()
        old = [proof.ranges for proof in proofs if proof.holder_epoch < epoch]
        whole = [ranges for ranges in old if all(now.covers(a, b) for a, b in ranges)]
        return Ranges.of(span for ranges in whole for span in ranges).spans

    def overdue(self) -> set[Stream]:
        """Own streams of which something is overdue somewhere: only there can posts be unknown."""
        return {row[0] for row, (_, _, overdue) in self._offered.items() if overdue}

    def still_open(self) -> Iterator[Held]:
        """Own envelopes that lack evidence."""
        for envelopes in self.open.values():
            yield from envelopes.values()

    # Facts.

    def hold(self, held: Held) -> None:
        """An own envelope is stored."""
        if not held.audience:
            return
        self.uses[held.audience] = self.uses.get(held.audience, 0) + 1
        self.open.setdefault(held.stream, {})[held.first] = held
        self._close(held)

    def drop(self, held: Held) -> None:
        """An own envelope is forgotten."""
        self._counted = None
        if held.audience:
            self.uses[held.audience] -= 1
            self._shut(held)

    def name(self, fact: Audience) -> None:
        """A roster that own posts are for."""
        self._counted = None
        self.audiences[fact.name] = fact.members

    def drop_audience(self, name: str) -> None:
        """No post is for it any more."""
        self._counted = None
        self.audiences.pop(name, None)
        self.uses.pop(name, None)

    def offer(self, fact: PostsOffered) -> None:
        """Sent later, or overdue."""
        self._counted = None
        row = (fact.stream, fact.member)
        self._offered[row] = (fact, Ranges.of(fact.sent), Ranges.of(fact.overdue))
        self._members.setdefault(fact.stream, {})[fact.member] = None

    def store(self, fact: PostsStored) -> None:
        """A member's frontier lists own posts."""
        self._counted = None
        row = (fact.stream, fact.member)
        self._unweigh(row, fact.number)
        if fact.kept and fact.size:
            self._kept.setdefault(fact.member, {})[fact.stream, fact.number] = fact
            self._weigh(fact.member, fact.size)
        self._proofs.setdefault(row, {})[fact.number] = fact
        self._members.setdefault(fact.stream, {})[fact.member] = None
        news = self.news(row, fact.ranges)
        union = self._stored.setdefault(row, Ranges())
        for first, last in news:
            union.add(first, last)
        audiences: dict[str, list[Ranges]] = {}
        for held in self.within(fact.stream, news):
            if held.audience not in audiences:
                audiences[held.audience] = self._slowest_first(held)
            if all(has.covers(held.first, held.last) for has in audiences[held.audience]):
                self._shut(held)

    def drop_row(self, stream: Stream, member: MemberId, number: int | None) -> None:
        """Evidence is forgotten: one proof, or what was offered (``number`` None)."""
        self._counted = None
        row = (stream, member)
        if number is None:
            self._offered.pop(row, None)
        else:
            self._unweigh(row, number)
            self._proofs.get(row, {}).pop(number, None)
            if not self._proofs.get(row):
                self._proofs.pop(row, None)
                self._stored.pop(row, None)
        if row not in self._offered and row not in self._proofs:
            members = self._members.get(stream, {})
            members.pop(member, None)
            if not members:
                self._members.pop(stream, None)

    def keys_of(self, stream: Stream) -> list[str]:
        """The keys of all facts about one own stream, to be forgotten with it."""
        keys: list[str] = []
        for member in self._members.get(stream, {}):
            offered, _, _ = self.offered((stream, member))
            keys += [offered.key] if offered is not None else []
            keys += [proof.key for proof in self._proofs.get((stream, member), {}).values()]
        return keys

    def excess(self) -> list[PostsStored]:
        """Proofs whose frontiers are above the limit: the oldest of who holds most; ties by id."""
        found: list[PostsStored] = []
        size = self.size
        if size <= MAX_EVIDENCE:
            return found
        rest = dict(self._sizes)
        rows = {member: iter(proofs.values()) for member, proofs in self._kept.items()}
        while size > MAX_EVIDENCE:
            biggest = max(rest, key=lambda member: (rest[member], member))
            proof = next(rows[biggest])
            found.append(proof)
            rest[biggest] -= proof.size
            size -= proof.size
        return found

    def _unweigh(self, row: Row, number: int) -> None:
        """The frontier of a proof that is replaced or gone counts no more."""
        stream, member = row
        before = self._kept.get(member, {}).pop((stream, number), None)
        if before is not None:
            self._weigh(member, -before.size)

    def _weigh(self, member: MemberId, size: int) -> None:
        """So many bytes more, or less."""
        self.size += size
        self._sizes[member] += size
        if not self._sizes[member]:
            del self._sizes[member]
            del self._kept[member]

    def _close(self, held: Held) -> None:
        members = self.audience(held)
        if all(
            self.stored((held.stream, member)).covers(held.first, held.last) for member in members
        ):
            self._shut(held)

    def _slowest_first(self, held: Held) -> list[Ranges]:
        """What each of its audience has of its stream; who lacks most is the first to say no."""
        rows = [self.stored((held.stream, member)) for member in self.audience(held)]
        return sorted(rows, key=lambda has: has.last)

    def _shut(self, held: Held) -> None:
        envelopes = self.open.get(held.stream, {})
        envelopes.pop(held.first, None)
        if not envelopes:
            self.open.pop(held.stream, None)


def _state(held: Held, member: MemberId, sent: Ranges, overdue: Ranges) -> Delivery:
    """Of one that is not acknowledged."""
    if overdue.covers(held.first, held.last):
        return Delivery.UNKNOWN
    if member not in held.unsent or sent.covers(held.first, held.last):
        return Delivery.SENT
    return Delivery.QUEUED
