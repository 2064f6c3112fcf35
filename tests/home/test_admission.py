"""A room is founded and requests are granted, or nothing changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from securechat.certificates import read_member
from securechat.home import admission, checks
from securechat.home.admission import consider, found, grant
from securechat.home.config import Config, make_config
from securechat.home.identity import load_home
from securechat.home.keys import key_file
from securechat.home.ledger import Ledger
from securechat.home.papers import read_admission, write_request
from securechat.ids import MemberId
from securechat.settings import MAX_MEMBERS
from securechat.signing import Signer
from tests.home.folder import CONFIG, NOW_MS, FolderCase, mode_of

DAY_MS = 24 * 3600 * 1000


def somebody(name: str, room: str = "") -> str:
    """A request of a new key."""
    key = Ed25519PrivateKey.generate()
    return write_request(Signer.from_seed(room, key.private_bytes_raw()), name)


class FoundTests(FolderCase):
    """Founding a room."""

    def test_founder_is_a_member(self) -> None:
        """The founder is the first member, with a certificate of the room."""
        self.found()
        identity = load_home(self.ada, None).identity
        member = read_member(identity.certificate, identity.room_certificate)
        self.assertEqual((member.name, member.member), ("ada", identity.member))
        self.assertEqual(Ledger.load(self.ada).members, {identity.member})

    def test_every_room_is_another(self) -> None:
        """Two rooms of one name are different rooms."""
        self.found()
        found(self.bob, "bob", "lab", CONFIG, None, NOW_MS)
        rooms = {load_home(home, None).identity.room for home in (self.ada, self.bob)}
        self.assertEqual(len(rooms), 2)

    def test_never_over_a_home(self) -> None:
        """An existing home, complete or waiting, is never touched."""
        self.found()
        self.asked()
        before = self.seen()
        for home in (self.ada, self.bob):
            text = self.refusal(found, home, "eve", "den", CONFIG, None, NOW_MS)
            self.assertIn("a home already", text)
        self.assertEqual(self.seen(), before)

    def test_never_over_anything(self) -> None:
        """A folder with something in it, or a file, is never touched."""
        self.ada.mkdir()
        (self.ada / "mine").write_text("x")
        self.bob.write_text("x")
        before = self.seen()
        for home in (self.ada, self.bob):
            self.refusal(found, home, "ada", "lab", CONFIG, None, NOW_MS)
        self.assertEqual(self.seen(), before)

    def test_failed_leaves_no_home(self) -> None:
        """If anything fails half way there is no home, and nothing beside its place."""

        def broken(_: Config) -> str:
            raise OSError(28, "No space left on device")

        self.patch(admission, "render_config", broken)
        self.assertRaises(OSError, self.found)
        self.assertEqual(self.seen(), {})

    def test_names(self) -> None:
        """A hostile name of a founder or a room founds nothing."""
        for name, room in (("Ada", "lab"), ("ada", "the lab"), ("ada\n", "lab"), ("ada", "")):
            self.refusal(found, self.ada, name, room, CONFIG, None, NOW_MS)
        self.assertEqual(self.seen(), {})

    def test_socket_path(self) -> None:
        """A home too deep for its socket is refused when it is made, with the remedy."""
        deep = self.folder / ("d" * (107 - len(str(self.folder)) - 1 - len("/admin.sock") + 1))
        text = self.refusal(found, deep, "ada", "lab", CONFIG, None, NOW_MS)
        self.assertIn("would have 108 bytes, a socket takes 107: choose a --home", text)
        found(Path(str(deep)[:-1]), "ada", "lab", CONFIG, None, NOW_MS)


class GrantTests(FolderCase):
    """Granting a request."""

    def setUp(self) -> None:
        """Ada's room is there."""
        super().setUp()
        self.found()

    def _consider(self, text: str, days: float = 10) -> str:
        before = self.seen()
        refused = self.refusal(consider, self.ada, text, days, None, NOW_MS)
        self.assertEqual(self.seen(), before)
        return refused

    def test_admission(self) -> None:
        """The admission names the member under the name it asked for, for as long as was said."""
        admitted = read_admission(self.admission(self.asked(), days=10))
        self.assertEqual(admitted.member.name, "bob")
        self.assertEqual(admitted.member.not_after_ms, NOW_MS + 10 * DAY_MS)
        self.assertEqual(admitted.room.room, load_home(self.ada, None).identity.room)

    def test_considering_changes_nothing(self) -> None:
        """Before somebody said yes nothing was issued."""
        text = self.asked()
        before = self.seen()
        granted = consider(self.ada, text, 10, None, NOW_MS)
        self.assertEqual((granted.request.name, granted.room.name), ("bob", "lab"))
        self.assertEqual(self.seen(), before)

    def test_addresses(self) -> None:
        """A newcomer dials the founder first, then those whom the founder dials."""
        for config, dialled in (
            (
                make_config(listen="192.0.2.1:7", peers=["192.0.2.9:1"]),
                ("192.0.2.1:7", "192.0.2.9:1"),
            ),
            (make_config(advertise=["ada.example.org:7"]), ("ada.example.org:7",)),
        ):
            shutil.rmtree(self.ada)
            self.found(config=config)
            self.assertEqual(read_admission(self.admission(somebody("eve"))).addresses, dialled)

    def test_only_here(self) -> None:
        """That the founder listens on loopback only is noticed before the admission is made."""
        shutil.rmtree(self.ada)
        self.found(config=make_config(listen="127.0.0.1:7400"))
        self.assertTrue(consider(self.ada, self.asked(), 10, None, NOW_MS).only_here)

    def test_without_authority(self) -> None:
        """A home without the room's key cannot admit, and says which file it lacks."""
        text = self.asked()
        (self.ada / "authority.key").rename(self.folder / "away")
        self.assertIn(f"{self.ada / 'authority.key'} is not there", self._consider(text))

    def test_another_rooms_authority(self) -> None:
        """A key of another room admits nobody to this one."""
        text = self.asked()
        (self.ada / "authority.key").write_bytes(key_file(Ed25519PrivateKey.generate(), None))
        self.assertIn("is not the key of", self._consider(text))

    def test_request_for_another_room(self) -> None:
        """A request that is meant for another room is refused."""
        text = self._consider(somebody("bob", "a" * 52))
        self.assertIn("for another room", text)
        own = load_home(self.ada, None).identity.room
        self.assertTrue(consider(self.ada, somebody("bob", own), 10, None, NOW_MS))

    def test_altered_request(self) -> None:
        """An altered request is refused in one line."""
        self.assertIn("request is refused", self._consider(self.asked().replace("bob", "eve")))

    def test_name_of_another(self) -> None:
        """A name that was given to one key is not given to a second."""
        self.admission(self.asked())
        self.assertIn("the name bob was given to another key", self._consider(somebody("bob")))
        self.assertIn("the name ada was given to another key", self._consider(somebody("ada")))

    def test_second_name(self) -> None:
        """A key keeps its name."""
        self.admission(self.asked())
        self.assertIn("was admitted as bob", self._consider(self.asked("robert")))

    def test_again(self) -> None:
        """The same key under the same name can be admitted again: a certificate is renewed."""
        first, second = self.admission(self.asked()), self.admission(self.asked())
        self.assertNotEqual(first, second)
        self.assertEqual(len(Ledger.load(self.ada).members), 2)

    def test_days(self) -> None:
        """A certificate never outlives its room, nor ends before it begins."""
        text = self.asked()
        for days in (0, -1, 10_951, 1e18, float("nan")):
            self.assertIn("--days", self._consider(text, days))

    def test_full(self) -> None:
        """The 65th member is refused; one who was admitted before is not."""
        text = self.asked()
        self.admission(text)
        ledger = Ledger.load(self.ada)
        for number in range(MAX_MEMBERS - 2):
            ledger.add(MemberId(f"{number:052}"), f"n{number}", NOW_MS, NOW_MS)
        self.assertIn("the room is full: 64", self._consider(somebody("eve")))
        self.assertTrue(consider(self.ada, text, 10, None, NOW_MS))

    def test_passphrase(self) -> None:
        """The authority's passphrase is needed to admit."""
        shutil.rmtree(self.ada)
        self.found(b"geheim")
        text = self.asked()
        self.assertIn("authority.key is protected", self._consider(text))
        granted = consider(self.ada, text, 10, b"geheim", NOW_MS)
        self.assertEqual(read_admission(grant(granted, NOW_MS)).member.name, "bob")

    def test_in_a_home_that_waits(self) -> None:
        """Who waits for admission cannot admit."""
        text = self.asked()
        self.refusal(consider, self.bob, text, 10, None, NOW_MS)


