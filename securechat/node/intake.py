"""
What came on each link and waits for its turn: every link has its share, and delays only itself.

Frames are cut and decoded a slice at a time.  Of each link one slice waits for the turn, and the next
is cut once the turn has handled that one, behind what waits of all others.  So a peer that sends
without end has its place in a turn as often as everybody else, and what waits for the turns is bounded
by the number of links.  The rest stays bytes; of a link with many of them nothing more is read, so that
TCP holds its peer back.  The end of a stream is told behind all that came on it.

So that it does not cost all of the processor either, a link rests once it has used up its bucket: a
token for each frame, and for those of membership one more for each 256 bytes.  What carries posts is
long, and has rates of its own (``messaging.rates``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

from attrs import define
from twisted.internet.interfaces import IReactorTime

from securechat.errors import RemoteError
from securechat.inputs import Heard
from securechat.node.dispatch import CONTROL
from securechat.node.handshake import State, known
from securechat.node.wires import Arrived, Home, Link, Lost
from securechat.settings import KIB, MAX_FRAME

SLICE_FRAMES = 64
SLICE_BYTES = 16 * KIB
"""A slice ends with the frame that reaches one of these: a few milliseconds of any kind of message."""
TOKEN_BYTES = 256
SLICE_TOKENS = SLICE_FRAMES + (SLICE_BYTES + MAX_FRAME) // TOKEN_BYTES
"""What a slice costs at most; one is cut when so many are there."""
READ_AHEAD = MAX_FRAME
"""Bytes that may wait behind a slice before the link is not read any more."""
HEARD_PAUSE = 0.05
"""Seconds between two tellings that bytes of an unfinished frame came."""


@define(eq=False)
class Intake:
    """Takes in for all links of one node."""

    _home: Home
    _clock: IReactorTime
    _counters: Counter[str]
    _take: Callable[[Link, bytes, list[Any]], None]
    """One frame's body; what the turn shall have of it is appended to the list."""
    _offended: Callable[[Link, RemoteError], None]
    _lost: Callable[[Link, Lost], None]
    """All that came before the end of this stream is told."""

    def bytes_in(self, link: Link, chunk: bytes) -> None:
        """Bytes of the peer, cut anywhere."""
        if link.closing is not None:
            self._counters[f"ignored.{known(link.closing)}"] += 1
            return
        link.bytes_in += len(chunk)
        self._counters["bytes_in"] += len(chunk)
        link.unread += chunk
        self._go_on(link)
        self._contact(link)

    def lost(self, link: Link, lost: Lost) -> None:
        """The stream has ended."""
        link.lost = lost
        self._go_on(link)

    def put(self, link: Link, messages: list[Any]) -> None:
        """Messages for the turn."""
        link.turned += 1
        self._home.put(Arrived(link, tuple(messages)))

    def handled(self, link: Link) -> None:
        """The turn is done with a slice of this link."""
        link.turned -= 1
        self._go_on(link)

    def _go_on(self, link: Link) -> None:
        """Cut slices until one waits for the turn, or no whole frame is left."""
        try:
            while not link.waits and link.closing is None and self._slice(link):
                pass
        except RemoteError as problem:
            self._offended(link, problem)
        self._hold_back(link)
        if link.lost is not None and (not link.waits or link.closing is not None):
            lost, link.lost = link.lost, None
            self._lost(link, lost)

    def _slice(self, link: Link) -> bool:
        """The next share of a link; False if there is not one whole frame."""
        messages: list[Any] = []
        frames = size = tokens = 0
        chunk, link.unread = bytes(link.unread), bytearray()
        with closing(link.framer.feed(chunk)) as bodies:
            for body in bodies:
                frames, size = frames + 1, size + len(body)
                self._take(link, body, messages)
                if messages and type(messages[-1]) in CONTROL:
                    tokens += len(body) // TOKEN_BYTES
                if frames >= SLICE_FRAMES or size >= SLICE_BYTES or link.closing is not None:
                    break
        self._counters["frames_in"] += frames
        self._pay(link, frames + tokens)
        if messages:
            self.put(link, messages)
        return frames > 0

    def _pay(self, link: Link, tokens: int) -> None:
        """Take from the bucket, and rest until it has enough for the next slice."""
        now = self._clock.seconds()
        link.pace.take(tokens, now)
        seconds = link.pace.wait(SLICE_TOKENS, now)
        if seconds:
            self._counters["links_rested"] += 1
            link.resting = True
            self._clock.callLater(seconds, self._rested, link)

    def _rested(self, link: Link) -> None:
        link.resting = False
        self._go_on(link)

    def _hold_back(self, link: Link) -> None:
        """Read on only while little waits; of a link that ends, to its end."""
        unread = len(link.unread) + link.framer.unfinished
        full = link.waits and link.closing is None and unread > READ_AHEAD
        if full and not link.paused:
            self._counters["links_held_back"] += 1
            link.wire.pause()
        elif link.paused and not full:
            link.wire.resume()
        link.paused = full

    def _contact(self, link: Link) -> None:
        """Bytes of a frame that is not whole yet are a sign of life, too."""
        if link.waits or link.state is not State.UP or not link.framer.unfinished:
            return
        now = self._clock.seconds()
        if now - link.heard >= HEARD_PAUSE:
            link.heard = now
            self._home.put(Heard(link.wire.peer, link.number))
