"""``scripts/bench membership`` reads sights, ratios and goals right, and writes only its section."""

from __future__ import annotations

import math
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.house import ROOT


class ScriptCase(SynchronousTestCase):
    """With the scripts' own modules."""

    def setUp(self) -> None:
        """The scripts import each other by their bare names."""
        self.patch(sys, "path", [str(ROOT / "scripts"), *sys.path])
        self.figures: Any = import_module("bench_membership_figures")
        self.page: Any = import_module("bench_page")
        self.views: Any = import_module("bench_membership_views")


class SightTests(ScriptCase):
    """What observers said."""

    def seen(self, *said: tuple[float, int, int, str]) -> Any:
        """Sights of these."""
        sights = self.views.Sights()
        for words in said:
            sights.add(self.views.Sight(*words))
        return sights

    def test_first_and_last(self) -> None:
        """A pair's first word of a kind and its last are told apart, others are left out."""
        said = self.seen(
            (1.0, 0, 2, "alive"), (2.0, 0, 2, "suspect"), (3.0, 0, 2, "alive"), (4.0, 1, 2, "alive")
        ).since(0.0)  # fmt: skip
        self.assertEqual(self.views.firsts(said, "alive", {(0, 2)}), {(0, 2): 1.0})
        self.assertEqual(self.views.lasts(said, "alive", {(0, 2)}), {(0, 2): 3.0})

    def test_noted(self) -> None:
        """A word that is only noted is counted and changes nobody's view."""
        sights = self.seen((1.0, 0, 1, "alive"))
        sights.add(self.views.Sight(2.0, 0, 1, "suspect"), noted=True)
        self.assertEqual(sights.state(0, 1), "alive")
        self.assertEqual(len(self.views.verdicts(sights.since(0.0), "suspect")), 1)

    def test_agreement(self) -> None:
        """A view that nobody told yet is not alive."""
        sights = self.seen((1.0, 0, 1, "alive"))
        self.assertFalse(sights.all_are("alive", self.views.everyone(2)))
        self.assertFalse(sights.wait(lambda: False, 0.0))
        sights.add(self.views.Sight(2.0, 1, 0, "alive"))
        self.assertTrue(sights.all_are("alive", self.views.everyone(2)))
        self.assertEqual(sights.tally(self.views.everyone(3)), {"alive": 2, "unknown": 4})

    def test_excused(self) -> None:
        """A verdict over a cut is right; one about the own side is false."""
        said = self.seen((1.0, 0, 2, "unreachable"), (1.0, 0, 1, "unreachable")).since(0.0)
        over = self.views.across([0, 1], [2])
        self.assertEqual(set(over), {(0, 2), (2, 0), (1, 2), (2, 1)})
        false = self.views.verdicts(said, "unreachable", over)
        self.assertEqual([sight.subject for sight in false], [1])


