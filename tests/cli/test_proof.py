"""Receipt files: what verify accepts is exactly what a recipient signed, byte for byte."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.certificates import found_authority
from securechat.cli.proof import prove, read_proof
from securechat.errors import RemoteError
from securechat.home.keys import certificate_file
from securechat.ids import BootId, Hash, MemberId
from securechat.messaging.statements import Receipt
from securechat.objects import Purpose, Signed
from securechat.signing import Signer, member_id
from securechat.wire import pack, unpack
from tests.cli.fakes import FakeNode, run

LONG_AGO = 1_000_000_000_000


def key(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


AUTHORITY = found_authority("lab", LONG_AGO, key=key(1), serial=1)
OTHER_ROOM = found_authority("lab", LONG_AGO, key=key(2), serial=1)
PUBLIC = key(3).public_key().public_bytes_raw()
CERTIFICATE = AUTHORITY.issue("bob", PUBLIC, LONG_AGO, days=1)
"""Long expired."""
SENDER = member_id(key(4).public_key().public_bytes_raw())


def signed(purpose: Purpose = Purpose.RECEIPT, author: MemberId | None = None) -> bytes:
    """The signed form of bob's receipt."""
    signer = Signer.from_seed(AUTHORITY.room, bytes([3]) * 32)
    receipt = Receipt(
        author or signer.member, 2, SENDER, 3, BootId("9f" * 16), 4, Hash(bytes(32)), LONG_AGO
    )
    return pack(signer.sign(purpose, pack(receipt)))


PROOF = prove(AUTHORITY.certificate, signed(), CERTIFICATE)
FILE = PROOF.file().encode("ascii")


