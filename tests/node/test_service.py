"""How a node ends by itself, when its journal is gone under it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.node.service import NodeService

REASON = "the journal is damaged: the next start checks it, and sets it aside"


class Reactor(Clock):
    """A reactor of which it is known whether it runs, and what it does at its end."""

    running = False

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.after: list[tuple[Any, ...]] = []

    def callWhenRunning(self, call: Callable[..., object], *args: Any) -> None:
        """As the real one."""
        if self.running:
            call(*args)
        else:
            self.waiting.append((call, args))

    def addSystemEventTrigger(self, phase: str, event: str, *call: Any) -> None:
        """As the real one."""
        self.after.append((phase, event, *call))

    def run(self) -> None:
        """It runs, and may be stopped at once."""
        self.running = True
        for call, args in self.waiting:
            call(*args)

    def stop(self) -> None:
        """As the real one."""
        if not self.running:
            raise ReactorNotRunning
        self.running = False


class Ending(SynchronousTestCase):
    """One line, exit status 1, and no goodbye."""

    def setUp(self) -> None:
        """A service whose reactor does not run yet."""
        self.reactor = Reactor()
        self.service = NodeService(self.reactor, lambda: None)  # type: ignore[arg-type, return-value]
        self.said = StringIO()
        self.patch(sys, "__stderr__", self.said)

    def ended(self) -> None:
        """It has said why, and stands still."""
        self.assertEqual(self.said.getvalue(), f"securechat: stopping: {REASON}\n")
        self.assertEqual(self.reactor.after, [("after", "shutdown", os._exit, 1)])
        self.assertEqual((self.service.wordless, self.reactor.running), (True, False))

    def test_while_it_runs(self) -> None:
        """The reactor is stopped."""
        self.reactor.run()
        self.service._fatal(REASON)
        self.ended()

    def test_before_the_reactor_runs(self) -> None:
        """The first look at the disk is part of the start: the reactor is stopped as it begins."""
        self.service._fatal(REASON)
        self.reactor.run()
        self.ended()

    def test_while_it_is_being_stopped(self) -> None:
        """A signal was faster, and the goodbye came upon the damage: nothing is raised."""
        self.reactor.run()
        self.reactor.callWhenRunning = lambda call, *args: call(*args)  # type: ignore[method-assign]
        self.reactor.stop()
        self.service._fatal(REASON)
        self.ended()
