"""
A refused redial: when the kernel's word is strong evidence (DESIGN 5).

A refusal says that a host is up and no process listens at that address.  It counts only where a dial
of ours reached this very process (epoch, boot id) before, and after its link ended the way a process
ends, by FIN or RST: a firewall that rejects, or an address that never worked, proves nothing.  Two
such refusals, 0.3 T apart, make the member unreachable at once; so do one of ours and one of another
observer.  While a go-between may still bring word of the member, they wait.

Word that it brings disproves them: the process lives, so what ended its link and refuses is a firewall.
Until its next link nothing counts there any more; if it is killed then, the suspicion finds that.
"""

from __future__ import annotations

from attrs import define, field

from securechat.ids import BootId, MemberId
from securechat.inputs import Ending, LinkDown, LinkUp
from securechat.settings import Settings

APART = 0.3
"""Periods between two refusals that count."""
ENDS = frozenset({Ending.FIN, Ending.RST, Ending.GOODBYE})
"""How the link of a process that ends does end."""


@define
class Reached:
    """Where a dial of ours reached one process of a member."""

    epoch: int
    boot: BootId
    addresses: set[str] = field(factory=set)
    ended: bool = False
    first: float | None = None
    """When the first refusal that counts was read."""
    twice: bool = False


@define
class Refusals:
    """All members that a dial of ours reached."""

    _settings: Settings
    _reached: dict[MemberId, Reached] = field(factory=dict, init=False)
    waiting: set[MemberId] = field(factory=set, init=False)
    """Members of whom a refusal was read that counts, and is not judged yet."""

    @property
    def apart(self) -> float:
        """Seconds between two refusals that count."""
        return APART * self._settings.period

    def link_up(self, link: LinkUp) -> None:
        """A member was reached, by us or by itself."""
        row = self._reached.get(link.peer)
        if row is None or (row.epoch, row.boot) != (link.epoch, link.boot):
            row = self._reached[link.peer] = Reached(link.epoch, link.boot)
        row.ended, row.first, row.twice = False, None, False
        self.waiting.discard(link.peer)
        if link.dialled is not None:
            row.addresses.add(link.dialled)

    def link_down(self, down: LinkDown) -> None:
        """Its last link ended."""
        row = self._reached.get(down.peer)
        if row is not None:
            row.ended, row.first, row.twice = down.how in ENDS, None, False

    def disproved(self, member: MemberId) -> None:
        """It signed a nonce of ours that was out after its link ended: its process did not end."""
        row = self._reached.get(member)
        if row is not None:
            row.ended, row.first, row.twice = False, None, False
        self.waiting.discard(member)

    def dialled(self, member: MemberId, epoch: int, boot: BootId) -> bool:
        """Whether a dial of ours reached this process of the member."""
        row = self._reached.get(member)
        return row is not None and (row.epoch, row.boot) == (epoch, boot) and bool(row.addresses)

    def counts(self, member: MemberId, epoch: int, boot: BootId, address: str) -> bool:
        """Whether a refusal at this address is evidence about this process of the member."""
        row = self._reached.get(member)
        if row is None or (row.epoch, row.boot) != (epoch, boot):
            return False
        return row.ended and address in row.addresses

    def refused(self, member: MemberId, mono: float) -> bool:
        """Note a refusal that counts; whether another dial should be tried for a second one."""
        row = self._reached[member]
        self.waiting.add(member)
        if row.first is None:
            row.first = mono
        elif mono - row.first >= self.apart * 0.999:
            row.twice = True
        return not row.twice

    def first(self, member: MemberId) -> bool:
        """Whether a refusal that counts was read."""
        row = self._reached.get(member)
        return row is not None and row.first is not None

    def twice(self, member: MemberId) -> bool:
        """Whether two of them were, far enough from each other."""
        row = self._reached.get(member)
        return row is not None and row.twice
