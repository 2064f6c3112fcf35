"""The command line of ``scripts/bench``."""

from __future__ import annotations

import argparse
import sys

import bench_fanout
import bench_idle

from securechat.settings import PRESETS


def numbers(text: str) -> tuple[int, ...]:
    """``4,15`` as numbers of at least one."""
    found = tuple(int(word) for word in text.split(","))
    if not found or min(found) < 1:
        raise argparse.ArgumentTypeError(f"{text}: numbers from 1 are wanted, as in 4,15")
    return found


def parser() -> argparse.ArgumentParser:
    """Everything that can be asked for."""
    made = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    commands = made.add_subparsers(dest="command", required=True)
    fanout = commands.add_parser("fanout", help="one author to k receivers")
    add = fanout.add_argument
    add("--k", type=numbers, default=(4, 15), help="receivers, as in 4,15")
    add("--burst", type=numbers, default=(1, 32), help="posts in a reactor turn, as in 1,32")
    add("--repeats", type=int, default=5, help="times that each cell is run")
    add("--seconds", type=float, default=2.5, help="how long each run speaks")
    add("--preset", choices=list(PRESETS), default="lan")
    add("--text", type=int, default=150, help="bytes of each text")
    add("--anchor", metavar="DIR", help="also run DIR/fanout.py beside ours")
    add("--anchor-python", metavar="PYTHON", default=sys.executable)
    add("--profile", metavar="DIR", help="write cProfile files there; the figures are then no use")
    add("--folder", metavar="DIR", help="where the homes are made; /dev/shm is a disk without wait")
    add("--json", metavar="FILE", help="also append each run's line of JSON to this file")
    idle = commands.add_parser("idle", help="a room of three in which nobody speaks")
    idle.add_argument("--seconds", type=float, default=300.0)
    idle.add_argument("--preset", choices=list(PRESETS), default="lan")
    return made


def main() -> int:
    """Run what was asked for; the exit status."""
    asked = parser().parse_args()
    if asked.command == "idle":
        return bench_idle.run(asked.seconds, asked.preset)
    plan = bench_fanout.Plan(
        asked.k, asked.burst, asked.repeats, asked.seconds, asked.preset, asked.text,
        asked.anchor, asked.anchor_python, asked.profile, asked.json, asked.folder,
    )  # fmt: skip
    return bench_fanout.run(plan)


if __name__ == "__main__":
    sys.exit(main())
