"""
What is said on the admin port, whichever way it is written: requests, replies, events.

A field is text, a number, true, false, null, a list or an object.  Names of fields are ASCII words;
``code`` ``tag`` ``word`` ``event`` ``count`` belong to the grammar.  Anything that does not fit is
refused when it is rendered, so that what is written can always be read back (docs/spec/admin.md).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import Any, Protocol

from attrs import field, frozen

from securechat.errors import LocalError
from securechat.settings import KIB, MIB

MAX_LINE = 16 * KIB
"""Bytes of one request without its line feed."""
MAX_REPLY = 1 * MIB
"""Bytes of one reply; longer lists are cut."""
MAX_TAG = 64

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
TAG = re.compile(r"[!-~]{1,64}")
_CURSOR = re.compile(r"[!-~]+")
_TYPE = re.compile(r"[a-z][a-z0-9-]*")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*( [A-Za-z0-9][A-Za-z0-9_.-]*)*")
RESERVED = frozenset({"code", "tag", "word", "event", "count"})
END = "end"
"""The word of the last line of a list."""


class Code(IntEnum):
    """The code is the contract, the words are not: 4xx may work later, 5xx change something."""

    GREETING = 200
    BYE = 221
    OK = 250
    ALREADY = 251
    ACCEPTED = 252
    NOT_READY = 420
    SLOW_DOWN = 421
    CURSOR_GONE = 450
    SYNTAX = 500
    TOO_LONG = 501
    UNKNOWN_VERB = 502
    BAD_ARGUMENT = 503
    MISSING_ARGUMENT = 504
    AUTH_NEEDED = 510
    AUTH_FAILED = 511
    LEVEL_TOO_LOW = 512
    NO_SUCH_THING = 520
    AMBIGUOUS = 521
    INTERNAL = 530
    OVERFLOW = 550
    EVENT = 650


class GrammarError(LocalError):
    """A line that cannot be read; ``tag`` is the line's own, where that much could be read."""

    def __init__(self, code: int, text: str, tag: str | None = None) -> None:
        super().__init__(code, text)
        self.tag = tag


@frozen
class Request:
    """
    One command.

    ``args`` were given by name, ``values`` bare in order, ``rest`` after a colon.  From a text line
    all are text; from a JSON line ``args`` hold what JSON says, and the others are empty.
    """

    verb: str
    args: Mapping[str, Any] = field(factory=dict)
    values: tuple[str, ...] = ()
    rest: str | None = None
    tag: str | None = None
    native: bool = field(default=False, eq=False)
    """Whether the numbers and booleans among ``args`` are such: a text line has words for them."""


@frozen
class Reply:
    """
    The answer to one request.  ``fields`` is what a JSON reply holds beyond ``tag`` and ``code``.

    A list of objects among the fields becomes lines of their own in text; ``items`` is the list that
    a listing command is about.  ``word`` says it to a reader (``bye``, ``overflow``).
    """

    code: int = Code.OK
    fields: Mapping[str, Any] = field(factory=dict)
    word: str = ""
    tag: str | None = None
    newest: bool = False
    """Where it is too long: whether its list loses the beginning (the oldest), not the end."""

    @property
    def ok(self) -> bool:
        """Whether the command did what it was asked."""
        return self.code < 400


@frozen
class Event:
    """Something happened; ``cursor`` is its place, from which a watcher can go on."""

    cursor: str
    type: str
    fields: Mapping[str, Any] = field(factory=dict)


class Rendering(Protocol):
    """One way to write it all; lines without their line feed, except where many are made."""

    name: str

    def request(self, line: str) -> Request:
        """Read a request; GrammarError."""

    def reply(self, reply: Reply) -> str:
        """One reply, each of its lines ended; ValueError if it cannot be said."""

    def event(self, event: Event) -> str:
        """One event, its line ended."""


def decode(line: bytes) -> str:
    """The characters of a received line; carriage returns are ignored."""
    if len(line.removesuffix(b"\r")) > MAX_LINE:
        raise GrammarError(Code.TOO_LONG, f"a line has at most {MAX_LINE} bytes")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise GrammarError(Code.SYNTAX, "the line is not UTF-8") from None
    if "\0" in text:
        raise GrammarError(Code.SYNTAX, "the line holds a NUL byte")
    return text.replace("\r", "")


def plain(value: Any) -> Any:
    """The value as JSON knows it; TypeError for what it does not know (a bug of who made it)."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str | int):
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    raise TypeError(f"a field cannot be a {type(value).__name__}")


def checked(fields: Mapping[str, Any], also_reserved: frozenset[str] = frozenset()) -> Any:
    """The fields in plain form; ValueError for a name that the grammar cannot write or owns."""
    for key in fields:
        if not KEY.fullmatch(key) or key in RESERVED or key in also_reserved:
            raise ValueError(f"no name for a field: {key!r}")
    return plain(fields)


def checked_reply(reply: Reply) -> dict[str, Any]:
    """The plain fields of a reply that can be said; ValueError if it cannot."""
    if not 100 <= reply.code <= 999 or reply.code == Code.EVENT:
        raise ValueError(f"no code of a reply: {reply.code}")
    if reply.tag is not None and not TAG.fullmatch(reply.tag):
        raise ValueError(f"no tag: {reply.tag!r}")
    if reply.word and (not _WORD.fullmatch(reply.word) or reply.word.split()[0] == END):
        raise ValueError(f"no word for a reply: {reply.word!r}")
    fields: dict[str, Any] = checked(reply.fields)
    return fields


def checked_event(event: Event) -> dict[str, Any]:
    """The plain fields of an event that can be said; ValueError if it cannot."""
    if not _CURSOR.fullmatch(event.cursor) or not _TYPE.fullmatch(event.type):
        raise ValueError(f"no event: {event.cursor!r} {event.type!r}")
    fields: dict[str, Any] = checked(event.fields, frozenset({"cursor"}))
    return fields


def refusal(problem: LocalError) -> Reply:
    """The reply that a LocalError means; it may bring ``fields`` of its own."""
    fields: dict[str, Any] = {"text": problem.text, **getattr(problem, "fields", {})}
    if problem.candidates:
        fields["candidates"] = list(problem.candidates)
    return Reply(problem.code, fields)
