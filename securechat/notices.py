"""
What a core tells the other core, and what watchers see, after the commit.

``Roster`` is the only sideways flow between the cores: membership's whole state, level-triggered,
so that losing one costs nothing.  All others are events: ``event`` is the type word of INTERFACE
section 4, the fields are the keys that ``admin.views`` prints.  An event describes itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from attrs import frozen

from securechat.ids import MemberId, MessageId, Stream


class Liveness(StrEnum):
    """What this node believes of a member; only ``left`` and ``removed`` are facts (DESIGN 2, G8)."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    UNREACHABLE = "unreachable"
    LEFT = "left"
    REMOVED = "removed"


class Via(StrEnum):
    """How an alive member is reached."""

    DIRECT = "direct"
    INDIRECT = "indirect"
    NONE = "none"


class Delivery(StrEnum):
    """What is known of a message at one recipient; one word, one truth (DESIGN 6)."""

    QUEUED = "queued"
    SENT = "sent"
    UNKNOWN = "unknown"
    ACKED = "acked"
    REJECTED = "rejected"
    EXPIRED = "expired"


@frozen
class Seat:
    """One member of the roster, as membership sees it."""

    member: MemberId
    state: Liveness
    epoch: int


@frozen
class Roster:
    """Everybody in the roster, ourselves included, in order of member id."""

    seats: tuple[Seat, ...]


@frozen
class PostShown:
    """A post became visible in the transcript."""

    event: ClassVar[str] = "post"
    id: MessageId
    late: bool
    recovered: bool


@frozen
class DirectShown:
    """A direct message, ours or to us, became visible."""

    event: ClassVar[str] = "dm"
    id: MessageId
    to: MemberId


@frozen
class ReceiptHeld:
    """A signed proof of storage was checked and kept."""

    event: ClassVar[str] = "receipt"
    id: MessageId
    member: MemberId


@frozen
class DeliveryChanged:
    """One recipient's state of one of our messages changed."""

    event: ClassVar[str] = "delivery"
    id: MessageId
    member: MemberId
    before: Delivery
    to: Delivery
    why: str


@frozen
class MemberChanged:
    """A member's liveness changed in this node's view."""

    event: ClassVar[str] = "member"
    member: MemberId
    before: Liveness | None
    to: Liveness
    why: str


@frozen
class LinkChanged:
    """A link came up or ended, or a dial was refused by what answered."""

    event: ClassVar[str] = "link"
    peer: MemberId | None
    state: str
    direction: str
    why: str


@frozen
class GapChanged:
    """A missing range appeared, shrank, filled or closed."""

    event: ClassVar[str] = "gap"
    stream: Stream
    first: int
    last: int
    state: str
    why: str


@frozen
class Recovered:
    """Posts that were missing came from a peer."""

    event: ClassVar[str] = "recovered"
    stream: Stream
    first: int
    last: int
    via: MemberId


@frozen
class Conflict:
    """One key speaks twice, or one author signed two envelopes for one place."""

    event: ClassVar[str] = "conflict"
    member: MemberId
    what: str


@frozen
class ClockNoticed:
    """A clock, ours or a peer's, is more than 60 s off."""

    event: ClassVar[str] = "clock"
    member: MemberId
    what: str


@frozen
class FaultNoticed:
    """A turn failed, the journal failed or came back, or a fault was switched on or off."""

    event: ClassVar[str] = "fault"
    what: str


@frozen
class HealthChanged:
    """One of live, ready, joined changed."""

    event: ClassVar[str] = "health"
    live: bool
    ready: bool
    joined: bool


Event = (
    PostShown
    | DirectShown
    | ReceiptHeld
    | DeliveryChanged
    | MemberChanged
    | LinkChanged
    | GapChanged
    | Recovered
    | Conflict
    | ClockNoticed
    | FaultNoticed
    | HealthChanged
)
EVENTS: tuple[type, ...] = Event.__args__
