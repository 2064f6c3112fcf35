"""The token bucket."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.messaging.rates import Bucket


class BucketTests(SynchronousTestCase):
    """A burst, then the rate."""

    def test_burst_then_rate(self) -> None:
        """A burst passes at once, the rest as time goes."""
        bucket = Bucket(10.0, 5.0)
        self.assertEqual([bucket.take(1, 100.0) for _ in range(6)], [True] * 5 + [False])
        self.assertAlmostEqual(bucket.wait(2, 100.0), 0.2)
        self.assertFalse(bucket.take(2, 100.1))
        self.assertTrue(bucket.take(2, 100.2))

    def test_saves_no_more_than_the_burst(self) -> None:
        """An idle hour earns one burst, and a clock that goes back takes nothing."""
        bucket = Bucket(10.0, 5.0)
        self.assertTrue(bucket.take(5, 0.0))
        self.assertFalse(bucket.take(1, -100.0))
        self.assertFalse(bucket.take(6, 3600.0))
        self.assertTrue(bucket.take(5, 3600.0))
        self.assertEqual(bucket.wait(99, 3600.0), 0.5)
