"""
A room of real nodes on loopback, for drills, the demo and the acceptance tests.

Everything is done as a user would: the homes are made by ``securechat init``, ``request``, ``admit``
and ``install``, the nodes are ``twistd -n securechat --home DIR``, and what they know is asked on
their admin ports.  Only processes started here are ended, by their pid.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from pathlib import Path
from random import SystemRandom
from signal import SIGCONT, SIGTERM, Signals
from tempfile import gettempdir
from typing import Any

from attrs import define, field

from securechat.admin.blocking import BlockingClient, connect
from securechat.admin.client import AdminError, DownError

DEADLINE = 120.0
"""Seconds that anything may take; generous, since a wait ends as soon as it is met."""
POLL = 0.02
"""Seconds between two looks at first, and of what it waits so long a part later: a look costs too."""
PORTS = range(20_000, 32_000)


class DrillError(Exception):
    """What the drill expected did not come to pass; one line."""


def free_ports(count: int) -> list[int]:
    """
    Ports of loopback for this process alone, as long as it lives.

    Nobody listens on them now, and no other room that is being made here gets them: each is reserved
    by a lock on a file of its own, since a node listens only some time after its port was chosen, and
    not while it is stopped.  They lie below those that the system hands out by itself: such a one
    could be the other end of somebody's connection by then.
    """
    found: list[int] = []
    while len(found) < count:
        port = SystemRandom().randrange(PORTS.start, PORTS.stop)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found += [port] if _reserved(port) else []
    return found


_reservations: list[int] = []
"""Open files whose locks reserve ports; the system ends a lock with the process."""


def _reserved(port: int) -> bool:
    """Whether this port is ours from now on; False if it was somebody's, or ours, before."""
    folder = Path(gettempdir(), f"securechat-ports-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / str(port), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except OSError:
        os.close(file)
        return False
    _reservations.append(file)
    return True


def until(met: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
    """Wait until something is true and return it; DrillError says what never came."""
    began = time.monotonic()
    pause = threading.Event()
    while True:
        try:
            found = met()
        except (AdminError, DownError, OSError) as problem:
            found, said = None, str(problem)
        else:
            said = repr(found)
        if found:
            return found
        waited = time.monotonic() - began
        if waited > deadline:
            raise DrillError(f"{what}: not within {deadline:g} s (last: {said[:200]})")
        pause.wait(max(POLL, POLL * waited))


@define
class Member:
    """One home and, while it runs, its process."""

    name: str
    home: Path
    port: int
    admin: int
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)
    _connection: BlockingClient | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.log = self.home.parent / f"{self.name}.log"

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def ask(self, cmd: str, **args: Any) -> dict[str, Any]:
        """One question on the admin socket; AdminError if the answer is no."""
        if self._connection is None:
            self._connection = connect(self.home)
        try:
            return self._connection.request(cmd, **args)
        except (DownError, OSError):
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """Close the connection to the admin socket."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def texts(self) -> list[str]:
        """The texts of all posts, in transcript order."""
        return [item["text"] for item in self.items("messages", kind="post", after="", limit=1000)]

    def items(self, cmd: str, **args: Any) -> list[dict[str, Any]]:
        """The items of a list."""
        found: list[dict[str, Any]] = self.ask(cmd, **args)["items"]
        return found

    def state_of(self, name: str) -> str | None:
        """How this node sees a member."""
        return next((m["state"] for m in self.items("members") if m["name"] == name), None)


@define
class Room:
    """Members of one room below one folder."""

    folder: Path
    python: str = sys.executable
    preset: str = "local"
    faults: bool = True
    members: dict[str, Member] = field(factory=dict)
    environment: Mapping[str, str] = field(factory=dict)
    patience: float = DEADLINE
    """Seconds that the start of nodes may take; several at a time share the machine."""
    limit: float = 120.0
    """Seconds that one command may take."""

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    def cli(self, *words: str, stdin: str = "") -> str:
        """One securechat command; DrillError with its own line if it fails."""
        done = self.run(*words, stdin=stdin)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise DrillError(f"{_named(words)}: {said[-1] if said else done.returncode}")
        return done.stdout

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """One securechat command, with its output and exit status; DrillError if it does not end."""
        try:
            return subprocess.run(
                [self.python, "-m", "securechat", *words], input=stdin, capture_output=True,
                text=True, check=False, timeout=self.limit, env=self._environment(),
                cwd=self.folder,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise DrillError(f"{_named(words)}: no end within {self.limit:g} s") from None

    def found(self, founder: str, room: str = "lab") -> Member:
        """The first home: ``init``."""
        member = self._member(founder)
        self.cli(
            "--home", str(member.home), "init", "--name", founder, "--room", room, *self._at(member)
        )
        return member

    def join(self, name: str, founder: str) -> Member:
        """One more home: ``request``, ``admit``, ``install``."""
        member, by = self._member(name), self.members[founder]
        request, admission = self.folder / f"{name}.request", self.folder / f"{name}.admission"
        home = ("--home", str(member.home))
        self.cli(*home, "request", "--name", name, "--out", str(request))
        self.cli(
            "--home", str(by.home), "admit", str(request), "--out", str(admission), "--yes"
        )  # fmt: skip
        peer = ("--peer", f"127.0.0.1:{by.port}")
        self.cli(*home, "install", str(admission), *self._at(member), *peer)
        return member

    def start(self, *names: str) -> None:
        """Run these nodes; returns once each answers on its socket."""
        for name in names:
            member = self.members[name]
            if member.running:
                raise DrillError(f"{name} runs already")
            with member.log.open("ab") as log:
                member.process = subprocess.Popen(
                    [*twistd(self.python), "-n", "securechat", "--home", str(member.home)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env=self._environment(), cwd=self.folder,
                )  # fmt: skip
        for name in names:
            member = self.members[name]
            until(partial(self._answers, member), f"{name} answers", self.patience)

    def _answers(self, member: Member) -> bool:
        if not member.running:
            code = member.process.returncode if member.process else None
            tail = member.log.read_text(errors="replace").strip().splitlines()[-1:]
            raise DrillError(f"{member.name} did not start ({code}): {' '.join(tail)}")
        return bool(member.ask("health")["live"])

    def signal(self, name: str, number: Signals) -> None:
        """Send a signal to one node's process."""
        process = self.members[name].process
        if process is None:
            raise DrillError(f"{name} does not run")
        process.send_signal(number)

    def end(self, name: str, number: Signals = SIGTERM) -> None:
        """End one node and wait until its process is gone."""
        member = self.members[name]
        member.hang_up()
        if member.process is None:
            return
        if member.running:
            member.process.send_signal(number)
        try:
            member.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise DrillError(f"{name} does not end within {DEADLINE:g} s") from None
        member.process = None

    def close(self) -> None:
        """End whatever still runs, politely at first."""
        for member in self.members.values():
            member.hang_up()
            if member.process is not None and member.running:
                member.process.send_signal(SIGCONT)
                member.process.terminate()
        for member in self.members.values():
            if member.process is not None:
                try:
                    member.process.wait(10)
                except subprocess.TimeoutExpired:
                    member.process.kill()
                    member.process.wait()
                member.process = None

    def meet(self, *names: str) -> None:
        """Wait until each of these sees all the others alive."""
        for name in names:
            self.sees(name, "alive", *(other for other in names if other != name))

    def sees(self, name: str, state: str, *others: str) -> None:
        """Wait until one node sees these members in a state."""

        def seen() -> bool:
            return all(self[name].state_of(other) == state for other in others)

        until(seen, f"{name} sees {', '.join(others)} {state}")

    def shows(self, name: str, *texts: str) -> None:
        """Wait until one node shows these posts."""
        until(lambda: set(texts) <= set(self[name].texts()), f"{name} shows {texts}")

    def agree(self, *names: str) -> str:
        """Wait until the digests of these are equal; the digest."""

        def equal() -> str:
            digests = {self[name].ask("digest")["digest"] for name in names}
            return digests.pop() if len(digests) == 1 else ""

        return str(until(equal, f"equal digests of {', '.join(names)}"))

    def _member(self, name: str) -> Member:
        port, admin = free_ports(2)
        member = Member(name, self.folder / name, port, admin)
        self.members[name] = member
        return member

    def _at(self, member: Member) -> tuple[str, ...]:
        words = (
            "--listen", f"127.0.0.1:{member.port}", "--admin", f"127.0.0.1:{member.admin}",
            "--preset", self.preset,
        )  # fmt: skip
        return (*words, "--faults") if self.faults else words

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


def _named(words: tuple[str, ...]) -> str:
    """A command by its verb, not by the home that stands before it."""
    verb = words[2:3] if words[0] == "--home" else words[:1]
    return " ".join(("securechat", *verb))


def twistd(python: str) -> list[str]:
    """The twistd of this interpreter's environment."""
    return [str(Path(python).parent / "twistd")]
