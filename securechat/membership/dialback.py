"""
Dialling back: every pair of members has reached each other by a dial of either side (DESIGN 5).

A link that we accepted proves that the peer reaches us, not that we reach it.  So a process that no
dial of ours has reached is dialled once while it is linked; the link that is too many by then is
closed by the rule for duplicates.  Afterwards we know at which address this very process listens: only
there does a refused redial tell that it is gone, and only then do we know that new links can be made
both ways.  The first address is tried within twice ``settings.herd``, the next once the one before
had its time to connect; after the last one there is a pause of 30 s, doubled each time up to an hour.
"""

from __future__ import annotations

from attrs import define, field

from securechat.effects import Dial
from securechat.ids import MemberId
from securechat.inputs import LinkUp
from securechat.membership.dialing import Chance, Dialing
from securechat.membership.refusals import Refusals
from securechat.membership.verdict import NEVER
from securechat.settings import Settings

DIAL_BACK_REST = 30.0
"""Seconds after the first turn in vain."""


@define
class Attempt:
    """When to try which of a member's addresses next."""

    due: float
    tries: int = 0


@define
class DialBack:
    """The linked members that no dial of ours has reached."""

    _dialing: Dialing
    _refusals: Refusals
    _settings: Settings
    _rng: Chance
    _waiting: dict[MemberId, Attempt] = field(factory=dict, init=False)
    _next: float = field(default=NEVER, init=False)

    def link_up(self, link: LinkUp, mono: float) -> None:
        """A link of a member's newest process came up."""
        if self._refusals.dialled(link.peer, link.epoch, link.boot):
            self._waiting.pop(link.peer, None)
        elif not self._dialing.stopped:
            due = mono + self._dialing.herd * (1 + self._rng.random())
            self._waiting[link.peer] = Attempt(due)
            self._next = min(self._next, due)

    def link_down(self, member: MemberId) -> None:
        """Its last link ended: it is dialled as everybody is."""
        self._waiting.pop(member, None)

    def stop(self) -> None:
        """Dial nobody any more."""
        self._waiting.clear()

    def due(self, mono: float) -> bool:
        """Whether a dial may be due."""
        return mono >= self._next

    def tick(self, mono: float) -> list[Dial]:
        """The dials that are due."""
        dials = []
        for member, attempt in self._waiting.items():
            if attempt.due <= mono:
                places = self._dialing.candidates(member)
                address = places[attempt.tries % len(places)] if places else None
                attempt.due = mono + self._pause()
                if address is not None and self._dialing.take(address, mono):
                    dials.append(Dial(address, member))
                    attempt.tries += 1
                    if attempt.tries % len(places) == 0:
                        attempt.due = mono + self._rest(attempt.tries // len(places))
        self._next = min((attempt.due for attempt in self._waiting.values()), default=NEVER)
        return dials

    def _rest(self, turns: int) -> float:
        return min(self._settings.dial_back_again, DIAL_BACK_REST * 2.0 ** min(turns - 1, 16))

    def _pause(self) -> float:
        return self._settings.connect_timeout + self._dialing.herd * self._rng.random()
