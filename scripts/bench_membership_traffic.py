"""
What membership costs while nobody speaks: bytes, messages and CPU, for rooms of several sizes.

One room after the other stands in a network of its own, settles, and is read twice.  Messages of
messaging, its digests, are counted apart; bytes and CPU are those of both.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import bench_membership_serf as serf_side
from attrs import asdict, frozen
from bench_membership_costs import Reading, read
from bench_membership_places import Loopback, Namespaces, Place, lacking
from bench_membership_rooms import Cluster, Ours
from bench_membership_serf import Serf
from bench_page import about, ending, tell
from bench_process import BenchError, resident

STAGGER = 0.4
"""Seconds between two starts: a start takes about one core for so long."""
SETTLE = 20.0
GATHER = 180.0


@frozen
class Plan:
    """What is to be measured."""

    nodes: tuple[int, ...]
    seconds: float
    preset: str
    serf: bool
    write: bool


@frozen
class Cost:
    """One node of a room, in one second."""

    program: str
    preset: str
    nodes: int
    frame_bytes: float
    messages: float
    """Of membership."""
    others: float
    """Messages of messaging."""
    wire: float
    packets: float
    cpu_percent: float
    """Of one core."""
    resident_mib: float


def measure(plan: Plan) -> Iterator[Cost | str]:
    """Room after room; a line that says why where there is no figure."""
    for nodes in plan.nodes:
        for kind in (Ours, Serf)[: 1 + plan.serf]:
            with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder, ExitStack() as stack:
                alone = not lacking()
                place: Place = stack.enter_context(Namespaces(sides=1)) if alone else Loopback()
                here = Path(folder) / "0"
                here.mkdir()
                room: Cluster = kind(plan.preset, nodes, place, here, 0, nodes)
                stack.callback(room.close)
                try:
                    yield _one(room, plan.seconds, alone)
                except BenchError as problem:
                    yield str(problem)


def _one(room: Cluster, seconds: float, alone: bool) -> Cost:
    room.make()
    room.gather(STAGGER, GATHER)
    Event().wait(SETTLE)
    before = read(room, alone)
    Event().wait(seconds)
    return compared(room, before, read(room, alone))


def compared(room: Cluster, before: Reading, after: Reading) -> Cost:
    """What one node cost each second between two readings."""
    each = (after.at - before.at) * room.members
    pids = [process.pid for process in room.processes.values()]
    return Cost(
        program=room.program,
        preset=room.preset,
        nodes=room.members,
        frame_bytes=(after.frame_bytes - before.frame_bytes) / each,
        messages=(after.membership - before.membership) / each,
        others=(after.others - before.others) / each,
        wire=(after.wire - before.wire) / each,
        packets=(after.packets - before.packets) / each,
        cpu_percent=(sum(after.cpu) - sum(before.cpu)) / each * 100,
        resident_mib=sum(map(resident, pids)) / room.members,
    )


def table(costs: list[Cost]) -> list[str]:
    """In Markdown."""
    lines = [
        "| program | preset | nodes | B/s in frames | membership messages/s | others/s"
        " | B/s on the wire | packets/s | CPU, % of a core | RSS, MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for cost in costs:
        ours = cost.program == Ours.program
        words = (
            cost.program, cost.preset, str(cost.nodes),
            f"{cost.frame_bytes:.0f}" * ours, f"{cost.messages:.1f}" * ours,
            f"{cost.others:.2f}" * ours,
            f"{cost.wire:.0f}" if cost.wire else "", f"{cost.packets:.1f}" if cost.wire else "",
            f"{cost.cpu_percent:.2f}", f"{cost.resident_mib:.1f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(words)} |")
    return lines


def run(plan: Plan) -> int:
    """Measure, and print a line of JSON a room and the table."""
    if plan.serf and serf_side.program() is None:
        print(serf_side.MISSING, file=sys.stderr)
        return 1
    costs, problems = [], []
    with ending():
        for found in measure(plan):
            if isinstance(found, str):
                problems.append(found)
            else:
                costs.append(found)
                print(json.dumps({"traffic": asdict(found)}), flush=True)
    lines = [*about(serf_side.version() * plan.serf), *table(costs)]
    tell("traffic", lines, plan.write)
    for problem in problems:
        print(f"not measured: {problem}", file=sys.stderr)
    return 1 if problems else 0
