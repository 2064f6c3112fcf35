"""
Which turn records go, and how much of them at a time.

Too old ones go, and the oldest while there are too many bytes.  The whole node stands still while
rows are deleted, so one step takes at most ``ROWS`` of them and about ``STEP_BYTES``; whoever asked
comes again.  Space that is free for long is given back to the file system in the same small steps, in
files that were made for it; in older ones it is used again.
"""

from __future__ import annotations

from attrs import frozen

from securechat.journal import rows
from securechat.journal.schema import Connection, number, transaction

ROWS = 200
STEP_BYTES = 4 * 1024 * 1024
PAGES = 256
"""Pages that are given back in one step."""
SPARE = 2048
"""Free pages that are always kept: they are used again soon."""
INCREMENTAL = 2
"""What SQLite calls a file that can give pages back one by one."""


@frozen
class Cut:
    """A step: all records up to a turn."""

    turn: int = 0
    rows: int = 0
    bytes: int = 0
    last: bool = True
    """Whether all are within bounds after this step."""


def next_cut(connection: Connection, oldest_ms: int, excess: int) -> Cut:
    """What to drop next: what is older than that, and as many bytes as are too many."""
    cut = Cut()
    for turn, at_ms, size in connection.execute(rows.OLDEST_TURNS, (ROWS,)).fetchall():
        if cut.bytes >= excess and at_ms >= oldest_ms:
            return cut
        if cut.bytes >= STEP_BYTES:
            break
        cut = Cut(turn, cut.rows + 1, cut.bytes + size)
    return Cut(cut.turn, cut.rows, cut.bytes, last=cut.rows == 0)


def drop(connection: Connection, cut: Cut) -> None:
    """Take this step."""
    with transaction(connection):
        for row in connection.execute(rows.FIRST_TURNS, (cut.turn,)).fetchall():
            connection.executemany(rows.DROP_TURN_ABOUT, rows.about_turn(row))
        connection.execute(rows.DROP_TURNS, (cut.turn,))


def give_back(connection: Connection) -> bool:
    """Give some free pages back, if there are many; whether it did."""
    if number(connection, "PRAGMA auto_vacuum") != INCREMENTAL:
        return False
    free = number(connection, "PRAGMA freelist_count")
    if free <= max(SPARE, number(connection, "PRAGMA page_count") // 4):
        return False
    # As a script: stepped as a query it gives back one page, whatever number it is asked for.
    connection.executescript(f"PRAGMA incremental_vacuum({PAGES});")
    return True
