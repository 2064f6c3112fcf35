"""
Latency of posts at a rate far from saturation: from said to shown at every receiver.

Ours is committed by the author before it leaves, and by each receiver, a process of its own, before
it is shown.  The bare frame and the anchor's are on no disk, so the anchor with two commits of this
disk stands beside too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench_figures import BARE, OURS, Beside, Figure, Row, percentile
from bench_frames import member, post_frame
from bench_homes import make_homes
from bench_process import BenchError, Child, spent
from bench_runs import Plan, Stand, run

ANCHOR, COMMITTED = "sv:nacl", "sv:nacl + 2 commits"
FOUND = re.compile(r"lat p50 (?P<p50>[\d.]+) p99 (?P<p99>[\d.]+) ms")
SLACK = 60.0

ROWS = (
    Row("p50", "said to shown, p50", "ms",
        (Beside(BARE), Beside(ANCHOR, most=1.5), Beside(COMMITTED, most=1.5))),
    Row("p95", "said to shown, p95", "ms", (Beside(BARE),)),
    Row("p99", "said to shown, p99", "ms", (Beside(BARE), Beside(ANCHOR), Beside(COMMITTED))),
    Row("cpu", "CPU of author and receivers for one", "us", (Beside(BARE),)),
    Row("commit", "a bare commit on this disk", "ms"),
)  # fmt: skip


def measure(stand: Stand) -> Iterator[Figure]:
    """One repeat."""
    plan = stand.plan
    homes = make_homes(stand.folder / "latency", plan.k, plan.preset)
    commit = stand.commit() * 1000
    yield stand.figure("commit", OURS, commit)
    size = post_frame(homes[0], plan.text)
    listener = stand.run("listener", "bench_bare_talk", "listen", homes[1], size, 1)
    port = listener.hear("port")["port"]
    dialler = stand.run("dialler", "bench_bare_talk", "dial", homes[0], size, 1, port, plan.k)
    dialler.hear("ready")
    before = spent((dialler, listener))
    dialler.say("pace", plan.rate, plan.seconds)
    dialler.hear("said", plan.seconds + SLACK)
    yield _cost(stand, BARE, spent((dialler, listener)) - before)
    listener.say("seen")
    yield from _percentiles(stand, BARE, listener.hear("ages")["ages"])
    ages, used = _ours(stand, homes)
    yield _cost(stand, OURS, used)
    yield from _percentiles(stand, OURS, ages)
    words = (
        "drive", "--k", plan.k, "--work", ANCHOR, "--rate", plan.rate, "--secs", plan.seconds,
        "--reps", 1,
    )  # fmt: skip
    found = FOUND.search(stand.anchored(plan.anchor_python, "fanout.py", *words))
    if found is not None:
        for what in ("p50", "p99"):
            yield stand.figure(what, ANCHOR, float(found[what]))
            yield stand.figure(what, COMMITTED, float(found[what]) + 2 * commit)


def _ours(stand: Stand, homes: list[Path]) -> tuple[list[float], float]:
    plan = stand.plan
    author, *receivers = children = stand.members(homes)
    author.say("pace", plan.rate, 1)
    author.hear("said", SLACK)
    before = spent(children)
    ages, lost = paced(author, receivers, member(homes[0]), plan.rate, plan.seconds)
    used = spent(children) - before
    if lost:
        raise BenchError(f"{lost} posts were not shown")
    for child in children:
        child.say("end")
        child.hear("ended")
    return ages, used


def paced(
    author: Child, watchers: Sequence[Child], member: str, rate: float, seconds: float
) -> tuple[list[float], int]:
    """One speaks at a pace, others watch: the ages of the posts when shown, how many never were."""
    for watcher in watchers:
        watcher.say("watch", member)
        watcher.hear("watching")
    author.say("pace", rate, seconds)
    said = author.hear("said", seconds + SLACK)
    if said["refused"]:
        raise BenchError(f"a post was refused: {said['refused'][0]}")
    seen = []
    for watcher in watchers:
        watcher.say("seen")
        seen.append(watcher.hear("seen")["seen"])
    return joined(said["said"], seen)


def joined(
    said: Mapping[str, float], seen: Sequence[Mapping[str, Sequence[float]]]
) -> tuple[list[float], int]:
    """The age of each post at each watcher, and how many never came to one."""
    ages = [
        at - began for post, began in said.items() for shown in seen for at in shown.get(post, ())
    ]
    return ages, len(said) * len(seen) - len(ages)


def _cost(stand: Stand, program: str, used: float) -> Figure:
    return stand.figure("cpu", program, used * 1e6 / (stand.plan.rate * stand.plan.seconds))


def _percentiles(stand: Stand, program: str, ages: list[float]) -> Iterator[Figure]:
    for percent in (50, 95, 99):
        yield stand.figure(f"p{percent}", program, percentile(ages, percent) * 1000)


def main(plan: Plan) -> int:
    """Measure latency."""
    said = f"{plan.rate:g} posts/s to {plan.k} receivers for {plan.seconds:g} s"
    return run(plan, measure, ROWS, f"{said}, texts of {plan.text} B")
