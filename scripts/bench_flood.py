"""
One member floods while another speaks at a pace: what becomes of the honest posts, and of memory.

Three nodes in three processes: the flooder, whose own limits are lifted, as a hostile member would;
the honest one and the witness, as they come, but for a history that a flood of seconds can fill.  The
honest posts are watched at the witness without the flood and within it.  Beside it: two connections
to a bare process, one of which writes all it can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench_figures import BARE, OURS, Beside, Figure, Row, percentile
from bench_frames import member, post_frame
from bench_homes import make_homes, unlimited
from bench_latency import SLACK, paced
from bench_process import Child, resident
from bench_runs import Plan, Stand, run

QUIET = "without the flood"
CAP = 2_000
"""Posts that the honest nodes keep."""
BURST = 32
LEAD = 0.5
"""Seconds of flood before the first honest post, and after the last."""

ROWS = (
    Row("delivered", "honest posts shown within the flood", "%", least=100.0),
    Row("p50", "honest posts, said to shown, p50", "ms", (Beside(QUIET), Beside(BARE))),
    Row("p95", "honest posts, said to shown, p95", "ms", (Beside(QUIET), Beside(BARE))),
    Row("flood", "what the flooder said", "posts/s", (Beside(BARE),)),
    Row("cap", "posts that the witness keeps, of its limit", "%", most=100.0),
    Row("bytes", "bytes that it keeps, of its limit", "%", most=100.0),
    Row("rss", "RSS of the witness", "MiB", (Beside(QUIET), Beside(BARE))),
)
HISTORY_BYTES = 64 * 1024**2


def limits(place: int) -> Mapping[str, Any]:
    """The author of the flood goes by no limit."""
    return unlimited(place) if place == 0 else {"posts": CAP, "bytes": HISTORY_BYTES}


def measure(stand: Stand) -> Iterator[Figure]:
    """One repeat."""
    plan = stand.plan
    homes = make_homes(stand.folder / "flood", 2, plan.preset, limits)
    size = post_frame(homes[0], plan.text)
    yield from _bare(stand, [str(home) for home in homes], size)
    flooder, honest, witness = stand.members(homes)
    author = member(homes[1])
    quiet, _ = paced(honest, [witness], author, plan.rate, plan.seconds)
    yield from _ages(stand, QUIET, quiet)
    yield stand.figure("rss", QUIET, resident(witness.pid))
    flooder.say("flood", plan.seconds + 2 * LEAD, BURST)
    ages, lost = paced(honest, [witness], author, plan.rate, plan.seconds)
    flooded = flooder.hear("flooded", SLACK)["flooded"]
    yield stand.figure("flood", OURS, flooded / (plan.seconds + 2 * LEAD))
    yield stand.figure("delivered", OURS, 100.0 * len(ages) / (len(ages) + lost))
    yield from _ages(stand, OURS, ages)
    witness.say("size")
    found = witness.hear("posts")
    yield stand.figure("cap", OURS, 100.0 * found["posts"] / CAP)
    yield stand.figure("bytes", OURS, 100.0 * found["size"] / HISTORY_BYTES)
    yield stand.figure("rss", OURS, resident(witness.pid))


def _bare(stand: Stand, homes: list[str], size: int) -> Iterator[Figure]:
    plan = stand.plan
    listener = stand.run("listener", "bench_bare_talk", "listen", homes[2], size, 1)
    port = listener.hear("port")["port"]
    seconds = plan.seconds + 2 * LEAD
    flooder = stand.run("sender", "bench_bare", "send", homes[0], size, port, 1, BURST, seconds)
    honest = stand.run("dialler", "bench_bare_talk", "dial", homes[1], size, 1, port, 1)
    for child in (flooder, honest):
        child.hear("ready")
    flooder.say("begin")
    honest.say("pace", plan.rate, plan.seconds)
    honest.hear("said", plan.seconds + SLACK)
    sent = flooder.hear("posts", SLACK)
    yield stand.figure("flood", BARE, sent["posts"] / sent["wall"])
    listener.say("seen")
    yield from _ages(stand, BARE, listener.hear("ages")["ages"])
    yield stand.figure("rss", BARE, resident(listener.pid))
    _end(flooder, honest, listener)


def _end(*children: Child) -> None:
    for child in children:
        child.end()


def _ages(stand: Stand, program: str, ages: list[float]) -> Iterator[Figure]:
    for percent in (50, 95):
        if ages:
            yield stand.figure(f"p{percent}", program, percentile(ages, percent) * 1000)


def main(plan: Plan) -> int:
    """Measure a flood."""
    pace = f"{plan.rate:g} honest posts/s for {plan.seconds:g} s"
    return run(plan, measure, ROWS, f"{pace}, texts of {plan.text} B, history of {CAP} posts")
