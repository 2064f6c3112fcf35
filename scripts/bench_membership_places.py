"""
Where the measured processes run: on loopback, or in two network namespaces with a cable between.

The cable is a pair of veth; a cut drops, in both kernels, every packet that comes out of it, so that
nothing tells either side that it was cut.  Both programs stand in the same two namespaces and are cut
by the same rule at the same moment, which is why it is fair: the ``fault`` command would cut ours
below TLS only and leave TCP's own patience out of the figure, and serf has no such command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Protocol

from attrs import define, field
from bench_process import BenchError

LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp."""
POLL = 0.002


class Place(Protocol):
    """Tells a process where to stand."""

    def host(self, room: int, side: int, number: int) -> str:
        """An address for one member of one room; ``side`` is 0 or 1."""
        ...

    def inside(self, side: int) -> list[str]:
        """What goes before a command that is to run there."""
        ...


class Loopback:
    """127.0.0.1, for all."""

    def host(self, room: int, side: int, number: int) -> str:
        """One address; the ports differ."""
        return "127.0.0.1"

    def inside(self, side: int) -> list[str]:
        """The command itself."""
        return []


def lacking() -> str:
    """What this machine lacks for namespaces; empty if nothing."""
    if os.geteuid() != 0:
        return "root"
    return next((tool for tool in ("ip", "iptables") if shutil.which(tool) is None), "")


@define(eq=False)
class Namespaces:
    """Two sides and a cable, or one side (``sides=1``); gone with the block they are used in."""

    sides: int = 2
    names: list[str] = field(factory=list, init=False)
    _rooms: dict[tuple[int, int, int], str] = field(factory=dict, init=False)
    _numbers: count[int] = field(factory=lambda: count(1), init=False)

    def __enter__(self) -> Namespaces:
        self.names = [f"scb{os.getpid()}{side}" for side in range(self.sides)]
        try:
            for name in self.names:
                _do("ip", "netns", "add", name)
                _do("ip", "-n", name, "link", "set", "lo", "up")
            if self.sides == 2:
                self._cable()
        except BenchError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in self.names:
            with suppress(BenchError):
                _do("ip", "netns", "del", name)

    def _cable(self) -> None:
        one, other = self.names
        _do(
            "ip", "link", "add", "scb0", "netns", one,
            "type", "veth", "peer", "name", "scb1", "netns", other,
        )  # fmt: skip
        for side, name in enumerate(self.names):
            _do("ip", "-n", name, "addr", "add", f"10.98.0.{side + 1}/30", "dev", f"scb{side}")
            _do("ip", "-n", name, "link", "set", f"scb{side}", "up")

    def host(self, room: int, side: int, number: int) -> str:
        """A new address on one side, with a way to it from the other."""
        key = (room, side, number)
        if key not in self._rooms:
            step = next(self._numbers)
            address = f"10.99.{step // 250}.{step % 250 + 1}"
            _do("ip", "-n", self.names[side], "addr", "add", f"{address}/32", "dev", "lo")
            if self.sides == 2:
                to, way = f"{address}/32", f"10.98.0.{side + 1}"
                _do("ip", "-n", self.names[1 - side], "route", "add", to, "via", way)
            self._rooms[key] = address
        return self._rooms[key]

    def inside(self, side: int) -> list[str]:
        """``ip`` becomes the command, so that the process keeps its id."""
        return ["ip", "netns", "exec", self.names[side]]

    def cut(self, rooms: Collection[int]) -> None:
        """Drop all that comes out of the cable to or from these rooms, on both sides."""
        self._rule("-A", rooms)

    def heal(self, rooms: Collection[int]) -> None:
        """Let it pass again."""
        self._rule("-D", rooms)

    def _rule(self, how: str, rooms: Collection[int]) -> None:
        """By their addresses: whoever dials has the cable's own, and dials one of these."""
        hosts = ",".join(host for (room, *_), host in self._rooms.items() if room in rooms)
        for side, name in enumerate(self.names):
            rule = ["iptables", "-w", how, "INPUT", "-i", f"scb{side}", "-j", "DROP"]
            for end in ("-s", "-d"):
                _do("ip", "netns", "exec", name, *rule, end, hosts)


def listens(pid: int, port: int) -> bool:
    """Whether somebody listens on a port of the network that this process sees."""
    wanted = f":{port:04X}"
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[1].endswith(wanted) and words[3] == LISTEN:
                return True
    return False


def until_listening(pid: int, port: int, seconds: float, poll: float) -> float:
    """When it listens; BenchError if it does not in time."""
    pause, end = Event(), time.monotonic() + seconds
    while not listens(pid, port):
        if time.monotonic() > end:
            raise BenchError(f"process {pid} does not listen on {port} within {seconds:g} s")
        pause.wait(poll)
    return time.monotonic()


def _do(*command: str) -> None:
    done = subprocess.run(_plain(command), capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        raise BenchError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")


def _plain(command: Sequence[str]) -> list[str]:
    return list(command)
