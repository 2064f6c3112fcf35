"""The command line of ``scripts/bench``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import bench_fanout
import bench_idle
import bench_membership_main
import bench_messaging_main

from securechat.settings import MAX_MEMBERS, MAX_TEXT, PRESETS


def numbers(most: int) -> Callable[[str], tuple[int, ...]]:
    """``4,15`` as numbers of at least one."""

    def read(text: str) -> tuple[int, ...]:
        words = text.split(",")
        if not all(word.isdecimal() and 1 <= int(word) <= most for word in words):
            raise argparse.ArgumentTypeError(f"numbers from 1 to {most} are wanted, as in 4,15")
        return tuple(map(int, words))

    return read


def whole(most: int) -> Callable[[str], int]:
    """One whole number of at least one."""

    def read(text: str) -> int:
        if not (text.isdecimal() and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"a whole number from 1 to {most} is wanted")
        return int(text)

    return read


def seconds(most: float) -> Callable[[str], float]:
    """A time that is worth measuring and ends."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = 0.0
        if not 0.1 <= found <= most:
            raise argparse.ArgumentTypeError(f"seconds from 0.1 to {most:g} are wanted")
        return found

    return read


def parser() -> argparse.ArgumentParser:
    """Everything that can be asked for."""
    made = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    commands = made.add_subparsers(dest="command", required=True)
    fanout = commands.add_parser("fanout", help="one author to k receivers")
    add = fanout.add_argument
    add("--k", type=numbers(MAX_MEMBERS - 1), default=(4, 15), help="receivers, as in 4,15")
    add("--burst", type=numbers(256), default=(1, 32), help="posts in a reactor turn, as in 1,32")
    add("--repeats", type=whole(50), default=5, help="times that each cell is run")
    add("--seconds", type=seconds(30), default=2.5, help="how long each run speaks")
    add("--preset", choices=list(PRESETS), default="lan")
    add("--text", type=whole(MAX_TEXT), default=150, help="bytes of each text")
    add("--anchor", metavar="DIR", help="also run the programs of this folder beside ours")
    add("--anchor-python", metavar="PYTHON", default=sys.executable)
    add("--profile", metavar="DIR", help="write cProfile files there; the figures are then no use")
    add("--folder", metavar="DIR", help="where the homes are made; /dev/shm is a disk without wait")
    add("--json", metavar="FILE", help="also append each run's line of JSON to this file")
    add("--write", action="store_true", help=bench_messaging_main.WRITE)
    idle = commands.add_parser("idle", help="a room in which nobody speaks")
    idle.add_argument("--nodes", type=whole(MAX_MEMBERS), default=3)
    idle.add_argument("--seconds", type=seconds(86_400), default=300.0)
    idle.add_argument("--preset", choices=list(PRESETS), default="lan")
    idle.add_argument("--write", action="store_true", help=bench_messaging_main.WRITE)
    bench_messaging_main.add(commands, whole, seconds)
    bench_membership_main.add(commands, whole, seconds)
    return made


def main() -> int:
    """Run what was asked for; the exit status."""
    asked = parser().parse_args()
    if "run" in asked:
        return int(asked.run(asked))
    if asked.command == "idle":
        return bench_idle.run(asked.nodes, asked.seconds, asked.preset, asked.write)
    plan = bench_fanout.Plan(
        asked.k, asked.burst, asked.repeats, asked.seconds, asked.preset, asked.text,
        asked.anchor, asked.anchor_python, asked.profile, asked.json, asked.folder, asked.write,
    )  # fmt: skip
    return bench_fanout.run(plan)


if __name__ == "__main__":
    sys.exit(main())
