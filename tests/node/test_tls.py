"""Who gets through TLS: real OpenSSL handshakes in memory, when we accept and when we dial."""

from __future__ import annotations

import warnings
from typing import Any, cast

from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from OpenSSL import SSL
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from securechat.certificates import Authority, found_authority
from securechat.errors import HomeError
from securechat.inputs import DialOutcome, Ending
from securechat.node.link import LinkProtocol
from securechat.node.tls import PeerTLS, why_broken
from tests.node.room import (
    FOUNDED,
    THERE,
    WALL,
    Bench,
    Paper,
    Room,
    Stranger,
    Talker,
    Told,
    day,
    id_of,
    some_key,
)

MALLORY = 9
RSA_KEY = rsa.generate_private_key(65537, 2048)


def paper() -> Paper:
    """A certificate of mallory with which nothing is wrong."""
    return Paper(Room().authority, some_key(MALLORY))


def namesake() -> Paper:
    """Issued by an authority that has the name of ours, and another key."""
    return evolve(paper(), authority=found_authority("lab", FOUNDED, 20_000, key=some_key(77)))


def stranger(paper: Paper) -> Stranger:
    """Somebody who shows this certificate and has its key."""
    return Stranger(paper.key, paper.certificate())


def other_room() -> Paper:
    """Issued by the authority of another room."""
    return evolve(paper(), authority=found_authority("den", FOUNDED, 20_000, key=some_key(66)))


