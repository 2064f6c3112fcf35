"""
One TLS stream as a Protocol: from a bare TCP connection to a ``Wire``, and its end.

``connectionMade`` fires at TCP connect and only starts the handshake timeout; Twisted has none.  The
wire is there once the handshake is complete, the certificate accepted and the ALPN ours.  What never
comes so far ends in one ``refused``, and in one ``dial_failed`` if we dialled; a wire ends in one
``lost``.

In TLS 1.3 a client's handshake is complete before the server has judged its certificate.  So a wire
that we dialled and that breaks before its first byte was probably refused: ``PROTOCOL``, which is no
evidence about liveness (DESIGN 5).
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any, cast
from typing import Protocol as Seam

from attrs import define, field
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from securechat.certificates import MemberCertificate
from securechat.ids import MemberId
from securechat.inputs import DialOutcome, Ending
from securechat.node.address import shown
from securechat.node.outflow import Outflow
from securechat.node.tls import ALPN, why_broken

CLOSE_TIMEOUT = 5.0
"""How long the other side may take to read what we flush, and to close in turn."""
PERSISTENCE = {
    16: 1,  # TCP_THIN_LINEAR_TIMEOUTS: a stream of few packets is sent again without backing off
    44: 1000,  # TCP_RTO_MAX_MS, Linux 6.15: never more than so many ms between two tries
    18: 900_000,  # TCP_USER_TIMEOUT: with that it gives up by time, as without it, not by tries
}
"""
Options of a link's socket, as Linux names and numbers them in ``linux/tcp.h``.

