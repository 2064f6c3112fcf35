"""
The admin port under twistd: the unix socket and the TCP port of one node.

It starts after the node and stops before it.  Its places are taken before the node is opened: a port in
use ends the start with one line and nothing is started, since a node that cannot be looked at is not.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import DeferredList, maybeDeferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IListeningPort, IReactorTime

from securechat.admin.blocking import COOKIE
from securechat.admin.commands import registry
from securechat.admin.desk import Desk
from securechat.admin.events import EventRing
from securechat.admin.server import AdminFactory
from securechat.admin.sockets import clear_unix, listen_tcp, listen_unix, take_tcp, write_cookie
from securechat.errors import HomeError
from securechat.node.hold import Held
from securechat.node.log import note
from securechat.node.service import NodeService, refuse_to_start

REPLY_TIME = 0.1
"""Seconds that the reply to ``leave`` and ``stop`` has to go out."""


@define(eq=False)
class AdminService(Service):
    """Serves the admin port of a node that runs."""

    _reactor: IReactorTime
    _node: NodeService
    factory: AdminFactory = field(init=False)
    _ports: list[IListeningPort] = field(factory=list, init=False)
    _held: Held = field(factory=Held, init=False)

    def privilegedStartService(self) -> None:
        """Take both places, after the node's own and before it is opened; or exit with one line."""
        Service.privilegedStartService(self)
        home = self._node.home
        try:
            clear_unix(home.path)
            self._held = take_tcp(home.config.tcp, home.config.listen)
        except HomeError as problem:
            self._node.release()
            refuse_to_start(problem, self._node.detached)

    def startService(self) -> None:
        """Listen on both, or exit with one line."""
        try:
            self._open()
        except HomeError as problem:
            (self._node.home.path / COOKIE).unlink(missing_ok=True)
            self._node.abandon()
            refuse_to_start(problem, self._node.detached)
        Service.startService(self)

    def stopService(self) -> Any:
        """Close both, and every session."""
        Service.stopService(self)
        ports, self._ports = self._ports, []
        self.factory.hang_up()
        return DeferredList([maybeDeferred(port.stopListening) for port in ports])

    def _open(self) -> None:
        home, node = self._node.home, self._node.node
        ring = EventRing(node.boot)
        desk = Desk(node, ring, self._stop_soon)
        self.factory = AdminFactory(
            desk, registry(), ring, desk.name, desk.room, write_cookie(home.path),
            self._reactor, home.config.open_observer,
        )  # fmt: skip
        # The port that somebody else may have comes first: then nothing is left in the home.
        self._held.let_go()
        self._ports.append(listen_tcp(self._reactor, home.config.tcp, self.factory))
        self._ports.append(listen_unix(self._reactor, home.path, self.factory))
        note("admin-listening", address=home.config.tcp, socket="admin.sock")

    def _stop_soon(self, goodbye: bool) -> None:
        if not goodbye:
            self._node.wordless = True
        self._reactor.callLater(REPLY_TIME, self._stop)

    def _stop(self) -> None:
        """A signal may have been faster."""
        reactor: Any = self._reactor
        with suppress(ReactorNotRunning):
            reactor.stop()
