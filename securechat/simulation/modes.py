"""
Two further kinds of world (``reference/reliability-security.md`` 4.1).

- safety: faults strike to the very end, and only what must never happen is judged.
- liveness: at some moment a core is healed completely and the others stay faulty for ever
  (``outcasts``); the core must become one room within the bound of a heal.

In a world of neither mode faults strike for most of the time; then everybody is healed, and all must
become equal.
"""

from __future__ import annotations

from attrs import define, field

from securechat.simulation.faults import Fault
from securechat.simulation.outcasts import Outcasts, apart
from securechat.simulation.workload import Act
from securechat.simulation.world import World

JUST_AFTER = 0.001
ANSWERED = 1.0
"""Seconds at the end in which all of a core have come to hold an answer to an accusation,"""
GLANCE = 0.01
"""and between two looks for that."""


@define(eq=False)
class Safety(World):
    """Faults to the end."""

    mode: str = "safety"

    @property
    def quiet(self) -> float:
        """Never."""
        return self.seconds

    def _compared(self, fresh: bool) -> str:
        """Nobody has to agree with anybody; what is shown is judged as ever."""
        for host in self.hosts:
            if host.shows:
                self.checker.shown(host, host.view(fresh))
                self.judge.shown(host, host.presence())
        return ""


@define(eq=False)
class Liveness(World):
    """A core is healed, and has to agree."""

    mode: str = "liveness"
    outcasts: Outcasts = field(init=False)

    def _schedule(
        self, plan: tuple[Fault, ...], acts: tuple[Act, ...], arrivals: tuple[float, ...]
    ) -> None:
        super()._schedule(plan, acts, arrivals)
        self.outcasts = Outcasts(self, self._rng("outcasts"))
        self.clock.callLater(self.quiet + JUST_AFTER, self.outcasts.begin)

    def _idle(self) -> None:
        """The outcasts give everybody something to say to the end."""

    def _last_look(self) -> None:
        """An outcast may have accused the core just now, and its answer may be under way."""
        end = self.clock.now + ANSWERED
        while self.clock.now < end and self._compared(fresh=False):
            self.clock.advance(GLANCE)
        super()._last_look()

    def _compared(self, fresh: bool) -> str:
        core = self.outcasts.core
        down = [host.name for host in core if host.node is None]
        if down:
            return f"{down} do not run"
        views = {host.member: host.view(fresh) for host in core}
        if fresh:
            for host in core:
                self.checker.shown(host, views[host.member])
                self.judge.shown(host, host.presence())
                self.judge.passed(host, host.presence(), core)
        return apart(views)


WORLDS: dict[str, type[World]] = {"": World, "safety": Safety, "liveness": Liveness}
