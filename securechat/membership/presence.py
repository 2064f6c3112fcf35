"""
Presence: liveness with its evidence, as the admin port shows it.

Frozen values, made when somebody asks.  ``suspect`` and ``unreachable`` are this node's view; only
``left`` comes from the member itself (DESIGN 2, G8).
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from securechat.ids import BootId, MemberId
from securechat.membership.evidence import Evidence
from securechat.notices import Liveness, Via


@frozen
class MemberView:
    """One member; our own node among them."""

    member: MemberId
    name: str
    state: Liveness
    via: Via
    epoch: int
    incarnation: int
    boot: BootId
    since: int
    """When the state began, wall time in ms."""
    last_heard: float | None
    """Seconds since the last authenticated contact; None if this process had none; 0 for us."""
    rtt_ms: float | None
    address: str | None
    """Where it is linked, else where it was last reached, else where it says that it listens."""
    evidence: tuple[Evidence, ...]


@frozen
class MembershipView:
    """Everything membership shows, at one moment."""

    me: MemberId
    name: str
    epoch: int
    incarnation: int
    boot: BootId
    members: tuple[MemberView, ...]
    """In order of member id, our own node among them."""
    digest: str
    """Of all (member, version, left) held; equal views have equal digests."""
    silent: bool
    """Another process has our key: we stopped speaking."""
    leaving: bool
    """Goodbye was said."""
    conflict: str
    """What is known of another process with our key; empty if nothing."""
    counters: Mapping[str, int]

    def get(self, member: MemberId) -> MemberView | None:
        """One member's view."""
        return next((view for view in self.members if view.member == member), None)
