"""
Liveness: from some moment on a core of a world is well for ever, and the others are not.

The core has at least two members, drawn from the seed.  Two members that know each other's addresses
through an outcast only could never meet: whoever is needed so that all of the core hang together, by
what they were configured with or have learned, is of the core too.  Each of the others is dead, stands
still, is cut off from some or flaps for the rest of time; the core has to become one room all the
same.  Of the outcasts nothing is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Protocol

from attrs import define, field

from securechat.ids import MemberId
from securechat.simulation.clock import SimClock
from securechat.simulation.host import Host
from securechat.simulation.network import SimNetwork
from securechat.simulation.observed import Shown, View

FLAP = 4.0
"""Seconds between two turns of what flaps, at most."""


class Around(Protocol):
    """The world, as outcasts see it."""

    clock: SimClock
    network: SimNetwork
    hosts: list[Host]

    def end(self, host: Host) -> None:
        """A process ends."""
        ...

    def revive(self, host: Host) -> None:
        """Start a process if none runs."""
        ...


@define(eq=False)
class Outcasts:
    """Who is not of the core, and what becomes of it."""

    _world: Around
    _rng: Random
    core: tuple[Host, ...] = field(init=False)
    _fates: tuple[Callable[[Host], None], ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        hosts = self._world.hosts
        chosen = self._rng.sample(range(len(hosts)), self._rng.randint(2, len(hosts)))
        self.core = tuple(hosts[index] for index in sorted(chosen))
        self._fates = (self._world.end, self._sleep, self._cut, self._flap, self._restart)

    def begin(self) -> None:
        """From now on, for ever; the core grows by those who hold it together."""
        hosts = self._world.hosts
        drawn = [host.index for host in self.core]
        self.core = tuple(hosts[index] for index in joined(drawn, self._acquainted()))
        for host in self._world.hosts:
            if host not in self.core:
                self._rng.choice(self._fates)(host)

    def _acquainted(self) -> Iterator[tuple[int, int]]:
        """Who could dial whom now: whom it was told of, and who is in its roster with a place."""
        places = {host.address: host.index for host in self._world.hosts}
        indexes = {host.member: host.index for host in self._world.hosts}
        for host in self._world.hosts:
            for address in host.peers:
                yield host.index, places[address]
            for row in host.presence().members if host.shows else ():
                if row.address is not None:
                    yield host.index, indexes[row.member]

    def _sleep(self, host: Host) -> None:
        host.clock.stand_still()

    def _cut(self, host: Host) -> None:
        """Nothing passes any more, one way or both, to some of the others."""
        for other in self._world.hosts:
            for way in ((host.index, other.index), (other.index, host.index)):
                if other is not host and self._rng.random() < 0.6:
                    self._world.network.cut(*way)

    def _flap(self, host: Host) -> None:
        """All its ways are cut and mended, again and again."""
        others = [other.index for other in self._world.hosts if other is not host]
        ways = [way for other in others for way in ((host.index, other), (other, host.index))]
        for way in ways:
            self._world.network.cut(*way)
        self._later(self._mended, host, ways)

    def _mended(self, host: Host, ways: Sequence[tuple[int, int]]) -> None:
        for way in ways:
            self._world.network.mend(*way)
        self._later(self._flap, host)

    def _restart(self, host: Host) -> None:
        """It ends and starts, again and again."""
        self._world.end(host)
        self._later(self._returned, host)

    def _returned(self, host: Host) -> None:
        self._world.revive(host)
        self._later(self._restart, host)

    def _later(self, act: Callable[..., None], *args: object) -> None:
        self._world.clock.callLater(0.1 + FLAP * self._rng.random(), act, *args)


def joined(core: Collection[int], acquainted: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """These, and as many others as it takes so that each can come to know all, by acquaintance."""
    near: defaultdict[int, set[int]] = defaultdict(set)
    for one, other in acquainted:
        near[one].add(other)
        near[other].add(one)
    found = {min(core)}
    while rest := set(core) - found:
        way = _way(found, rest, near)
        if not way:
            break
        found.update(way)
    return tuple(sorted({*core, *found}))


def _way(found: Collection[int], rest: Collection[int], near: Mapping[int, set[int]]) -> list[int]:
    """The shortest way from who was found to one of the rest; empty if there is none."""
    ways = {index: [index] for index in sorted(found)}
    waiting = list(ways)
    for here in waiting:
        if here in rest:
            return ways[here]
        for there in sorted(near.get(here, ())):
            if there not in ways:
                ways[there] = [*ways[here], there]
                waiting.append(there)
    return []


def apart(views: Mapping[MemberId, View]) -> str:
    """In what the members of a core still differ; empty if nothing."""
    first = next(iter(views))
    for member, view in views.items():
        seats = {seat.member: seat for seat in view.seats}
        lost = sorted(other for other in views if other not in seats)
        away = [other for other in views if other not in lost and seats[other].state != "alive"]
        if lost or away:
            return f"{member[:8]} does not know {lost} and does not see alive: {away}"
        if _versions(view, views) != _versions(views[first], views):
            return f"{member[:8]} and {first[:8]} hold other versions of the core"
        if not view.floors and _posts(view, views) != _posts(views[first], views):
            return f"{member[:8]} and {first[:8]} show other posts of the core"
    return ""


def _versions(view: View, core: Mapping[MemberId, View]) -> list[tuple[MemberId, int, int]]:
    return [(s.member, s.epoch, s.incarnation) for s in view.seats if s.member in core]


def _posts(view: View, core: Mapping[MemberId, View]) -> set[str]:
    return {
        line.text
        for line in view.lines
        if isinstance(line, Shown) and line.to is None and line.id.author in core
    }
