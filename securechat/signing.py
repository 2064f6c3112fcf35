"""
What a signature covers, and whose it is.

Signed bytes are ``"securechat/v1/" + TYPE + 0x00 + room id + body``: a TYPE for each purpose, so that
a signature made for one can never pass for another, and the room, so that none leaves it.  We sign
and verify exactly the bytes that are sent and stored, never a re-encoding (DESIGN 4).

Keys of small order, for which signatures made without any secret verify, and keys in a non-canonical
encoding are refused at every door (``reference/reliability-security.md`` 3.2, measured).
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from functools import lru_cache

from attrs import define, field, frozen
from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from securechat.errors import RemoteError
from securechat.ids import Hash, MemberId
from securechat.objects import Purpose, Signed

PREFIX = b"securechat/v1/"
MEMBER_TAG = b"securechat member"
PRIME = 2**255 - 19


def short_hash(data: bytes) -> str:
    """Base32 of SHA-256, lower case, no padding: the form of room ids and member ids."""
    return b32encode(hashlib.sha256(data).digest()).decode("ascii").rstrip("=").lower()


def check_public_key(public: bytes) -> None:
    """RemoteError ``weak-key`` unless these 32 bytes are a canonical point of the main group."""
    canonical = len(public) == 32 and (int.from_bytes(public, "little") & (2**255 - 1)) < PRIME
    if not canonical or not crypto_core_ed25519_is_valid_point(public):
        raise RemoteError("weak-key", "not a usable Ed25519 key")


def member_id(public: bytes) -> MemberId:
    """The id of the member with this public key; RemoteError if the key is weak."""
    check_public_key(public)
    return MemberId(short_hash(MEMBER_TAG + public))


def room_id(certificate: bytes) -> str:
    """The id of the room whose authority has this certificate (DER)."""
    return short_hash(certificate)


def signed_bytes(purpose: Purpose, room: str, statement: bytes) -> bytes:
    """Exactly what the signature covers."""
    return PREFIX + purpose.encode("ascii") + b"\0" + room.encode("ascii") + statement


def object_hash(room: str, signed: Signed) -> Hash:
    """The name of an object: SHA-256 of the bytes that were signed."""
    return Hash(hashlib.sha256(signed_bytes(signed.purpose, room, signed.statement)).digest())


@frozen
class Signer:
    """Signs for one member in one room.  Never printed, never pickled."""

    room: str
    _key: SigningKey = field(repr=False, eq=False)

    @classmethod
    def from_seed(cls, room: str, seed: bytes) -> Signer:
        """A signer from the 32 bytes of an Ed25519 private key."""
        return cls(room, SigningKey(seed))

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return bytes(self._key.verify_key)

    @property
    def member(self) -> MemberId:
        """Whose signatures these are."""
        return member_id(self.public)

    def sign(self, purpose: Purpose, statement: bytes, attachment: bytes = b"") -> Signed:
        """Sign a statement for one purpose."""
        signature = self._key.sign(signed_bytes(purpose, self.room, statement)).signature
        return Signed(purpose, statement, signature, attachment)


_key_of = lru_cache(maxsize=256)(VerifyKey)


def verify(room: str, public: bytes, signed: Signed) -> bool:
    """Whether this key signed this statement for its purpose in this room."""
    try:
        covered = signed_bytes(signed.purpose, room, signed.statement)
        _key_of(public).verify(covered, signed.signature)
    except (CryptoError, ValueError, TypeError):
        return False
    return True


@define
class Verifier:
    """
    Verifies once: remembers the last few thousand objects that passed, by hash and signature.

    A signature costs 44 to 137 microseconds to check, a look-up under one.
    """

    room: str
    _capacity: int = 4096
    _passed: dict[tuple[bytes, bytes, bytes], None] = field(factory=dict, init=False, repr=False)

    def passes(self, public: bytes, signed: Signed, name: Hash | None = None) -> bool:
        """Whether the signature holds; ``name`` is the hash of the object, if it is known already."""
        known = (public, name or object_hash(self.room, signed), signed.signature)
        if known in self._passed:
            return True
        if not verify(self.room, public, signed):
            return False
        if len(self._passed) >= self._capacity:
            del self._passed[next(iter(self._passed))]
        self._passed[known] = None
        return True
