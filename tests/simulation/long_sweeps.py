"""
What takes too long for every day; trial does not find it by itself.

``python -m twisted.trial tests.simulation.long_sweeps`` runs it, and so does ``check --long``: every
place at which a process can die, every call of a store that can fail, 50 worlds made twice, and every
planted bug looked for from the first seed on.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.simulation import run, sweeps
from securechat.simulation.stories import STORIES
from securechat.simulation.sweeps import CRASH, STORE
from tests.simulation.planted import BUGS, MOST_SEEDS, search
from tests.simulation.traces import traces

SEED = 1
WORLDS = 50
SECONDS = 120.0
FEWEST = 1000
"""Places of a crash sweep at least (``reference/reliability-security.md`` 4.3, R7)."""


class SweepTests(SynchronousTestCase):
    """All places of all stories."""

    def swept(self, what: str) -> int:
        """How many places there were, none of which broke anything."""
        places = [place for story in STORIES for place in sweeps.places(story, SEED, what)]
        broken = [
            f"{found.place}: {found.violations[0]}"
            for found in run.spread(sweeps.perform, places)
            if found.violations
        ]
        self.assertEqual(broken, [])
        return len(places)

    def test_crash(self) -> None:
        """A process dies before each call, statement and write, and after each commit."""
        self.assertGreaterEqual(self.swept(CRASH), FEWEST)

    def test_store(self) -> None:
        """Each statement fails, as a full, broken, locked or damaged disk makes it fail."""
        self.assertGreaterEqual(self.swept(STORE), FEWEST)


class ReplayTests(SynchronousTestCase):
    """Everything follows from the seed."""

    def test_fifty(self) -> None:
        """Fifty worlds have the same traces in a process that keeps its sets in another order."""
        one, other = traces(range(1, WORLDS + 1), SECONDS)
        self.assertEqual(one, other)
        self.assertEqual(len(set(one)), WORLDS)


class PlantedTests(SynchronousTestCase):
    """Every planted bug."""

    def test_all(self) -> None:
        """Each is caught within its seeds, and all seeds up to the one that shows it pass without."""
        for caught in run.spread(search, [bug.name for bug in BUGS]):
            self.assertIsNotNone(caught.took, f"{caught.bug}: none of {MOST_SEEDS} seeds showed it")
            self.assertTrue(caught.clean, f"{caught.bug}: a seed fails without it")
