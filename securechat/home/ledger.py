"""
The founder's notebook: whom this home has admitted, ``admitted.jsonl`` beside ``authority.key``.

It is no list of members (membership is observed); it keeps ``admit`` from giving one name to two
keys or two names to one, and from admitting more members than a room takes.  Each member has one
line, that of its last certificate, so the file is as bounded as the room.  A line that cannot be read
is passed over, and stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from attrs import frozen
from msgspec import Meta

from securechat.errors import HomeError
from securechat.home.files import read_private, write_private
from securechat.home.places import LEDGER
from securechat.ids import MAX_INT, MemberId
from securechat.settings import MAX_MEMBERS

Moment = Annotated[int, Meta(ge=0, le=MAX_INT)]
MAX_LEDGER = 16 * 1024 * 1024
"""Bytes that are read: files in which each grant had a line of its own can still be mended."""


@frozen
class Entry:
    """The last certificate that was issued to a member."""

    member: str
    name: str
    at: Moment
    until: Moment


@frozen
class Ledger:
    """All entries, oldest first."""

    path: Path
    entries: tuple[Entry, ...] = ()

    @classmethod
    def load(cls, home: Path) -> Ledger:
        """The ledger of a home; empty if there is none."""
        path = home / LEDGER
        return cls(path, tuple(e for line in _lines(path) for e in _entry(line)))

    @property
    def members(self) -> frozenset[str]:
        """Everybody who was admitted."""
        return frozenset(entry.member for entry in self.entries)

    def check(self, member: MemberId, name: str) -> None:
        """HomeError if this member cannot be admitted under this name."""
        for entry in self.entries:
            if entry.name == name and entry.member != member:
                raise HomeError(
                    f"the name {name} was given to another key, {entry.member[:8]}...: let the"
                    f" newcomer ask under another (or delete that line of {self.path})"
                )
            if entry.member == member and entry.name != name:
                raise HomeError(f"this key was admitted as {entry.name}; a member keeps its name")
        if member not in self.members and len(self.members) >= MAX_MEMBERS:
            raise HomeError(f"the room is full: {MAX_MEMBERS} members were admitted")

    def add(self, member: MemberId, name: str, at: int, until: int) -> None:
        """
        Write down one more, on the disk when this returns.

        The file is read again: another grant may have been written while somebody was asked.
        """
        now = Ledger.load(self.path.parent)
        now.check(member, name)
        kept = [line for line in _lines(self.path) if not _is_of(member, line)]
        line = msgspec.json.encode(Entry(member, name, at, until))
        write_private(self.path, b"\n".join((*kept, line, b"")))


def _lines(path: Path) -> list[bytes]:
    return read_private(path, MAX_LEDGER).splitlines() if path.exists() else []


def _is_of(member: MemberId, line: bytes) -> bool:
    return any(entry.member == member for entry in _entry(line))


def _entry(line: bytes) -> tuple[Entry, ...]:
    try:
        return (msgspec.json.decode(line, type=Entry),)
    except (msgspec.MsgspecError, UnicodeError, ValueError):
        return ()
