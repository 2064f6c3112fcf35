"""
The rows of a transcript as values, read from items and events of the admin port.

The node decides the order (HLC, author, epoch, stream, seq: DESIGN 6); every row carries a key that
repeats it, so a late post finds its place.  A gap stands before its successor; a note of the client
stays behind the row after which it was said.  Readers are tolerant: a field that is missing or of
another type never stops the screen, it shows less.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import frozen

from securechat.chat.acts import Reply

Key = tuple[Any, ...]
"""Sorts rows: ((hlc...), author id, epoch, stream, seq), rank, number; ranks: gap, message, note."""

GAP, SAID, NOTE = 0, 1, 2
LAST: Key = ((float("inf"),), "", 0, "", 0)
"""The place after everything said."""
FIRST: Key = ((-1,), "", 0, "", 0)
"""The place before everything said."""

GLYPHS = {"queued": ".", "sent": ">", "acked": "+", "unknown": "?", "rejected": "!", "expired": "!"}
FINAL = ("acked", "rejected", "expired")

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:?\d\d)?$"
)


def wall_ms(value: object) -> int | None:
    """Milliseconds since 1970 from a number of ms or from RFC 3339 text; None for anything else."""
    if isinstance(value, int | float):
        return None if isinstance(value, bool) else _whole(value)
    found = _ISO.match(value) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day, hours, minutes, seconds = (int(found.group(n)) for n in range(1, 7))
    zone = found.group(8) or "Z"
    offset = 0
    if zone != "Z":
        offset = (int(zone[1:3]) * 60 + int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
    total = _days(year, month, day) * 1440 + hours * 60 + minutes - offset
    return (total * 60 + seconds) * 1000 + int((found.group(7) or "0").ljust(6, "0")) // 1000


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the proleptic Gregorian calendar (Hinnant's days_from_civil)."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def number(value: object, default: int = 0) -> int:
    """An integer, however the node spelled it."""
    found = _whole(value) if isinstance(value, int | float | str) else None
    return default if found is None else found


def _whole(value: float | str) -> int | None:
    """A number without its fraction; None for one that has no end or is none."""
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def words(value: object) -> str:
    """Text for a field that may be text, a list or nothing."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(words(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} ({words(one)})" if one else f"{key}" for key, one in value.items())
    return str(value)


def _clock(value: object) -> tuple[int, ...]:
    """An HLC as numbers, from a number, a list or text such as ``1763700000000.3``."""
    if isinstance(value, list | tuple):
        return tuple(number(part) for part in value)
    parts: list[Any] = [value] if isinstance(value, int | float) else []
    if isinstance(value, str):
        parts = re.findall(r"\d+", value)
    return tuple(found for found in map(_whole, parts) if found is not None)


@frozen
class Said:
    """One post or direct message as the node shows it."""

    id: str
    kind: str
    author: str
    author_id: str
    to: str
    at: int | None
    text: str | None
    state: str
    acked: int
    of: int
    late: str
    mark: str
    key: Key

    @property
    def own(self) -> bool:
        """Only own messages have a state."""
        return bool(self.state)

    @classmethod
    def read(cls, item: Reply) -> Said:
        """From an item of ``messages`` or a ``post`` or ``dm`` event."""
        via = item.get("recovered")
        said_via = [f"via {via}" if isinstance(via, str) else "recovered"] if via else []
        return cls(
            id=str(item.get("id", "")),
            kind=str(item.get("kind") or item.get("event") or "post"),
            author=str(item.get("author", "?")),
            author_id=str(item.get("author_id", "")),
            to=words(item.get("to") or item.get("with")),
            at=wall_ms(item.get("time", item.get("at"))),
            text=item["text"] if isinstance(item.get("text"), str) else None,
            state=words(item.get("state")),
            acked=number(item.get("acked")),
            of=number(item.get("of")),
            late=", ".join(_late(item) + said_via),
            mark=words(item.get("mark")),
            key=(_stream(item), SAID, 0),
        )


def _stream(item: Reply) -> Key:
    parts = str(item.get("id", "")).split("/")
    seq = number(item.get("seq"), number(parts[-1].lstrip("d")) if parts else 0)
    stream = parts[1] if len(parts) == 3 else ""
    hlc = _clock(item.get("hlc")) or (wall_ms(item.get("time", item.get("at"))) or 0,)
    return (hlc, str(item.get("author_id", "")), number(item.get("epoch")), stream, seq)


def _late(item: Reply) -> list[str]:
    """How late it came, where the node says so: claimed time against time of storage."""
    if not item.get("late"):
        return []
    claimed, stored = wall_ms(item.get("time")), wall_ms(item.get("at"))
    if claimed is None or stored is None or stored - claimed < 1000:
        return ["late"]
    return [f"late {age((stored - claimed) / 1000)}"]


def age(seconds: float) -> str:
    """How long, in one short word: ``9s``, ``3m``, ``2h``, ``5d``."""
    whole = max(0, int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


@frozen
class Gap:
    """A missing range of one stream, at its place before its successor."""

    author: str
    first: int
    last: int
    epoch: int
    asked: str
    not_asked: str
    verdict: str
    next_try: int | None
    key: Key

    @classmethod
    def read(cls, item: Reply, successor: Key, nth: int) -> Gap:
        """From an item of ``messages``; ``successor`` is the place of the row it precedes."""
        wait = item.get("next_try_s")
        return cls(
            author=str(item.get("author", "?")),
            first=number(item.get("from")),
            last=number(item.get("to")),
            epoch=number(item.get("epoch")),
            asked=_answers(item.get("asked")),
            not_asked=words(item.get("not_asked")),
            verdict=words(item.get("verdict")),
            next_try=None if wait is None else number(wait),
            key=(successor, GAP, nth),
        )

    @property
    def range(self) -> tuple[str, int, int]:
        """What makes it the same gap: its stream and where it begins."""
        return self.author, self.epoch, self.first

    @property
    def line(self) -> str:
        """The row in words, as the list of gaps and the transcript show it."""
        span = f"#{self.first}" if self.first == self.last else f"#{self.first}-#{self.last}"
        parts = [f"GAP: {self.author} {span}"]
        if self.verdict:
            parts.append(self.verdict)
        parts.append(f"asked {self.asked}" if self.asked else "nobody asked yet")
        if self.not_asked:
            parts.append(f"{self.not_asked} could not be asked")
        if self.next_try is not None:
            parts.append(f"next try {age(self.next_try)}")
        return "; ".join(parts)


def _answers(asked: object) -> str:
    """Who was asked, each with the answer, where there is one."""
    if not isinstance(asked, dict):
        return words(asked)
    said = ((name, words(answer)) for name, answer in asked.items())
    return ", ".join(name if word in ("", "asked") else f"{name} ({word})" for name, word in said)


@frozen
class Note:
    """A system row: what the node or this client says; no member can forge it."""

    at: int | None
    text: str
    key: Key
    tone: str = "note"


@frozen
class Waiting:
    """A message of ours that the node has not shown back yet; stands after all rows."""

    nonce: str
    text: str
    at: int
    state: str


Stored = Said | Gap | Note
Row = Stored | Waiting
