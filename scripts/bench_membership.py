"""
Membership side by side with serf: five members each, disturbed in the same way in the same run.

A room of ours and one of serf stand beside each other for each of the presets ``lan`` and ``local``.
Kills take turns, room by room; stops, load and cuts meet all rooms at the same moment.  What each
observer said is read from its own stream, so no figure rests on asking.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import bench_membership_serf as serf_side
from attrs import asdict, define, field, frozen
from bench_membership_cuts import Cuts
from bench_membership_figures import LAN, LOCAL, Figure, Samples, missed, table
from bench_membership_places import Loopback, Namespaces, Place, lacking
from bench_membership_rooms import Cluster, Ours
from bench_membership_serf import Serf
from bench_membership_views import ALIVE, SUSPECT, UNREACHABLE, Pair, Sight, firsts, verdicts
from bench_page import about, ending, tell
from bench_process import BenchError

MEMBERS = 5
SEEN = 90.0
"""Seconds that a verdict may take."""
CALM = 1.0
SETTLE = 8.0
"""Seconds after a stop in which a verdict that it caused would fall."""
STOP = 3.0
TESTS = ("kill", "stop", "load", "cut", "long")


@frozen
class Plan:
    """What is to be measured."""

    serf: bool
    runs: int
    stops: int
    minutes: float
    """Of CPU load."""
    cut: float
    """Seconds."""
    long_cut: float
    """Minutes."""
    long_rooms: int
    """Rooms of each kind that stand beside each other in the long cut: its runs."""
    tests: tuple[str, ...]
    file: str | None
    write: bool
    goals: bool = False
    """Whether a goal that is missed is a failure."""


@define
class Told:
    """Gathers figures, and prints each as a line of JSON."""

    file: str | None
    figures: list[Figure] = field(factory=list, init=False)

    def add(self, room: Cluster, run: int, **values: float) -> None:
        """Figures of one room in one run."""
        for what, value in values.items():
            figure = Figure(what, room.program, room.preset, run, round(value, 4))
            self.figures.append(figure)
            line = json.dumps({"membership": asdict(figure)})
            print(line, flush=True)
            if self.file:
                with Path(self.file).open("a", encoding="utf-8") as file:
                    file.write(line + "\n")


@contextmanager
def rooms(place: Place, folder: Path, serf: bool, sets: int = 1) -> Iterator[list[Cluster]]:
    """Rooms of each kind, gathered; gone with the block."""
    kinds = [(kind, preset) for preset in (LAN, LOCAL) for kind in ((Ours, Serf)[: 1 + serf])]
    made: list[Cluster] = []
    try:
        for kind, preset in kinds * sets:
            number = len(made)
            here = folder / f"{number}"
            here.mkdir(parents=True)
            room: Cluster = kind(preset, MEMBERS, place, here, number)
            made.append(room)
            room.make()
            room.gather()
        Event().wait(SETTLE)
        yield made
    finally:
        for room in made:
            room.close()


def kills(there: Sequence[Cluster], runs: int, told: Told) -> None:
    """kill -9 and a start, room after room, then the next run."""
    for run in range(runs):
        for room in there:
            _kill(room, run, told)


def _kill(room: Cluster, run: int, told: Told) -> None:
    victim = 1 + run % (room.members - 1)
    wanted = [(other, victim) for other in range(room.members) if other != victim]
    Event().wait(CALM + 0.37 * (run % 5))
    at = room.kill(victim)
    room.sights.wait(lambda: room.sights.all_are(UNREACHABLE, wanted), SEEN)
    said = room.sights.since(at)
    gone = firsts(said, UNREACHABLE, wanted)
    first = min(gone.values(), default=math.inf)
    last = max(gone.values()) if len(gone) == len(wanted) else math.inf
    doubted = _doubted(said, gone, wanted)
    Event().wait(CALM)
    room.start(victim)
    listening = room.listening(victim)
    room.sights.wait(lambda: room.sights.all_are(ALIVE, wanted), SEEN)
    back = firsts(room.sights.since(at), ALIVE, wanted)
    seen = [max(0.0, moment - listening) for moment in back.values()]
    false = verdicts(room.sights.since(at), UNREACHABLE, wanted)
    room.accuse(false)
    told.add(
        room, run, kill_suspect=min(doubted, default=math.inf) - at,
        kill_suspect_last=max(doubted) - at if len(doubted) == len(wanted) else math.inf,
        kill_first=first - at, kill_last=last - at,
        alive_first=min(seen, default=math.inf),
        alive_last=max(seen) if len(seen) == len(wanted) else math.inf,
        kill_false=len(false),
    )  # fmt: skip
    room.whole(SEEN)


def _doubted(said: Sequence[Sight], gone: dict[Pair, float], wanted: Sequence[Pair]) -> list[float]:
    """When each first told of a suspicion, or of more: serf's members tell only of their own."""
    doubts = {**gone, **firsts(said, SUSPECT, wanted)}
    return [min(at, gone.get(pair, at)) for pair, at in doubts.items()]


