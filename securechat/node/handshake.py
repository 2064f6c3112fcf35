"""
How an authenticated byte stream becomes a link (pure).

Both sides send HELLO as soon as TLS is done, answer an acceptable HELLO with WELCOME once what it
says is on disk, and count the link as up when they have done both; a client of TLS 1.3 believes it is
connected before the other side has judged its certificate, so nothing less proves a link.  HELLO
carries what each holds of the other, so that a member that lost its disk learns its own past
(DESIGN 4).

A refused side is told why in CLOSE, with its own newer Alive as proof where that is the reason.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from attrs import frozen
from msgspec import Meta

from securechat.errors import RemoteError
from securechat.ids import MAX_INT, BootId, MemberId
from securechat.inputs import Ending, StreamEnd
from securechat.objects import Signed
from securechat.settings import MAX_ADDRESSES, MAX_ENDS

PROTOCOL = 1
Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
Word = Annotated[str, Meta(max_length=200)]


@frozen
class Hello:
    """``objects`` is the sender's own Alive and, if it holds one, the newest Alive of the other."""

    protocol: Count
    epoch: Count
    boot: Annotated[str, Meta(min_length=32, max_length=32)]
    addresses: Annotated[tuple[Word, ...], Meta(max_length=MAX_ADDRESSES)]
    objects: Annotated[tuple[Signed, ...], Meta(min_length=1, max_length=2)]
    ends: Annotated[tuple[StreamEnd, ...], Meta(max_length=MAX_ENDS)] = ()


@frozen
class Welcome:
    """Your HELLO is accepted."""

    epoch: Count


@frozen
class Close:
    """Why this link ends; sent once, by the side that ends it."""

    reason: Word
    live: bool = False
    """With ``stale-epoch``: the newer process is linked to us now."""
    objects: Annotated[tuple[Signed, ...], Meta(max_length=1)] = ()


MESSAGES: dict[int, type[Any]] = {1: Hello, 2: Welcome, 3: Close}


@frozen
class Kept:
    """Not said by the peer: what its HELLO says is on our disk, and our WELCOME goes out."""


class State(Enum):
    """Where a link is on its way up."""

    GREETING = "our HELLO is out, theirs is awaited"
    KEEPING = "their HELLO is accepted, what it says is not on disk yet"
    WELCOMED = "the same, and their WELCOME is here"
    WELCOMING = "their HELLO is accepted and answered, their WELCOME is awaited"
    UP = "HELLO and WELCOME crossed both ways"
    CLOSED = "one side said why it ends, or the stream is gone"


TRANSITIONS: dict[tuple[State, type[Any]], State] = {
    (State.GREETING, Hello): State.KEEPING,
    (State.GREETING, Close): State.CLOSED,
    (State.KEEPING, Kept): State.WELCOMING,
    (State.KEEPING, Welcome): State.WELCOMED,
    (State.KEEPING, Close): State.CLOSED,
    (State.WELCOMED, Kept): State.UP,
    (State.WELCOMED, Close): State.CLOSED,
    (State.WELCOMING, Welcome): State.UP,
    (State.WELCOMING, Close): State.CLOSED,
    (State.UP, Close): State.CLOSED,
}


def step(state: State, message: Any) -> State:
    """The state after a message, or ``Kept``; RemoteError ``out-of-order`` if it has no place here."""
    try:
        return TRANSITIONS[state, type(message)]
    except KeyError:
        kind = type(message).__name__
        raise RemoteError("out-of-order", f"{kind} while {state.name.lower()}") from None


@frozen
class Known:
    """What we hold of the peer when it says HELLO."""

    epoch: int
    boot: BootId
    proof: Signed
    live: bool
    """A link of that (epoch, boot) is up here now."""


def judge(hello: Hello, me: MemberId, peer: MemberId, known: Known | None) -> Close | None:
    """
    Whether a HELLO is acceptable: None, or the CLOSE that refuses it.

    An earlier epoch, or the same epoch from another boot, is an old incarnation (G5): it is told by
    its own signature that it is, and whether the newer one is live here (DESIGN 5, restart).
    """
    if peer == me:
        return Close("self")
    if hello.protocol != PROTOCOL:
        return Close("protocol-version")
    if known is None:
        return None
    older = hello.epoch < known.epoch
    twin = hello.epoch == known.epoch and hello.boot != known.boot
    if older or twin:
        return Close("stale-epoch", known.live, (known.proof,))
    return None


ENDINGS = {
    "goodbye": Ending.GOODBYE,
    "duplicate": Ending.BOOKKEEPING,
    "superseded": Ending.BOOKKEEPING,
    "epoch-raised": Ending.BOOKKEEPING,
    "full": Ending.BOOKKEEPING,
    "too-slow": Ending.BOOKKEEPING,
    "read-only": Ending.BOOKKEEPING,
    "mended": Ending.BOOKKEEPING,
}


BREACHES = frozenset(
    {
        "self", "protocol-version", "stale-epoch", "out-of-order", "malformed", "bad-length",
        "unknown-message", "unknown-object", "wrong-object", "bad-signature", "weak-key",
        "key-mismatch", "wrong-room", "silent", "conflict", "internal",
    }
)  # fmt: skip


def known(reason: str) -> str:
    """The reason if it is one of ours, else ``other``: a peer does not choose our counters."""
    return reason if reason in ENDINGS or reason in BREACHES else "other"


def ending(reason: str) -> Ending:
    """How a stated reason reads as evidence; what is not listed is a breach of the protocol."""
    return ENDINGS.get(reason, Ending.PROTOCOL)
