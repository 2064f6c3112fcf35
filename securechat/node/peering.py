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
    """What to close, given the links to one peer in the order in which they came up."""
    if len(links) < 2:
        return ()
    newest = links[-1]
    closings = []
    for link in links[:-1]:
        if (link.epoch, link.boot) != (newest.epoch, newest.boot):
            closings.append(Closing(link.number, "superseded"))
        else:
            closings.append(Closing(link.number, "duplicate", linger=me > peer))
    return tuple(closings)