def stops(there: Sequence[Cluster], count: int, told: Told) -> None:
    """One member of each room stands still for three seconds, all at the same moment."""
    for run in range(count):
        victim = 1 + run % (MEMBERS - 1)
        Event().wait(CALM + 0.37 * (run % 5))
        at = time.monotonic()
        for room in there:
            room.signal(victim, signal.SIGSTOP)
        Event().wait(at + STOP - time.monotonic())
        for room in there:
            room.signal(victim, signal.SIGCONT)
        Event().wait(SETTLE)
        for room in there:
            _told_false(room, run, told, "stop", at)
            room.whole(SEEN)


def load(there: Sequence[Cluster], minutes: float, told: Told) -> None:
    """Twice as many busy loops as cores, for so long; the rooms do nothing."""
    seconds = minutes * 60
    at = time.monotonic()
    loop = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
    busy = [
        subprocess.Popen([sys.executable, "-c", loop], stdin=subprocess.DEVNULL)
        for _ in range(2 * (os.cpu_count() or 1))
    ]
    try:
        Event().wait(seconds)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    Event().wait(SETTLE)
    for room in there:
        _told_false(room, 0, told, "load", at)
        room.whole(SEEN)


def _told_false(room: Cluster, run: int, told: Told, test: str, at: float) -> None:
    """Nobody was gone, so each verdict is false."""
    said = room.sights.since(at)
    false, doubts = verdicts(said, UNREACHABLE), verdicts(said, SUSPECT)
    room.accuse(false)
    told.add(room, run, **{f"{test}_false": len(false), f"{test}_suspect": len(doubts)})


def run(plan: Plan) -> int:
    """Measure everything; the table and the goals at the end."""
    if plan.serf and serf_side.program() is None:
        print(serf_side.MISSING, file=sys.stderr)
        return 1
    told = Told(plan.file)
    with ending():
        problems = [problem for part in (_standing, _cutting) for problem in part(plan, told)]
    samples = Samples(tuple(told.figures))
    said = [
        serf_side.version() * plan.serf,
        "Pauses between short cuts were by chance." * ("cut" in plan.tests),
        "Sets of rooms were healed one after the other." * ("long" in plan.tests),
    ]
    lines = [*about(*filter(None, said)), *table(samples)]
    tell("long" if plan.tests == ("long",) else "membership", lines, plan.write)
    failed = missed(samples)
    for line in failed:
        print(f"missed: {line}")
    for problem in problems:
        print(f"not measured: {problem}", file=sys.stderr)
    return 1 if problems or (plan.goals and failed) else 0


def _standing(plan: Plan, told: Told) -> list[str]:
    """What is measured on loopback."""
    steps: dict[str, Callable[[list[Cluster]], None]] = {
        "kill": lambda there: kills(there, plan.runs, told),
        "stop": lambda there: stops(there, plan.stops, told),
        "load": lambda there: load(there, plan.minutes, told),
    }
    wanted = [test for test in steps if test in plan.tests]
    if not wanted:
        return []
    problems = []
    with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder:
        try:
            with rooms(Loopback(), Path(folder), plan.serf) as there:
                for test in wanted:
                    steps[test](there)
        except BenchError as problem:
            problems.append(str(problem))
    return problems


def _cutting(plan: Plan, told: Told) -> list[str]:
    """What is measured over a cable that can be cut."""
    wanted = [test for test in ("cut", "long") if test in plan.tests]
    if not wanted:
        return []
    if lacking():
        return [f"{test}: network namespaces need {lacking()}" for test in wanted]
    problems = []
    for test in wanted:
        sets = plan.long_rooms if test == "long" else 1
        with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder, Namespaces() as place:
            try:
                with rooms(place, Path(folder), plan.serf, sets) as there:
                    cuts = Cuts(place, there, told.add)
                    if test == "cut":
                        cuts.short(plan.cut, plan.runs)
                    else:
                        cuts.long(plan.long_cut * 60)
            except BenchError as problem:
                problems.append(str(problem))
    return problems
