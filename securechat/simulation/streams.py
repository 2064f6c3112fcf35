"""
The two ends of a connection, and the bytes on their way between them.

``SimLink`` is a ``Wire`` to the node, in place of ``node.link.LinkProtocol`` over TLS.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Any, Protocol

from attrs import define, field

from securechat.ids import MemberId
from securechat.inputs import Ending
from securechat.settings import KIB
from securechat.simulation.clock import HostClock

WINDOW = 128 * KIB
"""Bytes that transport and network take before what is written counts as queued."""

Item = bytes | Ending
"""What travels: bytes, or the end of the stream."""


class Phase(Enum):
    """How far an end has come."""

    OPEN = "bytes flow"
    CLOSING = "flushing, then closed"
    ENDED = "gone"


class Carrier(Protocol):
    """The network, as an end sees it."""

    def written(self, end: SimLink, data: bytes) -> None:
        """Bytes set out."""
        ...

    def closed(self, end: SimLink) -> None:
        """An end flushes and closes."""
        ...

    def aborted(self, end: SimLink) -> None:
        """An end breaks off."""
        ...


@define(eq=False)
class SimLink:
    """One end of a connection: the Wire of one process."""

    _carrier: Carrier
    machine: Any
    clock: HostClock
    owner: Any
    """The Links that this wire was opened in."""
    peer: MemberId
    address: str
    local: str
    dialled: str | None
    phase: Phase = Phase.OPEN
    heard: bool = False
    ending: tuple[Ending, str] | None = None
    """What this end will be told of its own closing."""
    other: SimLink = field(init=False, repr=False)
    pipe: Pipe = field(init=False, repr=False)
    """What it sends."""

    @property
    def queued(self) -> int:
        """Bytes that the network has not taken yet."""
        return max(0, self.pipe.size - WINDOW)

    @property
    def lasts(self) -> bool:
        """Whether it is open, at both ends, and its process lives."""
        return self.clock.alive and {self.phase, self.other.phase} == {Phase.OPEN}

    def write(self, data: bytes) -> None:
        """Send whole frames, in order; nothing is sent after ``close``."""
        if self.phase is Phase.OPEN and self.clock.alive:
            self._carrier.written(self, data)

    def pause(self) -> None:
        """The network goes on: what comes waits with the reader."""

    def resume(self) -> None:
        """Nothing was held back."""

    def close(self) -> None:
        """Flush, then close."""
        if self.phase is Phase.OPEN and self.clock.alive:
            self.phase, self.ending = Phase.CLOSING, (Ending.FIN, "closed here")
            self._carrier.closed(self)

    def abort(self) -> None:
        """Close at once; what waits is lost."""
        if self.phase is not Phase.ENDED and self.clock.alive:
            self.phase, self.ending = Phase.CLOSING, (Ending.RST, "broken off here")
            self._carrier.aborted(self)


@define(eq=False)
class Pipe:
    """One direction of a connection; what was put in comes out in order, or is lost with the rest."""

    source: SimLink = field(repr=False)
    target: SimLink = field(repr=False)
    items: deque[Item] = field(factory=deque)
    size: int = 0
    """Bytes on their way."""
    last: float = 0.0
    """When the last of them arrives."""
    waiting: int = 0
    """Items that should have arrived and cannot."""
    broken: bool = False
    """The other end has answered with a reset."""

    def put(self, item: Item) -> None:
        """Something sets out."""
        self.items.append(item)
        if isinstance(item, bytes):
            self.size += len(item)

    def take(self) -> Item:
        """Something arrives."""
        item = self.items.popleft()
        if isinstance(item, bytes):
            self.size -= len(item)
        return item

    def join_waiting(self) -> int:
        """What waited arrives in one piece, since TCP keeps no boundaries; how many items now."""
        count, self.waiting = min(self.waiting, len(self.items)), 0
        joined = bytearray()
        while count and isinstance(item := self.items[0], bytes):
            joined += item
            self.items.popleft()
            count -= 1
        if joined:
            self.items.appendleft(bytes(joined))
            count += 1
        return count

    def truncate(self, size: int) -> None:
        """Only that many of the bytes arrive; what was to come after them never does."""
        kept: deque[Item] = deque()
        for item in self.items:
            if not isinstance(item, bytes) or not size:
                break
            piece = item[:size]
            kept.append(piece)
            size -= len(piece)
        self.items = kept
        self.size = sum(len(item) for item in kept if isinstance(item, bytes))
