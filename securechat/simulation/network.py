"""
A bad network between machines: byte streams, and what becomes of them.

A connection is two pipes.  Bytes of one pipe arrive in order, cut at random places, after a delay that
each connection has of its own, so that order across links means nothing.  What a cut, a machine
without power or a process that stands still keeps from arriving waits, as TCP would send it again, and
arrives when it can.  TLS is left out: who is at the other end is known here.

- A dial is refused where nothing listens, times out after 2 s where nothing answers, and ends after
  10 s where a process listens and stands still, as ``node.dialer`` and ``node.link`` tell it.  Until it
  is answered another may take its place.
- A firewall that refuses answers dials and bytes of one machine with a reset, though a process
  listens; the answers to dials the other way do not get in either.  One that knows which connections
  exist refuses dials only, and lets their answers and all links be.
- A close flushes and tells the other side; who does not read gets 5 s.  A reset loses what was on its
  way, in mid-frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from attrs import define, field

from securechat.ids import MemberId
from securechat.inputs import DialOutcome, Ending
from securechat.node.dialer import CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT
from securechat.node.link import CLOSE_TIMEOUT
from securechat.simulation.clock import HostClock, SimClock
from securechat.simulation.streams import Item, Phase, Pipe, SimLink

PORT = 7400
RETRY = 0.25
"""Seconds between looks at a process that listens and does not answer."""
FASTEST = 0.0005


class Chance(Protocol):
    """What is needed of a random.Random."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    def uniform(self, a: float, b: float) -> float:
        """A number between two."""
        ...

    def randrange(self, start: int, stop: int) -> int:
        """A whole number, the stop excluded."""
        ...


class Machine(Protocol):
    """A machine on the network, as the network sees it."""

    index: int
    address: str
    member: MemberId
    powered: bool
    clock: HostClock
    """Of the process that runs there now, or of the last one."""

    @property
    def owner(self) -> Any:
        """The Links of the process that listens there; None if none does."""
        ...

    def step(self, name: str) -> None:
        """A step at which the process may crash."""
        ...


@define
class Weather:
    """How bad the network is just now; the faults change it."""

    delay: float = 0.005
    """Mean seconds one way."""
    cut_chance: float = 0.2
    """How often bytes that were written at once arrive in pieces."""
    lag: dict[tuple[int, int], float] = field(factory=dict)
    """Further seconds, by direction."""
    spread: float = 0.0
    """Up to this many seconds more for single pieces: reorders across links."""
    rate: dict[tuple[int, int], float] = field(factory=dict)
    """Bytes per second, by direction, where that is limited."""
    cuts: Counter[tuple[int, int]] = field(factory=Counter)
    """Directions in which nothing passes."""
    rejects: Counter[tuple[int, int]] = field(factory=Counter)
    """Those of them in which a firewall says so."""
    refuses: Counter[tuple[int, int]] = field(factory=Counter)
    """Directions in which a firewall refuses dials only."""


