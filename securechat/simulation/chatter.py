"""
An idle room is quiet: once all have long been equal, nobody has anything to tell, nothing to write.

Between ``begin`` and ``judge`` messaging sends its digest once a period to each peer and nothing else,
and no journal takes a commit (I10).  What membership says then is for its own judge (``membership``).
Where histories were cut at different places digests differ for good, and a whole frontier goes out now
and then: such rooms are not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from attrs import define, field

from securechat.messaging.messages import MESSAGES, Digest
from securechat.wire import LENGTH

EARLY = 0.85
"""The part of a period after which the next digest may go out."""


@define(eq=False)
class Chatter:
    """What is said in one world while there is nothing to say."""

    _report: Callable[[str, str, str], None]
    _since: float | None = None
    _spoken: Counter[tuple[str, int]] = field(factory=Counter)
    """Frames of messaging by node and code."""
    _commits: dict[str, int] = field(factory=dict)

    def begin(self, now: float, commits: Mapping[str, int]) -> None:
        """From now on nothing happens; how often each node has committed so far."""
        self._since, self._commits = now, dict(commits)

    def written(self, name: str, data: bytes) -> None:
        """A node writes whole frames."""
        start = 0
        while self._since is not None and start < len(data):
            code = data[start + LENGTH + 1]
            if code in MESSAGES:
                self._spoken[name, code] += 1
            start += LENGTH + int.from_bytes(data[start : start + LENGTH], "big")

    def judge(self, now: float, period: float, commits: Mapping[str, int]) -> None:
        """It is over."""
        if self._since is None:
            return
        seconds = now - self._since
        most = (len(commits) - 1) * (seconds / (EARLY * period) + 1)
        for (name, code), times in sorted(self._spoken.items()):
            kind = MESSAGES[code]
            if kind is not Digest or times > most:
                text = f"{times} {kind.__name__} in {seconds:g} s, when nothing had changed"
                self._report("I10", name, text)
        for name, number in commits.items():
            if number != self._commits.get(name, number):
                text = f"{number - self._commits[name]} commits in {seconds:g} s of an idle room"
                self._report("I10", name, text)
