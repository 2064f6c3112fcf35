"""
Scenes of a member that speaks alone on a disk that was lost, or set back, where the others have pruned
what it said last (ADR 19).
"""

from __future__ import annotations

from attrs import evolve

from securechat.simulation.agreement import lines_of
from securechat.simulation.scenes import HEAL, SOON, meet
from securechat.simulation.stage import Stage

KEPT = 30
"""Posts that the others keep,"""
SAID = 50
"""and that were said in the last epoch before the disk was lost,"""
PACE = 0.1
"""so many seconds after each other."""
ALONE = 3
"""Posts that are said alone."""


def lost(stage: Stage) -> None:
    """G2, G7: with a lost disk."""
    _alone(stage, old=False)


def set_back(stage: Stage) -> None:
    """G2, G7: with a disk of long ago."""
    _alone(stage, old=True)


def _alone(stage: Stage, old: bool) -> None:
    stage.prunes = True
    for host in stage.hosts[1:]:
        host.settings = evolve(stage.settings, history_posts=KEPT)
    meet(stage)
    _talk(stage, 2)
    disk = stage.hosts[0].copy() if old else b""
    for _ in range(3):
        stage.kill(0)
        stage.start(0)
        stage.must("P13", stage.agreed, SOON, "it is back")
    _talk(stage, SAID)
    stage.run_for(SOON)
    ways = stage.between([0])
    stage.cut(*ways)
    stage.wipe(0, disk)
    stage.start(0)
    stage.run_for(1.0)
    before = {id for id in stage.checker.accepted if id.author == stage.hosts[0].member}
    _talk(stage, ALONE)
    said = stage.checker.accepted.keys() - before
    stage.expect("G2", len(said) == ALONE, "it could not speak alone")
    stage.mend(*ways)
    there = lambda: all(said <= _shown(stage, who) for who in (1, 2))  # noqa: E731
    stage.must("G2", there, HEAL, "the others show what was said alone")
    _talk(stage, 2)
    stage.run_for(HEAL)
    views = [host.view() for host in stage.hosts]
    stage.expect("G7", views[1].digest == views[2].digest, "the digests of the others differ")
    lines = [line for line in lines_of(views[0]) if line.id in said]
    states = {state for line in lines for _, state in line.recipients}
    # On an empty disk nobody else was known: for nobody then.
    is_acked = states == ({"acked"} if old else set())
    stage.expect("G1", is_acked, f"to its author they are {sorted(states)}")


def _talk(stage: Stage, times: int) -> None:
    for number in range(times):
        stage.say(0, f"{stage.now:.2f} {number}")
        stage.run_for(PACE)


def _shown(stage: Stage, who: int) -> set[object]:
    return {post.id for post in stage.posts if post.by == who}
