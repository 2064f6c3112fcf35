"""
The journal on disk: one SQLite file, one connection, used synchronously in the reactor's thread.

- A commit is one transaction: the facts of a turn, the signed objects they own, and turn records.
  It is on disk when ``commit`` returns (WAL, synchronous=FULL), and not at all if it raises.
- A fact replaces the fact of the same key and takes a new ``seq``, so replay is in commit order and
  the file is bounded by what is kept.  Deleted content is overwritten (secure_delete).
- A damaged file is set aside when it is opened, and a new one begun.  What cannot be used but is
  not damaged (a folder, another room, a newer schema) is a HomeError, and stays as it is.
- No altered row is handed out, also when damage comes later: it is counted, told and left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, field

from securechat.effects import Fact, Record
from securechat.errors import HomeError, RemoteError, SecurechatError
from securechat.ids import Hash
from securechat.journal import rows
from securechat.journal.failures import DAMAGE, OUTSIDE, DamageError, reason
from securechat.journal.files import make_file, move_aside, size_of
from securechat.journal.pruning import drop, give_back, next_cut
from securechat.journal.records import FactCodec, StoredFact, TurnRecord
from securechat.journal.rows import Batch, Row, fact_of, gather, short, signed_of, tag, turn_of
from securechat.journal.schema import META, number, settle, transaction
from securechat.journal.writing import write_facts, write_objects, write_turns
from securechat.objects import Signed

T = TypeVar("T")

FAILURES = (sqlite3.Error, UnicodeError)
"""What SQLite raises; text that is no UTF-8 is found in damaged files alone."""
MAX_WAL = 4 * 1024 * 1024
SMALLEST = 100
"""Bytes of the header of an SQLite file: what is shorter it takes for a new, empty one."""
PROBE = 64 * 1024
"""Bytes that a probe writes."""
LOCK_WAIT = 0.05
"""Seconds that another program's lock is waited for: the whole node stands still meanwhile."""
CHUNK = 500
"""Rows an export or a check reads at a time: no read stays open between them."""


class StoreError(SecurechatError):
    """The journal failed; of a commit, nothing is on disk.  The reason is one line."""


