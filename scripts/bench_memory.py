"""
Memory: of a node that keeps posts, of each post, and of each link.

Beside it: a bare process on the same TLS that was sent, and holds, as many frames of the same size; and
what one more connection costs such a process.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

from bench_figures import BARE, OURS, Beside, Figure, Row
from bench_frames import post_frame
from bench_homes import make_homes
from bench_process import Child, resident
from bench_runs import Plan, Stand, run
from bench_start import fill, said

SETTLE = 5.0
"""Seconds after the last post: what is only passing is not counted."""
LINGER = 15.0
"""The same after the last link: two that dialled each other keep both links for up to 10 s."""

ROWS = (
    Row("empty", "RSS of a process that keeps nothing", "MiB", (Beside(BARE),)),
    Row("kept", "RSS with the posts kept", "MiB", (Beside(BARE, most=1.5),)),
    Row("author", "RSS of their author", "MiB", (Beside(BARE),)),
    Row("post", "for each post", "B", (Beside(BARE),)),
    Row("link", "for each link after the first", "KiB", (Beside(BARE),), most=100.0),
)


def measure(stand: Stand) -> Iterator[Figure]:
    """One repeat."""
    yield from _posts(stand)
    if stand.plan.k > 1:
        yield from _links(stand)


def _posts(stand: Stand) -> Iterator[Figure]:
    plan = stand.plan
    homes = make_homes(stand.folder / "posts", 1, plan.preset)
    size = post_frame(homes[1], plan.text)
    bare = stand.run("bare", "bench_bare", "receive", homes[1], size, "keep")
    port = bare.hear("port")["port"]
    before = resident(bare.pid)
    fill(stand, homes[0], size, port)
    after = resident(bare.pid)
    yield from _kept(stand, BARE, before, after)
    yield stand.figure("author", BARE, after)
    bare.end()
    author, keeper = stand.members(homes)
    empty = resident(keeper.pid)
    said(plan, author)
    Event().wait(SETTLE)
    yield from _kept(stand, OURS, empty, resident(keeper.pid))
    yield stand.figure("author", OURS, resident(author.pid))
    for child in (author, keeper):
        child.end()


def _kept(stand: Stand, program: str, before: float, after: float) -> Iterator[Figure]:
    yield stand.figure("empty", program, before)
    yield stand.figure("kept", program, after)
    yield stand.figure("post", program, (after - before) * 1024**2 / stand.plan.posts)


def _links(stand: Stand) -> Iterator[Figure]:
    """The first link is not counted: with it the process does for the first time what a link needs."""
    plan = stand.plan
    homes = make_homes(stand.folder / "links", plan.k, plan.preset)
    size = post_frame(homes[0], plan.text)
    bare = stand.run("bare", "bench_bare_talk", "listen", homes[0], size, 1)
    words = ("bench_bare_talk", "dial", homes[1], size, 1, bare.hear("port")["port"])
    first = _settled(stand.run("first", *words, 1), bare)
    more = _settled(stand.run("more", *words, plan.k - 1), bare)
    yield stand.figure("link", BARE, (more - first) * 1024 / (plan.k - 1))
    one = stand.member("one", homes[:1], 1)
    one.hear("listening")
    second = stand.member("second", homes[1:2], 1)
    second.hear("listening")
    first = _settled(second, one)
    others = stand.member("others", homes[2:], plan.k)
    others.hear("listening")
    more = _settled(others, one)
    yield stand.figure("link", OURS, (more - first) * 1024 / (plan.k - 1))


def _settled(linking: Child, watched: Child) -> float:
    """The memory of one process some time after another has made its links."""
    linking.hear("ready")
    Event().wait(LINGER)
    return resident(watched.pid)


def main(plan: Plan) -> int:
    """Measure memory."""
    text = f"{plan.posts} posts of {plan.text} B, {plan.burst} said in a turn; {plan.k} links"
    return run(plan, measure, ROWS, text)