@define(eq=False)
class SimNetwork:
    """All machines and the connections between them."""

    clock: SimClock
    _rng: Chance
    _trace: Callable[..., None]
    _tap: Callable[[Machine, Machine, bytes], None]
    """Sees all that is written, when it is written."""
    weather: Weather = field(factory=Weather)
    machines: dict[str, Machine] = field(factory=dict)
    connections: list[tuple[SimLink, SimLink]] = field(factory=list)
    knocking: list[_Dial] = field(factory=list)
    """Dials without TCP yet."""
    _ports: int = 40000

    # What the machines ask.

    def attach(self, machine: Machine) -> None:
        """Put a machine on the network."""
        self.machines[machine.address] = machine

    def dial(
        self, source: Machine, address: str, expected: MemberId | None, instead: bool = False
    ) -> None:
        """A process dials; its Links are told of the outcome, and of none that it replaced."""
        dial = _Dial(self, source, source.clock, source.owner, address, expected)
        others = [other for other in self.knocking if other.alike(dial)]
        if instead and not others:
            return
        if instead:
            self.knocking.remove(others[0])
        self.knocking.append(dial)
        dial.knock(self.clock.now + CONNECT_TIMEOUT)

    # What the world asks.

    def cut(self, source: int, target: int) -> None:
        """Nothing passes from one machine to another."""
        self.weather.cuts[source, target] += 1

    def mend(self, source: int, target: int) -> None:
        """One cut less."""
        self.weather.cuts[source, target] -= 1
        self.flow()

    def reject(self, source: int, target: int) -> None:
        """A firewall answers what one machine sends to another with a reset."""
        self.cut(source, target)
        self.weather.rejects[source, target] += 1

    def admit(self, source: int, target: int) -> None:
        """One firewall less."""
        self.weather.rejects[source, target] -= 1
        self.mend(source, target)

    def refuse(self, source: int, target: int) -> None:
        """A firewall refuses dials from one machine to another; links that exist stay."""
        self.weather.refuses[source, target] += 1

    def allow(self, source: int, target: int) -> None:
        """One of these less."""
        self.weather.refuses[source, target] -= 1

    def flow(self, newest_first: bool = False) -> None:
        """Something was mended: what waited arrives; connections know no order among them."""
        for ends in self.connections[:: -1 if newest_first else 1]:
            for end in ends:
                pipe = end.pipe
                if pipe.waiting and self.passes(pipe):
                    for _ in range(pipe.join_waiting()):
                        self.clock.callLater(0, self._arrive, pipe)

    def reset(self, ends: tuple[SimLink, SimLink], keep: tuple[float, float]) -> None:
        """Break a connection; ``keep`` is the part of each direction's bytes that still arrives."""
        for end, part in zip(ends, keep, strict=True):
            pending = sum(len(item) for item in end.pipe.items if isinstance(item, bytes))
            end.pipe.truncate(int(pending * part))
        for end in ends:
            self._put(end.pipe, Ending.RST)

    def died(self, machine: Machine, powered: bool) -> None:
        """A process is gone; a machine that still has power tells the others so."""
        for ends in list(self.connections):
            for end in ends:
                if end.machine is machine and end.phase is not Phase.ENDED:
                    end.phase = Phase.ENDED
                    if powered:
                        kind = Ending.RST if end.other.pipe.items else Ending.FIN
                        self._put(end.pipe, kind)
            self._forget(ends)

    def passes(self, pipe: Pipe) -> bool:
        """Whether anything arrives there now."""
        target = pipe.target
        return (
            self.weather.cuts[pipe.source.machine.index, target.machine.index] <= 0
            and target.machine.powered
            and not (target.clock.alive and target.clock.paused)
        )

    def reachable(self, one: Machine, other: Machine) -> bool:
        """Whether packets pass both ways between two machines that have power."""
        cuts, a, b = self.weather.cuts, one.index, other.index
        return other.powered and cuts[a, b] <= 0 and cuts[b, a] <= 0

    def rejects(self, one: Machine, other: Machine) -> bool:
        """Whether a firewall refuses what one sends, and its refusal arrives."""
        weather, a, b = self.weather, one.index, other.index
        return weather.rejects[a, b] > 0 and other.powered and weather.cuts[b, a] <= 0

    def refused(self, one: Machine, other: Machine) -> bool:
        """Whether a firewall answers a dial of one, and its answer arrives."""
        weather, way = self.weather, (one.index, other.index)
        alone = weather.refuses[way] > 0 and self.reachable(one, other)
        return alone or self.rejects(one, other)

    def between(self, one: Any, other: Any) -> list[tuple[SimLink, SimLink]]:
        """The connections of two machines."""
        pair = {one, other}
        return [ends for ends in self.connections if {end.machine for end in ends} == pair]

    def latency(self, one: Machine, other: Machine) -> float:
        """Seconds that a packet takes just now."""
        lag = self.weather.lag.get((one.index, other.index), 0.0)
        return FASTEST + lag + self._rng.uniform(0, 2 * self.weather.delay)

    def connect(self, dial: _Dial, target: Machine) -> None:
        """TLS is done: the dialler knows it first, then who was dialled."""
        self._ports += 1
        near, far = dial.source, target
        here = f"{near.address.partition(':')[0]}:{self._ports}"
        a = SimLink(
            self, near, dial.clock, dial.owner, far.member, dial.address, here, dial.address
        )
        b = SimLink(self, far, far.clock, far.owner, near.member, here, far.address, None)
        a.other, b.other = b, a
        a.pipe, b.pipe = Pipe(a, b), Pipe(b, a)
        self.connections.append((a, b))
        later = self.latency(near, far)
        a.pipe.last = self.clock.now + later
        self.clock.callLater(later, self._accepted, b)
        dial.clock.run(a.owner.opened, (a,))

    # What the ends of connections ask.

    def written(self, end: SimLink, data: bytes) -> None:
        """Bytes set out."""
        end.machine.step("write")
        self._tap(end.machine, end.other.machine, data)
        if self.rejects(end.machine, end.other.machine):
            self._put(end.other.pipe, Ending.RST)
            return
        pieces = [data]
        if len(data) > 1 and self._rng.random() < self.weather.cut_chance:
            place = self._rng.randrange(1, len(data))
            pieces = [data[:place], data[place:]]
        for piece in pieces:
            self._put(end.pipe, piece)

    def inject(self, end: SimLink, data: bytes) -> None:
        """Bytes that the node at this end never wrote, on its link."""
        self._put(end.pipe, data)

    def closed(self, end: SimLink) -> None:
        """An end flushes and closes."""
        self._put(end.pipe, Ending.FIN)
        self.clock.callLater(CLOSE_TIMEOUT, self._unread, end)

    def aborted(self, end: SimLink) -> None:
        """An end breaks off."""
        end.pipe.truncate(0)
        self._put(end.pipe, Ending.RST)
        end.clock.callLater(0, self._ended, end, Ending.RST, "broken off here")

    # How things arrive.

    def _accepted(self, end: SimLink) -> None:
        if end.clock.alive and end.phase is Phase.OPEN:
            end.clock.run(end.owner.opened, (end,))

    def _put(self, pipe: Pipe, item: Item) -> None:
        near, far = pipe.source.machine, pipe.target.machine
        time = self.clock.now + self.latency(near, far) + self._rng.random() * self.weather.spread
        rate = self.weather.rate.get((near.index, far.index))
        pipe.last = max(pipe.last, time)
        if rate is not None and isinstance(item, bytes):
            pipe.last += len(item) / rate
        pipe.put(item)
        self.clock.callLater(pipe.last - self.clock.now, self._arrive, pipe)

    def _arrive(self, pipe: Pipe) -> None:
        if not pipe.items:
            return
        if not self.passes(pipe):
            pipe.waiting += 1
            return
        item, end = pipe.take(), pipe.target
        self._trace("arrive", pipe.source.machine.index, end.machine.index, item)
        if not end.clock.alive or end.phase is Phase.ENDED:
            if isinstance(item, bytes) and not pipe.broken:
                pipe.broken = True
                self._put(end.pipe, Ending.RST)
        elif isinstance(item, bytes):
            end.heard = True
            end.clock.run(end.owner.bytes_in, (end, item))
        elif item is Ending.FIN:
            self._put(end.pipe, Ending.SHUTDOWN)
            self._ended(end, Ending.FIN, "closed by the other side")
        elif item is Ending.SHUTDOWN:
            self._ended(end, Ending.FIN, "closed by the other side")
        else:
            early = end.dialled is not None and not end.heard
            how = Ending.PROTOCOL if early else Ending.RST
            self._ended(end, how, "broken off by the other side or the network")

    def _unread(self, end: SimLink) -> None:
        if end.phase is Phase.CLOSING and end.clock.alive:
            end.ending = (Ending.TIMEOUT, "did not read to the end when we closed")
            end.pipe.truncate(0)
            self._put(end.pipe, Ending.RST)
            self._ended(end, *end.ending)

    def _ended(self, end: SimLink, how: Ending, why: str) -> None:
        if end.phase is Phase.ENDED or not end.clock.alive:
            return
        end.phase = Phase.ENDED
        how, why = end.ending or (how, why)
        self._trace("ended", end.machine.index, end.other.machine.index, how.value)
        end.clock.run(end.owner.lost, (end, how, why))
        self._forget((end, end.other))

    def _forget(self, ends: tuple[SimLink, SimLink]) -> None:
        if all(end.phase is Phase.ENDED for end in ends):
            for pair in (ends, ends[::-1]):
                if pair in self.connections:
                    self.connections.remove(pair)


