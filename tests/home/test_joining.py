"""A newcomer asks, and an admission completes its home, or nothing changes."""

from __future__ import annotations

from pathlib import Path

from securechat.certificates import found_authority
from securechat.home import joining, papers
from securechat.home.admission import found
from securechat.home.config import make_config
from securechat.home.files import write_private
from securechat.home.identity import Stage, load_home, stage
from securechat.home.joining import install, pending, request
from securechat.home.keys import certificate_file, load_key
from securechat.home.papers import read_request, write_admission
from securechat.signing import Signer
from tests.home.folder import CONFIG, NOW_MS, FolderCase, mode_of

YEAR_MS = 365 * 24 * 3600 * 1000


class RequestTests(FolderCase):
    """Asking."""

    def test_identity_is_made(self) -> None:
        """A request makes a private home with a key, and never says the key."""
        asked = read_request(self.asked())
        self.assertEqual(stage(self.bob), Stage.REQUESTED)
        self.assertEqual(mode_of(self.bob), 0o700)
        key = load_key(self.bob / "identity.key", None)
        self.assertEqual(asked.public_key, key.public_key().public_bytes_raw())

    def test_again(self) -> None:
        """A lost request is made again for the same key, also under another name."""
        first, second = read_request(self.asked()), read_request(self.asked("robert"))
        self.assertEqual(first.member, second.member)
        waiting = pending(self.bob)
        assert waiting is not None
        self.assertEqual(waiting.name, "robert")

    def test_failed_leaves_no_home(self) -> None:
        """If it fails there is no home."""

        def broken(*_: object) -> str:
            raise OSError(28, "No space left on device")

        self.patch(papers, "write_request", broken)
        self.assertRaises(OSError, self.asked)
        self.assertEqual(self.seen(), {})

    def test_hostile_name(self) -> None:
        """Nobody can ask under a hostile name."""
        self.refusal(request, self.bob, "Bob\n", "", None)
        self.assertEqual(self.seen(), {})

    def test_never_over_anything(self) -> None:
        """A folder with something else in it is not taken."""
        self.bob.mkdir()
        (self.bob / "mine").write_text("x")
        self.assertIn("is not empty", self.refusal(request, self.bob, "bob", "", None))

    def test_of_a_member(self) -> None:
        """A member may ask for a new certificate, but for no other name or room."""
        self.found()
        self.join()
        room = load_home(self.ada, None).identity.room
        self.assertEqual(read_request(self.asked()).room, room)
        for name, other in (("robert", ""), ("bob", "a" * 52)):
            self.assertIn("is bob's home", self.refusal(request, self.bob, name, other, None))

    def test_passphrase(self) -> None:
        """The new key is under the passphrase, which is needed to ask again."""
        request(self.bob, "bob", "", b"geheim")
        self.assertIn("is protected", self.refusal(request, self.bob, "bob", "", None))
        request(self.bob, "robert", "", b"geheim")


