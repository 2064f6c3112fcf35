"""
Several nodes' turn records merged into one causal story, trusting no clock (DESIGN 7).

What is known to precede what (Lamport's happened-before):

- the turns of one node, by number;
- a turn that sent a signed object to a peer, before the turn in which the peer received it from us;
  where both exports tell of the link it came on, the sending is sought after that came up;
- a link's coming up at one end, before the first that the other end received on it.

The order is a topological one.  Turns that nothing orders stand by wall time, for readability alone.
A cycle is impossible in a true history: it is reported, and the story goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

import msgspec
from attrs import define, field, frozen

from securechat.errors import LocalError
from securechat.journal.records import TurnRecord

Place = tuple[str, int]
"""A member and the number of one of its turns."""


@frozen
class Exported:
    """One line of an export: whose turn it was."""

    node: str
    member: str
    record: TurnRecord

    @property
    def place(self) -> Place:
        """Names the turn among those of all nodes."""
        return (self.member, self.record.turn)


@frozen
class Arrow:
    """A message that left in one turn and came in another; ``received`` None: nobody tells of it."""

    sent: Place
    to: str
    received: Place | None
    what: str


@frozen
class Trace:
    """One story: the turns in causal order, the messages between them, and what is impossible."""

    turns: tuple[Exported, ...]
    arrows: tuple[Arrow, ...]
    cycle: tuple[Place, ...] = ()
    """Turns of which each would precede the next, and the last the first."""


@frozen
class _Sending:
    place: Place
    receiver: str
    what: str
    objects: frozenset[str]


@frozen
class _Receipt:
    place: Place
    sender: str
    objects: frozenset[str]
    link: str
    """The name that both ends have for the link; empty if its beginning is not told."""


@define
class _Life:
    """What one node's records say, in order."""

    sendings: list[_Sending] = field(factory=list)
    sent: dict[tuple[str, str], list[_Sending]] = field(factory=dict)
    """The same by receiver and object."""
    receipts: list[_Receipt] = field(factory=list)
    ups: dict[str, list[int]] = field(factory=dict)
    """By the link's name: the turns in which it came up."""


_line = msgspec.json.Encoder()
_lines = msgspec.json.Decoder(Exported)


def export_line(node: str, member: str, record: TurnRecord) -> str:
    """One line of an export, without its line end."""
    return _line.encode(Exported(node, member, record)).decode()


def read_lines(lines: Iterable[str | bytes], source: str) -> list[Exported]:
    """The turns of an export; LocalError 503 names the first line that is none."""
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(_lines.decode(line))
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise LocalError(503, f"{source}, line {number}: not a turn record") from None
    return found


def merge(exported: Iterable[Exported]) -> Trace:
    """One story of all; a turn that is there twice counts once."""
    turns = {entry.place: entry for entry in exported}
    lives = _lives(turns)
    before: dict[Place, set[Place]] = {place: set() for place in turns}
    for earlier, later in _successions(turns):
        before[later].add(earlier)
    arrows = tuple(_arrows(lives))
    for arrow in arrows:
        if arrow.received is not None:
            before[arrow.received].add(arrow.sent)
    for earlier, later in _beginnings(lives):
        before[later].add(earlier)
    order, cycle = _ordered(turns, before)
    return Trace(tuple(turns[place] for place in order), arrows, cycle)


def _successions(turns: Mapping[Place, Exported]) -> Iterator[tuple[Place, Place]]:
    for earlier, later in pairwise(sorted(turns)):
        if earlier[0] == later[0]:
            yield earlier, later


def _lives(turns: Mapping[Place, Exported]) -> dict[str, _Life]:
    lives: dict[str, _Life] = {}
    links: dict[str, dict[str, str]] = {}
    for place in sorted(turns):
        life = lives.setdefault(place[0], _Life())
        names = links.setdefault(place[0], {})
        for cause in turns[place].record.causes:
            _read_cause(cause, place, life, names)
        for effect in turns[place].record.effects:
            for sending in _read_effect(effect, place):
                life.sendings.append(sending)
                for name in sending.objects:
                    life.sent.setdefault((sending.receiver, name), []).append(sending)
    return lives


