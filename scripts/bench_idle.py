"""
What an idle room costs: real nodes under twistd, three or more, and nobody says anything.

The nodes are made and run as a user would (``securechat.drills.rig``).  After a while to settle, what
they count and what the system counts of them is read twice, so many seconds apart: commits, CPU of
the process, bytes of the journal on disk, bytes on the links.  The reading itself costs two questions
on the admin port.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from threading import Event

from attrs import asdict, frozen
from bench_page import MESSAGING_PAGE, about, ending, tell
from bench_process import cpu, resident

from securechat.drills.rig import Member, Room, until

SETTLE = 15.0
"""Seconds from the last member alive to the first reading: what a start writes is not idleness."""
MEET = 120.0
"""Seconds that a large room may take until each sees all alive."""
ALLOWED = 1.0
"""Percent of a core that an idle node may take."""


@frozen
class Reading:
    """One node at one moment."""

    at: float
    commits: int
    cpu: float
    """Seconds of its process so far."""
    journal: int
    """Bytes of the database and of its write-ahead log."""
    facts: int
    sent: int
    """Bytes written to all links."""
    resident: float
    """MiB of memory."""


@frozen
class Idle:
    """What one idle node costs."""

    name: str
    commits_per_minute: float
    cpu_percent: float
    journal_per_hour: float
    """Bytes."""
    database_per_hour: float
    """The same without the write-ahead log, which is used again and again."""
    sent_per_second: float
    """Bytes."""
    resident_mib: float


def measure(nodes: int, seconds: float, preset: str) -> list[Idle]:
    """Nodes that do nothing for so long."""
    names = [f"n{number:02d}" for number in range(nodes)]
    with tempfile.TemporaryDirectory(prefix="sc-idle-") as folder:
        room = Room(Path(folder), preset=preset, faults=False)
        try:
            room.found(names[0])
            for name in names[1:]:
                room.join(name, names[0])
            for name in names:
                # One by one: a start takes a core, and all at once would not answer in time.
                room.start(name)
            until(lambda: _met(room, nodes), "each sees all alive", MEET)
            Event().wait(SETTLE)
            before = {name: _read(room[name]) for name in names}
            Event().wait(seconds)
            return [_compared(name, before[name], _read(room[name])) for name in names]
        finally:
            room.close()


def _met(room: Room, nodes: int) -> bool:
    return all(
        sum(seen["state"] == "alive" for seen in member.items("members")) == nodes
        for member in room.members.values()
    )


def _read(member: Member) -> Reading:
    assert member.process is not None
    counted = member.ask("counters")
    pid = member.process.pid
    return Reading(
        at=time.monotonic(),
        commits=int(counted["commits"]),
        cpu=cpu(pid),
        journal=sum(_size(member.home / f"journal.db{end}") for end in ("", "-wal")),
        facts=_size(member.home / "journal.db"),
        sent=int(counted["bytes_out"]),
        resident=resident(pid),
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _compared(name: str, before: Reading, after: Reading) -> Idle:
    seconds = after.at - before.at
    return Idle(
        name=name,
        commits_per_minute=(after.commits - before.commits) / seconds * 60,
        cpu_percent=(after.cpu - before.cpu) / seconds * 100,
        journal_per_hour=(after.journal - before.journal) / seconds * 3600,
        database_per_hour=(after.facts - before.facts) / seconds * 3600,
        sent_per_second=(after.sent - before.sent) / seconds,
        resident_mib=after.resident,
    )


def run(nodes: int, seconds: float, preset: str, write: bool) -> int:
    """Measure, and print a line of JSON a node and a table."""
    with ending():
        found = measure(nodes, seconds, preset)
    for row in found:
        print(json.dumps({"idle": asdict(row)}), flush=True)
    heading = f"An idle room of {nodes}, preset {preset}, {seconds:g} s; one node"
    tell("idle", [*about(heading), *table(found)], write, MESSAGING_PAGE)
    return 0


def table(found: list[Idle]) -> list[str]:
    """Median and range over the nodes, in Markdown."""
    columns = (
        ("CPU, % of a core", "cpu_percent", 1.0), ("RSS, MiB", "resident_mib", 1.0),
        ("commits/min", "commits_per_minute", 1.0), ("sent, B/s", "sent_per_second", 1.0),
        ("journal, KiB/h", "journal_per_hour", 1024.0),
        ("without WAL, KiB/h", "database_per_hour", 1024.0),
    )  # fmt: skip
    lines = ["| what | median of the nodes | range | goal | |", "|---|---|---|---|---|"]
    for title, name, unit in columns:
        values = [getattr(row, name) / unit for row in found]
        median = statistics.median(values)
        goal = ("", "")
        if name == "cpu_percent":
            goal = (f"at most {ALLOWED:g}", "met" if median <= ALLOWED else "**missed**")
        shown = f"{median:.2f} | {min(values):.2f}..{max(values):.2f}"
        lines.append(f"| {title} | {shown} | {' | '.join(goal)} |")
    return lines
