"""Scripted worlds: what must be seen is seen, in each of them, whatever the delays and the chance."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.simulation.scenarios import SCENARIOS, Scenario, perform
from securechat.simulation.stage import Stage, weigh

SEEDS = (1, 2)
PROPERTIES = {f"P{number}" for number in range(1, 23)}
ELSEWHERE = {"P2", "P4", "P16"}
"""Of every world, or of the claims of one (``test_membership_claims``)."""


class ScenarioTests(SynchronousTestCase):
    """Each script of the list that does not take long."""

    def performed(self, scenario: Scenario) -> None:
        """Nothing is broken in it."""
        for seed in SEEDS:
            broken = [str(violation) for violation in perform(scenario, seed)]
            self.assertEqual(broken, [], f"{scenario.name}, seed {seed}")

    def test_list(self) -> None:
        """The scripts have names of their own, and are about all properties between them."""
        names = [scenario.name for scenario in SCENARIOS]
        self.assertEqual(len(set(names)), len(names))
        rules = {rule for scenario in SCENARIOS for rule in scenario.rules}
        self.assertEqual(PROPERTIES - rules - ELSEWHERE, set())

    def test_same(self) -> None:
        """A script and a seed make one world."""
        told = []
        for _ in range(2):
            stage = Stage(5, 3)
            with stage.watched():
                SCENARIOS[0].play(stage)
            told.append(stage.told)
        self.assertTrue(told[0])
        self.assertEqual(told[0], told[1])

    def test_broken(self) -> None:
        """What is expected and is not so is a violation."""
        stage = Stage(1, 2)
        stage.expect("P8", False, "it is not so")
        stage.must("P9", lambda: False, 1.0, "never")
        self.assertEqual([v.rule for v in stage.violations], ["P8", "P9"])

    def test_weight(self) -> None:
        """What is weighed is all that can be reached, once."""
        shared = ["a"]
        self.assertEqual(weigh([shared, shared]), weigh([shared]))
        self.assertGreater(weigh({"a": [1, 2, 3]}), weigh({"a": [1]}))


def _test(scenario: Scenario) -> object:
    def test(self: ScenarioTests) -> None:
        self.performed(scenario)

    test.__doc__ = f"{scenario.name}: {', '.join(scenario.rules)}."
    return test


for _number, _scenario in enumerate(SCENARIOS, 1):
    if not _scenario.long:
        _words = "".join(letter if letter.isalnum() else "_" for letter in _scenario.name)
        setattr(ScenarioTests, f"test_{_number:02}_{_words}", _test(_scenario))
