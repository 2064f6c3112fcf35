"""
What membership does because time passed, other than probing: every 50 ms, if anything is due.

Dials and redials, answers that a go-between did not get, refusals that can be judged now, and the end
of suspicions; a link of a member that became unreachable is mute and is closed, to dial anew.
"""

from __future__ import annotations

from attrs import define

from securechat.effects import Effect, Hangup
from securechat.inputs import Instant
from securechat.membership.dialback import DialBack
from securechat.membership.dialing import Dialing
from securechat.membership.gobetween import GoBetween
from securechat.membership.links import LinkTable
from securechat.membership.redials import Redials
from securechat.membership.verdict import LATE, Verdicts

DEADLINES = 0.05
"""Seconds between two ticks of the deadlines."""


@define
class Deadlines:
    """The parts that wait for a moment."""

    _links: LinkTable
    _verdicts: Verdicts
    _dialing: Dialing
    _dialback: DialBack
    _gobetween: GoBetween
    _redials: Redials

    def due(self, mono: float) -> bool:
        """Whether any of them has anything to do."""
        parts = (self._dialing, self._dialback, self._gobetween, self._verdicts)
        return self._redials.due() or any(part.due(mono) for part in parts)

    def tick(self, now: Instant) -> list[Effect]:
        """Do it."""
        effects: list[Effect] = [*self._gobetween.tick(now)]
        self._redials.weigh(now)
        if self._verdicts.due(now.mono):
            gone = self._verdicts.tick(now, DEADLINES + LATE)
            mute = [member for member in gone if self._links.linked(member)]
            effects += [Hangup(member, "silent") for member in mute]
        if self._dialing.due(now.mono):
            effects += self._dialing.tick(now.mono)
        if self._dialback.due(now.mono):
            effects += self._dialback.tick(now.mono)
        return effects
