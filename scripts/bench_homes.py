"""The homes of a measured room: one author and k receivers, made by the code of the commands."""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from securechat.admin.blocking import SOCKET
from securechat.drills.rig import free_ports
from securechat.home.admission import consider, found, grant
from securechat.home.config import make_config
from securechat.home.joining import install, request, request_text
from securechat.settings import MIB

AUTHOR = "author"
ROOM = "bench"
COMMITS = 50
NEVER = 1_000_000
"""Limits are out of the way: what is measured is the way of a post, not its refusal."""


Limits = Callable[[int], Mapping[str, Any]]
"""What the configuration of one place says of limits."""


def unlimited(place: int) -> Mapping[str, Any]:
    """Nothing is refused, nothing forgotten."""
    return {"posts": NEVER, "bytes": 4096 * MIB, "posts_per_second": 100_000, "burst": NEVER}


def make_homes(folder: Path, k: int, preset: str, limits: Limits = unlimited) -> list[Path]:
    """The author's home, then those of the receivers; each dials those before it."""
    folder.mkdir(exist_ok=True)
    now_ms = time.time_ns() // 1_000_000
    places = [f"127.0.0.1:{port}" for port in free_ports(2 * (k + 1))]
    addresses, admin = places[: k + 1], places[k + 1 :]
    homes = [folder / name for name in (AUTHOR, *(f"r{number:02d}" for number in range(1, k + 1)))]
    alone = make_config(listen=addresses[0], tcp=admin[0], preset=preset, **limits(0))
    found(homes[0], AUTHOR, ROOM, alone, None, now_ms)
    for place, home in enumerate(homes[1:], 1):
        request(home, home.name, "", None)
        granted = consider(homes[0], request_text(home), 30, None, now_ms)
        config = make_config(
            listen=addresses[place], peers=tuple(addresses[:place]), tcp=admin[place],
            preset=preset, **limits(place),
        )  # fmt: skip
        install(home, grant(granted, now_ms), "", config, None, now_ms)
    return homes


def copied(home: Path, place: Path) -> Path:
    """The same home somewhere else; the socket that a process left behind is none."""
    return Path(shutil.copytree(home, place, ignore=shutil.ignore_patterns(SOCKET)))


def commit_cost(folder: Path) -> float:
    """Seconds that a commit of one small row takes on this disk, as the journal writes it."""
    connection = sqlite3.connect(folder / "commits.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (body)")
    taken = []
    for _ in range(COMMITS):
        began = time.perf_counter()
        connection.execute("INSERT INTO rows VALUES (?)", (b"x" * 300,))
        taken.append(time.perf_counter() - began)
    connection.close()
    return statistics.median(taken)
