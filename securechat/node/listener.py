"""
The listening socket and its caps: what a stranger may cost us before TLS has proved who it is.

At most so many connections without TLS at once, in all and for each source, and so many new ones a
second for each source (``reference/reliability-security.md`` S18, L3 to L5).  A connection above a cap
is closed before OpenSSL sees it.  One whose handshake has stalled makes room for a newcomer, so that
idle sockets do not keep a member out.  What a cap closes is counted in ``turned_away``.  Every refusal,
by a cap or by TLS, is told through ``knocks``: at once, then at most once a second for each reason, so
that a flood does not fill the log.
"""

from __future__ import annotations

from collections import Counter

from attrs import define, field, frozen
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IReactorTCP,
    IReactorTime,
)
from twisted.internet.protocol import ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

from securechat.addresses import is_loopback, split
from securechat.errors import HomeError
from securechat.node.address import shown, source
from securechat.node.hold import Held, hold
from securechat.node.knocks import Porch
from securechat.node.link import BareFactory, LinkProtocol, Owner
from securechat.node.tls import PeerTLS
from securechat.settings import Settings

BACKLOG = 128
HANDSHAKE_TIMEOUT = Settings().handshake_timeout
TEXTS = {
    "too-many": "too many connections that have not come through TLS",
    "too-fast": "too many new connections in a second",
}
MAX_SOURCES = 4096
"""Sources whose rate is remembered; above it, those that have been quiet are forgotten."""


@frozen
class Caps:
    """The caps; a machine's own connections get more, for demos and tests on one machine."""

    unproven: int = 64
    per_source: int = 4
    per_loopback: int = 16
    rate: float = 20.0
    """New connections a second from one source; the burst is the same."""
    rate_loopback: float = 60.0
    stalled: float = 1.0
    """Seconds after which a handshake gives its place to a newcomer."""


@define
class Bucket:
    """A token bucket: ``rate`` a second, at most ``rate`` saved up."""

    rate: float
    tokens: float
    at: float

    def take(self, now: float) -> bool:
        """Whether one more is within the rate."""
        self.tokens = min(self.rate, self.tokens + self.rate * max(0.0, now - self.at))
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@frozen
class Unproven:
    """A connection that TLS has not let through yet."""

    source: str
    since: float


@define(eq=False, slots=False)
class LinkFactory(ServerFactory):
    """Makes a LinkProtocol behind TLS for each accepted connection that the caps allow."""

    noisy = False

    _owner: Owner
    _tls: PeerTLS
    _clock: IReactorTime
    caps: Caps = field(factory=Caps)
    handshake_timeout: float = HANDSHAKE_TIMEOUT
    turned_away: Counter[str] = field(factory=Counter)
    """Connections that a cap closed, by reason."""
    _unproven: dict[LinkProtocol, Unproven] = field(factory=dict, init=False)
    _buckets: dict[str, Bucket] = field(factory=dict, init=False)
    _porch: Porch = field(init=False)
    _wrapper: TLSMemoryBIOFactory = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._porch = Porch(self._owner, self._clock)
        # The caps stand outside of Twisted's TLS factory: that one cannot turn a connection away.
        self._wrapper = TLSMemoryBIOFactory(
            self._tls, False, BareFactory(self._link), clock=self._clock
        )

    @property
    def unproven(self) -> int:
        """Connections that TLS has not let through yet."""
        return len(self._unproven)

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:
        """TLS with a LinkProtocol on top, or None: Twisted closes the connection."""
        who = source(addr)
        reason = self._excess(who)
        if reason is not None:
            self.turned_away[reason] += 1
            self._porch.refused(shown(addr), False, reason, TEXTS[reason])
            return None
        return self._wrapper.buildProtocol(addr)

    def stopFactory(self) -> None:
        """The port is closed: whatever has not come through TLS never will."""
        for link in list(self._unproven):
            link.withdraw()
        self._unproven.clear()
        self._porch.stop()

    def _link(self, addr: IAddress | None) -> LinkProtocol:
        link = LinkProtocol(self._porch, self._clock, self.handshake_timeout, settled=self._settled)
        self._unproven[link] = Unproven(source(addr), self._clock.seconds())
        return link

    def _settled(self, link: LinkProtocol) -> None:
        self._unproven.pop(link, None)

    # The caps.

    def _excess(self, who: str) -> str | None:
        """Which cap one more connection from this source would break."""
        if not self._bucket(who).take(self._clock.seconds()):
            return "too-fast"
        limit = self.caps.per_loopback if is_loopback(who) else self.caps.per_source
        same = [link for link, unproven in self._unproven.items() if unproven.source == who]
        if len(same) >= limit and not self._make_room(same):
            return "too-many"
        if len(self._unproven) >= self.caps.unproven and not self._make_room(list(self._unproven)):
            return "too-many"
        return None

    def _make_room(self, links: list[LinkProtocol]) -> bool:
        """End the oldest of these if its handshake has stalled."""
        oldest = links[0]
        if self._clock.seconds() - self._unproven[oldest].since < self.caps.stalled:
            return False
        del self._unproven[oldest]
        self.turned_away["stalled"] += 1
        oldest.refuse(
            "stalled", f"no TLS handshake within {self.caps.stalled:g} s, and others wait"
        )
        return True

    def _bucket(self, who: str) -> Bucket:
        bucket = self._buckets.get(who)
        if bucket is None:
            if len(self._buckets) >= MAX_SOURCES:
                self._forget_quiet()
            rate = self.caps.rate_loopback if is_loopback(who) else self.caps.rate
            bucket = self._buckets[who] = Bucket(rate, rate, self._clock.seconds())
        return bucket

    def _forget_quiet(self) -> None:
        """A bucket that nobody touched for a second is full again, as a new one is."""
        before = self._clock.seconds() - 1
        self._buckets = {who: b for who, b in self._buckets.items() if b.at > before}
        if len(self._buckets) >= MAX_SOURCES:
            self._buckets.clear()


def take(address: str) -> Held:
    """Hold HOST:PORT without listening; HomeError with one line if that cannot be."""
    try:
        return hold(*split(address))
    except (ValueError, OSError) as problem:
        raise _cannot(address, problem) from None


def listen(reactor: IReactorTime, address: str, factory: LinkFactory) -> IListeningPort:
    """Listen on HOST:PORT; HomeError with one line if that cannot be."""
    try:
        host, port = split(address)
        return IReactorTCP(reactor).listenTCP(port, factory, backlog=BACKLOG, interface=host)
    except ValueError as problem:
        raise _cannot(address, problem) from None
    except CannotListenError as problem:
        raise _cannot(address, problem.socketError) from None


def _cannot(address: str, problem: Exception) -> HomeError:
    why = getattr(problem, "strerror", None) or problem
    where = ascii(address[:64]) if isinstance(problem, ValueError) else address
    return HomeError(f"cannot listen on {where}: {why}; see listen under [node] in config.toml")
