"""
Which links are up, and whose process each belongs to.

A link counts as contact with a member only if it was made by the member's newest process: frames of
an earlier one prove nothing about the present one (DESIGN 2, G5).
"""

from __future__ import annotations

from attrs import define, field

from securechat.ids import BootId, MemberId
from securechat.inputs import LinkDown, LinkUp


@define
class LinkTable:
    """The links of this node, by number."""

    _links: dict[int, LinkUp] = field(factory=dict, init=False)
    _of: dict[MemberId, dict[int, LinkUp]] = field(factory=dict, init=False)

    def up(self, link: LinkUp) -> None:
        """A link came up."""
        self._links[link.link] = link
        self._of.setdefault(link.peer, {})[link.link] = link

    def down(self, down: LinkDown) -> LinkUp | None:
        """A link ended; None if it was not known."""
        link = self._links.pop(down.link, None)
        if link is not None:
            rest = self._of[link.peer]
            del rest[down.link]
            if not rest:
                del self._of[link.peer]
        return link

    def get(self, number: int) -> LinkUp | None:
        """A link by its number."""
        return self._links.get(number)

    def linked(self, member: MemberId) -> bool:
        """Whether any link to the member is up."""
        return member in self._of

    def of(self, member: MemberId) -> tuple[LinkUp, ...]:
        """The links to a member, the newest last."""
        return tuple(self._of.get(member, {}).values())

    def joins(self, member: MemberId, epoch: int, boot: BootId) -> bool:
        """Whether a link to this very process of the member is up."""
        links = self._of.get(member, {}).values()
        return any((link.epoch, link.boot) == (epoch, boot) for link in links)

    @property
    def peers(self) -> tuple[MemberId, ...]:
        """All linked members, in the order in which they were linked."""
        return tuple(self._of)

    @property
    def locals(self) -> tuple[str, ...]:
        """Our end of each link, the oldest first."""
        return tuple(link.local for link in self._links.values())
