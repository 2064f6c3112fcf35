"""
The node under twistd: what is opened, in which order, and how it says goodbye.

The lock, the journal and the epoch belong to the start, since twistd forks between ``makeService`` and
it.  Its first half (``privilegedStartService``, which twistd calls for the node and its admin port
before either starts) takes the lock and holds every port without listening: if somebody else has one,
nothing was changed.  The second commits the epoch, and only then listens (DESIGN 5).  SIGTERM is a
goodbye: a signed Leave is said and given two seconds to go out.  What stops a start is one line on
stderr and exit status 1; nothing is left open.
"""

from __future__ import annotations

import os
import resource
import secrets
import sys
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from random import SystemRandom
from typing import Any, NoReturn

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import TimeoutError, inlineCallbacks
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IListeningPort, IReactorTCP, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import LogLevel

from securechat.errors import HomeError, LocalError
from securechat.home.identity import Home
from securechat.ids import BootId
from securechat.inputs import Goodbye
from securechat.journal.store import Store, StoreError
from securechat.node.dialer import Dialer
from securechat.node.dispatch import FACTS
from securechat.node.hold import Held
from securechat.node.listener import LinkFactory, listen, take
from securechat.node.lock import HomeLock
from securechat.node.log import note
from securechat.node.node import Node, Person, Places
from securechat.node.pruning import Pruning
from securechat.node.tls import PeerTLS

FLUSH_POLL = 0.05


def wall_ms() -> int:
    """Milliseconds of the epoch, by the clock on the wall."""
    return time.time_ns() // 1_000_000


