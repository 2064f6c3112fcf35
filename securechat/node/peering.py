"""
Which of several links to one peer stays (pure).

A higher epoch always replaces a lower one.  At equal (epoch, boot id) only the member with the lower
id closes a duplicate, and it keeps the newer; the other side sends on the newest and closes an older
one itself only after it has lingered 10 s.  So two nodes that dial each other at once never close
both links (DESIGN 4).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from securechat.ids import BootId, MemberId


@frozen
class Standing:
    """A link that is up, as this rule sees it."""

    number: int
    epoch: int
    boot: BootId


@frozen
class Closing:
    """Close this link: at once, or after it has lingered."""

    number: int
    reason: str
    linger: bool = False


def settle(me: MemberId, peer: MemberId, links: Sequence[Standing]) -> tuple[Closing, ...]:
    """
    What to close, given the links to one peer in the order in which they came up.

    The order of arrival decides between links of one process only: an old incarnation that comes up
    last still loses (G5).
    """
    newest = max(((link.epoch, link.boot) for link in links), default=None)
    equal = [link for link in links if (link.epoch, link.boot) == newest]
    old = [link for link in links if (link.epoch, link.boot) != newest]
    return (
        *(Closing(link.number, "superseded") for link in old),
        *(Closing(link.number, "duplicate", linger=me > peer) for link in equal[:-1]),
    )
