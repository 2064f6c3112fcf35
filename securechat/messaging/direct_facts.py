"""
What messaging keeps of direct messages: the message, its state, the receipts, and used nonces.

A receipt that we gave outlives the text it is for, so that a duplicate still gets the same answer.
"""

from __future__ import annotations

from attrs import frozen

from securechat.effects import Fact
from securechat.ids import BootId, Hash, Kind, MemberId, MessageId, Stream
from securechat.notices import Delivery


@frozen
class Placed(Fact):
    """A fact of one stream."""

    author: MemberId
    epoch: int
    boot: BootId

    @property
    def stream(self) -> Stream:
        """The stream it belongs to."""
        return Stream(self.author, self.epoch, self.boot)


@frozen
class NonceUsed(Fact):
    """A command with this nonce became this message."""

    nonce: str
    id: str
    digest: bytes
    """SHA-256 of the text and, for a direct message, of its recipient."""
    at: int

    @property
    def key(self) -> str:
        return f"nonce/{self.nonce}"

    @property
    def about(self) -> tuple[str, ...]:
        return (self.id,)

    @property
    def words(self) -> str:
        return "said by a command with a nonce: repeating it gives the same id"


@frozen
class DirectHeld(Placed):
    """A direct message, ours or to us, is stored; owns its signed form."""

    dseq: int
    recipient: MemberId
    hlc: int
    hash: Hash
    size: int
    at: int
    late: bool = False
    ahead: bool = False

    @property
    def id(self) -> MessageId:
        """Its id."""
        return MessageId(self.stream, self.dseq, Kind.DIRECT)

    @property
    def key(self) -> str:
        return f"dm/{self.hash.hex()}"

    @property
    def about(self) -> tuple[str, ...]:
        return (str(self.id),)

    @property
    def words(self) -> str:
        return f"direct message of {{{self.author}}} to {{{self.recipient}}} stored"

    @property
    def evidence(self) -> str:
        return f"direct {self.hash.hex()[:16]}"


@frozen
class DirectState(Fact):
    """What is known of an own direct message at its recipient (``delivery.TRANSITIONS``)."""

    hash: Hash
    id: str
    state: Delivery
    why: str
    at: int
    closed: bool = False
    """Not offered again: cancelled, or kept long enough."""

    @property
    def key(self) -> str:
        return f"dm-state/{self.hash.hex()}"

    @property
    def about(self) -> tuple[str, ...]:
        return (self.id,)

    @property
    def words(self) -> str:
        return f"{self.state}: {self.why}"

    @property
    def evidence(self) -> str:
        return self.why

    @property
    def cause(self) -> str:
        return f"dm/{self.hash.hex()}"


@frozen
class ReceiptHeld(Fact):
    """The recipient's signed receipt for a direct message of ours; owns it."""

    direct: Hash
    id: str
    member: MemberId
    hash: Hash
    stored: int
    """The recipient's clock when it signed."""
    at: int

    @property
    def key(self) -> str:
        return f"receipt/{self.direct.hex()}"

    @property
    def about(self) -> tuple[str, ...]:
        return (self.id,)

    @property
    def words(self) -> str:
        return f"{{{self.member}}} signed that it had stored it"

    @property
    def evidence(self) -> str:
        return f"receipt {self.hash.hex()[:16]}"

    @property
    def cause(self) -> str:
        return f"dm/{self.direct.hex()}"


@frozen
class ReceiptGiven(Fact):
    """Our signed receipt for a direct message to us; owns it.  Outlives the text."""

    direct: Hash
    id: str
    hash: Hash
    at: int

    @property
    def key(self) -> str:
        return f"given/{self.direct.hex()}"

    @property
    def about(self) -> tuple[str, ...]:
        return (self.id,)

    @property
    def words(self) -> str:
        return "receipt signed, to be sent once this is committed"

    @property
    def evidence(self) -> str:
        return f"receipt {self.hash.hex()[:16]}"

    @property
    def cause(self) -> str:
        return f"dm/{self.direct.hex()}"