class InstallTests(FolderCase):
    """Completing the home."""

    def setUp(self) -> None:
        """Ada's room is there, and bob has asked."""
        super().setUp()
        self.found()
        self.text = self.admission(self.asked())
        self.room = load_home(self.ada, None).identity.room

    def _refused(self, text: str, room: str = "", now_ms: int = NOW_MS) -> str:
        before = self.seen()
        refused = self.refusal(install, self.bob, text, room, CONFIG, None, now_ms)
        self.assertEqual(self.seen(), before)
        return refused

    def test_member(self) -> None:
        """The home is complete, private, and dials the founder."""
        install(self.bob, self.text, self.room, None, None, NOW_MS)
        home = load_home(self.bob, None)
        self.assertEqual((home.identity.name, home.identity.room), ("bob", self.room))
        self.assertEqual(home.config.peers, ("192.0.2.1:7400",))
        names = sorted(path.name for path in self.bob.iterdir())
        self.assertEqual(names, ["config.toml", "identity.crt", "identity.key", "room.crt"])
        self.assertEqual({mode_of(path) for path in self.bob.iterdir()}, {0o600})

    def test_options(self) -> None:
        """Options and further peers are in the configuration; our own address is not dialled."""
        config = make_config(
            listen="192.0.2.1:7400", peers=["192.0.2.5:1"], preset="local", enabled=True
        )
        install(self.bob, self.text, "", config, None, NOW_MS)
        found = load_home(self.bob, None).config
        self.assertEqual(
            (found.peers, found.preset, found.enabled), (("192.0.2.5:1",), "local", True)
        )

    def test_a_configuration_written_before(self) -> None:
        """What somebody configured before the admission came is kept."""
        path = self.bob / "config.toml"
        path.write_text("[history]\nposts = 77\n")
        path.chmod(0o600)
        install(self.bob, self.text, "", None, None, NOW_MS)
        self.assertEqual(load_home(self.bob, None).config.posts, 77)

    def test_many_peers(self) -> None:
        """However many peers are named, the configuration can be read again."""
        config = make_config(peers=[f"192.0.2.7:{port}" for port in range(1, 65)])
        install(self.bob, self.text, "", config, None, NOW_MS)
        self.assertEqual(len(load_home(self.bob, None).config.peers), 64)

    def test_another_room_than_said(self) -> None:
        """The room's id is checked against the one that was said."""
        self.assertIn("to another room, lab", self._refused(self.text, "a" * 52))

    def test_another_room_than_asked(self) -> None:
        """An admission to another room than the request was for is refused, without an option."""
        request(self.bob, "bob", "a" * 52, None)
        self.assertIn("to another room, lab", self._refused(self.text))

    def test_another_key(self) -> None:
        """An admission for somebody else's key is refused."""
        eve = self.folder / "eve"
        request(eve, "eve", "", None)
        other = self.admission((eve / "request.json").read_text())
        self.assertIn("for another key, eve", self._refused(other))

    def test_another_name(self) -> None:
        """An admission under a name that was not asked for is refused."""
        self.asked("robert")
        self.assertIn("is for bob, but robert was asked for", self._refused(self.text))

    def test_altered(self) -> None:
        """An altered admission is refused in one line."""
        self.assertIn("refused", self._refused(self.text.replace("192.0.2.1", "192.0.2.2")))

    def test_forged_for_the_same_room_name(self) -> None:
        """An admission by a namesake of the room has another room id."""
        key = load_key(self.bob / "identity.key", None).public_key().public_bytes_raw()
        fake = found_authority("lab", NOW_MS)
        signer = Signer.from_seed(fake.room, fake.key.private_bytes_raw())
        text = write_admission(signer, fake.certificate, fake.issue("bob", key, NOW_MS), ())
        self.assertIn("to another room", self._refused(text, self.room))

    def test_dates(self) -> None:
        """A certificate that this clock calls expired, or not yet valid, is refused."""
        self.assertIn("expired", self._refused(self.text, now_ms=NOW_MS + 11 * YEAR_MS))
        self.assertIn("not-yet-valid", self._refused(self.text, now_ms=NOW_MS - YEAR_MS))

    def test_without_a_request(self) -> None:
        """Where nobody asked there is nothing to complete."""
        text = self.refusal(install, self.folder / "eve", self.text, "", None, None, NOW_MS)
        self.assertIn(f"securechat --home {self.folder / 'eve'} request --name YOU", text)

    def test_failed_changes_nothing(self) -> None:
        """If the disk fails half way the home waits as before."""
        written: list[Path] = []
        true = write_private

        def full(path: Path, content: bytes) -> None:
            if len(written) == 2:
                raise OSError(28, "No space left on device")
            written.append(path)
            true(path, content)

        self.patch(joining, "write_private", full)
        before = self.seen()
        self.assertRaises(OSError, install, self.bob, self.text, "", None, None, NOW_MS)
        self.assertEqual((self.seen(), len(written)), (before, 2))

    def test_after_an_interrupted_one(self) -> None:
        """What a killed install left is written over by the next."""
        fake = found_authority("lab", NOW_MS)
        (self.bob / "room.crt").write_bytes(certificate_file(fake.certificate))
        install(self.bob, self.text, self.room, None, None, NOW_MS)
        self.assertEqual(load_home(self.bob, None).identity.room, self.room)


class RenewalTests(FolderCase):
    """A member's new certificate."""

    def setUp(self) -> None:
        """Bob is a member, with a configuration of his own."""
        super().setUp()
        self.found()
        self.join(make_config(posts=77))

    def test_only_the_certificate(self) -> None:
        """A new admission replaces the certificate and nothing else."""
        before = self.seen()
        install(self.bob, self.admission(self.asked(), days=99), "", None, None, NOW_MS)
        after = self.seen()
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        self.assertEqual(changed, {"bob/identity.crt", "ada/admitted.jsonl"})
        load_home(self.bob, None)

    def test_no_options(self) -> None:
        """Options would be lost: they are refused, and the file named."""
        text = self.admission(self.asked())
        refused = self.refusal(install, self.bob, text, "", CONFIG, None, NOW_MS)
        self.assertIn("config.toml", refused)

    def test_never_another_room(self) -> None:
        """A member is not carried off to another room."""
        other = self.folder / "eve"
        found(other, "eve", "lab", CONFIG, None, NOW_MS)
        key = load_key(self.bob / "identity.key", None).public_key().public_bytes_raw()
        fake = found_authority("lab", NOW_MS)
        signer = Signer.from_seed(fake.room, fake.key.private_bytes_raw())
        text = write_admission(signer, fake.certificate, fake.issue("bob", key, NOW_MS), ())
        before = self.seen()
        refused = self.refusal(install, self.bob, text, "", None, None, NOW_MS)
        self.assertIn("to another room", refused)
        self.assertEqual(self.seen(), before)
