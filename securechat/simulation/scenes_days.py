"""
Scenes of more than a virtual day: two sides that speak to themselves, and one room after the heal.

P13 of ``reference/membership.md`` 11, and what it is for: nothing that was said on either side is
lost, and nothing is shown twice.  A room of more than 12, in which each probes only some and only
some confirm, takes too long at the pace of a LAN; there a period lasts ``UNHURRIED`` seconds.
"""

from __future__ import annotations

from collections import Counter

from attrs import frozen

from securechat.settings import Settings
from securechat.simulation.scenes import ACQUAINTED, HEAL, MEETING, SILENT, U
from securechat.simulation.stage import Stage

UNHURRIED = 10.0
PARTS = 4
"""So often each member posts while the sides are apart."""
RECOVERED = 60.0
"""Periods after the heal in which all that was said is shown by all."""


@frozen
class Unhurried(Settings):
    """A room with a slow pace; all else that depends on the period follows it."""

    @property
    def period(self) -> float:
        """T."""
        return UNHURRIED


def day_apart(stage: Stage, seconds: float) -> None:
    """P13: two sides for longer than a day, each of which posts; then one room, with all posts."""
    period = stage.settings.period
    stage.start()
    stage.must("P13", stage.agreed, MEETING * period, "all see each other alive")
    stage.run_for(ACQUAINTED * period)
    epochs = [stage.view(who).epoch for who in stage.running]
    side, rest = _sides(stage)
    ways = stage.between(side)
    stage.cut(*ways)
    for part in range(PARTS):
        stage.run_for(max(seconds / PARTS, SILENT * period + 1))
        _apart(stage, side, rest)
        for who in stage.running:
            stage.hosts[who].clock.run(stage.say, (who, f"part {part} of the day of node{who + 1}"))
    stage.run_for(SILENT * period)
    stage.mend(*ways)
    stage.must("P13", stage.agreed, HEAL * period, "the views are equal")
    after = [stage.view(who).epoch for who in stage.running]
    stage.expect("P13", epochs == after, f"epochs {epochs} became {after}")
    stage.must("P13", lambda: not _unshown(stage), RECOVERED * period, "all posts are shown by all")
    shown = Counter((post.by, post.id) for post in stage.posts)
    twice = [came for came, times in shown.items() if times > 1]
    stage.expect("P13", not twice, f"shown twice: {twice[:2]}")


def _sides(stage: Stage) -> tuple[list[int], list[int]]:
    """Two in five of the members, so that both sides have somebody to ask; and the others."""
    whole = list(range(len(stage.hosts)))
    some = max(2, 2 * len(whole) // 5)
    return whole[:some], whole[some:]


def _apart(stage: Stage, side: list[int], rest: list[int]) -> None:
    """Neither side hears the other, and each is one room in itself."""
    apart = all(stage.state(a, b) == U == stage.state(b, a) for a in side for b in rest)
    stage.expect("P13", apart, "the sides are not apart")
    for among in (side, rest):
        stage.expect("P13", stage.agreed(among), f"{among} do not agree")


def _unshown(stage: Stage) -> int:
    """How many posts of the sides are still to be shown, at all members together."""
    shown = {(post.by, post.id) for post in stage.posts}
    posts = {id for _, id in shown}
    members = len(stage.hosts)
    return PARTS * members * members - len(shown) if len(posts) <= PARTS * members else 1
