"""
One stream and how far it has come: what ``links``, ``greeting`` and ``turn`` share.

A ``Wire`` is one authenticated byte stream, made by ``node.link`` over TLS or by the simulation; a
``Link`` is what this node knows of it.
"""

from __future__ import annotations

from math import inf
from typing import Any, Protocol

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall

from securechat.ids import BootId, MemberId
from securechat.inputs import Ending, LinkUp
from securechat.messaging.rates import Bucket
from securechat.node.handshake import Hello, State
from securechat.notices import LinkChanged
from securechat.objects import Signed
from securechat.settings import MAX_EARLY_FRAME
from securechat.wire import Framer

TOKENS_PER_SECOND = 4000.0
"""A hundred times what a peer sends in a busy room; they cost a tenth of a processor at most."""
TOKENS_BURST = 4000.0


class Wire(Protocol):
    """One authenticated byte stream; the certificate has proved ``peer``."""

    peer: MemberId
    address: str
    local: str
    dialled: str | None

    @property
    def queued(self) -> int:
        """Bytes that the network has not taken yet."""
        ...

    def write(self, data: bytes) -> None:
        """Send whole frames, in order."""
        ...

    def pause(self) -> None:
        """Read no more for now, so that the peer has to wait."""
        ...

    def resume(self) -> None:
        """Read on."""
        ...

    def close(self) -> None:
        """Flush, then close."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class Home(Protocol):
    """What the links ask of the node that they belong to."""

    me: MemberId

    def hello(self, peer: MemberId) -> Hello:
        """What we say to this peer first."""
        ...

    def held(self, peer: MemberId) -> tuple[int, BootId, Signed] | None:
        """The newest (epoch, boot id) of the peer that we hold, with its signed Alive."""
        ...

    def put(self, item: Any) -> None:
        """Something happened: an input for the next turn."""
        ...

    def tell(self, event: LinkChanged) -> None:
        """Something that watchers may want to see, and no core decides on."""
        ...


@frozen
class Arrived:
    """Messages that came in one chunk on a link that is up: decoded, not yet judged."""

    link: Link
    messages: tuple[Any, ...]


@frozen
class Lost:
    """The end of a stream, behind messages that a bad cable holds back."""

    how: Ending
    why: str


@frozen
class LinkView:
    """One link for the admin port."""

    peer: MemberId
    direction: str
    since_ms: int
    bytes_in: int
    bytes_out: int
    queued: int
    address: str


@define(eq=False)
class Link:
    """One wire and how far it has come."""

    wire: Wire
    number: int
    since_ms: int
    framer: Framer = field(factory=lambda: Framer(MAX_EARLY_FRAME))
    state: State = State.GREETING
    hello: Hello | None = None
    """The peer's, once it was accepted."""
    up: LinkUp | None = None
    closing: str | None = None
    """The reason that we or the peer gave for its end."""
    offence: str = ""
    """The class of the message by which the peer broke the protocol."""
    revoked: bool = False
    """We ended it: what it brought and no turn has handled yet is void."""
    bytes_in: int = 0
    bytes_out: int = 0
    timer: IDelayedCall | None = None

    # What came in (``node.intake``).

    unread: bytearray = field(factory=bytearray)
    """Bytes that the framer has not seen."""
    turned: int = 0
    """Slices that wait for the turn."""
    pace: Bucket = field(factory=lambda: Bucket(TOKENS_PER_SECOND, TOKENS_BURST))
    resting: bool = False
    """The bucket is used up for now."""
    paused: bool = False
    """So much waits that nothing more is read."""
    lost: Lost | None = None
    """The end of the stream, while something waits that came before."""
    heard: float = -inf
    """When bytes of an unfinished frame were told last."""

    @property
    def waits(self) -> bool:
        """Whether what comes now has to wait."""
        return self.turned > 0 or self.resting

    @property
    def direction(self) -> str:
        """Who made it."""
        return "in" if self.wire.dialled is None else "out"


def stale(link: Link) -> bool:
    """
    Whether messages of this link must not be handled any more.

    Those of an incarnation that was replaced (G5), or of a peer that broke the protocol.  What came
    before the peer's own CLOSE, its Leave above all, still counts.
    """
    return link.revoked
