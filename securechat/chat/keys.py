"""
The one table of keys: what is pressed, what it does, and the line that F1 and the documentation print.

``find`` turns urwid's name of a key into a deed; a key that is not here goes to the input line.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Deed(Enum):
    """What a key does."""

    SEND = "send"
    NEWLINE = "newline"
    OLDER = "history older"
    NEWER = "history newer"
    COMPLETE = "complete"
    COMPLETE_BACK = "complete backwards"
    PAGE_UP = "page up"
    PAGE_DOWN = "page down"
    LINE_UP = "line up"
    LINE_DOWN = "line down"
    BOTTOM = "bottom"
    JUMP = "jump to recovered"
    NEXT_UNREAD = "next unread"
    BUFFER = "buffer"
    HELP = "help"
    MEMBERS = "members"
    CLEAR = "clear or leave"
    LEAVE = "leave if empty"
    REDRAW = "redraw"


@frozen
class Key:
    """``names`` as urwid calls them; ``shown`` as people do."""

    names: tuple[str, ...]
    shown: str
    deed: Deed
    help: str


DIGITS = tuple(f"meta {n}" for n in range(1, 10))

KEYS: tuple[Key, ...] = (
    Key(("enter",), "Enter", Deed.SEND, "say it, or run the /command"),
    Key(("meta enter",), "Alt-Enter", Deed.NEWLINE, "a new line in the same message"),
    Key(("up",), "Up", Deed.OLDER, "what you sent before, older; the draft is kept"),
    Key(("down",), "Down", Deed.NEWER, "newer, back to the draft"),
    Key(("tab",), "Tab", Deed.COMPLETE, "complete a name or a /command; again for the next"),
    Key(("shift tab",), "Shift-Tab", Deed.COMPLETE_BACK, "the one before"),
    Key(("page up",), "PgUp", Deed.PAGE_UP, "a page back; new rows do not move you"),
    Key(("page down",), "PgDn", Deed.PAGE_DOWN, "a page on"),
    Key(("meta up", "shift up"), "Alt-Up", Deed.LINE_UP, "a row back"),
    Key(("meta down", "shift down"), "Alt-Down", Deed.LINE_DOWN, "a row on"),
    Key(("meta end", "ctrl end"), "Alt-End", Deed.BOTTOM, "to the newest row"),
    Key(("meta g",), "Alt-G", Deed.JUMP, "to the newest row that came late"),
    Key(("meta a",), "Alt-A", Deed.NEXT_UNREAD, "next unread: direct, mention, text"),
    Key(DIGITS, "Alt-1..9", Deed.BUFFER, "buffer by its number"),
    Key(("f1",), "F1", Deed.HELP, "this help"),
    Key(("f2",), "F2", Deed.MEMBERS, "members and their states"),
    Key(("ctrl c",), "Ctrl-C", Deed.CLEAR, "empty the input (Up brings it back); leave if empty"),
    Key(("ctrl d",), "Ctrl-D", Deed.LEAVE, "leave if the input is empty, else delete a character"),
    Key(("ctrl l",), "Ctrl-L", Deed.REDRAW, "draw the screen anew"),
)

EDITING = (
    "Editing is readline's: Ctrl-A/E ends, Ctrl-W word, Ctrl-U/K line, Ctrl-Y back, Ctrl-_ undo."
)

_FOUND = {name: key.deed for key in KEYS for name in key.names}


def find(name: str) -> Deed | None:
    """What this key does, if it is ours."""
    return _FOUND.get(name)
