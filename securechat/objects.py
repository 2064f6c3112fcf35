"""
Signed objects as values: what was signed, by whom, and what the door made of it.

An object is kept and relayed as exactly the bytes that were signed.  Whether it is accepted depends
on the object, its author's certificate and the removals held, never on when, from whom or in what
order it came (DESIGN 2).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from attrs import frozen
from msgspec import Meta

from securechat.ids import Hash, MemberId

T_co = TypeVar("T_co", covariant=True)


class Purpose(StrEnum):
    """The TYPE tag of a signature: one for each use, so that none can stand in for another."""

    ENVELOPE = "envelope"
    DIRECT = "direct"
    RECEIPT = "receipt"
    FRONTIER = "frontier"
    ALIVE = "alive"
    LEAVE = "leave"
    ACK = "ack"
    LOSS = "loss"
    REMOVAL = "removal"
    REQUEST = "request"
    ADMISSION = "admission"


@frozen
class Signed:
    """
    The bytes that were signed, the signature, and what rides with them unsigned.

    ``attachment`` is bound by a hash inside the statement (the posts of an envelope) or carries its
    own proof (the certificate of an Alive).
    """

    purpose: Purpose
    statement: bytes
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]
    attachment: bytes = b""

    @property
    def size(self) -> int:
        """Bytes that keeping it costs."""
        return len(self.statement) + len(self.signature) + len(self.attachment)


@frozen
class Admitted(Generic[T_co]):
    """An object that passed the door: decoded, its author known, its signature checked."""

    hash: Hash
    author: MemberId
    statement: T_co
    signed: Signed
    seen: bool = False
    """True if we held it already: nothing was verified again, nothing need be stored."""
