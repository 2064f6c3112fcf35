"""A bug planted in the product is seen by the simulation; the same seeds pass without it."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.settings import Settings
from securechat.simulation.world import World
from tests.simulation.planted import BUGS, seed_that_shows, sound
from tests.simulation.planting import Planted


class PlantedTests(SynchronousTestCase):
    """Each bug of the list."""

    def caught(self, bug: Planted) -> None:
        """It is caught in a world that is sound without it."""
        seed = seed_that_shows(bug)
        if "I13" in bug.rules:
            self.flushLoggedErrors(LookupError)  # The bug itself, which the world has judged.
        self.assertIsNotNone(seed, f"{bug.name}: no seed showed it")
        assert seed is not None
        self.assertTrue(sound(seed), f"seed {seed} fails without {bug.name}")

    def test_many(self) -> None:
        """There are at least twenty, of different names, against different promises."""
        self.assertGreaterEqual(len(BUGS), 20)
        self.assertEqual(len({bug.name for bug in BUGS}), len(BUGS))
        self.assertGreaterEqual(len({rule for bug in BUGS for rule in bug.rules}), 8)

    def test_short_histories(self) -> None:
        """Also where posts are pruned, a claim of what was never stored is told as one."""
        (bug,) = (bug for bug in BUGS if bug.name == "frontier claims its holes")
        short = evolve(Settings(), history_posts=30)
        worlds = [World(3, 4, 60.0, settings=short, prunes=True) for _ in range(2)]
        self.assertEqual(worlds[0].run().violations, ())
        with bug.plant():
            broken = worlds[1].run().violations
        self.assertTrue(any("not all on its disk" in str(one) for one in broken), broken)
        self.assertGreater(worlds[0].marks["posts were pruned"], 0)


def _test(bug: Planted) -> object:
    def test(self: PlantedTests) -> None:
        self.caught(bug)

    test.__doc__ = f"Planted: {bug.name}; caught by {' or '.join(bug.rules)}."
    return test


for _number, _bug in enumerate(BUGS, 1):
    _words = "".join(letter if letter.isalnum() else "_" for letter in _bug.name)
    setattr(PlantedTests, f"test_{_number:02}_{_words}", _test(_bug))
