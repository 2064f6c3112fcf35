"""
A disk that fails at a chosen call, as SQLite tells it: for the store sweep (``sweeps``).

The journal's own code runs on it, the statements of a prune, a probe and an open included.  What the
simulation looks up by itself is never counted and never fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum
from typing import Any, cast

from attrs import define, frozen

from securechat.journal.store import FAILURES, Store

WRITES = ("INSERT", "DELETE", "UPDATE", "REPLACE", "COMMIT", "CREATE")


class Ill(Enum):
    """How it fails."""

    FULL = "disk full"
    ERROR = "disk error"
    FAILING = "disk error for a while"
    LOCKED = "locked by another program"
    CORRUPT = "damaged"
    ROTTEN = "damaged for good"
    LATE = "committed, and told as failed"


@frozen
class Told:
    """What SQLite then says."""

    code: str
    words: str
    lasts: Callable[[str], bool]
    """Which further statements fail, for as long as it lasts."""


def _writes(sql: str) -> bool:
    return sql.lstrip().upper().startswith(WRITES)


def _begins(sql: str) -> bool:
    return sql.startswith("BEGIN")


CHECK = "PRAGMA integrity_check"


def _of_facts(sql: str) -> bool:
    """As where the index of facts is damaged: who reads them in a row, or probes, sees nothing."""
    return sql.startswith((CHECK, "INSERT INTO facts ", "DELETE FROM facts "))


def _none(sql: str) -> bool:
    return False


def _all(sql: str) -> bool:
    return sql != "ROLLBACK"


TOLD: dict[Ill, Told] = {
    Ill.FULL: Told("SQLITE_FULL", "database or disk is full", _writes),
    Ill.ERROR: Told("SQLITE_IOERR_WRITE", "disk I/O error", _none),
    Ill.FAILING: Told("SQLITE_IOERR_READ", "disk I/O error", _all),
    Ill.LOCKED: Told("SQLITE_BUSY", "database is locked", _begins),
    Ill.CORRUPT: Told("SQLITE_CORRUPT", "database disk image is malformed", _none),
    Ill.ROTTEN: Told("SQLITE_CORRUPT", "database disk image is malformed", _of_facts),
    Ill.LATE: Told("SQLITE_IOERR_FSYNC", "disk I/O error", _none),
}


def problem(ill: Ill) -> Exception:
    """The exception, of the kind that the journal takes for SQLite's."""
    told = TOLD[ill]
    found: Any = FAILURES[0](told.words)
    found.sqlite_errorname = told.code
    return cast(Exception, found)


Asked = Callable[[str], Ill | None]
"""Told of each statement: how it fails, if it does."""


@define(eq=False)
class Connection:
    """An SQLite connection whose statements may fail."""

    _true: Any
    """SQLite's own."""
    _asked: Asked

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._true.in_transaction)

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement, or fail before it, or after it."""
        return self._run(sql, lambda: self._true.execute(sql, parameters))

    def executemany(self, sql: str, parameters: Iterable[Any]) -> Any:
        """The same with many rows."""
        return self._run(sql, lambda: self._true.executemany(sql, parameters))

    def executescript(self, script: str) -> Any:
        """The same with statements of which nothing is wanted."""
        return self._run(script, lambda: self._true.executescript(script))

    def serialize(self) -> bytes:
        """The content: nothing fails here, since nobody but the simulation asks for it."""
        return bytes(self._true.serialize())

    def deserialize(self, content: bytes) -> None:
        """Begin with this content."""
        self._true.deserialize(content)

    def close(self) -> None:
        """Close."""
        self._true.close()

    def _run(self, sql: str, do: Callable[[], Any]) -> Any:
        ill = self._asked(sql)
        if ill is Ill.LATE:
            do()
        if ill is not None:
            raise problem(ill)
        return do()


def failing(asked: Asked, left: Callable[[bytes], None] | None = None) -> type[Store]:
    """
    A store whose statements are asked about, and fail as they are told to.

    ``left`` is told what is on the disk when it is closed, also by who ends while it is opened.
    """

    @define(eq=False)
    class Failing(Store):
        """One open journal on a disk that may fail."""

        def __attrs_post_init__(self) -> None:
            self._connection = cast(Any, Connection(self._connection, asked))

        def close(self) -> None:
            """Close; an open transaction is dropped."""
            self._rollback()
            if left is not None:
                with suppress(*FAILURES):  # of what was never written to
                    left(self._connection.serialize())
            super(Failing, self).close()  # noqa: UP008 - attrs makes the class anew

    return Failing
