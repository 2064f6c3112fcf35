"""
Whom to dial, where, and when (DESIGN 5, heal and addresses).

Every member of the roster without a link is dialled for ever: at once on fresh news of it, then with
full jitter in steps that double from 0.2 T to 5 T, and after an hour without contact up to 30 T
apart.  A member that left is dialled at that slowest step: it is expected back, and will dial us.
The addresses are tried in turn: where we reached it, then where it says that it listens.

A configured address whose member is not known yet is dialled for ever too.  One dial at a time is out
to an address, and none goes to our own.

A dial that began in a cut has lost its packet, and waits for a second until the kernel sends it again.
So fresh news of a member asks for a dial in place of one that is out for ``connect_patience``; who
dials knows whether that has TCP, and leaves it then.  A dial that took the place of another has its
whole time, else a long path with much news would never be linked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from attrs import define, field, frozen

from securechat.effects import Dial
from securechat.ids import MemberId
from securechat.inputs import DialFailed, DialOutcome, LinkUp
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.verdict import NEVER
from securechat.settings import Settings

HOUR = 3600.0
WILDCARDS = ("0.0.0.0", "[::]", "")  # noqa: S104 - names what is never dialled


class Chance(Protocol):
    """What is needed of a random.Random."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


@define
class Pace:
    """The schedule of one target."""

    due: float
    since: float
    """When contact was lost, or the target became known."""
    tries: int = 0
    address: str | None = None
    """Where the next dial goes, if that matters."""
    news: bool = False
    """Whether others told since the last dial that it lives."""


@frozen
class Out:
    """A dial under way."""

    until: float
    """When it is believed to have ended, whatever is told of it."""
    replaceable: float
    """From when on news begins another in its place."""


