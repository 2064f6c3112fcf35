"""
Messages and statements as bytes, and back.

A frame is a length of four bytes, big-endian, and that many bytes of MessagePack: ``[code, body]``.
Which class has which code is told by a registry (``node.dispatch``), not known here.

Decoding is strict: what was decoded must encode to exactly the bytes received.  That refuses unknown,
duplicate and reordered fields and non-minimal integers, which msgspec by itself lets pass on attrs
classes.  Whatever is wrong, one typed error leaves: RemoteError (docs/spec/wire.md).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, TypeVar

import msgspec
from attrs import define, field

from securechat.errors import RemoteError
from securechat.objects import Purpose
from securechat.settings import MAX_FRAME

LENGTH = 4
HEAD = 2
"""Bytes before the inside of a message: that it is a pair, and its code, which is below 128."""
T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()


def pack(value: Any) -> bytes:
    """The one encoding of a value; ValueError if it cannot be said on the wire."""
    try:
        return _encoder.encode(value)
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError, TypeError) as problem:
        raise ValueError(f"not encodable: {problem}") from None


def unpack(kind: type[T], data: bytes, decoder: msgspec.msgpack.Decoder[T] | None = None) -> T:
    """The value of exactly these bytes; RemoteError ``malformed`` for anything else."""
    decoder = decoder or msgspec.msgpack.Decoder(kind)
    try:
        value = decoder.decode(data)
        again = _encoder.encode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as fault:
        raise RemoteError("malformed", f"{kind.__name__}: {type(fault).__name__}") from None
    if again != data:
        raise RemoteError("malformed", f"{kind.__name__}: not the canonical encoding")
    return value


class Codec:
    """Message classes by code, statement classes by purpose."""

    def __init__(
        self, messages: Mapping[int, type[Any]], statements: Mapping[Purpose, type[Any]]
    ) -> None:
        self._codes = {kind: code for code, kind in messages.items()}
        self._messages = {
            code: (kind, msgspec.msgpack.Decoder(kind)) for code, kind in messages.items()
        }
        self._statements = {
            purpose: (kind, msgspec.msgpack.Decoder(kind)) for purpose, kind in statements.items()
        }
        self._heads = {b"\x92" + pack(code): self._messages[code] for code in messages}
        assert all(len(head) == HEAD for head in self._heads)
        self._outer = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])

    def frame(self, message: Any) -> bytes:
        """The frame of a message, length included; ValueError if it would be too long."""
        body = pack((self._codes[type(message)], message))
        if len(body) > MAX_FRAME:
            raise ValueError(f"{type(message).__name__} of {len(body)} bytes does not fit a frame")
        return len(body).to_bytes(LENGTH, "big") + body

    def message(self, body: bytes) -> Any:
        """The message of a frame's body; RemoteError if it is not exactly one."""
        head = body[:HEAD]
        if head not in self._heads:
            raise self._no_message(body)
        kind, decoder = self._heads[head]
        try:
            return unpack(kind, body[HEAD:], decoder)
        except RemoteError as problem:
            problem.message = kind.__name__
            raise

    def _no_message(self, body: bytes) -> RemoteError:
        """What is wrong with a body that begins like no message."""
        try:
            code, _ = self._outer.decode(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as fault:
            return RemoteError("malformed", f"frame: {type(fault).__name__}")
        if code not in self._messages:
            return RemoteError("unknown-message", str(code)[:20])
        return RemoteError("malformed", "frame: not the canonical encoding")

    def statement(self, purpose: Purpose, data: bytes) -> Any:
        """What was signed; RemoteError if these bytes are not a statement of that purpose."""
        if purpose not in self._statements:
            raise RemoteError("unknown-object", purpose)
        kind, decoder = self._statements[purpose]
        return unpack(kind, data, decoder)


@define
class Framer:
    """
    Cuts a stream of bytes into frame bodies; holds at most one unfinished frame of ``limit`` bytes.

    The length is judged before anything is kept, so a stranger cannot make us buffer.
    """

    limit: int = MAX_FRAME
    _kept: bytearray = field(factory=bytearray, init=False)

    @property
    def unfinished(self) -> int:
        """Bytes of a frame that is not yet whole."""
        return len(self._kept)

    def feed(self, data: bytes) -> Generator[bytes, None, None]:
        """
        The bodies that became whole, in order; RemoteError ``bad-length`` ends the stream.

        Who closes this early finds the rest at the next call, if only with no bytes.
        """
        self._kept += data
        start = 0
        try:
            while len(self._kept) - start >= LENGTH:
                length = int.from_bytes(self._kept[start : start + LENGTH], "big")
                if not 0 < length <= self.limit:
                    raise RemoteError("bad-length", str(length))
                end = start + LENGTH + length
                if len(self._kept) < end:
                    break
                body = bytes(self._kept[start + LENGTH : end])
                start = end
                yield body
        finally:
            del self._kept[:start]
