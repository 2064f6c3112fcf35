"""
What messaging signs: five statements, each what one signature covers (DESIGN 6).

- ``Envelope``: the header of 1 to 64 posts.  Their texts ride as the attachment, bound by ``body``;
  without the attachment it is a head, the author's own evidence of how far his stream goes.
- ``Direct``: one private message, text included.
- ``Receipt``: "my node had stored this direct message when it said so".
- ``Frontier``: what its holder has stored, stream by stream, and below which floor it keeps nothing.
- ``Loss``: "what I had stored before this epoch of mine may be gone".

``check`` refuses what the types alone cannot: it looks at the object only, never at what we hold, so
that every node judges alike.  Sizes of texts are in bytes of UTF-8.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any

from attrs import frozen
from msgspec import Meta
from msgspec.msgpack import Decoder

from securechat.errors import RemoteError
from securechat.ids import MAX_INT, BootId, Hash, Kind, MemberId, MessageId, Stream
from securechat.objects import Purpose, Signed
from securechat.settings import MAX_ENVELOPE, MAX_POSTS, MAX_TEXT
from securechat.wire import pack, unpack

Int = Annotated[int, Meta(ge=0, le=MAX_INT)]
Count = Annotated[int, Meta(ge=1, le=MAX_INT)]
Member = Annotated[MemberId, Meta(min_length=52, max_length=52, pattern="^[a-z2-7]*$")]
Boot = Annotated[BootId, Meta(min_length=32, max_length=32, pattern="^[0-9a-f]*$")]
Name = Annotated[Hash, Meta(min_length=32, max_length=32)]
Digested = Annotated[bytes, Meta(min_length=32, max_length=32)]
Span = tuple[Count, Count]
"""First and last seq of a range, both inclusive."""

MAX_ATTACHMENT = MAX_ENVELOPE + 1024
"""The texts of an envelope with what msgpack adds to them."""
MAX_RANGES = 17
"""Ranges claimed of one stream: 16 holes between them."""
MAX_ENTRIES = 1024

_texts: Decoder[tuple[str, ...]] = Decoder(tuple[str, ...])


def require(condition: bool, what: str) -> None:
    """RemoteError ``malformed`` unless it holds."""
    if not condition:
        raise RemoteError("malformed", what)


def ordered(spans: tuple[Span, ...]) -> bool:
    """Whether ranges are in order and neither overlap nor touch."""
    inside = all(first <= last for first, last in spans)
    return inside and all(a[1] + 1 < b[0] for a, b in pairwise(spans))


@frozen
class Place:
    """Something of one stream."""

    author: Member
    epoch: Int
    boot: Boot

    @property
    def stream(self) -> Stream:
        """The stream it belongs to."""
        return Stream(self.author, self.epoch, self.boot)


class Start(StrEnum):
    """What a stream's first envelope says of the author's stream before it."""

    FIRST = "first"
    """There was none."""
    AFTER = "after"
    """Its end is named."""
    LOST = "lost"
    """There was one, and this disk does not know its end."""


@frozen
class Opening:
    """The end of the author's stream before this one, as the author knows it."""

    start: Start
    epoch: Int = 0
    boot: Annotated[str, Meta(max_length=32, pattern="^([0-9a-f]{32})?$")] = ""
    seq: Int = 0
    hash: Annotated[bytes, Meta(max_length=32)] = b""

    def stream(self, author: MemberId) -> Stream | None:
        """The stream it names, if it names one."""
        named = self.start is Start.AFTER
        return Stream(author, self.epoch, BootId(self.boot)) if named else None


@frozen
class Envelope(Place):
    """The header of ``count`` posts, the first of which is ``first`` in its stream."""

    first: Count
    count: Annotated[int, Meta(ge=1, le=MAX_POSTS)]
    previous: Annotated[bytes, Meta(max_length=32)]
    """Hash of the header before it in the stream; empty for the first."""
    hlc: Int
    body: Digested
    opening: Opening | None = None

    @property
    def last(self) -> int:
        """The seq of its last post."""
        return self.first + self.count - 1

    def check(self, attachment: bytes) -> None:
        """RemoteError unless this is a whole envelope, or (with no attachment) a head."""
        require(self.last <= MAX_INT, "envelope: seq too high")
        require(len(self.previous) == (0 if self.first == 1 else 32), "envelope: previous")
        require((self.opening is not None) == (self.first == 1), "envelope: opening")
        if self.opening is not None:
            named = self.opening.start is Start.AFTER
            require(named == bool(self.opening.boot), "envelope: opening names no stream")
            require(len(self.opening.hash) == (32 if named else 0), "envelope: opening hash")
            require(named == (self.opening.seq > 0), "envelope: opening seq")
            same = self.opening.stream(self.author) == self.stream
            require(not same, "envelope: opening names its own stream")
        if attachment:
            require(len(attachment) <= MAX_ATTACHMENT, "envelope: too long")
            require(hashlib.sha256(attachment).digest() == self.body, "envelope: other body")
            require(len(read_texts(attachment)) == self.count, "envelope: other count")


