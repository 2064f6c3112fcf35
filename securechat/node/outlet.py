"""Frames on their way out of a link, through the cable that may lose or delay them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from securechat.node.faults import Cable
from securechat.node.handshake import State
from securechat.node.lanes import Lanes
from securechat.node.wires import Link

CLOSE = b""
"""No frame: the end of what is sent."""


@define
class Outlet:
    """Writes for all links of one node."""

    _clock: IReactorTime
    _cable: Cable
    _counters: Counter[str]
    _lanes: Lanes[bytes] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._lanes = Lanes(self._clock, self._bytes_out)

    def write(self, link: Link, frames: Sequence[bytes]) -> None:
        """Frames in order, in one piece; nothing on a link that is ending."""
        if link.closing is not None:
            return
        now = b"".join(self._through_cable(link, frames))
        self._counters["frames_out"] += len(frames)
        if now:
            self._bytes_out(link, now)

    def _through_cable(self, link: Link, frames: Sequence[bytes]) -> Iterator[bytes]:
        for frame in frames:
            held_back = self._cable.passes(link.wire.peer)
            if held_back is None:
                self._counters["faults_dropped"] += 1
            elif not self._lanes.holds(link, frame, held_back):
                yield frame

    def close(self, link: Link) -> None:
        """Close the stream once what the cable holds back has gone."""
        if not self._lanes.holds(link, CLOSE, 0.0):
            link.wire.close()

    def _bytes_out(self, link: Link, frames: bytes) -> None:
        if frames == CLOSE:
            link.wire.close()
        if link.state is State.CLOSED or frames == CLOSE:
            return
        link.bytes_out += len(frames)
        self._counters["bytes_out"] += len(frames)
        link.wire.write(frames)
