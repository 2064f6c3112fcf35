"""
How replies look to a person: aligned columns, plain words, nothing that could move a cursor.

The state words are those of the admin port, unchanged; a glyph never stands alone.  Every value that
came from elsewhere passes ``for_terminal``.  Times are shown in the local zone; the port says UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from securechat.admin.sanitise import for_terminal

Fields = Mapping[str, Any]
NOTHING = "-"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_LINE_BREAK = re.compile("\r\n|\r|\n")


def word(value: Any) -> str:
    """One value in words, safe on one line."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, str):
        return for_terminal(local_time(value) if _TIME.fullmatch(value) else value)
    if isinstance(value, Mapping):
        return ", ".join(f"{word(key)}: {word(inner)}" for key, inner in value.items()) or NOTHING
    if isinstance(value, Sequence):
        return ", ".join(word(inner) for inner in value) or NOTHING
    return str(value)


def moment(said: str) -> datetime | None:
    """A time of the admin port in the local zone; None if it is none."""
    try:
        return datetime.fromisoformat(said).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def local_time(said: str) -> str:
    """``2026-11-21 14:05:12`` in the local zone."""
    at = moment(said)
    return said if at is None else at.strftime("%Y-%m-%d %H:%M:%S")


def lines_of(text: str) -> list[str]:
    """A text split at its line breaks, each line safe on a terminal."""
    return [for_terminal(line) for line in _LINE_BREAK.split(text)]


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], nothing: str) -> list[str]:
    """Aligned columns under their headings; ``nothing`` if there is no row."""
    cells = [[word(value) for value in row] for row in rows]
    if not cells:
        return [nothing]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [list(headings), *cells]]


def pairs(fields: Iterable[tuple[str, Any]]) -> list[str]:
    """One ``label  value`` a line, the values aligned."""
    shown = [(label, word(value)) for label, value in fields]
    width = max((len(label) for label, _ in shown), default=0)
    return [f"{label:<{width}}  {value}".rstrip() for label, value in shown]


def rows_of(items: Iterable[Fields], *keys: str) -> list[list[Any]]:
    """The values of these fields of each item."""
    return [[item.get(key) for key in keys] for item in items]


def span(item: Fields) -> str:
    """``17`` or ``17-18``: the posts of a range."""
    first, last = item.get("from"), item.get("to")
    return word(first) if first == last else f"{word(first)}-{word(last)}"


def count(item: Fields) -> str:
    """``2/3``: how many recipients are known to have stored it."""
    return NOTHING if item.get("of") is None else f"{word(item.get('acked'))}/{word(item['of'])}"
