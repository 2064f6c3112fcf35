"""
One conversation with a node, pure: bytes in, replies and events out; no socket and no clock.

Both coats (``blocking``, ``twisted_client``) speak it.  It greets, asks for JSON mode first, numbers
its requests with tags, and reads either rendering, so that a reply to ``hello`` and the greeting,
which come as text, need no special care.  A reply to a program is a dict: ``code``, then the fields
of INTERFACE 4.

A line without a tag that is no event answers the oldest request, since replies come in order; with
nothing asked it ends the conversation (the node says why it hangs up).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from attrs import define, field, frozen

from securechat.admin.grammar import jsonl, text
from securechat.admin.grammar.values import MAX_LINE, MAX_REPLY, Code, Event, Reply, Request
from securechat.errors import LocalError, SecurechatError

MAX_RECEIVED = 2 * MAX_REPLY
"""Bytes of one line of a node that we are ready to hold."""
PROTOCOL = "1"


class ConversationError(SecurechatError):
    """The other side does not speak our grammar; the only cure is to hang up."""


class DownError(SecurechatError):
    """There is no conversation: the node is not running, or the connection was lost."""


class AdminError(LocalError):
    """The node refused: a reply of code 400 or more.  ``reply`` is the whole of it."""

    def __init__(self, reply: Mapping[str, Any]) -> None:
        found = reply.get("candidates") or ()
        candidates = tuple(map(str, found)) if isinstance(found, list) else ()
        said = str(reply.get("text") or reply.get("word") or f"the node answered {reply['code']}")
        super().__init__(int(reply["code"]), said, candidates)
        self.reply = dict(reply)


@frozen
class Answer:
    """A reply came; ``tag`` names the request, None if nothing was asked."""

    tag: str | None
    reply: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether the node did what it was asked."""
        return int(self.reply["code"]) < 400


@frozen
class Happened:
    """An event came; ``event`` is the dict that JSON mode shows: event, cursor, its fields."""

    event: dict[str, Any]


@frozen
class Greeted:
    """The first line of the node; its fields, with ``version`` ``name`` and ``level``."""

    greeting: dict[str, Any]


class Stage(Enum):
    """How far the conversation is."""

    SILENT = "nothing heard yet"
    OPEN = "greeted"


OVERFLOW = "overflow"
"""The type under which a stopped watch (550) is told; its cursor is where to go on."""


@define
class Conversation:
    """``request`` gives the bytes to send, ``feed`` takes what came."""

    stage: Stage = field(default=Stage.SILENT, init=False)
    greeting: dict[str, Any] = field(factory=dict, init=False)
    mode: str = field(default=text.name, init=False)
    """How requests are written from now on."""
    _waiting: dict[str, str] = field(factory=dict, init=False)
    """Tags of requests without a reply, oldest first, with their commands."""
    _count: int = field(default=0, init=False)
    _buffer: bytearray = field(factory=bytearray, init=False)
    _reader: text.Reader = field(factory=text.Reader, init=False)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Tags of requests without a reply, oldest first."""
        return tuple(self._waiting)

    def hello(self, client: str) -> tuple[str, bytes]:
        """The first request: JSON lines from here on."""
        tag, line = self.request(
            "hello", {"version": PROTOCOL, "client": client, "mode": jsonl.name}
        )
        self.mode = jsonl.name
        return tag, line

    def request(self, cmd: str, args: Mapping[str, Any] | None = None) -> tuple[str, bytes]:
        """
        A request's tag and its bytes; arguments that are None are left out.

        AdminError 501 if it does not fit a line, 503 if an argument cannot be said.
        """
        self._count += 1
        tag = str(self._count)
        given = {key: value for key, value in (args or {}).items() if value is not None}
        asked = Request(cmd, given, tag=tag)
        try:
            write = jsonl.command if self.mode == jsonl.name else text.command
            line = write(asked).encode("utf-8")
        except (UnicodeEncodeError, TypeError, ValueError) as problem:
            raise AdminError(
                {"code": int(Code.BAD_ARGUMENT), "text": f"cannot be said: {problem}"}
            ) from None
        if len(line) > MAX_LINE:
            said = f"too long: {len(line)} bytes, and a line has at most {MAX_LINE}"
            raise AdminError({"code": int(Code.TOO_LONG), "text": said})
        self._waiting[tag] = cmd
        return tag, line + b"\n"

    def feed(self, chunk: bytes) -> list[Greeted | Answer | Happened]:
        """What these bytes complete; ConversationError if they are not ours."""
        self._buffer += chunk
        *lines, left = self._buffer.split(b"\n")
        self._buffer = left
        if max(map(len, (*lines, left))) > MAX_RECEIVED:
            raise ConversationError(f"a line of more than {MAX_RECEIVED} bytes")
        heard = []
        for line in lines:
            found = self._line(bytes(line))
            if found is not None:
                heard.append(found)
        return heard

    def _line(self, line: bytes) -> Greeted | Answer | Happened | None:
        try:
            words = line.decode("utf-8").rstrip("\r")
            said = jsonl.read(words) if words.startswith("{") else self._reader.line(words)
        except (UnicodeDecodeError, LocalError) as problem:
            raise ConversationError(f"this is no admin port of securechat: {problem}") from None
        if said is None:
            return None
        if isinstance(said, Event):
            return Happened({"event": said.type, "cursor": said.cursor, **said.fields})
        return self._reply(said)

    def _reply(self, said: Reply) -> Greeted | Answer | Happened:
        reply = as_dict(said)
        if said.code == Code.OVERFLOW:
            return Happened({"event": OVERFLOW, "cursor": str(said.fields.get("at", "")), **reply})
        if said.code == Code.GREETING and self.stage is Stage.SILENT:
            self.stage, self.greeting = Stage.OPEN, reply
            return Greeted(reply)
        tag = said.tag if said.tag is not None else next(iter(self._waiting), None)
        if tag is not None and self._waiting.pop(tag, None) is None:
            raise ConversationError(f"a reply to {tag!r}, which was not asked")
        return Answer(tag, reply)


def as_dict(said: Reply) -> dict[str, Any]:
    """A reply as JSON mode shows it, without its tag."""
    head: dict[str, Any] = {"code": int(said.code)}
    if said.word:
        head["word"] = said.word
    return {**head, **said.fields}


def must(reply: dict[str, Any]) -> dict[str, Any]:
    """The reply, if the node did what it was asked; AdminError otherwise."""
    if int(reply["code"]) >= 400:
        raise AdminError(reply)
    return reply
