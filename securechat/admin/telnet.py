"""
What telnet mixes into the bytes, taken out again; and the bytes cut into lines.

A telnet client sends commands of its own, glued to the text: after one Ctrl-C it drops all output
until its timing mark is answered (``FF F4 FF FD 06``).  So: DO TIMING-MARK is agreed to, every other
DO and WILL is declined, AYT gets a word, sub-negotiations are skipped, ``FF FF`` is one byte FF.
WONT and DONT need no answer, so no answer is ever answered (RFC 854, 860).

A line longer than the limit is given up at once and skipped to its end; memory stays bounded.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field

from securechat.admin.grammar.values import MAX_LINE

IAC, DONT, DO, WONT, WILL, SB, AYT, SE = 255, 254, 253, 252, 251, 250, 246, 240
END_OF_FILE = 236
TIMING_MARK = 6
HERE = b"[yes]\r\n"
CTRL_D = b"\x04"


class Place(Enum):
    """Where in a telnet command the bytes stand."""

    TEXT = "in the text"
    COMMAND = "after IAC"
    OPTION = "after DO, DONT, WILL or WONT"
    INSIDE = "in a sub-negotiation"
    INSIDE_COMMAND = "after IAC in a sub-negotiation"


@define
class TelnetFilter:
    """``feed`` gives the text and what must be answered."""

    _place: Place = field(default=Place.TEXT, init=False)
    _verb: int = field(default=0, init=False)

    def feed(self, chunk: bytes) -> tuple[bytes, bytes]:
        """The text in these bytes, and the answer to the commands in them."""
        if self._place is Place.TEXT and IAC not in chunk:
            return chunk, b""
        text, answer = bytearray(), bytearray()
        for byte in chunk:
            self._take(byte, text, answer)
        return bytes(text), bytes(answer)

    def _take(self, byte: int, text: bytearray, answer: bytearray) -> None:
        match self._place:
            case Place.TEXT if byte != IAC:
                text.append(byte)
            case Place.TEXT:
                self._place = Place.COMMAND
            case Place.COMMAND:
                self._command(byte, text, answer)
            case Place.OPTION:
                self._place = Place.TEXT
                answer += _answer(self._verb, byte)
            case Place.INSIDE:
                if byte == IAC:
                    self._place = Place.INSIDE_COMMAND
            case Place.INSIDE_COMMAND:
                self._place = Place.TEXT if byte == SE else Place.INSIDE

    def _command(self, byte: int, text: bytearray, answer: bytearray) -> None:
        self._place = Place.TEXT
        if byte in (DO, DONT, WILL, WONT):
            self._verb, self._place = byte, Place.OPTION
        elif byte == SB:
            self._place = Place.INSIDE
        elif byte == IAC:
            text.append(IAC)
        elif byte == AYT:
            answer += HERE
        elif byte == END_OF_FILE:
            text += CTRL_D


def _answer(verb: int, option: int) -> bytes:
    if verb == DO:
        return bytes((IAC, WILL if option == TIMING_MARK else WONT, option))
    if verb == WILL:
        return bytes((IAC, DONT, option))
    return b""


class TooLong(Enum):
    """Stands for a line that was given up."""

    LINE = "too long"


@define
class LineCutter:
    """Lines end with a line feed; carriage returns stay for the grammar to ignore."""

    limit: int = MAX_LINE
    _rest: bytes = field(default=b"", init=False)
    _skipping: bool = field(default=False, init=False)

    @property
    def begun(self) -> bytes:
        """The line that has not ended; empty while one is skipped."""
        return self._rest

    def feed(self, chunk: bytes) -> list[bytes | TooLong]:
        """The lines that these bytes end, or push over the limit."""
        *ended, rest = (self._rest + chunk).split(b"\n")
        lines: list[bytes | TooLong] = []
        for line in ended:
            if not self._skipping:
                lines.append(line if self._fits(line) else TooLong.LINE)
            self._skipping = False
        self._rest = b"" if self._skipping else rest
        if not self._fits(self._rest):
            lines.append(TooLong.LINE)
            self._skipping, self._rest = True, b""
        return lines

    def _fits(self, line: bytes) -> bool:
        return len(line) - line.endswith(b"\r") <= self.limit
