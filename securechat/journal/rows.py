"""
How facts, objects and turn records become rows of the journal's tables, and come back.

- A row that is read must be the row that was written: facts, records and what rides with an object
  carry a CRC over all their columns, the signed bytes of an object are checked by its hash.
- Ids and objects are looked up by 64 bits of a hash, which keeps the indexes small; a reader checks
  what it found.
- A commit waits for each page that it changes, so there is no index but what reading needs: objects
  lie under the number of the fact that owns them, and the ids that a row is about are read from the
  row itself when it goes.
- The rows of one commit are gathered first: what comes later for a key wins, as if each record were
  a commit of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from zlib import crc32

from attrs import define, field

from securechat.effects import Forget, Record
from securechat.errors import RemoteError
from securechat.ids import Hash
from securechat.journal.records import (
    FactCodec,
    StoredFact,
    TurnRecord,
    decode_turn,
    encode_turn,
)
from securechat.objects import Purpose, Signed
from securechat.signing import object_hash

KEEP_FACT = """INSERT INTO facts (seq, key, word, body, turn, at_ms, crc)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
KEEP_FACT_ABOUT = "INSERT OR IGNORE INTO facts_about (id, seq) VALUES (?, ?)"
DROP_FACT = "DELETE FROM facts WHERE seq = ?"
DROP_FACT_ABOUT = "DELETE FROM facts_about WHERE id = ? AND seq = ?"
FACT = "SELECT seq, key, word, body, turn, at_ms, crc FROM facts WHERE key = ?"
ALL_FACTS = "SELECT seq, key, word, body, turn, at_ms, crc FROM facts ORDER BY seq"
FACTS_ABOUT = """SELECT seq, key, word, body, turn, at_ms, crc
    FROM facts_about JOIN facts USING (seq) WHERE id = ? ORDER BY seq"""

