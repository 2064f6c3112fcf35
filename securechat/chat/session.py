"""
Carries the model's acts to the node and the node's answers to the model; no rule of its own.

``changed`` is called after every input.  An exception in a callback is logged and told in the hint: one
bad row must not end the chat.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from attrs import define, field
from twisted.application.internet import backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from securechat.admin.client import AdminError
from securechat.admin.twisted_client import FACTOR, FIRST_DELAY, LONGEST_DELAY
from securechat.chat.acts import Act, Ask, Purpose, Tell
from securechat.chat.model import Model
from securechat.inputs import Instant

TICK_S = 0.5
log = Logger(namespace="securechat.chat")


class Asker(Protocol):
    """What of the admin client is needed here."""

    def request(self, cmd: str, /, **args: Any) -> Deferred[dict[str, Any]]:
        """The reply, or a failure: AdminError, DownError."""
        ...

    def redial(self) -> None:
        """Dial now."""
        ...


def now() -> Instant:
    """This machine's clocks."""
    return Instant(time.monotonic(), time.time_ns() // 1_000_000)


def nothing(*_: object) -> None:
    """Nobody wants to know."""


@define
class Session:
    """``tell`` gets what only the program can do; ``clock`` is replaced in tests."""

    model: Model
    asker: Asker | None = None
    changed: Callable[[], None] = nothing
    tell: Callable[[Tell], None] = nothing
    clock: Callable[[], Instant] = now
    open: int = field(default=0, init=False)
    """Questions of the person without an answer."""
    missed: Callable[[str, float], None] = field(init=False)
    """A dial failed: why, and seconds until the next."""

    def __attrs_post_init__(self) -> None:
        self.missed = self.down

    def perform(self, acts: list[Act]) -> None:
        """Ask the node, tell the program."""
        for act in acts:
            if act is Tell.RECONNECT:
                self._redial()
            elif isinstance(act, Tell):
                self.tell(act)
            else:
                self._ask(act)
        self.changed()

    def _redial(self) -> None:
        if self.asker is not None:
            self.asker.redial()

    def _ask(self, ask: Ask) -> None:
        assert self.asker is not None
        asked = self.asker.request(ask.cmd, **ask.args)
        if ask.purpose is Purpose.SHOW:
            self.open += 1
            asked.addBoth(self._shown)
        asked.addCallbacks(
            lambda reply: self.perform(self.model.answered(ask, reply, self.clock())),
            lambda why: self._unanswered(ask, why),
        )
        asked.addErrback(self.fault)

    def _shown(self, result: Any) -> Any:
        self.open -= 1
        return result

    def _unanswered(self, ask: Ask, why: Failure) -> None:
        if isinstance(why.value, AdminError):
            self.perform(self.model.answered(ask, why.value.reply, self.clock()))
        else:
            self.perform(self.model.failed(ask, why.getErrorMessage(), self.clock()))

    def fault(self, why: Failure | None = None) -> None:
        """A bug of ours: say so, and go on."""
        log.failure("event={event}", failure=why or Failure(), event="chat-fault")
        self.model.state.hint = "something went wrong in this client; chat.log has it"
        self.changed()

    # What the admin client says.

    def up(self, greeting: dict[str, Any]) -> None:
        """The node let us in."""
        self._input(lambda: self.model.up(self.clock()))

    def down(self, why: str, retry_in: float | None = None) -> None:
        """The conversation ended, or a dial failed."""
        self._input(lambda: self.model.down(why, retry_in, self.clock()))

    def event(self, event: dict[str, Any]) -> None:
        """Something happened at the node."""
        self._input(lambda: self.model.event(event, self.clock()))

    def tick(self) -> None:
        """Time passed."""
        self._input(lambda: self.model.tick(self.clock()))

    def _input(self, handle: Callable[[], list[Act]]) -> None:
        try:
            self.perform(handle())
        except Exception:  # noqa: BLE001 -- one bad event must not end the chat; it is logged
            self.fault()


@implementer(IStreamClientEndpoint)
@define(eq=False, slots=False)
class Dials:
    """The endpoint of the node, which also says when a dial failed and when the next one is due."""

    endpoint: IStreamClientEndpoint
    failed: Callable[[str, float], None]
    attempts: int = field(default=0, init=False)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Dial."""
        dialled: Deferred[IProtocol] = self.endpoint.connect(protocolFactory)
        dialled.addCallbacks(self._reached, self._missed)
        return dialled

    def _reached(self, protocol: IProtocol) -> IProtocol:
        self.attempts = 0
        return protocol

    def _missed(self, why: Failure) -> Failure:
        self.attempts += 1
        wait = backoffPolicy(FIRST_DELAY, LONGEST_DELAY, FACTOR, jitter=lambda: 0.0)(self.attempts)
        self.failed("the node is not running", wait)
        return why
