"""
A large room on one machine: does it converge from one address, and does it stay together?

Every node knows the founder's address and nothing else.  They are started one after the other, and
then left alone for some minutes; what each thinks of each other one is followed on its event stream.
Nobody is gone, so each ``unreachable`` is false; a suspicion that is taken back is not.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from threading import Event

from attrs import asdict, define, field, frozen
from bench_membership_places import Loopback
from bench_membership_rooms import Ours
from bench_membership_views import ALIVE, SUSPECT, UNREACHABLE, everyone, firsts, verdicts
from bench_page import about, ending, tell
from bench_process import cpu, resident

GATHER = 300.0
COARSE = 0.1
"""Seconds between two looks at who listens: each reads a table of all connections."""
GLANCES = 10
"""Times that the views are tallied while the room is left alone."""


@frozen
class Plan:
    """What is to be measured."""

    nodes: int
    minutes: float
    preset: str
    stagger: float
    write: bool


@frozen
class Glance:
    """All views at one moment."""

    second: float
    """Since the last node was started."""
    views: dict[str, int]
    suspicions: int
    """So far, since all agreed."""
    unreachable: int
    cpu_percent: float
    """Of all cores together, since the glance before."""
    resident_mib: float
    """Of all nodes together."""
    proportional_mib: float
    """The same with what they share counted once."""


@define
class Watched:
    """One room from its first start to the end."""

    room: Ours
    plan: Plan
    glances: list[Glance] = field(factory=list, init=False)
    first: float = field(default=0.0, init=False)
    last: float = field(default=0.0, init=False)
    agreed: float | None = field(default=None, init=False)
    early: int = field(default=0, init=False)
    """False verdicts before all agreed."""
    _cpu: tuple[float, float] = field(default=(0.0, 0.0), init=False)

    def gather(self) -> None:
        """Start one after the other, and wait until all agree."""
        pause, room = Event(), self.room
        self.first = time.monotonic()
        room.start(0)
        room.listening(0)
        for member in range(1, room.members):
            room.start(member)
            pause.wait(self.plan.stagger)
        self.last = max(room.listening(member, COARSE) for member in range(room.members))
        wanted = everyone(room.members)
        if room.sights.wait(lambda: room.sights.all_are(ALIVE, wanted), GATHER):
            self.agreed = max(firsts(room.sights.since(self.first), ALIVE, set(wanted)).values())
        early = verdicts(room.sights.since(self.first), UNREACHABLE)
        room.accuse(early)
        self.early = len(early)
        self._glance()

    def stay(self) -> None:
        """Leave it alone, and look at it from time to time."""
        begun, step = time.monotonic(), self.plan.minutes * 60 / GLANCES
        for number in range(1, GLANCES + 1):
            Event().wait(max(0.0, begun + number * step - time.monotonic()))
            self._glance()

    def _glance(self) -> None:
        now, room = time.monotonic(), self.room
        pids = [process.pid for process in room.processes.values()]
        used = sum(map(cpu, pids))
        before, at = self._cpu
        self._cpu = (used, now)
        said = room.sights.since(self.agreed if self.agreed is not None else self.first)
        room.accuse(verdicts(room.sights.since(at or now), UNREACHABLE))
        glance = Glance(
            second=round(now - self.last, 1),
            views=room.sights.tally(everyone(room.members)),
            suspicions=len(verdicts(said, SUSPECT)),
            unreachable=len(verdicts(said, UNREACHABLE)),
            cpu_percent=round((used - before) / (now - (at or self.first)) * 100, 1),
            resident_mib=round(sum(map(resident, pids)), 1),
            proportional_mib=round(sum(resident(pid, "Pss") for pid in pids), 1),
        )
        self.glances.append(glance)
        print(json.dumps({"room": asdict(glance)}), flush=True)


def table(watched: Watched) -> list[str]:
    """What there is to say, in Markdown."""
    plan, end = watched.plan, watched.glances[-1]
    wanted = plan.nodes * (plan.nodes - 1)
    if watched.agreed is None:
        said = f"not all of {wanted} views were alive within {GATHER:g} s"
    else:
        said = (
            f"all {wanted} views alive {watched.agreed - watched.last:.1f} s after the last node"
            f" listened, {watched.agreed - watched.first:.1f} s after the first was started"
        )
    still = [glance.cpu_percent for glance in watched.glances[1:]]
    lines = [
        f"{plan.nodes} nodes, preset {plan.preset}, a start each {plan.stagger:g} s, one address"
        f" known to each: {said}; {watched.early} false verdicts until then. In the"
        f" {plan.minutes:g} minutes after it {end.unreachable} views became unreachable and"
        f" {end.suspicions} suspect. Left alone, all nodes together take"
        f" {statistics.median(still):.0f} % of one core (of {os.cpu_count()}) and"
        f" {end.proportional_mib:.0f} MiB.",
        "",
        "| s | views alive | suspect | unreachable | not yet known | suspicions so far"
        " | CPU, % of a core | RSS, MiB | PSS, MiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for glance in watched.glances:
        states = [glance.views.get(s, 0) for s in (ALIVE, SUSPECT, UNREACHABLE, "unknown")]
        words = [
            f"{glance.second:.0f}", *map(str, states), str(glance.suspicions),
            f"{glance.cpu_percent:.0f}", f"{glance.resident_mib:.0f}",
            f"{glance.proportional_mib:.0f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(words)} |")
    return lines


def run(plan: Plan) -> int:
    """Watch one room; 1 if it did not converge, or anybody was ever given up."""
    with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder, ending():
        here = Path(folder) / "0"
        here.mkdir()
        room = Ours(plan.preset, plan.nodes, Loopback(), here, 0, plan.nodes)
        watched = Watched(room, plan)
        try:
            room.make()
            watched.gather()
            watched.stay()
        finally:
            room.close()
    tell("room", [*about(), *table(watched)], plan.write)
    return int(watched.agreed is None or watched.early + watched.glances[-1].unreachable > 0)
