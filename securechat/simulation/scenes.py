"""
What scenes have in common: bounds, a room that has met, and what must not be told (``scenarios``).
"""

from __future__ import annotations

from securechat.membership.messages import Claims
from securechat.notices import Liveness
from securechat.simulation.stage import Stage

DAY = 24 * 3600.0
MEETING = 12.0
"""Seconds in which nodes that start together find each other,"""
ACQUAINTED = 5.0
"""and in which each has then dialled each."""
HEAL = 33.0
"""Seconds in which a healed room is one again: back-off 30 s, two periods, one full exchange."""
SOON = 8.0
"""The same where somebody dials or is heard at once."""
SILENT = 14.0
"""Periods after which a member that vanished is unreachable for everybody who hears somebody,"""
ENDED = 1.0
"""and seconds after which one is whose process ended before everybody's eyes."""
A, S, U, L = Liveness.ALIVE, Liveness.SUSPECT, Liveness.UNREACHABLE, Liveness.LEFT


def meet(stage: Stage) -> None:
    """All start and find each other."""
    stage.start()
    stage.must("P13", stage.agreed, MEETING, "all see each other alive")
    stage.run_for(ACQUAINTED)


def only_of(stage: Stage, since: float, who: int) -> None:
    """P7: of the others nobody was suspected."""
    others = [
        told
        for told in stage.tells(since)
        if told.by != who and told.of != stage.hosts[who].member and told.to is not A
    ]
    stage.expect("P7", not others, f"told: {others[:2]}")


def replay(stage: Stage) -> None:
    claims = list(stage.judge.claims.values())
    who, to = stage.running[-1], stage.running[-2]
    for _ in range(3):
        stage.hosts[who].rng.shuffle(claims)
        for first in range(0, len(claims), 8):
            stage.speak(who, to, Claims(tuple(claims[first : first + 8])))
        stage.run_for(2.0)
