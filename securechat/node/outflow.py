"""
What waits to be written on one link, and back-pressure by the public producer interface.

The outflow is a push producer of its transport.  While it is paused, bytes wait here and count as
``queued``; the transport holds at most about 128 KiB besides (its own buffer and one piece more).
Twisted would buffer without limit (``reference/reliability-security.md`` L2).
"""

from __future__ import annotations

from collections import deque
from typing import Protocol as Seam

from attrs import define, field
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from securechat.settings import KIB

PIECE = 64 * KIB
"""Written at once: enough to fill the transport's buffer, so that it pauses us in time."""


class Stream(Seam):
    """What is asked of the transport, which is Twisted's TLS."""

    def write(self, data: bytes) -> None:
        """Take bytes."""
        ...

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Say pause and resume to this producer."""
        ...

    def unregisterProducer(self) -> None:
        """Say it no more."""
        ...

    def loseConnection(self) -> None:
        """Write what is buffered, then close."""
        ...


@implementer(IPushProducer)
@define(eq=False)
class Outflow:
    """Bytes on their way to one transport, in order."""

    _transport: Stream
    queued: int = field(default=0, init=False)
    _waiting: deque[bytes] = field(factory=deque, init=False)
    _paused: bool = field(default=False, init=False)
    _closing: bool = field(default=False, init=False)

    def start(self) -> None:
        """From now on the transport tells us when it has enough."""
        self._transport.registerProducer(self, True)

    def write(self, data: bytes) -> None:
        """Send these bytes, now or when there is room."""
        for start in range(0, len(data), PIECE):
            self._waiting.append(data[start : start + PIECE])
        self.queued += len(data)
        self._drain()

    def finish(self) -> None:
        """Close the transport once everything is written."""
        self._closing = True
        self._drain()

    def drop(self) -> None:
        """What waits will not be written."""
        self._paused = True
        self._waiting.clear()
        self.queued = 0

    def _drain(self) -> None:
        while self._waiting and not self._paused:
            piece = self._waiting.popleft()
            self.queued -= len(piece)
            self._transport.write(piece)
        if self._closing and not self._waiting:
            self._closing = False
            self._transport.unregisterProducer()
            self._transport.loseConnection()

    # The transport calls these.

    def pauseProducing(self) -> None:
        """The transport has enough."""
        self._paused = True

    def resumeProducing(self) -> None:
        """
        The transport has room again.

        Registering anew is how to learn whether TLS is still there: where the peer had closed it, the
        transport waits for a producer that has nothing more to say, for ever.
        """
        self._paused = False
        self._transport.unregisterProducer()
        self._transport.registerProducer(self, True)
        self._drain()

    def stopProducing(self) -> None:
        """The transport takes nothing any more."""
        self.drop()
