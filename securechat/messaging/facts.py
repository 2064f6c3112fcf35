"""
What messaging keeps: facts, keyed, so that the journal is bounded by what is kept (DESIGN 3 and 6).

``FACTS`` is the one registry, by the word that begins the key.  Facts about posts and about direct
messages are in modules of their own and are found here too.  Members appear in ``words`` as
``{MEMBERID}``, for the journal to print by name.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from securechat.effects import Fact
from securechat.messaging.direct_facts import (
    DirectHeld,
    DirectState,
    ReceiptGiven,
    ReceiptHeld,
)
from securechat.messaging.loss_facts import DiskLost, TextDamaged
from securechat.messaging.post_facts import (
    Audience,
    Begun,
    EnvelopeHeld,
    Floor,
    FloorAside,
    Forked,
    GapClosed,
    HeadKnown,
    Placed,
    PostsOffered,
    PostsStored,
)

__all__ = [
    "FACTS",
    "Audience",
    "Begun",
    "DirectHeld",
    "DirectState",
    "DiskLost",
    "EnvelopeHeld",
    "Floor",
    "FloorAside",
    "Forked",
    "GapClosed",
    "HeadKnown",
    "NonceUsed",
    "Placed",
    "PostsOffered",
    "PostsStored",
    "ReceiptGiven",
    "ReceiptHeld",
    "TextDamaged",
]


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


FACTS: dict[str, type[Any]] = {
    "held": EnvelopeHeld,
    "audience": Audience,
    "head": HeadKnown,
    "floor": Floor,
    "aside": FloorAside,
    "begun": Begun,
    "nonce": NonceUsed,
    "fork": Forked,
    "closed": GapClosed,
    "offered": PostsOffered,
    "stored": PostsStored,
    "dm": DirectHeld,
    "dm-state": DirectState,
    "receipt": ReceiptHeld,
    "given": ReceiptGiven,
    "lost": DiskLost,
    "damaged": TextDamaged,
}
