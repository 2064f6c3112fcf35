"""
Who is at the other end: mutual TLS 1.3, judged in OpenSSL's verify callback on both sides.

The only module with OpenSSL and service_identity.  A connection is as good as its peer's certificate:
OpenSSL's own verdict first, then the room's rules (``securechat.certificates``), dates, removals, and
service_identity against the member we dialled, or the id of the key where we did not know it
(DESIGN 4, Links).  The peer gets a TLS alert, we keep the readable reason: ``tlsRejected`` of the
wrapped protocol.  There is no switch to turn any of it off, no ticket and no resumption: a resumed
session would skip the check.

Traps: nothing may be raised out of a callback of OpenSSL.  A peer that offers no ALPN is accepted by
OpenSSL, and in TLS 1.3 the client's handshake is complete before the server has judged it: both are
the business of ``link``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import URI_ID, verify_service_identity
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from securechat.certificates import SAN_SCHEME, MemberCertificate, check_dates, read_member
from securechat.errors import HomeError, RemoteError
from securechat.ids import MemberId
from securechat.keyring import Keyring

ALPN = b"securechat/1"

VERDICTS = {
    2: ("wrong-room", "issued by an authority we do not know"),
    7: ("wrong-room", "not signed by this room's authority"),
    9: ("not-yet-valid", "not yet valid"),
    10: ("expired", "no longer valid"),
    18: ("wrong-room", "self-signed"),
    19: ("wrong-room", "self-signed authority of another room"),
    20: ("wrong-room", "issued by an authority we do not know"),
    21: ("wrong-room", "issued by an authority we do not know"),
    22: ("wrong-room", "the chain is too long"),
    24: ("wrong-room", "issued by somebody who is no authority"),
    25: ("wrong-room", "the chain is too long"),
    26: ("wrong-eku", "not for this use"),
    34: ("malformed-certificate", "an unknown critical extension"),
    66: ("weak-key", "the key is too small"),
    68: ("weak-key", "the signature is of a weak kind"),
    79: ("wrong-room", "issued by somebody who is no authority"),
}
"""OpenSSL's X509_V_ERR numbers as a reason and a text; others are ``malformed-certificate``."""

BREAKS = (
    (" alert ", "refused-by-peer", "the other side refused us"),
    ("http request", "plaintext", "spoke HTTP where TLS is wanted"),
    ("https proxy request", "plaintext", "spoke HTTP where TLS is wanted"),
    ("did not return a certificate", "no-certificate", "showed no certificate"),
    ("unsupported protocol", "tls-version", "cannot speak TLS 1.3"),
    ("no shared", "no-common-tls", "no way of speaking TLS in common"),
    ("no suitable", "no-common-tls", "no way of speaking TLS in common"),
    ("certificate verify failed", "malformed-certificate", "its certificate was not accepted"),
    ("", "garbage", "did not speak TLS"),
)
"""How a handshake breaks, by what OpenSSL's error says; the first that fits."""


class Judged(Protocol):
    """The protocol on top of TLS, as the verify callback sees it."""

    expected: MemberId | None
    """Whom we dialled, if we know."""

    def tlsAccepted(self, certificate: MemberCertificate) -> None:
        """This certificate is good; its key is proved once the handshake is complete."""
        ...

    def tlsRejected(self, reason: str, text: str) -> None:
        """The certificate is not: the handshake ends with an alert to the peer."""
        ...


@implementer(IOpenSSLServerConnectionCreator, IOpenSSLClientConnectionCreator)
@define(eq=False)
class PeerTLS:
    """Makes OpenSSL connections that accept members of one room only, in both roles."""

    _key: Ed25519PrivateKey = field(repr=False)
    _certificate: bytes
    """Ours, DER."""
    _room: bytes
    """The certificate of the room's authority, DER."""
    _keyring: Callable[[], Keyring]
    _wall: Callable[[], int]
    """Milliseconds of the epoch."""
    _alpn: bytes = ALPN
    _context: SSL.Context = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        try:
            self._context = self._make_context()
        except (SSL.Error, ValueError, TypeError):
            raise HomeError(
                "identity.key, identity.crt and room.crt do not fit together; install them again"
            ) from None

    def _make_context(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.use_privatekey(self._key)
        context.use_certificate(x509.load_der_x509_certificate(self._certificate))
        context.check_privatekey()
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        store = context.get_cert_store()
        assert store is not None
        store.add_cert(X509.from_cryptography(x509.load_der_x509_certificate(self._room)))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        context.set_alpn_protos([self._alpn])
        context.set_alpn_select_callback(self._select)
        return context

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Twisted accepts a connection."""
        return SSL.Connection(self._context, None)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Twisted dials."""
        return SSL.Connection(self._context, None)

    def _select(self, connection: SSL.Connection, offered: list[bytes]) -> Any:
        """Without a common protocol the handshake goes on, so that ``link`` can say why it ends."""
        return self._alpn if self._alpn in offered else SSL.NO_OVERLAPPING_PROTOCOLS

    # The verify callback.

    def _verify(
        self, connection: SSL.Connection, shown: X509, error: int, depth: int, ok: int
    ) -> bool:
        """Called from the root down; depth 0 is the peer's own certificate."""
        judged: Judged = connection.get_app_data().wrappedProtocol
        try:
            certificate = shown.to_cryptography()
            if not ok:
                self._explain(certificate, error, depth, judged.expected)
            if depth == 0:
                judged.tlsAccepted(self._judge(certificate, judged.expected))
        except RemoteError as problem:
            judged.tlsRejected(problem.reason, problem.detail)
            return False
        except Exception as problem:  # noqa: BLE001  what escapes here never reaches a log line
            judged.tlsRejected("malformed-certificate", type(problem).__name__)
            return False
        return True

    def _explain(
        self, certificate: x509.Certificate, error: int, depth: int, expected: MemberId | None
    ) -> None:
        """OpenSSL said no, and that stands; our own rules may know it better: always raises."""
        reason, text = VERDICTS.get(error, ("malformed-certificate", f"OpenSSL error {error}"))
        if depth:
            raise RemoteError(reason, f"the certificate of its authority: {text}")
        if reason != "wrong-room":
            self._judge(certificate, expected)
        raise RemoteError(reason, text)

    def _judge(self, certificate: x509.Certificate, expected: MemberId | None) -> MemberCertificate:
        """The member that a certificate names; RemoteError if we do not link to it."""
        found = read_member(certificate.public_bytes(Encoding.DER), self._room)
        check_dates(found, self._wall())
        known = self._keyring().get(found.member)
        if known is not None and known.removed:
            raise RemoteError("removed", f"{found.name} was removed from the room")
        try:
            verify_service_identity(
                extract_patterns(certificate),
                [URI_ID(SAN_SCHEME + (expected or found.member))],
                [],
            )
        except VerificationError:
            there = f"{found.name}#{found.member[:8]}"
            raise RemoteError(
                "not-the-member", f"{there} where #{(expected or '')[:8]} was dialled"
            ) from None
        return found


def why_broken(problem: BaseException | None) -> tuple[str, str] | None:
    """An error of OpenSSL as a reason and a readable text; None if it is not one."""
    if not isinstance(problem, SSL.Error):
        return None
    entries = problem.args[0] if problem.args and isinstance(problem.args[0], list) else []
    said = "; ".join(str(entry[-1]) for entry in entries) or str(problem)
    said = "".join(c if " " <= c <= "~" else "?" for c in said[:120])
    reason, text = next((r, t) for fragment, r, t in BREAKS if fragment in said)
    return reason, f"{text} ({said})"
