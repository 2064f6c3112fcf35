"""
What the judge of membership remembers of one node, for as long as that node has its disk.
"""

from __future__ import annotations

from attrs import define, field

from securechat.ids import BootId, MemberId, Version
from securechat.membership.messages import Alive
from securechat.simulation.shapes import Line


@define
class Past:
    """What one node has shown and written, on the disk that it has now."""

    boot: BootId = BootId("")
    highest: int = 0
    """The highest epoch of any process on this disk."""
    epoch: int = 0
    """Of the process that runs."""
    set_back: bool = False
    """Its disk was lost or set back, or another has its key: an epoch may rise without a start."""
    held: dict[MemberId, Version] = field(factory=dict)
    asked: dict[tuple[str, MemberId], Version] = field(factory=dict)
    """The same, as it tells each peer in its questions."""
    since: dict[MemberId, tuple[int, float]] = field(factory=dict)
    """The newest epoch of each member that it has shown, and when first."""
    told: dict[MemberId, dict[BootId, int]] = field(factory=dict)
    """Of which processes of each member others have told it, with the epoch."""
    left: dict[MemberId, int] = field(factory=dict)
    """The epoch in which each member was shown as left."""
    expects: dict[MemberId, int] = field(factory=dict)
    """Members whose goodbye it must have heard, with the epoch."""
    alive: set[MemberId] = field(factory=set)
    """Whom it showed as alive last."""
    lines: set[tuple[MemberId, Line]] = field(factory=set)
    """Rows of others that it counted."""
    said: Alive | None = None
    """The newest Alive of its own that it wrote."""
