"""
What comes in from a peer is judged here, before any core sees it.

In this order (DESIGN 3): the frame's size (``wire.Framer``), strict decode, the link's epoch
(``links``), which kinds of objects the message may carry, already held (by SHA-256 of the signed bytes,
never by an id), the author's key, the signature.  The answer depends on the object, its author's
certificate and the removals held, never on when, from whom or in what order it came: equal sets give
equal transcripts.

An object of an unknown author is dropped and its author named; its certificate is asked for, and
recovery brings the object again.  Anything wrong is a RemoteError: it costs the peer its link.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Mapping
from typing import Any

from attrs import define, field

from securechat.certificates import MemberCertificate, read_member
from securechat.errors import RemoteError
from securechat.ids import Hash, MemberId
from securechat.inputs import Received
from securechat.keyring import Keyring
from securechat.objects import Admitted, Purpose, Signed
from securechat.signing import Verifier, object_hash
from securechat.wire import Codec

CERTIFICATES_CACHED = 256


def require_purpose(signed: Signed, allowed: Container[Purpose], where: str) -> None:
    """RemoteError unless an object of this kind has a place there."""
    if signed.purpose not in allowed:
        raise RemoteError("wrong-object", f"{signed.purpose} in {where}")


@define
class Door:
    """Judges messages and signed objects for one node."""

    codec: Codec
    room: str
    _room_certificate: bytes
    _keyring: Callable[[], Keyring]
    _holds: Callable[[Hash], bool]
    _carries: Mapping[type[Any], frozenset[Purpose]]
    """Which objects each message may carry."""
    _verifier: Verifier = field(init=False)
    _certificates: OrderedDict[bytes, MemberCertificate] = field(factory=OrderedDict, init=False)

    def __attrs_post_init__(self) -> None:
        self._verifier = Verifier(self.room)

    def admit(self, peer: MemberId, link: int, message: Any) -> Received:
        """A decoded message with its signed objects checked, in their order."""
        admitted: list[Admitted[Any]] = []
        unknown: dict[MemberId, None] = {}
        allowed = self._carries.get(type(message), frozenset())
        for signed in getattr(message, "objects", ()):
            require_purpose(signed, allowed, type(message).__name__)
            found = self.object(signed)
            if isinstance(found, Admitted):
                admitted.append(found)
            else:
                unknown[found] = None
        return Received(peer, link, message, tuple(admitted), tuple(unknown))

    def object(self, signed: Signed) -> Admitted[Any] | MemberId:
        """One signed object, or the id of its author if we know no key of his."""
        statement = self.codec.statement(signed.purpose, signed.statement)
        name = object_hash(self.room, signed)
        author: MemberId = statement.author
        if self._holds(name):
            return Admitted(name, author, statement, signed, seen=True)
        public = self._key(author, signed)
        if public is None:
            return author
        statement.check(signed.attachment)
        if not self._verifier.passes(public, signed, name):
            raise RemoteError("bad-signature", f"{signed.purpose} of {author[:8]}")
        return Admitted(name, author, statement, signed)

    def authentic(self, signed: Signed) -> bool:
        """Whether an object read back from disk still carries its author's signature."""
        try:
            statement = self.codec.statement(signed.purpose, signed.statement)
            public = self._key(statement.author, signed)
            statement.check(signed.attachment)
        except RemoteError:
            return False
        return public is not None and self._verifier.passes(public, signed)

    def _key(self, author: MemberId, signed: Signed) -> bytes | None:
        if signed.purpose is Purpose.ALIVE:
            return self._introduced(author, signed.attachment).public
        key = self._keyring().get(author)
        return None if key is None else key.public

    def _introduced(self, author: MemberId, der: bytes) -> MemberCertificate:
        """The certificate that rides with an Alive: of this room, and of its author."""
        certificate = self._certificates.get(der)
        if certificate is None:
            certificate = read_member(der, self._room_certificate)
            self._certificates[der] = certificate
            if len(self._certificates) > CERTIFICATES_CACHED:
                self._certificates.popitem(last=False)
        if certificate.member != author:
            raise RemoteError("key-mismatch", f"certificate is not of {author[:8]}")
        return certificate
