"""A journal that cannot be trusted is set aside, one that is not ours is left alone, in clear words."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import HomeError
from securechat.ids import Hash
from securechat.journal import schema
from securechat.journal.failures import DAMAGE
from securechat.journal.store import Store, StoreError
from securechat.objects import Signed
from securechat.signing import object_hash
from securechat.wire import pack
from tests.journal.kinds import FACTS, ROOM, Count, Held, record, signed, turn

OLDER = schema.SCHEMA - 1
WRITER = """
import sys
from securechat.journal.store import Store
from tests.journal.kinds import FACTS, ROOM, record, signed, turn
store = Store.open(sys.argv[1], FACTS, ROOM)
number = store.last_turn()
while True:
    number += 1
    made = record("last", number, signed(b"%d" % number))
    store.commit([made, record(str(number), number)], [turn(number)])
    print(number, flush=True)
"""


class OpeningTestCase(SynchronousTestCase):
    """A folder for one journal."""

    def setUp(self) -> None:
        """An empty folder; what is made in it is private, as a node's files are."""
        self.addCleanup(os.umask, os.umask(0o077))
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "journal.db"

    def opened(self, room: str = ROOM) -> Store:
        """The journal, closed at the end of the test."""
        store = Store.open(self.path, FACTS, room)
        self.addCleanup(store.close)
        return store

    def filled(self, count: int = 40) -> list[Held]:
        """Write a journal of some pages, and close it; its facts."""
        store = Store.open(self.path, FACTS, ROOM)
        facts = []
        for number in range(count):
            made = record(f"n{number}", number, signed(b"%d" % number * 300, b"%d" % number * 99))
            store.commit([made], [turn(number + 1, made)])
            assert isinstance(made.fact, Held)
            facts.append(made.fact)
        store.close()
        return facts

    def refused(self, room: str = ROOM) -> str:
        """The one line with which opening is refused."""
        problem = self.assertRaises(HomeError, Store.open, self.path, FACTS, room)
        self.assertNotIn("\n", str(problem))
        return str(problem)


