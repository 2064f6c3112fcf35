"""
serf (Debian's package) beside ours: the same number of agents, watched by what they print.

An agent logs each verdict at the moment it falls; the driver stamps the line as it arrives.  serf
must be installed by whoever runs this (``apt-get install serf``); nothing else of the project needs
it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from contextlib import suppress

from attrs import define, field
from bench_membership_rooms import Cluster
from bench_membership_views import ALIVE, LEFT, SUSPECT, UNREACHABLE, Sight

from securechat.drills.rig import free_ports

SAID = re.compile(rb"serf: EventMember(Join|Failed|Leave): n(\d+)|memberlist: (Suspect) n(\d+) ")
MISSING = "serf is not installed; Debian has it as: apt-get install serf"
WORDS = {b"Join": ALIVE, b"Failed": UNREACHABLE, b"Leave": LEFT, b"Suspect": SUSPECT}


def program() -> str | None:
    """Where serf is, if it is."""
    return shutil.which("serf")


def version() -> str:
    """Its own word about itself, and the package it came in."""
    with suppress(OSError):
        said = _said("dpkg-query", "-W", "-f", "${Version}", "serf")
        return f"serf {said}" if said else _said("serf", "version").splitlines()[0]
    return "serf"


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.strip()


@define(eq=False)
class Serf(Cluster):
    """Agents of serf; ``preset`` is its profile."""

    program, reads_output = "serf", True
    _rpc: list[int] = field(factory=list, init=False)

    def make(self) -> None:
        """Ports; an agent has no home."""
        ports = free_ports(2 * self.members)
        self.ports, self._rpc = ports[: self.members], ports[self.members :]
        self.folder.mkdir(parents=True, exist_ok=True)

    def command(self, member: int) -> list[str]:
        """An agent that joins by way of the first."""
        words = [
            "serf", "agent", "-node", f"n{member}", "-profile", self.preset,
            "-bind", f"{self.host(member)}:{self.ports[member]}",
            "-rpc-addr", f"127.0.0.1:{self._rpc[member]}", "-log-level", "info",
        ]  # fmt: skip
        return [*words, "-join", f"{self.host(0)}:{self.ports[0]}"] if member else words

    def watch(self, member: int, process: subprocess.Popen[bytes]) -> None:
        """Each line that is a verdict."""
        assert process.stdout is not None
        for line in process.stdout:
            now, match = time.monotonic(), SAID.search(line)
            if match is None:
                continue
            state = WORDS[match[1] or match[3]]
            subject = int(match[2] or match[4])
            sight = Sight(now, member, subject, state, line.decode(errors="replace").strip())
            self.sights.add(sight, noted=state == SUSPECT)