OWNER_BITS = 16
"""The number of an object is that of the fact that owns it, and behind it in so many bits its place."""
KEEP_OBJECT = """INSERT INTO objects (id, name, purpose, statement, signature, attachment, crc)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
DROP_OBJECTS = "DELETE FROM objects WHERE id BETWEEN ? AND ?"
MOVE_OBJECTS = "UPDATE objects SET id = id - ?1 + ?3 WHERE id BETWEEN ?1 AND ?2"
OBJECT = """SELECT purpose, statement, signature, attachment, objects.crc, key
    FROM objects LEFT JOIN facts ON seq = id >> 16 WHERE name = ?"""
# A row that the index has lost can be read here, and is found by nobody who asks for it.
NEXT_OBJECTS = """SELECT purpose, statement, signature, attachment, objects.crc, key, name,
        EXISTS (SELECT 1 FROM objects AS found INDEXED BY objects_by_name
            WHERE found.name = objects.name AND found.id = objects.id),
        id
    FROM objects LEFT JOIN facts ON seq = id >> 16 WHERE id > ? ORDER BY id LIMIT ?"""

# A record that reached the disk although its commit was reported as failed may come again.
KEEP_TURN = "INSERT OR REPLACE INTO turns (turn, at_ms, body, crc) VALUES (?, ?, ?, ?)"
KEEP_TURN_ABOUT = "INSERT OR IGNORE INTO turns_about (id, turn) VALUES (?, ?)"
DROP_TURNS = "DELETE FROM turns WHERE turn <= ?"
DROP_TURN_ABOUT = "DELETE FROM turns_about WHERE id = ? AND turn = ?"
FIRST_TURNS = "SELECT turn, at_ms, body, crc FROM turns WHERE turn <= ?"
LAST_TURNS = "SELECT turn, at_ms, body, crc FROM turns ORDER BY turn DESC LIMIT ?"
LAST_TURNS_ABOUT = """SELECT turn, at_ms, body, crc
    FROM turns_about JOIN turns USING (turn) WHERE id = ? ORDER BY turn DESC LIMIT ?"""
NEXT_TURNS = "SELECT turn, at_ms, body, crc FROM turns WHERE turn > ? ORDER BY turn LIMIT ?"
OLDEST_TURNS = "SELECT turn, at_ms, length(body) FROM turns ORDER BY turn LIMIT ?"
TURN_BYTES = "SELECT sum(length(body)) FROM turns"
LAST_TURN = ("SELECT max(turn) FROM turns", "SELECT max(turn) FROM facts")

Row = tuple[Any, ...]


def tag(name: str) -> int:
    """
    The number under which an id or a key is looked up.

    The number at the end of a name stays as it is, so that what follows each other in a stream lies
    side by side in an index: a commit then writes few pages.
    """
    head = name.rstrip("0123456789")
    return _high(head) + int(name[len(head) :][-9:] or 0)


@lru_cache(maxsize=1024)
def _high(head: str) -> int:
    """The upper half of a tag: the same for all posts of a stream."""
    digest = blake2b(head.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big", signed=True) << 32


def short(name: Hash) -> int:
    """The number under which an object is looked up."""
    return int.from_bytes(name[:8], "big", signed=True)


def span(seq: int) -> tuple[int, int]:
    """The first and the last number that objects of a fact may have."""
    return seq << OWNER_BITS, ((seq + 1) << OWNER_BITS) - 1


def crc(body: bytes, *columns: object) -> int:
    """The check of a row: over its largest column and all others."""
    return crc32(body, crc32(repr(columns).encode()))


@define
class Batch:
    """The rows of one commit; ``seq`` is the last one used."""

    seq: int
    turns: list[Row] = field(factory=list)
    turns_about: list[tuple[int, int]] = field(factory=list)
    facts: dict[str, Row] = field(factory=dict)
    about: dict[str, list[tuple[int, int]]] = field(factory=dict)
    owned: dict[str, list[Row]] = field(factory=dict)
    """For each key whose objects change: all that it owns from now on, but for their numbers."""
    forgotten: dict[str, None] = field(factory=dict)

    @property
    def touched(self) -> Iterable[str]:
        """Keys whose facts are replaced or gone."""
        return {**self.facts, **self.forgotten}

    @property
    def objects(self) -> Iterator[Row]:
        """All objects that are new, under the numbers of their owners."""
        for key, owned in self.owned.items():
            if owned:
                first, _ = span(self.facts[key][0])
                yield from ((first + place, *row) for place, row in enumerate(owned))


def gather(
    records: Iterable[Record], turns: Sequence[TurnRecord], codec: FactCodec, room: str, seq: int
) -> Batch:
    """
    The rows of one commit; its facts belong to the last of its turns.

    RemoteError ``corrupt`` if a fact could not be read again.
    """
    batch = Batch(seq)
    turn, at_ms = (turns[-1].turn, turns[-1].wall_ms) if turns else (0, 0)
    for record in records:
        if isinstance(record.fact, Forget):
            _forget(batch, record.fact.keys)
        else:
            _keep(batch, record, codec, room, (turn, at_ms))
    for made in turns:
        body = encode_turn(made)
        batch.turns.append((made.turn, made.wall_ms, body, crc(body, made.turn, made.wall_ms)))
        batch.turns_about += [(tag(name), made.turn) for name in made.about]
    return batch


def _forget(batch: Batch, keys: Iterable[str]) -> None:
    for key in keys:
        batch.facts.pop(key, None)
        batch.about.pop(key, None)
        batch.owned[key] = []
        batch.forgotten[key] = None


def _keep(batch: Batch, record: Record, codec: FactCodec, room: str, when: tuple[int, int]) -> None:
    fact = record.fact
    assert not isinstance(fact, Forget)
    key = fact.key
    word, body = codec.encode(fact)
    batch.seq += 1
    columns = (batch.seq, key, word, *when)
    batch.facts[key] = (batch.seq, key, word, body, *when, crc(body, *columns))
    batch.about[key] = [(tag(name), batch.seq) for name in fact.about]
    if record.objects:
        names = {object_hash(room, signed): signed for signed in record.objects}
        if len(names) > 1 << OWNER_BITS:
            raise RemoteError("corrupt", f"{type(fact).__name__}: owns too many objects")
        batch.owned[key] = [_object_row(name, signed) for name, signed in names.items()]


def about_fact(row: Row, codec: FactCodec) -> list[tuple[int, int]]:
    """What leads to a row of ``facts``; of one that was altered it stays, and leads nowhere."""
    try:
        return [(tag(name), row[0]) for name in fact_of(row, codec).fact.about]
    except RemoteError:
        return []


def about_turn(row: Row) -> list[tuple[int, int]]:
    """The same for a row of ``turns``."""
    try:
        return [(tag(name), row[0]) for name in turn_of(row).about]
    except RemoteError:
        return []


def _object_row(name: Hash, signed: Signed) -> Row:
    riding = (signed.signature, signed.attachment)
    check = crc(signed.attachment, signed.signature)
    return (short(name), signed.purpose.value, signed.statement, *riding, check)


def fact_of(row: Row, codec: FactCodec) -> StoredFact:
    """
    A row of ``facts`` as a value.

    RemoteError ``altered`` if it is not what was written, ``corrupt`` if it is but this program
    cannot read it.
    """
    seq, key, word, body, turn, at_ms, check = row
    if not isinstance(body, bytes) or crc(body, seq, key, word, turn, at_ms) != check:
        raise RemoteError("altered", "a fact is not what was written")
    return StoredFact(codec.decode(word, body), turn, at_ms)


def signed_of(row: Row, name: Hash, room: str) -> Signed:
    """A row of ``objects`` as a value; RemoteError ``altered`` if it is not what was written."""
    found = _written(row, room)
    if found is None or found[1] != name:
        raise RemoteError("altered", "an object is not what was written")
    return found[0]


def sound(row: Row, room: str) -> bool:
    """Whether a row of ``objects`` with its number is what was written."""
    found = _written(row, room)
    return found is not None and short(found[1]) == row[6]


def _written(row: Row, room: str) -> tuple[Signed, Hash] | None:
    """The object of a row with its name, if what rides with it is intact."""
    purpose, statement, signature, attachment, check = row[:5]
    try:
        signed = Signed(Purpose(purpose), statement, signature, attachment)
        intact = crc(attachment, signature) == check
        return (signed, object_hash(room, signed)) if intact else None
    except (ValueError, TypeError):
        return None


def turn_of(row: Row) -> TurnRecord:
    """A row of ``turns`` as a value; RemoteError if it is not what was written."""
    turn, at_ms, body, check = row
    if not isinstance(body, bytes) or crc(body, turn, at_ms) != check:
        raise RemoteError("altered", "a turn record is not what was written")
    return decode_turn(body)
