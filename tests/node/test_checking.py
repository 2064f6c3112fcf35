"""When stored objects are read back."""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.journal.store import Store, StoreError
from securechat.node.checking import DAY, SOON, Checking


class Steps:
    """A journal whose check takes three steps, the second of which fails once."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def check_objects(self, after: int) -> int:
        """One step."""
        self.asked.append(after)
        if len(self.asked) == 2:
            raise StoreError("disk error")
        return {0: 500, 500: 1000, 1000: 0}[after]


class CheckingTests(SynchronousTestCase):
    """Soon after a start, and every day."""

    def test_steps(self) -> None:
        """Step by step to the end; what could not be read is read the next day; then it ends."""
        clock, steps = Clock(), Steps()
        checking = Checking(cast(Store, steps), clock)
        checking.start()
        clock.advance(SOON)
        self.assertEqual(steps.asked, [0, 500])
        for seconds in (SOON, DAY, SOON, SOON, SOON):
            clock.advance(seconds)
        self.assertEqual(steps.asked, [0, 500, 0, 500, 1000])
        clock.advance(DAY)
        self.assertEqual(steps.asked[5:], [0])
        checking.stop()
        clock.advance(2 * DAY)
        self.assertEqual(len(steps.asked), 6)
