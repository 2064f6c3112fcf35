"""Frames and messages: one encoding each, bounded, and one error for everything else."""

from __future__ import annotations

from typing import Annotated

import msgspec
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta
from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import RemoteError
from securechat.objects import Purpose
from securechat.settings import MAX_FRAME
from securechat.wire import Codec, Framer, pack


@frozen
class Note:
    """A message for these tests."""

    number: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    text: str = ""
    more: tuple[bytes, ...] = ()


CODEC = Codec({9: Note}, {Purpose.ALIVE: Note})


class MessageTests(SynchronousTestCase):
    """What decodes is exactly what would be encoded."""

    @given(st.integers(0, 2**63 - 1), st.text(), st.lists(st.binary(max_size=9), max_size=4))
    def test_round_trip(self, number: int, text: str, more: list[bytes]) -> None:
        """Every message survives the wire."""
        try:
            text.encode()
        except UnicodeEncodeError:
            return
        note = Note(number, text, tuple(more))
        self.assertEqual(CODEC.message(CODEC.frame(note)[4:]), note)

    @given(st.binary(max_size=200))
    def test_garbage(self, body: bytes) -> None:
        """Any bytes give a message or a RemoteError, never another exception."""
        try:
            note = CODEC.message(body)
        except RemoteError:
            return
        self.assertEqual(CODEC.frame(note)[4:], body)

    @given(st.integers(0, 200), st.integers(1, 255))
    def test_changed_byte(self, where: int, flip: int) -> None:
        """A changed byte gives another message with that very encoding, or a RemoteError."""
        body = bytearray(CODEC.frame(Note(7, "hello", (b"x",)))[4:])
        body[where % len(body)] ^= flip
        try:
            note = CODEC.message(bytes(body))
        except RemoteError:
            return
        self.assertEqual(CODEC.frame(note)[4:], bytes(body))

    def refused(self, body: bytes, reason: str = "malformed") -> None:
        """These bytes are refused for this reason."""
        with self.assertRaises(RemoteError) as caught:
            CODEC.message(body)
        self.assertEqual(caught.exception.reason, reason)

    def test_what_msgspec_lets_pass(self) -> None:
        """Unknown, duplicate, reordered and missing fields and long integers are refused."""
        encode = msgspec.msgpack.encode
        whole = {"number": 1, "text": "", "more": []}
        self.refused(encode([9, {**whole, "else": 1}]))
        self.refused(encode([9, {"text": "", "number": 1, "more": []}]))
        self.refused(encode([9, {"number": 1}]))
        self.refused(b"\x92\x09\x84" + encode("number") + b"\x02" + encode(whole)[1:])
        self.refused(b"\x92\x09\x83" + encode("number") + b"\xcc\x01" + encode(whole)[9:])
        self.refused(b"\x92\xcc\x09" + encode(whole))
        self.refused(b"\xdc\x00\x02\x09" + encode(whole))

    def test_trailing_byte(self) -> None:
        """Nothing may follow a message."""
        self.refused(CODEC.frame(Note(1))[4:] + b"\x00")

    def test_out_of_bounds(self) -> None:
        """Negative and too large integers, wrong types, bad UTF-8 and deep nesting are refused."""
        encode = msgspec.msgpack.encode
        for value in (-1, 2**63, 1.5, None, "1", [1]):
            self.refused(encode([9, {"number": value, "text": "", "more": []}]))
        self.refused(b"\x92\x09\x83" + encode("number") + b"\x01" + encode("text") + b"\xa1\xff")
        self.refused(b"\x92\x09" + b"\x91" * 50_000)

    def test_unknown_code(self) -> None:
        """A code that no class has is refused by that name."""
        self.refused(msgspec.msgpack.encode([99, {}]), "unknown-message")

    def test_statement(self) -> None:
        """A statement is decoded as strictly, for its purpose only."""
        self.assertEqual(CODEC.statement(Purpose.ALIVE, pack(Note(3))), Note(3))
        self.assertRaises(RemoteError, CODEC.statement, Purpose.LEAVE, pack(Note(3)))
        self.assertRaises(RemoteError, CODEC.statement, Purpose.ALIVE, pack(Note(3)) + b"\0")

    def test_too_long(self) -> None:
        """A message that does not fit a frame is our own fault, said before anything is sent."""
        self.assertRaises(ValueError, CODEC.frame, Note(1, "x" * MAX_FRAME))
        self.assertRaises(ValueError, CODEC.frame, Note(1, "\ud800"))


class FramerTests(SynchronousTestCase):
    """A stream of bytes, cut anywhere."""

    @given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(1, 17))
    def test_any_cut(self, bodies: list[bytes], step: int) -> None:
        """However the stream is cut, the same frames come out in order."""
        stream = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
        framer = Framer(64)
        found = [
            body
            for start in range(0, len(stream), step)
            for body in framer.feed(stream[start : start + step])
        ]
        self.assertEqual(found, bodies)
        self.assertEqual(framer.unfinished, 0)

    def test_length_is_judged_first(self) -> None:
        """2 GiB announced is refused at its fourth byte; nothing is buffered for it."""
        for length in (0, 65, 2**31, 2**32 - 1):
            framer = Framer(64)
            with self.assertRaises(RemoteError) as caught:
                list(framer.feed(length.to_bytes(4, "big")))
            self.assertEqual(caught.exception.reason, "bad-length")

    def test_good_frames_before_a_bad_one(self) -> None:
        """What was whole before the breach still comes out."""
        framer = Framer(8)
        found = []
        with self.assertRaises(RemoteError):
            for body in framer.feed(b"\0\0\0\x02ok" + b"\xff\xff\xff\xff"):
                found.append(body)  # noqa: PERF402 - the loop is what is tested
        self.assertEqual(found, [b"ok"])
