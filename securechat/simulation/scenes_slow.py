"""
Scenes of a slow link: an author's 50 posts/s over 100 KB/s (DESIGN 6, slow link).

Small posts fit; large ones do not.  Then the link stays up all the same, what lies on it stays within
its limit, nobody is suspected, and the other end has everything soon after.
"""

from __future__ import annotations

from collections.abc import Callable

from securechat.simulation.scenes import meet
from securechat.simulation.stage import Stage

RATE = 100_000.0
"""Bytes per second, each way."""
POSTS = 50
"""Per second."""
SMALL, LARGE = 150, 5000
"""Bytes of a text: with what goes around it a quarter of the rate, and more than twice the rate."""
SIDE, SURGE, AFTER = 5, 10, 20
"""Seconds of small posts, of large ones, and of small ones again."""
IN_STEP = 1.0
"""Seconds in which the other end has everything while all fits."""
CAUGHT_UP = 15.0
"""The same after the last post."""


def overrun(stage: Stage) -> None:
    """G2, G9: node1 says more than its link to node2 takes; it stays up, and node2 gets everything."""
    for host in stage.hosts:
        host.settings = stage.settings  # of none it is the reader or the author who is slow
    meet(stage)
    stage.network.weather.rate.update(dict.fromkeys(stage.both((0, 1)), RATE))
    since, links, waits = stage.now, stage.ends(0, 1), [0]

    def talk(seconds: float, size: int) -> None:
        for number in range(round(seconds * POSTS)):
            stage.say(0, f"{stage.now:.2f} {number} ".ljust(size, "x"))
            stage.run_for(1 / POSTS)
            waits.extend(end.queued for end in stage.ends(0, 1))

    in_step: Callable[[], bool] = lambda: not _lacks(stage)  # noqa: E731
    talk(SIDE, SMALL)
    stage.must("G2", in_step, IN_STEP, "what fits is in step")
    talk(SURGE, LARGE)
    stage.expect("G2", _lacks(stage) > POSTS, "the link was not overrun")
    talk(AFTER, SMALL)
    stage.must("G2", in_step, CAUGHT_UP, "all is there in the end")
    most = stage.settings.slow_link + 2 * LARGE
    stage.expect("G9", max(waits) <= most, f"{max(waits)} bytes waited on the slow link")
    stage.expect("G9", stage.ends(0, 1) == links, "the slow link did not stay up")
    stage.expect("P7", not (told := stage.tells(since)), f"told: {told[:2]}")


def _lacks(stage: Stage) -> int:
    """How many posts node2 has not shown yet."""
    return stage.crowd.said - sum(post.by == 1 for post in stage.posts)
