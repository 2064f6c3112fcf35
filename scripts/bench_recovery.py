"""
Recovery: a member that was away pulls what was said meanwhile from the author.

The posts were said one in an envelope, each with a signature, and in bursts that share one.  Ours asks
for at most 1,000 posts a second (``recovery_per_second``), so each is measured as it runs and without
that limit.  The single-post rate is that of posts said live, one in a reactor turn, to one receiver;
the bare transfer moves the same number of bytes over one connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import bench_fanout
from bench_figures import BARE, OURS, Beside, Figure, Row
from bench_frames import post_frame
from bench_homes import copied, make_homes
from bench_process import BenchError, spent
from bench_runs import Plan, Stand, run

SINGLE = "said live"
BUILD = 600.0
"""Seconds that saying the posts may take."""
FORMS = {"one": 1, "burst": 32}
"""Posts in a reactor turn of the author, and so in an envelope."""
TITLES = {"one": "one post in an envelope", "burst": "32 posts in an envelope"}


def _rows() -> Iterator[Row]:
    for form, title in TITLES.items():
        beside = (Beside(SINGLE, least=10.0), Beside(BARE))
        yield Row(form, f"pulled, {title}", "posts/s", beside)
        yield Row(f"{form}_hasty", f"pulled without the limit, {title}", "posts/s", beside)
        yield Row(f"{form}_cpu", f"CPU of both ends for one, {title}", "us")
        yield Row(f"{form}_wait", f"listening to first post, {title}", "s")


ROWS = tuple(_rows())


def measure(stand: Stand) -> Iterator[Figure]:
    """One repeat."""
    plan = stand.plan
    single = _single(stand)
    for form, burst in FORMS.items():
        homes, transfer = _said(stand, form, burst), _bare(stand, form)
        for what, flags in ((form, ()), (f"{form}_hasty", ("--hasty",))):
            rate, wait, used = _pulled(stand, what, homes, flags)
            yield stand.figure(what, OURS, rate)
            yield stand.figure(what, SINGLE, single)
            yield stand.figure(what, BARE, transfer)
            if not flags:
                yield stand.figure(f"{form}_wait", OURS, wait)
            else:
                yield stand.figure(f"{form}_cpu", OURS, used * 1e6 / plan.posts)


def _single(stand: Stand) -> float:
    plan = stand.plan
    homes = make_homes(stand.folder / "single", 1, plan.preset)
    live = bench_fanout.Plan(
        k=(1,), burst=(1,), repeats=1, seconds=plan.seconds, preset=plan.preset, text=plan.text,
        anchor=None, anchor_python="", profile=None, file=None, folder=None, write=False,
    )  # fmt: skip
    return bench_fanout.ours(live, 1, 1, stand.repeat, homes).rate


def _bare(stand: Stand, form: str) -> float:
    """Posts a second if the frames were all there is."""
    plan = stand.plan
    home = stand.folder / form / "author"
    size = post_frame(home, plan.text) if form == "one" else 8 + plan.text
    receiver = stand.run("receiver", "bench_bare", "receive", home, size)
    port = receiver.hear("port")["port"]
    words = ("send", home, size, port, 1, FORMS["burst"], BUILD, plan.posts)
    sender = stand.run("sender", "bench_bare", *words)
    sender.hear("ready")
    sender.say("begin")
    sent = sender.hear("posts", BUILD)
    return float(sent["posts"] / sent["wall"])


def _said(stand: Stand, form: str, burst: int) -> list[Path]:
    """The homes after the posts were said: both had met, then one went away."""
    plan = stand.plan
    homes = make_homes(stand.folder / form, 1, plan.preset)
    author, other = stand.members(homes)
    author.say("warm", 64, 1)
    author.hear("warm")
    other.end()
    author.say("post", plan.posts, burst)
    author.hear("posts", BUILD)
    author.end()
    return homes


def _pulled(
    stand: Stand, what: str, homes: Sequence[Path], flags: Sequence[str]
) -> tuple[float, float, float]:
    """Posts a second from the first that came, how long that took from the start, and CPU used."""
    plan = stand.plan
    copies = [copied(home, home.parent / what / home.name) for home in homes]
    author = stand.member(f"{what}-a", copies[:1], 0)
    author.hear("listening")
    author.hear("ready")
    back = stand.member(f"{what}-b", copies[1:], 0, *flags)
    listening = back.hear("listening")
    back.hear("ready")
    held, before = listening["held"], spent((author, back))
    back.say("wait", held + plan.posts)
    found = back.hear("held", BUILD)
    used = spent((author, back)) - before
    for child in (author, back):
        child.say("end")
        child.hear("ended")
        child.end()
    if found["held"] < held + plan.posts:
        raise BenchError(f"{found['held'] - held} of {plan.posts} posts were recovered")
    if found["at"] == found["first"]:
        raise BenchError(f"{plan.posts} posts came at once: too few for a rate")
    wait = found["first"] - listening["listening"]
    return plan.posts / (found["at"] - found["first"]), wait, used


def main(plan: Plan) -> int:
    """Measure recovery."""
    return run(plan, measure, ROWS, f"{plan.posts} posts, texts of {plan.text} B")
