"""
What a process costs, read from the system, and what a node counts of itself.

Bytes come in two sizes: those of the frames, which a node counts, and those on the wire, which the
kernel counts for the namespace that the room has to itself, with TLS, TCP, IP and loopback's own
Ethernet header; without root there is no such namespace and only the former.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from attrs import frozen
from bench_membership_rooms import Cluster, Ours
from bench_process import cpu

from securechat.admin.blocking import connect
from securechat.membership.messages import MESSAGES

KINDS = frozenset(kind.__name__ for kind in MESSAGES.values())
"""The messages of membership; the others that an idle node sends are messaging's."""


@frozen
class Reading:
    """A whole room at one moment."""

    at: float
    cpu: tuple[float, ...]
    """Seconds of each process so far."""
    frame_bytes: int
    membership: int
    """Messages of membership taken in by all."""
    others: int
    """Messages of other kinds taken in by all."""
    wire: int
    packets: int


def read(room: Cluster, alone: bool) -> Reading:
    """The room now; ``alone`` if it has a network to itself."""
    pids = [process.pid for process in room.processes.values()]
    counted = _counted(room)
    wire, packets = lo(pids[0]) if alone else (0, 0)
    kinds = [(kind, n) for counters in counted for kind, n in counters["in"].items()]
    return Reading(
        at=time.monotonic(),
        cpu=tuple(cpu(pid) for pid in pids),
        frame_bytes=sum(int(counters["bytes_out"]) for counters in counted),
        membership=sum(n for kind, n in kinds if kind in KINDS),
        others=sum(n for kind, n in kinds if kind not in KINDS),
        wire=wire,
        packets=packets,
    )


def _counted(room: Cluster) -> list[dict[str, Any]]:
    """What each node counts; agents of serf are not asked."""
    if not isinstance(room, Ours):
        return []
    found = []
    for member in sorted(room.processes):
        with connect(room.home(member), "bench") as talk:
            found.append(talk.request("counters"))
    return found


def lo(pid: int) -> tuple[int, int]:
    """Bytes and packets that loopback has carried in the network of a process."""
    for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines():
        name, _, words = line.partition(":")
        if name.strip() == "lo":
            return int(words.split()[0]), int(words.split()[1])
    return 0, 0
