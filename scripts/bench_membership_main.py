"""The words of ``scripts/bench membership``, ``traffic`` and ``room``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import bench_membership
import bench_membership_room
import bench_membership_traffic

from securechat.settings import MAX_MEMBERS, PRESETS

Reader = Callable[[str], Any]
WRITE = "write the table into docs/membership-figures.md"


def add(commands: Any, whole: Callable[[int], Reader], seconds: Callable[[float], Reader]) -> None:
    """Three commands more."""
    _add_membership(commands, whole, seconds)
    traffic = commands.add_parser("traffic", help="what idle membership costs a node each second")
    add = traffic.add_argument
    add("--nodes", type=_sizes, default=(5, 12, 32), help="sizes of rooms, as in 5,12,32")
    add("--seconds", type=seconds(3600), default=60.0, help="between the two readings")
    add("--preset", choices=list(PRESETS), default="lan")
    add("--serf", action="store_true", help="serf beside ours")
    add("--write", action="store_true", help=WRITE)
    traffic.set_defaults(run=_traffic)
    room = commands.add_parser("room", help="a large room converges and stays together")
    add = room.add_argument
    add("--nodes", type=whole(MAX_MEMBERS), default=32)
    add("--minutes", type=seconds(1440), default=5.0, help="how long it is left alone")
    add("--preset", choices=list(PRESETS), default="lan")
    add("--stagger", type=seconds(60), default=0.5, help="seconds between two starts")
    add("--write", action="store_true", help=WRITE)
    room.set_defaults(run=_room)


def _add_membership(
    commands: Any, whole: Callable[[int], Reader], seconds: Callable[[float], Reader]
) -> None:
    side = commands.add_parser("membership", help="membership side by side with serf")
    add = side.add_argument
    add("--serf", action="store_true", help="serf beside ours (Debian's package serf)")
    add("--runs", type=whole(50), default=5, help="kills and short cuts of each room")
    add("--stops", type=whole(100), default=20, help="stops of 3 s")
    add("--minutes", type=seconds(600), default=10.0, help="of CPU load")
    add("--cut", type=seconds(600), default=30.0, help="seconds of a short cut")
    add("--long-cut", type=seconds(1440), default=10.0, help="minutes of the long cut")
    add("--long-rooms", type=whole(10), default=5, help="rooms of each kind in the long cut")
    add("--tests", type=_tests, default=("kill", "stop", "load", "cut"),
        help=f"of {','.join(bench_membership.TESTS)}; all but long by default")  # fmt: skip
    add("--json", metavar="FILE", help="also append each figure's line of JSON to this file")
    add("--write", action="store_true", help=WRITE)
    add("--goals", action="store_true", help="exit status 1 if a goal is missed: those beside serf"
        " need --serf")  # fmt: skip
    side.set_defaults(run=_membership)


def _tests(text: str) -> tuple[str, ...]:
    words = tuple(text.split(","))
    if not set(words) <= set(bench_membership.TESTS):
        raise argparse.ArgumentTypeError(f"some of {','.join(bench_membership.TESTS)} are wanted")
    return words


def _sizes(text: str) -> tuple[int, ...]:
    words = text.split(",")
    if not all(word.isdecimal() and 2 <= int(word) <= MAX_MEMBERS for word in words):
        raise argparse.ArgumentTypeError(f"sizes from 2 to {MAX_MEMBERS} are wanted, as in 5,12")
    return tuple(map(int, words))


def _membership(asked: argparse.Namespace) -> int:
    return bench_membership.run(
        bench_membership.Plan(
            asked.serf, asked.runs, asked.stops, asked.minutes, asked.cut, asked.long_cut,
            asked.long_rooms, asked.tests, asked.json, asked.write, asked.goals,
        )
    )  # fmt: skip


def _traffic(asked: argparse.Namespace) -> int:
    return bench_membership_traffic.run(
        bench_membership_traffic.Plan(
            asked.nodes, asked.seconds, asked.preset, asked.serf, asked.write
        )
    )


def _room(asked: argparse.Namespace) -> int:
    return bench_membership_room.run(
        bench_membership_room.Plan(
            asked.nodes, asked.minutes, asked.preset, asked.stagger, asked.write
        )
    )
