"""A room with members good and bad, and connections in memory, for the tests of TLS."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from attrs import define, evolve, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect
from zope.interface import implementer

from securechat.certificates import Authority, found_authority
from securechat.ids import MemberId
from securechat.inputs import DialOutcome, Ending
from securechat.keyring import Key, Keyring
from securechat.node.link import LinkProtocol
from securechat.node.listener import Caps, LinkFactory
from securechat.node.tls import ALPN, PeerTLS
from securechat.signing import member_id

FOUNDED = 1_577_836_800_000
"""2020: every certificate here is good from then on, so that OpenSSL's own clock does not matter."""
WALL = 1_800_000_000_000
HERE = IPv4Address("TCP", "192.0.2.1", 7400)
THERE = "192.0.2.7:7400"


def day(year: int) -> datetime:
    """The first day of a year."""
    return datetime(year, 1, 1, tzinfo=UTC)


@frozen
class Paper:
    """What a certificate says; each test changes what it wants wrong."""

    authority: Authority
    key: Any
    name: str = "mallory"
    sans: tuple[str, ...] | None = None
    ca: bool = False
    eku: tuple[x509.ObjectIdentifier, ...] = (
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.SERVER_AUTH,
    )
    start: datetime = day(2020)
    end: datetime = day(2099)
    self_signed: bool = False
    extra: x509.ExtensionType | None = None

    def certificate(self) -> bytes:
        """DER."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name, _validate=False)])
        room = x509.load_der_x509_certificate(self.authority.certificate)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self.self_signed else room.subject)
            .public_key(self.key.public_key())
            .serial_number(7)
            .not_valid_before(self.start)
            .not_valid_after(self.end)
            .add_extension(x509.BasicConstraints(self.ca, None), critical=True)
            .add_extension(_signs(self.ca), critical=True)
            .add_extension(x509.ExtendedKeyUsage(self.eku), critical=False)
            .add_extension(self._names(), critical=False)
        )
        if self.extra is not None:
            builder = builder.add_extension(self.extra, critical=True)
        signer = self.key if self.self_signed else self.authority.key
        digest = hashes.SHA256() if isinstance(signer, rsa.RSAPrivateKey) else None
        return builder.sign(signer, digest).public_bytes(Encoding.DER)

    def _names(self) -> x509.SubjectAlternativeName:
        if self.sans is None:
            assert isinstance(self.key, Ed25519PrivateKey)
            own = member_id(self.key.public_key().public_bytes_raw())
            return x509.SubjectAlternativeName(
                [x509.UniformResourceIdentifier(f"securechat:{own}")]
            )
        return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(s) for s in self.sans])


def _signs(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def some_key(number: int) -> Ed25519PrivateKey:
    """Always the same key for a number."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


@define
class Room:
    """The room of ada and bob, and the keyring that its nodes go by."""

    authority: Authority = field(
        factory=lambda: found_authority("lab", FOUNDED, days=20_000, key=some_key(1))
    )
    keyring: Keyring = field(factory=Keyring)

    def member(self, name: str, number: int) -> tuple[Ed25519PrivateKey, bytes]:
        """Key and certificate of a good member."""
        key = some_key(number)
        return key, self.authority.issue(name, key.public_key().public_bytes_raw(), FOUNDED, 20_000)

    def tls(self, name: str, number: int, alpn: bytes = ALPN) -> PeerTLS:
        """The TLS of a good member."""
        key, der = self.member(name, number)
        return PeerTLS(
            key, der, self.authority.certificate, lambda: self.keyring, lambda: WALL, alpn
        )

    def remove(self, number: int) -> None:
        """This member was removed."""
        public = some_key(number).public_key().public_bytes_raw()
        member = member_id(public)
        key = Key(member, "mallory", public, b"", removed=True)
        self.keyring = evolve(self.keyring, keys={**self.keyring.keys, member: key})


def id_of(number: int) -> MemberId:
    """The id of the member with this key."""
    return member_id(some_key(number).public_key().public_bytes_raw())


@define
class Told:
    """The node, as far as the edge can tell it something: every call, in order."""

    calls: list[tuple[Any, ...]] = field(factory=list)
    wires: list[LinkProtocol] = field(factory=list)
    greeting: bytes = b""
    counted: Counter[str] = field(factory=Counter)
    """Refusals by reason, the summed ones with all that they stand for."""

    def opened(self, wire: Any) -> None:
        """A wire is there."""
        self.calls.append(("opened", wire.peer))
        self.wires.append(wire)
        if self.greeting:
            wire.write(self.greeting)

    def bytes_in(self, wire: Any, chunk: bytes) -> None:
        """Bytes of the peer."""
        self.calls.append(("bytes", chunk))

    def lost(self, wire: Any, how: Ending, why: str) -> None:
        """A wire is gone."""
        self.calls.append(("lost", how, why))

    def refused(self, address: str, dialled: bool, reason: str, text: str, times: int = 1) -> None:
        """No wire."""
        self.counted[reason] += times
        self.calls.append(("refused", address, dialled, reason, text))

    def dial_failed(self, address: str, peer: MemberId | None, how: DialOutcome, why: str) -> None:
        """A dial gave no wire."""
        self.calls.append(("dial_failed", address, peer, how, why))

    @property
    def words(self) -> list[str]:
        """The names of the calls."""
        return [call[0] for call in self.calls]

    @property
    def reasons(self) -> list[str]:
        """The reasons of the refusals."""
        return [call[3] for call in self.calls if call[0] == "refused"]

    @property
    def received(self) -> bytes:
        """All bytes that came in."""
        return b"".join(call[1] for call in self.calls if call[0] == "bytes")


