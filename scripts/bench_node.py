"""
The measured processes of securechat: the author, or all receivers of a room.

Each node is the whole service of ``twistd securechat`` (``bench_whole``).  The author says one post, or
a burst, in each reactor turn and keeps at most ``WINDOW`` posts that not everybody has signed to have
stored; it is done when everybody has signed for all.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import bench_child
from attrs import define, field
from bench_child import Profile, cpu, reactor, resident, say
from bench_whole import Whole, opened
from twisted.python import log

from securechat.ids import MemberId, Stream
from securechat.inputs import Say
from securechat.node.node import Node

WINDOW = 2048
WARM_UP = 256
DRAIN = 20.0
"""Seconds that the last acknowledgements may take."""
PAUSE = 0.001
SETTLE = 1.0
"""Seconds of quiet between the last link and the first measurement."""


@define
class Party:
    """The nodes of one process."""

    nodes: list[Whole]
    peers: int
    counted: Counter[str] = field(factory=Counter)
    written: int = 0
    """Bytes of journal at the begin."""
    worded: int = 0
    """Events in the rings at the begin."""

    @property
    def first(self) -> Node:
        """The one that speaks."""
        return self.nodes[0].node

    def wait(self) -> None:
        """Say ``ready`` once each node is linked with everybody."""
        if all(len(each.node.links.linked()) >= self.peers for each in self.nodes):
            reactor.callLater(SETTLE, say, ready=True)
        else:
            reactor.callLater(0.05, self.wait)

    def begin(self) -> None:
        """Count from here."""
        self.counted = self._counters()
        self.written, self.worded = self._written(), self._worded()

    def figures(self) -> dict[str, object]:
        """What was counted since the begin, and where everything stands."""
        counted = self._counters()
        counted.subtract(self.counted)
        wanted = (
            "commits", "turns", "frames_in", "frames_out", "bytes_out", "duplicates", "recovered",
            "posts_not_pushed", "frontiers_signed", "full_frontiers", "faults",
        )  # fmt: skip
        kept = {name: counted[name] for name in wanted if counted[name]}
        kept |= {name: n for name, n in counted.items() if n and name.startswith("refused")}
        digests = {each.streams.digest().hex() for each in self.nodes}
        return {
            "digests": sorted(digests), "counters": kept, "resident": resident(),
            "journal": self._written() - self.written, "worded": self._worded() - self.worded,
            "events": sum(n for name, n in counted.items() if name.startswith("events.")),
        }  # fmt: skip

    def posts(self) -> int:
        """Posts held, summed over the nodes."""
        return sum(each.streams.posts for each in self.nodes)

    def _counters(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for each in self.nodes:
            total.update(each.node.counters)
            total.update(each.node.cores.messaging.parts.book.counters)
        return total

    def _written(self) -> int:
        return sum(each.node.store.size() for each in self.nodes)

    def _worded(self) -> int:
        return sum(each.ring.number for each in self.nodes)


@define
class Receivers:
    """All receivers: they do nothing by themselves."""

    party: Party
    profile: Profile
    cpu: float = 0.0
    posts: int = 0

    def begin(self) -> None:
        """Count from here."""
        self.party.begin()
        self.posts, self.cpu = self.party.posts(), cpu()
        self.profile.begin()
        say(begun=True)

    def end(self) -> None:
        """How much it was."""
        used = cpu() - self.cpu
        self.profile.end()
        say(cpu=used, delivered=self.party.posts() - self.posts, **self.party.figures())


@define
class Author:
    """Says posts as fast as everybody stores them."""

    party: Party
    profile: Profile
    burst: int
    seconds: float
    text: str
    sent: int = 0
    refused: int = 0
    _acked: int = 0
    _until: int = 0
    """Posts at which a warm-up ends; 0 while it is measured by time."""
    _first: int = 0
    _wall: float = 0.0
    _spoke: float = 0.0
    _cpu: float = 0.0

    def warm_up(self, posts: str = str(WARM_UP)) -> None:
        """Say so many posts; a few first, so that every code has run and every cache is filled."""
        self._until = self.sent + int(posts)
        self._wall = time.monotonic()
        self._turn()

    def begin(self) -> None:
        """Count from here, and speak."""
        self._until, self._first = 0, self.sent
        self.party.begin()
        self._wall, self._cpu = time.monotonic(), cpu()
        self.profile.begin()
        self._turn()

    def _over(self) -> bool:
        if self._until:
            return self.sent >= self._until
        return time.monotonic() - self._wall > self.seconds

    def _turn(self) -> None:
        if self._over() or self.refused:
            self._spoke = time.monotonic() - self._wall
            self._drain(time.monotonic() + DRAIN)
        elif self.sent - self._acked + self.burst > WINDOW and self._blocked():
            reactor.callLater(PAUSE, self._turn)
        else:
            for _ in range(self.burst):
                self.sent += 1
                self.party.first.input(Say(self.text)).addErrback(self._refuse)
            reactor.callLater(0, self._turn)

    def _blocked(self) -> bool:
        self._acked = self._stored_by_all()
        return self.sent - self._acked + self.burst > WINDOW

    def _refuse(self, problem: object) -> None:
        self.refused += 1

    def _stored_by_all(self) -> int:
        """The last post up to which everybody signed to have our stream."""
        parts = self.party.first.cores.messaging.parts
        stream: Stream | None = parts.peers.stream
        members: tuple[MemberId, ...] = parts.peers.roster
        if stream is None or len(members) < self.party.peers:
            return 0
        return min(parts.book.evidence.stored((stream, member)).last for member in members)

    def _drain(self, until: float) -> None:
        self._acked = self._stored_by_all()
        if self._acked < self.sent and time.monotonic() < until:
            reactor.callLater(PAUSE, self._drain, until)
        elif self._until:
            say(warm=self._acked, wall=time.monotonic() - self._wall)
        else:
            self._finish()

    def _finish(self) -> None:
        wall, used = time.monotonic() - self._wall, cpu() - self._cpu
        self.profile.end()
        say(
            posts=self.sent - self._first, acked=self._acked - self._first, refused=self.refused,
            wall=wall, spoke=self._spoke, cpu=used, **self.party.figures(),
        )  # fmt: skip


def main() -> None:
    """``author|receivers LOG PROFILE BURST SECONDS TEXT HOME...``."""
    role, log_file, profile_folder, burst, seconds, size, *homes = sys.argv[1:]
    start_log: Any = log.startLogging
    start_log(Path(log_file).open("a"), setStdout=False)  # noqa: SIM115 - as long as we live
    profile = Profile(profile_folder, f"{role}-{burst}")
    if role == "author":
        party = Party([], int(homes.pop()))
        author = Author(party, profile, int(burst), float(seconds), "x" * int(size))
        on = {"warm": author.warm_up, "begin": author.begin}
    else:
        party = Party([], len(homes))
        receivers = Receivers(party, profile)
        on = {"begin": receivers.begin, "end": receivers.end}

    def start() -> None:
        try:
            party.nodes += [opened(Path(home)) for home in homes]
        except SystemExit:
            # The reactor would swallow it; why is on stderr.
            os._exit(1)
        say(listening=True)
        party.wait()

    reactor.callWhenRunning(start)
    bench_child.run(on)


if __name__ == "__main__":
    main()
