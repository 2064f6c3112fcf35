"""
From the bytes of a connection to the lines that wait to be handled.

Telnet's own bytes are taken out and answered, lines are cut, and whatever begins like another protocol
is reported before anything after it can be handled.  A Ctrl-D where a line begins is a line of its own.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field, frozen

from securechat.admin.guard import foreign
from securechat.admin.telnet import CTRL_D, LineCutter, TelnetFilter, TooLong

END = CTRL_D
"""Stands for a Ctrl-D."""


@frozen
class Taken:
    """What bytes led to: an answer for telnet, or the name of the protocol they belong to."""

    answer: bytes = b""
    stranger: str | None = None


@define
class Intake:
    """``feed`` takes bytes, ``take`` gives lines in their order."""

    size: int = field(default=0, init=False)
    """Bytes of lines that wait."""
    _telnet: TelnetFilter = field(factory=TelnetFilter, init=False)
    _cutter: LineCutter = field(factory=LineCutter, init=False)
    _lines: deque[bytes | TooLong] = field(factory=deque, init=False)

    def __len__(self) -> int:
        return len(self._lines)

    def feed(self, chunk: bytes) -> Taken:
        """Take bytes in; of a stranger nothing is kept."""
        said, answer = self._telnet.feed(chunk)
        lines = self._cutter.feed(said)
        begun = self._cutter.begun
        for line in (*lines, begun):
            stranger = None if isinstance(line, TooLong) else foreign(line)
            if stranger is not None:
                self.clear()
                return Taken(stranger=stranger)
        for line in lines:
            self._keep(line)
        if begun.startswith(CTRL_D):
            self._keep(END)
        return Taken(answer)

    def take(self) -> bytes | TooLong:
        """The line that has waited longest; IndexError if there is none."""
        line = self._lines.popleft()
        self.size -= _size(line)
        return line

    def clear(self) -> None:
        """Forget what waits."""
        self._lines.clear()
        self.size = 0

    def _keep(self, line: bytes | TooLong) -> None:
        if isinstance(line, bytes):
            if line.startswith(CTRL_D):
                line = END
            elif not line.strip(b" \r"):
                return
        self._lines.append(line)
        self.size += _size(line)


def _size(line: bytes | TooLong) -> int:
    return len(line) if isinstance(line, bytes) else 1
