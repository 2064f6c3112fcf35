"""
The tables of the journal, whose file it is, and the way from an older schema to ours.

A journal says of itself which program, which schema and which room it is of.  An older schema is
brought up to date in one transaction, after a copy was written; a newer one, another program's
database and another room's journal are refused in one line and stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from securechat.errors import HomeError
from securechat.journal.failures import DAMAGE, DamageError
from securechat.journal.files import write_copy

SCHEMA = 2
APPLICATION = 0x73636A6C
"""Marks a file as a journal of securechat ("scjl")."""

CREATE = """
CREATE TABLE meta (word TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE facts (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, word TEXT NOT NULL,
    body BLOB NOT NULL, turn INTEGER NOT NULL, at_ms INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;
CREATE TABLE objects (id INTEGER PRIMARY KEY, name INTEGER NOT NULL, purpose TEXT NOT NULL,
    statement BLOB NOT NULL, signature BLOB NOT NULL, attachment BLOB NOT NULL,
    crc INTEGER NOT NULL) STRICT;
CREATE INDEX objects_by_name ON objects (name);
CREATE TABLE turns (turn INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, body BLOB NOT NULL,
    crc INTEGER NOT NULL) STRICT;
CREATE TABLE facts_about (id INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (id, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE turns_about (id INTEGER NOT NULL, turn INTEGER NOT NULL,
    PRIMARY KEY (id, turn)) STRICT, WITHOUT ROWID;
"""

META = "INSERT OR REPLACE INTO meta (word, value) VALUES (?, ?)"


class Connection(Protocol):
    """What is used of an SQLite connection; only ``store`` makes one."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def executescript(self, script: str, /) -> Any:
        """Run statements to their end."""
        ...

    def execute(self, sql: str, parameters: Any = ..., /) -> Any:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        """Run one statement for many rows."""
        ...

    def serialize(self) -> bytes:
        """The whole database as bytes."""
        ...


SCHEMA_2 = """
ALTER TABLE objects RENAME TO objects_before;
CREATE TABLE objects (id INTEGER PRIMARY KEY, name INTEGER NOT NULL, purpose TEXT NOT NULL,
    statement BLOB NOT NULL, signature BLOB NOT NULL, attachment BLOB NOT NULL,
    crc INTEGER NOT NULL) STRICT;
INSERT INTO objects
    SELECT (seq << 16) + row_number() OVER (PARTITION BY seq ORDER BY id) - 1, name, purpose,
        statement, signature, attachment, objects_before.crc
    FROM objects_before JOIN facts ON key = owner;
DROP TABLE objects_before;
CREATE INDEX objects_by_name ON objects (name);
DROP INDEX facts_about_by_seq;
DROP INDEX turns_about_by_turn;
"""
"""Objects lie under the number of the fact that owns them, and what led back to ids is left out."""


def _each(connection: Connection, script: str) -> None:
    """Statement by statement: a script run at once would end the transaction that it is in."""
    for statement in script.split(";\n"):
        connection.execute(statement)


MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {1: lambda old: _each(old, SCHEMA_2)}
"""From each older schema to the next; all that are needed run in one transaction."""


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All or nothing: whatever is raised inside, the file is as before."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def number(connection: Connection, query: str) -> int:
    """The one number that a query gives, 0 for none."""
    (value,) = connection.execute(query).fetchone()
    return int(value or 0)


def settle(connection: Connection, room: str, path: Path | None) -> None:
    """Make the tables of an empty file; check whose a full one is, and bring it up to date."""
    if not number(connection, "SELECT count(*) FROM sqlite_schema"):
        _create(connection, room)
    if number(connection, "PRAGMA application_id") != APPLICATION:
        raise HomeError("the journal is another program's database; move it away")
    schema = _read_meta(connection, room)
    if schema > SCHEMA:
        text = f"the journal has schema {schema}, this securechat reads up to {SCHEMA}; update it"
        raise HomeError(text)
    if schema < SCHEMA:
        _migrate(connection, room, path, schema)


def _create(connection: Connection, room: str) -> None:
    # Only a file that is made for it can give pages back one by one.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    with transaction(connection):
        _each(connection, CREATE)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        _write_meta(connection, room)


def _write_meta(connection: Connection, room: str) -> None:
    rows = {"schema": str(SCHEMA), "room": room, "check": _check(SCHEMA, room)}
    connection.executemany(META, rows.items())


def _read_meta(connection: Connection, room: str) -> int:
    """The schema; HomeError if it is another room's."""
    meta = dict(connection.execute("SELECT word, value FROM meta"))
    try:
        schema, written = int(meta["schema"]), meta["room"]
    except (KeyError, ValueError):
        raise DamageError(DAMAGE) from None
    if meta.get("check") != _check(schema, written):
        raise DamageError(DAMAGE)
    if written != room:
        raise HomeError("the journal belongs to another room; move it away")
    return schema


def _check(schema: int, room: str) -> str:
    return str(crc32(f"{schema} {room}".encode()))


def _migrate(connection: Connection, room: str, path: Path | None, schema: int) -> None:
    steps = range(schema, SCHEMA)
    if any(step not in MIGRATIONS for step in steps):
        raise HomeError(f"the journal has schema {schema}, which is no longer read")
    copy = f"; a copy is {write_copy(path, connection.serialize()).name}" if path else ""
    try:
        with transaction(connection):
            for step in steps:
                MIGRATIONS[step](connection)
            _write_meta(connection, room)
    except Exception as problem:
        # Not damage: a file that passed its check must not be set aside for our mistake.
        text = f"the journal cannot be brought from schema {schema} to {SCHEMA}{copy}"
        raise HomeError(text) from problem
