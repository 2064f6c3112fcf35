"""Scripted worlds: what must be seen is seen, in each of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from securechat.simulation import scenarios
from securechat.simulation.scenarios import SCENARIOS, Scenario, perform
from securechat.simulation.scenes import DAY
from securechat.simulation.scenes_days import day_apart
from securechat.simulation.stage import Stage, weigh

SEED = 1
"""Other delays and other chances come with each ``check --long``."""
PROPERTIES = {f"P{number}" for number in range(1, 23)}
ELSEWHERE = {"P2", "P4", "P16"}
"""Of every world, or of the claims of one (``test_membership_claims``)."""


class ScenarioTests(SynchronousTestCase):
    """Each script of the list that does not take long."""

    def performed(self, scenario: Scenario) -> None:
        """Nothing is broken in it."""
        broken = [str(violation) for violation in perform(scenario, SEED)]
        self.assertEqual(broken, [], f"{scenario.name}, seed {SEED}")

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


class DayTests(SynchronousTestCase):
    """The day that two sides spend apart, cut down to minutes."""

    def broken(self, nodes: int = 5, **changed: object) -> list[str]:
        """What breaks on a stage that is changed in this way."""
        for name, value in changed.items():
            self.patch(Stage, name, value)
        scenario = Scenario("a day", ("P13",), nodes, partial(day_apart, seconds=80.0))
        return [violation.text for violation in perform(scenario, 3)]

    def test_kept(self) -> None:
        """Both sides post, and after the heal all shows everywhere, once."""
        self.assertEqual(self.broken(), [])

    def test_never_mended(self) -> None:
        """A room that stays apart is told, and so are its posts, which do not come over."""
        found = self.broken(mend=lambda stage, *ways: None)
        self.assertTrue(any("the views are equal" in text for text in found), found)
        self.assertTrue(any("all posts are shown" in text for text in found), found)

    def test_a_post_is_lost(self) -> None:
        """One member whose words are dropped is enough to be told."""
        say = Stage.say
        found = self.broken(say=lambda stage, who, text: who == 4 or say(stage, who, text))
        self.assertEqual(["all posts are shown" in text for text in found], [True], found)

    def test_long_scripts_have_fresh_seeds(self) -> None:
        """Several of the seeds that are asked for, more than a day, in a room of more than 12 too."""
        asked: list[tuple[Scenario, int]] = []

        def spread(_: object, worlds: list[tuple[Scenario, int]]) -> Iterator[list[object]]:
            asked.extend(worlds)
            return iter([[] for _ in worlds])

        self.patch(scenarios, "spread", spread)
        self.assertEqual(scenarios.play_all(range(70, 90), lambda line: None), 0)
        days = [one for one in SCENARIOS if one.play is scenarios.DAY_APART]
        self.assertGreater(scenarios.DAY_APART.keywords["seconds"], DAY)
        self.assertGreater(max(one.nodes for one in days), 12)
        for one in SCENARIOS:
            seeds = [seed for scenario, seed in asked if scenario is one]
            self.assertEqual(seeds, list(range(70, 73 if one.long else 90)), one.name)


def _test(scenario: Scenario) -> object:
    def test(self: ScenarioTests) -> None:
        self.performed(scenario)

    test.__doc__ = f"{scenario.name}: {', '.join(scenario.rules)}."
    return test


for _number, _scenario in enumerate(SCENARIOS, 1):
    if not _scenario.long:
        _words = "".join(letter if letter.isalnum() else "_" for letter in _scenario.name)
        setattr(ScenarioTests, f"test_{_number:02}_{_words}", _test(_scenario))
