"""
Since when nothing has stood between two machines: who could have reached whom all the time.

The judge of membership needs it to tell a false accusation from a true one.  A pair is troubled while
either process is down, stands still, has a full disk or does not listen, while a way between them is
cut or slow or a firewall refuses it, or while bytes are overdue; and at the moment of a fault that
strikes one of them, or the way between them.  What must not matter to membership at all (clocks on the
wall, replayed and forged frames) troubles nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from attrs import define, field

from securechat.simulation.clock import SimClock
from securechat.simulation.faults import COPY, Trouble
from securechat.simulation.host import Host
from securechat.simulation.network import SimNetwork
from securechat.simulation.streams import Phase, SimLink

OF_A_PAIR = frozenset(
    {
        Trouble.DELAY, Trouble.DUPLICATE, Trouble.ONE_WAY, Trouble.RESET, Trouble.SLOW, Trouble.REJECT,
    }
)  # fmt: skip
"""What befalls the way between two machines: what third ones think of either is no matter of it."""
HARMLESS = frozenset({Trouble.CLOCK, Trouble.REPLAY, Trouble.FORGERY, Trouble.LEAVE, COPY})
FOREVER = 1e9
OVERDUE = 0.2
"""Seconds that bytes may still be under way on a network that is well."""


@define(eq=False)
class Calm:
    """All pairs of machines."""

    _clock: SimClock
    _network: SimNetwork
    _hosts: Sequence[Host]
    _since: dict[tuple[int, int], float] = field(factory=dict)
    _starts: dict[int, int] = field(factory=dict)
    _asleep: dict[int, float] = field(factory=dict)
    """When each process was last seen to stand still."""

    def watch(self, every: float) -> None:
        """Look at all pairs from now on."""
        self._look(every)

    def struck(self, kind: str, who: int, other: int) -> None:
        """A fault strikes these two machines now."""
        if kind in OF_A_PAIR:
            a, b = sorted((who, other))
            self._since[a, b] = self._clock.now
        elif kind not in HARMLESS:
            self.disturbed(who)
            self.disturbed(other)

    def disturbed(self, index: int) -> None:
        """Something befell this machine now."""
        for pair in combinations(range(len(self._hosts)), 2):
            if index in pair:
                self._since[pair] = self._clock.now

    def lasted(self, one: int, other: int) -> float:
        """Seconds for which nothing has stood between the two; 0 if something does."""
        a, b = sorted((one, other))
        self._look_at(a, b, self._busy())
        return self._clock.now - self._since.get((a, b), self._clock.now)

    def awake(self, index: int) -> float:
        """Seconds since the process there stood still last."""
        return self._clock.now - self._asleep.get(index, -FOREVER)

    def _look(self, every: float) -> None:
        for host in self._hosts:
            if host.up and host.clock.paused:
                self._asleep[host.index] = self._clock.now
        busy = self._busy()
        for one, other in combinations(range(len(self._hosts)), 2):
            self._look_at(one, other, busy)
        self._clock.callLater(every, self._look, every)

    def _look_at(self, one: int, other: int, busy: set[frozenset[int]]) -> None:
        for index in (one, other):
            starts = self._hosts[index].starts
            if self._starts.get(index) != starts:
                self._starts[index] = starts
                self.disturbed(index)
        troubled = frozenset((one, other)) in busy or not self._well(one, other)
        if troubled or (one, other) not in self._since:
            self._since[one, other] = self._clock.now

    def _well(self, one: int, other: int) -> bool:
        weather = self._network.weather
        if weather.spread:
            return False
        ways = ((one, other), (other, one))
        if any(weather.cuts[way] > 0 or weather.refuses[way] > 0 for way in ways):
            return False
        if any(way in weather.lag or way in weather.rate for way in ways):
            return False
        return all(self._runs(self._hosts[index]) for index in (one, other))

    @staticmethod
    def _runs(host: Host) -> bool:
        return host.owner is not None and not host.clock.paused and not host.disk_full

    def _busy(self) -> set[frozenset[int]]:
        """Pairs on whose links bytes are overdue."""
        return {
            frozenset((end.machine.index, end.other.machine.index))
            for ends in self._network.connections
            for end in ends
            if self._overdue(end)
        }

    def _overdue(self, end: SimLink) -> bool:
        pipe = end.pipe
        late = pipe.items and pipe.last - self._clock.now > OVERDUE
        return end.phase is not Phase.ENDED and bool(pipe.waiting or late)
