"""A small table of commands, a port around it, and a person at a telnet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from securechat.admin.events import EventRing
from securechat.admin.grammar.values import Reply
from securechat.admin.parameters import Kind, Parameter
from securechat.admin.protocol import AdminProtocol
from securechat.admin.registry import Command, Level, Registry
from securechat.admin.server import AdminFactory
from securechat.errors import LocalError
from securechat.ids import BootId

BOOT = BootId("7f3a" + "0" * 28)
COOKIE = "5e" * 32
TCP = IPv4Address("TCP", "127.0.0.1", 50000)
UNIX = UNIXAddress("admin.sock")
GREETING = (
    '200 securechat-admin 1 node=ada room=lab version=0.1.0 level={} auth=token help="type help"\n'
)


@define(eq=False)
class Node:
    """Stands for the node: what it was told, and who waits."""

    said: list[str] = field(factory=list)
    waiting: list[Deferred[Reply]] = field(factory=list)
    stopped: bool = False


def health(node: Node, args: Mapping[str, Any], session: Any) -> Reply:
    """At once."""
    return Reply(fields={"live": True, "ready": True, "joined": False})


def say(node: Node, args: Mapping[str, Any], session: Any) -> Reply:
    """Says it."""
    node.said.append(args["text"])
    return Reply(252, {"id": f"ada/3/{len(node.said)}", "state": "queued"})


def slowly(node: Node, args: Mapping[str, Any], session: Any) -> Deferred[Reply]:
    """Later."""
    waiting: Deferred[Reply] = Deferred()
    node.waiting.append(waiting)
    return waiting


def messages(node: Node, args: Mapping[str, Any], session: Any) -> Reply:
    """What was said."""
    rows = [{"id": f"ada/3/{n}", "text": text} for n, text in enumerate(node.said, 1)]
    return Reply(fields={"items": rows})


def stop(node: Node, args: Mapping[str, Any], session: Any) -> Reply:
    """What a browser must never reach."""
    node.stopped = True
    return Reply()


def broken(node: Node, args: Mapping[str, Any], session: Any) -> Any:
    """A bug."""
    if args["how"] == "refused":
        raise LocalError(521, "which bob?", ("bob#aaaa", "bob#bbbb"))
    if args["how"] == "unsayable":
        return Reply(fields={"code": 1})
    if args["how"] == "nothing":
        return None
    raise ZeroDivisionError("a secret \x1b[2J")


def registry() -> Registry:
    """The table."""
    table = Registry()
    table.add(
        Command("health", health, "three answers", level=Level.NONE),
        Command("messages", messages, "what was said", level=Level.OBSERVER),
        Command("say", say, "posts", (Parameter("text", required=True, low=1), Parameter("nonce"))),
        Command("slowly", slowly, "answers later", (Parameter("n", Kind.INT),)),
        Command("stop", stop, "stops"),
        Command("broken", broken, "fails", (Parameter("how"),)),
    )
    return table


class Line(StringTransport):
    """A transport that remembers whether it was ended, and can be full."""

    aborted = False

    def abortConnection(self) -> None:
        """At once."""
        self.aborted = True
        super().abortConnection()

    def fill(self) -> None:
        """The other side does not read."""
        assert self.producer is not None
        self.producer.pauseProducing()

    def drain(self) -> None:
        """The other side reads."""
        assert self.producer is not None
        self.producer.resumeProducing()


@define(eq=False)
class Port:
    """A factory with a fake node."""

    node: Node = field(factory=Node)
    clock: Clock = field(factory=Clock)
    ring: EventRing = field(factory=lambda: EventRing(BOOT))
    open_observer: bool = False
    uid: int | None = None
    factory: AdminFactory = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.factory = AdminFactory(
            self.node, registry(), self.ring, "ada", "lab", COOKIE, self.clock,
            self.open_observer, lambda transport: self.uid,
        )  # fmt: skip

    def person(self, local: bool = True, greeted: bool = True) -> Person:
        """Somebody connects."""
        address = UNIX if local else TCP
        protocol = self.factory.buildProtocol(address)
        line = Line(address, address)
        protocol.makeConnection(line)
        person = Person(self, protocol, line)
        if greeted:
            person.heard()
        return person


@define(eq=False)
class Person:
    """One end of a connection."""

    port: Port
    protocol: AdminProtocol
    line: Line

    def types(self, *lines: str) -> str:
        """What comes back after these lines."""
        return self.sends("".join(f"{line}\n" for line in lines).encode())

    def sends(self, data: bytes) -> str:
        """What comes back after these bytes."""
        self.protocol.dataReceived(data)
        self.port.clock.advance(0)
        return self.heard()

    def heard(self) -> str:
        """What came since the last time."""
        found: bytes = self.line.value()
        self.line.clear()
        return found.decode("utf-8", "surrogateescape")

    def objects(self) -> list[Any]:
        """What came, as JSON lines."""
        return [json.loads(line) for line in self.heard().splitlines()]

    @property
    def hung_up(self) -> bool:
        """Whether the node ended it, after what was written."""
        return bool(self.line.disconnecting)
