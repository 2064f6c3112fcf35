"""
Frames that a bad cable holds back, for all links of one node, in one direction.

What came first leaves first: a frame waits as long as one before it on the same link waits, also when
the delay has become shorter meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from securechat.node.wires import Link

Frame = TypeVar("Frame")


@define(eq=False)
class Lanes(Generic[Frame]):
    """``release`` is called once for each frame that was held, in order."""

    _clock: IReactorTime
    _release: Callable[[Link, Frame], None]
    _waiting: dict[Link, deque[tuple[float, Frame]]] = field(factory=dict, init=False)

    def holds(self, link: Link, frame: Frame, seconds: float) -> bool:
        """Hold a frame back; False if it may pass at once."""
        line = self._waiting.get(link)
        if line is None and not seconds:
            return False
        due = self._clock.seconds() + seconds
        if line is None:
            line = self._waiting[link] = deque()
            self._clock.callLater(seconds, self._due, link)
        line.append((max(due, line[-1][0]) if line else due, frame))
        return True

    def _due(self, link: Link) -> None:
        """The first has waited long enough; so may have others, of the same moment or before."""
        line = self._waiting[link]
        now = max(self._clock.seconds(), line[0][0])
        try:
            while line and line[0][0] <= now:
                self._release(link, line.popleft()[1])
        finally:
            if line:
                self._clock.callLater(max(0.0, line[0][0] - now), self._due, link)
            else:
                del self._waiting[link]
