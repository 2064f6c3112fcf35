"""
How each benchmark of messaging runs: repeat after repeat, everything of one repeat within seconds.

A benchmark is a function that yields the figures of one repeat, and rows that say what they are held
against.  Each repeat has a folder of its own, which is gone at its end, and so is what ran in it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import asdict, define, field, frozen
from bench_figures import Figure, Row, missed, table
from bench_homes import commit_cost
from bench_page import MESSAGING_PAGE, about, ending, tell
from bench_process import HERE, BenchError, Child, anchor


@frozen
class Plan:
    """What is to be measured, of all benchmarks together."""

    name: str
    repeats: int
    preset: str
    text: int
    posts: int
    k: int
    rate: float
    seconds: float
    burst: int
    anchor: str | None
    anchor_python: str
    lxmf_python: str | None
    profile: str | None
    file: str | None
    folder: str | None
    write: bool


@define
class Stand:
    """One repeat: its folder, and the processes that run in it."""

    plan: Plan
    repeat: int
    folder: Path
    problems: list[str]
    _stack: ExitStack = field(factory=ExitStack)

    def figure(self, what: str, program: str, value: float) -> Figure:
        """A figure of this repeat."""
        return Figure(what, program, self.repeat, value)

    def run(self, name: str, *words: object) -> Child:
        """A child that lives until the end of the repeat, or until it is ended."""
        script, *rest = map(str, words)
        command = [sys.executable, str(HERE / f"{script}.py"), *rest]
        return self._stack.enter_context(Child(name, command, self.folder / f"{name}.err"))

    def member(self, name: str, homes: Sequence[Path], peers: int, *flags: str) -> Child:
        """A child with these nodes, which says when each is linked with so many peers."""
        if self.plan.profile:
            flags = (*flags, f"--profile={self.plan.profile}")
        log = self.folder / f"{name}.log"
        return self.run(name, "bench_member", log, self.plan.text, peers, *flags, *homes)

    def members(self, homes: Sequence[Path]) -> list[Child]:
        """A child for each, all linked with each other."""
        children = [self.member(home.name, [home], len(homes) - 1) for home in homes]
        for word in ("listening", "ready"):
            for child in children:
                child.hear(word)
        return children

    def anchored(self, python: str, program: str, *words: object) -> str:
        """What an anchor prints; nothing, and a problem, if it could not be run."""
        if self.plan.anchor is None:
            return ""
        path = Path(self.plan.anchor).resolve() / program
        try:
            return anchor(python, path, [*map(str, words)], self.folder, 180.0)
        except BenchError as problem:
            self.problems.append(str(problem))
            return ""

    def commit(self) -> float:
        """Seconds that a bare commit takes here and now."""
        return commit_cost(self.folder)

    def end(self) -> None:
        """End what still runs."""
        self._stack.close()


Measure = Callable[[Stand], Iterator[Figure]]


def run(plan: Plan, measure: Measure, rows: Sequence[Row], *more: str) -> int:
    """Measure every repeat, print a line of JSON a figure, and the table."""
    figures: list[Figure] = []
    problems: list[str] = []
    with ending():
        for repeat in range(plan.repeats):
            for found in _repeat(plan, repeat, measure, problems):
                figures.append(found)
                _say(plan, found)
    heading = f"{plan.repeats} repeats, preset {plan.preset}, medians (range)"
    tell(plan.name, [*about(heading, *more), *table(rows, figures)], plan.write, MESSAGING_PAGE)
    for line in missed(rows, figures):
        print(f"missed: {line}")
    for problem in problems:
        print(f"not measured: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _repeat(plan: Plan, repeat: int, measure: Measure, problems: list[str]) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="sc-bench-", dir=plan.folder) as folder:
        stand = Stand(plan, repeat, Path(folder), problems)
        try:
            yield from measure(stand)
        except BenchError as problem:
            problems.append(f"repeat {repeat}: {problem}")
        finally:
            stand.end()


def _say(plan: Plan, found: Figure) -> None:
    line = json.dumps({plan.name: asdict(found)})
    print(line, flush=True)
    if plan.file:
        with Path(plan.file).open("a") as file:
            file.write(line + "\n")