class GoalTests(ScriptCase):
    """Medians, ratios, goals."""

    def samples(self, what: str, ours: list[float], serf: list[float], preset: str = "lan") -> Any:
        """Figures of one kind, run by run."""
        made = [
            self.figures.Figure(what, program, preset, run, value)
            for program, values in (("securechat", ours), ("serf", serf))
            for run, value in enumerate(values)
        ]
        return self.figures.Samples(tuple(made))

    def row(self, what: str) -> Any:
        """The row of a figure."""
        return next(row for row in self.figures.ROWS if row.what == what)

    def test_ratio_by_run(self) -> None:
        """Ratios are taken within a run, and their median is judged."""
        samples = self.samples("cut_last", [1.0, 1.0, 9.0], [10.0, 20.0, 9.0])
        row = self.row("cut_last")
        self.assertEqual(samples.ratios(row, "lan"), [0.1, 0.05, 1.0])
        self.assertTrue(samples.met(row, "lan"))
        self.assertIsNone(samples.met(row, "local"))

    def test_never(self) -> None:
        """What ours never saw misses the goal, also where serf never saw it either."""
        row = self.row("cut_last")
        self.assertFalse(self.samples("cut_last", [math.inf], [math.inf]).met(row, "lan"))
        self.assertTrue(self.samples("cut_last", [1.0], [math.inf]).met(row, "lan"))

    def test_heal_against_local(self) -> None:
        """The heal of either preset is held against serf's local profile."""
        ours = self.samples("heal", [1.0], [2.0]).figures
        local = self.samples("heal", [3.0], [10.0], "local").figures
        samples = self.figures.Samples((*ours, *local))
        row = self.row("heal")
        self.assertEqual(samples.ratios(row, "lan"), [0.1])
        self.assertEqual(samples.met(row, "local"), False)

    def test_false_verdicts_add_up(self) -> None:
        """One false verdict in twenty stops misses a goal whose median would be met."""
        row = self.row("stop_false")
        samples = self.samples("stop_false", [0.0] * 19 + [1.0], [0.0] * 20)
        self.assertEqual(samples.met(row, "lan"), False)
        self.assertEqual(
            self.figures.missed(samples), ["stops: false verdicts, lan: at most 0 verdicts"]
        )
        local = self.samples("stop_false", [5.0], [0.0], "local")
        self.assertIsNone(local.met(row, "local"))

    def test_absolute(self) -> None:
        """What a kill may take by itself is judged without serf, and one slow run misses it."""
        for what, most in (("kill_suspect_last", 0.3), ("kill_last", 1.0)):
            row = self.row(what)
            self.assertTrue(self.samples(what, [most] * 3, []).met(row, "lan"), what)
            slow = self.samples(what, [most / 2, most / 2, most + 0.1], [], "local")
            self.assertEqual(slow.met(row, "local"), False, what)
        both = self.samples("kill_last", [0.9], [1.0])
        self.assertEqual(both.met(self.row("kill_last"), "lan"), False)
        self.assertIsNone(self.samples("cut_first", [1.0], []).met(self.row("cut_first"), "lan"))

    def test_goals_fail_the_run(self) -> None:
        """With --goals a goal that is missed is exit status 1, without it only a line."""
        bench: Any = import_module("bench_membership")
        for slow, goals, status in ((2.0, True, 1), (2.0, False, 0), (0.1, True, 0)):
            plan = bench.Plan(False, 1, 1, 1.0, 1.0, 1.0, 1, ("kill",), None, False, goals)
            figure = self.figures.Figure("kill_last", "securechat", "lan", 0, slow)

            def standing(plan: Any, told: Any, figure: Any = figure) -> list[str]:
                told.figures.append(figure)
                return []

            self.patch(bench, "_standing", standing)
            self.assertEqual(bench.run(plan), status, (slow, goals))

    def test_doubts(self) -> None:
        """Who went to unreachable without a word of suspicion has doubted by then."""
        bench: Any = import_module("bench_membership")
        said = [self.views.Sight(2.0, 0, 1, "suspect"), self.views.Sight(3.0, 0, 1, "unreachable")]
        wanted = [(0, 1), (2, 1), (3, 1)]
        gone = {(0, 1): 3.0, (2, 1): 4.0}
        self.assertEqual(sorted(bench._doubted(said, gone, wanted)), [2.0, 4.0])

    def test_table(self) -> None:
        """The table has a line for what was measured, with its verdict, and none for the rest."""
        lines = self.figures.table(self.samples("kill_last", [0.5, 0.7], [10.0, 10.0]))
        self.assertEqual(len(lines), 3)
        self.assertIn("0.600 (0.500..0.700)", lines[2])
        self.assertTrue(lines[2].endswith("| at most 0.2 of serf and 1 s in each run | met |"))


class PageTests(ScriptCase):
    """The page of figures."""

    def test_section(self) -> None:
        """A section is replaced, also a second time, and the rest stays."""
        text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n"
        once = self.page.placed(text, "x", ["new"])
        self.assertEqual(once, "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nb\n")
        self.assertEqual(self.page.placed(once, "x", ["new"]), once)

    def test_no_section(self) -> None:
        """A page without the section is not touched."""
        self.assertRaises(ValueError, self.page.placed, "a\n", "x", ["new"])

    def test_real_page(self) -> None:
        """The page has a section for each of the commands."""
        text = Path(self.page.PAGE).read_text(encoding="utf-8")
        for section in ("membership", "long", "traffic", "room"):
            self.assertIn("new", self.page.placed(text, section, ["new"]))
