"""A home is loaded whole, or one line says what to do."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from securechat.certificates import found_authority
from securechat.home import keys
from securechat.home.identity import Stage, load_home, load_member, stage
from securechat.home.keys import certificate_file, key_file, load_key
from securechat.objects import Purpose
from securechat.signing import verify
from tests.home.folder import NOW_MS, FolderCase, mode_of
from tests.zoo import zoo

FILES = (
    "admitted.jsonl",
    "authority.key",
    "config.toml",
    "identity.crt",
    "identity.key",
    "room.crt",
)


class LoadTests(FolderCase):
    """What a good home gives."""

    def test_identity(self) -> None:
        """The identity signs, and its signatures are those of the certificate's key."""
        self.found()
        home = load_home(self.ada, None)
        identity = home.identity
        self.assertEqual((identity.name, identity.room_name, home.path), ("ada", "lab", self.ada))
        signed = identity.signer.sign(Purpose.ALIVE, b"x")
        self.assertEqual(identity.signer.member, identity.member)
        public = identity.private_key.public_key().public_bytes_raw()
        self.assertTrue(verify(identity.room, public, signed))
        self.assertEqual(home.config.listen, "192.0.2.1:7400")

    def test_files_and_modes(self) -> None:
        """A founder's home has exactly these files, and nobody else can read one."""
        self.found()
        self.assertEqual(tuple(sorted(os.listdir(self.ada))), FILES)
        self.assertEqual(mode_of(self.ada), 0o700)
        self.assertEqual({mode_of(self.ada / name) for name in FILES}, {0o600})

    def test_never_printed(self) -> None:
        """Neither the identity nor the home prints a key."""
        self.found()
        home = load_home(self.ada, None)
        secret = home.identity.private_key.private_bytes_raw()
        for text in (repr(home), str(home.identity)):
            self.assertNotIn("private_key", text)
            self.assertNotIn(secret.hex(), text)
            self.assertNotIn(repr(secret), text)

    def test_without_its_key(self) -> None:
        """Who a home is can be told without opening the key."""
        self.found(b"geheim")
        member, room = load_member(self.ada)
        self.assertEqual((member.name, room.name), ("ada", "lab"))


class RefusalTests(FolderCase):
    """Homes that cannot run."""

    def _load(self, passphrase: bytes | None = None) -> str:
        return self.refusal(load_home, self.ada, passphrase)

    def test_none(self) -> None:
        """Where there is no home, the two ways to one are told."""
        text = self._load()
        self.assertIn(f"securechat --home {self.ada} init --name YOU --room ROOM", text)
        self.assertIn(f"securechat --home {self.ada} request --name YOU", text)

    def test_waiting(self) -> None:
        """A home that waits for its admission says so."""
        self.asked()
        self.assertEqual(stage(self.bob), Stage.REQUESTED)
        told = self.refusal(load_home, self.bob, None)
        self.assertIn(f"next: securechat --home {self.bob} install ADMISSION", told)

    def test_loose_modes(self) -> None:
        """A file or folder that others can read is refused with the chmod that mends it."""
        self.found()
        for name in FILES:
            with self.subTest(name):
                (self.ada / name).chmod(0o640)
                self.assertIn(f"run: chmod 600 {self.ada / name}", self._load())
                (self.ada / name).chmod(0o600)
        self.ada.chmod(0o755)
        self.assertIn(f"run: chmod 700 {self.ada}", self._load())
        self.ada.chmod(0o700)
        load_home(self.ada, None)

    def test_another_owner(self) -> None:
        """A file of another user is refused."""
        self.found()
        self.patch(os, "geteuid", lambda: os.getuid() + 1)
        self.assertIn("belongs to another user", self._load())

    def test_missing_files(self) -> None:
        """Each missing file is named."""
        for name in ("config.toml", "identity.key", "room.crt"):
            with self.subTest(name):
                self.found()
                (self.ada / name).unlink()
                self.assertIn(name, self._load())
                for left in self.ada.iterdir():
                    left.unlink()
                self.ada.rmdir()

    def test_not_files(self) -> None:
        """A folder in the place of a file, and a file in the place of the home."""
        self.found()
        (self.ada / "room.crt").unlink()
        (self.ada / "room.crt").mkdir(mode=0o700)
        self.assertIn("room.crt", self._load())
        self.bob.write_text("")
        self.assertIn("no home", self.refusal(load_home, self.bob, None))

    def test_garbage(self) -> None:
        """Files that hold something else are named."""
        for name in ("identity.key", "identity.crt", "room.crt"):
            for content in (b"", b"garbage", b"-----BEGIN CERTIFICATE-----\n", b"\xff" * 70000):
                with self.subTest((name, content[:8])):
                    self.found() if not self.ada.exists() else None
                    good = (self.ada / name).read_bytes()
                    (self.ada / name).write_bytes(content)
                    self.assertIn(name, self._load())
                    (self.ada / name).write_bytes(good)

    def test_pairs_that_do_not_belong_together(self) -> None:
        """A key without its certificate, and a certificate of another room."""
        self.found()
        other = Ed25519PrivateKey.generate()
        good = (self.ada / "identity.key").read_bytes()
        (self.ada / "identity.key").write_bytes(key_file(other, None))
        self.assertIn("is not the certificate of", self._load())
        (self.ada / "identity.key").write_bytes(good)
        room = found_authority("lab", NOW_MS)
        (self.ada / "room.crt").write_bytes(certificate_file(room.certificate))
        self.assertIn("wrong-room", self._load())

    def test_zoo(self) -> None:
        """A home whose own certificate is bad does not load, whatever is wrong with it."""
        room = found_authority("lab", NOW_MS)
        self.found()
        (self.ada / "room.crt").write_bytes(certificate_file(room.certificate))
        for name, (der, key) in zoo(room).items():
            if name in ("expired", "not-yet-valid") or not isinstance(key, Ed25519PrivateKey):
                continue
            with self.subTest(name):
                (self.ada / "identity.crt").write_bytes(certificate_file(der))
                (self.ada / "identity.key").write_bytes(key_file(key, None))
                self.assertIn("identity.crt is refused", self._load())

    def test_several_certificates(self) -> None:
        """A file with two certificates is refused, not half read."""
        self.found()
        path = self.ada / "room.crt"
        path.write_bytes(path.read_bytes() * 2)
        self.assertIn("holds 2 certificates", self._load())


