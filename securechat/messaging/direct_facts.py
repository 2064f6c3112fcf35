"""
The facts about direct messages: the texts, what is known of ours, the receipts of both sides.

Keyed by the hash of the direct message: what belongs to one is replaced and forgotten with it.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from securechat.effects import Fact
from securechat.ids import Hash, Kind, MemberId, MessageId
from securechat.messaging.post_facts import Placed
from securechat.notices import Delivery


@frozen
class DirectHeld(Placed):
    """A direct message, ours or to us, is stored; owns its signed form."""

    rests_on: ClassVar[str] = "direct"
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


@frozen
class _OfDirect(Fact):
    direct: Hash
    """The direct message it is for."""
    id: str

    @property
    def about(self) -> tuple[str, ...]:
        return (self.id,)

    @property
    def cause(self) -> str:
        return f"dm/{self.direct.hex()}"


@frozen
class DirectState(_OfDirect):
    """What is known of an own direct message at its recipient (``delivery.TRANSITIONS``)."""

    state: Delivery
    why: str
    at: int
    """Since when it is in this state."""
    closed: bool = False
    """Not offered again: cancelled, or kept long enough."""

    @property
    def key(self) -> str:
        return f"dm-state/{self.direct.hex()}"

    @property
    def words(self) -> str:
        rests = self.closed and self.state is Delivery.ACKED
        return f"{self.state}: {self.why}{'; cancelled: not offered again' if rests else ''}"

    @property
    def evidence(self) -> str:
        return self.why


@frozen
class _Receipt(_OfDirect):
    hash: Hash

    @property
    def evidence(self) -> str:
        return f"receipt {self.hash.hex()[:16]}"


@frozen
class ReceiptHeld(_Receipt):
    """The recipient's signed receipt for a direct message of ours; owns it."""

    member: MemberId
    stored: int
    """The recipient's clock when it signed."""
    at: int
    epoch: int = 0
    """Of the recipient, when it signed."""

    @property
    def key(self) -> str:
        return f"receipt/{self.direct.hex()}"

    @property
    def words(self) -> str:
        return f"{{{self.member}}} signed that it had stored it"


@frozen
class ReceiptGiven(_Receipt):
    """Our signed receipt for a direct message to us; owns it.  Outlives the text."""

    at: int

    @property
    def key(self) -> str:
        return f"given/{self.direct.hex()}"

    @property
    def words(self) -> str:
        return "receipt signed, to be sent once this is committed"
