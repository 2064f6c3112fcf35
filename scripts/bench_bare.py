"""
The measure that ours is held against: a bare exchange over Twisted's TLS, nothing of a room in it.

One sender writes frames of one size to k receivers over the mutual TLS 1.3 that the nodes use,
``burst`` of them in each reactor turn; a receiver counts frames and answers every 256th with one byte,
and the sender keeps at most 2,048 unanswered for each receiver.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench_child
from attrs import define, field
from bench_child import cpu, reactor, say
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory

from securechat.home.identity import load_home
from securechat.keyring import Keyring
from securechat.node.tls import PeerTLS

WINDOW, ANSWER = 2048, 256
DRAIN = 10.0


def peer_tls(home: str) -> PeerTLS:
    """TLS as a node of this home speaks it."""
    identity = load_home(Path(home), None).identity
    return PeerTLS(
        identity.private_key, identity.certificate, identity.room_certificate, Keyring,
        lambda: time.time_ns() // 1_000_000,
    )  # fmt: skip


class Shown(Protocol):
    """One end of a connection, with what the TLS callback asks of it."""

    expected = None

    def connectionMade(self) -> None:
        """No delay, as in the product."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]

    def tlsAccepted(self, certificate: object) -> None:
        """A member of the room."""

    def tlsRejected(self, reason: str, text: str) -> None:
        """A stranger."""
        say(problem=f"{reason}: {text}")


class Receiver(Shown):
    """Counts bytes as frames of one size."""

    size = 0
    frames = 0
    """Of all connections."""
    kept: list[bytes] | None = None
    """The frames themselves, if they are to be kept."""

    def __init__(self) -> None:
        self._mine = 0
        self._rest = b""

    def dataReceived(self, data: bytes) -> None:
        """Count whole frames; answer each 256th."""
        self._rest += data
        end = len(self._rest) - len(self._rest) % self.size
        before = self._mine // ANSWER
        self._mine += end // self.size
        Receiver.frames += end // self.size
        self.take(self._rest[:end])
        self._rest = self._rest[end:]
        answers = self._mine // ANSWER - before
        if answers and self.transport is not None:
            self.transport.write(b"." * answers)

    def take(self, frames: bytes) -> None:
        """Whole frames."""
        if Receiver.kept is not None:
            starts = range(0, len(frames), self.size)
            Receiver.kept += [frames[start : start + self.size] for start in starts]


class Connection(Shown):
    """One connection of the sender."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.answered = 0

    def dataReceived(self, data: bytes) -> None:
        """Each byte answers 256 frames."""
        self.answered += ANSWER * len(data)
        self._sender.heard()


@define
class Sender:
    """Writes as fast as the windows let it, for so long or so many frames."""

    frame: bytes
    burst: int
    seconds: float
    k: int
    posts: float = math.inf
    connections: list[Connection] = field(factory=list)
    sent: int = 0
    _wall: float = 0.0
    _cpu: float = 0.0
    _blocked: bool = False
    _over: bool = False

    def connected(self, connection: Connection) -> None:
        """One more; with the last, the driver may begin."""
        self.connections.append(connection)
        if len(self.connections) == self.k:
            reactor.callLater(0.3, say, ready=True)

    def begin(self) -> None:
        """Count from here."""
        self._wall, self._cpu = time.monotonic(), cpu()
        self.turn()

    def _waiting(self) -> int:
        return self.sent - min(connection.answered for connection in self.connections)

    def turn(self) -> None:
        """One burst, if there is room for it."""
        if time.monotonic() - self._wall > self.seconds or self.sent >= self.posts:
            self._over = True
            reactor.callLater(DRAIN, self._finish)
            self.heard()
        elif self._waiting() + self.burst > WINDOW:
            self._blocked = True
        else:
            for _ in range(self.burst):
                for connection in self.connections:
                    connection.transport.write(self.frame)  # type: ignore[union-attr]
            self.sent += self.burst
            reactor.callLater(0, self.turn)

    def heard(self) -> None:
        """Somebody answered."""
        if self._over and self._waiting() < ANSWER:
            self._finish()
        elif self._blocked and self._waiting() + self.burst <= WINDOW:
            self._blocked = False
            self.turn()

    def _finish(self) -> None:
        if self._wall:
            say(posts=self.sent, wall=time.monotonic() - self._wall, cpu=cpu() - self._cpu)
            self._wall = 0.0


def receive(home: str, size: str, keep: str = "") -> None:
    """Listen, count, and say how much CPU it took; ``keep`` the frames if it is said."""
    Receiver.size = int(size)
    Receiver.kept = [] if keep else None
    factory = TLSMemoryBIOFactory(peer_tls(home), False, Factory.forProtocol(Receiver))
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    say(port=port.getHost().port)
    begun: list[float] = []

    def begin() -> None:
        begun.append(cpu())
        say(begun=True)

    bench_child.run(
        {
            "begin": begin,
            "end": lambda: say(cpu=cpu() - begun[0], delivered=Receiver.frames),
        }
    )


def send(
    home: str, size: str, port: str, k: str, burst: str, seconds: str, posts: str = "inf"
) -> None:
    """Connect k times and write."""
    sender = Sender(b"x" * int(size), int(burst), float(seconds), int(k), float(posts))
    tls: Any = peer_tls(home)
    for _ in range(int(k)):
        endpoint = wrapClientTLS(tls, TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)))
        made = endpoint.connect(Factory.forProtocol(lambda: Connection(sender)))
        made.addCallbacks(sender.connected, lambda failure: say(problem=str(failure.value)))
    bench_child.run({"begin": sender.begin})


if __name__ == "__main__":
    roles: dict[str, Callable[..., None]] = {"receive": receive, "send": send}
    roles[sys.argv[1]](*sys.argv[2:])
