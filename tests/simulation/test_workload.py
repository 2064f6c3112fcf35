"""What people do in a simulated world."""

from __future__ import annotations

from random import Random

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.settings import MAX_TEXT
from securechat.simulation.faults import plan
from securechat.simulation.workload import (
    BREATH,
    DOUBT,
    What,
    acquaintances,
    acts,
    arrivals,
    doubts,
    in_two,
)


class WorkloadTests(SynchronousTestCase):
    """Drawn from a seed."""

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 10**9), st.integers(2, 7))
    def test_acts(self, seed: int, nodes: int) -> None:
        """Every text is said once, by one member, not to itself, and is short enough."""
        rng = Random(seed)
        done = acts(rng, nodes, plan(rng, nodes, 60.0), 65.0)
        said = [act for act in done if act.what is What.SAY]
        texts = [act.text for act in said]
        self.assertEqual(len(texts), len(set(texts)))
        self.assertLessEqual(max(len(text.encode()) for text in texts), MAX_TEXT)
        for act in said:
            self.assertTrue(act.who != act.to and act.who < nodes and act.at >= 1.0)
        by_text = {act.text: act for act in said}
        for act in done:
            first = by_text[act.text]
            self.assertEqual(evolve(act, at=first.at, what=What.SAY), first)
            self.assertTrue(first.at <= act.at <= 65.0)
            self.assertFalse(act.what is What.AGAIN and act.nonce is None)
            self.assertFalse(act.what is What.CANCEL and act.to is None)
        self.assertTrue(any(act.to is None for act in said))

    def test_mixture(self) -> None:
        """Over some seeds there are direct messages, bursts, long texts, second thoughts."""
        said = [act for seed in range(9) for act in acts(Random(seed), 4, (), 60.0)]
        self.assertGreater(sum(act.to is not None for act in said), 30)
        self.assertGreater(sum("part 9 of" in act.text for act in said), 0)
        self.assertGreater(sum(len(act.text) > 1000 for act in said), 0)
        self.assertGreater(sum("part 70 of" in act.text for act in said), 0)
        for what in What:
            self.assertGreater(sum(act.what is what for act in said), 10, what)

    def test_doubts(self) -> None:
        """Some direct messages are cancelled after their deadline; nothing else is changed by that."""
        said = acts(Random(1), 4, (), 60.0)
        more = doubts(Random(1), said, 60.0)
        fresh = [act for act in more if act not in said]
        self.assertEqual([act for act in more if act in said], list(said))
        self.assertGreater(len(fresh), 0)
        first = {act.text: act for act in said if act.what is What.SAY}
        for act in fresh:
            self.assertEqual((act.what, act.to is None), (What.CANCEL, False))
            self.assertGreaterEqual(act.at, first[act.text].at + DOUBT[0])

    def test_in_two(self) -> None:
        """Some direct messages have a second one at their heels; every text is still said once."""
        said = acts(Random(1), 4, (), 60.0)
        more = in_two(Random(1), said)
        fresh = [act for act in more if act not in said]
        self.assertEqual([act for act in more if act in said], list(said))
        self.assertGreater(len(fresh), 0)
        for act in fresh:
            close = [x for x in said if (x.who, x.to) == (act.who, act.to) and x.at <= act.at]
            self.assertLessEqual(act.at - close[-1].at, BREATH)
        texts = [act.text for act in more if act.what is What.SAY]
        self.assertEqual(len(texts), len(set(texts)))

    def test_a_room_that_hangs_together(self) -> None:
        """Each node but the first knows the address of an earlier one; some come much later."""
        late = 0
        for seed in range(30):
            rng = Random(seed)
            known = acquaintances(rng, 5)
            self.assertEqual(known[0], ())
            self.assertTrue(all(row[0] < index for index, row in enumerate(known) if index))
            times = arrivals(rng, 5, 60.0)
            self.assertLessEqual(max(times), 48.0)
            late += max(times) > 2.0
        self.assertIn(late, range(5, 26))
