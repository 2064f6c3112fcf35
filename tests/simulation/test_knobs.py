"""Some worlds have smaller limits, and each such world is marked."""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from securechat.settings import Settings
from securechat.simulation import knobs

WORLDS = 200


class KnobTests(SynchronousTestCase):
    """What is drawn, and how often."""

    def test_histories(self) -> None:
        """A part of all worlds keeps few posts, and no world does that says how many it keeps."""
        marks: Counter[str] = Counter()
        drawn = [knobs.histories(Random(seed), Settings(), marks) for seed in range(WORLDS)]
        short = [one.history_posts for one in drawn if one != Settings()]
        self.assertEqual(marks, {"a world of short histories": len(short)})
        self.assertIn(len(short), range(10, 60))
        self.assertTrue(all(15 <= posts <= 50 for posts in short))
        said = Settings(history_posts=1000)
        for seed in range(WORLDS):
            self.assertIs(knobs.histories(Random(seed), said, marks), said)
        self.assertEqual(marks.total(), len(short))

    def test_turns(self) -> None:
        """A part of all worlds handles one or two inputs in a turn."""
        marks: Counter[str] = Counter()
        drawn = [knobs.turns(Random(seed), Settings(), marks) for seed in range(WORLDS)]
        short = [one.turn_inputs for one in drawn if one != Settings()]
        self.assertEqual(marks, {"a world of short turns": len(short)})
        self.assertIn(len(short), range(30, 90))
        self.assertEqual(set(short), {1, 2})
