"""
What one commit changes in the tables, inside its transaction.

The fact of a key takes the place of the one before.  That one is read first: what leads to it is
found by what it says, and its objects by its number, so that neither needs an index.  Of a key that
is new, as that of every post, nothing is looked for but the key.
"""

from __future__ import annotations

from itertools import chain

from securechat.journal import rows
from securechat.journal.records import FactCodec
from securechat.journal.rows import Batch, Row, about_fact, span
from securechat.journal.schema import Connection


def write_facts(connection: Connection, batch: Batch, codec: FactCodec) -> bool:
    """The facts that are new, replaced or gone; whether objects or facts were deleted for good."""
    erased = bool(batch.forgotten)
    for key in batch.touched:
        before = connection.execute(rows.FACT, (key,)).fetchone()
        if before is not None:
            erased = _drop(connection, batch, before, codec) or erased
    connection.executemany(rows.KEEP_FACT, batch.facts.values())
    connection.executemany(rows.KEEP_FACT_ABOUT, chain.from_iterable(batch.about.values()))
    return erased


def _drop(connection: Connection, batch: Batch, before: Row, codec: FactCodec) -> bool:
    """A fact gives way; its objects go too, or stay with the key if no others are named."""
    seq, key = before[:2]
    connection.execute(rows.DROP_FACT, (seq,))
    connection.executemany(rows.DROP_FACT_ABOUT, about_fact(before, codec))
    if key in batch.owned:
        return bool(connection.execute(rows.DROP_OBJECTS, span(seq)).rowcount)
    new, _ = span(batch.facts[key][0])
    connection.execute(rows.MOVE_OBJECTS, (*span(seq), new))
    return False


def write_objects(connection: Connection, batch: Batch) -> None:
    """The objects that are new."""
    connection.executemany(rows.KEEP_OBJECT, batch.objects)


def write_turns(connection: Connection, batch: Batch) -> None:
    """The turn records."""
    connection.executemany(rows.KEEP_TURN, batch.turns)
    connection.executemany(rows.KEEP_TURN_ABOUT, batch.turns_about)
