"""The journal stays within its limits while much is written, in short steps."""

from __future__ import annotations

from typing import cast

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.journal.pruning import ROWS
from securechat.journal.store import Store, StoreError
from securechat.node.dispatch import FACTS
from securechat.node.pruning import Pruning
from securechat.settings import KIB, Settings
from tests.journal.kinds import ROOM, turn

LIMIT = 640 * KIB
DAY_MS = 86_400_000


@define(slots=False)
class Watched(Store):
    """A journal that keeps what each step of pruning gave, and may fail."""

    failing: bool = False
    steps: list[int] = field(factory=list)

    def prune(self, now_ms: int, days: float, limit: int) -> int:
        """One step."""
        if self.failing:
            raise StoreError("disk error")
        self.steps.append(super().prune(now_ms, days, limit))
        return self.steps[-1]


@define
class Busy:
    """A journal in memory, its pruning on a virtual clock, and what each step did."""

    store: Watched = field(factory=lambda: cast(Watched, Watched.deserialize(b"", FACTS, ROOM)))
    clock: Clock = field(factory=Clock)
    wall: int = 0
    pruning: Pruning = field(init=False)
    _turn: int = 0

    def __attrs_post_init__(self) -> None:
        settings = Settings(record_bytes=LIMIT, record_days=1)
        self.pruning = Pruning(self.store, self.clock, lambda: self.wall, settings)

    @property
    def steps(self) -> list[int]:
        """What each step gave."""
        return self.store.steps

    def write(self, count: int, size: int = 1000) -> None:
        """As many turns, of about so many bytes each."""
        made = [turn(self._turn + n, causes=("x" * size,)) for n in range(1, count + 1)]
        self._turn += count
        self.store.commit([], made)

    def kept(self) -> int:
        """Turn records that are there."""
        return len(self.store.turns())


class PruningTests(SynchronousTestCase):
    """When and how much is pruned."""

    def setUp(self) -> None:
        """An empty journal."""
        self.busy = Busy()
        self.busy.pruning.start()
        self.busy.clock.advance(1)

    def test_erased(self) -> None:
        """What was deleted is wiped within half a minute, and then there is quiet again."""
        self.busy.pruning.stop()
        self.busy.pruning.start()
        self.busy.steps.clear()
        self.busy.store.erased = True
        self.busy.clock.pump([1] * 40)
        self.assertEqual((self.busy.steps, self.busy.store.erased), ([0], False))

    def test_quiet(self) -> None:
        """While little is written nothing is asked of the disk for ten minutes."""
        self.busy.steps.clear()
        self.busy.write(5)
        self.busy.clock.pump([1] * 500)
        self.assertEqual(self.busy.steps, [])
        self.busy.wall = 2 * DAY_MS
        self.busy.clock.pump([1] * 200)
        self.assertEqual(self.busy.steps, [5, 0])
        self.assertEqual(self.busy.kept(), 0)

    def test_much_at_once(self) -> None:
        """Much more than the limit is back within it in seconds, by steps of few rows."""
        self.busy.write(5000)
        self.busy.clock.advance(1)
        self.busy.clock.pump([0.05] * 30)
        self.assertEqual(set(self.busy.steps[1:-2]), {ROWS})
        self.assertEqual(max(self.busy.steps), ROWS)
        self.assertLess(self.busy.kept(), 700)
        self.assertGreater(self.busy.kept(), 500)
        self.assertEqual(self.busy.store.turns()[-1].turn, 5000)

    def test_large_records(self) -> None:
        """A step of large records is short as well."""
        self.busy.write(100, 200_000)
        self.busy.steps.clear()
        self.busy.clock.advance(1)
        self.busy.clock.pump([0.05] * 20)
        self.assertLess(max(self.busy.steps), 25)
        self.assertEqual(self.busy.kept(), 3)

    def test_steady(self) -> None:
        """Under a steady load the records exceed their limit by a sixteenth and a second's worth."""
        for _ in range(100):
            self.busy.write(20)
            self.busy.clock.advance(1)
        self.assertLess(self.busy.kept(), 700)
        self.assertLess(len(self.busy.steps), 100)

    def test_failing_disk(self) -> None:
        """A disk that fails is told, and tried again later."""
        self.busy.store.failing = True
        self.busy.write(2000)
        self.busy.clock.advance(1)
        self.busy.store.failing = False
        self.busy.clock.pump([1] * 601)
        self.busy.clock.pump([0.05] * 20)
        self.assertLess(self.busy.kept(), 700)

    def test_stop(self) -> None:
        """A node that stops leaves no call behind."""
        self.busy.pruning.stop()
        self.busy.pruning.stop()
        self.assertEqual(self.busy.clock.getDelayedCalls(), [])
