"""
Who a certificate names, and whether the room's authority said so.

A member's certificate binds one name and one member id to one Ed25519 key (DESIGN 4).  It is read
by one rule for every door: TLS, an Alive, a backfill, an admission.  What it must be: issued and
signed by the room's authority, no CA, for client and server, with exactly one SAN
``URI:securechat:<member-id>`` that is the id of its key, and exactly one CN that is a name.  Dates
are judged apart, when a link is made, and never for signatures: removal, not expiry, ends
membership.

The reasons of the errors are short words that counters use: ``malformed-certificate``
``wrong-room`` ``ca-as-leaf`` ``wrong-usage`` ``wrong-eku`` ``san`` ``key-type`` ``weak-key``
``key-mismatch`` ``hostile-name`` ``expired`` ``not-yet-valid``, and ``not-a-room`` for a bad room
certificate.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from securechat.errors import RemoteError
from securechat.ids import MemberId
from securechat.signing import check_public_key, member_id, room_id

NAME = re.compile(r"[a-z][a-z0-9._-]{0,31}")
"""What members and rooms may be called: plain ASCII, so that no name can pass for another."""

SAN_SCHEME = "securechat:"
"""Without ``//``: service_identity cannot match that."""

MEMBER_DAYS = 3650
ROOM_DAYS = 10950
MAX_CERTIFICATE = 2048
"""Bytes of DER; ours have about 450."""

BACKDATED = timedelta(days=1)
"""A newcomer whose clock is behind the founder's can use its certificate at once."""

CLIENT_AND_SERVER = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
ED25519_SIGNED = bytes.fromhex("300506032b6570034100")
"""What stands between the signed part and the signature: the algorithm, 64 bytes follow."""

T = TypeVar("T", bound=x509.ExtensionType)

KNOWN = (
    x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName,
    x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier,
)  # fmt: skip
UNREADABLE = (
    ValueError, TypeError, UnsupportedAlgorithm, CryptographyDeprecationWarning,
    x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
)  # fmt: skip
"""What cryptography says of bytes that are no certificate."""


@frozen
class MemberCertificate:
    """What a room's authority says of one member."""

    member: MemberId
    name: str
    public: bytes
    """The 32 bytes of the Ed25519 key."""
    der: bytes
    not_before_ms: int
    not_after_ms: int


@frozen
class RoomCertificate:
    """A room's authority as its own certificate names it."""

    room: str
    """The room id."""
    name: str
    public: bytes
    der: bytes
    not_before_ms: int
    not_after_ms: int


@frozen
class Authority:
    """The key that admits to a room, with its certificate (DER)."""

    key: Ed25519PrivateKey
    certificate: bytes

    @property
    def room(self) -> str:
        """The room id."""
        return room_id(self.certificate)

    def issue(self, name: str, public: bytes, now_ms: int, days: float = MEMBER_DAYS) -> bytes:
        """The certificate (DER) of a member."""
        return issue(self.key, self.certificate, name, public, now_ms, days)


# Reading.


def read_member(der: bytes, room_der: bytes) -> MemberCertificate:
    """Everything but the dates; RemoteError with the reason if this is no member of the room."""
    room = _read_room_once(room_der)
    certificate = _parse(der)
    with _malformed():
        _check_issued(certificate, der, room)
        extensions = _extensions(certificate)
        _check_uses(extensions)
        said = _said_id(extensions)
        public = _public_key(certificate)
        member = member_id(public)
        if said != member:
            raise RemoteError("key-mismatch", "the SAN is not the id of the key")
        name = _common_name(certificate.subject)
        before, after = _dates(certificate)
    return MemberCertificate(member, name, public, bytes(der), before, after)


def read_judged(der: bytes) -> MemberCertificate:
    """What a certificate says that ``read_member`` let through a door before; judges no issuer."""
    certificate = _parse(der)
    with _malformed():
        public = _public_key(certificate)
        name = _common_name(certificate.subject)
        before, after = _dates(certificate)
        return MemberCertificate(member_id(public), name, public, bytes(der), before, after)


