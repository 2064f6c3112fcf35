"""
The newest events, so that a watcher who was away misses none that are kept.

A cursor is ``BOOT:N``: the first four digits of the process's boot id and the number of an event;
to watch from it means to get every event after it.  The ring keeps the last 10,000 events or 8 MiB
of JSON, in the words of their time: what is worded when it is read would tell of other states and
names, and of texts that are forgotten.  Lines are written only for who reads them.

A cursor of another boot, of the future, or older than what is kept is refused with 450 and
``first``, the oldest cursor that still serves, and the watcher takes a ``snapshot``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from securechat.admin.grammar import jsonl
from securechat.admin.grammar.values import Code, Event
from securechat.admin.registry import RefusalError
from securechat.ids import BootId
from securechat.settings import MIB

MAX_EVENTS = 10_000
MAX_BYTES = 8 * MIB

TYPES = (
    "post", "dm", "receipt", "delivery", "member", "link", "gap", "recovered", "conflict", "clock",
    "fault", "health",
)  # fmt: skip
"""The types that happen; ``replay-end`` and ``tick`` belong to watching and are always shown."""


@frozen
class Kept:
    """An event, its number and its bytes in JSON."""

    number: int
    event: Event
    size: int


@define(eq=False)
class EventRing:
    """Numbers events as they happen and tells every listener."""

    boot: BootId
    max_events: int = MAX_EVENTS
    max_bytes: int = MAX_BYTES
    listeners: list[Callable[[Kept], None]] = field(factory=list, init=False)
    number: int = field(default=0, init=False)
    """The number of the newest event; 0 before the first."""
    bytes: int = field(default=0, init=False)
    _kept: deque[Kept] = field(factory=deque, init=False)

    @property
    def cursor(self) -> str:
        """Where the newest event stands: what a snapshot taken now includes."""
        return self.at(self.number)

    @property
    def floor(self) -> int:
        """The smallest number after which every event is kept."""
        return self._kept[0].number - 1 if self._kept else self.number

    def at(self, number: int) -> str:
        """The cursor of an event's number."""
        return f"{self.boot[:4]}:{number}"

    def add(self, kind: str, fields: Mapping[str, Any]) -> Event:
        """Something happened; ValueError if it cannot be said."""
        event = Event(self.at(self.number + 1), kind, fields)
        kept = Kept(self.number + 1, event, jsonl.size(event))
        self.number = kept.number
        self._kept.append(kept)
        self.bytes += kept.size
        while len(self._kept) > self.max_events or self.bytes > self.max_bytes:
            self.bytes -= self._kept.popleft().size
        for listener in tuple(self.listeners):
            listener(kept)
        return event

    def after(self, number: int) -> Kept | None:
        """The event that follows this number, if it has happened; KeyError if it is not kept."""
        if number >= self.number:
            return None
        if number < self.floor:
            raise KeyError(number)
        return self._kept[number - self.floor]

    def place(self, cursor: str | None) -> int:
        """The number of a cursor (None: now); RefusalError 450 if it is not kept, 503 if it is none."""
        if cursor is None:
            return self.number
        boot, colon, digits = cursor.partition(":")
        if not (colon and digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise RefusalError(
                Code.BAD_ARGUMENT, "a cursor is BOOT:N, as events and snapshot show it"
            )
        number = int(digits)
        if boot != self.boot[:4] or not self.floor <= number <= self.number:
            said = "events after that cursor are not kept here; take a snapshot"
            raise RefusalError(Code.CURSOR_GONE, said, first=self.at(self.floor))
        return number
