"""The count of steps, which other tests judge by."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from tests.steps import steps


class Left:
    """Part of a cycle, with something to do when it is collected."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        """Costs instructions, at a moment that the collector chooses."""
        self.done = 1 + 2


def kept() -> list[list[int]]:
    """So many containers that the youngest generation is full more than once."""
    return [[number] for number in range(2000)]


class StepTests(SynchronousTestCase):
    """A call costs what it costs, whatever else the process does."""

    def test_what_others_left_is_not_counted(self) -> None:
        """A collection that falls in the call does not count: nor is it put off for ever."""
        alone = steps(kept)
        for _ in range(100):
            Left()
        self.assertEqual(steps(kept), alone)
        self.assertTrue(gc.isenabled())

    def test_what_is_done_counts(self) -> None:
        """More of the same is more."""
        self.assertLess(
            steps(lambda: sum(n for n in range(3))), steps(lambda: sum(n for n in range(4)))
        )