class PassphraseTests(FolderCase):
    """Keys under a passphrase."""

    def test_round_trip(self) -> None:
        """With the passphrase the home opens; without, or with another, one line says so."""
        self.found(b"geheim")
        self.assertEqual(load_home(self.ada, b"geheim").identity.name, "ada")
        self.assertIn("--passphrase-file", self.refusal(load_home, self.ada, None))
        self.assertIn("does not open", self.refusal(load_home, self.ada, b"geheim "))

    def test_both_keys(self) -> None:
        """The authority's key is under it too, and no file holds a key in the clear."""
        self.found(b"geheim")
        for name in ("identity.key", "authority.key"):
            self.assertIn(b"BEGIN ENCRYPTED PRIVATE KEY", (self.ada / name).read_bytes())

    def test_a_passphrase_that_is_not_needed(self) -> None:
        """A key under no passphrase opens with any."""
        self.found()
        self.assertEqual(load_home(self.ada, b"geheim").identity.name, "ada")

    def test_any_tool_opens_it(self) -> None:
        """The file is plain PKCS#8: another program reads it, and we read what another wrote."""
        key = Ed25519PrivateKey.generate()
        again = load_pem_private_key(key_file(key, b"geheim"), b"geheim")
        assert isinstance(again, Ed25519PrivateKey)
        self.assertEqual(again.private_bytes_raw(), key.private_bytes_raw())
        theirs = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"geheim")
        )
        path = self.folder / "k"
        path.write_bytes(theirs)
        path.chmod(0o600)
        self.assertEqual(load_key(path, b"geheim").private_bytes_raw(), key.private_bytes_raw())

    def test_rounds(self) -> None:
        """A guess costs 600,000 rounds, and the same key is never written twice alike."""
        key = Ed25519PrivateKey.generate()
        self.assertGreaterEqual(keys.ROUNDS, 600_000)
        self.assertNotEqual(key_file(key, b"geheim"), key_file(key, b"geheim"))

    def test_another_kind_of_key(self) -> None:
        """A key that is not Ed25519 is refused."""
        path = self.folder / "k"
        other = ec.generate_private_key(ec.SECP256R1())
        path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        self.assertIn("does not hold an Ed25519 key", self.refusal(load_key, path, None))
