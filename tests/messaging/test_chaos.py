"""Random lives of a room, then the heal: nothing lost, nothing twice, nothing claimed falsely."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.messaging.chaos import play, pruning


class ChaosTests(SynchronousTestCase):
    """Fixed seeds; the simulation plays fresh ones around the real node."""

    def test_restarts_and_cuts(self) -> None:
        """Every post reaches everybody and is acked by all; then the room is quiet."""
        for seed in range(4):
            self.assertEqual(play(seed, lose=False, steps=80), [], f"seed {seed}")

    def test_lost_disks(self) -> None:
        """Lost and restored disks: equal transcripts, digests and gaps, no false ack."""
        for seed in range(100, 106):
            self.assertEqual(play(seed, lose=True, steps=80), [], f"seed {seed}")

    def test_damaged_disks(self) -> None:
        """Texts that are damaged while another has them come again: all have all, acked by all."""
        for seed, lose in ((300, False), (301, False), (303, True)):
            found = play(seed, lose=lose, steps=80 + 40 * lose, count=3 + lose, damage=True)
            self.assertEqual(found, [], f"seed {seed}")

    def test_short_histories(self) -> None:
        """With short histories nothing forgotten comes back, and recovery comes to rest."""
        for seed in range(200, 204):
            self.assertEqual(pruning(seed, steps=80), [], f"seed {seed}")
