"""
A measured process of one or more nodes that does what the driver's words ask: see ``bench_acts``.

``--hasty``: without the limit of recovery.  ``--alone``: nobody is waited for, and ``ready`` is said
as soon as the node listens.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import bench_child
from bench_acts import Acts, Seen
from bench_child import Profile, reactor, say
from bench_node import Author, Party
from bench_whole import opened
from twisted.python import log

from securechat.ids import MemberId


def main() -> None:
    """``LOG TEXT PEERS [--hasty] [--profile=DIR] HOME...``; with PEERS 0 nobody is waited for."""
    flags = [word for word in sys.argv[1:] if word.startswith("--")]
    log_file, size, peers, *homes = [word for word in sys.argv[1:] if word not in flags]
    start_log: Any = log.startLogging
    start_log(Path(log_file).open("a"), setStdout=False)  # noqa: SIM115 - as long as we live
    party = Party([], int(peers))
    acts = Acts(party, "x" * int(size))
    folder = next((flag.partition("=")[2] for flag in flags if flag.startswith("--profile=")), "")
    home = Path(homes[0])
    profile = Profile(folder, f"{home.parent.name}-{home.name}")
    seen: list[Seen] = []

    def start() -> None:
        began = time.monotonic()
        try:
            party.nodes += [opened(Path(home), "--hasty" in flags) for home in homes]
        except SystemExit:
            # The reactor would swallow it; why is on stderr.
            os._exit(1)
        now = time.monotonic()
        say(listening=now, opening=now - began, held=party.posts())
        profile.begin()
        if int(peers):
            party.wait()
        else:
            say(ready=True)

    def watch(author: str) -> None:
        seen.append(Seen(MemberId(author)))
        for each in party.nodes:
            seen[-1].watch(each.node)
        say(watching=True)

    def warm(posts: str, burst: str) -> None:
        Author(party, Profile("", ""), int(burst), 0.0, acts.text).warm_up(posts)

    def tell_size() -> None:
        say(posts=party.posts(), size=sum(each.streams.size for each in party.nodes))

    def end() -> None:
        profile.end()
        say(ended=True)

    reactor.callWhenRunning(start)
    bench_child.run(
        {
            "post": acts.post, "pace": acts.pace, "flood": acts.flood, "directs": acts.directs,
            "queue": acts.queue, "wait": acts.wait, "warm": warm, "watch": watch, "end": end,
            "seen": lambda: say(seen=seen.pop().at), "size": tell_size,
        }
    )  # fmt: skip


if __name__ == "__main__":
    main()
