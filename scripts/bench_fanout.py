"""
One author to k receivers: securechat beside a bare exchange, and beside the anchors if they are there.

Each repeat runs, for each cell (k, burst), one after the other: the bare exchange, ours, and each
anchor.  So all of a ratio was measured within seconds on the same machine; a ratio is taken in each
repeat, and the table shows the median with the range.  A difference under 25 % is none.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import asdict, frozen
from bench_frames import post_frame
from bench_homes import commit_cost, make_homes
from bench_page import MESSAGING_PAGE, about, ending, tell
from bench_process import HERE, BenchError, Child, anchor

OURS, BARE = "securechat", "bare"
SIGNED, CHAINED = "sv:nacl", "chain:nacl"
ANCHORS = ("none", SIGNED, CHAINED)
FIGURES = re.compile(
    r"(?P<rate>[\d.]+) dmsg/s .*snd\s+(?P<sender>[\d.]+) us\s+rcv\s+(?P<receiver>[\d.]+) us"
)
SLACK = 60.0
"""Seconds that a run may take besides its own."""


@frozen
class Plan:
    """What is to be measured."""

    k: tuple[int, ...]
    burst: tuple[int, ...]
    repeats: int
    seconds: float
    preset: str
    text: int
    anchor: str | None
    anchor_python: str
    profile: str | None
    file: str | None
    folder: str | None
    """Where the homes are made; None: where temporary files go."""
    write: bool

    @property
    def cells(self) -> list[tuple[int, int]]:
        """(k, burst)."""
        return [(k, burst) for k in self.k for burst in self.burst]


@frozen
class Row:
    """One run of one program."""

    program: str
    k: int
    burst: int
    repeat: int
    rate: float
    """Delivered messages a second."""
    sender: float
    """Microseconds of CPU in the author's process, per delivered message."""
    receiver: float
    """The same in the receivers' process."""
    more: dict[str, Any]

    @property
    def cpu(self) -> float:
        """Microseconds of CPU in both."""
        return self.sender + self.receiver


