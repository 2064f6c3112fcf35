"""
The admin port as a whole: who may connect, and what was refused.

One factory serves the unix socket and the TCP port; which of them a connection came by, its address
tells.  On the unix socket only the owner's uid is served.  On TCP at most 32 sessions at once may be
without the token; nobody is hurried, since a person at a telnet may think.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory

import securechat
from securechat.admin.events import EventRing
from securechat.admin.grammar.values import Code, Reply
from securechat.admin.protocol import AdminProtocol
from securechat.admin.registry import Level, Registry
from securechat.admin.session import SESSION_COMMANDS
from securechat.admin.sockets import own_uid, peer_uid
from securechat.node.address import shown
from securechat.node.log import note

MAX_UNPROVEN = 32
"""TCP sessions at once that have not authenticated."""


@define(eq=False, slots=False)
class AdminFactory(ServerFactory):
    """Serves the unix socket and the TCP port alike; which one it is, the address tells."""

    noisy = False

    node: Any
    registry: Registry
    ring: EventRing
    name: str
    room: str
    cookie: str
    clock: IReactorTime
    open_observer: bool = False
    uid_of: Callable[[Any], int | None] = peer_uid
    """The user at the other end of a unix socket; None where the system does not tell."""
    counted: Counter[str] = field(factory=Counter)
    """Sessions, and by reason those that were turned away."""
    _sessions: dict[AdminProtocol, None] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        if not any(command.verb == "hello" for command in self.registry.commands):
            self.registry.add(*SESSION_COMMANDS)

    @property
    def greeting(self) -> dict[str, Any]:
        """Who is there."""
        return {"node": self.name, "room": self.room, "version": securechat.__version__}

    @property
    def open_level(self) -> Level:
        """What a TCP session may before it authenticates."""
        return Level.OBSERVER if self.open_observer else Level.NONE

    @property
    def open_sessions(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    def buildProtocol(self, addr: IAddress | None) -> AdminProtocol:
        """A session that has not begun."""
        return AdminProtocol(self, isinstance(addr, UNIXAddress))

    def admit(self, session: AdminProtocol, local: bool) -> Reply | None:
        """Take a session in, or the one line with which it is turned away."""
        if local:
            uid = self.uid_of(session.transport)
            if uid is not None and uid != own_uid():
                self.count("other-uid", session, uid=uid)
                return Reply(Code.AUTH_NEEDED, {"text": "this socket serves its owner only"})
        elif sum(not s.session.authenticated for s in self._sessions) >= MAX_UNPROVEN:
            self.count("too-many", session)
            said = f"{MAX_UNPROVEN} sessions have not authenticated yet; try again later"
            return Reply(Code.SLOW_DOWN, {"text": said})
        self._sessions[session] = None
        self.counted["sessions"] += 1
        return None

    def count(self, reason: str, session: AdminProtocol, **fields: Any) -> None:
        """Something was refused, or a watcher stopped: counted, and one line in the log."""
        self.counted[reason] += 1
        peer = session.transport.getPeer()
        where = "unix" if isinstance(peer, UNIXAddress) else shown(peer)
        note("admin-refused", reason=reason, peer=where, **fields)

    def forget(self, session: AdminProtocol) -> None:
        """The session is over."""
        self._sessions.pop(session, None)

    def hang_up(self) -> None:
        """End every session: the node stops."""
        for session in tuple(self._sessions):
            session.hang_up()
