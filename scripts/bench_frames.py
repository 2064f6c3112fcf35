"""How many bytes travel for one message: the frames that the bare exchange imitates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from securechat.home.identity import Identity, load_home
from securechat.ids import BootId, Hash, MemberId
from securechat.messaging.messages import Directs, Posts, Receipts
from securechat.messaging.statements import Direct, Envelope, Receipt, attachment_of
from securechat.node.dispatch import codec
from securechat.objects import Purpose
from securechat.wire import pack

BOOT = BootId("0" * 32)
HLC = 2**56
NAME = Hash(b"p" * 32)


def post_frame(home: Path, text: int) -> int:
    """Bytes of the frame that carries one post."""
    identity = load_home(home, None).identity
    envelope = Envelope(
        identity.member, 1, BOOT, first=1000, count=1, previous=NAME, hlc=HLC, body=b"b" * 32,
        opening=None,
    )  # fmt: skip
    return _framed(identity, Posts, Purpose.ENVELOPE, envelope, attachment_of(("x" * text,)))


def direct_frame(home: Path, to: MemberId, text: int) -> int:
    """Bytes of the frame that carries one direct message."""
    identity = load_home(home, None).identity
    direct = Direct(identity.member, 1, BOOT, 1000, to, HLC, "x" * text)
    return _framed(identity, Directs, Purpose.DIRECT, direct)


def receipt_frame(home: Path, sender: MemberId) -> int:
    """Bytes of the frame that carries the receipt for one."""
    identity = load_home(home, None).identity
    receipt = Receipt(identity.member, 1, sender, 1, BOOT, 1000, NAME, HLC)
    return _framed(identity, Receipts, Purpose.RECEIPT, receipt)


def member(home: Path) -> MemberId:
    """Whose home it is."""
    return load_home(home, None).identity.member


def _framed(
    identity: Identity, message: Any, purpose: Purpose, statement: Any, attachment: bytes = b""
) -> int:
    signed = identity.signer.sign(purpose, pack(statement), attachment)
    return len(codec().frame(message((signed,))))
