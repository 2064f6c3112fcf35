"""
A measured room of either program: processes that are started, stopped and killed by their own id.

``Cluster`` is what both have in common; ``Ours`` is a room of securechat, made by the code of the
commands, whose nodes know one address: the founder's.  What its nodes think is read from their own
event streams (``watch types=member`` on the unix socket) and stamped by the driver as it arrives.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from attrs import asdict, define, field
from bench_membership_places import POLL, Place, until_listening
from bench_membership_views import Sight, Sights, everyone
from bench_process import BenchError

from securechat.admin.blocking import SOCKET, connect
from securechat.admin.client import AdminError, DownError
from securechat.drills.rig import free_ports, twistd
from securechat.home.admission import consider, found, grant
from securechat.home.config import Config, make_config
from securechat.home.joining import install, request, request_text

START = 60.0
"""Seconds that a start may take."""
AGAIN = 0.02
"""Seconds between two knocks on an admin socket that is not there yet."""


@define(eq=False)
class Cluster(ABC):
    """``members`` processes of one program with one profile; number 0 is whom the others know."""

    preset: str
    members: int
    place: Place
    folder: Path
    number: int
    """Of the room, among those of the run."""
    split: int = 2
    """Members below this number stand on side 0."""
    sights: Sights = field(factory=Sights, init=False)
    processes: dict[int, subprocess.Popen[bytes]] = field(factory=dict, init=False)
    ports: list[int] = field(factory=list, init=False)
    program: ClassVar[str]
    reads_output: ClassVar[bool] = False
    """Whether what it prints is what is watched."""

    @property
    def name(self) -> str:
        """As the tables call it."""
        return f"{self.program} {self.preset}"

    def side(self, member: int) -> int:
        """On which side of the cable a member stands."""
        return 0 if member < self.split else 1

    def host(self, member: int) -> str:
        """The address of one member."""
        return self.place.host(self.number, self.side(member), member)

    @abstractmethod
    def make(self) -> None:
        """Prepare what the processes need."""

    @abstractmethod
    def command(self, member: int) -> list[str]:
        """How one member is started."""

    @abstractmethod
    def watch(self, member: int, process: subprocess.Popen[bytes]) -> None:
        """Gather what it says until it is gone; runs in a thread of its own."""

    def start(self, member: int) -> None:
        """Run one member, and watch it."""
        command = [*self.place.inside(self.side(member)), *self.command(member)]
        log = self.folder / f"n{member}.log"
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stderr=errors,
                stdout=subprocess.PIPE if self.reads_output else errors,
                env={**os.environ, "PYTHONPYCACHEPREFIX": str(self.folder.parent / "pycache")},
            )  # fmt: skip
        self.processes[member] = process
        threading.Thread(target=self.watch, args=(member, process), daemon=True).start()

    def listening(self, member: int, poll: float = POLL) -> float:
        """Wait until it listens; when that was so."""
        return until_listening(self.processes[member].pid, self.ports[member], START, poll)

    def gather(self, stagger: float = 0.0, seconds: float = START) -> None:
        """Start all and wait until each sees all alive."""
        pause = threading.Event()
        for member in range(self.members):
            self.start(member)
            if member == 0:
                self.listening(0)
            pause.wait(stagger)
        self.whole(seconds)

    def whole(self, seconds: float = START) -> None:
        """Wait until each sees all alive; BenchError if they do not."""
        wanted = everyone(self.members)
        if not self.sights.wait(lambda: self.sights.all_are("alive", wanted), seconds):
            tally = self.sights.tally(wanted)
            raise BenchError(f"{self.name}: not all alive within {seconds:g} s but {tally}")

    def accuse(self, false: Sequence[Sight]) -> None:
        """Print each false verdict, with the observer's reason."""
        for sight in false:
            line = {"room": self.name, **asdict(sight)}
            print(json.dumps({"false": line}), flush=True)

    def signal(self, member: int, number: signal.Signals) -> float:
        """Send a signal to one process; when."""
        at = time.monotonic()
        self.processes[member].send_signal(number)
        return at

    def kill(self, member: int) -> float:
        """kill -9; when."""
        at = self.signal(member, signal.SIGKILL)
        self.processes.pop(member).wait()
        return at

    def close(self) -> None:
        """End what runs."""
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
        for process in self.processes.values():
            process.wait()
        self.processes.clear()


@define(eq=False)
class Ours(Cluster):
    """A room of securechat."""

    program = "securechat"

    def home(self, member: int) -> Path:
        """Where one member lives."""
        return self.folder / f"n{member}"

    def make(self) -> None:
        """The homes."""
        ports = free_ports(2 * self.members)
        self.ports, admin = ports[: self.members], ports[self.members :]
        now_ms = time.time_ns() // 1_000_000
        founder = self.home(0)
        found(founder, "n0", "bench", self._config(0, admin[0]), None, now_ms)
        for member in range(1, self.members):
            home = self.home(member)
            request(home, home.name, "", None)
            granted = consider(founder, request_text(home), 30, None, now_ms)
            config = self._config(member, admin[member])
            install(home, grant(granted, now_ms), "", config, None, now_ms)

    def _config(self, member: int, admin: int) -> Config:
        peers = (self._address(0),) if member else ()
        return make_config(
            listen=self._address(member), peers=peers, preset=self.preset, tcp=f"127.0.0.1:{admin}"
        )

    def _address(self, member: int) -> str:
        return f"{self.host(member)}:{self.ports[member]}"

    def command(self, member: int) -> list[str]:
        """As a user would."""
        return [*twistd(sys.executable), "-n", "securechat", "--home", str(self.home(member))]

    def watch(self, member: int, process: subprocess.Popen[bytes]) -> None:
        """Its members now, and each change from there."""
        pause = threading.Event()
        while process.poll() is None:
            if (self.home(member) / SOCKET).exists():
                with suppress(DownError, AdminError, OSError):
                    self._follow(member)
            pause.wait(AGAIN)

    def _follow(self, member: int) -> None:
        with connect(self.home(member), "bench") as talk:
            shot = talk.request("snapshot")
            for item in shot["members"]:
                if not item["self"]:
                    self._saw(member, item["name"], item["state"])
            talk.request("watch", **{"from": shot["cursor"], "types": "member"})
            for event in talk.events():
                if event["event"] == "member":
                    self._saw(member, event["name"], event["to"], str(event.get("why")))

    def _saw(self, member: int, name: str, state: str, why: str = "") -> None:
        with suppress(ValueError):
            subject = int(name.removeprefix("n"))
            self.sights.add(Sight(time.monotonic(), member, subject, state, why))
