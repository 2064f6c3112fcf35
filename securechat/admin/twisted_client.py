"""
The conversation over Twisted, which reconnects by itself: for the chat client.

``on_up(greeting)`` is told once JSON mode is agreed, ``on_down(why)`` when that ends; a request asked
while down, or without a reply when the connection is lost, fails with DownError.  Nothing is sent twice
from here: who wants a message to survive gives it a nonce and asks again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IAddress, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from securechat.admin.blocking import SOCKET
from securechat.admin.client import (
    AdminError,
    Answer,
    Conversation,
    ConversationError,
    DownError,
    Greeted,
    Happened,
)

Reply = dict[str, Any]

FIRST_DELAY, LONGEST_DELAY, FACTOR = 0.2, 5.0, 1.7


def unix_endpoint(reactor: Any, home: Path) -> IStreamClientEndpoint:
    """Where the node of this home listens."""
    return UNIXClientEndpoint(reactor, str(home / SOCKET))


class Talk(Protocol):
    """One connection: a Conversation, and the Deferreds that wait for its replies."""

    def __init__(self, owner: AdminClient) -> None:
        self._owner = owner
        self._talk = Conversation()
        self._waiting: dict[str | None, Deferred[Reply]] = {}
        self._why = "the node hung up"

    def ask(self, cmd: str, args: dict[str, Any]) -> Deferred[Reply]:
        """Send a request; the Deferred fires with its reply."""
        try:
            return self._sent(*self._talk.request(cmd, args))
        except AdminError as problem:
            return fail(problem)

    def _sent(self, tag: str, line: bytes) -> Deferred[Reply]:
        assert self.transport is not None
        answered: Deferred[Reply] = Deferred()
        self._waiting[tag] = answered
        self.transport.write(line)
        return answered

    def dataReceived(self, data: bytes) -> None:
        """Replies to whoever asked, events to the owner."""
        try:
            for heard in self._talk.feed(data):
                self._heard(heard)
        except ConversationError as problem:
            self._give_up(str(problem))

    def _heard(self, heard: Greeted | Answer | Happened) -> None:
        match heard:
            case Greeted(greeting):
                agreed = self._sent(*self._talk.hello(self._owner.client))
                agreed.addCallback(lambda _: self._owner.opened(self, greeting))
                agreed.addErrback(lambda why: self._give_up(why.getErrorMessage()))
            case Happened(event):
                self._owner.on_event(event)
            case Answer(None, reply):
                self._give_up(str(AdminError(reply)))
            case Answer(tag, reply):
                self._answer(self._waiting.pop(tag), reply)

    @staticmethod
    def _answer(waiting: Deferred[Reply], reply: Reply) -> None:
        if int(reply["code"]) < 400:
            waiting.callback(reply)
        else:
            waiting.errback(Failure(AdminError(reply)))

    def _give_up(self, why: str) -> None:
        self._why = why
        assert self.transport is not None
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Whoever still waits learns that no reply will come."""
        waiting, self._waiting = self._waiting, {}
        self._owner.closed(self, self._why)
        for answered in waiting.values():
            answered.errback(Failure(DownError(self._why)))


class TalkFactory(Factory):
    """Makes a Talk for each connection."""

    noisy = False

    def __init__(self, owner: AdminClient) -> None:
        self._owner = owner

    def buildProtocol(self, addr: IAddress | None) -> Talk:
        """A conversation from its beginning."""
        return Talk(self._owner)


def _ignore(*_: Any) -> None:
    """Nobody wants to know."""


@define(eq=False, slots=False)
class AdminClient:
    """Keeps one conversation with the node of a home; replies are dicts as JSON mode shows them."""

    endpoint: IStreamClientEndpoint
    clock: IReactorTime
    on_event: Callable[[Reply], None] = _ignore
    on_up: Callable[[Reply], None] = _ignore
    on_down: Callable[[str], None] = _ignore
    client: str = "chat"
    jitter: Callable[[], float] = lambda: 0.0
    """Seconds added to each wait between attempts."""
    _talk: Talk | None = field(default=None, init=False)
    _service: ClientService | None = field(default=None, init=False)

    @property
    def up(self) -> bool:
        """Whether a request can be asked now."""
        return self._talk is not None

    def start(self) -> None:
        """Dial, and dial again whenever it fails or ends; no effect if started."""
        if self._service is None:
            policy = backoffPolicy(FIRST_DELAY, LONGEST_DELAY, FACTOR, jitter=self.jitter)
            self._service = ClientService(self.endpoint, TalkFactory(self), policy, self.clock)
            self._service.startService()

    def stop(self) -> Deferred[None]:
        """Hang up and dial no more; fires when the connection is closed."""
        service, self._service = self._service, None
        stopped: Deferred[None] = Deferred()
        if service is None:
            stopped.callback(None)
        else:
            service.stopService().chainDeferred(stopped)
        return stopped

    def redial(self) -> None:
        """Do not wait for the next attempt: dial now, unless it is up or dialling."""
        if not self.up and self._service is not None:
            self.stop()
            self.start()

    def request(self, cmd: str, /, **args: Any) -> Deferred[Reply]:
        """The reply as a dict; fails with AdminError (code of 400 or more) or DownError."""
        if self._talk is None:
            return fail(DownError("the node is not running, or not reachable"))
        return self._talk.ask(cmd, args)

    # What a Talk says.

    def opened(self, talk: Talk, greeting: Reply) -> None:
        """JSON mode is agreed."""
        self._talk = talk
        self.on_up(greeting)

    def closed(self, talk: Talk, why: str) -> None:
        """The connection is gone."""
        if self._talk is talk:
            self._talk = None
            self.on_down(why)
