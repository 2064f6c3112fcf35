"""The fact that a member lost its disk: what weakens no state, but belongs to its evidence (G1)."""

from __future__ import annotations

from attrs import frozen

from securechat.effects import Fact
from securechat.ids import Hash, MemberId


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
