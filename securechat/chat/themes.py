"""
Colours, by name only: dark, light and mono; the terminal's own background always.

Rules: colour never says anything alone (a word or a glyph stands beside it); names of members take a
fixed colour out of six that read well on the theme's background; NO_COLOR means mono.
"""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

Entry = tuple[str, str, str, str]
"""urwid's palette: name, foreground, background, mono attributes."""

NAMES = 6
_DARK_NAMES = ("light green", "light cyan", "light blue", "light magenta", "brown", "light red")
_LIGHT_NAMES = ("dark green", "dark cyan", "dark blue", "dark magenta", "brown", "dark red")
_MONO = {
    "time": "",
    "own": "bold",
    "note": "",
    "reply": "",
    "presence": "bold",
    "gap": "underline",
    "bad": "standout",
    "unread": "bold",
    "day": "",
    "mention": "bold",
    "right": "",
    "tab": "",
    "tab_on": "bold",
    "tab_unread": "underline",
    "status": "",
    "stale": "standout",
    "hint": "",
    "prompt": "bold",
    "panel": "",
    "panel_head": "bold",
}
_DARK = {
    "time": "dark gray",
    "note": "light gray",
    "reply": "light cyan",
    "presence": "yellow",
    "gap": "light magenta",
    "bad": "light red",
    "unread": "light red",
    "day": "dark gray",
    "mention": "yellow",
    "right": "light gray",
    "tab_on": "light green",
    "tab_unread": "yellow",
    "status": "light green",
    "hint": "light cyan",
    "prompt": "light green",
    "panel_head": "light blue",
}
_LIGHT = {
    "time": "dark gray",
    "note": "dark gray",
    "reply": "dark blue",
    "presence": "dark red",
    "gap": "dark magenta",
    "bad": "dark red",
    "unread": "dark red",
    "day": "dark gray",
    "mention": "dark red",
    "right": "dark gray",
    "tab_on": "dark green",
    "tab_unread": "dark red",
    "status": "dark green",
    "hint": "dark blue",
    "prompt": "dark green",
    "panel_head": "dark blue",
}


def _theme(colours: Mapping[str, str], names: tuple[str, ...]) -> tuple[Entry, ...]:
    found = [
        (
            tone,
            colours.get(tone, "default") + (",standout" if tone == "stale" else ""),
            "default",
            mono,
        )
        for tone, mono in _MONO.items()
    ]
    for nth in range(NAMES):
        found.append((f"name{nth}", names[nth] if names else "default", "default", ""))
    return tuple(found)


THEMES: dict[str, tuple[Entry, ...]] = {
    "dark": _theme(_DARK, _DARK_NAMES),
    "light": _theme(_LIGHT, _LIGHT_NAMES),
    "mono": _theme({}, ()),
}


def chosen(wanted: str | None, environ: Mapping[str, str]) -> str:
    """Mono under NO_COLOR, else as asked (or SECURECHAT_THEME), else what COLORFGBG says, or dark."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return "mono"
    for name in (wanted, environ.get("SECURECHAT_THEME")):
        if name in THEMES:
            return str(name)
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if background in ("7", "15") else "dark"


def name_tone(name: str) -> str:
    """The colour of a member's name, the same every time."""
    return f"name{crc32(name.encode('utf-8', 'replace')) % NAMES}"
