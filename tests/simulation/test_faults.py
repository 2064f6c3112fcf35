"""The plan of a world's faults."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.simulation.faults import COPY, LONGEST, MOST, Trouble, plan


class PlanTests(SynchronousTestCase):
    """What is drawn from a seed."""

    @settings(max_examples=200, deadline=None)
    @given(st.integers(0, 10**9), st.integers(2, 7), st.floats(10, 200))
    def test_bounds(self, seed: int, nodes: int, until: float) -> None:
        """At least three kinds, each no more often than it may, all of them over in time."""
        faults = plan(Random(seed), nodes, until)
        kinds = {fault.what for fault in faults} - {COPY}
        self.assertGreaterEqual(len(kinds), 3)
        for kind in Trouble:
            self.assertLessEqual(sum(fault.what == kind for fault in faults), MOST[kind])
        for fault in faults:
            self.assertLessEqual(fault.at + fault.length, until + 1e-9)
            self.assertTrue(fault.who != fault.other and max(fault.who, fault.other) < nodes)
            if fault.what in LONGEST:
                self.assertLessEqual(fault.length, LONGEST[Trouble(fault.what)])
        self.assertEqual(list(faults), sorted(faults, key=lambda fault: fault.at))

    def test_swarm(self) -> None:
        """Over some seeds every kind is on in some worlds and off in others."""
        worlds = [{fault.what for fault in plan(Random(seed), 4, 75.0)} for seed in range(60)]
        for kind in Trouble:
            self.assertIn(sum(kind in world for world in worlds), range(8, 53), kind)

    def test_copy_before_restore(self) -> None:
        """What is restored was copied before, from the same machine."""
        for seed in range(40):
            copied: set[int] = set()
            for fault in plan(Random(seed), 4, 75.0):
                if fault.what == COPY:
                    copied.add(fault.who)
                elif fault.what == Trouble.RESTORE:
                    self.assertIn(fault.who, copied)

    def test_same_seed(self) -> None:
        """A seed has one plan, and it can be read."""
        one, two = (plan(Random(7), 5, 75.0) for _ in range(2))
        self.assertEqual(one, two)
        self.assertRegex(str(one[0]), r"^ *\d+\.\d{3} s  \w[\w ,-]+ \(node\d, node\d; ")
