"""Ten minutes of kills at random."""

from tests.acceptance.chaos import ChaosCase


class TenMinutes(ChaosCase):
    """Issue 4: at least 150 kills in all."""

    timeout = 1800

    def test_kills_at_random(self) -> None:
        """Everything accepted is everywhere, once, in one order; receipts hold; disks are sound."""
        self.assertGreaterEqual(self.survives(600.0, least=150), 150)
