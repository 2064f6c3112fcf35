"""One real node with a clock moved by hand, and the desk at which the commands stand."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from securechat.admin.commands import registry
from securechat.admin.desk import Desk, Stop
from securechat.admin.events import EventRing
from securechat.admin.grammar import jsonl
from securechat.admin.grammar.fitting import fitted
from securechat.admin.grammar.values import Reply, Request
from securechat.effects import Record
from securechat.errors import LocalError
from securechat.ids import BootId
from securechat.journal.records import TurnRecord
from securechat.journal.store import Store
from securechat.membership.facts import ClaimHeld
from securechat.node.dispatch import FACTS
from securechat.node.node import Node, Places
from securechat.settings import Settings
from securechat.simulation.people import FOUNDED_MS, person

BOOT = BootId("7f3a" + "0" * 28)


def nobody(*_: Any, **__: Any) -> None:
    """Dials nobody, stops nothing."""


def _claim(index: int) -> ClaimHeld:
    """What somebody says of itself."""
    who, other = person(index), Alone(index=index).node
    signed = other.cores.membership.alive
    said = other.statement(signed)
    return ClaimHeld(
        FOUNDED_MS, other.me, said.epoch, said.incarnation, said.boot, (), who.name,
        who.signer.public, signed, other.me,
    )  # fmt: skip


@define(eq=False)
class Alone:
    """A node without peers; ``asks`` is what a client of the admin port gets."""

    settings: Settings = field(factory=lambda: Settings(burst=10_000.0, faults=True))
    stop: Stop = nobody
    index: int = 0
    """Which person of the simulation it is."""
    knows: tuple[int, ...] = ()
    """Whose claims are in its journal."""
    past: int = 0
    """How many turns its journal has seen."""
    clock: Clock = field(factory=Clock)
    node: Node = field(init=False)
    desk: Desk = field(init=False)

    def __attrs_post_init__(self) -> None:
        who = person(self.index)
        store = Store.open(":memory:", FACTS, who.signer.room)
        self.node = Node(
            who, Places("127.0.0.1:7400"), self.settings, BOOT, store, self.clock, self._wall,
            Random(1), nobody, nobody,
        )  # fmt: skip
        for other in self.knows:
            store.commit([Record(_claim(other))], ())
        if self.past:
            store.commit([], [TurnRecord(self.past, FOUNDED_MS, 0.0)])
        self.desk = Desk(self.node, EventRing(BOOT), self.stop)
        self.node.start()
        self.clock.advance(1)

    def _wall(self) -> int:
        return FOUNDED_MS + 86_400_000 + int(self.clock.seconds() * 1000)

    def reply(self, verb: str, **args: Any) -> Reply:
        """The reply as the command gives it; LocalError."""
        command = registry().find(verb)
        outcome = command.answer(self.desk, command.bind(Request(verb, args)), None)
        if not isinstance(outcome, Deferred):
            assert isinstance(outcome, Reply)
            return outcome
        found: list[Any] = []
        outcome.addBoth(found.append)
        self.clock.advance(0.001)
        if isinstance(getattr(found[0], "value", None), LocalError):
            raise found[0].value
        assert isinstance(found[0], Reply), found
        return found[0]

    def asks(self, verb: str, **args: Any) -> dict[str, Any]:
        """The reply as it is sent in JSON mode."""
        reply: dict[str, Any] = json.loads(fitted(self.reply(verb, **args), jsonl))
        return reply
