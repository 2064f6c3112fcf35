"""
The time to start with many stored posts, and the memory that they take.

The posts are another member's, said to this one while it was linked, one in an envelope by default;
both homes are made once, and each repeat starts a copy.  Beside it: a bare process from its start
to its open port, and the same one until it was sent, and holds, as many frames of the same size.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench_figures import BARE, OURS, Beside, Figure, Row
from bench_frames import post_frame
from bench_homes import copied, make_homes
from bench_process import Child, resident
from bench_runs import Plan, Stand, run

FILLED = "bare, sent the same"
BUILD = 800.0
"""Seconds that saying all posts may take."""
QUICK = Path("/dev/shm")
"""Where the home is made; what is measured is how a copy of it starts, on the usual disk."""

ROWS = (
    Row("start", "process started to listening", "s", (Beside(BARE), Beside(FILLED))),
    Row("open", "of it: journal read and epoch committed", "s"),
    Row("post", "the same for each post", "us"),
    Row("rss", "RSS then", "MiB", (Beside(BARE), Beside(FILLED))),
    Row("journal", "journal on disk", "MiB"),
)


def measure(stand: Stand, home: Path) -> Iterator[Figure]:
    """One repeat."""
    plan = stand.plan
    size = post_frame(home, plan.text)
    began = time.monotonic()
    bare = stand.run("bare", "bench_bare", "receive", home, size, "keep")
    port = bare.hear("port")["port"]
    yield stand.figure("start", BARE, time.monotonic() - began)
    yield stand.figure("rss", BARE, resident(bare.pid))
    fill(stand, home, size, port)
    yield stand.figure("start", FILLED, time.monotonic() - began)
    yield stand.figure("rss", FILLED, resident(bare.pid))
    copy = copied(home, stand.folder / home.name)
    began = time.monotonic()
    node = stand.member("node", [copy], 0)
    found = node.hear("listening", BUILD)
    yield stand.figure("start", OURS, found["listening"] - began)
    yield stand.figure("open", OURS, found["opening"])
    yield stand.figure("post", OURS, found["opening"] / found["held"] * 1e6)
    node.hear("ready")
    yield stand.figure("rss", OURS, resident(node.pid))
    journal = sum(path.stat().st_size for path in copy.glob("journal.db*"))
    yield stand.figure("journal", OURS, journal / 1024**2)
    node.say("end")
    node.hear("ended")


def fill(stand: Stand, home: Path, size: int, port: int) -> None:
    """Send a bare process that keeps its frames as many of them as there are posts."""
    words = ("send", home, size, port, 1, 32, BUILD, stand.plan.posts)
    sender = stand.run("sender", "bench_bare", *words)
    sender.hear("ready")
    sender.say("begin")
    sender.hear("posts", BUILD)


def said(plan: Plan, first: Child) -> None:
    """Let the first member say all posts to the second."""
    first.say("warm", plan.posts, plan.burst)
    first.hear("warm", BUILD)


def main(plan: Plan) -> int:
    """Make the home, then measure how it starts."""
    place = QUICK if plan.folder is None and QUICK.is_dir() else plan.folder
    with tempfile.TemporaryDirectory(prefix="sc-bench-", dir=place) as folder:
        homes = make_homes(Path(folder) / "start", 1, plan.preset)
        stand = Stand(plan, 0, Path(folder), [])
        try:
            said(plan, stand.members(homes)[0])
        finally:
            stand.end()
        text = f"{plan.posts} posts of {plan.text} B, {plan.burst} said in a turn"
        return run(plan, partial(measure, home=homes[1]), ROWS, text)
