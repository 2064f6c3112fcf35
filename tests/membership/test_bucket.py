"""How many changed claims of one member are taken from others."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.membership.bucket import Bucket
from securechat.settings import Settings

SETTINGS = Settings()


class BucketTests(SynchronousTestCase):
    """A burst, then a rate."""

    def test_burst_then_rate(self) -> None:
        """A burst is taken at once, and from then on two a second."""
        bucket = Bucket(SETTINGS.claims_burst, 0.0)
        taken = sum(bucket.take(0.0, SETTINGS) for _ in range(1000))
        self.assertEqual(taken, SETTINGS.claims_burst)
        taken = sum(bucket.take(second / 100, SETTINGS) for second in range(1001))
        self.assertIn(taken, range(19, 22))

    def test_rest(self) -> None:
        """A long rest gives a burst, never more."""
        bucket = Bucket(0.0, 0.0)
        taken = sum(bucket.take(1e6, SETTINGS) for _ in range(1000))
        self.assertEqual(taken, SETTINGS.claims_burst)
