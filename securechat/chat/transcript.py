"""
The transcript on the screen: draws only the rows in sight, whatever the length of the buffer.

Rules: the position is the row at the bottom and how many of its lines are out of sight, so a row that
comes in below moves nothing; remote text is made safe here and nowhere else in the urwid client; lines
after the first of a post are indented, so none of them can pass for a row.
"""

from __future__ import annotations

from collections.abc import Iterator

import urwid

from securechat.admin.sanitise import for_terminal
from securechat.chat.buffers import Buffer
from securechat.chat.clock import Clock
from securechat.chat.lines import NAME_CELLS, Cells, cells, shorten
from securechat.chat.rows import Gap, Row
from securechat.chat.state import State
from securechat.chat.themes import name_tone

NARROW = 40
TINY = 10
LEAST_BODY = 12

Markup = list[tuple[str | None, str]]


def safe(text: str) -> str:
    """Text of any origin, harmless on a terminal; line breaks stay."""
    return "\n".join(for_terminal(line) for line in text.split("\n"))


def fit(text: str, width: int) -> str:
    """Exactly this many cells, cut or filled."""
    if urwid.calc_width(text, 0, len(text)) > width:
        end, _ = urwid.calc_text_pos(text, 0, len(text), width)
        text = text[:end]
    return text + " " * (width - urwid.calc_width(text, 0, len(text)))


def line(tone: str | None, text: str, width: int) -> urwid.Canvas:
    """One line of exactly this width."""
    return urwid.Text((tone, fit(text, width)), wrap="clip").render((width,))


def lines(parts: list[tuple[str, str]], size: tuple[int, int]) -> urwid.Canvas:
    """A block of lines, cut or filled to its size."""
    width, height = size
    drawn = [line(tone, safe(text), width) for tone, text in parts[:height]]
    drawn += [line(None, "", width) for _ in range(height - len(drawn))]
    return stack(drawn)


def stack(canvases: list[urwid.Canvas]) -> urwid.Canvas:
    """One above the other."""
    return urwid.CanvasCombine([(canvas, None, False) for canvas in canvases])