def read_texts(attachment: bytes) -> tuple[str, ...]:
    """The texts of an envelope's attachment; RemoteError if one is empty or too long."""
    texts: tuple[str, ...] = unpack(tuple, attachment, _texts)
    require(all(1 <= len(text.encode()) <= MAX_TEXT for text in texts), "envelope: text size")
    return texts


@frozen
class Direct(Place):
    """One private message."""

    dseq: Count
    recipient: Member
    hlc: Int
    text: str

    @property
    def id(self) -> MessageId:
        """Its id."""
        return MessageId(self.stream, self.dseq, Kind.DIRECT)

    def check(self, attachment: bytes) -> None:
        """RemoteError unless it is one text to somebody else."""
        require(not attachment, "direct: attachment")
        require(1 <= len(self.text.encode()) <= MAX_TEXT, "direct: text size")
        require(self.recipient != self.author, "direct: to its author")


@frozen
class Receipt:
    """The recipient's word that it had stored a direct message when it signed this."""

    author: Member
    """The recipient, whose signature this is."""
    epoch: Int
    sender: Member
    sender_epoch: Int
    sender_boot: Boot
    dseq: Count
    hash: Name
    """Of the direct message's signed bytes."""
    at: Int

    @property
    def id(self) -> MessageId:
        """The id of the message it is for."""
        stream = Stream(self.sender, self.sender_epoch, self.sender_boot)
        return MessageId(stream, self.dseq, Kind.DIRECT)

    def check(self, attachment: bytes) -> None:
        """RemoteError if anything rides with it."""
        require(not attachment, "receipt: attachment")


@frozen
class FloorEntry(Place):
    """
    The holder keeps nothing of this author up to this post, and wants nothing.  Of several for one
    author the highest is that; the others are of streams that lie aside, for each of these alone.
    """

    seq: Int


@frozen
class StreamEntry(Place):
    """What the holder has of one stream above its floor: absolute, not a change."""

    stored: Annotated[tuple[tuple[Count, Count, Name], ...], Meta(max_length=MAX_RANGES)]
    """First, last, and the hash of the header that ends the range."""
    closed: Annotated[tuple[Span, ...], Meta(max_length=MAX_RANGES)] = ()
    """Given up: nobody in the roster has them."""


@frozen
class Frontier(Place):
    """What ``author``, the holder, has stored; ``full`` ones come in parts and name every stream."""

    version: Count
    full: bool
    part: Count
    parts: Annotated[int, Meta(ge=1, le=MAX_ENTRIES)]
    floors: Annotated[tuple[FloorEntry, ...], Meta(max_length=MAX_ENTRIES)] = ()
    streams: Annotated[tuple[StreamEntry, ...], Meta(max_length=MAX_ENTRIES)] = ()

    def check(self, attachment: bytes) -> None:
        """RemoteError unless every range is in order."""
        require(not attachment, "frontier: attachment")
        require(self.part <= self.parts, "frontier: part")
        for entry in self.streams:
            stored = tuple((first, last) for first, last, _ in entry.stored)
            require(ordered(stored) and ordered(entry.closed), "frontier: ranges")


@frozen
class Loss:
    """The author's word that its disk may not know what it had stored before this epoch (ADR 10)."""

    author: Member
    epoch: Count

    def check(self, attachment: bytes) -> None:
        """RemoteError if anything rides with it."""
        require(not attachment, "loss: attachment")


STATEMENTS: dict[Purpose, type[Any]] = {
    Purpose.ENVELOPE: Envelope,
    Purpose.DIRECT: Direct,
    Purpose.RECEIPT: Receipt,
    Purpose.FRONTIER: Frontier,
    Purpose.LOSS: Loss,
}


# Bodies: the texts in an object as it is stored.


def texts_of(signed: Signed) -> tuple[str, ...]:
    """The texts of a stored envelope or direct message; RemoteError if it is neither."""
    if signed.purpose is Purpose.DIRECT:
        return (unpack(Direct, signed.statement).text,)
    require(signed.purpose is Purpose.ENVELOPE and bool(signed.attachment), "object has no text")
    return read_texts(signed.attachment)


def attachment_of(texts: tuple[str, ...]) -> bytes:
    """The attachment that carries these posts."""
    return pack(texts)
