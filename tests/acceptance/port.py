"""A bare line to an admin port: bytes out, lines in; nothing of our own client is in between."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from securechat.drills.rig import DEADLINE, DrillError, Member


class Port:
    """Lines of the admin port, over the unix socket or over TCP."""

    def __init__(self, member: Member, tcp: bool = False, receive: int = 0) -> None:
        family = socket.AF_INET if tcp else socket.AF_UNIX
        self.line = socket.socket(family, socket.SOCK_STREAM)
        if receive:
            self.line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.line.settimeout(DEADLINE)
        self.line.connect(("127.0.0.1", member.admin) if tcp else str(member.home / "admin.sock"))
        self._file = self.line.makefile("rb")
        self.greeting = self.read()
        self.events: list[dict[str, Any]] = []

    def read(self) -> str:
        """The next line without its end; empty once the node has closed."""
        return self._file.readline().decode().rstrip("\n")

    def say(self, line: str) -> None:
        """A line, as it is."""
        self.line.sendall(line.encode() + b"\n")

    def ask(self, line: str) -> list[str]:
        """The lines of one reply in text mode; events that come before it are passed over."""
        self.say(line)
        lines = [self._reply_line()]
        while lines[-1][3] == "-":
            lines.append(self._reply_line())
        return lines

    def code(self, line: str) -> int:
        """The code of one reply in text mode."""
        return int(self.ask(line)[-1][:3])

    def _reply_line(self) -> str:
        while (line := self.read()).startswith("650 "):
            pass
        assert line[:3].isdigit(), line
        return line

    def json_mode(self) -> Port:
        """From here on, JSON lines."""
        assert self.code("hello mode=json") == 250
        return self

    def get(self, cmd: str, **args: Any) -> dict[str, Any]:
        """One reply in JSON mode; events that come before it are passed over."""
        self.say(json.dumps({"tag": "t", "cmd": cmd, **args}))
        while True:
            found = self.next()
            if "event" not in found:
                assert found.pop("tag") == "t", found
                return found

    def next(self) -> dict[str, Any]:
        """The next object in JSON mode."""
        found: dict[str, Any] = json.loads(self.read())
        return found

    def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first event of a type with these fields, come or to come; DrillError if it does not."""
        end, place = time.monotonic() + DEADLINE, 0
        while time.monotonic() < end:
            if place == len(self.events):
                self.events.append(self.next())
            found, place = self.events[place], place + 1
            if found.get("event") == kind and fields.items() <= found.items():
                return found
        raise DrillError(f"no {kind} {fields}; heard: {self.events[-8:]}")

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.line.close()