def read_room(der: bytes) -> RoomCertificate:
    """The room of an authority's certificate; RemoteError ``not-a-room`` if it is none."""
    try:
        certificate = _parse(der)
        with _malformed():
            public = _public_key(certificate)
            check_public_key(public)
            _check_signed(certificate, der, public)
            _check_authority(_extensions(certificate))
            name = _common_name(certificate.subject)
            before, after = _dates(certificate)
            if certificate.issuer != certificate.subject:
                raise RemoteError("not-a-room", "issued by another authority")
    except RemoteError as problem:
        raise RemoteError("not-a-room", problem.detail or problem.reason) from None
    return RoomCertificate(room_id(der), name, public, bytes(der), before, after)


def check_dates(certificate: MemberCertificate | RoomCertificate, wall_ms: int) -> None:
    """RemoteError ``expired`` or ``not-yet-valid``; asked when a link is made, nowhere else."""
    if wall_ms > certificate.not_after_ms:
        raise RemoteError("expired", f"valid until {shown_date(certificate.not_after_ms)}")
    if wall_ms < certificate.not_before_ms:
        raise RemoteError("not-yet-valid", f"valid from {shown_date(certificate.not_before_ms)}")


def shown_date(ms: int) -> str:
    """A date for people, UTC."""
    return _moment(ms).strftime("%Y-%m-%d %H:%M UTC")


_read_room_once = lru_cache(maxsize=8)(read_room)


@contextmanager
def _malformed() -> Iterator[None]:
    """Whatever cryptography says of bytes it cannot read becomes one typed error."""
    try:
        yield
    except UNREADABLE as problem:
        raise RemoteError("malformed-certificate", type(problem).__name__) from None


def _parse(der: bytes) -> x509.Certificate:
    """The certificate of exactly these bytes."""
    if len(der) > MAX_CERTIFICATE:
        raise RemoteError("malformed-certificate", f"{len(der)} bytes")
    with _malformed(), warnings.catch_warnings():
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        certificate = x509.load_der_x509_certificate(der)
        again = certificate.public_bytes(Encoding.DER)
    if again != der:
        raise RemoteError("malformed-certificate", "not the canonical encoding")
    return certificate


def _check_issued(certificate: x509.Certificate, der: bytes, room: RoomCertificate) -> None:
    """A namesake of our authority is told from it by the signature."""
    if certificate.issuer != x509.load_der_x509_certificate(room.der).subject:
        raise RemoteError("wrong-room", "issued by another authority")
    _check_signed(certificate, der, room.public)


def _check_signed(certificate: x509.Certificate, der: bytes, public: bytes) -> None:
    """
    The key signed it, and nothing outside the signed part can be said in two ways.

    The outer name of the algorithm is covered by no signature: changed, it would give the same
    certificate other bytes, and so another hash.
    """
    covered, signature = certificate.tbs_certificate_bytes, certificate.signature
    if not der.endswith(covered + ED25519_SIGNED + signature):
        raise RemoteError("wrong-room", "not signed with an Ed25519 key")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, covered)
    except InvalidSignature:
        raise RemoteError("wrong-room", "not signed by this room's authority") from None


def _extensions(certificate: x509.Certificate) -> x509.Extensions:
    """Its extensions; one that must be understood and is not voids the certificate."""
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, KNOWN):
            raise RemoteError("malformed-certificate", "an unknown critical extension")
    return certificate.extensions


def _check_uses(extensions: x509.Extensions) -> None:
    """No CA; signs; is both a client and a server."""
    basic = _found(extensions, x509.BasicConstraints)
    if basic is None or basic.ca:
        raise RemoteError("ca-as-leaf", "a member is not an authority")
    usage = _found(extensions, x509.KeyUsage)
    if usage is None or not usage.digital_signature or usage.key_cert_sign:
        raise RemoteError("wrong-usage", "not for signatures alone")
    extended = _found(extensions, x509.ExtendedKeyUsage)
    if extended is None or not all(use in extended for use in CLIENT_AND_SERVER):
        raise RemoteError("wrong-eku", "not for both client and server")


