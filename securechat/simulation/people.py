"""
Who takes part: real keys and certificates of one room, the same in every run and process.

They are made from fixed seeds, so that a world's trace depends on its own seed only.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from securechat.certificates import Authority, found_authority, issue
from securechat.node.node import Person
from securechat.signing import Signer

FOUNDED_MS = 1_700_000_000_000
ROOM_NAME = "lab"


def _seed(word: str) -> bytes:
    return hashlib.sha256(f"securechat simulation {word}".encode()).digest()


@lru_cache(maxsize=1)
def authority() -> Authority:
    """The room's authority."""
    key = Ed25519PrivateKey.from_private_bytes(_seed("authority"))
    return found_authority(ROOM_NAME, FOUNDED_MS, key=key, serial=1)


@lru_cache(maxsize=64)
def person(index: int) -> Person:
    """The member of this number."""
    room = authority()
    name = f"node{index + 1}"
    signer = Signer.from_seed(room.room, _seed(name))
    certificate = issue(
        room.key, room.certificate, name, signer.public, FOUNDED_MS, serial=index + 2
    )
    return Person(name, signer, certificate, ROOM_NAME, room.certificate)
