"""
Runs many worlds, on as many processes as there are cores, and says what came out.

A world depends on its seed alone, so whoever runs it sees the same.  A failing seed is told with the
one command that replays it; a single seed that is asked for tells its plan of faults as well.  So many
worlds in which something rare came up too seldom have failed, too: they prove less than they should.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from attrs import frozen
from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import provider

from securechat.simulation.faults import Trouble
from securechat.simulation.marks import MANY, missed
from securechat.simulation.modes import WORLDS
from securechat.simulation.world import Outcome

FEWEST, MOST = 3, 5
"""Nodes of a world, by its seed, where nobody says how many."""
TOLD = 3
"""Violations told of one world."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@frozen
class Job:
    """One world to be run."""

    seed: int
    nodes: int
    seconds: float
    mode: str = ""


def nodes_of(seed: int, sizes: Sequence[int] = range(FEWEST, MOST + 1)) -> int:
    """How many nodes a world has by its seed."""
    return sizes[seed % len(sizes)]


def simulate(
    nodes: int | Sequence[int] | None,
    seeds: Sequence[int],
    seconds: float,
    echo: Callable[[str], None],
    mode: str = "",
) -> int:
    """Run these worlds; 0 if all promises held in all of them, and no mark was missed, else 1."""
    sizes = (nodes,) if isinstance(nodes, int) else nodes or range(FEWEST, MOST + 1)
    jobs = [Job(seed, nodes_of(seed, sizes), seconds, mode) for seed in seeds]
    outcomes: list[Outcome] = []
    began = time.perf_counter()
    for outcome in results(jobs):
        outcomes.append(outcome)
        if outcome.violations:
            _tell_failure(outcome, echo)
        elif len(jobs) == 1:
            _tell_one(outcome, echo)
        elif len(outcomes) % 50 == 0:
            echo(f"{len(outcomes)} of {len(jobs)} seeds")
    failed = [outcome.seed for outcome in outcomes if outcome.violations]
    few = _tell_all(outcomes, echo)
    _tell_speed(outcomes, time.perf_counter() - began, echo)
    seldom = f", {len(few)} marks too seldom" if few else ""
    echo(
        f"{len(outcomes)} seeds, {len(failed)} failed"
        + (f": {failed[:20]}" if failed else "")
        + seldom
    )
    return 1 if failed or few else 0


def results(jobs: Sequence[Job]) -> Iterator[Outcome]:
    """The outcomes, in the order of the jobs."""
    return spread(run_job, jobs)


def spread(do: Callable[[Given], Made], jobs: Sequence[Given]) -> Iterator[Made]:
    """Do all of these, on all cores, and give what came out in their order."""
    cores = min(len(jobs), os.cpu_count() or 1)
    if cores <= 1:
        quiet_log()
        yield from map(do, jobs)
        return
    context = multiprocessing.get_context("spawn")
    early: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: early.append(number))
    try:
        with context.Pool(cores, _begin_worker) as pool:
            # A pool that is half made cannot be ended: those that begin would find nobody, and say so.
            signal.signal(signal.SIGTERM, _leave)
            for number in early:
                _leave(number, None)
            yield from pool.imap(do, jobs, chunksize=1)
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, frame: object) -> None:
    """Whoever ends this process ends the others with it, and without a word of theirs."""
    sys.exit(128 + number)


def run_job(job: Job) -> Outcome:
    """One world."""
    return WORLDS[job.mode](job.seed, job.nodes, job.seconds).run()


def _begin_worker() -> None:
    """Ctrl-C is for the process that waits for the outcomes: it ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    quiet_log()


def quiet_log() -> None:
    """
    Log to nowhere, in a process that does nothing else.

    Twisted keeps every line in memory until somebody takes them.
    """

    globalLogBeginner.beginLoggingTo([_drop], discardBuffer=True, redirectStandardIO=False)


@provider(ILogObserver)
def _drop(event: LogEvent) -> None:
    """A line that nobody wants."""


# What is told.


def replay(outcome: Outcome) -> str:
    """The one command that runs this world again."""
    seed = outcome.seed
    return (
        f"securechat simulate --seeds {seed}..{seed} --nodes {outcome.nodes} "
        f"--seconds {outcome.seconds:g}" + f" --mode {outcome.mode}" * bool(outcome.mode)
    )


def _tell_failure(outcome: Outcome, echo: Callable[[str], None]) -> None:
    echo(f"seed {outcome.seed} failed ({', '.join(outcome.kinds)})")
    for violation in outcome.violations[:TOLD]:
        echo(f"  {violation}")
    echo(f"  again: {replay(outcome)}")


def _tell_one(outcome: Outcome, echo: Callable[[str], None]) -> None:
    for line in outcome.plan:
        echo(line)
    for mark, times in sorted(outcome.marks.items()):
        echo(f"{times:6} {mark}")
    echo(f"{outcome.said} messages accepted, trace {outcome.trace}")


def _tell_all(outcomes: Sequence[Outcome], echo: Callable[[str], None]) -> list[str]:
    """What came out of all of them; the marks that were missed."""
    marks: Counter[str] = Counter()
    for outcome in outcomes:
        marks.update(outcome.marks)
    struck = [kind for kind in Trouble if marks[f"fault: {kind}"]]
    nodes = Counter(outcome.nodes for outcome in outcomes)
    rooms = ", ".join(f"{times} of {count} nodes" for count, times in sorted(nodes.items()))
    virtual = sum(outcome.seconds for outcome in outcomes)
    fewest = min((len(outcome.kinds) for outcome in outcomes), default=0)
    echo(f"{virtual / 3600:.1f} virtual hours: {rooms}")
    echo(f"{len(struck)} kinds of fault, at least {fewest} in each world")
    echo(f"{sum(outcome.said for outcome in outcomes)} messages accepted")
    _tell_heals([outcome.healed for outcome in outcomes], echo)
    if len(outcomes) > 1:
        echo("sometimes: " + ", ".join(f"{mark} {times}" for mark, times in sorted(marks.items())))
    few = missed(marks, len(outcomes))
    if len(outcomes) >= MANY:
        echo(f"too seldom: {', '.join(f'{mark} {marks[mark]}' for mark in few) or 'nothing'}")
    return few


def _tell_speed(outcomes: Sequence[Outcome], took: float, echo: Callable[[str], None]) -> None:
    """How fast it was: seconds that nodes lived, for each second of the clock on the wall."""
    lived = sum(outcome.nodes * outcome.seconds for outcome in outcomes)
    cores = min(len(outcomes), os.cpu_count() or 1)
    speed = lived / max(took, 1e-9)
    echo(
        f"{speed:.0f} virtual node-seconds per second: {lived:.0f} in {took:.1f} s, {cores} at once"
    )


def _tell_heals(healed: Iterable[float | None], echo: Callable[[str], None]) -> None:
    times = sorted(time for time in healed if time is not None)
    if times:
        middle, late = times[len(times) // 2], times[int(len(times) * 0.99)]
        text = f"median {middle:g} s, 99 % within {late:g} s, at most {times[-1]:g} s"
        echo(f"all equal after the last fault: {text}")