class LedgerTests(FolderCase):
    """The founder's notebook."""

    def setUp(self) -> None:
        """Ada's room, with bob admitted."""
        super().setUp()
        self.found()
        self.admission(self.asked())

    def test_written_down(self) -> None:
        """Who was admitted, as what, when and until when; nobody else can read it."""
        path = self.ada / "admitted.jsonl"
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        self.assertEqual([entry["name"] for entry in entries], ["ada", "bob"])
        self.assertEqual({entry["at"] for entry in entries}, {NOW_MS})
        self.assertEqual(mode_of(path), 0o600)

    def test_damaged_lines(self) -> None:
        """A line that cannot be read is passed over; the others count, and one more can follow."""
        path = self.ada / "admitted.jsonl"
        path.write_bytes(b'\xff\n{"member": 7}\n' + path.read_bytes() + b'{"cut')
        self.assertIn(
            "given to another key",
            self.refusal(consider, self.ada, somebody("bob"), 1, None, NOW_MS),
        )
        self.admission(somebody("eve"))
        self.assertEqual(
            [entry.name for entry in Ledger.load(self.ada).entries], ["ada", "bob", "eve"]
        )

        lines = (self.ada / "admitted.jsonl").read_bytes().splitlines()
        self.assertEqual(lines[:2] + lines[4:5], [b"\xff", b'{"member": 7}', b'{"cut'])

    def test_one_line_for_each_member(self) -> None:
        """Granting again to a member replaces its line: the notebook never outgrows the room."""
        path, size = self.ada / "admitted.jsonl", 0
        for days in (*range(1, 9), 10):
            self.admission(self.asked(), days=days)
            size = size or path.stat().st_size
        self.assertEqual(path.stat().st_size, size)
        last = Ledger.load(self.ada).entries[-1]
        self.assertEqual((last.name, last.until), ("bob", NOW_MS + 10 * DAY_MS))
        self.assertEqual(mode_of(path), 0o600)

    def test_long_notebook(self) -> None:
        """A notebook that grew beyond 64 KiB, a line for each grant, is read, and mended."""
        path = self.ada / "admitted.jsonl"
        ada, bob = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(ada + bob * 1000)
        self.admission(self.asked())
        self.assertEqual([e.name for e in Ledger.load(self.ada).entries], ["ada", "bob"])
        self.assertLess(path.stat().st_size, 400)

    def test_two_grants_at_once(self) -> None:
        """Of two people asked at once about one name, only one can grant it."""
        one, other = (consider(self.ada, somebody("eve"), 1, None, NOW_MS) for _ in range(2))
        grant(one, NOW_MS)
        self.assertIn("given to another key", self.refusal(grant, other, NOW_MS))
        self.assertEqual(len(Ledger.load(self.ada).entries), 3)

    def test_lost(self) -> None:
        """Without the notebook the authority still admits."""
        (self.ada / "admitted.jsonl").unlink()
        self.admission(somebody("eve"))
        self.assertEqual(len(Ledger.load(self.ada).entries), 1)

    def test_issued_only_if_written_down(self) -> None:
        """If it cannot be written down no admission leaves."""
        granted = consider(self.ada, somebody("eve"), 10, None, NOW_MS)
        (self.ada / "admitted.jsonl").unlink()
        (self.ada / "admitted.jsonl").mkdir()
        self.refusal(grant, granted, NOW_MS)


class NameTests(FolderCase):
    """Names on the command line."""

    def test_refused_by_name(self) -> None:
        """A name that cannot be is repeated in printable form only."""
        text = self.refusal(checks.check_name, "\x1b[2J\u202e")
        self.assertTrue(text.isascii() and text.isprintable())
        self.assertEqual(checks.check_name("ada"), "ada")