@implementer(IOpenSSLServerConnectionCreator, IOpenSSLClientConnectionCreator)
@define(eq=False)
class Stranger:
    """TLS of somebody who believes everybody, and shows whatever he has."""

    key: Any = None
    certificate: bytes = b""
    alpn: tuple[bytes, ...] = (ALPN,)
    highest: int | None = None
    chain: tuple[bytes, ...] = ()
    rude: bool = False
    """Chooses its protocol as a server, whatever the client offers."""
    session: SSL.Session | None = None
    _context: SSL.Context | None = None

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """In either role."""
        self._context = self._context or self._made()
        connection = SSL.Connection(self._context, None)
        if self.session is not None:
            connection.set_session(self.session)
        return connection

    clientConnectionForTLS = serverConnectionForTLS

    def _made(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        if self.key is not None:
            context.use_privatekey(self.key)
            context.use_certificate(x509.load_der_x509_certificate(self.certificate))
        for der in self.chain:
            context.add_extra_chain_cert(x509.load_der_x509_certificate(der))
        if self.highest is not None:
            context.set_max_proto_version(self.highest)
        if self.alpn:
            context.set_alpn_protos(list(self.alpn))
            context.set_alpn_select_callback(self._select)
        context.set_verify(SSL.VERIFY_PEER, lambda *args: True)
        return context

    def _select(self, connection: SSL.Connection, offered: list[bytes]) -> Any:
        common = [name for name in self.alpn if name in offered or self.rude]
        return common[0] if common else SSL.NO_OVERLAPPING_PROTOCOLS


class One(Factory):
    """Gives Twisted this one protocol, as it is."""

    noisy = False

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> Any:
        """The protocol."""
        return self._protocol


class Talker(Protocol):
    """Says something on connecting, and keeps what it hears and how it ended."""

    def __init__(self, says: bytes = b"") -> None:
        self.says = says
        self.heard = b""
        self.end: BaseException | None = None

    def connectionMade(self) -> None:
        """Speak."""
        assert self.transport is not None
        if self.says:
            self.transport.write(self.says)

    def dataReceived(self, data: bytes) -> None:
        """Listen."""
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Remember why."""
        self.end = reason.value

    @property
    def alert(self) -> str:
        """The TLS alert that ended it, as OpenSSL words it."""
        entries = self.end.args[0] if isinstance(self.end, SSL.Error) else []
        return "; ".join(entry[-1] for entry in entries)


@define
class Bench:
    """One node of ours on a virtual clock, with strangers who come and whom it dials."""

    room: Room = field(factory=Room)
    clock: Clock = field(factory=Clock)
    told: Told = field(factory=Told)
    caps: Caps = field(factory=Caps)
    tls: PeerTLS = field(init=False)
    factory: LinkFactory = field(init=False)
    _port: int = field(default=40_000, init=False)

    def __attrs_post_init__(self) -> None:
        self.tls = self.room.tls("ada", 2)
        self.factory = LinkFactory(self.told, self.tls, self.clock, self.caps)

    def wrapped(self, creator: Any, protocol: Protocol, client: bool) -> Protocol:
        """TLS under a protocol."""
        wrapper = TLSMemoryBIOFactory(creator, client, One(protocol), clock=self.clock)
        return wrapper.buildProtocol(HERE)

    def accept(self, client: Protocol, host: str = "192.0.2.9") -> IOPump | None:
        """Somebody connects to us; None if he was turned away at once."""
        self._port += 1
        there = IPv4Address("TCP", host, self._port)
        server = self.factory.buildProtocol(there)
        return None if server is None else self.pump(server, client, HERE, there)

    def dial(self, server: Protocol, expected: MemberId | None = None) -> IOPump:
        """We dial somebody."""
        link = LinkProtocol(self.told, self.clock, 10.0, dialled=THERE, expected=expected)
        there = IPv4Address("TCP", "192.0.2.7", 7400)
        return self.pump(server, self.wrapped(self.tls, link, True), there, HERE)

    def pump(self, server: Any, client: Any, server_at: Any, client_at: Any) -> IOPump:
        """Connect two protocols."""
        server_side = FakeTransport(server, True, server_at, client_at)
        client_side = FakeTransport(client, False, client_at, server_at)
        pumped: IOPump = connect(server, server_side, client, client_side, clock=self.clock)
        return pumped