def _check_authority(extensions: x509.Extensions) -> None:
    """A CA that signs certificates."""
    basic = _found(extensions, x509.BasicConstraints)
    usage = _found(extensions, x509.KeyUsage)
    if basic is None or not basic.ca or usage is None or not usage.key_cert_sign:
        raise RemoteError("not-a-room", "not an authority")


def _found(extensions: x509.Extensions, kind: type[T]) -> T | None:
    """The value of an extension, or None."""
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _said_id(extensions: x509.Extensions) -> str:
    """The member id that the one SAN says."""
    names = _found(extensions, x509.SubjectAlternativeName)
    said = list(names or ())
    if len(said) != 1:
        raise RemoteError("san", f"{len(said)} names where one is wanted")
    if not isinstance(said[0], x509.UniformResourceIdentifier):
        raise RemoteError("san", "not a URI")
    if not said[0].value.startswith(SAN_SCHEME):
        raise RemoteError("san", f"not a URI of the form {SAN_SCHEME}ID")
    return said[0].value.removeprefix(SAN_SCHEME)


def _public_key(certificate: x509.Certificate) -> bytes:
    """The 32 bytes of its Ed25519 key."""
    try:
        public = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise RemoteError("key-type", "not an Ed25519 key") from None
    if not isinstance(public, Ed25519PublicKey):
        raise RemoteError("key-type", "not an Ed25519 key")
    return public.public_bytes_raw()


def _common_name(subject: x509.Name) -> str:
    """The subject is one CN, which is a name, and nothing besides."""
    attributes = list(subject)
    if len(attributes) != 1 or attributes[0].oid != NameOID.COMMON_NAME:
        raise RemoteError("hostile-name", "the subject is not one common name")
    name = attributes[0].value
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise RemoteError("hostile-name", "not a name: a-z first, then a-z 0-9 . _ -, at most 32")
    return name


def _dates(certificate: x509.Certificate) -> tuple[int, int]:
    """First and last moment of validity, in milliseconds of the epoch."""
    before, after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return int(before.timestamp()) * 1000, int(after.timestamp()) * 1000


# Issuing.


def found_authority(
    name: str,
    now_ms: int,
    days: float = ROOM_DAYS,
    key: Ed25519PrivateKey | None = None,
    serial: int | None = None,
) -> Authority:
    """A new room: its key and self-signed certificate; key and serial are random unless given."""
    key = key or Ed25519PrivateKey.generate()
    subject = _subject(name)
    builder = (
        _builder(subject, subject, key.public_key(), now_ms, days, serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(key, builder.sign(key, algorithm=None).public_bytes(Encoding.DER))


def issue(
    authority_key: Ed25519PrivateKey,
    authority_cert: bytes,
    name: str,
    public: bytes,
    now_ms: int,
    days: float = MEMBER_DAYS,
    serial: int | None = None,
) -> bytes:
    """The certificate (DER) that makes this key a member of the room under this name."""
    room = x509.load_der_x509_certificate(authority_cert)
    uri = f"{SAN_SCHEME}{member_id(public)}"
    key = Ed25519PublicKey.from_public_bytes(public)
    builder = (
        _builder(_subject(name), room.subject, key, now_ms, days, serial)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(CLIENT_AND_SERVER), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
    )
    return builder.sign(authority_key, algorithm=None).public_bytes(Encoding.DER)


def _subject(name: str) -> x509.Name:
    """A subject of one common name; ValueError if nobody may be called so."""
    if not NAME.fullmatch(name):
        raise ValueError(f"not a name: {name[:64]!r}")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: Ed25519PublicKey,
    now_ms: int,
    days: float,
    serial: int | None,
) -> x509.CertificateBuilder:
    """What all our certificates have in common."""
    now = _moment(now_ms)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number() if serial is None else serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(authority: bool) -> x509.KeyUsage:
    """A member signs; an authority signs certificates."""
    no = False
    return x509.KeyUsage(not authority, no, no, no, no, authority, no, no, no)


def _moment(ms: int) -> datetime:
    """A moment of the wall clock, to the second, UTC."""
    return datetime.fromtimestamp(ms // 1000, UTC)
