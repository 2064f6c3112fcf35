"""
What things are called: members, streams, messages, versions.

A member id is text everywhere (52 characters of base32); a stream is what one process of one member
said, (author, epoch, boot id): the boot id is part of it because a lost or restored disk can use an
epoch twice (DESIGN 6).  How an id prints for people is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NewType

from attrs import field, frozen

MemberId = NewType("MemberId", str)
"""Base32, lower case, no padding, of SHA-256 over the tagged public key: 52 characters."""

BootId = NewType("BootId", str)
"""128 random bits of one process, 32 hex digits."""

Hash = NewType("Hash", bytes)
"""SHA-256 of the signed bytes of an object: the only name by which an object counts as held."""

MAX_INT = 2**63 - 1


class Kind(StrEnum):
    """What an id names."""

    POST = "post"
    DIRECT = "dm"


@frozen(order=True)
class Version:
    """(epoch, incarnation), compared lexicographically (DESIGN 5)."""

    epoch: int
    incarnation: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}.{self.incarnation}"


@frozen(order=True)
class Stream:
    """What one process of one member said."""

    author: MemberId
    epoch: int
    boot: BootId

    def __str__(self) -> str:
        return f"{self.author}/{self.epoch}~{self.boot}"


def posts_named(author: MemberId, epoch: int, boot: BootId, seqs: Iterable[int]) -> tuple[str, ...]:
    """The canonical forms of posts of one stream; of long ones this is asked very often."""
    start = f"{author}/{epoch}~{boot}/"
    return tuple([f"{start}{seq}" for seq in seqs])


@frozen(order=True)
class MessageId:
    """One post (``seq`` from 1 in its stream) or one direct message (``seq`` counts apart)."""

    stream: Stream
    seq: int
    kind: Kind = Kind.POST
    side: str = field(default="", eq=False)
    """
    Which post, where the author signed two for this place: the first digits of its envelope's hash.
    Only what is shown and asked for by people tells them apart; the place is one.
    """

    @property
    def author(self) -> MemberId:
        """Who said it."""
        return self.stream.author

    def __str__(self) -> str:
        """The canonical form, for records and keys: unambiguous, not for people."""
        return f"{self.stream}/{'d' if self.kind is Kind.DIRECT else ''}{self.seq}"

    @classmethod
    def parse(cls, text: str) -> MessageId:
        """Read the canonical form; ValueError if it is not one."""
        who, where, number = text.split("/")
        epoch, boot = where.split("~")
        kind = Kind.DIRECT if number.startswith("d") else Kind.POST
        seq = int(number[1:] if kind is Kind.DIRECT else number)
        return cls(Stream(MemberId(who), int(epoch), BootId(boot)), seq, kind)

    def shown(self, name: str, twin: bool = False) -> str:
        """
        The form for people, ``ada/3/17`` or ``ada/3/d17``; with ``twin``, where the author has two
        streams of one epoch, ``ada/3~9f/17``; of two posts for one place ``ada/3/17~7282240dbd090a5d``.
        """
        mark = f"~{self.stream.boot[:2]}" if twin else ""
        direct = "d" if self.kind is Kind.DIRECT else ""
        side = f"~{self.side}" if self.side else ""
        return f"{name}/{self.stream.epoch}{mark}/{direct}{self.seq}{side}"


def member_named(name: str, member: MemberId, ambiguous: bool) -> str:
    """The name, or ``NAME#first8ofid`` where the room has two of that name."""
    return f"{name}#{member[:8]}" if ambiguous else name