def _read_cause(cause: str, place: Place, life: _Life, names: dict[str, str]) -> None:
    """``names`` knows, for this process, the name that both ends have for each numbered link."""
    match cause.split():
        case ["start"]:
            names.clear()
        case ["LinkUp", _, link, *rest]:
            for ends in (word for word in rest if word.startswith("at=")):
                names[link] = ends
                life.ups.setdefault(ends, []).append(place[1])
        case ["Received", sender, link, _, *objects]:
            named = names.get(link, "")
            life.receipts.append(_Receipt(place, sender, frozenset(objects), named))


def _read_effect(effect: str, place: Place) -> Iterator[_Sending]:
    match effect.split():
        case ["Send", receivers, what, *objects]:
            for receiver in receivers.split(","):
                yield _Sending(place, receiver, what, frozenset(objects))


def _arrows(lives: Mapping[str, _Life]) -> Iterator[Arrow]:
    """Each receipt with the sending it must have come from, then the sendings nobody tells of."""
    came: set[_Sending] = set()
    for member, life in lives.items():
        for receipt in life.receipts:
            sending = _source(receipt, member, lives.get(receipt.sender))
            if sending is not None:
                came.add(sending)
                what = _label(sending.what, sending.objects & receipt.objects)
                yield Arrow(sending.place, member, receipt.place, what)
    for life in lives.values():
        for sending in life.sendings:
            if sending.objects and sending not in came:
                what = _label(sending.what, sending.objects)
                yield Arrow(sending.place, sending.receiver, None, what)


def _source(receipt: _Receipt, member: str, sender: _Life | None) -> _Sending | None:
    """The first sending that can have brought it: none later can precede it with certainty."""
    if sender is None or not receipt.objects:
        return None
    # The door drops what it cannot judge, so a message may come with fewer objects than it had.
    ups = sender.ups.get(receipt.link, [])
    since = ups[0] if len(ups) == 1 else 0
    for sending in sender.sent.get((member, min(receipt.objects)), ()):
        if sending.place[1] >= since and receipt.objects <= sending.objects:
            return sending
    return None


def _label(what: str, objects: frozenset[str]) -> str:
    return " ".join([what, *sorted(objects)])


def _beginnings(lives: Mapping[str, _Life]) -> Iterator[tuple[Place, Place]]:
    """Whoever sends on a link has it up: that precedes the first receipt at the other end."""
    for life in lives.values():
        first: dict[str, _Receipt] = {}
        for receipt in life.receipts:
            first.setdefault(receipt.link, receipt)
        for link, receipt in first.items():
            sender = lives.get(receipt.sender)
            ups = sender.ups.get(link, []) if sender is not None else []
            if len(ups) == 1:
                yield (receipt.sender, ups[0]), receipt.place


def _ordered(
    turns: Mapping[Place, Exported], before: Mapping[Place, set[Place]]
) -> tuple[list[Place], tuple[Place, ...]]:
    """A topological order; if there is a cycle, the first one found, opened at its earliest turn."""
    missing = {place: len(earlier) for place, earlier in before.items()}
    after: dict[Place, list[Place]] = {place: [] for place in turns}
    for later, earlier in before.items():
        for place in earlier:
            after[place].append(later)

    def ranked(place: Place) -> tuple[int, Place]:
        return turns[place].record.wall_ms, place

    ready = [ranked(place) for place, count in missing.items() if not count]
    heapify(ready)
    order: list[Place] = []
    cycle: tuple[Place, ...] = ()
    while missing:
        if not ready:
            found = _cycle(missing, before)
            cycle = cycle or found
            ready.append(min(ranked(place) for place in found))
        _, place = heappop(ready)
        if missing.pop(place, None) is None:
            continue
        order.append(place)
        for later in after[place]:
            if later in missing:
                missing[later] -= 1
                if not missing[later]:
                    heappush(ready, ranked(later))
    return order, cycle


def _cycle(missing: Mapping[Place, int], before: Mapping[Place, set[Place]]) -> tuple[Place, ...]:
    """Walk back from any turn that waits until one comes again: each waits for another."""
    walked: dict[Place, int] = {}
    place = min(missing)
    while place not in walked:
        walked[place] = len(walked)
        place = min(earlier for earlier in before[place] if earlier in missing)
    path: Sequence[Place] = list(walked)[walked[place] :]
    return tuple(reversed(path))
