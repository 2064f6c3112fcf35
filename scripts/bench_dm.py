"""
Direct messages: from told to acked, with both ends committed, one by one and 200 at once.

Beside it, in each repeat: a bare request and answer of the same bytes; the anchor's signed round trip,
to which two commits of this disk are added, since ours waits for two; and LXMF's delivery proof.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from bench_figures import BARE, OURS, Beside, Figure, Row, percentile
from bench_frames import direct_frame, member, receipt_frame
from bench_homes import make_homes
from bench_process import Child, spent
from bench_runs import Plan, Stand, run

QUEUE = 200
PAUSE = 0.002
"""Seconds between two round trips, as in the anchor."""
SIGNED, COMMITTED, LXMF = "rtt signed", "rtt signed + 2 commits", "LXMF"
TRIP = re.compile(r"signed: p50 (?P<p50>[\d.]+) .*, p99 (?P<p99>[\d.]+) ")
TIMEOUT = 120.0

ROWS = (
    Row("p50", "told to acked, p50", "ms",
        (Beside(BARE), Beside(SIGNED), Beside(COMMITTED, most=1.5), Beside(LXMF, most=0.5))),
    Row("p95", "told to acked, p95", "ms", (Beside(BARE), Beside(COMMITTED))),
    Row("p99", "told to acked, p99", "ms", (Beside(BARE), Beside(COMMITTED), Beside(LXMF))),
    Row("cpu", "CPU of both ends for one", "ms", (Beside(BARE),)),
    Row("queue", f"{QUEUE} at once", "messages/s", (Beside(BARE), Beside(LXMF, least=50.0))),
    Row("commit", "a bare commit on this disk", "ms"),
)  # fmt: skip


def measure(stand: Stand) -> Iterator[Figure]:
    """One repeat."""
    plan = stand.plan
    homes = make_homes(stand.folder / "dm", 1, plan.preset)
    commit = stand.commit() * 1000
    yield stand.figure("commit", OURS, commit)
    asked = direct_frame(homes[0], member(homes[1]), plan.text)
    answered = receipt_frame(homes[1], member(homes[0]))
    listener = stand.run("answerer", "bench_bare_talk", "listen", homes[1], asked, answered)
    port = listener.hear("port")["port"]
    asker = stand.run("asker", "bench_bare_talk", "dial", homes[0], asked, answered, port, 1)
    asker.hear("ready")
    yield from _trips(stand, BARE, asker, listener)
    sender, recipient = stand.members(homes)
    yield from _trips(stand, OURS, sender, recipient)
    for child in (sender, recipient):
        child.say("end")
        child.hear("ended")
    yield from _signed(stand, commit)
    yield from _lxmf(stand)


def _trips(stand: Stand, program: str, sender: Child, recipient: Child) -> Iterator[Figure]:
    sender.say("directs", 50, PAUSE)
    sender.hear("taken", TIMEOUT)
    before = spent((sender, recipient))
    sender.say("directs", stand.plan.posts, PAUSE)
    taken = [each * 1000 for each in sender.hear("taken", TIMEOUT)["taken"]]
    used = spent((sender, recipient)) - before
    yield stand.figure("cpu", program, used * 1000 / stand.plan.posts)
    for percent in (50, 95, 99):
        yield stand.figure(f"p{percent}", program, percentile(taken, percent))
    sender.say("queue", QUEUE)
    yield stand.figure("queue", program, QUEUE / sender.hear("wall", TIMEOUT)["wall"])


def _signed(stand: Stand, commit: float) -> Iterator[Figure]:
    found = TRIP.search(stand.anchored(stand.plan.anchor_python, "rtt.py", stand.plan.posts, 1))
    if found is not None:
        p50, p99 = float(found["p50"]), float(found["p99"])
        for what, trip in (("p50", p50), ("p99", p99)):
            yield stand.figure(what, SIGNED, trip)
            yield stand.figure(what, COMMITTED, trip + 2 * commit)
        # The anchor prints no p95; its median stands in, which only makes our ratio larger.
        yield stand.figure("p95", COMMITTED, p50 + 2 * commit)


def _lxmf(stand: Stand) -> Iterator[Figure]:
    if stand.plan.lxmf_python is None:
        return
    said = stand.anchored(stand.plan.lxmf_python, "lxmf_peer.py", QUEUE, 1)
    line = next((line for line in said.splitlines() if line.startswith("{")), None)
    if line is not None:
        found = json.loads(line)
        for what, name in (("p50", "lx_p50"), ("p99", "lx_p99"), ("queue", "lx_rate")):
            yield stand.figure(what, LXMF, found[name])


def main(plan: Plan) -> int:
    """Measure direct messages."""
    return run(plan, measure, ROWS, f"{plan.posts} round trips a repeat, texts of {plan.text} B")
