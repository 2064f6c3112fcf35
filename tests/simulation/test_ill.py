"""A disk that fails on purpose fails as SQLite does, and the journal tells it in its own words."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import HomeError
from securechat.ids import MemberId
from securechat.journal.failures import DAMAGE, DamageError
from securechat.journal.records import TurnRecord
from securechat.journal.store import Store, StoreError
from securechat.node.dispatch import FACTS
from securechat.simulation.ill import Ill, failing, problem

ROOM = MemberId("r" * 52)
WORDS = {
    Ill.FULL: "disk full",
    Ill.ERROR: "disk error",
    Ill.FAILING: "disk error",
    Ill.LOCKED: "the journal is locked by another program",
    Ill.CORRUPT: DAMAGE,
    Ill.ROTTEN: DAMAGE,
    Ill.LATE: "disk error",
}


class IllTests(SynchronousTestCase):
    """A store on such a disk."""

    def setUp(self) -> None:
        self.ill: Ill | None = None
        self.asked: list[str] = []
        self.store = failing(self.answer).deserialize(b"", FACTS, ROOM)

    def answer(self, sql: str) -> Ill | None:
        """As told, at each commit."""
        self.asked.append(sql)
        return self.ill if sql == "COMMIT" else None

    def turn(self, number: int) -> TurnRecord:
        """A record to be committed."""
        return TurnRecord(number, 1, 1.0)

    def test_told(self) -> None:
        """Each way to fail has the words that the journal has for it; nothing is on disk then."""
        for number, ill in enumerate(Ill, 1):
            self.ill = ill
            failed = self.assertRaises(StoreError, self.store.commit, [], [self.turn(number)])
            self.assertIn(WORDS[ill], str(failed))
            self.assertIsInstance(problem(ill), sqlite3.Error)
            self.assertEqual(self.store.last_turn(), number if ill is Ill.LATE else 0)

    def test_asked(self) -> None:
        """Every statement is asked about: of opening, of a commit, of a probe and of a prune."""
        seen = set(self.asked)
        for do in (
            lambda: self.store.commit([], [self.turn(1)]),
            self.store.probe,
            lambda: self.store.prune(10**12, 1.0, 0),
        ):
            self.asked.clear()
            do()
            self.assertIn("COMMIT", self.asked)
            seen.update(self.asked)
        self.assertGreater(len(seen), 15)

    def test_damaged_twice(self) -> None:
        """A disk on which a new journal is damaged at once, too, is refused in one line."""

        def damaged(store: Store) -> None:
            raise DamageError(DAMAGE)

        self.patch(Store, "_check", damaged)
        path = Path(self.mktemp())
        path.mkdir(mode=0o700)
        refused = self.assertRaises(HomeError, Store.open, path / "journal.db", FACTS, ROOM)
        self.assertEqual(str(refused), f"journal.db: {DAMAGE}, and so is a new one")
