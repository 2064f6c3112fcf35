"""A bug planted in membership is seen by a script and its judges; the same seeds pass without it."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.planted_membership import BUGS, Planted, seeds_to_catch, sound

PROPERTIES = {f"P{number}" for number in range(1, 23)}


class PlantedTests(SynchronousTestCase):
    """Each bug of the list."""

    def caught(self, bug: Planted) -> None:
        """It is caught within the seeds it has, all of which are sound without it."""
        took = seeds_to_catch(bug)
        self.assertIsNotNone(took, f"{bug.name}: no seed showed it")
        assert took is not None
        for seed in range(1, took + 1):
            self.assertTrue(sound(bug.script, seed), f"seed {seed} fails without {bug.name}")

    def test_all(self) -> None:
        """There is one for every property; P4 has its own, in ``test_membership_claims``."""
        self.assertEqual({rule for bug in BUGS for rule in bug.rules}, PROPERTIES - {"P4"})
        self.assertEqual(len({bug.name for bug in BUGS}), len(BUGS))

    def test_every_rule(self) -> None:
        """A bug that breaks one of its rules, and not the other, is not caught."""
        (bug,) = (bug for bug in BUGS if bug.name == "links of an earlier process speak")
        self.assertEqual(seeds_to_catch(bug, most=1), 1)
        self.assertIsNone(seeds_to_catch(evolve(bug, rules=(*bug.rules, "P1")), most=1))


def _test(bug: Planted) -> object:
    def test(self: PlantedTests) -> None:
        self.caught(bug)

    test.__doc__ = f"Planted: {bug.name}; caught by {' and '.join(bug.rules)}."
    return test


for _number, _bug in enumerate(BUGS, 1):
    _words = "".join(letter if letter.isalnum() else "_" for letter in _bug.name)
    setattr(PlantedTests, f"test_{_number:02}_{_words}", _test(_bug))