def bad_papers() -> dict[str, tuple[Paper, str]]:
    """Every bad certificate, with the reason that the node must give."""
    good = paper()
    own = f"securechat:{id_of(MALLORY)}"
    return {
        "another room's": (other_room(), "wrong-room"),
        "a namesake room's": (namesake(), "wrong-room"),
        "self-signed": (evolve(good, self_signed=True), "wrong-room"),
        "expired": (evolve(good, end=day(2021)), "expired"),
        "not yet valid": (evolve(good, start=day(2090)), "not-yet-valid"),
        "expired by our clock alone": (evolve(good, end=day(2027)), "expired"),
        "for servers only": (
            evolve(good, eku=(ExtendedKeyUsageOID.SERVER_AUTH,)),
            "wrong-eku",
        ),
        "for clients only": (
            evolve(good, eku=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
            "wrong-eku",
        ),
        "for code signing": (
            evolve(good, eku=(ExtendedKeyUsageOID.CODE_SIGNING,)),
            "wrong-eku",
        ),
        "with two SANs": (evolve(good, sans=(own, f"securechat:{id_of(2)}")), "san"),
        "with one SAN twice": (evolve(good, sans=(own, own)), "san"),
        "with a SAN of another scheme": (evolve(good, sans=(f"spiffe:{id_of(MALLORY)}",)), "san"),
        "of bob's id with mallory's key": (
            evolve(good, sans=(f"securechat:{id_of(3)}",)),
            "key-mismatch",
        ),
        "with the id in capitals": (evolve(good, sans=(own.upper(),)), "san"),
        "with a trailing dot": (evolve(good, sans=(own + ".",)), "key-mismatch"),
        "with a terminal escape for a name": (evolve(good, name="\x1b[2Jbob"), "hostile-name"),
        "with a look-alike name": (evolve(good, name="b\u043eb"), "hostile-name"),
        "with a name of two lines": (evolve(good, name="bob\nbob"), "hostile-name"),
        "of an authority": (evolve(good, ca=True), "ca-as-leaf"),
        "with an RSA key": (evolve(good, key=RSA_KEY, sans=(own,)), "key-type"),
        "with an unknown critical extension": (
            evolve(
                good,
                extra=x509.UnrecognizedExtension(
                    ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\0"
                ),
            ),
            "malformed-certificate",
        ),
        "of many kilobytes": (
            evolve(good, extra=x509.SubjectKeyIdentifier(b"x" * 3000)),
            "malformed-certificate",
        ),
    }


class EdgeTestCase(SynchronousTestCase):
    """What every refusal has in common."""

    def refused(self, bench: Bench, dialled: bool, reason: str) -> str:
        """One refusal with this reason, nothing else reached the node; the text."""
        expected = ["refused", "dial_failed"] if dialled else ["refused"]
        self.assertEqual(bench.told.words, expected, bench.told.calls)
        _, address, direction, why, text = bench.told.calls[0]
        self.assertEqual((direction, why), (dialled, reason), text)
        self.assertTrue(text and text.isprintable() and text.isascii(), text)
        if dialled:
            self.assertEqual(address, THERE)
            outcome = bench.told.calls[1][3]
            self.assertEqual(outcome, DialOutcome.TLS)
            self.assertIn(reason, bench.told.calls[1][4])
        self.assertEqual(bench.factory.unproven, 0)
        return str(text)

    def serves_bob(self, bench: Bench) -> None:
        """A good member gets in, and is heard, through the same listener."""
        bench.told.calls.clear()
        bob = Told(greeting=b"hello from bob")
        link = LinkProtocol(bob, bench.clock, 10.0, dialled=THERE)
        pump = bench.accept(bench.wrapped(bench.room.tls("bob", 3), link, True), "192.0.2.3")
        assert pump is not None
        pump.flush()
        self.assertEqual(bench.told.calls, [("opened", id_of(3)), ("bytes", b"hello from bob")])
        self.assertEqual(bob.words, ["opened"])


class BadCertificateTests(EdgeTestCase):
    """A certificate that is not good, in either role."""

    def test_accepting(self) -> None:
        """Who connects with a bad certificate is refused, told so, and reaches nothing."""
        for what, (bad, reason) in bad_papers().items():
            with self.subTest(what):
                bench = Bench()
                mallory = Talker(b"x" * 100)
                bench.accept(bench.wrapped(stranger(bad), mallory, True))
                self.refused(bench, False, reason)
                self.assertIn("alert", mallory.alert)
                self.assertEqual(mallory.heard, b"")
                self.serves_bob(bench)

    def test_dialling(self) -> None:
        """Who answers our dial with a bad certificate is refused, told so, and reaches nothing."""
        for what, (bad, reason) in bad_papers().items():
            with self.subTest(what):
                bench = Bench()
                mallory = Talker(b"x" * 100)
                bench.dial(bench.wrapped(stranger(bad), mallory, False))
                self.refused(bench, True, reason)
                self.assertIn("alert", mallory.alert)
                self.assertEqual(mallory.heard, b"")
                self.serves_bob(bench)

    def test_removed(self) -> None:
        """A member that was removed is refused in both roles, whatever its certificate says."""
        for dialled in (False, True):
            bench = Bench()
            bench.room.remove(MALLORY)
            mallory = bench.wrapped(stranger(paper()), Talker(), not dialled)
            if dialled:
                bench.dial(mallory)
            else:
                bench.accept(mallory)
            self.assertIn("mallory", self.refused(bench, dialled, "removed"))

    def test_removed_later(self) -> None:
        """A removal counts from the next connection on, without a restart."""
        bench = Bench()
        bench.accept(bench.wrapped(stranger(paper()), Talker(), True))
        self.assertEqual(bench.told.words, ["opened"])
        bench.told.calls.clear()
        bench.room.remove(MALLORY)
        bench.accept(bench.wrapped(stranger(paper()), Talker(), True))
        self.refused(bench, False, "removed")

    def test_another_member(self) -> None:
        """A member at an address where another was expected is refused."""
        bench = Bench()
        bench.dial(bench.wrapped(stranger(paper()), Talker(), False), expected=id_of(3))
        text = self.refused(bench, True, "not-the-member")
        self.assertIn(f"mallory#{id_of(MALLORY)[:8]}", text)
        self.assertIn(f"#{id_of(3)[:8]}", text)
        self.assertEqual(bench.told.calls[1][2], id_of(3))

    def test_expected_member(self) -> None:
        """The member that we dialled gets a wire that carries its id, name and addresses."""
        bench = Bench()
        bench.dial(bench.wrapped(stranger(paper()), Talker(), False), expected=id_of(MALLORY))
        self.assertEqual(bench.told.calls, [("opened", id_of(MALLORY))])
        wire = bench.told.wires[0]
        self.assertEqual((wire.name, wire.dialled, wire.address), ("mallory", THERE, THERE))
        self.assertEqual(wire.local, "192.0.2.1:7400")
        self.assertEqual(wire.queued, 0)

    def test_intermediate(self) -> None:
        """A member cannot admit others: a chain over its certificate is refused."""
        bench = Bench()
        room = bench.room
        issuer = Paper(room.authority, some_key(MALLORY), name="lab2", ca=True)
        middle = issuer.certificate()
        minion = evolve(paper(), key=some_key(10), name="minion")
        leaf = evolve(minion, authority=Authority(some_key(MALLORY), middle))
        chained = evolve(stranger(leaf), chain=(middle,))
        bench.accept(bench.wrapped(chained, Talker(), True))
        self.assertIn("of its authority", self.refused(bench, False, "wrong-room"))

    def test_openssl_alone(self) -> None:
        """What OpenSSL refuses stays refused, also where our own rules and clock see no fault."""
        room = Room()
        bench = Bench(room)
        old = evolve(paper(), end=day(2021))
        told = Told()
        key, der = room.member("ada", 2)
        tls = PeerTLS(key, der, room.authority.certificate, lambda: room.keyring, lambda: FOUNDED)
        link = LinkProtocol(told, bench.clock, 10.0, dialled=THERE)
        server = bench.wrapped(stranger(old), Talker(), False)
        bench.pump(server, bench.wrapped(tls, link, True), None, None)
        self.assertEqual(told.calls[0], ("refused", THERE, True, "expired", "no longer valid"))

    def test_dates_said(self) -> None:
        """The refusal of an old certificate says until when it was good."""
        bench = Bench()
        old = evolve(paper(), end=day(2021))
        bench.accept(bench.wrapped(stranger(old), Talker(), True))
        self.assertIn("2021-01-01", self.refused(bench, False, "expired"))

    def test_no_certificate(self) -> None:
        """Nobody gets in without a certificate, and is told that one is required."""
        bench = Bench()
        nobody = Talker(b"hi")
        bench.accept(bench.wrapped(Stranger(), nobody, True))
        self.refused(bench, False, "no-certificate")
        self.assertIn("certificate required", nobody.alert)
        self.serves_bob(bench)

    def test_dialled_has_no_certificate(self) -> None:
        """A server without a certificate cannot even shake hands."""
        bench = Bench()
        bench.dial(bench.wrapped(Stranger(), Talker(), False))
        self.refused(bench, True, "refused-by-peer")
        self.serves_bob(bench)


class ProtocolTests(EdgeTestCase):
    """Who has a good certificate, or none, and speaks something else."""

    def test_wrong_alpn(self) -> None:
        """A member that offers another protocol, or none, is refused in both roles."""
        for alpn in ((), (b"http/1.1",), (b"securechat/2",)):
            for dialled in (False, True):
                bench = Bench()
                mallory = evolve(stranger(paper()), alpn=alpn)
                other = bench.wrapped(mallory, Talker(b"hi"), not dialled)
                if dialled:
                    bench.dial(other)
                else:
                    bench.accept(other)
                with self.subTest(f"{alpn} {dialled}"):
                    self.refused(bench, dialled, "no-alpn")
                    self.serves_bob(bench)

    def test_alpn_forced(self) -> None:
        """A server that answers with a protocol we did not offer is refused."""
        bench = Bench()
        rude = evolve(stranger(paper()), alpn=(b"http/1.1",), rude=True)
        bench.dial(bench.wrapped(rude, Talker(b"hi"), False))
        self.refused(bench, True, "garbage")

    def test_alpn_of_several(self) -> None:
        """A later version that still offers ours beside its own gets in."""
        bench = Bench()
        later = evolve(stranger(paper()), alpn=(b"securechat/2", b"securechat/1"))
        bench.accept(bench.wrapped(later, Talker(), True))
        self.assertEqual(bench.told.words, ["opened"])

    def test_old_tls(self) -> None:
        """TLS 1.2 is not spoken, in either role."""
        old = evolve(stranger(paper()), highest=SSL.TLS1_2_VERSION)
        bench = Bench()
        bench.accept(bench.wrapped(old, Talker(), True))
        self.refused(bench, False, "tls-version")
        self.serves_bob(bench)
        bench = Bench()
        bench.dial(bench.wrapped(old, Talker(), False))
        self.refused(bench, True, "refused-by-peer")
        self.serves_bob(bench)

    def test_plaintext(self) -> None:
        """A browser that speaks HTTP to our port is refused; so is a web server that we dial."""
        bench = Bench()
        bench.accept(Talker(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"))
        self.refused(bench, False, "plaintext")
        self.serves_bob(bench)
        bench = Bench()
        bench.dial(Talker(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        self.refused(bench, True, "garbage")
        self.serves_bob(bench)

    def test_garbage(self) -> None:
        """Bytes that are no TLS are refused, in either role."""
        for noise in (
            b"\x00" * 64,
            bytes(range(256)) * 40,
            b"SSH-2.0-OpenSSH_9.9\r\n",
            b"\xff\xf4\xff\xfd\x06" * 9,
            b"\x16\x03\x01\xff\xff" + b"\x01" * 100,
            b"\x7f\xff\xff\xff" + b"A" * 100,
        ):
            for dialled in (False, True):
                bench = Bench()
                if dialled:
                    bench.dial(Talker(noise))
                else:
                    bench.accept(Talker(noise))
                with self.subTest(f"{noise[:8]!r} {dialled}"):
                    self.refused(bench, dialled, "garbage")
                    self.serves_bob(bench)

    def test_hello_cut_off(self) -> None:
        """A handshake of which only a part comes ends with the timeout, not before."""
        for dialled in (False, True):
            bench = Bench()
            talker = Talker(b"\x16\x03\x01\x02\x00\x01")
            if dialled:
                bench.dial(talker)
            else:
                bench.accept(talker)
            self.assertEqual(bench.told.calls, [])

    def test_tls_in_tls(self) -> None:
        """A TLS hello inside of TLS is only bytes of a peer: the frame length refuses it later."""
        bench = Bench()
        inner = bench.wrapped(stranger(paper()), Talker(), True)
        bench.accept(bench.wrapped(stranger(paper()), inner, True))
        self.assertEqual(bench.told.words[0], "opened")
        self.assertEqual(bench.told.received[:2], b"\x16\x03")

    def test_tls_in_tls_of_a_stranger(self) -> None:
        """An outer TLS without a good certificate shields nothing."""
        bench = Bench()
        inner = bench.wrapped(stranger(paper()), Talker(), True)
        bench.accept(bench.wrapped(stranger(other_room()), inner, True))
        self.refused(bench, False, "wrong-room")

    def test_resumption(self) -> None:
        """A second connection is judged anew, even with the session of the first."""
        bench = Bench()
        mallory, talker = stranger(paper()), Talker()
        bench.accept(bench.wrapped(mallory, talker, True))
        mallory.session = cast(Any, talker.transport).getHandle().get_session()
        self.assertIsNotNone(mallory.session)
        bench.room.remove(MALLORY)
        bench.told.calls.clear()
        bench.accept(bench.wrapped(mallory, Talker(), True))
        self.refused(bench, False, "removed")

    def test_refused_by_the_server(self) -> None:
        """
        A client whose certificate the server refuses has a wire for a moment; its end is a breach of
        protocol, which says nothing about who is alive, and it counts as a refusal.
        """
        mine, theirs = Bench(), Bench()
        theirs.room.remove(2)
        server = theirs.factory.buildProtocol(None)
        assert server is not None
        mine.dial(server)
        self.assertEqual(theirs.told.reasons, ["removed"])
        self.assertEqual(mine.told.words, ["opened", "refused", "lost"])
        how, why = mine.told.calls[2][1:]
        self.assertEqual(how, Ending.PROTOCOL)
        self.assertTrue(why.startswith("refused-by-peer: "), why)
        self.assertIn("alert", why)


class PeerTLSTests(SynchronousTestCase):
    """Our own side."""

    def test_key_of_another(self) -> None:
        """A home whose key and certificate do not fit says so in one line."""
        room = Room()
        _, der = room.member("ada", 2)
        key, _ = room.member("bob", 3)
        with self.assertRaisesRegex(HomeError, "do not fit together"):
            PeerTLS(key, der, room.authority.certificate, lambda: room.keyring, lambda: WALL)
        with self.assertRaisesRegex(HomeError, "do not fit together"):
            PeerTLS(key, b"junk", room.authority.certificate, lambda: room.keyring, lambda: WALL)

    def test_key_not_shown(self) -> None:
        """The private key is in no printed form."""
        self.assertNotIn("key", repr(Room().tls("ada", 2)).lower().replace("keyring", ""))

    def test_no_deprecations(self) -> None:
        """Nothing we use of OpenSSL or Twisted is on its way out."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            bench = Bench()
            bench.accept(bench.wrapped(stranger(paper()), Talker(), True))
            bench.dial(bench.wrapped(stranger(other_room()), Talker(), False))
        self.assertEqual(bench.told.words, ["opened", "refused", "dial_failed"])

    def test_a_bug_lets_nobody_in(self) -> None:
        """Whatever goes wrong while a certificate is judged, the answer is no."""

        def broken() -> int:
            raise KeyError("clock")

        room = Room()
        key, der = room.member("ada", 2)
        bench = Bench(room)
        tls = PeerTLS(key, der, room.authority.certificate, lambda: room.keyring, broken)
        link = LinkProtocol(bench.told, bench.clock, 10.0, dialled=THERE)
        bench.pump(
            bench.wrapped(stranger(paper()), Protocol(), False),
            bench.wrapped(tls, link, True),
            None,
            None,
        )
        self.assertEqual(bench.told.reasons, ["malformed-certificate"])

    def test_other_errors(self) -> None:
        """An error that is none of OpenSSL's is not explained as one."""
        self.assertIsNone(why_broken(ValueError("x")))
        self.assertEqual(why_broken(SSL.Error([])), ("garbage", "did not speak TLS ([])"))