class WhatAReceiptFileProves(SynchronousTestCase):
    """The file, its room, and nothing else are needed."""

    def setUp(self) -> None:
        self.folder = Path(mkdtemp(dir=self.mktemp_folder()))
        self.file = self.folder / "receipt.json"
        self.file.write_bytes(FILE)
        self.room = self.folder / "room.crt"
        self.room.write_bytes(certificate_file(AUTHORITY.certificate))

    def mktemp_folder(self) -> str:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        return str(folder)

    def test_a_genuine_receipt(self) -> None:
        """verify ends with 0 and says whose node had stored which message, long after expiry."""
        done = run(None, "verify", str(self.file), "--room", str(self.room))
        self.assertEqual((done.exit_code, done.stderr), (0, ""))
        for word in (
            "genuine",
            "bob",
            PROOF.recipient.member,
            f"{SENDER}/3~{'9f' * 16}/d4",
            "00" * 32,
        ):
            self.assertIn(word, done.stdout)
        self.assertIn("(by its sender's id: the file does not hold the name)", done.stdout)

    def test_in_the_senders_own_home(self) -> None:
        """Where the sender's name is known, the id is the one for people."""
        home = self.home()
        mine = AUTHORITY.issue("ada", key(4).public_key().public_bytes_raw(), LONG_AGO, days=1)
        (home / "identity.crt").write_bytes(certificate_file(mine))
        (home / "identity.crt").chmod(0o600)
        done = run(None, "verify", str(self.file), home=home)
        self.assertIn("message  ada/3/d4\n", done.stdout)
        said = json.loads(run(None, "verify", str(self.file), "--json", home=home).stdout)
        self.assertEqual(said["id"], "ada/3/d4")

    def test_without_a_home(self) -> None:
        """The room's certificate has to be named."""
        done = run(None, "verify", str(self.file), home=self.folder / "none")
        self.assertEqual((done.exit_code, done.stderr.count("\n")), (1, 1))
        self.assertIn("--room CERT", done.stderr)

    def home(self) -> Path:
        """A home of the room, so far as receipts need it."""
        home = self.folder / "home"
        home.mkdir(mode=0o700)
        (home / "room.crt").write_bytes(certificate_file(AUTHORITY.certificate))
        (home / "room.crt").chmod(0o600)
        return home

    def test_genuine_as_json(self) -> None:
        """With --json the proof is one object."""
        done = run(None, "verify", str(self.file), "--room", str(self.room), "--json")
        said = json.loads(done.stdout)
        self.assertEqual(
            (said["genuine"], said["recipient"], said["sender_id"]), (True, "bob", SENDER)
        )

    def test_another_room(self) -> None:
        """A receipt proves nothing in a room of the same name with another authority: 1, one line."""
        self.room.write_bytes(certificate_file(OTHER_ROOM.certificate))
        done = run(None, "verify", str(self.file), "--room", str(self.room))
        self.assertEqual((done.exit_code, done.stdout, done.stderr.count("\n")), (1, "", 1))
        self.assertIn("wrong-room", done.stderr)

    def test_files_that_are_none(self) -> None:
        """A missing file, garbage, and a room that is no certificate: 1 and one line each."""
        for content in (b"", b"{}", b"[1]", b"\xff\xfe", b"[" * 60_000, b'{"receipt": 1}'):
            self.file.write_bytes(content)
            done = run(None, "verify", str(self.file), "--room", str(self.room))
            self.assertEqual((done.exit_code, done.stderr.count("\n")), (1, 1), content[:20])
            self.assertIn("no receipt file", done.stderr)
        self.file.write_bytes(FILE)
        for path in (self.folder / "none", self.file):
            done = run(None, "verify", str(self.file), "--room", str(path))
            self.assertEqual((done.exit_code, done.stderr.count("\n")), (1, 1))
        done = run(None, "verify", str(self.folder / "none"), "--room", str(self.room))
        self.assertEqual((done.exit_code, done.stderr.count("\n")), (1, 1))

    def test_every_byte_counts(self) -> None:
        """Any single byte changed, to several others, any byte added or taken away, is refused."""
        for place in range(len(FILE)):
            for other in (FILE[place] ^ 1, FILE[place] ^ 0x20, 0x20, 0x80):
                if other != FILE[place]:
                    self.refused(FILE[:place] + bytes([other]) + FILE[place + 1 :])
            self.refused(FILE[:place] + FILE[place + 1 :])
        self.refused(FILE + b"\n")
        self.refused(b" " + FILE)

    def refused(self, content: bytes) -> None:
        """Fail unless these bytes prove nothing."""
        with self.assertRaises(RemoteError):
            read_proof(content, AUTHORITY.certificate)

    @given(st.binary(max_size=300))
    def test_garbage_is_refused(self, content: bytes) -> None:
        """Random bytes end in the one typed error."""
        self.refused(content)

    def test_what_bob_did_not_sign_as_a_receipt(self) -> None:
        """Another purpose, or a receipt in somebody else's name, is refused."""
        for form in (signed(Purpose.LEAVE), signed(author=SENDER)):
            with self.assertRaises(RemoteError):
                prove(AUTHORITY.certificate, form, CERTIFICATE)

    def test_a_forged_signature(self) -> None:
        """A receipt signed with another key under bob's certificate is refused."""
        forger = Signer.from_seed(AUTHORITY.room, bytes([5]) * 32)
        receipt = pack(PROOF.receipt)
        with self.assertRaises(RemoteError) as caught:
            prove(AUTHORITY.certificate, pack(forger.sign(Purpose.RECEIPT, receipt)), CERTIFICATE)
        self.assertEqual(caught.exception.reason, "bad-signature")

    def reason(self, form: bytes, certificate: bytes = CERTIFICATE) -> str:
        """Why a signed form proves nothing under a certificate."""
        with self.assertRaises(RemoteError) as caught:
            prove(AUTHORITY.certificate, form, certificate)
        return str(caught.exception.reason)

    def test_retargeted(self) -> None:
        """Bob's signature under any other field of his receipt is refused, one field after another."""
        genuine = unpack(Signed, signed())
        others: dict[str, Any] = {
            "epoch": 3,
            "sender": PROOF.recipient.member,
            "sender_epoch": 4,
            "sender_boot": BootId("9e" * 16),
            "dseq": 5,
            "hash": Hash(b"\1" * 32),
            "at": LONG_AGO + 1,
        }
        fields = {field.name for field in attrs.fields(Receipt)}
        self.assertEqual(set(others), fields - {"author"})
        for name, value in others.items():
            other = pack(attrs.evolve(PROOF.receipt, **{name: value}))
            reason = self.reason(pack(attrs.evolve(genuine, statement=other)))
            self.assertEqual(reason, "self-made" if name == "sender" else "bad-signature")

    def test_replayed_from_another_room(self) -> None:
        """What bob signed with this key in another room proves nothing here."""
        elsewhere = Signer.from_seed(OTHER_ROOM.room, bytes([3]) * 32)
        form = pack(elsewhere.sign(Purpose.RECEIPT, pack(PROOF.receipt)))
        self.assertEqual(self.reason(form), "bad-signature")
        foreign = OTHER_ROOM.issue("bob", PUBLIC, LONG_AGO, days=1)
        self.assertEqual(self.reason(form, foreign), "wrong-room")

    def test_replayed_as_another_purpose(self) -> None:
        """A signature that bob made over the same bytes for another purpose proves nothing."""
        bob = Signer.from_seed(AUTHORITY.room, bytes([3]) * 32)
        for purpose in set(Purpose) - {Purpose.RECEIPT}:
            made = bob.sign(purpose, pack(PROOF.receipt))
            self.assertEqual(self.reason(pack(made)), "malformed")
            relabelled = attrs.evolve(made, purpose=Purpose.RECEIPT)
            self.assertEqual(self.reason(pack(relabelled)), "bad-signature")

    def test_made_by_an_insider(self) -> None:
        """A member of the room can make no receipt of bob's, and none of his own for his own words."""
        carol = Signer.from_seed(AUTHORITY.room, bytes([6]) * 32)
        certificate = AUTHORITY.issue("carol", carol.public, LONG_AGO, days=1)
        bobs = pack(carol.sign(Purpose.RECEIPT, pack(PROOF.receipt)))
        self.assertEqual(self.reason(bobs), "bad-signature")
        self.assertEqual(self.reason(bobs, certificate), "foreign-receipt")
        self.assertEqual(self.reason(signed(), certificate), "foreign-receipt")
        named_bob = AUTHORITY.issue("bob", carol.public, LONG_AGO, days=1)
        self.assertEqual(self.reason(bobs, named_bob), "foreign-receipt")
        own = attrs.evolve(PROOF.receipt, author=carol.member, sender=carol.member)
        form = pack(carol.sign(Purpose.RECEIPT, pack(own)))
        self.assertEqual(self.reason(form, certificate), "self-made")

    def test_an_insiders_own(self) -> None:
        """A receipt that carol signed is hers: it names her, and never bob."""
        carol = Signer.from_seed(AUTHORITY.room, bytes([6]) * 32)
        certificate = AUTHORITY.issue("carol", carol.public, LONG_AGO, days=1)
        hers = attrs.evolve(PROOF.receipt, author=carol.member)
        proof = prove(
            AUTHORITY.certificate, pack(carol.sign(Purpose.RECEIPT, pack(hers))), certificate
        )
        self.assertEqual((proof.recipient.name, proof.recipient.member), ("carol", carol.member))
        self.assertNotIn(PROOF.recipient.member, proof.file())

    def test_something_rides_with_it(self) -> None:
        """Bytes beside the signed ones are refused: a signature does not cover them."""
        form = pack(attrs.evolve(unpack(Signed, signed()), attachment=b"x"))
        self.assertEqual(self.reason(form), "malformed")

    def test_export_writes_a_file_that_verifies(self) -> None:
        """What the node answers is checked before it is written."""
        home = self.home()
        reply = {
            "code": 250,
            "receipt": b64encode(signed()).decode(),
            "certificate": b64encode(CERTIFICATE).decode(),
        }
        out = self.folder / "out.json"
        node = FakeNode({"receipt": reply})
        done = run(node, "receipt", "ada/3/d4", "--out", str(out), home=home)
        self.assertEqual((done.exit_code, done.stderr), (0, ""))
        self.assertEqual(out.read_bytes(), FILE)
        self.assertIn(f"check it with: securechat --home {home} verify {out}", done.stdout)
        self.assertEqual(run(node, "receipt", "ada/3/d4", home=home).stdout_bytes, FILE)
        forged = FakeNode({"receipt": {**reply, "certificate": "AAAA"}})
        done = run(forged, "receipt", "ada/3/d4", "--out", str(self.folder / "no"), home=home)
        self.assertEqual((done.exit_code, done.stderr.count("\n")), (1, 1))
        self.assertFalse((self.folder / "no").exists())
