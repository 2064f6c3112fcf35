"""
The screen: tabs, transcript, status line, hint and input; panels beside it from 120 columns on.

Widgets only: every key of the table goes to the desk, every other key to the input line.  Rules: it
draws at any size; what matters least goes first (panels, the line of what is below, the hint, the
tabs), and the input line is the last to go.
"""

from __future__ import annotations

from collections.abc import Callable

import urwid
import urwid_readline

from securechat.chat import panels
from securechat.chat.acts import Act
from securechat.chat.clock import Clock
from securechat.chat.desk import Desk
from securechat.chat.keys import DIGITS, Deed, find
from securechat.chat.lines import below, heading, status_line, tabs
from securechat.chat.state import State
from securechat.chat.transcript import Transcript, fit, line, lines, safe, trimmed
from securechat.inputs import Instant

MOST_INPUT = 6
LONG_PASTE = 5

Size = tuple[int, int]


class Screen(urwid.Widget):
    """``perform`` takes what the desk wants done; ``now`` is the time."""

    _sizing = frozenset([urwid.BOX])
    _selectable = True
    no_cache = ("render",)

    def __init__(
        self,
        desk: Desk,
        clock: Clock,
        perform: Callable[[list[Act]], None],
        now: Callable[[], Instant],
    ) -> None:
        super().__init__()
        self.desk = desk
        self.clock = clock
        self.perform = perform
        self.now = now
        self.transcript = Transcript(self.state, clock)
        self.edit = urwid_readline.ReadlineEdit(multiline=True, word_chars=WORD_CHARS)
        self.body: Size = (80, 20)
        self.deeds: dict[Deed, Callable[[Size, str], None]] = {
            Deed.SEND: self._send,
            Deed.NEWLINE: lambda size, key: self.insert("\n"),
            Deed.OLDER: lambda size, key: self._recall(size, key, 1),
            Deed.NEWER: lambda size, key: self._recall(size, key, -1),
            Deed.COMPLETE: lambda size, key: self._complete(1),
            Deed.COMPLETE_BACK: lambda size, key: self._complete(-1),
            Deed.PAGE_UP: lambda size, key: self._scroll(max(1, self.body[1] - 1)),
            Deed.PAGE_DOWN: lambda size, key: self._scroll(-max(1, self.body[1] - 1)),
            Deed.LINE_UP: lambda size, key: self._scroll(1),
            Deed.LINE_DOWN: lambda size, key: self._scroll(-1),
            Deed.BOTTOM: lambda size, key: self.desk.bottom(),
            Deed.JUMP: lambda size, key: self.desk.jump(),
            Deed.NEXT_UNREAD: lambda size, key: self._turn(self.desk.next_unread),
            Deed.BUFFER: lambda size, key: self._turn(
                lambda: self.desk.number(DIGITS.index(key) + 1)
            ),
            Deed.HELP: lambda size, key: self._order("/help"),
            Deed.MEMBERS: lambda size, key: self._order("/members"),
            Deed.CLEAR: self._clear,
            Deed.LEAVE: self._leave,
            Deed.REDRAW: lambda size, key: self._invalidate(),
        }

    @property
    def state(self) -> State:
        """What is known."""
        return self.desk.state

    # -- drawing ---------------------------------------------------------------------------------

    def render(  # type: ignore[override]
        self, size: Size, focus: bool = False
    ) -> urwid.Canvas:
        """Everything, in the layout that fits."""
        width, height = size
        typed = self._input(width, max(1, min(MOST_INPUT, height // 3)))
        left = height - typed.rows()
        under = self._under(width, left)
        over = [self._tabs(width)] if left - len(under) >= 4 else []
        room = left - len(under) - len(over)
        parts = [(canvas, None, False) for canvas in over]
        if room > 0:
            parts.append((self._middle((width, room)), None, False))
        parts += [(canvas, None, False) for canvas in under]
        return urwid.CanvasCombine([*parts, (typed, None, True)])

    def _under(self, width: int, left: int) -> list[urwid.Canvas]:
        found: list[urwid.Canvas] = []
        if left >= 14:
            found.append(line("hint", below(self.state.buffer).rjust(width - 1), width))
        if left >= 3:
            now = self.now().mono
            tone = "stale" if self.state.contact.stale(now) else "status"
            found.append(line(tone, status_line(self.state, now, width), width))
        if left >= 8:
            found.append(line("hint", " " + safe(self._hint()).replace("\n", " "), width))
        return found

    def _hint(self) -> str:
        return (
            self.state.hint or "Tab complete  Alt-A next unread  PgUp/PgDn  Alt-1..9 pages  F1 help"
        )

    def _tabs(self, width: int) -> urwid.Canvas:
        right = heading(self.state, self.state.buffer)
        labels = tabs(self.state)
        used = sum(len(text) + 1 for _, text in labels) + 1
        spare = width - used - len(right) - 1
        markup: list[str | tuple[str, str]] = [" "]
        for tone, text in labels:
            markup += [(tone, safe(text)), " "]
        if spare >= 0:
            markup.append(("hint", " " * spare + right))
        return trimmed(urwid.Text(markup, wrap="clip").render((width,)), 0, 1)

    def _middle(self, size: Size) -> urwid.Canvas:
        width, height = size
        if width < panels.WIDE:
            self.body = size
            return self.transcript.render(size)
        self.body = (width - panels.LEFT - panels.RIGHT - 2, height)
        bar = lines([("time", "|")] * height, (1, height))
        sides = (
            (lines(panels.left(self.state), (panels.LEFT, height)), panels.LEFT),
            (bar, 1),
            (self.transcript.render(self.body), self.body[0]),
            (bar, 1),
            (lines(panels.right(self.state, self.clock), (panels.RIGHT, height)), panels.RIGHT),
        )
        return urwid.CanvasJoin([(canvas, None, False, cells) for canvas, cells in sides])

    def _input(self, width: int, most: int) -> urwid.Canvas:
        prompt = safe(self._prompt())
        self.edit.set_caption(("prompt", prompt if len(prompt) < width // 2 else ">"))
        if width < 3:
            return line(None, fit(">", width), width)
        canvas = urwid.CompositeCanvas(self.edit.render((width,), True))
        cursor = canvas.cursor
        row = cursor[1] if cursor else 0
        if canvas.rows() > most:
            canvas.trim(max(0, row - most + 1), most)
        return canvas

    def _prompt(self) -> str:
        me, page = self.state.me or "?", self.state.buffer.name
        return f"{me} to {page[1:]}> " if page.startswith("@") else f"{me}@{self.state.room}> "

    # -- keys ------------------------------------------------------------------------------------

    def keypress(self, size: Size, key: str) -> str | None:  # type: ignore[override]
        """One key: ours by the table, or the input line's."""
        deed = find(key)
        if deed is None:
            self.edit.keypress((size[0],), key)
        else:
            self.deeds[deed](size, key)
        self._invalidate()
        return None

    def insert(self, text: str) -> None:
        """Put text at the cursor."""
        at = self.edit.edit_pos
        before = self.edit.edit_text
        self.edit.set_edit_text(before[:at] + text + before[at:])
        self.edit.set_edit_pos(at + len(text))
        self._invalidate()

    def paste(self, text: str) -> None:
        """One paste is one message, and Enter is still to be pressed."""
        self.insert(text)
        count = text.count("\n") + 1
        if count > LONG_PASTE:
            self.state.hint = f"{count} lines pasted as one message: Enter says it, Ctrl-C drops it"

    def put(self, text: str, position: int | None = None) -> None:
        """Replace the input."""
        self.edit.set_edit_text(text)
        self.edit.set_edit_pos(len(text) if position is None else position)

    def _send(self, size: Size, key: str) -> None:
        line_typed = self.edit.edit_text
        here = self.state.current
        done = self.desk.submit(line_typed, self.now())
        if done.clear:
            self.put(self.state.buffer.draft if self.state.current != here else "")
        self.perform(done.acts)

    def _order(self, text: str) -> None:
        self.perform(self.desk.submit(text, self.now(), typed=False).acts)

    def _recall(self, size: Size, key: str, step: int) -> None:
        if self.edit.keypress((size[0],), key) is None:
            return
        found = self.state.buffer.recall(step, self.edit.edit_text)
        if found is not None:
            self.put(found)

    def _complete(self, step: int) -> None:
        found = self.desk.complete(self.edit.edit_text, self.edit.edit_pos, step)
        if found is not None:
            self.put(found.text, found.position)

    def _scroll(self, lines_up: int) -> None:
        self.perform(self.desk.scrolled(self.transcript.move(lines_up, self.body)))

    def _turn(self, change: Callable[[], None]) -> None:
        """Another page: the draft stays with the old one."""
        self.state.buffer.draft = self.edit.edit_text
        before = self.state.current
        change()
        if self.state.current != before:
            self.put(self.state.buffer.draft)
            self.perform(self.desk.model.older(self.state.buffer) if self._short() else [])

    def _short(self) -> bool:
        buffer = self.state.buffer
        return len(buffer.ids) < self.body[1]

    def _clear(self, size: Size, key: str) -> None:
        text = self.edit.edit_text
        if text:
            self.state.buffer.remember(text)
            self.put("")
            self.state.hint = "put away: Up brings it back; Ctrl-C again leaves"
        else:
            self._order("/quit")

    def _leave(self, size: Size, key: str) -> None:
        if self.edit.edit_text:
            self.edit.keypress((size[0],), key)
        else:
            self._order("/quit")


WORD_CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
"""What Ctrl-W and Alt-B take for a word."""
