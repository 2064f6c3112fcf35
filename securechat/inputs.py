"""
Everything that can happen to a node, as values.

Time is part of an input's handling, not of the input: each is handled with the ``Instant`` at which
its turn took it.  ``mono`` orders and measures, ``wall_ms`` is for the HLC, for clock notices and
for people (DESIGN 3).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from attrs import frozen

from securechat.ids import BootId, Hash, MemberId, MessageId
from securechat.objects import Admitted


@frozen(order=True)
class Instant:
    """``mono`` in seconds of a clock that never steps; ``wall_ms`` in milliseconds of the epoch."""

    mono: float
    wall_ms: int


class Ending(StrEnum):
    """How a link ended, as evidence reads it (``reference`` membership 5)."""

    FIN = "fin"
    RST = "rst"
    TIMEOUT = "timeout"
    GOODBYE = "goodbye"
    """The peer closed it with the reason that it leaves."""
    BOOKKEEPING = "bookkeeping"
    """Duplicate or superseded: no effect on liveness."""
    PROTOCOL = "protocol"
    """One side broke the protocol: identity evidence, never liveness."""
    SHUTDOWN = "shutdown"
    """We closed it, stopping."""


class DialOutcome(StrEnum):
    """Why a dial gave no link."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNROUTABLE = "unroutable"
    TLS = "tls"
    HANDSHAKE = "handshake"


@frozen
class StreamEnd:
    """What somebody holds as the end of one stream: its last seq, header hash and HLC."""

    epoch: int
    boot: BootId
    seq: int
    hash: Hash
    hlc: int


@frozen
class Greeted:
    """
    A peer's HELLO is acceptable.

    What it says of the peer is kept before the peer is welcomed: a process that forgot whom it had
    welcomed could welcome an earlier incarnation next (DESIGN 2, G5).
    """

    peer: MemberId
    link: int
    alive: Admitted[Any]
    """The peer's own signed Alive, with its certificate."""


@frozen
class LinkUp:
    """HELLO and WELCOME crossed; frames flow."""

    peer: MemberId
    link: int
    """A number that names the link within this process, for evidence and records."""
    epoch: int
    boot: BootId
    address: str
    """HOST:PORT of the other end as the socket sees it."""
    dialled: str | None
    """The address we dialled, or None if the peer dialled us."""
    local: str
    """HOST:PORT of our end."""
    alive: Admitted[Any]
    """The peer's own signed Alive, with its certificate."""
    ours: Admitted[Any] | None = None
    """The newest Alive of ours that the peer holds; how a rolled-back disk learns of it."""
    ends: tuple[StreamEnd, ...] = ()
    """The ends of our streams as the peer holds them."""


@frozen
class LinkDown:
    """A link that was up is gone."""

    peer: MemberId
    link: int
    how: Ending
    reason: str
    dialled: str | None
    linked: bool
    """Whether another link to this peer is still up."""
    offence: str = ""
    """The class of the message by which the peer broke the protocol, if it did so by one."""


@frozen
class DialFailed:
    """A dial gave no link; ``peer`` is whom we expected there, if anybody."""

    address: str
    peer: MemberId | None
    how: DialOutcome
    reason: str


@frozen
class Refused:
    """
    A peer refused our handshake.

    ``proof`` is our own newer Alive as the peer holds it; ``live`` says that it belongs to a link
    that is up there now, so that another process speaks with our key (DESIGN 5, restart).
    """

    peer: MemberId
    reason: str
    proof: Admitted[Any] | None = None
    live: bool = False


@frozen
class Received:
    """One message of a peer, its signed objects checked by the door, in the message's order."""

    peer: MemberId
    link: int
    message: Any
    admitted: tuple[Admitted[Any], ...] = ()
    unknown: tuple[MemberId, ...] = ()
    """Authors of objects that were dropped because we hold no certificate of theirs."""


@frozen
class Offended:
    """A message by which a peer broke the protocol; it reached no core, and is only recorded."""

    peer: MemberId
    link: int
    message: str
    reason: str


@frozen
class Heard:
    """Bytes of a peer came in, perhaps of an unfinished frame: contact, and nothing else."""

    peer: MemberId
    link: int


@frozen
class Damaged:
    """A stored object was read back and is not what was written."""

    owner: str
    """The key of the fact that owns it."""


@frozen
class Tick:
    """One of the two LoopingCalls fired: ``probing`` or ``deadlines``."""

    name: str


# What an operator may ask of the cores.


@frozen
class Say:
    """Post to the room.  A nonce seen within 24 h answers with the id it had."""

    text: str
    nonce: str | None = None


@frozen
class Tell:
    """Send a direct message."""

    to: MemberId
    text: str
    nonce: str | None = None


@frozen
class Retry:
    """Try a message again now, under its id."""

    id: MessageId


@frozen
class Cancel:
    """Try no more."""

    id: MessageId


@frozen
class Goodbye:
    """Say a signed Leave; the node stops once it has gone out, at the latest after 2 s."""


EVERYBODY = MemberId("")
"""Stands for every peer in what is asked of the cable."""


@frozen
class Disturb:
    """Imitate a bad cable to these peers; what is None stays as it is."""

    peers: tuple[MemberId, ...]
    cut: bool | None = None
    drop_percent: float | None = None
    delay_ms: float | None = None


@frozen
class Heal:
    """Mend the cable to these peers; without any, every cable."""

    peers: tuple[MemberId, ...] = ()


Command = Say | Tell | Retry | Cancel | Goodbye | Disturb | Heal


@frozen
class Asked:
    """A command with the number under which its Answer is awaited."""

    ticket: int
    command: Command


Input = (
    Greeted | LinkUp | LinkDown | DialFailed | Refused | Received | Heard | Damaged | Tick | Asked
)
