"""
What disks lost: a member's whole disk, as it signed it (G1), and single texts on our own (G4).

Neither weakens a state: what was acknowledged stays so, and the evidence says what happened since.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from securechat.effects import Fact
from securechat.ids import Hash, MemberId, MessageId
from securechat.messaging.post_facts import Placed


@frozen
class DiskLost(Fact):
    """
    A member signed that what it had stored before an epoch of its own may be gone.

    Owns the ``Loss`` it said, unless it is the opening of a stream that said so.  The latest of a
    member is kept; what it signed to have stored in that epoch or later is not touched by it.
    """

    member: MemberId
    epoch: int
    rests_on: str
    """``loss`` or ``envelope``: what kind of object says so."""
    hash: Hash
    at: int
    letters: tuple[str, ...] = ()
    """The newest direct messages that it had acknowledged before, and is offered again."""

    @property
    def key(self) -> str:
        return f"lost/{self.member}"

    @property
    def about(self) -> tuple[str, ...]:
        return (f"member:{self.member}", *self.letters)

    @property
    def words(self) -> str:
        return f"{{{self.member}}} signed that it lost what it had stored before epoch {self.epoch}"

    @property
    def evidence(self) -> str:
        return f"{self.rests_on} {self.hash.hex()[:16]}"


@frozen
class TextDamaged(Placed):
    """
    A stored envelope was read back and is not what was written: we have it no more.

    Its ``EnvelopeHeld`` stays until retention or the same envelope, fetched again, takes its place.
    """

    rests_on: ClassVar[str] = "envelope"
    first: int
    count: int
    hash: Hash
    at: int

    @property
    def key(self) -> str:
        return f"damaged/{self.hash.hex()}"

    @property
    def about(self) -> tuple[str, ...]:
        posts = range(self.first, self.first + self.count)
        return (*(str(MessageId(self.stream, seq)) for seq in posts), f"gap:{self.stream}")

    @property
    def words(self) -> str:
        what = f"{self.count} posts" if self.count > 1 else "a post"
        return (
            f"{what} of {{{self.author}}} damaged on this disk: "
            "not shown, no more claimed, to be fetched again"
        )

    @property
    def cause(self) -> str:
        return f"held/{self.hash.hex()}"
