"""A program on a terminal of its own, with a person who types and reads."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from contextlib import suppress

from securechat.drills.rig import DEADLINE, DrillError

CTRL_C, CTRL_D = b"\x03", b"\x04"


class Terminal:
    """Keystrokes go in as bytes; everything the program prints is kept."""

    def __init__(self, *command: str) -> None:
        self.heard = b""
        self.place = 0
        self.status: int | None = None
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)

    def type(self, keys: bytes) -> None:
        """Press these keys."""
        os.write(self.descriptor, keys)

    def line(self, text: str) -> None:
        """Type a line."""
        self.type(text.encode() + b"\r")

    def expect(self, wanted: bytes) -> bytes:
        """Wait until this is printed; what was printed up to its end since the last time."""
        end = time.monotonic() + DEADLINE
        while (found := self.heard.find(wanted, self.place)) < 0:
            if not self._read(end):
                raise DrillError(f"{wanted!r} never came after {self.heard[self.place :]!r}")
        start, self.place = self.place, found + len(wanted)
        return self.heard[start : self.place]

    def rest(self) -> bytes:
        """What is printed until the program ends."""
        end = time.monotonic() + DEADLINE
        while self._read(end):
            pass
        if self.status is None:
            raise DrillError(f"it did not end; last: {self.heard[-200:]!r}")
        return self.heard[self.place :]

    def _read(self, end: float) -> bool:
        """Take in more; False if nothing more comes."""
        ready, _, _ = select.select([self.descriptor], [], [], max(0.0, end - time.monotonic()))
        if not ready or self.status is not None:
            return False
        try:
            chunk = os.read(self.descriptor, 65536)
        except OSError:
            chunk = b""
        if not chunk:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            return False
        self.heard += chunk
        return True

    def close(self) -> None:
        """End the program."""
        if self.status is None:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.pid, signal.SIGKILL)
                self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.descriptor)
