"""How a node sees its own pace."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.membership.health import HEALTHY, LocalHealth
from securechat.settings import Settings


class HealthTests(SynchronousTestCase):
    """The local health score."""

    def setUp(self) -> None:
        """A node that does well."""
        self.health = LocalHealth(Settings())

    def test_bounds(self) -> None:
        """The score stays between 0 and 7, and multiplies by 1 to 8."""
        self.health.better()
        self.assertEqual((self.health.score, self.health.factor), (0, 1))
        for _ in range(20):
            self.health.worse()
        self.assertEqual((self.health.score, self.health.factor), (7, 8))
        for _ in range(20):
            self.health.better()
        self.assertEqual(self.health.score, 0)

    def test_healthy(self) -> None:
        """One thing that went wrong does not silence an observer; two do."""
        self.health.worse()
        self.assertLessEqual(self.health.told, HEALTHY)
        self.health.worse()
        self.assertGreater(self.health.told, HEALTHY)

    def test_cut_off(self) -> None:
        """Who hears nobody keeps its pace, does not count, and begins anew when it hears somebody."""
        for _ in range(5):
            self.health.worse()
        self.health.hears(False)
        self.health.worse()
        self.assertEqual((self.health.cut_off, self.health.factor), (True, 1))
        self.assertGreater(self.health.told, HEALTHY)
        self.health.hears(False)
        self.health.hears(True)
        self.assertEqual((self.health.cut_off, self.health.score), (False, 0))


class SuspicionTests(SynchronousTestCase):
    """How long a suspicion lasts, by the formula."""

    def test_alone(self) -> None:
        """A lone observer waits 12 T up to twelve members, 16 T and more above; of two, 8 T."""
        lan = Settings()
        self.assertEqual(lan.suspicion(2, 0, 0, 0), 8)
        self.assertEqual(lan.suspicion(5, 0, 2, 0), 12)
        self.assertEqual(lan.suspicion(5, 0, 0, 0), 12)
        self.assertAlmostEqual(lan.suspicion(32, 0, 3, 0), 24.08, places=2)
        self.assertAlmostEqual(Settings(preset="local").suspicion(5, 0, 2, 0), 2.4)

    def test_confirmed(self) -> None:
        """Each of K confirmations shortens it, down to 4 T; more than K change nothing."""
        lan = Settings()
        lasts = [lan.suspicion(5, confirmed, 2, 0) for confirmed in range(5)]
        self.assertEqual(lasts, sorted(lasts, reverse=True))
        self.assertAlmostEqual(lasts[1], 6.95, places=2)
        self.assertEqual(lasts[2:], [4.0, 4.0, 4.0])
        self.assertEqual(lan.suspicion(3, 1, 1, 0), 4)
        self.assertEqual(lan.suspicion(5, 1, 1, 0), 4)

    def test_unwell(self) -> None:
        """It is multiplied by the local health score + 1."""
        for members, confirmed in ((2, 0), (5, 0), (5, 2), (40, 1)):
            well = Settings().suspicion(members, confirmed, 2, 0)
            self.assertEqual(Settings().suspicion(members, confirmed, 2, 3), 4 * well)
