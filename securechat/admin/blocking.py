"""
The conversation over a blocking socket: for the command line and for drills.

A home's unix socket comes first; if nobody listens there, the TCP port that ``config.toml`` names,
with the token from ``admin.cookie``.  The cookie is only ever read from the home we were given,
never from a path that the other side names.
"""

from __future__ import annotations

import socket
import tomllib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

from attrs import define, field

from securechat.admin.client import (
    Answer,
    Conversation,
    ConversationError,
    DownError,
    Greeted,
    Happened,
    must,
)

SOCKET = "admin.sock"
COOKIE = "admin.cookie"
TIMEOUT = 10.0
CHUNK = 64 * 1024


def read_cookie(home: Path) -> str:
    """The token of the node that runs on this home; DownError if there is none."""
    try:
        return (home / COOKIE).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        raise DownError(f"no {COOKIE} in {home}: the node is not running") from None


def admin_address(home: Path) -> tuple[str, int] | None:
    """Where ``config.toml`` puts the TCP port, if it can be read and says so."""
    try:
        with (home / "config.toml").open("rb") as file:
            host, _, port = str(tomllib.load(file)["admin"]["tcp"]).rpartition(":")
        return host.strip("[]"), int(port)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def dial(home: Path, timeout: float = TIMEOUT) -> tuple[socket.socket, bool]:
    """A connected socket, and whether it is the unix socket; DownError if nobody listens."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(timeout)
    try:
        line.connect(str(home / SOCKET))
    except OSError as problem:
        line.close()
        if isinstance(problem, PermissionError):
            raise DownError(f"{home / SOCKET} belongs to another user") from None
    else:
        return line, True
    address = admin_address(home)
    if address is not None and address[1]:
        try:
            return socket.create_connection(address, timeout), False
        except OSError:
            pass
    raise DownError(f"no node is running on {home}; start it with: securechat --home {home} up")


def connect(home: Path, client: str = "cli", timeout: float = TIMEOUT) -> BlockingClient:
    """A conversation with the node of this home, in JSON mode, ready to be asked."""
    line, trusted = dial(home, timeout)
    return converse(line, trusted, home, client, timeout)


def converse(
    line: socket.socket, trusted: bool, home: Path, client: str = "cli", timeout: float = TIMEOUT
) -> BlockingClient:
    """The same on a socket that ``dial`` gave; the socket is closed if nothing comes of it."""
    talk = BlockingClient(line, timeout)
    try:
        talk.open(client, None if trusted else read_cookie(home))
    except BaseException:
        talk.close()
        raise
    return talk


@define(eq=False)
class BlockingClient:
    """``request`` waits for its reply; events that come meanwhile wait for ``events``."""

    _socket: socket.socket
    timeout: float = TIMEOUT
    talk: Conversation = field(factory=Conversation, init=False)
    _answers: dict[str | None, dict[str, Any]] = field(factory=dict, init=False)
    _events: deque[dict[str, Any]] = field(factory=deque, init=False)
    _closed: bool = field(default=False, init=False)

    @property
    def greeting(self) -> dict[str, Any]:
        """The fields of the node's first line."""
        return self.talk.greeting

    def open(self, client: str = "cli", token: str | None = None) -> None:
        """Wait for the greeting, switch to JSON, authenticate if there is a token."""
        end = monotonic() + self.timeout
        while not self.talk.greeting:
            self._receive(end)
        tag, line = self.talk.hello(client)
        must(self._exchange(tag, line))
        if token is not None:
            self.request("auth", token=token)

    def request(self, cmd: str, /, **args: Any) -> dict[str, Any]:
        """The reply, as a dict; AdminError for a code of 400 or more, DownError if the node is gone."""
        return must(self.ask(cmd, **args))

    def ask(self, cmd: str, /, **args: Any) -> dict[str, Any]:
        """The reply whatever its code; DownError if the node is gone."""
        tag, line = self.talk.request(cmd, args)
        return self._exchange(tag, line)

    def events(self, seconds: float | None = None) -> Iterator[dict[str, Any]]:
        """Events as they come, until so many seconds have passed; forever without them."""
        end = None if seconds is None else monotonic() + seconds
        while True:
            while self._events:
                yield self._events.popleft()
            if not self._receive(end, quiet=True):
                return

    def close(self) -> None:
        """Hang up; nothing that was asked is undone."""
        self._closed = True
        self._socket.close()

    def __enter__(self) -> BlockingClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _exchange(self, tag: str, line: bytes) -> dict[str, Any]:
        end = monotonic() + self.timeout
        self._send(line)
        while tag not in self._answers:
            self._receive(end)
        return self._answers.pop(tag)

    def _send(self, line: bytes) -> None:
        if self._closed:
            raise DownError("the conversation with the node was closed")
        try:
            self._socket.settimeout(self.timeout)
            self._socket.sendall(line)
        except TimeoutError:
            raise DownError(f"the node did not take a request within {self.timeout:g} s") from None
        except OSError:
            raise DownError("the node hung up") from None

    def _receive(self, end: float | None, quiet: bool = False) -> bool:
        """Take in what comes next; False (or DownError, unless ``quiet``) once the time is over."""
        if self._closed:
            raise DownError("the conversation with the node was closed")
        left = None if end is None else end - monotonic()
        try:
            if left is not None and left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            chunk = self._socket.recv(CHUNK)
        except TimeoutError:
            if quiet:
                return False
            raise DownError(f"the node did not answer within {self.timeout:g} s") from None
        except OSError:
            chunk = b""
        if not chunk:
            raise DownError("the node hung up")
        try:
            self._heard(chunk)
        except ConversationError:
            self.close()
            raise
        return True

    def _heard(self, chunk: bytes) -> None:
        for heard in self.talk.feed(chunk):
            match heard:
                case Happened(event):
                    self._events.append(event)
                case Answer(None, reply):
                    must(reply)
                case Answer(tag, reply):
                    self._answers[tag] = reply
                case Greeted():
                    pass
