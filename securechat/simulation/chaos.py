"""
Carries out the faults of a plan on a world, and undoes them all at the end.

A fault that finds nothing to strike (a process that is down already) passes without effect.  What comes
again, and what is forged, comes from a member that runs another program (``impostor``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Protocol

from attrs import define, evolve, field
from twisted.internet.defer import Deferred

from securechat.inputs import Goodbye
from securechat.settings import KIB
from securechat.simulation.clock import SimClock
from securechat.simulation.faults import COPY, Fault, Trouble
from securechat.simulation.host import Host
from securechat.simulation.impostor import Impostor
from securechat.simulation.network import SimNetwork

STEPS = 40
"""A crash comes within that many steps, or after this long at the latest:"""
CRASH_WITHIN = 5.0
GOODBYE = 2.0
"""Seconds that a goodbye gets to go out."""
NOTICED = 3.0
"""Seconds in which a node has noticed that its disk takes something again."""
BOTH = 0.4
"""Firewalls, of all, that refuse both of a pair."""
UNDER_WAY = 1.5
"""Seconds that last words take, and in which they are said."""
GLANCE = 0.0005
"""Seconds between two looks at a connection that is being made,"""
DIALLED = 5.0
"""for so many."""


class Around(Protocol):
    """The world, as chaos sees it."""

    clock: SimClock
    network: SimNetwork
    hosts: list[Host]

    def end(self, host: Host) -> None:
        """A process ends."""
        ...

    def revive(self, host: Host) -> None:
        """Start a process if none runs."""
        ...

    def disk_replaced(self, host: Host, to: float | None) -> None:
        """Another disk is in: none, or that of then."""
        ...


@define(eq=False)
class Chaos:
    """The bad luck of one world."""

    _world: Around
    _rng: Random
    _impostor: Impostor
    quiet: bool = False
    _copies: dict[int, tuple[float, bytes]] = field(factory=dict)
    _leaving: set[Host] = field(factory=set)
    """Said goodbye, and not yet gone."""
    _kinds: dict[str, Callable[[Fault, Host, Host], None]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._kinds = {
            Trouble.DELAY: self._delay,
            Trouble.REORDER: self._reorder,
            Trouble.DUPLICATE: self._duplicate,
            Trouble.ONE_WAY: self._one_way,
            Trouble.PARTITION: self._partition,
            Trouble.PAUSE: self._pause,
            Trouble.RESET: self._reset,
            Trouble.CRASH: self._crash,
            Trouble.DISK_LOSS: self._disk_loss,
            Trouble.RESTORE: self._restore,
            Trouble.CLOCK: self._clock_step,
            Trouble.SLOW: self._slow,
            Trouble.DISK_FULL: self._disk_full,
            Trouble.REPLAY: self._impostor.replay,
            Trouble.FORGERY: self._impostor.forge,
            Trouble.LEAVE: self._leave,
            Trouble.REJECT: self._reject,
            Trouble.TWINS: self._twins,
            Trouble.LAST_WORDS: self._last_words,
            COPY: self._copy,
        }

    def strike(self, fault: Fault) -> None:
        """Carry out one fault."""
        if not self.quiet:
            hosts = self._world.hosts
            self._kinds[fault.what](fault, hosts[fault.who], hosts[fault.other])

    def heal(self) -> None:
        """No more faults: everything is mended, every machine and process runs."""
        self.quiet = True
        weather = self._world.network.weather
        for stopped in (weather.cuts, weather.rejects, weather.refuses):
            stopped.clear()
        weather.lag.clear()
        weather.rate.clear()
        weather.spread = 0.0
        for host in self._world.hosts:
            host.countdown, host.disk_full = 0, False
            if host.up and host.clock.paused:
                host.clock.go_on()
            if host in self._leaving:
                self._world.end(host)
            self._world.revive(host)
        self._world.network.flow()

    def _later(self, delay: float, act: Callable[[], object]) -> None:
        """Undo something, unless all was undone before."""

        def run() -> None:
            if not self.quiet:
                act()

        self._world.clock.callLater(delay, run)

    # The network.

    def _delay(self, fault: Fault, who: Host, other: Host) -> None:
        lag = self._world.network.weather.lag
        ways = [(who.index, other.index), (other.index, who.index)]
        for way in ways:
            lag[way] = 0.02 + 1.5 * fault.amount**2
        self._later(fault.length, lambda: [lag.pop(way, None) for way in ways])

    def _reorder(self, fault: Fault, who: Host, other: Host) -> None:
        weather = self._world.network.weather
        weather.spread = 0.05 + fault.amount
        self._later(fault.length, lambda: setattr(weather, "spread", 0.0))

    def _slow(self, fault: Fault, who: Host, other: Host) -> None:
        rate, way = self._world.network.weather.rate, (who.index, other.index)
        rate[way] = (1 + 63 * fault.amount) * KIB
        self._later(fault.length, lambda: rate.pop(way, None))

    def _cut(self, ways: list[tuple[int, int]], length: float) -> None:
        network = self._world.network
        for way in ways:
            network.cut(*way)

        def mend() -> None:
            for way in ways:
                network.mend(*way)

        self._later(length, mend)

    def _one_way(self, fault: Fault, who: Host, other: Host) -> None:
        self._cut([(who.index, other.index)], fault.length)

    def _partition(self, fault: Fault, who: Host, other: Host) -> None:
        indexes = [host.index for host in self._world.hosts]
        left = {who.index} | {i for i in indexes if i != other.index and self._rng.random() < 0.5}
        self._divide(left, fault.length)

    def _divide(self, left: set[int], length: float) -> None:
        """Nothing passes between these and the others."""
        indexes = [host.index for host in self._world.hosts]
        self._cut([(a, b) for a in indexes for b in indexes if (a in left) != (b in left)], length)

    def _reject(self, fault: Fault, who: Host, other: Host) -> None:
        """Dials of one or of both are refused; links stay, or are reset at once, or all the time."""
        network, how = self._world.network, int(1000 * fault.amount) % 3
        ways = [(who.index, other.index), (other.index, who.index)][: 1 + (fault.amount < BOTH)]
        begin, end = (network.refuse, network.allow) if how else (network.reject, network.admit)
        for way in ways:
            begin(*way)
        for ends in self._world.network.between(who, other) if how == 1 else ():
            network.reset(ends, (fault.amount, fault.amount))
        self._later(fault.length, lambda: [end(*way) for way in ways])

    def _reset(self, fault: Fault, who: Host, other: Host) -> None:
        for ends in self._world.network.between(who, other):
            self._world.network.reset(ends, (fault.amount, self._rng.random()))

    def _duplicate(self, fault: Fault, who: Host, other: Host) -> None:
        """What one side sent arrives, what answers it is lost, and the link breaks."""
        for ends in self._world.network.between(who, other):
            keep = (1.0, 0.0) if fault.amount < 0.5 else (0.0, 1.0)
            self._world.network.reset(ends, keep)

    # Processes and disks.

    def _pause(self, fault: Fault, who: Host, other: Host) -> None:
        self._stop(who, fault.length)

    def _stop(self, who: Host, length: float, newest_first: bool = False) -> None:
        """SIGSTOP for a while; then everything that came meanwhile is there at once."""
        if not who.up or who.clock.paused:
            return
        clock = who.clock
        clock.stand_still()

        def go_on() -> None:
            if clock.paused:
                clock.go_on()
                self._world.network.flow(newest_first)

        self._later(length, go_on)

    def _crash(self, fault: Fault, who: Host, other: Host) -> None:
        """Kill it between two steps of a turn, or here if it does not come to any; then restart."""
        if not who.up or who.clock.paused:
            return
        who.countdown = 1 + int(STEPS * fault.amount)
        clock = who.clock

        def at_last() -> None:
            if clock.alive and not clock.paused:
                self._world.end(who)

        self._later(CRASH_WITHIN, at_last)
        self._later(CRASH_WITHIN + fault.length, lambda: self._world.revive(who))
        self._later(fault.length, lambda: self._world.revive(who))

    def _last_words(self, fault: Fault, who: Host, other: Host) -> None:
        """Who stood still finds a greeting, and what the process before that one had said."""
        lag, way = self._world.network.weather.lag, (who.index, other.index)
        if not who.up or who.clock.paused:
            return
        lag[way] = UNDER_WAY

        def restart() -> None:
            lag.pop(way, None)
            if who.up and not who.clock.paused:
                self._world.end(who)
                self._later(0.0, lambda: self._world.revive(who))
                self._later(GLANCE, partial(self._stop_once_dialled, fault, who, other))

        self._later(UNDER_WAY, restart)

    def _stop_once_dialled(self, fault: Fault, who: Host, other: Host, since: float = 0.0) -> None:
        """Stop the reader once the process that runs there now has a connection to it."""
        between = self._world.network.between(who, other)
        if any(end.clock is who.clock for ends in between for end in ends):
            self._stop(other, max(fault.length, 2 * UNDER_WAY), newest_first=True)
        elif since < DIALLED:
            again = partial(self._stop_once_dialled, fault, who, other, since + GLANCE)
            self._later(GLANCE, again)

    def _disk_loss(self, fault: Fault, who: Host, other: Host) -> None:
        self._replace(fault, who, b"", None)

    def _copy(self, fault: Fault, who: Host, other: Host) -> None:
        self._copies[who.index] = (self._world.clock.now, who.copy())

    def _restore(self, fault: Fault, who: Host, other: Host) -> None:
        at, content = self._copies.get(who.index, (None, b""))
        self._replace(fault, who, content, at)

    def _twins(self, fault: Fault, who: Host, other: Host) -> None:
        """One half of the room meets a process of a disk, the other one of a copy made before."""
        rest = [host.index for host in self._world.hosts if host is not who]
        if len(rest) < 2 or not who.up or who.clock.paused:
            return
        self._rng.shuffle(rest)
        half = 1 + int(fault.amount * (len(rest) - 1))
        at, disk, length = self._world.clock.now, who.copy(), fault.length / 2

        def change() -> None:
            self._divide({who.index, *rest[half:]}, length)
            self._replace(evolve(fault, length=0.0), who, disk, at)

        self._divide({who.index, *rest[:half]}, length)
        self._world.end(who)
        self._later(0.0, lambda: self._world.revive(who))
        self._later(length, change)

    def _replace(self, fault: Fault, who: Host, disk: bytes, at: float | None) -> None:
        self._world.end(who)
        who.disk = disk
        self._world.disk_replaced(who, at)
        self._later(fault.length, lambda: self._world.revive(who))

    def _disk_full(self, fault: Fault, who: Host, other: Host) -> None:
        who.disk_full = True
        again = self._world.clock.now + fault.length + NOTICED
        who.full_until = max(who.full_until, again)
        self._later(fault.length, lambda: setattr(who, "disk_full", False))

    def _clock_step(self, fault: Fault, who: Host, other: Host) -> None:
        """Up to an hour either way, and from the next start on up to 500 ppm of drift."""
        far = 3600.0 if self._rng.random() < 0.5 else 90.0
        who.wall_offset += (2 * fault.amount - 1) * far
        who.rate = 1.0 + self._rng.uniform(-0.0005, 0.0005)

    def _leave(self, fault: Fault, who: Host, other: Host) -> None:
        """As SIGTERM: a signed goodbye, at most two seconds for it to go out, then the end."""
        node, clock = who.node, who.clock
        if node is None or not who.up or clock.paused:
            return

        def ask() -> None:
            asked: Deferred[Any] = node.input(Goodbye())
            asked.addErrback(lambda failure: None)

        def stop() -> None:
            if clock.alive:
                node.listening = False
                clock.run(node.stop)

        def gone() -> None:
            self._leaving.discard(who)
            if clock.alive:
                self._world.end(who)

        clock.run(ask)
        self._leaving.add(who)
        self._later(GOODBYE, stop)
        self._later(GOODBYE + 0.5, gone)
        self._later(GOODBYE + 1.0 + fault.length, lambda: self._world.revive(who))
