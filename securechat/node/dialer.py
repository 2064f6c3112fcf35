"""
Making links: one dial of one address, which ends in exactly one result.

Two seconds for name and TCP (Twisted's own limits are longer), then TLS within the handshake timeout.
The result is ``opened`` or ``dial_failed`` of the links; when to dial again is decided in membership.
A dial in place of another drops that, if it has no TCP yet, and nothing is told of what is dropped.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet import defer, error
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import IProtocol, IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure

from securechat.addresses import number, split
from securechat.ids import MemberId
from securechat.inputs import DialOutcome
from securechat.node.link import BareFactory, LinkProtocol, Owner
from securechat.node.tls import PeerTLS
from securechat.settings import Settings

CONNECT_TIMEOUT = Settings().connect_timeout
HANDSHAKE_TIMEOUT = Settings().handshake_timeout

LATE = (
    error.TimeoutError,
    error.TCPTimedOutError,
    error.ConnectingCancelledError,
    defer.TimeoutError,
    CancelledError,
)


@define(eq=False)
class Dialer:
    """Dials; ``links`` is set before the first dial."""

    _reactor: IReactorTime
    _tls: PeerTLS
    connect_timeout: float = CONNECT_TIMEOUT
    handshake_timeout: float = HANDSHAKE_TIMEOUT
    links: Owner = field(init=False)
    _connecting: dict[Deferred[IProtocol], LinkProtocol] = field(factory=dict, init=False)
    _unproven: set[LinkProtocol] = field(factory=set, init=False)
    _stopped: bool = field(default=False, init=False)

    def dial(self, address: str, expected: MemberId | None = None, instead: bool = False) -> None:
        """Dial HOST:PORT; the TLS check refuses any member but the expected one."""
        if self._stopped or (instead and not self._drop(address)):
            return
        try:
            endpoint = self._endpoint(*split(address))
        except ValueError as problem:
            self.links.dial_failed(address, expected, DialOutcome.UNROUTABLE, str(problem))
            return
        link = LinkProtocol(
            self.links,
            self._reactor,
            self.handshake_timeout,
            dialled=address,
            expected=expected,
            settled=self._unproven.discard,
        )
        self._unproven.add(link)
        tls = wrapClientTLS(self._tls, endpoint, clock=self._reactor)
        connecting: Deferred[IProtocol] = tls.connect(BareFactory(lambda addr: link))
        self._connecting[connecting] = link
        connecting.addTimeout(self.connect_timeout, self._reactor)
        connecting.addBoth(self._connected, connecting, link)

    @property
    def under_way(self) -> int:
        """Dials without a result yet."""
        return len(self._unproven)

    def stop(self) -> None:
        """Give up every dial that is under way; nothing is told of them any more."""
        self._stopped = True
        for connecting in list(self._connecting):
            connecting.cancel()
        for link in list(self._unproven):
            link.withdraw()
        self._unproven.clear()

    def _drop(self, address: str) -> bool:
        """Whether a dial to this address had no TCP; it is gone without a word."""
        for connecting, link in self._connecting.items():
            if link.dialled == address:
                del self._connecting[connecting]
                self._unproven.discard(link)
                connecting.cancel()
                return True
        return False

    def _endpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        literal = number(host)
        if literal is None:
            return HostnameEndpoint(self._reactor, host, port, timeout=self.connect_timeout)
        kind = TCP4ClientEndpoint if literal.version == 4 else TCP6ClientEndpoint
        return kind(self._reactor, host, port, timeout=self.connect_timeout)

    def _connected(
        self,
        result: IProtocol | Failure,
        connecting: Deferred[IProtocol],
        link: LinkProtocol,
    ) -> None:
        """TCP is there, and the LinkProtocol answers for the result; or it is not, and we do."""
        dropped = self._connecting.pop(connecting, None) is None
        if isinstance(result, Failure):
            self._unproven.discard(link)
            if not self._stopped and not dropped and link.dialled is not None:
                how, why = outcome(result.value)
                self.links.dial_failed(link.dialled, link.expected, how, why)


def outcome(problem: BaseException | None) -> tuple[DialOutcome, str]:
    """What a failure to connect says, and a line for people."""
    if isinstance(problem, error.ConnectionRefusedError):
        return DialOutcome.REFUSED, "connection refused"
    if isinstance(problem, LATE):
        return DialOutcome.TIMEOUT, "no answer in time"
    if isinstance(problem, error.DNSLookupError | error.UnknownHostError):
        return DialOutcome.UNROUTABLE, "no such host name"
    said = str(problem) or type(problem).__name__
    return DialOutcome.UNROUTABLE, said[:120]
