"""Journals of all schemas are read by today's code, and the newest schema is still what it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Forget, Record
from securechat.ids import Hash
from securechat.inputs import Asked, Instant, Say
from securechat.journal.records import TurnRecord, turn_record
from securechat.journal.rows import crc, short
from securechat.journal.schema import SCHEMA
from securechat.journal.store import Store
from securechat.signing import object_hash
from tests.journal.kinds import ADA, BOOT, FACTS, ROOM, Count, Held, signed

GOLDEN = Path(__file__).parent / "golden"
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
    """The golden journals, one of each schema."""

    def test_todays_code_reads_it(self) -> None:
        """Every fact, object and turn record of a journal of any schema is read as it was written."""
        for number in range(1, SCHEMA + 1):
            self.read(self.copied(number))

    def copied(self, number: int) -> Path:
        """The golden journal of a schema."""
        path = Path(self.mktemp())
        connection = sqlite3.connect(path)
        connection.executescript((GOLDEN / f"v{number}.sql").read_text(encoding="utf-8"))
        connection.close()
        path.chmod(0o600)
        return path

    def read(self, path: Path) -> None:
        """All that can be asked of it."""
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

    def test_brought_up_to_date_it_is_as_if_made_today(self) -> None:
        """After its migration a journal of an older schema has the tables and rows of today's."""
        today = (GOLDEN / f"v{SCHEMA}.sql").read_text(encoding="utf-8")
        for number in range(1, SCHEMA):
            path = self.copied(number)
            Store.open(path, FACTS, ROOM).close()
            self.assertEqual(self.dumped(path), today)

    def test_objects_find_their_owners_in_a_newer_schema(self) -> None:
        """Of a fact that owns several objects each is still there, and goes with the fact alone."""
        path = self.copied(1)
        items = [signed(b"%d" % number) for number in range(5)]
        old = sqlite3.connect(path)
        insert = "INSERT INTO objects VALUES (NULL, ?, 0, ?, 'envelope', ?, ?, x'', ?)"
        for number, item in enumerate(items):
            name, owner = short(object_hash(ROOM, item)), ("held/post", "count")[number % 2]
            values = (name, owner, item.statement, item.signature, crc(b"", item.signature))
            old.execute(insert, values)
        old.commit()
        old.close()
        store = Store.open(path, FACTS, ROOM)
        self.addCleanup(store.close)
        self.assertEqual([store.object(object_hash(ROOM, item)) for item in items], items)
        store.commit([Record(Forget(("held/post",)))], [])
        left = [item for item in items if store.object(object_hash(ROOM, item))]
        self.assertEqual(left, items[1::2])

    def test_the_newest_schema_is_what_it_was(self) -> None:
        """The same commits give the same tables and rows: a change needs a new schema number."""
        path = Path(self.mktemp())
        store = Store.open(path, FACTS, ROOM)
        for records, made in turns():
            store.commit(records, [made])
        store.close()
        today = (GOLDEN / f"v{SCHEMA}.sql").read_text(encoding="utf-8")
        self.assertEqual(self.dumped(path), today)

    def dumped(self, path: Path) -> str:
        """A journal as SQL."""
        connection = sqlite3.connect(path)
        self.addCleanup(connection.close)
        return dump(connection)