@define(eq=False)
class NodeService(Service):
    """One node, from its home folder to its listening socket."""

    _reactor: IReactorTime
    _load: Callable[[], Home]
    detached: bool = False
    """Whether twistd has put us in the background."""
    home: Home = field(init=False)
    node: Node = field(init=False)
    port: IListeningPort = field(init=False)
    _dialer: Dialer = field(init=False)
    _pruning: Pruning = field(init=False)
    _lock: HomeLock | None = field(default=None, init=False)
    _held: Held = field(factory=Held, init=False)
    _store: Store | None = field(default=None, init=False)
    _running: bool = field(default=False, init=False)
    wordless: bool = field(default=False, init=False)
    """Stop without a goodbye."""

    def privilegedStartService(self) -> None:
        """Take the home and the port, or exit with one line; nothing is changed yet."""
        Service.privilegedStartService(self)
        self._or_refuse(self._take)

    def startService(self) -> None:
        """Open everything, or exit with one line."""
        if self._lock is None:
            self._or_refuse(self._take)
        self._or_refuse(self._open)
        Service.startService(self)

    def _or_refuse(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (HomeError, StoreError) as problem:
            self.release()
            refuse_to_start(problem, self.detached)

    @inlineCallbacks
    def stopService(self) -> Generator[Any, Any, None]:
        """Say goodbye, wait for it to go out, close everything."""
        Service.stopService(self)
        if self._running:
            self._running = False
            self._pruning.stop()
            self._dialer.stop()
            yield self.port.stopListening()
            if not self.wordless:
                yield self._goodbye()
            yield self._hang_up()
            self.node.stop()
            yield deferLater(self._reactor, 0, lambda: None)
        self.release()

    def abandon(self) -> None:
        """Give up a start of which a later part failed."""
        self._running = False
        self._pruning.stop()
        self.port.stopListening()
        self.release()

    def _take(self) -> None:
        os.umask(0o077)
        # A core dump would hold keys and texts.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self.home = self._load()
        for warning in self.home.config.warnings:
            warn(warning, "config-warning")
        self._lock = HomeLock(self.home.path)
        self._lock.acquire()
        self._held = take(self.home.config.listen)

    def _open(self) -> None:
        config, identity = self.home.config, self.home.identity
        self._store = Store.open(self.home.path / "journal.db", FACTS, identity.room)
        if self._store.set_aside:
            warn(self._store.set_aside, "fault", what="journal-set-aside")
        tls = PeerTLS(
            identity.private_key, identity.certificate, identity.room_certificate,
            lambda: self.node.cores.membership.keyring, wall_ms,
        )  # fmt: skip
        person = Person(
            identity.name, identity.signer, identity.certificate,
            identity.room_name, identity.room_certificate,
        )  # fmt: skip
        places = Places(config.listen, tuple(config.advertise), tuple(config.peers))
        dialer = self._dialer = Dialer(self._reactor, tls)
        self.node = Node(
            person, places, config.settings(), BootId(secrets.token_hex(16)), self._store,
            self._reactor, wall_ms, SystemRandom(), dialer.dial, self._fatal,
        )  # fmt: skip
        dialer.links = self.node.links
        self.node.start()
        self._running = True
        factory = LinkFactory(self.node.links, tls, self._reactor)
        self._held.let_go()
        self.port = listen(self._reactor, config.listen, factory)
        self.node.listening = True
        note("listening", address=config.listen, name=identity.name)
        self.node.check_health()
        self.node.tick()
        self._pruning = Pruning(self._store, self._reactor, wall_ms, self.node.settings)
        self._pruning.start()

    @inlineCallbacks
    def _goodbye(self) -> Generator[Any, Any, None]:
        """A signed Leave is on disk and handed to the links; a node that cannot say it goes anyway."""
        said = self.node.input(Goodbye())
        said.addTimeout(self.node.settings.leave_wait, self._reactor)
        try:
            yield said
        except (LocalError, TimeoutError) as problem:
            note("fault", what="no-goodbye", text=str(problem) or "not within the time for it")

    @inlineCallbacks
    def _hang_up(self) -> Generator[Any, Any, None]:
        """
        Close every link behind what was written to it, within the time for a goodbye.

        A link on its way up comes up first: its peer, who sees it up, may have closed all others.
        """
        links = self.node.links
        until = self._reactor.seconds() + self.node.settings.leave_wait
        yield self._await(lambda: links.settled, until)
        links.stop()
        yield self._await(lambda: links.ended, until)

    @inlineCallbacks
    def _await(self, true: Callable[[], bool], until: float) -> Generator[Any, Any, None]:
        while not true() and self._reactor.seconds() < until:
            yield deferLater(self._reactor, FLUSH_POLL, lambda: None)

    def _fatal(self, reason: str) -> None:
        """The journal is gone under us: stop, wordless, with an exit status that says so."""
        to_terminal(f"stopping: {reason}")
        self.wordless = True
        reactor: Any = self._reactor
        # twistd gives no other way to an exit status of our own.
        reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
        # The file may be found damaged before the reactor runs, and while it is being stopped.
        reactor.callWhenRunning(_stop, reactor)

    def release(self) -> None:
        """Let go of the ports that are held, of the journal and of the home."""
        self._held.let_go()
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _stop(reactor: Any) -> None:
    with suppress(ReactorNotRunning):
        reactor.stop()


def to_terminal(line: str) -> None:
    """A line on the real stderr: twistd has put ``sys.stderr`` into the log."""
    print(f"securechat: {line}", file=sys.__stderr__ or sys.stderr, flush=True)


def warn(text: str, event: str, **fields: str) -> None:
    """What whoever starts the node should know: in the log, and on the terminal while there is one."""
    note(event, level=LogLevel.warn, **fields, text=text)
    to_terminal(text)


def refuse_to_start(problem: Exception, detached: bool = False) -> NoReturn:
    """
    One line on stderr and exit status 1.

    A detached process has no stderr: its line is in the log, and the exception is what twistd hands
    to the process that waits in front (which would wait for ever for one that just exits).
    """
    if detached:
        note("refused-to-start", level=LogLevel.error, why=str(problem))
        sys.excepthook = lambda *_: None  # all is said
        raise problem
    to_terminal(str(problem))
    raise SystemExit(1)


__all__ = ["IReactorTCP", "NodeService", "refuse_to_start", "wall_ms"]
