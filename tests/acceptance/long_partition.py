"""A partition in which each side says a thousand, and a thousand posts that all have pruned."""

from __future__ import annotations

from tests.acceptance import test_recovery

BOUND = 15.0
"""Seconds from the heal to equal digests everywhere (issue 4)."""


class ThousandOnEachSide(test_recovery.Partition):
    """The same partition with more to tell."""

    timeout = 600
    count = 1000

    def healed_in(self, seconds: float) -> None:
        """Within the issue's bound; that the same digest is the same order is compared afterwards."""
        self.assertLessEqual(seconds, BOUND, f"equal digests after {seconds:.1f} s")


class ThousandPruned(test_recovery.Pruned):
    """The same pruning with more that is gone."""

    timeout = 600
    keep, total, portion = 500, 1500, 250
