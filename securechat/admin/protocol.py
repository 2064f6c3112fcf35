"""
One connection to the admin port: requests in; replies and events out.

Rules: replies leave in the order of requests, whole, and no event stands inside one.  While the
transport is full nothing is handled and nothing read, so that no client can make us hold more than
its share.  Whatever goes wrong is one line: a LocalError is its reply, anything else is 530 with a
number that the log has too.  A client that has said all (half-closed) still gets its replies.
"""

from __future__ import annotations

import secrets
from typing import Any, Protocol

from attrs import evolve
from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from securechat.admin.events import EventRing
from securechat.admin.grammar import text
from securechat.admin.grammar.fitting import fitted
from securechat.admin.grammar.values import (
    MAX_LINE,
    Code,
    GrammarError,
    Rendering,
    Reply,
    Request,
    decode,
    refusal,
)
from securechat.admin.intake import END, Intake
from securechat.admin.registry import Level, Registry
from securechat.admin.replies import InOrder, Slot
from securechat.admin.session import MAX_FAILURES, Session
from securechat.admin.telnet import TooLong
from securechat.admin.watching import Watch
from securechat.errors import LocalError
from securechat.node.log import fault
from securechat.settings import KIB

MAX_INBOX = 256 * KIB
"""Bytes of requests read ahead of their handling."""
MAX_AT_ONCE = 100
"""Requests of one connection handled before others have their turn."""


class Owner(Protocol):
    """What a connection needs of the factory."""

    node: Any
    registry: Registry
    ring: EventRing
    cookie: str
    clock: IReactorTime

    @property
    def greeting(self) -> dict[str, Any]:
        """Who is there."""

    @property
    def open_level(self) -> Level:
        """What a TCP session may before it authenticates."""

    def admit(self, session: AdminProtocol, local: bool) -> Reply | None:
        """Take a session in, or the one line with which it is turned away."""

    def count(self, reason: str, session: AdminProtocol, **fields: Any) -> None:
        """Something was refused."""

    def forget(self, session: AdminProtocol) -> None:
        """The session is over."""