TCP doubles its wait with each packet lost in a row: with 30 of 100 lost, a link that works is silent
for longer than a suspicion lasts.  A few small packets a second harm no network when sent again sooner.
"""


class Phase(Enum):
    """How far a connection has come."""

    SHAKING = "TCP is there, TLS is not"
    OPEN = "a wire"
    CLOSING = "a wire that we flush and close"
    ENDED = "gone, or going without a word"


class Owner(Seam):
    """Who is told; ``links.Links`` is one."""

    def opened(self, wire: Any) -> None:
        """A wire is there."""
        ...

    def bytes_in(self, wire: Any, chunk: bytes) -> None:
        """Bytes of the peer."""
        ...

    def lost(self, wire: Any, how: Ending, why: str) -> None:
        """A wire is gone."""
        ...

    def refused(self, address: str, dialled: bool, reason: str, text: str, times: int = 1) -> None:
        """So many connections never became wires; this is the last of them."""
        ...

    def dial_failed(self, address: str, peer: MemberId | None, how: DialOutcome, why: str) -> None:
        """A dial gave no wire."""
        ...


@implementer(IHandshakeListener)
@define(eq=False, slots=False)
class LinkProtocol(Protocol):
    """A ``Wire`` over TLS."""

    _owner: Owner
    _clock: IReactorTime
    _timeout: float
    """Seconds from TCP to TLS."""
    dialled: str | None = None
    expected: MemberId | None = None
    _settled: Callable[[LinkProtocol], object] = lambda link: None
    """Told once: TLS is done, or never will be."""

    peer: MemberId = field(default=MemberId(""), init=False)
    name: str = field(default="", init=False)
    address: str = field(default="", init=False)
    local: str = field(default="", init=False)
    certificate: MemberCertificate | None = field(default=None, init=False)
    _phase: Phase = field(default=Phase.SHAKING, init=False)
    _refusal: tuple[str, str] | None = field(default=None, init=False)
    _ending: tuple[Ending, str] | None = field(default=None, init=False)
    _out: Outflow = field(init=False)
    _heard: bool = field(default=False, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)

    # The way up.

    def connectionMade(self) -> None:
        """TCP is there; nothing is said and nothing is believed yet."""
        transport = cast(ITCPTransport, self.transport)
        transport.setTcpNoDelay(True)
        _be_persistent(getattr(transport, "socket", None))
        self.address, self.local = shown(transport.getPeer()), shown(transport.getHost())
        self._out = Outflow(cast(Any, transport))
        self._timer = self._clock.callLater(self._timeout, self._silent)

    def tlsAccepted(self, certificate: MemberCertificate) -> None:
        """The certificate is a member's; that the peer has its key is not proved yet."""
        self.certificate = certificate

    def tlsRejected(self, reason: str, text: str) -> None:
        """The certificate is not good; TLS ends the connection with an alert."""
        self._refusal = self._refusal or (reason, text)

    def handshakeCompleted(self) -> None:
        """TLS is done: the peer has the key of its certificate."""
        if self._phase is not Phase.SHAKING:
            return
        negotiated = cast(Any, self.transport).negotiatedProtocol
        if self.certificate is None:
            self.refuse("no-certificate", "showed no certificate")
        elif negotiated != ALPN:
            self.refuse("no-alpn", f"does not speak {ALPN.decode()}")
        else:
            self._open(self.certificate)

    def refuse(self, reason: str, text: str) -> None:
        """End a connection that is no wire yet."""
        if self._phase is Phase.SHAKING:
            self._refusal = self._refusal or (reason, text)
            self._abort()

    def withdraw(self) -> None:
        """End a connection that is no wire yet, without a word: the node stops."""
        if self._phase is Phase.SHAKING:
            self._phase = Phase.ENDED
            self._stop_timer()
            self._abort()

    def _open(self, certificate: MemberCertificate) -> None:
        self._stop_timer()
        self.peer, self.name = certificate.member, certificate.name
        self._phase = Phase.OPEN
        self._out.start()
        self._settled(self)
        self._owner.opened(self)

    def _silent(self) -> None:
        self._timer = None
        self.refuse("silent", f"no TLS handshake within {self._timeout:g} s")

    # Bytes.

    @property
    def queued(self) -> int:
        """Bytes that the network has not taken yet."""
        return self._out.queued

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the peer, on to the owner; what comes after our abort is not the peer's."""
        if self._phase in (Phase.OPEN, Phase.CLOSING):
            self._heard = True
            self._owner.bytes_in(self, data)

    def write(self, data: bytes) -> None:
        """Send whole frames, in order; nothing is sent after ``close``."""
        if self._phase is Phase.OPEN:
            self._out.write(data)

    def pause(self) -> None:
        """Read no more for now; TCP tells the peer to wait."""
        if self._phase is Phase.OPEN:
            cast(IPushProducer, self.transport).pauseProducing()

    def resume(self) -> None:
        """Read on."""
        if self._phase in (Phase.OPEN, Phase.CLOSING):
            cast(IPushProducer, self.transport).resumeProducing()

    # The way down.

    def close(self) -> None:
        """Flush, then close; a peer that does not read gets ``CLOSE_TIMEOUT`` for it."""
        if self._phase is not Phase.OPEN:
            return
        self._phase, self._ending = Phase.CLOSING, (Ending.FIN, "closed here")
        self._timer = self._clock.callLater(CLOSE_TIMEOUT, self._unread)
        self._out.finish()

    def _unread(self) -> None:
        self._timer = None
        self._ending = (Ending.TIMEOUT, "did not read to the end when we closed")
        self._abort()

    def abort(self) -> None:
        """Close at once; what waits is lost."""
        if self._phase in (Phase.OPEN, Phase.CLOSING):
            self._phase, self._ending = Phase.CLOSING, (Ending.RST, "broken off here")
            self._out.drop()
            self._abort()

    def _abort(self) -> None:
        if self.transport is not None:
            cast(Any, self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end, told once and by its class."""
        phase, self._phase = self._phase, Phase.ENDED
        self._stop_timer()
        self._out.drop()
        if phase is Phase.SHAKING:
            self._settled(self)
            self._never_up(*(self._refusal or _why_no_wire(reason.value)))
        elif phase is not Phase.ENDED:
            self._lost(*(self._ending or self._how_lost(reason.value)))

    def _never_up(self, reason: str, text: str) -> None:
        dialled = self.dialled
        self._owner.refused(dialled or self.address, dialled is not None, reason, text)
        if dialled is not None:
            how = DialOutcome.TIMEOUT if reason == "silent" else DialOutcome.TLS
            self._owner.dial_failed(dialled, self.expected, how, f"{reason}: {text}")

    def _how_lost(self, problem: BaseException | None) -> tuple[Ending, str]:
        broken = why_broken(problem)
        if broken is not None:
            return Ending.PROTOCOL, f"{broken[0]}: {broken[1]}"
        if isinstance(problem, ConnectionDone):
            return Ending.FIN, "closed by the other side"
        if self.dialled is not None and not self._heard:
            return Ending.PROTOCOL, "refused-by-peer: broken off before the first byte"
        return Ending.RST, "broken off by the other side or the network"

    def _lost(self, how: Ending, why: str) -> None:
        """A dialled wire that TLS refused at its other end counts as refused, too."""
        if how is Ending.PROTOCOL and self.dialled is not None and not self._heard:
            reason, _, text = why.partition(": ")
            self._owner.refused(self.dialled, True, reason, text)
        self._owner.lost(self, how, why)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


def _be_persistent(connected: socket.socket | None) -> None:
    """Have packets that were lost sent again soon, as far as this system knows how."""
    if connected is None or sys.platform != "linux":
        return
    for option, number in PERSISTENCE.items():
        with suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, option, number)


def _why_no_wire(problem: BaseException | None) -> tuple[str, str]:
    """Why a connection ended before TLS was done, when we did not end it."""
    broken = why_broken(problem)
    if broken is not None:
        return broken
    if isinstance(problem, ConnectionDone):
        return "closed-early", "closed before TLS was done"
    return "reset-early", "broken off before TLS was done"


class BareFactory(Factory):
    """Hands LinkProtocols to Twisted's TLS factory, which wraps them."""

    noisy = False

    def __init__(self, make: Callable[[IAddress | None], LinkProtocol]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> LinkProtocol:
        """A protocol for one connection."""
        return self._make(addr)
