"""
Who speaks on one connection, and the commands that concern the connection itself.

Levels (INTERFACE 4): the unix socket is ``admin`` at once; on TCP the cookie gives ``admin``, and
``level=observer`` lowers it; before that there is ``none``, or ``observer`` if the home says so.  The
third failed ``auth`` ends the session.  An observer never sees the text of a message: it is taken out
of every reply and event here, whatever a command answered.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, evolve, field

from securechat.admin.events import TYPES, EventRing
from securechat.admin.grammar import jsonl, text
from securechat.admin.grammar.values import Code, Rendering, Reply
from securechat.admin.parameters import Kind, Parameter
from securechat.admin.registry import Command, Level, RefusalError, Registry, nearest

MAX_FAILURES = 3
PROTOCOL = 1
RENDERINGS: Mapping[str, Rendering] = {text.name: text, jsonl.name: jsonl}
SPOKEN = frozenset({"text"})
"""Fields that hold what people wrote."""


@define(eq=False)
class Session:
    """One connection, as commands see it."""

    registry: Registry
    ring: EventRing
    cookie: str
    greeting: Mapping[str, Any]
    """The fields of the first line, but for the level."""
    level: Level
    authenticated: bool
    watch: Callable[[int, frozenset[str]], None]
    """Begin to watch after this event number; begins once the reply is out."""
    unwatch: Callable[[], bool]
    rendering: Rendering = text
    client: str = ""
    ending: bool = field(default=False, init=False)
    """The connection ends once the reply is out."""
    failures: int = field(default=0, init=False)

    @property
    def is_observer(self) -> bool:
        """Whether texts must be left out."""
        return self.level < Level.ADMIN

    def shown(self, reply: Reply) -> Reply:
        """The reply as this session may see it."""
        if self.is_observer and reply.ok:
            return evolve(reply, fields=without_texts(reply.fields))
        return reply


def without_texts(value: Any) -> Any:
    """The same without the words of people, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_texts(inner) for key, inner in value.items() if key not in SPOKEN}
    if isinstance(value, list | tuple):
        return [without_texts(inner) for inner in value]
    return value


# The commands.


def _hello(_: Any, args: Mapping[str, Any], session: Session) -> Reply:
    if args["version"] != PROTOCOL:
        said = f"this node speaks version {PROTOCOL} of the admin protocol"
        raise RefusalError(Code.BAD_ARGUMENT, said, argument="version")
    session.client = args["client"] or session.client
    if args["mode"]:
        session.rendering = RENDERINGS[args["mode"]]
    fields = {"protocol": PROTOCOL, "mode": session.rendering.name, **session.greeting}
    fields.update(level=session.level.word, types=",".join(TYPES))
    return Reply(fields=fields)


def _help(_: Any, args: Mapping[str, Any], session: Session) -> Reply:
    return session.registry.help(args["verb"])


def _auth(_: Any, args: Mapping[str, Any], session: Session) -> Reply:
    token, wanted = args["token"], Level[args["level"].upper()]
    if token is None:
        if session.level < Level.ADMIN:
            raise RefusalError(
                Code.MISSING_ARGUMENT, "auth needs token= (securechat token prints it)"
            )
    elif not _matches(token, session.cookie):
        session.failures += 1
        session.ending = session.failures >= MAX_FAILURES
        said = "that is not the token of this start of the node (securechat token prints it)"
        left = MAX_FAILURES - session.failures
        raise RefusalError(Code.AUTH_FAILED, said, attempts_left=left)
    session.level, session.authenticated = wanted, True
    return Reply(fields={"level": wanted.word})


def _matches(token: str, cookie: str) -> bool:
    """In the same time for every wrong token."""
    return bool(cookie) and hmac.compare_digest(
        token.strip().lower().encode("utf-8"), cookie.encode("ascii")
    )


def _quit(_: Any, __: Mapping[str, Any], session: Session) -> Reply:
    session.ending = True
    return Reply(Code.BYE, word="bye")


def _watch(_: Any, args: Mapping[str, Any], session: Session) -> Reply:
    types = frozenset(args["types"] or TYPES)
    for kind in sorted(types.difference(TYPES)):
        said = f"there is no event type {kind[:64]!r}; there are {', '.join(TYPES)}"
        raise RefusalError(Code.BAD_ARGUMENT, said, argument="types", nearest=nearest(kind, TYPES))
    number = session.ring.place(args["from"])
    session.watch(number, types)
    return Reply(fields={"cursor": session.ring.at(number)})


def _unwatch(_: Any, __: Mapping[str, Any], session: Session) -> Reply:
    return Reply(Code.OK if session.unwatch() else Code.ALREADY)


SESSION_COMMANDS = (
    Command(
        "hello", _hello, "says who is there, and chooses the rendering of what follows",
        (
            Parameter("version", Kind.INT, default=PROTOCOL, help="of this protocol"),
            Parameter("client", Kind.ID, help="your name and version, for the log"),
            Parameter("mode", choices=("text", "json"), help="text lines or JSON lines"),
        ),
        Level.NONE,
    ),
    Command(
        "help", _help, "lists the commands, or explains one",
        (Parameter("verb", help="the command to explain"),), Level.NONE,
    ),
    Command(
        "auth", _auth, "raises the level with the token from admin.cookie, or lowers it",
        (
            Parameter("token", help="64 hex digits; securechat token prints the line to paste"),
            Parameter("level", choices=("admin", "observer"), default="admin", help="to have then"),
        ),
        Level.NONE,
    ),
    Command("quit", _quit, "ends this connection; the node goes on", (), Level.NONE),
    Command(
        "watch", _watch, "replays events from a cursor, then shows them as they happen",
        (
            Parameter("from", Kind.ID, help="a cursor; without it, from now on"),
            Parameter("types", Kind.LIST, help="only these types, comma-separated"),
        ),
        Level.OBSERVER,
    ),
    Command("unwatch", _unwatch, "shows events no more", (), Level.OBSERVER),
)  # fmt: skip
