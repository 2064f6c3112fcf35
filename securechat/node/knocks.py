"""
What strangers at the door cost in lines: each reason is told at once, then once a second.

A connection that never became a wire costs its maker nothing, so one line and one event for each
would let anybody fill the log and drive everything else out of the events (``docs/spec/wire.md``
says what is refused).  The first refusal of a reason is told as it is; further ones of that reason
are counted, and told in one line a second later.  ``times`` keeps the counters exact.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from securechat.ids import MemberId
from securechat.inputs import DialOutcome, Ending
from securechat.node.link import Owner

SPAN = 1.0
"""Seconds between two lines of one reason."""


@frozen
class Knocks:
    """Refusals of one reason that nobody was told of yet: how many, and the last one."""

    times: int
    address: str
    text: str


@define(eq=False)
class Porch:
    """Stands before the owner of accepted connections, and sums up the refusals among them."""

    _owner: Owner
    _clock: IReactorTime
    _told: dict[str, IDelayedCall] = field(factory=dict, init=False)
    """Reasons told within the last second, with the call that sums up the rest."""
    _untold: dict[str, Knocks] = field(factory=dict, init=False)

    def opened(self, wire: Any) -> None:
        """A wire is there."""
        self._owner.opened(wire)

    def bytes_in(self, wire: Any, chunk: bytes) -> None:
        """Bytes of the peer."""
        self._owner.bytes_in(wire, chunk)

    def lost(self, wire: Any, how: Ending, why: str) -> None:
        """A wire is gone."""
        self._owner.lost(wire, how, why)

    def dial_failed(self, address: str, peer: MemberId | None, how: DialOutcome, why: str) -> None:
        """A dial gave no wire."""
        self._owner.dial_failed(address, peer, how, why)

    def refused(self, address: str, dialled: bool, reason: str, text: str, times: int = 1) -> None:
        """A connection never became a wire."""
        if reason in self._told:
            before = self._untold.get(reason)
            count = times + (before.times if before else 0)
            self._untold[reason] = Knocks(count, address, text)
            return
        self._owner.refused(address, dialled, reason, text, times)
        self._told[reason] = self._clock.callLater(SPAN, self._sum_up, reason)

    def stop(self) -> None:
        """Tell what is untold, and no more."""
        for call in self._told.values():
            call.cancel()
        self._told.clear()
        for reason in list(self._untold):
            self._tell(reason)

    def _sum_up(self, reason: str) -> None:
        if reason not in self._untold:
            del self._told[reason]
            return
        self._tell(reason)
        self._told[reason] = self._clock.callLater(SPAN, self._sum_up, reason)

    def _tell(self, reason: str) -> None:
        knocks = self._untold.pop(reason)
        text = knocks.text
        if knocks.times > 1:
            text = f"{text}; {knocks.times} more within a second, this is the last"
        self._owner.refused(knocks.address, False, reason, text, knocks.times)