class UsableTests(OpeningTestCase):
    """Opening what is sound."""

    def test_reopened_journal_is_as_it_was(self) -> None:
        """What was committed is there after a restart; nothing was set aside."""
        facts = self.filled()
        store = self.opened()
        self.assertEqual(store.set_aside, "")
        self.assertEqual(list(store.replay()), facts)
        self.assertEqual(list(store.replay()), facts)
        self.assertEqual(store.last_turn(), 40)
        item = signed(b"7" * 300, b"7" * 99)
        self.assertEqual(store.object(object_hash(ROOM, item)), item)

    def test_a_commit_before_the_first_replay_is_seen_by_it(self) -> None:
        """The first replay gives what is on disk then, not what was there when it was opened."""
        facts = self.filled()
        store = self.opened()
        store.commit([record("new", 1)], [turn(99)])
        self.assertEqual(list(store.replay()), [*facts, Held("new", 1)])

    def test_files_are_private(self) -> None:
        """Whatever the umask, the journal and its log are readable by their owner alone."""
        before = os.umask(0)
        try:
            store = self.opened()
            store.commit([record("a")], [turn(1)])
        finally:
            os.umask(before)
        modes = {part.name: part.stat().st_mode & 0o777 for part in self.folder.iterdir()}
        self.assertEqual(set(modes.values()), {0o600})
        self.assertIn("journal.db-wal", modes)

    def test_loose_mode_is_refused(self) -> None:
        """A journal or a log that others could read or change is refused with the remedy."""
        self.filled(1)
        beside = self.folder / "journal.db-wal"
        beside.touch(0o600)
        for part in (self.path, beside):
            for mode in (0o644, 0o620, 0o601):
                part.chmod(mode)
                self.assertIn(f"(mode {mode:o}); run: chmod 600 {part}", self.refused())
                self.assertEqual(part.stat().st_mode & 0o777, mode)
            part.chmod(0o600)
        self.assertEqual(self.opened().last_turn(), 1)

    def test_settings_that_make_it_durable(self) -> None:
        """A journal on disk is in WAL mode, syncs each commit and wipes what it deletes."""
        connection = self.opened()._connection
        for name, value in (("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1)):
            self.assertEqual(connection.execute(f"PRAGMA {name}").fetchone(), (value,))

    def test_empty_file_is_a_new_journal(self) -> None:
        """An empty file, as a crash at the very first start leaves it, becomes a journal."""
        self.path.touch()
        store = self.opened()
        self.assertEqual(list(store.replay()), [])
        self.assertEqual(store.set_aside, "")

    def test_copy_of_a_file_in_memory(self) -> None:
        """A journal on disk can be copied into memory and read there."""
        facts = self.filled()
        copy = Store.deserialize(self.opened().serialize(), FACTS, ROOM)
        self.assertEqual(list(copy.replay()), facts)
        self.assertEqual(copy.set_aside, "")

    def test_killed_at_random_moments(self) -> None:
        """A process killed while it commits has on disk all that it had acknowledged."""
        acknowledged = 0
        for _ in range(4):
            writer = subprocess.Popen(
                [sys.executable, "-c", WRITER, str(self.path)],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            assert writer.stdout is not None
            for _ in range(60):
                acknowledged = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:
                acknowledged = int(line)
            writer.wait()
            writer.stdout.close()
            store = Store.open(self.path, FACTS, ROOM)
            self.assertEqual(store.set_aside, "")
            last = store.last_turn()
            self.assertIn(last, (acknowledged, acknowledged + 1))
            facts = list(store.replay())
            self.assertEqual(facts[-2:], [Held("last", last), Held(str(last), last)])
            self.assertEqual(len(facts), last + 1)
            item = signed(b"%d" % last)
            self.assertEqual(store.object(object_hash(ROOM, item)), item)
            store.close()


class RefusedTests(OpeningTestCase):
    """What is not damaged, but not ours to use, stays as it is."""

    def test_another_room(self) -> None:
        """The journal of another room is not taken over."""
        self.filled(1)
        self.assertIn("another room", self.refused("q" * 52))
        self.assertEqual(len(list(self.opened().replay())), 1)

    def test_newer_schema(self) -> None:
        """A journal of a later version is refused with both numbers, and not touched."""
        newer = self.patch(schema, "SCHEMA", 7)
        self.filled(1)
        newer.restore()
        before = self.path.read_bytes()
        words = self.refused()
        self.assertIn("schema 7", words)
        self.assertIn("update", words)
        self.assertEqual(self.path.read_bytes(), before)

    def test_a_database_of_another_program(self) -> None:
        """Another program's database is not written to and not moved."""
        other = sqlite3.connect(self.path)
        other.execute("CREATE TABLE recipes (name)")
        other.commit()
        other.close()
        self.assertIn("another program", self.refused())
        other = sqlite3.connect(self.path)
        self.addCleanup(other.close)
        self.assertEqual(other.execute("SELECT name FROM sqlite_schema").fetchall(), [("recipes",)])

    def test_a_folder_in_its_place(self) -> None:
        """A folder where the journal should be is named, not removed; so is one beside it."""
        self.path.mkdir()
        self.assertIn("journal.db", self.refused())
        self.path.rmdir()
        (self.folder / "journal.db-wal").mkdir()
        self.assertIn("journal.db", self.refused())
        self.assertTrue((self.folder / "journal.db-wal").is_dir())

    def test_not_a_file(self) -> None:
        """A device or a pipe is no journal."""
        os.mkfifo(self.path)
        self.assertIn("not a file", self.refused())

    def test_no_permission(self) -> None:
        """A journal that may not be opened, looked at or moved is named with the reason."""
        self.filled(1)

        def denied(*args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied")

        for name in ("open", "fstat"):
            patched = self.patch(os, name, denied)
            self.assertIn("permission denied", self.refused())
            patched.restore()
        self.path.write_bytes(b"x" * 5000)
        self.patch(os, "rename", denied)
        self.assertIn("cannot be set aside", self.refused())

    def test_a_missing_home(self) -> None:
        """A journal in a folder that is not there is one line."""
        self.path = self.folder / "nowhere" / "journal.db"
        self.assertIn("no such file", self.refused())

    def test_facts_of_a_later_version(self) -> None:
        """Facts that are intact but unknown are not called damage: nothing is set aside."""
        self.filled(1)
        problem = self.assertRaises(HomeError, Store.open, self.path, {"count": Count}, ROOM)
        self.assertIn("this version", str(problem))
        self.assertEqual([part.name for part in self.folder.iterdir()], ["journal.db"])

    def test_a_read_only_journal(self) -> None:
        """If SQLite may only read, the start is refused with the reason."""
        self.filled(1)
        real = sqlite3.connect

        def read_only(name: str, **kwargs: object) -> sqlite3.Connection:
            return real(f"file:{name}?mode=ro", uri=True, isolation_level=None)

        self.patch(sqlite3, "connect", read_only)
        self.path.write_bytes(b"")
        self.assertIn("read-only", self.refused())


class DamageTests(OpeningTestCase):
    """What cannot be trusted is set aside and begun anew; nothing altered is handed out."""

    def test_set_aside(self) -> None:
        """A damaged file is kept under a new name, whole, and the words say which and why."""
        self.filled()
        content = bytearray(self.path.read_bytes())
        content[4096:8192] = b"\xff" * 4096
        self.path.write_bytes(content)
        store = self.opened()
        self.assertIn("damaged", store.set_aside)
        self.assertIn("journal.db.damaged-1", store.set_aside)
        self.assertNotIn("\n", store.set_aside)
        self.assertEqual((self.folder / "journal.db.damaged-1").read_bytes(), content)
        self.assertEqual(list(store.replay()), [])
        store.commit([record("a", 1)], [turn(1)])
        store.close()
        self.path.write_bytes(b"not a database at all" * 300)
        again = self.opened()
        self.assertIn("journal.db.damaged-2", again.set_aside)
        self.assertEqual((self.folder / "journal.db.damaged-1").read_bytes(), content)

    def test_the_newest_stay(self) -> None:
        """Of journals that are set aside the two newest stay, with what SQLite keeps beside them."""
        (self.folder / "journal.db.damaged-0x").write_bytes(b"somebody's own")
        (self.folder / "journal.db.damaged-2").mkdir()
        for number in range(1, 16):
            self.path.write_bytes(b"too short")
            for end in ("-wal", "-shm"):
                Path(f"{self.path}{end}").write_bytes(b"%d" % number)
            store = Store.open(self.path, FACTS, ROOM)
            store.close()
            self.assertIn(f"journal.db.damaged-{number + 2},", store.set_aside)
        # The folder is none of ours, and is no reason not to start.
        left = ["0x", "16", "16-shm", "16-wal", "17", "17-shm", "17-wal", "2"]
        found = sorted(part.name for part in self.folder.iterdir())
        self.assertEqual(found, ["journal.db", *(f"journal.db.damaged-{end}" for end in left)])
        self.assertEqual((self.folder / "journal.db.damaged-17-wal").read_bytes(), b"15")

    def test_an_altered_fact_is_damage(self) -> None:
        """A fact altered within itself, which SQLite cannot notice, is noticed."""
        self.filled()
        body = pack(Held("n7", 7))
        content = self.path.read_bytes()
        self.assertEqual(content.count(body), 1)
        self.path.write_bytes(content.replace(body, pack(Held("n7", 8))))
        self.assertIn("a fact is not what was written", self.opened().set_aside)

    def test_altered_meta_is_damage(self) -> None:
        """A journal that lost or altered what it says of itself is set aside, not refused."""
        for change in (
            "UPDATE meta SET value = 'q' WHERE word = 'room'",
            "UPDATE meta SET value = 'x' WHERE word = 'schema'",
            "DELETE FROM meta",
            "DROP TABLE meta",
            "DROP TABLE facts",
        ):
            self.filled(1)
            other = sqlite3.connect(self.path)
            other.execute(change)
            other.commit()
            other.close()
            store = Store.open(self.path, FACTS, ROOM)
            self.assertIn("damaged", store.set_aside, change)
            self.assertEqual(list(store.replay()), [])
            store.close()
            self.path.unlink()

    def test_truncated_at_each_page(self) -> None:
        """Cut anywhere, a journal is set aside: never a traceback, never a part of it as a whole."""
        facts = self.filled()
        content = self.path.read_bytes()
        for length in [*range(4096, len(content), 4096), 1, 100, 511, 5000, len(content) - 1]:
            self.path.write_bytes(content[:length])
            store = Store.open(self.path, FACTS, ROOM)
            if list(store.replay()) != facts:
                self.assertIn("damaged", store.set_aside, length)
                self.assertEqual(list(store.replay()), [])
            store.close()
            self.path.unlink()

    def test_log_of_another_database(self) -> None:
        """The log of another database beside ours is no crash, and nothing altered comes of it."""
        facts = self.filled()
        other = sqlite3.connect(self.folder / "other.db", isolation_level=None)
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE recipes (name)")
        other.execute("INSERT INTO recipes VALUES (?)", ("x" * 20_000,))
        (self.folder / "journal.db-wal").write_bytes((self.folder / "other.db-wal").read_bytes())
        other.close()
        try:
            store = self.opened()
        except HomeError as problem:
            self.assertIn("another program", str(problem))
        else:
            self.assertIn(list(store.replay()), ([], facts))

    def test_damage_in_memory(self) -> None:
        """A copy that is damaged is begun anew, and says so."""
        self.filled()
        content = bytearray(self.path.read_bytes())
        content[4096:8192] = b"\xff" * 4096
        for damaged in (bytes(content), b"x", b"nothing of the kind" * 100, bytes(content[:5000])):
            store = Store.deserialize(damaged, FACTS, ROOM)
            self.assertIn("damaged", store.set_aside)
            self.assertEqual(list(store.replay()), [])
            store.commit([record("a")], [turn(1)])

    def test_damage_while_it_runs(self) -> None:
        """Rows that are altered while a node runs are left out and counted; replay stops."""
        store = Store.deserialize(b"", FACTS, ROOM)
        item = signed(b"one", b"rides")
        made = record("a", 1, item, about=("x/1",))
        store.commit([made], [turn(1, made)])
        name = object_hash(ROOM, item)
        changes = store._connection.execute
        changes("UPDATE objects SET attachment = x'00'")
        self.assertIsNone(store.object(name))
        changes("UPDATE objects SET purpose = 'nonsense'")
        self.assertIsNone(store.object(name))
        changes("UPDATE facts SET at_ms = at_ms + 1")
        self.assertEqual(store.facts_about("x/1"), ())
        changes("UPDATE turns SET body = CAST(body || x'20' AS BLOB)")
        self.assertEqual(store.turns(), ())
        self.assertEqual(list(store.export()), [])
        self.assertEqual(store.damaged, 5)
        problem = self.assertRaises(StoreError, store.replay)
        self.assertIn("damaged", str(problem))

    def live(self) -> tuple[Store, list[Hash], list[str]]:
        """A journal that is in use, the names of its objects, and what it tells of damage."""
        store, told = self.opened(), list[str]()
        items = [signed(b"%d" % n * 99) for n in range(2000)]
        store.commit([record(f"n{n}", n, item) for n, item in enumerate(items)], [])
        store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        store.broken = told.append
        return store, [object_hash(ROOM, item) for item in items], told

    def spoil(self, store: Store, name: str) -> None:
        """Overwrite the root of a table or an index on the disk."""
        row = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        (page,) = store._connection.execute(row, (name,)).fetchone()
        with self.path.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 64)
        store._connection.execute("PRAGMA shrink_memory")

    def test_an_index_that_is_damaged_while_it_runs(self) -> None:
        """Whoever comes upon it, the store tells of it; the next opening sets the file aside."""
        for number, index in enumerate(("sqlite_autoindex_facts_1", "objects_by_name"), 1):
            store, names, told = self.live()
            self.spoil(store, index)
            failed = self.assertRaises(
                StoreError, store.commit, [record("n1", 2, signed(b"x"))], []
            )
            self.assertEqual((told, str(failed)), ([DAMAGE], DAMAGE))
            store.probe()
            if index == "objects_by_name":
                self.assertIsNone(store.object(names[0]))
                self.assertRaises(StoreError, store.check_objects, 0)
                self.assertEqual(told, [DAMAGE] * 3)
            store.close()
            self.assertIn(f"damaged-{number}", self.opened().set_aside)

    def test_an_index_that_lost_a_row(self) -> None:
        """An object that can be read and not be found is found out by the check."""
        store = Store.deserialize(b"", FACTS, ROOM)
        told = list[str]()
        store.broken = told.append
        store.commit([record("a", 1, signed(b"one"))], [])
        self.assertEqual((store.check_objects(0), told), (0, []))
        (made,) = store._connection.execute(
            "SELECT sql FROM sqlite_schema WHERE name = 'objects_by_name'"
        ).fetchone()
        self.index(store, f"{made} WHERE id < 0")
        store.commit([record("b", 1, signed(b"two"))], [])
        self.index(store, made)
        self.assertIsNone(store.object(object_hash(ROOM, signed(b"two"))))
        self.assertEqual(told, [])
        failed = self.assertRaises(StoreError, store.check_objects, 0)
        self.assertEqual(told, [str(failed)])
        self.assertTrue(told[0].startswith(DAMAGE), told)

    def index(self, store: Store, sql: str) -> None:
        """What SQLite takes the index of names for."""
        store._connection.execute("PRAGMA writable_schema = ON")
        alter = "UPDATE sqlite_schema SET sql = ? WHERE name = 'objects_by_name'"
        store._connection.execute(alter, (sql,))
        store._connection.execute("PRAGMA writable_schema = RESET")

    def test_checked_while_it_runs(self) -> None:
        """A check reads every object in steps, and tells whose are damaged."""
        store = Store.deserialize(b"", FACTS, ROOM)
        many = [record(f"n{n}", 1, signed(f"{n}".encode(), b"rides")) for n in range(1201)]
        store.commit(many, [])
        told: list[str] = []
        store.noticed = told.append
        steps = [store.check_objects(0)]
        while steps[-1]:
            steps.append(store.check_objects(steps[-1]))
        self.assertEqual((len(steps), told), (3, []))
        change = "UPDATE objects SET {} WHERE id >> 16 = (SELECT seq FROM facts WHERE key = ?)"
        spoilt = {"held/n0": "attachment = x'00'", "held/n700": "statement = x'00'"}
        spoilt["held/n1200"] = "signature = x'01'"
        for owner, what in spoilt.items():
            store._connection.execute(change.format(what), (owner,))
        for after in (0, *steps[:-1]):
            store.check_objects(after)
        self.assertEqual(told, list(spoilt))
        self.assertEqual(store.damaged, 3)

    def test_random_overwrites(self) -> None:
        """After 512 random bytes anywhere, 300 times: nothing altered, and no traceback."""
        facts = self.filled(120)
        content = self.path.read_bytes()
        items = [signed(b"%d" % n * 300, b"%d" % n * 99) for n in range(120)]
        store = Store.open(self.path, FACTS, ROOM)
        turns = set(store.turns())
        store.close()
        rng = random.Random(9)
        outcomes = {"set aside": 0, "sound": 0, "refused": 0, "left out": 0}
        for _ in range(300):
            place = rng.randrange(len(content) - 512)
            damaged = content[:place] + rng.randbytes(512) + content[place + 512 :]
            self.path.write_bytes(damaged)
            try:
                store = Store.open(self.path, FACTS, ROOM)
            except HomeError as problem:
                self.assertNotIn("\n", str(problem))
                outcomes["refused"] += 1
                continue
            self.assertIn(list(store.replay()), ([],) if store.set_aside else (facts,))
            for item in items:
                self.assertIn(store.object(object_hash(ROOM, item)), (item, None))
            try:
                self.assertLessEqual(set(store.turns()), turns)
            except StoreError as problem:
                self.assertIn("damaged", str(problem))
            sound = "left out" if store.damaged else "sound"
            outcomes["set aside" if store.set_aside else sound] += 1
            self.assertEqual((self.folder / "journal.db.damaged-1").exists(), bool(store.set_aside))
            store.close()
            for part in self.folder.iterdir():
                part.unlink()
        self.assertGreater(outcomes["set aside"], 100, outcomes)
        self.assertGreater(outcomes["left out"], 50, outcomes)
        self.assertEqual(outcomes["refused"], 0, outcomes)

    def killed(self) -> tuple[list[Held], dict[str, bytes]]:
        """The facts of a journal, and the files that a kill leaves: half of them is in the log."""
        facts = self.filled(60)
        store = Store.open(self.path, FACTS, ROOM)
        for number in range(60, 120):
            made = record(f"n{number}", number, signed(b"%d" % number * 300, b"%d" % number * 99))
            store.commit([made], [turn(number + 1, made)])
            assert isinstance(made.fact, Held)
            facts.append(made.fact)
        left = {end: Path(f"{self.path}{end}").read_bytes() for end in ("", "-wal")}
        store.close()
        return facts, left

    def leave(self, files: dict[str, bytes]) -> None:
        """Nothing but these is there."""
        for part in self.folder.iterdir():
            part.unlink()
        for end, content in files.items():
            Path(f"{self.path}{end}").write_bytes(content)

    def test_random_overwrites_of_what_a_kill_leaves(self) -> None:
        """The same with the log, and with damage in it: at most the last commits are gone."""
        facts, left = self.killed()
        items = [signed(b"%d" % n * 300, b"%d" % n * 99) for n in range(120)]
        rng, outcomes = random.Random(10), dict.fromkeys(("set aside", "whole", "shorter"), 0)
        for _ in range(300):
            end = rng.choice(("", "-wal"))
            content, size = left[end], rng.choice((1, 16, 512))
            place = rng.randrange(len(content) - size)
            spoilt = content[:place] + rng.randbytes(size) + content[place + size :]
            self.leave({**left, end: spoilt})
            store = Store.open(self.path, FACTS, ROOM)
            found = list(store.replay())
            if store.set_aside:
                self.assertEqual(found, [])
            else:
                self.assertEqual(found, facts[: len(found)])
                self.assertGreaterEqual(len(found), 60 if end else 120)
            for item in items:
                self.assertIn(store.object(object_hash(ROOM, item)), (item, None))
            shorter = "shorter" if len(found) < len(facts) else "whole"
            outcomes["set aside" if store.set_aside else shorter] += 1
            store.close()
        self.assertGreater(min(outcomes.values()), 20, outcomes)

    def test_random_overwrites_while_it_runs(self) -> None:
        """In a file that is in use what is read is what was written, or a reading fails."""
        facts = self.filled(120)
        content = self.path.read_bytes()
        items = [signed(b"%d" % n * 300, b"%d" % n * 99) for n in range(120)]
        rng, outcomes = random.Random(11), {"told": 0, "noticed": 0, "nothing": 0}
        for _ in range(200):
            self.leave({"": content})
            store, told, noticed = Store.open(self.path, FACTS, ROOM), list[str](), list[str]()
            store.broken, store.noticed = told.append, noticed.append
            with self.path.open("r+b") as file:
                file.seek(rng.randrange(len(content) - 512))
                file.write(rng.randbytes(512))
            store._connection.execute("PRAGMA shrink_memory")
            failed = self.used(store, facts, items)
            self.assertLessEqual(failed, set(told))
            outcomes["told" if told else "noticed" if noticed else "nothing"] += 1
            store.close()
        self.assertGreater(min(outcomes.values()), 15, outcomes)

    def used(self, store: Store, facts: list[Held], items: list[Signed]) -> set[str]:
        """Whatever a node asks of its journal; with which words it failed."""
        failed = set[str]()
        # The first one is what was read when it was opened.
        self.assertEqual(list(store.replay()), facts)
        for item in items:
            self.assertIn(store.object(object_hash(ROOM, item)), (item, None))
        for do in (
            lambda: self.assertEqual(list(store.replay()), facts),
            lambda: store.commit([record("n7", 8)], [turn(999)]),
            lambda: store.check_objects(0),
            lambda: store.facts_about("x"),
            lambda: store.turns(),
            lambda: list(store.export()),
            lambda: store.prune(0, 1, 0),
            store.probe,
        ):
            try:
                do()
            except StoreError as problem:
                failed.add(str(problem))
        return failed


class MigrationTests(OpeningTestCase):
    """An older journal is brought up to date, once, whole, and with a copy kept."""

    def older(self) -> bytes:
        """A journal of a schema before ours: today's, with a table named otherwise."""
        self.filled(3)
        other = sqlite3.connect(self.path)
        other.execute("ALTER TABLE facts RENAME TO things")
        other.execute("UPDATE meta SET value = ? WHERE word = 'schema'", (str(OLDER),))
        check = schema._check(OLDER, ROOM)
        other.execute("UPDATE meta SET value = ? WHERE word = 'check'", (check,))
        other.commit()
        other.close()
        return self.path.read_bytes()

    def rename(self, connection: schema.Connection) -> None:
        """From that schema to ours."""
        connection.execute("ALTER TABLE things RENAME TO facts")

    def test_older_is_brought_up_to_date(self) -> None:
        """An older journal is migrated after a copy of it was written; the next start needs none."""
        self.older()
        self.patch(schema, "MIGRATIONS", {OLDER: self.rename})
        store = self.opened()
        self.assertEqual([fact.key for fact in store.replay()], ["held/n0", "held/n1", "held/n2"])
        store.close()
        copy = self.folder / "journal.db.bak-1"
        self.assertEqual(copy.stat().st_mode & 0o777, 0o600)
        old = sqlite3.connect(copy)
        self.addCleanup(old.close)
        self.assertEqual(old.execute("SELECT count(*) FROM things").fetchone(), (3,))
        self.patch(schema, "MIGRATIONS", {})
        self.opened()
        self.assertFalse((self.folder / "journal.db.bak-2").exists())

    def test_several_steps_are_one_transaction(self) -> None:
        """If a later step of the way fails, the journal is as it was, and can be tried again."""
        self.older()

        def fails(connection: schema.Connection) -> None:
            connection.execute("INSERT INTO facts (seq) SELECT 1")

        self.patch(schema, "MIGRATIONS", {OLDER: self.rename, schema.SCHEMA: fails})
        self.patch(schema, "SCHEMA", schema.SCHEMA + 1)
        words = self.refused()
        self.assertIn(f"from schema {OLDER} to {OLDER + 2}", words)
        self.assertIn("journal.db.bak-1", words)
        other = sqlite3.connect(self.path)
        self.assertEqual(other.execute("SELECT count(*) FROM things").fetchone(), (3,))
        other.close()

    def test_no_way_from_there(self) -> None:
        """A schema too old to read is refused in one line, before a copy is made."""
        before = self.older()
        self.patch(schema, "MIGRATIONS", {})
        self.assertIn("no longer read", self.refused())
        self.assertEqual(self.path.read_bytes(), before)
        self.assertEqual([part.name for part in self.folder.iterdir()], ["journal.db"])

    def test_no_room_for_a_copy(self) -> None:
        """If the copy cannot be written nothing is migrated, and the reason is told."""
        self.older()
        self.patch(schema, "MIGRATIONS", {OLDER: self.rename})

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        patched = self.patch(os, "fsync", full)
        self.assertIn("no space left", self.refused())
        self.assertEqual([part.name for part in self.folder.iterdir()], ["journal.db"])
        patched.restore()
        self.assertEqual(len(list(self.opened().replay())), 3)

    def test_copies_are_bounded(self) -> None:
        """A way that fails at each start leaves one copy, not one a start; the two newest stay."""
        for number in range(1, 4):
            self.filled(number)
            before = self.older()

            def fails(connection: schema.Connection) -> None:
                raise ZeroDivisionError

            self.patch(schema, "MIGRATIONS", {OLDER: fails})
            for _ in range(3):
                self.assertIn(f"a copy is journal.db.bak-{number}", self.refused())
            copy = self.folder / f"journal.db.bak-{number}"
            self.assertEqual(len(before), copy.stat().st_size)
            self.path.unlink()
        left = sorted(part.name for part in self.folder.glob("*.bak-*"))
        self.assertEqual(left, ["journal.db.bak-2", "journal.db.bak-3"])

    def test_in_memory(self) -> None:
        """A copy in memory of an older journal is migrated as well."""
        content = self.older()
        self.patch(schema, "MIGRATIONS", {OLDER: self.rename})
        self.assertEqual(len(list(Store.deserialize(content, FACTS, ROOM).replay())), 3)
