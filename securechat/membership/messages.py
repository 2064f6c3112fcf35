"""
What members say to each other about members (DESIGN 5; docs/spec/wire.md).

Alive and Leave are signed by their subject and by nobody else, so that no third party can change what
is held of a member (``reference/membership.md`` 9).  Probes are unsigned: the link has proved who
speaks, and an ack counts for the member at its other end only.  An ack that comes through a go-between
is signed by its subject, with the asker's name and nonce (ADR 8).  Observations are the sender's own;
they are not passed on.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from attrs import frozen
from msgspec import Meta

from securechat.addresses import MAX_TOLD, check_told
from securechat.errors import RemoteError
from securechat.ids import MAX_INT, BootId, MemberId, Version
from securechat.objects import Purpose, Signed
from securechat.settings import MAX_ADDRESSES

Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
Author = Annotated[MemberId, Meta(pattern="^[a-z2-7]{52}$")]
Boot = Annotated[BootId, Meta(pattern="^[0-9a-f]{32}$")]
Address = Annotated[str, Meta(min_length=3, max_length=MAX_TOLD)]
Digest = Annotated[bytes, Meta(min_length=8, max_length=8)]

MAX_CERTIFICATE = 2048
"""Bytes of DER that an Alive may carry."""
MAX_ROWS = 256
"""Members of one AskClaims; more go into further ones."""
MAX_HEALTH = 7
MAX_OBJECTS = 256
"""Claims of one message; its bytes are bounded by the frame."""


def is_address(address: str) -> bool:
    """Whether members may tell each other to dial this; what the configuration takes, they may."""
    try:
        check_told(address)
    except ValueError:
        return False
    return True


@frozen
class Alive:
    """I take part, as this process, and listen here.  The certificate rides as attachment."""

    author: Author
    epoch: Annotated[int, Meta(ge=1, le=MAX_INT)]
    incarnation: Count
    boot: Boot
    addresses: Annotated[tuple[Address, ...], Meta(max_length=MAX_ADDRESSES)] = ()

    @property
    def version(self) -> Version:
        """What orders the claims of one member."""
        return Version(self.epoch, self.incarnation)

    def check(self, attachment: bytes) -> None:
        """RemoteError unless the fields are in bounds; whose certificate it is, the door judges."""
        if not 0 < len(attachment) <= MAX_CERTIFICATE:
            raise RemoteError("malformed", "an Alive carries its author's certificate")
        if len(set(self.addresses)) != len(self.addresses):
            raise RemoteError("malformed", "an address is told twice")
        if not all(map(is_address, self.addresses)):
            raise RemoteError("malformed", "an address is not HOST:PORT")


@frozen
class Leave:
    """I go, and am expected back under a higher epoch."""

    author: Author
    epoch: Annotated[int, Meta(ge=1, le=MAX_INT)]
    incarnation: Count

    @property
    def version(self) -> Version:
        """The version that leaves."""
        return Version(self.epoch, self.incarnation)

    def check(self, attachment: bytes) -> None:
        """RemoteError unless it stands alone."""
        if attachment:
            raise RemoteError("malformed", "a Leave carries nothing")


@frozen
class Ping:
    """Are you there?  ``digest`` is the sender's view: all (member, version, left) it holds."""

    nonce: Count
    digest: Digest


@frozen
class Ack:
    """I am; quotes the nonce of the Ping."""

    nonce: Count


@frozen
class Claims:
    """Signed Alive and Leave statements, whoever's."""

    objects: Annotated[tuple[Signed, ...], Meta(max_length=MAX_OBJECTS)]


@frozen
class Row:
    """What the asker holds of one member."""

    member: Author
    epoch: Count
    incarnation: Count
    left: bool


@frozen
class AskClaims:
    """Send what is newer than ``held`` of the members with ``first`` <= id <= ``last``."""

    first: Author
    last: Author
    held: Annotated[tuple[Row, ...], Meta(max_length=MAX_ROWS)] = ()


@frozen
class SignedAck:
    """I was there when ``asker`` wanted to know; the one ack that goes through other hands."""

    author: Author
    epoch: Annotated[int, Meta(ge=1, le=MAX_INT)]
    boot: Boot
    asker: Author
    nonce: Count

    def check(self, attachment: bytes) -> None:
        """RemoteError unless it stands alone."""
        if attachment:
            raise RemoteError("malformed", "a signed ack carries nothing")


@frozen
class AskVouch:
    """To a go-between: I do not hear ``subject``; do you?"""

    subject: Author
    nonce: Count


@frozen
class Challenge:
    """From a go-between: ``asker`` does not hear you; sign its nonce."""

    asker: Author
    nonce: Count


@frozen
class Vouch:
    """A SignedAck, on its way through the go-between to the asker."""

    objects: Annotated[tuple[Signed, ...], Meta(min_length=1, max_length=1)]


@frozen
class Nack:
    """From a go-between: I got no answer of ``subject`` either."""

    subject: Author
    nonce: Count


@frozen
class Observation:
    """One member that the sender does not hear, although it was reached as this version."""

    subject: Author
    epoch: Count
    incarnation: Count
    state: Literal["suspect", "unreachable"]
    refused: bool
    """A redial was refused where this process was reached before."""

    @property
    def version(self) -> Version:
        """Which claim of the subject this is about."""
        return Version(self.epoch, self.incarnation)


@frozen
class Rows:
    """Everything that the sender observes against others; replaces what it said before."""

    health: Annotated[int, Meta(ge=0, le=MAX_HEALTH)]
    """The sender's local health score: an observer that is not healthy does not count."""
    rows: Annotated[tuple[Observation, ...], Meta(max_length=MAX_ROWS)] = ()


MESSAGES: dict[int, type[Any]] = {
    16: Ping,
    17: Ack,
    18: Claims,
    19: AskClaims,
    20: AskVouch,
    21: Challenge,
    22: Vouch,
    23: Nack,
    24: Rows,
}
CARRIES: dict[type[Any], tuple[type[Any], ...]] = {
    Claims: (Alive, Leave),
    Vouch: (SignedAck,),
}
"""Which statements each message may carry."""
STATEMENTS: dict[Purpose, type[Any]] = {
    Purpose.ALIVE: Alive,
    Purpose.LEAVE: Leave,
    Purpose.ACK: SignedAck,
}

FIRST_ID = MemberId("2" * 52)
LAST_ID = MemberId("z" * 52)
