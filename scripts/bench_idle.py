"""
What an idle room costs: three real nodes under twistd, nobody says anything.

The nodes are made and run as a user would (``securechat.drills.rig``).  After a while to settle, what
they count and what the system counts of them is read twice, so many seconds apart: commits, CPU of
the process, bytes of the journal on disk, bytes on the links.  The reading itself costs two questions
on the admin port.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from threading import Event

from attrs import asdict, frozen

from securechat.drills.rig import Member, Room

NAMES = ("ada", "bob", "carol")
SETTLE = 15.0
"""Seconds from the last member alive to the first reading: what a start writes is not idleness."""
TICK = os.sysconf("SC_CLK_TCK")


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
    resident: int
    """KiB of memory."""


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


def measure(seconds: float, preset: str) -> list[Idle]:
    """Three nodes that do nothing for so long."""
    with tempfile.TemporaryDirectory(prefix="sc-idle-") as folder:
        room = Room(Path(folder), preset=preset, faults=False)
        try:
            room.found(NAMES[0])
            for name in NAMES[1:]:
                room.join(name, NAMES[0])
            room.start(*NAMES)
            room.meet(*NAMES)
            Event().wait(SETTLE)
            before = {name: _read(room[name]) for name in NAMES}
            Event().wait(seconds)
            return [_compared(name, before[name], _read(room[name])) for name in NAMES]
        finally:
            room.close()


def _read(member: Member) -> Reading:
    assert member.process is not None
    counted = member.ask("counters")
    pid = member.process.pid
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    resident = next(
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )
    return Reading(
        at=time.monotonic(),
        commits=int(counted["commits"]),
        cpu=(int(words[11]) + int(words[12])) / TICK,
        journal=sum(_size(member.home / f"journal.db{end}") for end in ("", "-wal")),
        facts=_size(member.home / "journal.db"),
        sent=int(counted["bytes_out"]),
        resident=resident,
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
        resident_mib=after.resident / 1024,
    )


def run(seconds: float, preset: str) -> int:
    """Measure, and print a line of JSON a node and a table."""
    found = measure(seconds, preset)
    for row in found:
        print(json.dumps({"idle": asdict(row)}), flush=True)
    print(f"\nAn idle room of three, preset {preset}, {seconds:g} s:")
    print("node     commits/min   CPU %   journal KiB/h   without WAL   sent B/s   RSS MiB")
    for row in found:
        print(
            f"{row.name:8s} {row.commits_per_minute:11.2f} {row.cpu_percent:7.2f}"
            f" {row.journal_per_hour / 1024:15.1f} {row.database_per_hour / 1024:13.1f}"
            f" {row.sent_per_second:10.0f} {row.resident_mib:9.1f}"
        )
    return 0
