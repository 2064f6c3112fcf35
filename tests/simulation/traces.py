"""The traces of some worlds, made twice: by processes that keep their sets in different orders."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import sys
from securechat.simulation.run import nodes_of, quiet_log
from securechat.simulation.world import World
quiet_log()
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    print(World(seed, nodes_of(seed), float(sys.argv[3])).run().trace)
"""
HASH_SEEDS = ("1", "4711")


def traces(seeds: range, seconds: float) -> list[list[str]]:
    """One list of each process."""
    command = [sys.executable, "-c", SCRIPT, str(seeds.start), str(seeds.stop), str(seconds)]
    processes = [
        subprocess.Popen(
            command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, stdout=subprocess.PIPE, text=True
        )
        for hash_seed in HASH_SEEDS
    ]  # fmt: skip
    told = [process.communicate()[0].split() for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"{[process.returncode for process in processes]}: {command}")
    return told
