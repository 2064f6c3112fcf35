"""A journal written by the first version is read by today's, and schema 1 is still what it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Forget, Record
from securechat.ids import Hash
from securechat.inputs import Asked, Instant, Say
from securechat.journal.records import TurnRecord, turn_record
from securechat.journal.store import Store
from securechat.signing import object_hash
from tests.journal.kinds import ADA, BOOT, FACTS, ROOM, Count, Held, signed

GOLDEN = Path(__file__).parent / "golden" / "v1.sql"
POST = f"{ADA}/3~{BOOT}/17"
OBJECT = signed(b"a statement", b"what rides with it")


def turns() -> list[tuple[list[Record], TurnRecord]]:
    """What the golden journal was made of."""
    first = [Record(Count(1)), Record(Held("post", 1, (POST,), "", "envelope 1f"), (OBJECT,))]
    second = [Record(Count(2)), Record(Held("gone", 1), (signed(b"gone"),))]
    third = [Record(Forget(("held/gone",)))]
    say = Asked(1, Say("not in the journal"))
    return [
        (records, turn_record(number, Instant(number / 2, 1000 + number), [say], records))
        for number, records in enumerate((first, second, third), 1)
    ]


def dump(connection: sqlite3.Connection) -> str:
    """A database as SQL, one statement after the other."""
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    return "\n".join([f"PRAGMA application_id = {mark};", *connection.iterdump(), ""])


class GoldenTests(SynchronousTestCase):
    """The golden journal of schema 1."""

    def test_todays_code_reads_it(self) -> None:
        """Every fact, object and turn record of a journal of schema 1 is read as it was written."""
        path = Path(self.mktemp())
        connection = sqlite3.connect(path)
        connection.executescript(GOLDEN.read_text(encoding="utf-8"))
        connection.close()
        path.chmod(0o600)
        store = Store.open(path, FACTS, ROOM)
        self.addCleanup(store.close)
        self.assertEqual(store.set_aside, "")
        held = Held("post", 1, (POST,), "", "envelope 1f")
        self.assertEqual(list(store.replay()), [held, Count(2)])
        self.assertEqual(store.object(object_hash(ROOM, OBJECT)), OBJECT)
        self.assertIsNone(store.object(Hash(object_hash(ROOM, signed(b"gone")))))
        (about,) = store.facts_about(POST)
        self.assertEqual((about.fact, about.turn, about.at_ms), (held, 1, 1001))
        self.assertEqual(store.turns(), tuple(record for _, record in turns()))
        self.assertEqual([made.turn for made in store.turns(about=POST)], [1])
        self.assertEqual((store.last_turn(), store.damaged), (3, 0))

    def test_schema_1_is_what_it_was(self) -> None:
        """The same commits give the same tables and rows: a change needs a new schema number."""
        path = Path(self.mktemp())
        store = Store.open(path, FACTS, ROOM)
        for records, made in turns():
            store.commit(records, [made])
        store.close()
        connection = sqlite3.connect(path)
        self.addCleanup(connection.close)
        self.assertEqual(dump(connection), GOLDEN.read_text(encoding="utf-8"))