class Transcript(urwid.Widget):
    """The rows of the current buffer."""

    _sizing = frozenset([urwid.BOX])
    _selectable = False
    no_cache = ("render",)

    def __init__(self, state: State, clock: Clock) -> None:
        super().__init__()
        self.state = state
        self.clock = clock

    # -- drawing ---------------------------------------------------------------------------------

    def render(  # type: ignore[override]
        self, size: tuple[int, int], focus: bool = False
    ) -> urwid.Canvas:
        """The lines that end at the buffer's position."""
        width, height = size
        drawn: list[urwid.Canvas] = []
        left = height
        for canvas in self._upward(self.state.buffer, width):
            rows = canvas.rows()
            if rows > left:
                canvas = trimmed(canvas, rows - left, left)
            drawn.insert(0, canvas)
            left -= min(rows, left)
            if left == 0:
                break
        drawn += [line(None, "", width) for _ in range(left)]
        return stack(drawn)

    def _upward(self, buffer: Buffer, width: int) -> Iterator[urwid.Canvas]:
        tail = self.state.tail(buffer) if buffer.at_bottom else []
        for nth in reversed(range(len(tail))):
            yield self._drawn(tail[nth], width)
        if not buffer.rows and not tail:
            yield self._drawn_text("note", self._empty(), width)
        start = len(buffer.rows) - 1 if buffer.scroll is None else buffer.scroll
        cut = 0 if buffer.scroll is None else buffer.cut
        for index in range(min(start, len(buffer.rows) - 1), -1, -1):
            canvas = self.row(buffer, index, width)
            if index == start and 0 < cut < canvas.rows():
                canvas = trimmed(canvas, 0, canvas.rows() - cut)
            yield canvas
        if buffer.rows and buffer.whole and buffer.scroll is not None:
            yield self._drawn_text("note", "-- the beginning of what is kept here --", width)

    def _empty(self) -> str:
        if not self.state.contact.ever:
            return "  waiting for our node ..."
        return "  nothing has been said here yet: type and press Enter; F1 is help"

    def row(self, buffer: Buffer, index: int, width: int) -> urwid.Canvas:
        """One row with what stands above it: the day, where it changes, and the unread line."""
        row = buffer.rows[index]
        above: list[urwid.Canvas] = []
        day = self._new_day(buffer, index)
        if day:
            above.append(line("day", f"-- {day} ".ljust(width, "-"), width))
        if buffer.line == index:
            since = self.clock.minute(getattr(row, "at", None))
            above.append(line("unread", f"== unread since {since} ".ljust(width, "="), width))
        drawn = self._drawn(row, width)
        return stack([*above, drawn]) if above else drawn

    def _new_day(self, buffer: Buffer, index: int) -> str:
        at = getattr(buffer.rows[index], "at", None)
        day = self.clock.day(at) if at is not None else ""
        for before in range(index - 1, max(-1, index - 20), -1):
            former = getattr(buffer.rows[before], "at", None)
            if former is not None:
                return day if self.clock.day(former) != day else ""
        return day

    def _drawn(self, row: Row, width: int) -> urwid.Canvas:
        parts = cells(row, self.state, self.clock)
        if isinstance(row, Gap):
            return self._gap(safe(parts.text), width)
        if width < TINY:
            flat = safe(parts.text).replace("\n", " / ")
            return self._drawn_text(parts.tone, f"{shorten(safe(parts.name))} {flat}", width)
        if width < NARROW:
            return self._narrow(parts, width)
        return self._wide(parts, width)

    def _gap(self, text: str, width: int) -> urwid.Canvas:
        if width < TINY:
            return self._drawn_text("gap", text, width)
        if len(text) < width:
            return line("gap", f"{text} ".ljust(width, "-"), width)
        body = urwid.Text(("gap", text.removeprefix("-- ")), wrap="space").render((width - 3,))
        head = line("gap", "-- ", 3)
        return urwid.CanvasJoin([(head, None, False, 3), (body, None, False, width - 3)])

    def _drawn_text(self, tone: str, text: str, width: int) -> urwid.Canvas:
        return urwid.Text((tone, text), wrap="space").render((width,))

    def _wide(self, parts: Cells, width: int) -> urwid.Canvas:
        names = self.name_cells()
        name = " --" if parts.name == "--" else shorten(safe(parts.name), names)
        head: Markup = [
            ("time", f"{parts.time} "),
            ("own" if parts.tone == "said" else parts.tone, parts.glyph),
            (self._name_tone(parts), fit(name, names) + " "),
        ]
        prefix = len(parts.time) + 2 + names + 1
        right = safe(parts.right)
        beside = len(right) + 1 if right else 0
        body = width - prefix - beside
        if body < LEAST_BODY:
            return self._narrow(parts, width)
        joined = [
            (urwid.Text(head, wrap="clip").render((prefix,)), None, False, prefix),
            (self._body(parts, body), None, False, body),
        ]
        if right:
            drawn = urwid.Text(("right", right), align="right").render((beside,))
            joined.append((drawn, None, False, beside))
        return urwid.CanvasJoin(joined)

    def _narrow(self, parts: Cells, width: int) -> urwid.Canvas:
        head = f"{parts.time} {parts.glyph}{shorten(safe(parts.name))} {safe(parts.right)}".rstrip()
        body = self._body(parts, width - 2)
        indented = urwid.CanvasJoin(
            [(line(None, "", 2), None, False, 2), (body, None, False, width - 2)]
        )
        return stack([line("time", head, width), indented])

    def _body(self, parts: Cells, width: int) -> urwid.Canvas:
        tone = parts.tone if parts.tone not in ("said", "own") else None
        return urwid.Text((tone, safe(parts.text)), wrap="space").render((width,))

    def _name_tone(self, parts: Cells) -> str:
        if parts.tone in ("said", "mention"):
            return name_tone(parts.name)
        return parts.tone

    def name_cells(self) -> int:
        """The width of the name column: the longest member's, within bounds."""
        longest = max((len(name) for name in self.state.members), default=0)
        return max(5, min(NAME_CELLS, max(longest, len(self.state.me))))

    # -- moving ----------------------------------------------------------------------------------

    def move(self, lines_up: int, size: tuple[int, int]) -> int | None:
        """Where the bottom row is after so many lines up (negative: down); sets the cut."""
        buffer = self.state.buffer
        last = len(buffer.rows) - 1
        if last < 0:
            return None
        index, cut = (last, 0) if buffer.scroll is None else (buffer.scroll, buffer.cut)
        cut += lines_up
        while cut >= (tall := self.row(buffer, index, size[0]).rows()):
            if index == 0:
                return self._top(buffer, size)
            index, cut = index - 1, cut - tall
        while cut < 0:
            index += 1
            if index > last:
                buffer.cut = 0
                return None
            cut += self.row(buffer, index, size[0]).rows()
        return self._settled(buffer, index, cut, size)

    def _settled(self, buffer: Buffer, index: int, cut: int, size: tuple[int, int]) -> int | None:
        """Never further up than the first full screen."""
        seen = -cut
        for above in range(index, -1, -1):
            seen += self.row(buffer, above, size[0]).rows()
            if seen >= size[1]:
                buffer.cut = cut
                return index if (index, cut) != (len(buffer.rows) - 1, 0) else None
        return self._top(buffer, size)

    def _top(self, buffer: Buffer, size: tuple[int, int]) -> int | None:
        seen = 0
        for index in range(len(buffer.rows)):
            seen += self.row(buffer, index, size[0]).rows()
            if seen >= size[1]:
                buffer.cut = seen - size[1]
                bottom = index == len(buffer.rows) - 1 and buffer.cut == 0
                return None if bottom else index
        buffer.cut = 0
        return None


def trimmed(canvas: urwid.Canvas, top: int, rows: int) -> urwid.Canvas:
    """Some of its lines."""
    found = urwid.CompositeCanvas(canvas)
    found.trim(top, rows)
    return found