@define
class Dialing:
    """The redial schedule of all members and configured addresses."""

    _ledger: Ledger
    _links: LinkTable
    _settings: Settings
    _rng: Chance
    _peers: tuple[str, ...]
    own: set[str]
    """Addresses that are ours."""
    stopped: bool = field(default=False, init=False)
    _members: dict[MemberId, Pace] = field(factory=dict, init=False)
    _seeds: dict[str, Pace] = field(factory=dict, init=False)
    _out: dict[str, Out] = field(factory=dict, init=False)
    _astray: set[str] = field(factory=set, init=False)
    """Configured addresses where somebody else answered than was expected."""
    _next: float = field(default=NEVER, init=False)

    def start(self, mono: float) -> None:
        """Configured addresses at once, known members within a period, in a small room sooner."""
        for address in self._peers:
            self._seeds[address] = Pace(mono, mono)
        self._next = mono
        for member in self._ledger.others:
            self._soon(member, mono, self.herd)

    def stop(self) -> None:
        """Dial nobody any more."""
        self.stopped = True
        self._members.clear()
        self._seeds.clear()
        self._next = NEVER

    def wake(self, member: MemberId, mono: float) -> None:
        """Fresh news of a member: if it has no link, dial it at once, jittered against a herd."""
        self._soon(member, mono, self.herd)
        if member in self._members:
            self._members[member].news = True

    def _soon(self, member: MemberId, mono: float, within: float) -> None:
        if self.stopped or self._links.linked(member) or member == self._ledger.me:
            return
        due = mono + self._rng.random() * within
        pace = self._members.get(member)
        if pace is None or pace.due > due:
            self._members[member] = Pace(due, mono if pace is None else pace.since)
        self._next = min(self._next, due)

    def anew(self, member: MemberId, mono: float) -> list[Dial]:
        """Dial a linked member whose link is mute: a lossy path may silence one for very long."""
        for address in self.candidates(member)[:1]:
            if not self.stopped and self.take(address, mono):
                return [Dial(address, member)]
        return []

    @property
    def herd(self) -> float:
        """Within this, by chance, members are dialled on fresh news."""
        return self._settings.herd(self._ledger.size)

    def confirm(self, member: MemberId, address: str, due: float) -> None:
        """Dial there again at this time: the first refusal asks for a second."""
        pace = self._members.get(member)
        if pace is not None:
            pace.due, pace.address = due, address
            self._next = min(self._next, due)

    def link_up(self, link: LinkUp) -> None:
        """It is reached."""
        self._members.pop(link.peer, None)
        if link.dialled is not None:
            self._out.pop(link.dialled, None)
            self._astray.discard(link.dialled)

    def link_down(self, member: MemberId, mono: float) -> None:
        """Its last link ended: redial from the first step."""
        self._members.pop(member, None)
        self._soon(member, mono, self._settings.redial_first)

    def dial_failed(self, failed: DialFailed) -> None:
        """The address is free for another dial."""
        self._out.pop(failed.address, None)
        if failed.reason == "self":
            self.own.add(failed.address)
        seed = failed.address in self._seeds
        if seed and failed.peer is not None and failed.how is DialOutcome.TLS:
            self._astray.add(failed.address)

    # The schedule.

    def due(self, mono: float) -> bool:
        """Whether a dial may be due."""
        return mono >= self._next

    def tick(self, mono: float) -> list[Dial]:
        """The dials that are due."""
        for address in [address for address, out in self._out.items() if out.until <= mono]:
            del self._out[address]
        dials = [*self._dial_members(mono), *self._dial_seeds(mono)]
        paces = (*self._members.values(), *self._seeds.values())
        self._next = min((pace.due for pace in paces), default=NEVER)
        return dials

    def _dial_members(self, mono: float) -> Iterator[Dial]:
        for member, pace in self._members.items():
            if pace.due > mono:
                continue
            address = pace.address or self._choose(self.candidates(member), pace.tries)
            out = self._out.get(address or "")
            if pace.news and out is not None and mono < out.replaceable < NEVER:
                pace.due = out.replaceable
                continue
            news, pace.news, pace.address = pace.news, False, None
            self._again(pace, mono, self._ledger.left(member))
            if address is not None:
                yield from self._dial(address, member, news, mono)

    def _dial(self, address: str, member: MemberId, news: bool, mono: float) -> Iterator[Dial]:
        """If one is out, a dial in its place, or none."""
        out = self._out.get(address)
        if out is None:
            self.take(address, mono)
            yield Dial(address, member)
        elif news and mono >= out.replaceable:
            self._out[address] = Out(mono + self._longest, NEVER)
            yield Dial(address, member, instead=True)

    def _dial_seeds(self, mono: float) -> Iterator[Dial]:
        known = {address for addresses in self._ledger.reached.values() for address in addresses}
        for address, pace in self._seeds.items():
            if pace.due > mono:
                continue
            settled = address in known and address not in self._astray
            self._again(pace, mono, slow=settled)
            if not settled and address not in self.own and self.take(address, mono):
                yield Dial(address, None)

    def take(self, address: str, mono: float) -> bool:
        """Whether no dial is out to this address; from now on one is."""
        if address in self._out:
            return False
        self._out[address] = Out(mono + self._longest, mono + self._settings.connect_patience)
        return True

    @property
    def _longest(self) -> float:
        """After this a dial has ended, with a second to spare."""
        return self._settings.connect_timeout + self._settings.handshake_timeout + 1

    def _again(self, pace: Pace, mono: float, slow: bool) -> None:
        """The next try: full jitter, steps that double."""
        settings = self._settings
        most = min(settings.redial_max, settings.redial_first * 2 ** min(pace.tries, 16))
        if slow or mono - pace.since > HOUR:
            most = settings.redial_slow
        pace.tries += 1
        pace.due = mono + max(0.05, self._rng.random() * most)

    # Addresses.

    def candidates(self, member: MemberId) -> tuple[str, ...]:
        """Where a member may be: where we reached it, then where it says that it listens."""
        said = self._ledger.alive(member)
        told = said.addresses if said is not None else ()
        places = dict.fromkeys((*self._ledger.reached.get(member, ()), *told))
        return tuple(place for place in places if place not in self.own and dialable(place))

    @staticmethod
    def _choose(places: tuple[str, ...], tries: int) -> str | None:
        return places[tries % len(places)] if places else None


def dialable(address: str) -> bool:
    """Whether an address names a place: no wildcard, no port 0."""
    host, _, port = address.rpartition(":")
    return host not in WILDCARDS and port != "0"
