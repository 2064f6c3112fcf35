"""
Who is there, as messaging sees it: the roster that membership told, and who is linked now.

Volatile: links and roster come anew at every start (notices are level-triggered).
"""

from __future__ import annotations

from attrs import define, field

from securechat.ids import BootId, MemberId, Stream
from securechat.inputs import LinkDown, LinkUp
from securechat.notices import Liveness, Roster


@define(eq=False)
class Peers:
    """The others."""

    me: MemberId
    boot: BootId
    epoch: int | None = None
    """Ours; None until membership said it."""
    roster: tuple[MemberId, ...] = ()
    """All members but ourselves and the removed, in order of their ids."""
    states: dict[MemberId, Liveness] = field(factory=dict)
    """What membership believes of each, the removed ones too."""
    linked: dict[MemberId, LinkUp] = field(factory=dict)

    @property
    def stream(self) -> Stream | None:
        """The stream that this process speaks in."""
        return None if self.epoch is None else Stream(self.me, self.epoch, self.boot)

    def noticed(self, roster: Roster) -> None:
        """Membership's whole state."""
        self.states = {seat.member: seat.state for seat in roster.seats}
        for seat in roster.seats:
            if seat.member == self.me:
                self.epoch = seat.epoch
        self.roster = tuple(
            seat.member
            for seat in roster.seats
            if seat.member != self.me and seat.state is not Liveness.REMOVED
        )

    def up(self, link: LinkUp) -> None:
        """A link carries frames; the newest one of a peer counts."""
        self.linked[link.peer] = link

    def down(self, link: LinkDown) -> bool:
        """A link is gone; whether the peer is out of reach now."""
        if link.linked or link.peer not in self.linked:
            return False
        del self.linked[link.peer]
        return True