def run(plan: Plan) -> int:
    """Measure everything, print a line of JSON for each run and the table at the end."""
    rows: list[Row] = []
    problems: list[str] = []
    with ending():
        for repeat in range(plan.repeats):
            for k, burst in plan.cells:
                for measured in _programs(plan, k, burst, repeat):
                    if isinstance(measured, Row):
                        rows.append(measured)
                        _tell(plan, measured)
                    else:
                        problems.append(measured)
                        print(json.dumps({"problem": measured}), flush=True)
    tell("fanout", [*about(), *table(plan, rows)], plan.write, MESSAGING_PAGE)
    for problem in problems:
        print(f"not measured: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _programs(plan: Plan, k: int, burst: int, repeat: int) -> Iterator[Row | str]:
    with tempfile.TemporaryDirectory(prefix="sc-bench-", dir=plan.folder) as folder:
        homes = make_homes(Path(folder), k, plan.preset)
        cell = (plan, k, burst, repeat, homes)
        runs: list[Any] = [_bare, ours]
        if plan.anchor:
            runs += [_anchored(work) for work in ANCHORS]
        for program in runs:
            try:
                yield program(*cell)
            except BenchError as problem:
                yield f"k={k} burst={burst}: {problem}"


def _bare(plan: Plan, k: int, burst: int, repeat: int, homes: list[Path]) -> Row:
    size, errors = str(post_frame(homes[0], plan.text)), homes[0].parent / "bare.err"
    program = [sys.executable, str(HERE / "bench_bare.py")]
    with Child("receivers", [*program, "receive", str(homes[1]), size], errors) as receivers:
        port = str(receivers.hear("port")["port"])
        words = ["send", str(homes[0]), size, port, str(k), str(burst), str(plan.seconds)]
        with Child("sender", [*program, *words], errors) as sender:
            sender.hear("ready")
            receivers.say("begin")
            receivers.hear("begun")
            sender.say("begin")
            sent = sender.hear("posts", plan.seconds + SLACK)
            receivers.say("end")
            return _row(BARE, k, burst, repeat, sent, receivers.hear("cpu"), {"frame": int(size)})


def ours(plan: Plan, k: int, burst: int, repeat: int, homes: list[Path]) -> Row:
    folder = homes[0].parent
    program = [sys.executable, str(HERE / "bench_node.py")]
    words = [plan.profile or "", str(burst), str(plan.seconds), str(plan.text)]

    def command(role: str, *places: object) -> list[str]:
        return [*program, role, str(folder / f"{role}.log"), *words, *map(str, places)]

    errors = folder / "ours.err"
    with (
        Child("receivers", command("receivers", *homes[1:]), errors) as receivers,
        Child("author", command("author", homes[0], k), errors) as author,
    ):
        for child in (receivers, author):
            child.hear("listening")
        for child in (receivers, author):
            child.hear("ready")
        author.say("warm")
        author.hear("warm")
        receivers.say("begin")
        receivers.hear("begun")
        author.say("begin")
        sent = author.hear("posts", plan.seconds + SLACK)
        receivers.say("end")
        got = receivers.hear("cpu")
    more = {
        "commit_us": commit_cost(folder) * 1e6,
        "whole": whole(k, sent, got),
        "posts": sent["posts"], "wall": sent["wall"], "spoke": sent["spoke"],
        "refused": sent["refused"], "author": sent["counters"], "receivers": got["counters"],
        "events": [sent["events"], got["events"]], "worded": [sent["worded"], got["worded"]],
        "journal_per_post": [sent["journal"] / sent["posts"], got["journal"] / got["delivered"]],
        "resident": [sent["resident"], got["resident"]],
    }  # fmt: skip
    if not more["whole"]:
        print(json.dumps({"not-whole": more}), file=sys.stderr, flush=True)
        said = f"{sent['acked']} of {sent['posts']} posts acked, {got['delivered']} delivered"
        told = ", ".join(f"{end['worded']} of {end['events']} events worded" for end in (sent, got))
        raise BenchError(f"not everything arrived: {said}, {sent['refused']} refused, {told}")
    return _row(OURS, k, burst, repeat, sent, got, more)


def whole(k: int, sent: Mapping[str, Any], got: Mapping[str, Any]) -> bool:
    """Whether all was stored by all and told to the author, and the desks worded what happened."""
    posts = sent["posts"]
    stored = sent["acked"] == posts and got["delivered"] == k * posts
    worded = all(end["worded"] == end["events"] >= posts for end in (sent, got))
    return stored and worded and bool(sent["digests"] == got["digests"])


def _row(
    program: str, k: int, burst: int, repeat: int,
    sent: dict[str, Any], got: dict[str, Any], more: dict[str, Any],
) -> Row:  # fmt: skip
    delivered = got["delivered"]
    each = 1e6 / max(1, delivered)
    rate = delivered / sent["wall"]
    return Row(program, k, burst, repeat, rate, sent["cpu"] * each, got["cpu"] * each, more)


def _anchored(work: str) -> Any:
    def run_it(plan: Plan, k: int, burst: int, repeat: int, homes: list[Path]) -> Row:
        words = [
            "drive", "--k", str(k), "--work", work, "--burst", str(burst), "--reps", "1",
            "--secs", str(plan.seconds),
        ]  # fmt: skip
        program = Path(str(plan.anchor)).resolve() / "fanout.py"
        timeout = plan.seconds + SLACK
        said = anchor(plan.anchor_python, program, words, homes[0].parent, timeout)
        found = FIGURES.search(said)
        if found is None:
            raise BenchError(f"anchor {work} printed no figures")
        figures = {name: float(value) for name, value in found.groupdict().items()}
        return Row(f"anchor {work}", k, burst, repeat, more={}, **figures)

    return run_it


def _tell(plan: Plan, row: Row) -> None:
    line = json.dumps({**asdict(row), "cpu": row.cpu})
    print(line, flush=True)
    if plan.file:
        with Path(plan.file).open("a") as file:
            file.write(line + "\n")


# The table.


def table(plan: Plan, rows: list[Row]) -> list[str]:
    """In Markdown; ratios and goals stand with the program that ours is held against."""
    commits = [row.more["commit_us"] for row in rows if row.program == OURS]
    cost = f"{min(commits):.0f} to {max(commits):.0f} us" if commits else "unknown"
    lines = [
        f"Texts of {plan.text} B, preset {plan.preset}, medians of {plan.repeats} repeats of"
        f" {plan.seconds:g} s.  A bare SQLite commit (WAL, FULL) on this disk: {cost}.",
        "",
        "| k | burst | program | dmsg/s (range) | CPU, us: author + receivers"
        " | ours is of its rate | and of its CPU | goal | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for k, burst in plan.cells:
        cell = [row for row in rows if (row.k, row.burst) == (k, burst)]
        lines += [_line(burst, name, cell) for name in dict.fromkeys(r.program for r in cell)]
    return lines


def goal(program: str, burst: int) -> float | None:
    """What part of a program's rate ours is to be at least."""
    goals = {SIGNED: 0.5 if burst == 1 else 3.0, CHAINED: None if burst == 1 else 0.3}
    return goals.get(program.removeprefix("anchor "))


def _line(burst: int, program: str, cell: list[Row]) -> str:
    found = [row for row in cell if row.program == program]
    median, k = statistics.median, found[0].k
    rates = [row.rate for row in found]
    ours = {row.repeat: row for row in cell if row.program == OURS}
    pairs = [(ours[row.repeat], row) for row in found if row.repeat in ours]
    words = ["", "", "", ""]
    if program != OURS and pairs:
        ratios = [mine.rate / row.rate for mine, row in pairs]
        wanted = goal(program, burst)
        words = [
            f"{median(ratios):.1%} ({min(ratios):.1%}..{max(ratios):.1%})",
            f"x{median(mine.cpu / row.cpu for mine, row in pairs):.1f}",
            "" if wanted is None else f"at least {wanted:.0%}",
            "" if wanted is None else "met" if median(ratios) >= wanted else "**missed**",
        ]
    sender, receiver = (median(getattr(r, side) for r in found) for side in ("sender", "receiver"))
    shown = (
        str(k), str(burst), program, f"{median(rates):.0f} ({min(rates):.0f}..{max(rates):.0f})",
        f"{sender + receiver:.1f}: {sender:.1f} + {receiver:.1f}", *words,
    )  # fmt: skip
    return f"| {' | '.join(shown)} |"
