"""The words of ``scripts/bench dm``, ``latency``, ``recovery``, ``start``, ``memory`` and ``flood``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import bench_dm
import bench_flood
import bench_latency
import bench_memory
import bench_recovery
import bench_start
from attrs import frozen
from bench_runs import Plan

from securechat.settings import MAX_MEMBERS, MAX_POSTS, MAX_TEXT, PRESETS

Reader = Callable[[str], Any]
WRITE = "write the table into docs/messaging-figures.md"


@frozen
class Command:
    """One benchmark: what it is for, what runs it, and how much of what it measures by default."""

    name: str
    about: str
    main: Callable[[Plan], int]
    repeats: int = 5
    posts: int = 0
    """0 where nothing is counted."""
    k: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    text: int = 150
    burst: int = 0
    anchors: bool = False


COMMANDS = (
    Command("dm", "direct messages, from told to acked; 200 at once", bench_dm.main,
            posts=500, anchors=True),
    Command("latency", "posts at a rate, from said to shown", bench_latency.main,
            k=4, rate=100.0, seconds=5.0, anchors=True),
    Command("recovery", "posts pulled by a member that was away", bench_recovery.main,
            posts=10_000, seconds=5.0),
    Command("start", "a start with many stored posts", bench_start.main,
            posts=100_000, burst=1),
    Command("memory", "memory of kept posts and of links", bench_memory.main,
            posts=10_000, text=300, burst=1, k=15),
    Command("flood", "one floods, another speaks", bench_flood.main,
            rate=10.0, seconds=10.0),
)  # fmt: skip


def add(commands: Any, whole: Callable[[int], Reader], seconds: Callable[[float], Reader]) -> None:
    """Six commands more."""
    for command in COMMANDS:
        _add(commands, command, whole, seconds)


def _add(
    commands: Any, command: Command, whole: Callable[[int], Reader],
    seconds: Callable[[float], Reader],
) -> None:  # fmt: skip
    made = commands.add_parser(command.name, help=command.about)
    add = made.add_argument
    add("--repeats", type=whole(50), default=command.repeats)
    add("--preset", choices=list(PRESETS), default="lan")
    add("--text", type=whole(MAX_TEXT), default=command.text, help="bytes of each text")
    if command.posts:
        add("--posts", type=whole(1_000_000), default=command.posts, help="how many messages")
    if command.k:
        add("--k", type=whole(MAX_MEMBERS - 1), default=command.k, help="receivers, or links")
    if command.rate:
        add("--rate", type=seconds(1000), default=command.rate, help="posts a second")
    if command.seconds:
        add("--seconds", type=seconds(60), default=command.seconds, help="how long each run speaks")
    if command.burst:
        add("--burst", type=whole(MAX_POSTS), default=command.burst, help="posts said in a turn")
    if command.anchors:
        add("--anchor", metavar="DIR", help="also run the programs of this folder beside ours")
        add("--anchor-python", metavar="PYTHON", default=sys.executable)
    if command.name == "dm":
        add("--lxmf-python", metavar="PYTHON", help="one with rns and lxmf; LXMF beside ours")
    add("--profile", metavar="DIR", help="write cProfile files there; the figures are then no use")
    add("--folder", metavar="DIR", help="where the homes are made; /dev/shm is a disk without wait")
    add("--json", metavar="FILE", help="also append each figure's line of JSON to this file")
    add("--write", action="store_true", help=WRITE)
    made.set_defaults(run=lambda asked: command.main(plan(command, asked)))


def plan(command: Command, asked: argparse.Namespace) -> Plan:
    """What was asked for; what a benchmark does not ask has its default."""

    def said(name: str) -> Any:
        return getattr(asked, name, getattr(command, name, None))

    return Plan(
        command.name, said("repeats"), said("preset"), said("text"), said("posts"), said("k"),
        said("rate"), said("seconds"), said("burst"), said("anchor"), said("anchor_python"),
        said("lxmf_python"), said("profile"), said("json"), said("folder"), said("write"),
    )  # fmt: skip
