"""
From single figures to medians, ratios and the goals that they are held against; pure.

A ratio is taken in each run, between rooms that were measured in the same run, and the table shows
the median of the ratios with their range.  What was never seen in the time that was given is
infinite, not left out.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from attrs import frozen

OURS, SERF = "securechat", "serf"
LAN, LOCAL = "lan", "local"


@frozen
class Figure:
    """One figure of one room in one run."""

    what: str
    program: str
    preset: str
    run: int
    value: float


@frozen
class Row:
    """What a figure is, and what ours is to be at most."""

    what: str
    title: str
    unit: str = "s"
    ratio: float | None = None
    """At most so much of serf's figure."""
    against: str = ""
    """The profile of serf that it is held against; empty: the one of the same name."""
    most: float | None = None
    """At most so much by itself, with or without serf,"""
    each: bool = False
    """and so in each run, not only in the median."""
    only: str = ""
    """The preset that the goal speaks of; empty: both."""
    summed: bool = False
    """Whether all runs together are the figure: a count of what must not happen."""


ROWS = (
    Row("kill_suspect", "kill -9: first suspicion"),
    Row("kill_suspect_last", "kill -9: suspicion of the last peer", most=0.3, each=True),
    Row("kill_first", "kill -9: unreachable for the first peer"),
    Row("kill_last", "kill -9: unreachable for the last peer", ratio=0.2, most=1.0, each=True),
    Row("kill_false", "kill -9: verdicts about others", "verdicts", most=0, summed=True),
    Row("alive_first", "restart: alive for the first peer, from listening"),
    Row("alive_last", "restart: alive for all, from listening", most=1.0),
    Row("stop_false", "stops: false verdicts", "verdicts", most=0, only=LAN, summed=True),
    Row("stop_suspect", "stops: suspicions", "words", summed=True),
    Row("load_false", "CPU load: false verdicts", "verdicts", most=0, summed=True),
    Row("load_suspect", "CPU load: suspicions", "words", summed=True),
    Row("cut_first", "silent cut: unreachable, first view", ratio=1.0),
    Row("cut_last", "silent cut: unreachable, last view", ratio=0.5),
    Row("cut_false", "silent cut: verdicts about the own side", "verdicts", most=0, summed=True),
    Row("heal_first", "heal of a short cut: first view"),
    Row("heal", "heal of a short cut: all views agree", ratio=0.25, against=LOCAL),
    Row("long_first", "heal of a long cut: first view"),
    Row("long", "heal of a long cut: all views agree", ratio=0.25, against=LOCAL),
)


@frozen
class Samples:
    """Every figure of a run of the benchmark."""

    figures: tuple[Figure, ...]

    def of(self, what: str, program: str, preset: str) -> dict[int, float]:
        """By run."""
        return {
            figure.run: figure.value
            for figure in self.figures
            if (figure.what, figure.program, figure.preset) == (what, program, preset)
        }

    def ratios(self, row: Row, preset: str) -> list[float]:
        """Ours to serf's, run by run."""
        ours = self.of(row.what, OURS, preset)
        serf = self.of(row.what, SERF, row.against or preset)
        return [ratio(ours[run], serf[run]) for run in sorted(ours.keys() & serf.keys())]

    def met(self, row: Row, preset: str) -> bool | None:
        """Whether the goal is met; None if there is none, or nothing to judge it by."""
        if row.only not in ("", preset):
            return None
        kept = []
        if row.ratio is not None and (ratios := self.ratios(row, preset)):
            kept.append(statistics.median(ratios) <= row.ratio)
        values = list(self.of(row.what, OURS, preset).values())
        if row.most is not None and values:
            kept.append((max(values) if row.each else one(row, values)) <= row.most)
        return all(kept) if kept else None


def ratio(ours: float, serf: float) -> float:
    """How much of serf's figure ours is."""
    if math.isinf(ours) or serf == 0:
        return 0.0 if ours == 0 else math.inf
    return ours / serf


def one(row: Row, values: Sequence[float]) -> float:
    """The figure that a row shows."""
    return sum(values) if row.summed else statistics.median(values)


def shown(row: Row, values: Iterable[float]) -> str:
    """Median and range, or the sum of what must not happen."""
    found = list(values)
    if not found:
        return "-"
    if row.summed:
        return f"{sum(found):.0f} in {len(found)}"
    return f"{number(statistics.median(found))} ({number(min(found))}..{number(max(found))})"


def number(value: float) -> str:
    """Three figures of it."""
    if math.isinf(value):
        return "never"
    return f"{value:.{1 if value >= 10 else 2 if value >= 1 else 3}f}"


def table(samples: Samples) -> list[str]:
    """One line a figure and preset, in Markdown."""
    lines = [
        "| what | preset | securechat | serf | of serf's | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        for preset in (LAN, LOCAL):
            ours = samples.of(row.what, OURS, preset)
            if ours:
                lines.append(_line(samples, row, preset, ours))
    return lines


def _line(samples: Samples, row: Row, preset: str, ours: dict[int, float]) -> str:
    against = row.against or preset
    serf = samples.of(row.what, SERF, against)
    ratios = [] if row.summed else samples.ratios(row, preset)
    part = (
        f"{number(statistics.median(ratios))} ({number(min(ratios))}..{number(max(ratios))})"
        if ratios
        else ""
    )
    verdict = {True: "met", False: "**missed**", None: ""}[samples.met(row, preset)]
    their = shown(row, serf.values()) + (f", {against}" if row.against and serf else "")
    words = (row.title, preset, shown(row, ours.values()), their, part, goal(row, preset), verdict)
    return f"| {' | '.join(words)} |"


def goal(row: Row, preset: str) -> str:
    """What ours is to be at most, in words."""
    if row.only not in ("", preset):
        return ""
    beside = f"{row.ratio:g} of serf" + f" {row.against}".rstrip() if row.ratio is not None else ""
    alone = f"{row.most:g} {row.unit}" if row.most is not None else ""
    words = " and ".join(filter(None, (beside, alone)))
    return f"at most {words}" + " in each run" * row.each if words else ""


def missed(samples: Samples) -> list[str]:
    """The goals that were judged and not met."""
    return [
        f"{row.title}, {preset}: {goal(row, preset)}"
        for row in ROWS
        for preset in (LAN, LOCAL)
        if samples.met(row, preset) is False
    ]