@define(eq=False)
class Store:
    """One open journal."""

    _connection: sqlite3.Connection
    _codec: FactCodec
    room: str
    path: Path | None = None
    """None in memory."""
    set_aside: str = ""
    """If a damaged file was found: in which way, and where it is now."""
    before: Callable[[str], None] | None = None
    """Told each step of a commit before it is taken; may raise, as a fault or as a crash."""
    noticed: Callable[[str], None] = lambda owner: None
    """Told the key of each fact of which an object was read that is not what was written."""
    broken: Callable[[str], None] = lambda reason: None
    """Told when SQLite finds the file damaged: it is for the next opening to set it aside."""
    commits: int = field(default=0, init=False)
    damaged: int = field(default=0, init=False)
    """Rows left out because they are not what was written."""
    turn_bytes_written: int = field(default=0, init=False)
    """Bytes of turn records that were committed since it was opened."""
    _turn_bytes: int | None = field(default=None, init=False)
    """Bytes of all turn records, if they were counted."""
    _seq: int | None = field(default=None, init=False)
    """The number of the last fact, unless a commit failed that may be on disk all the same."""
    _first: list[Fact] | None = field(default=None, init=False)
    """The facts as read when the file was checked, for the first replay."""
    erased: bool = field(default=True, init=False)
    """Whether the WAL may still hold what was deleted, if only by a process that was killed."""

    # Opening.

    @classmethod
    def open(cls, path: str | Path, facts: Mapping[str, type[Any]], room: str) -> Store:
        """Open or begin the journal of a room; HomeError if it cannot be used as it is."""
        if str(path) == ":memory:":
            return cls.deserialize(b"", facts, room)
        file = Path(path)
        try:
            return cls._opened(file, facts, room)
        except DamageError as damage:
            place = move_aside(file)
            words = f"{damage}; it is kept as {place.name}, and a new one was begun"
        try:
            store = cls._opened(file, facts, room)
        except DamageError as damage:
            raise HomeError(f"{file.name}: {damage}, and so is a new one") from None
        store.set_aside = words
        return store

    @classmethod
    def deserialize(cls, content: bytes, facts: Mapping[str, type[Any]], room: str) -> Store:
        """A journal in memory from the bytes of another; one that is damaged is begun anew."""
        try:
            return cls._in_memory(content, facts, room)
        except DamageError as damage:
            words = f"{damage}; a new one was begun"
        store = cls._in_memory(b"", facts, room)
        store.set_aside = words
        return store

    @classmethod
    def _opened(cls, file: Path, facts: Mapping[str, type[Any]], room: str) -> Store:
        if 0 < make_file(file) < SMALLEST:
            raise DamageError(DAMAGE)
        store = cls(_connect(str(file)), FactCodec(facts), room, file)
        store._make_ready()
        return store

    @classmethod
    def _in_memory(cls, content: bytes, facts: Mapping[str, type[Any]], room: str) -> Store:
        store = cls(_connect(":memory:"), FactCodec(facts), room)
        if content[18:20] == b"\2\2":
            # Written in WAL mode, which a journal in memory cannot be in.
            content = content[:18] + b"\1\1" + content[20:]
        store._make_ready(content)
        return store

    def _make_ready(self, content: bytes = b"") -> None:
        """Check, migrate and read; closes the connection if any of it fails."""
        name = self.path.name if self.path else "the journal"
        try:
            if content:
                self._connection.deserialize(content)
            self._check()
            self._connection.execute("PRAGMA secure_delete = ON")
            settle(self._connection, self.room, self.path)
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(f"PRAGMA journal_size_limit = {MAX_WAL}")
            self._connection.execute(f"PRAGMA journal_mode = {'WAL' if self.path else 'MEMORY'}")
            self._first = [stored.fact for stored in self._facts()]
            self._seq = self._last_fact()
        except FAILURES as problem:
            self.close()
            words = reason(problem)
            outside = words in OUTSIDE
            raise (HomeError(f"{name}: {words}") if outside else DamageError(words)) from None
        except RemoteError as problem:
            self.close()
            if problem.reason == "altered":
                raise DamageError(f"{DAMAGE} ({problem.detail})") from None
            text = f"{name} holds what this version of securechat cannot read: {problem.detail}"
            raise HomeError(text) from None
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        # The indexes are checked too: one that lost a row would make a message vanish silently.
        self._connection.execute("PRAGMA cell_size_check = ON")
        (verdict,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise DamageError(DAMAGE)

    # Writing.

    def commit(self, records: Sequence[Record], turns: Sequence[TurnRecord]) -> None:
        """Put these on disk, all or nothing; StoreError if it was nothing."""
        if not records and not turns:
            return
        try:
            seq = self._last_fact() if self._seq is None else self._seq
            batch = gather(records, turns, self._codec, self.room, seq)
        except RemoteError as problem:
            raise StoreError(f"a fact cannot be stored: {problem.detail}") from None
        except FAILURES as problem:
            raise self._failure(reason(problem)) from None
        self._first = None
        try:
            self._write(batch)
        except FAILURES as problem:
            self._rollback()
            # What is reported as failed may be on disk all the same.
            self._turn_bytes = self._seq = None
            raise self._failure(reason(problem)) from None
        except BaseException:
            self._rollback()
            raise
        self._count(batch)
        self.commits += 1
        self._step("committed")

    def _last_fact(self) -> int:
        return number(self._connection, "SELECT max(seq) FROM facts")

    def _count(self, batch: Batch) -> None:
        """What is on disk now."""
        self._seq = batch.seq
        written = sum(len(body) for _, _, body, _ in batch.turns)
        self.turn_bytes_written += written
        if self._turn_bytes is not None:
            self._turn_bytes += written

    def _write(self, batch: Batch) -> None:
        self._step("begin")
        self._connection.execute("BEGIN IMMEDIATE")
        if batch.facts or batch.forgotten:
            self._step("fact")
            self.erased = write_facts(self._connection, batch, self._codec) or self.erased
        if batch.owned:
            self._step("object")
            write_objects(self._connection, batch)
        if batch.turns:
            self._step("turn")
            write_turns(self._connection, batch)
        self._step("commit")
        self._connection.execute("COMMIT")

    def _step(self, name: str) -> None:
        if self.before is not None:
            self.before(name)

    def probe(self) -> None:
        """Write and commit what a busy turn would; StoreError if that cannot be done."""
        try:
            self._step("begin")
            # A row so small that the last bytes of a full disk take it would prove nothing.
            for value in ("-" * PROBE, ""):
                with transaction(self._connection):
                    self._connection.execute(META, ("probe", value))
        except FAILURES as problem:
            raise self._failure(reason(problem)) from None

    def prune(self, now_ms: int, days: float, limit: int) -> int:
        """
        Drop some turn records: those older than ``days``, and the oldest above ``limit`` bytes.

        One short step, to be asked for again until it gives 0: how many it dropped, or 1 if it gave
        free space back.  The last one wipes what was deleted, facts included, from the WAL as well,
        unless somebody reads the file just then: it stays ``erased``.
        """
        try:
            if self._turn_bytes is None:
                self._turn_bytes = number(self._connection, rows.TURN_BYTES)
            oldest_ms = now_ms - int(days * 86_400_000)
            cut = next_cut(self._connection, oldest_ms, self._turn_bytes - limit)
            if cut.rows:
                drop(self._connection, cut)
                self._turn_bytes -= cut.bytes
                self.erased = True
            given, busy = not cut.rows and give_back(self._connection), False
            if cut.last and (self.erased or given) and self.path is not None:
                wiped = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                busy = wiped.fetchone()[0] != 0
        except FAILURES as problem:
            self._turn_bytes = None
            raise self._failure(reason(problem)) from None
        self.erased = busy if cut.last else self.erased
        return cut.rows or int(given)

    # Reading.

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as problem:
            raise self._failure(reason(problem)) from None

    def _failure(self, words: str) -> StoreError:
        if words.startswith(DAMAGE):
            self.broken(words)
        return StoreError(words)

    def replay(self) -> Iterator[Fact]:
        """All facts in commit order, all read before the first is given; StoreError if damaged."""
        facts, self._first = self._first, None
        if facts is None:
            try:
                with self._reading():
                    facts = [stored.fact for stored in self._facts()]
            except RemoteError as problem:
                raise self._failure(f"{DAMAGE} ({problem.detail})") from None
        return iter(facts)

    def _facts(self) -> Iterator[StoredFact]:
        for row in self._connection.execute(rows.ALL_FACTS):
            yield fact_of(row, self._codec)

    def last_turn(self) -> int:
        """The highest turn number on disk; 0 in a new journal."""
        with self._reading():
            return max(number(self._connection, query) for query in rows.LAST_TURN)

    def object(self, name: Hash) -> Signed | None:
        """A stored object, only if it is the one of this hash; else None, counted if damaged."""
        try:
            for row in self._connection.execute(rows.OBJECT, (short(name),)).fetchall():
                with suppress(RemoteError):
                    return signed_of(row, name, self.room)
                self._damaged(row)
        except FAILURES as problem:
            self.damaged += 1
            self._failure(reason(problem))
        return None

    def check_objects(self, after: int) -> int:
        """Read the next objects after one, ``noticed`` hears of damage; the last read, 0 at the end."""
        with self._reading():
            found = self._connection.execute(rows.NEXT_OBJECTS, (after, CHUNK)).fetchall()
        for row in (row for row in found if not rows.sound(row, self.room)):
            self._damaged(row)
        if not all(row[7] for row in found):
            raise self._failure(f"{DAMAGE} (an object is not found by its name)")
        return found[-1][-1] if len(found) == CHUNK else 0

    def _damaged(self, row: Row) -> None:
        self.damaged += 1
        if row[5] is not None:
            self.noticed(str(row[5]))

    def facts_about(self, name: str) -> tuple[StoredFact, ...]:
        """The facts kept that are part of the story of an id, in commit order."""
        with self._reading():
            found = self._connection.execute(rows.FACTS_ABOUT, (tag(name),)).fetchall()
        facts = self._sound(lambda row: fact_of(row, self._codec), found)
        return tuple(stored for stored in facts if name in stored.fact.about)

    def turns(self, last: int | None = None, about: str | None = None) -> tuple[TurnRecord, ...]:
        """The latest turn records, oldest first; with ``about``, those that speak of an id."""
        limit = -1 if last is None else last
        with self._reading():
            if about is None:
                found = self._connection.execute(rows.LAST_TURNS, (limit,)).fetchall()
            else:
                values = (tag(about), limit)
                found = self._connection.execute(rows.LAST_TURNS_ABOUT, values).fetchall()
        turns = self._sound(turn_of, reversed(found))
        return tuple(turn for turn in turns if about is None or about in turn.about)

    def export(self, after: int = -1) -> Iterator[TurnRecord]:
        """All turn records after a turn, oldest first; commits may go on meanwhile."""
        while True:
            with self._reading():
                found = self._connection.execute(rows.NEXT_TURNS, (after, CHUNK)).fetchall()
            if not found:
                return
            after = found[-1][0]
            yield from self._sound(turn_of, found)

    def _sound(self, read: Callable[[Row], T], found: Iterable[Row]) -> Iterator[T]:
        """The rows that are what was written; the others are counted."""
        for row in found:
            try:
                yield read(row)
            except RemoteError:
                self.damaged += 1

    def size(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        if self.path is not None:
            return size_of(self.path)
        with self._reading():
            pages = number(self._connection, "PRAGMA page_count")
            return pages * number(self._connection, "PRAGMA page_size")

    # The end, and copies.

    def serialize(self) -> bytes:
        """A copy of what is committed, for ``deserialize``; not to be asked for inside a commit."""
        with self._reading():
            if self._connection.in_transaction:
                raise StoreError("a copy was asked for inside a commit")
            return self._connection.serialize()

    def crash(self) -> None:
        """Drop what is not committed, and close."""
        self.close()

    def close(self) -> None:
        """Close; an open transaction is dropped."""
        self._rollback()
        self._connection.close()

    def _rollback(self) -> None:
        with suppress(*FAILURES):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _connect(name: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(name, timeout=LOCK_WAIT, isolation_level=None)
    except FAILURES as problem:
        raise HomeError(reason(problem)) from None