@implementer(IPushProducer, IHalfCloseableProtocol)
class AdminProtocol(protocol.Protocol):
    """The transport says ``pauseProducing`` when it is full, ``resumeProducing`` when it is not."""

    transport: Any

    def __init__(self, owner: Owner, local: bool) -> None:
        self._owner = owner
        self._local = local
        self._intake = Intake()
        self._next: tuple[Request, Rendering] | None = None
        """Read, and waiting for those in work."""
        self._replies = InOrder()
        self._watch: Watch | None = None
        self._new_watch: Watch | None = None
        self._full = False
        self._unread = False
        """We asked the transport not to read."""
        self._said_all = False
        self._closing = False
        self._pumping = False
        self._resting = False
        level, proven = (Level.ADMIN, True) if local else (owner.open_level, False)
        self.session = Session(
            owner.registry, owner.ring, owner.cookie, owner.greeting, level, proven,
            self._prepare_watch, self._unwatch,
        )  # fmt: skip

    # What Twisted calls.

    def connectionMade(self) -> None:
        """Who is it, is there room, and then the greeting."""
        self.transport.registerProducer(self, True)
        refused = self._owner.admit(self, self._local)
        if refused is not None:
            self._write(text.reply(refused))
            self._close()
            return
        fields = {**self._owner.greeting, "level": self.session.level.word, "auth": "token"}
        fields["help"] = "type help"
        self._write(text.reply(Reply(Code.GREETING, fields, "securechat-admin 1")))

    def dataReceived(self, data: bytes) -> None:
        """A stranger's protocol ends it before anything of it is handled."""
        if self._closing:
            return
        taken = self._intake.feed(data)
        if taken.stranger is not None:
            self._owner.count(taken.stranger, self)
            self._abort()
            return
        if taken.answer:
            self.transport.write(taken.answer)
        self._pump()

    def pauseProducing(self) -> None:
        """The transport is full."""
        self._full = True
        if self._watch is not None:
            self._watch.hold()
        self._set_reading()

    def resumeProducing(self) -> None:
        """The transport takes more."""
        self._full = False
        if self._watch is not None:
            self._watch.release()
        self._pump()

    def stopProducing(self) -> None:
        """The transport is gone; ``connectionLost`` follows."""
        self._stop()

    def readConnectionLost(self) -> None:
        """The other side says no more; it still gets its replies, and events if it watches."""
        self._said_all = True
        self._close_if_done()

    def writeConnectionLost(self) -> None:
        """The other side hears no more."""
        self._abort()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Replies of what is still in work have nobody left to read them."""
        self._stop()
        self._owner.forget(self)

    def hang_up(self) -> None:
        """The node stops."""
        self._close()

    # Requests.

    def _pump(self) -> None:
        """Handle what waits, in order, as far as it may go now."""
        if self._pumping:
            return
        self._pumping = True
        handled = 0
        try:
            while self._may_handle() and self._take():
                handled += 1
                if handled >= MAX_AT_ONCE:
                    self._rest()
                    break
        finally:
            self._pumping = False
        self._set_reading()
        self._close_if_done()

    def _may_handle(self) -> bool:
        return not (self._full or self._closing or self._resting or self.session.ending)

    def _rest(self) -> None:
        """Let others have their turn."""
        self._resting = True
        self._owner.clock.callLater(0, self._go_on)

    def _go_on(self) -> None:
        self._resting = False
        self._pump()

    def _take(self) -> bool:
        """Begin or read one request; False if there is none, or it must wait for those in work."""
        if self._next is not None:
            request, rendering = self._next
            if not self._replies.may_begin(request.verb):
                return False
            self._next = None
            self._begin(request, rendering)
            return True
        if not self._intake:
            return False
        self._read(self._intake.take())
        return True

    def _read(self, line: bytes | TooLong) -> None:
        """The next request, read one ahead only: a ``hello`` before it may change how."""
        rendering = self.session.rendering
        try:
            if isinstance(line, TooLong):
                said = f"a line has at most {MAX_LINE} bytes; the rest of it is skipped"
                raise GrammarError(Code.TOO_LONG, said)
            ended = line == END
            request = Request("quit") if ended else rendering.request(decode(line))
            self._next = (request, rendering)
        except GrammarError as problem:
            self._replies.begin(Slot("", problem.tag, rendering, refusal(problem)))
            self._flush()

    def _begin(self, request: Request, rendering: Rendering) -> None:
        slot = Slot(request.verb, request.tag, rendering)
        self._replies.begin(slot)
        try:
            command, args = self._owner.registry.prepare(request, self.session)
            outcome = command.answer(self._owner.node, args, self.session)
        except Exception as problem:  # noqa: BLE001 - a bug must not cost the connection
            outcome = self._refused(problem, request.verb)
        if isinstance(outcome, Deferred):
            outcome.addErrback(self._failed, slot)
            outcome.addCallback(self._answered, slot)
        else:
            self._settle(slot, outcome)

    def _failed(self, why: Failure, slot: Slot) -> Reply:
        return self._refused(why.value, slot.verb)

    def _answered(self, outcome: Any, slot: Slot) -> None:
        self._settle(slot, outcome)
        self._pump()

    def _refused(self, problem: BaseException | None, verb: str) -> Reply:
        if isinstance(problem, LocalError):
            if problem.code == Code.AUTH_FAILED:
                self._owner.count("auth-failed", self)
            return refusal(problem)
        number = secrets.token_hex(4)
        fault("admin-fault", problem or RuntimeError("no reason"), number=number, verb=verb)
        said = f"an internal error; the node's log has it under number={number}"
        return Reply(Code.INTERNAL, {"text": said, "log": number})

    def _settle(self, slot: Slot, outcome: Any) -> None:
        if not isinstance(outcome, Reply):
            wrong = TypeError(f"{slot.verb} answered with a {type(outcome).__name__}")
            outcome = self._refused(wrong, slot.verb)
        slot.reply = outcome
        self._flush()

    # Replies.

    def _flush(self) -> None:
        """Send the replies that are ready, in order."""
        if self._closing:
            return
        for slot, reply in self._replies.ready():
            self._write(self._rendered(slot, reply))
            self._begin_watch()
        if self.session.ending and not self._replies:
            if self.session.failures >= MAX_FAILURES:
                self._owner.count("auth-closed", self)
            self._close()

    def _rendered(self, slot: Slot, reply: Reply) -> str:
        try:
            return fitted(evolve(self.session.shown(reply), tag=slot.tag), slot.rendering)
        except (ValueError, TypeError) as problem:
            return slot.rendering.reply(evolve(self._refused(problem, slot.verb), tag=slot.tag))

    def _write(self, lines: str) -> None:
        self.transport.write(lines.encode("utf-8"))

    # Watching.

    def _prepare_watch(self, number: int, types: frozenset[str]) -> None:
        self._unwatch()
        owner = self._owner
        self._new_watch = Watch(
            self.session, owner.ring, owner.clock, self._write, self._overflowed, number, types
        )

    def _begin_watch(self) -> None:
        watch, self._new_watch = self._new_watch, None
        if watch is not None:
            self._watch = watch
            watch.held = self._full
            watch.start()

    def _unwatch(self) -> bool:
        watch, self._watch = self._watch, None
        return watch is not None and watch.stop()

    def _overflowed(self) -> None:
        self._watch = None
        self._owner.count("overflow", self)

    # The end.

    def _set_reading(self) -> None:
        """Read only what can be handled soon."""
        wanted = not self._full and self._intake.size <= MAX_INBOX
        if wanted is self._unread and not self._closing and not self._said_all:
            self._unread = not wanted
            if wanted:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()

    def _close_if_done(self) -> None:
        if self._said_all and not (self._replies or self._intake or self._next or self._watch):
            self._close()

    def _stop(self) -> None:
        self._closing = True
        self._unwatch()
        self._intake.clear()
        self._next = None

    def _close(self) -> None:
        if not self._closing:
            self._stop()
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def _abort(self) -> None:
        self._stop()
        self.transport.abortConnection()
