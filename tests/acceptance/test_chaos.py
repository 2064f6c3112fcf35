"""Half a minute of kills at random."""

from tests.acceptance.chaos import ChaosCase


class HalfAMinute(ChaosCase):
    """Also in every check."""

    timeout = 400

    def test_kills_at_random(self) -> None:
        """Everything accepted is everywhere, once, in one order; receipts hold; disks are sound."""
        self.assertGreater(self.survives(30.0), 0)
