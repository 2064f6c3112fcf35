"""
What messaging says on the wire: ten messages that carry signed statements or ask for them.

``MESSAGES`` and ``STATEMENTS`` are the registries that the codec gets from ``node.dispatch``; codes
32 to 63 are ours.  Recovery only pulls: a Want is answered by Backfills and Absents, the last of
which is a Backfill that says ``final`` (DESIGN 6).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from attrs import frozen
from msgspec import Meta

from securechat.messaging.statements import (
    STATEMENTS as STATEMENTS,
)
from securechat.messaging.statements import (
    Count,
    Digested,
    Int,
    Name,
    Place,
    Span,
    ordered,
    require,
)
from securechat.objects import Signed

Objects = Annotated[tuple[Signed, ...], Meta(max_length=512)]

MAX_WANTED = 256
"""Posts asked for at once."""
MAX_LACKED = 256
"""Members named at once: they fit a frame."""


@frozen
class Posts:
    """Envelopes, pushed as they are said; or the two that prove a fork."""

    objects: Objects = ()


@frozen
class Directs:
    """Direct messages to the peer, from the author himself."""

    objects: Objects = ()


@frozen
class Receipts:
    """Receipts for direct messages of the peer; at link-up the newest that it gave us itself."""

    objects: Objects = ()


@frozen
class Rejected:
    """This object of yours is not taken."""

    hash: Name
    reason: Annotated[str, Meta(min_length=1, max_length=100)]
    later: bool = False
    """It may be taken when it comes again; if not, a direct message is refused for good."""


@frozen
class Frontiers:
    """
    Frontiers, and heads of streams of which the sender lacks the last posts; the sender's Loss.

    At link-up also the newest frontier by which the receiver itself acknowledged posts of the sender.
    """

    objects: Objects = ()


@frozen
class Digest:
    """The sender's digest and its wall clock; the receiver compares both with its own."""

    digest: Digested
    wall: Int


@frozen
class Lacked(Place):
    """A member without a link to the sender, and the newest frontier of it that the sender has."""

    version: Int
    """0 with epoch 0 and a boot id of zeros: none."""


@frozen
class Unlinked:
    """All members of the roster that the sender has no link to; whoever can passes theirs on."""

    rows: Annotated[tuple[Lacked, ...], Meta(max_length=MAX_LACKED)] = ()


@frozen
class _Asking(Place):
    first: Count
    last: Count

    def check(self) -> None:
        """RemoteError unless it is a range."""
        require(self.first <= self.last, "range: backwards")


@frozen
class Want(_Asking):
    """Send me these posts of this stream."""

    def check(self) -> None:
        """RemoteError unless it is a range of at most 256 posts."""
        require(0 <= self.last - self.first < MAX_WANTED, "want: range")


@frozen
class Backfill(_Asking):
    """
    Envelopes that answer a want, one batch of several; ``final`` ends the answer.

    The final one says in ``first`` and ``last`` how much of the want was answered in all (the
    newest part of it, if the whole was too big); what is missing there is in an Absent before it.
    """

    final: bool
    objects: Objects = ()


class Why(StrEnum):
    """Why a wanted range is not sent."""

    PRUNED = "pruned"
    NEVER_HAD = "never had"


@frozen
class Absent(Place):
    """These ranges of a want are not here."""

    ranges: Annotated[tuple[Span, ...], Meta(min_length=1, max_length=MAX_WANTED)]
    why: Why

    def check(self) -> None:
        """RemoteError unless the ranges are in order."""
        require(ordered(self.ranges), "absent: ranges")


MESSAGES: dict[int, type[Any]] = {
    32: Posts,
    33: Directs,
    34: Receipts,
    35: Rejected,
    36: Frontiers,
    38: Want,
    39: Backfill,
    40: Absent,
    41: Unlinked,
    42: Digest,
}
