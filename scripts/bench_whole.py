"""
One measured node: the whole service, built and started as ``twistd -n securechat`` does it.

``securechat.tap.makeService`` assembles it, so a measured node has all that a real one has: history
and turn records on disk, receipts, frontiers, probes, and the admin port, whose desk words every event
into its ring while nobody watches.  Only twistd around it is left out, and messages are said and seen
by calls within the process: what is measured is the node, not a conversation on its admin port.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import asdict, evolve, frozen
from bench_homes import NEVER

from securechat.admin.events import EventRing
from securechat.admin.service import AdminService
from securechat.home.config import Config
from securechat.messaging.streams import Streams
from securechat.node.node import Node
from securechat.node.service import NodeService
from securechat.settings import Settings
from securechat.tap import Options, makeService


@frozen
class Hasty(Config):
    """A configuration without the limit of recovery, which no file can lift."""

    def settings(self) -> Settings:
        """The same knobs but for one."""
        return evolve(Config.settings(self), recovery_per_second=float(NEVER))


@frozen(eq=False)
class Whole:
    """A node that runs, with its admin port."""

    service: NodeService
    admin: AdminService

    @property
    def node(self) -> Node:
        """Whom the driver lets speak."""
        return self.service.node

    @property
    def ring(self) -> EventRing:
        """Where the desk puts every event."""
        return self.admin.factory.ring

    @property
    def streams(self) -> Streams:
        """The posts that it holds."""
        return self.node.cores.messaging.parts.book.streams


def opened(home: Path, hasty: bool = False) -> Whole:
    """A running node; a hasty one asks for what it lacks as fast as it is answered."""
    options = Options()
    options.parseOptions(["--home", str(home)])
    made: Any = makeService(options)
    service, admin = made
    made.privilegedStartService()
    if hasty:
        # The home was read just now, and nothing has looked at its knobs yet.
        config = Hasty(**asdict(service.home.config, recurse=False))
        service.home = evolve(service.home, config=config)
    made.startService()
    return Whole(service, admin)
