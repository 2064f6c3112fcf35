"""
Who has just signed for whom that it is there (P12).

Who is alive through others has signed a nonce of the asker's within a few periods: one round of probes
with its ping, and the word of a go-between, twice over.  All of that is as many times longer as the
asker trusts itself less, and a ping waits for three round trips; what it slept does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from attrs import define, field

from securechat.ids import MemberId
from securechat.simulation.shapes import Presence, Row, Site

RENEWED = 5.0
"""Periods of the asker's own pace."""
TRIPS = 3
"""Round trips for which a ping waits at least."""


@define(eq=False)
class Vouches:
    """All of one world."""

    _now: Callable[[], float]
    _awake: Callable[[int], float]
    """Seconds since a machine's process stood still."""
    _period: float
    _signed: dict[tuple[MemberId, MemberId], tuple[float, int]] = field(factory=dict)
    """When a member last signed for an asker, and its epoch."""
    _slow: dict[str, tuple[float, int]] = field(factory=dict)
    """The worst health score that a node has shown lately, and when: a round may still be that long."""

    def signed(self, asker: MemberId, author: MemberId, epoch: int) -> None:
        """A member signs for an asker."""
        self._signed[asker, author] = (self._now(), epoch)

    def shown(self, site: Site, view: Presence) -> None:
        """How well a node does, by its own word."""
        at, worst = self._slow.get(site.name, (-inf, 0))
        if view.health >= worst or self._now() - at > self._within(worst):
            self._slow[site.name] = (self._now(), view.health)

    def stale(self, site: Site, row: Row) -> str:
        """Why a member that is alive through others may not be shown so; empty if it may."""
        at, epoch = self._signed.get((site.member, row.member), (-inf, 0))
        age = min(self._now() - at, self._awake(site.index))
        most = self._within(self._slow[site.name][1]) + TRIPS * (row.rtt_ms or 0.0) / 1000
        if epoch == row.epoch and age <= most:
            return ""
        return f"shows {row.member[:8]} alive, which it did not say within {most:.1f} s"

    def _within(self, health: int) -> float:
        return RENEWED * self._period * (health + 1)
