"""
What membership remembers on disk (DESIGN 3, facts are keyed; DESIGN 5).

Claims are kept as their subjects signed them.  Liveness, links, timers and probes are never facts: a
node that starts has reached nobody yet.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from securechat.effects import Fact
from securechat.ids import BootId, MemberId, Version
from securechat.objects import Signed


@frozen
class EpochRaised(Fact):
    """The epoch of this process; on disk before any socket opens, or any link learns of it."""

    at: int
    epoch: int
    boot: BootId
    why: str

    @property
    def key(self) -> str:
        """There is one."""
        return "epoch"

    @property
    def words(self) -> str:
        """For people."""
        return f"epoch {self.epoch}: {self.why}"


@frozen
class ClaimHeld(Fact):
    """The newest Alive of a member, as it was signed; name and key are its certificate's."""

    at: int
    member: MemberId
    epoch: int
    incarnation: int
    boot: BootId
    addresses: tuple[str, ...]
    name: str
    public: bytes
    signed: Signed
    via: MemberId
    """Who gave it to us."""

    @property
    def key(self) -> str:
        """One for each member."""
        return f"claim/{self.member}"

    @property
    def version(self) -> Version:
        """What orders the claims of one member."""
        return Version(self.epoch, self.incarnation)

    @property
    def about(self) -> tuple[str, ...]:
        """Part of the member's story."""
        return (f"member:{self.member}",)

    @property
    def words(self) -> str:
        """For people."""
        return f"{{{self.member}}} takes part, version {self.version}, told by {{{self.via}}}"

    @property
    def evidence(self) -> str:
        """Its signature."""
        return f"alive signed by {{{self.member}}}, {self.signed.signature.hex()[:16]}"


@frozen
class LeaveHeld(Fact):
    """The newest Leave of a member, as it was signed."""

    at: int
    member: MemberId
    epoch: int
    incarnation: int
    signed: Signed
    via: MemberId

    @property
    def key(self) -> str:
        """One for each member."""
        return f"leave/{self.member}"

    @property
    def version(self) -> Version:
        """The version that left."""
        return Version(self.epoch, self.incarnation)

    @property
    def about(self) -> tuple[str, ...]:
        """Part of the member's story."""
        return (f"member:{self.member}",)

    @property
    def words(self) -> str:
        """For people."""
        return f"{{{self.member}}} left, version {self.version}, told by {{{self.via}}}"

    @property
    def evidence(self) -> str:
        """Its signature."""
        return f"leave signed by {{{self.member}}}, {self.signed.signature.hex()[:16]}"


@frozen
class AddressesKnown(Fact):
    """Where a dial of ours reached a member, the latest first, at most four."""

    at: int
    member: MemberId
    addresses: tuple[str, ...]

    @property
    def key(self) -> str:
        """One for each member."""
        return f"address/{self.member}"

    @property
    def about(self) -> tuple[str, ...]:
        """Part of the member's story."""
        return (f"member:{self.member}",)

    @property
    def words(self) -> str:
        """For people."""
        return f"{{{self.member}}} was reached at {self.addresses[0]}"


@frozen
class ConflictSeen(Fact):
    """Another process speaks with our key; ``stopped`` says that this one is silent since."""

    at: int
    epoch: int
    boot: BootId
    """Of this process, as it was then."""
    other_epoch: int
    other_boot: BootId
    stopped: bool

    @property
    def key(self) -> str:
        """The latest counts."""
        return "conflict"

    @property
    def words(self) -> str:
        """For people."""
        end = "this one stopped speaking" if self.stopped else "this one took a higher epoch"
        return f"another process with this key speaks in epoch {self.other_epoch}; {end}"

    @property
    def evidence(self) -> str:
        """Whose process."""
        return f"alive of epoch {self.other_epoch}, boot {self.other_boot[:8]}, signed by our key"


FACTS: dict[str, type[Any]] = {
    "epoch": EpochRaised,
    "claim": ClaimHeld,
    "leave": LeaveHeld,
    "address": AddressesKnown,
    "conflict": ConflictSeen,
}
