"""What may be signed, and what a message may carry: refused by the object alone."""

from __future__ import annotations

import hashlib
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import RemoteError
from securechat.ids import MAX_INT, BootId, Hash, MemberId
from securechat.messaging.messages import MESSAGES, Absent, Backfill, Want, Why
from securechat.messaging.statements import (
    STATEMENTS,
    Direct,
    Envelope,
    Frontier,
    Opening,
    Receipt,
    Start,
    StreamEntry,
    attachment_of,
    texts_of,
)
from securechat.objects import Purpose, Signed
from securechat.wire import Codec, pack, unpack

ADA, BOB = MemberId("a" * 52), MemberId("b" * 52)
BOOT = BootId("0" * 32)
HASH = Hash(b"\1" * 32)
BODY = attachment_of(("hello", "there"))
PLAIN = Envelope(ADA, 1, BOOT, 1, 2, b"", 5, hashlib.sha256(BODY).digest(), Opening(Start.FIRST))
AFTER = Opening(Start.AFTER, 1, "1" * 32, 7, b"\2" * 32)


def refused(case: SynchronousTestCase, statement: Any, attachment: bytes = b"") -> None:
    """It is malformed."""
    with case.assertRaises(RemoteError) as caught:
        unpack(type(statement), pack(statement)).check(attachment)
    case.assertEqual(caught.exception.reason, "malformed")


class Statements(SynchronousTestCase):
    """Each statement is judged alike by everybody."""

    def test_good(self) -> None:
        """A whole envelope, a head, a stream that follows another."""
        PLAIN.check(BODY)
        PLAIN.check(b"")
        attrs.evolve(PLAIN, opening=AFTER).check(BODY)
        attrs.evolve(PLAIN, first=2, previous=b"\3" * 32, opening=None).check(BODY)
        self.assertEqual(AFTER.stream(ADA).boot, "1" * 32)  # type: ignore[union-attr]
        self.assertIsNone(Opening(Start.LOST).stream(ADA))

    def test_bad_envelopes(self) -> None:
        """Everything about a header that cannot be."""
        for change in (
            {"first": 0}, {"count": 0}, {"count": 65}, {"first": MAX_INT, "previous": b"\3" * 32},
            {"hlc": MAX_INT + 1}, {"hlc": -1}, {"epoch": -1}, {"author": ADA[:-1]},
            {"author": "A" * 52}, {"boot": "x" * 32}, {"previous": b"\3" * 32}, {"body": b"1"},
            {"opening": None}, {"first": 2, "opening": None}, {"first": 2},
            {"first": 2, "previous": b"\3" * 31, "opening": None},
            {"opening": Opening(Start.AFTER)}, {"opening": attrs.evolve(AFTER, seq=0)},
            {"opening": attrs.evolve(AFTER, hash=b"")},
            {"opening": attrs.evolve(AFTER, start=Start.LOST)},
            {"opening": attrs.evolve(AFTER, boot="1")}, {"opening": attrs.evolve(AFTER, boot=BOOT)},
            {"opening": Opening(Start.FIRST, seq=3)},
        ):  # fmt: skip
            with self.subTest(str(change)):
                refused(self, attrs.evolve(PLAIN, **change))

    def test_bad_bodies(self) -> None:
        """Another text, another number of texts, an empty or too long one, another encoding."""
        for texts in (("hello",), ("hello", ""), ("hello", "x" * 8193), ("é" * 4097, "x")):
            body = attachment_of(texts)
            header = attrs.evolve(PLAIN, body=hashlib.sha256(body).digest())
            refused(self, header, body)
        long = attachment_of(("x" * 8192,) * 7)
        refused(self, attrs.evolve(PLAIN, count=7, body=hashlib.sha256(long).digest()), long)
        refused(self, PLAIN, BODY + b"\0")
        loose = b"\x92\xd9\x05hello\xa5there"
        refused(self, attrs.evolve(PLAIN, body=hashlib.sha256(loose).digest()), loose)

    def test_bad_others(self) -> None:
        """Direct messages, receipts and frontiers that cannot be."""
        direct = Direct(ADA, 1, BOOT, 1, BOB, 5, "hi")
        direct.check(b"")
        for change in ({"text": ""}, {"text": "x" * 8193}, {"recipient": ADA}, {"dseq": 0}):
            refused(self, attrs.evolve(direct, **change))
        receipt = Receipt(BOB, 1, ADA, 1, BOOT, 1, HASH, 5)
        receipt.check(b"")
        self.assertEqual(receipt.id, direct.id)
        frontier = Frontier(ADA, 1, BOOT, 1, True, 1, 1)
        for statement in (direct, receipt, frontier):
            refused(self, statement, b"x")
        refused(self, attrs.evolve(frontier, part=2))
        for stored in (((2, 1, HASH),), ((1, 2, HASH), (3, 4, HASH)), ((5, 6, HASH), (1, 2, HASH))):
            entry = StreamEntry(ADA, 1, BOOT, stored)
            refused(self, attrs.evolve(frontier, streams=(entry,)))
        many = tuple((n * 3, n * 3, HASH) for n in range(1, 19))
        refused(self, attrs.evolve(frontier, streams=(StreamEntry(ADA, 1, BOOT, many),)))

    @given(
        st.lists(st.text(min_size=1, max_size=50).filter(str.isprintable), min_size=1, max_size=64)
    )
    def test_texts(self, texts: list[str]) -> None:
        """The texts that come out are those that were put in, byte for byte."""
        signed = Signed(Purpose.ENVELOPE, b"", b"\0" * 64, attachment_of(tuple(texts)))
        self.assertEqual(texts_of(signed), tuple(texts))

    def test_text_of_direct(self) -> None:
        """A direct message has one text; a receipt has none."""
        direct = pack(Direct(ADA, 1, BOOT, 1, BOB, 5, "hi"))
        self.assertEqual(texts_of(Signed(Purpose.DIRECT, direct, b"\0" * 64)), ("hi",))
        with self.assertRaises(RemoteError):
            texts_of(Signed(Purpose.RECEIPT, b"", b"\0" * 64))


class Messages(SynchronousTestCase):
    """Ranges in messages, and their codes."""

    def test_ranges(self) -> None:
        """A want is 1 to 256 posts; a range never runs backwards; absences are in order."""
        for kind in (Want, Backfill):
            rest = (True,) if kind is Backfill else ()
            kind(ADA, 1, BOOT, 3, 3, *rest).check()
            with self.assertRaises(RemoteError):
                kind(ADA, 1, BOOT, 4, 3, *rest).check()
        Want(ADA, 1, BOOT, 1, 256).check()
        with self.assertRaises(RemoteError):
            Want(ADA, 1, BOOT, 1, 257).check()
        Absent(ADA, 1, BOOT, ((1, 2), (4, 4)), Why.PRUNED).check()
        with self.assertRaises(RemoteError):
            Absent(ADA, 1, BOOT, ((1, 2), (3, 4)), Why.NEVER_HAD).check()

    def test_codes(self) -> None:
        """Ours are 32 to 63, and every message passes the wire unchanged."""
        codec = Codec(MESSAGES, STATEMENTS)
        self.assertTrue(all(32 <= code < 64 for code in MESSAGES))
        for message in (
            Want(ADA, 1, BOOT, 1, 2),
            Absent(ADA, 1, BOOT, ((1, 2),), Why.PRUNED),
            Backfill(ADA, 1, BOOT, 1, 2, True),
        ):
            self.assertEqual(codec.message(codec.frame(message)[4:]), message)
