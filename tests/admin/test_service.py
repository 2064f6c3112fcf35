"""How the admin port stops its node."""

from __future__ import annotations

from typing import cast

from attrs import define
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.service import AdminService
from securechat.node.service import NodeService


class Reactor(Clock):
    """A reactor that can be stopped once."""

    running = True

    def stop(self) -> None:
        """As the real one."""
        if not self.running:
            raise ReactorNotRunning
        self.running = False


@define
class Stopped:
    """What of the node's service is touched."""

    wordless: bool = False


class Stopping(SynchronousTestCase):
    """Once the reply is out."""

    def test_a_signal_that_is_faster(self) -> None:
        """A reactor that is stopping already is left alone."""
        reactor, node = Reactor(), Stopped()
        service = AdminService(reactor, cast(NodeService, node))
        service._stop_soon(goodbye=True)
        self.assertTrue(reactor.running)
        reactor.stop()
        reactor.advance(1)
        self.assertEqual((reactor.running, node.wordless), (False, False))

    def test_without_a_word(self) -> None:
        """A stop tells the node to say nothing."""
        reactor, node = Reactor(), Stopped()
        AdminService(reactor, cast(NodeService, node))._stop_soon(goodbye=False)
        reactor.advance(1)
        self.assertEqual((reactor.running, node.wordless), (False, True))
