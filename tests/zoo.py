"""
The zoo of bad certificates: each is refused at every door, for the reason that REASONS names.

Each comes with the private key that its holder would have.  ``scripts/make_certs`` writes them out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from attrs import evolve, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID

from securechat.certificates import Authority, found_authority
from securechat.signing import member_id

Bad = tuple[bytes, Any]
"""A certificate (DER), and the private key of whoever shows it."""

NOW_MS = 1_750_000_000_000
BOTH = (Eku.CLIENT_AUTH, Eku.SERVER_AUTH)
SMALL_ORDER = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
"""A point of order 8: signatures for it are made without any secret."""

REASONS = {
    "other-room": "wrong-room",
    "namesake-room": "wrong-room",
    "self-signed": "wrong-room",
    "rsa-authority": "wrong-room",
    "expired": "expired",
    "not-yet-valid": "not-yet-valid",
    "client-only": "wrong-eku",
    "server-only": "wrong-eku",
    "any-eku": "wrong-eku",
    "no-eku": "wrong-eku",
    "two-sans": "san",
    "no-san": "san",
    "dns-san": "san",
    "foreign-scheme": "san",
    "slashed-san": "key-mismatch",
    "key-mismatched": "key-mismatch",
    "upper-case-name": "hostile-name",
    "control-name": "hostile-name",
    "newline-name": "hostile-name",
    "escape-name": "hostile-name",
    "bidi-name": "hostile-name",
    "homoglyph-name": "hostile-name",
    "long-name": "hostile-name",
    "two-names": "hostile-name",
    "more-than-a-name": "hostile-name",
    "no-name": "hostile-name",
    "ca-as-leaf": "ca-as-leaf",
    "room-as-leaf": "ca-as-leaf",
    "no-basic-constraints": "ca-as-leaf",
    "may-sign-certificates": "wrong-usage",
    "no-key-usage": "wrong-usage",
    "rsa-key": "key-type",
    "p256-key": "key-type",
    "weak-key": "weak-key",
    "unknown-critical-extension": "malformed-certificate",
}


def usage(signs: bool = True, certifies: bool = False) -> x509.KeyUsage:
    """A KeyUsage of these two."""
    return x509.KeyUsage(signs, False, False, False, False, certifies, False, False, False)


def uri(identifier: str) -> x509.UniformResourceIdentifier:
    """The SAN of a member id."""
    return x509.UniformResourceIdentifier(f"securechat:{identifier}")


def own_id(key: Any) -> str:
    """The member id of a key; of a key of another kind some id that is well-formed."""
    if isinstance(key, Ed25519PrivateKey):
        return member_id(key.public_key().public_bytes_raw())
    return "a" * 52


@frozen
class Paper:
    """All that a certificate says; good as it is, each animal of the zoo spoils one thing."""

    authority: Authority
    key: Any = field(factory=Ed25519PrivateKey.generate)
    public: Any = None
    names: tuple[tuple[x509.ObjectIdentifier, str], ...] = ((NameOID.COMMON_NAME, "mallory"),)
    sans: tuple[x509.GeneralName, ...] | None = None
    basic: x509.BasicConstraints | None = x509.BasicConstraints(False, None)
    usage: x509.KeyUsage | None = field(factory=usage)
    eku: tuple[x509.ObjectIdentifier, ...] = BOTH
    years: tuple[int, int] = (2024, 2090)
    signer: Any = None
    extra: x509.ExtensionType | None = None

    def made(self) -> Bad:
        """The certificate and its key."""
        room = x509.load_der_x509_certificate(self.authority.certificate)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self._subject())
            .issuer_name(self._subject() if self.signer is self.key else room.subject)
            .public_key(self.public or self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(self.years[0], 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(self.years[1], 1, 1, tzinfo=UTC))
        )
        for value, critical in self._extensions():
            builder = builder.add_extension(value, critical)
        signer = self.signer or self.authority.key
        digest = None if isinstance(signer, Ed25519PrivateKey) else hashes.SHA256()
        return builder.sign(signer, digest).public_bytes(Encoding.DER), self.key

    def _subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(o, v, _validate=False) for o, v in self.names])

    def _extensions(self) -> list[tuple[x509.ExtensionType, bool]]:
        sans = (uri(own_id(self.key)),) if self.sans is None else self.sans
        wanted: list[tuple[x509.ExtensionType | None, bool]] = [
            (self.basic, True),
            (self.usage, True),
            (x509.ExtendedKeyUsage(self.eku) if self.eku else None, False),
            (x509.SubjectAlternativeName(sans) if sans else None, False),
            (self.extra, True),
        ]
        return [(value, critical) for value, critical in wanted if value is not None]


def named(paper: Paper, *names: str) -> Bad:
    """A certificate for these common names."""
    return evolve(paper, names=tuple((NameOID.COMMON_NAME, name) for name in names)).made()


def zoo(room: Authority) -> dict[str, Bad]:
    """Every bad certificate that we know of, by name, for the doors of this room."""
    good = Paper(room)
    return {**_authorities(good), **_statements(good), **_names(good), **_keys(good)}


def _authorities(good: Paper) -> dict[str, Bad]:
    """Issued by somebody else, or at another time, or by a member who plays the authority."""
    name = x509.load_der_x509_certificate(good.authority.certificate).subject
    namesake = found_authority(str(next(iter(name)).value), NOW_MS)
    return {
        "other-room": evolve(good, authority=found_authority("elsewhere", NOW_MS)).made(),
        "namesake-room": evolve(good, authority=namesake).made(),
        "self-signed": evolve(good, signer=good.key).made(),
        "rsa-authority": evolve(good, signer=rsa.generate_private_key(65537, 2048)).made(),
        "expired": evolve(good, years=(2020, 2021)).made(),
        "not-yet-valid": evolve(good, years=(2089, 2090)).made(),
        "ca-as-leaf": evolve(good, basic=x509.BasicConstraints(True, None)).made(),
        "room-as-leaf": (good.authority.certificate, good.authority.key),
        "no-basic-constraints": evolve(good, basic=None).made(),
        "may-sign-certificates": evolve(good, usage=usage(certifies=True)).made(),
        "no-key-usage": evolve(good, usage=None).made(),
    }


def _statements(good: Paper) -> dict[str, Bad]:
    """The uses and the SAN."""
    own = own_id(good.key)
    other = own_id(Ed25519PrivateKey.generate())
    slashed = x509.UniformResourceIdentifier(f"securechat://{own}")
    foreign = x509.UniformResourceIdentifier(f"spiffe:{own}")
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\0")
    return {
        "client-only": evolve(good, eku=(Eku.CLIENT_AUTH,)).made(),
        "server-only": evolve(good, eku=(Eku.SERVER_AUTH,)).made(),
        "any-eku": evolve(good, eku=(Eku.ANY_EXTENDED_KEY_USAGE,)).made(),
        "no-eku": evolve(good, eku=()).made(),
        "two-sans": evolve(good, sans=(uri(own), uri(other))).made(),
        "no-san": evolve(good, sans=()).made(),
        "dns-san": evolve(good, sans=(x509.DNSName(f"{own}.invalid"),)).made(),
        "foreign-scheme": evolve(good, sans=(foreign,)).made(),
        "slashed-san": evolve(good, sans=(slashed,)).made(),
        "key-mismatched": evolve(good, sans=(uri(other),)).made(),
        "unknown-critical-extension": evolve(good, extra=unknown).made(),
    }


def _names(good: Paper) -> dict[str, Bad]:
    """Names that could pass for another, move a cursor or forge a line."""
    common, organisation = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME
    more = ((common, "mallory"), (organisation, "the house"))
    return {
        "upper-case-name": named(good, "Mallory"),
        "control-name": named(good, "mal\x07lory"),
        "newline-name": named(good, "mallory\n"),
        "escape-name": named(good, "\x1b[2Jmallory"),
        "bidi-name": named(good, "mal\u202elory"),
        "homoglyph-name": named(good, "m\u0430llory"),
        "long-name": named(good, "m" * 33),
        "two-names": named(good, "mallory", "ada"),
        "more-than-a-name": evolve(good, names=more).made(),
        "no-name": evolve(good, names=()).made(),
    }


def _keys(good: Paper) -> dict[str, Bad]:
    """Keys of another kind, and one that everybody can sign for."""
    weak = Ed25519PublicKey.from_public_bytes(SMALL_ORDER)
    return {
        "rsa-key": evolve(good, key=rsa.generate_private_key(65537, 2048)).made(),
        "p256-key": evolve(good, key=ec.generate_private_key(ec.SECP256R1())).made(),
        "weak-key": evolve(good, public=weak).made(),
    }


def good_member(room: Authority, name: str = "bob") -> Bad:
    """A certificate without a fault, for comparison."""
    key = Ed25519PrivateKey.generate()
    return room.issue(name, key.public_key().public_bytes_raw(), NOW_MS, 20_000), key
