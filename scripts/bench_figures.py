"""
From the single figures of messaging to medians, ratios and the goals that they are held against; pure.

A ratio is taken in each repeat, between programs that were measured in that repeat, and the table
shows the median of the ratios with their range.  A difference under 25 % is none.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from attrs import frozen
from bench_membership_figures import number, ratio

OURS, BARE = "securechat", "bare"


@frozen
class Figure:
    """One figure of one program in one repeat."""

    what: str
    program: str
    repeat: int
    value: float


@frozen
class Beside:
    """Another program's figure, and what part of it ours is to be at least or at most."""

    program: str
    least: float | None = None
    most: float | None = None

    def goal(self) -> str:
        """In words."""
        return _goal(self.least, self.most, " of it")

    def met(self, ratios: Sequence[float]) -> bool | None:
        """Whether the median ratio is what it is to be; None without a goal or a figure."""
        return _met(self.least, self.most, ratios)


@frozen
class Row:
    """What a figure is, what it stands beside, and what it is to be by itself."""

    what: str
    title: str
    unit: str
    beside: tuple[Beside, ...] = ()
    least: float | None = None
    most: float | None = None
    whose: str = OURS
    """The program whose figure the row is about."""


@frozen
class Line:
    """One line of the table: a figure alone, or beside another."""

    row: Row
    own: tuple[float, ...]
    beside: Beside | None = None
    other: tuple[float, ...] = ()
    ratios: tuple[float, ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is none."""
        if self.beside is not None:
            return self.beside.met(self.ratios)
        return _met(self.row.least, self.row.most, self.own)

    @property
    def goal(self) -> str:
        """In words."""
        if self.beside is not None:
            return self.beside.goal()
        return _goal(self.row.least, self.row.most, f" {self.row.unit}")

    def __str__(self) -> str:
        """In Markdown."""
        verdict = {True: "met", False: "**missed**", None: ""}[self.met]
        words = (
            self.row.title, self.row.unit, spread(self.own),
            self.beside.program if self.beside else "", spread(self.other), spread(self.ratios),
            self.goal, verdict,
        )  # fmt: skip
        return f"| {' | '.join(words)} |"


def lines(rows: Sequence[Row], figures: Sequence[Figure]) -> Iterator[Line]:
    """Whatever was measured, in the order of the rows."""
    for row in rows:
        own = _by_repeat(figures, row.what, row.whose)
        if not own:
            continue
        if row.least is not None or row.most is not None or not row.beside:
            yield Line(row, tuple(own.values()))
        for beside in row.beside:
            other = _by_repeat(figures, row.what, beside.program)
            both = sorted(own.keys() & other.keys())
            ratios = tuple(ratio(own[repeat], other[repeat]) for repeat in both)
            if other:
                yield Line(row, tuple(own.values()), beside, tuple(other.values()), ratios)


def table(rows: Sequence[Row], figures: Sequence[Figure]) -> list[str]:
    """In Markdown."""
    return [
        "| what | unit | securechat | beside | its figure | ours is of it | goal | |",
        "|---|---|---|---|---|---|---|---|",
        *map(str, lines(rows, figures)),
    ]


def missed(rows: Sequence[Row], figures: Sequence[Figure]) -> list[str]:
    """The goals that were judged and not met."""
    return [
        " ".join(filter(None, (f"{line.row.title}:", line.goal, _named(line.beside))))
        for line in lines(rows, figures)
        if line.met is False
    ]


def spread(values: Sequence[float]) -> str:
    """Median and range; the range only if there is one."""
    if not values:
        return ""
    if len(values) == 1:
        return shown(values[0])
    return f"{shown(statistics.median(values))} ({shown(min(values))}..{shown(max(values))})"


def shown(value: float) -> str:
    """Three figures of it; no fraction of what is large."""
    return f"{value:.0f}" if 100 <= value < float("inf") else number(value)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent lie, as the anchors reckon it."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def _by_repeat(figures: Sequence[Figure], what: str, program: str) -> dict[int, float]:
    return {f.repeat: f.value for f in figures if (f.what, f.program) == (what, program)}


def _named(beside: Beside | None) -> str:
    return f"({beside.program})" if beside else ""


def _goal(least: float | None, most: float | None, unit: str) -> str:
    if least is not None:
        return f"at least {least:g}{unit}"
    return "" if most is None else f"at most {most:g}{unit}"


def _met(least: float | None, most: float | None, values: Sequence[float]) -> bool | None:
    if not values or (least is None and most is None):
        return None
    median = statistics.median(values)
    return (least is None or median >= least) and (most is None or median <= most)
