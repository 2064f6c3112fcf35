"""
The bare exchange where it is not about rates: an answer to each request, and a frame at a pace.

The same mutual TLS 1.3, nothing of a room.  A frame that begins with ``?`` is answered by one of the
size that a receipt has; one that begins with ``!`` carries the moment at which it was written.
"""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import bench_child
from attrs import define, field
from bench_bare import Receiver, Shown, peer_tls
from bench_child import reactor, say
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory

STAMP = struct.Struct(">cd")
ASK, STAMPED, ANY = b"?", b"!", b"x"


class Listener(Receiver):
    """Answers what asks, and notes how old each stamped frame is."""

    answer = b""
    ages: list[float] = []  # noqa: RUF012 - of all connections

    def take(self, frames: bytes) -> None:
        """Whole frames."""
        now = time.monotonic()
        for start in range(0, len(frames), self.size):
            kind, at = STAMP.unpack_from(frames, start)
            if kind == STAMPED:
                Listener.ages.append(now - at)
            elif kind == ASK and self.transport is not None:
                self.transport.write(self.answer)


@define(eq=False)
class Asker(Shown):
    """One connection that writes, and may wait for answers."""

    size: int
    answer: int
    _heard: int = 0
    _whole: int = 0
    _on_answer: Callable[[], None] | None = None
    _taken: list[float] = field(factory=list)

    def write(self, kind: bytes) -> None:
        """One frame."""
        frame = STAMP.pack(kind, time.monotonic()).ljust(self.size, b"x")
        self.transport.write(frame)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """Count whole answers."""
        whole, self._heard = divmod(self._heard + len(data), self.answer)
        for _ in range(whole):
            if self._on_answer is not None:
                self._on_answer()

    def directs(self, count: str, pause: str) -> None:
        """One request after the other, and how long each took."""
        began = 0.0

        def ask() -> None:
            nonlocal began
            began = time.monotonic()
            self.write(ASK)

        def answered() -> None:
            self._taken.append(time.monotonic() - began)
            if len(self._taken) >= int(count):
                say(taken=self._taken)
            else:
                reactor.callLater(float(pause), ask)

        self._on_answer = answered
        ask()

    def queue(self, count: str) -> None:
        """All at once."""
        began, left = time.monotonic(), int(count)

        def answered() -> None:
            nonlocal left
            left -= 1
            if not left:
                say(wall=time.monotonic() - began, queued=int(count))

        self._on_answer = answered
        for _ in range(int(count)):
            self.write(ASK)


def pace(askers: list[Asker], rate: str, seconds: str) -> None:
    """A stamped frame on every connection at a rate."""
    began = time.monotonic()

    def turn(number: int) -> None:
        if number >= float(rate) * float(seconds):
            reactor.callLater(1.0, lambda: say(said=number))
            return
        for asker in askers:
            asker.write(STAMPED)
        due = began + (number + 1) / float(rate)
        reactor.callLater(max(0.0, due - time.monotonic()), turn, number + 1)

    turn(0)


def listen(home: str, size: str, answer: str) -> None:
    """Take frames of one size."""
    Listener.size, Listener.answer = int(size), b"a" * int(answer)
    factory = TLSMemoryBIOFactory(peer_tls(home), False, Factory.forProtocol(Listener))
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    say(port=port.getHost().port)

    def seen() -> None:
        say(ages=Listener.ages)
        Listener.ages = []

    bench_child.run({"seen": seen})


def dial(home: str, size: str, answer: str, port: str, k: str) -> None:
    """Connect k times and do as told."""
    askers: list[Asker] = []
    tls: Any = peer_tls(home)

    def connected(asker: Asker) -> None:
        askers.append(asker)
        if len(askers) == int(k):
            reactor.callLater(0.3, say, ready=True)

    for _ in range(int(k)):
        endpoint = wrapClientTLS(tls, TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)))
        made = endpoint.connect(Factory.forProtocol(lambda: Asker(int(size), int(answer))))
        made.addCallbacks(connected, lambda failure: say(problem=str(failure.value)))
    bench_child.run(
        {
            "directs": lambda *words: askers[0].directs(*words),
            "queue": lambda *words: askers[0].queue(*words),
            "pace": lambda *words: pace(askers, *words),
        }
    )


if __name__ == "__main__":
    roles: dict[str, Callable[..., None]] = {"listen": listen, "dial": dial}
    roles[sys.argv[1]](*sys.argv[2:])