@define(eq=False)
class _Dial:
    """One dial on its way."""

    network: SimNetwork
    source: Machine
    clock: HostClock
    owner: Any
    address: str
    expected: MemberId | None

    def alike(self, other: _Dial) -> bool:
        """Whether the same process dials the same address."""
        return (self.clock, self.address) == (other.clock, other.address)

    def knock(self, until: float) -> None:
        """TCP: answered, refused or silent."""
        network, target = self.network, self.network.machines.get(self.address)
        if self not in network.knocking:
            return
        rejected = target is not None and network.refused(self.source, target)
        if target is not None and (rejected or network.reachable(self.source, target)):
            rtt = network.latency(self.source, target) + network.latency(target, self.source)
            network.clock.callLater(rtt, self._answered, target, rejected)
        elif network.clock.now >= until:
            network.knocking.remove(self)
            self._fail(DialOutcome.TIMEOUT, "no answer in time")
        else:
            network.clock.callLater(CONNECT_TIMEOUT / 2, self.knock, until)

    def _answered(self, target: Machine, rejected: bool) -> None:
        if self not in self.network.knocking:
            return
        self.network.knocking.remove(self)
        if rejected or target.owner is None:
            self._fail(DialOutcome.REFUSED, "connection refused")
        else:
            self._shake(target, target.clock, self.network.clock.now + HANDSHAKE_TIMEOUT)

    def _shake(self, target: Machine, process: HostClock, until: float) -> None:
        network = self.network
        if not process.alive or target.owner is None:
            self._fail(DialOutcome.TLS, "reset-early: broken off before TLS was done")
        elif process.paused or not network.reachable(self.source, target):
            if network.clock.now >= until:
                self._fail(DialOutcome.TIMEOUT, "silent: no TLS handshake")
            else:
                network.clock.callLater(RETRY, self._shake, target, process, until)
        elif self.expected is not None and self.expected != target.member:
            text = "wrong-member: somebody else is there"
            self.clock.run(self.owner.refused, (self.address, True, "wrong-member", text))
            self._fail(DialOutcome.TLS, text)
        elif self.clock.alive:
            network.connect(self, target)

    def _fail(self, how: DialOutcome, why: str) -> None:
        self.clock.run(self.owner.dial_failed, (self.address, self.expected, how, why))
