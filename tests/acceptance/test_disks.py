"""Full and damaged disks under real nodes, and a thousand ways to damage a journal."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from os import SEEK_END
from pathlib import Path
from random import Random
from signal import SIGKILL

from attrs import frozen
from twisted.python import log
from twisted.trial.unittest import SkipTest

from securechat.admin.blocking import connect
from securechat.admin.views import UNREADABLE
from securechat.drills.rig import DrillError, Member, until
from securechat.effects import Fact
from securechat.errors import HomeError
from securechat.ids import Hash
from securechat.journal.records import TurnRecord
from securechat.journal.store import Store, StoreError
from securechat.node.dispatch import FACTS
from securechat.objects import Purpose, Signed
from securechat.signing import object_hash
from tests.acceptance import full_disk
from tests.acceptance.posts import (
    FAST,
    PATIENCE,
    Stopwatch,
    agreed,
    holds,
    posts,
    say_many,
    shown,
    states,
)
from tests.acceptance.rooms import OwnRoomCase, change
from tests.acceptance.test_crash import damage

NAMES = ("ada", "bob", "carol")
MANY = 1000
MOST_TRIES = 400
"""Posts after which a disk without space must have said so."""
PAGE = 4096
RESUMED = 5.0
"""Seconds in which a node whose disk has space again takes posts (issue 4)."""
LARGE = 3 * 1024 * 1024
"""Bytes of a journal of which SQLite keeps no more than a part in memory."""
LETTER = "a sound letter"


class DiskFull(OwnRoomCase):
    """Bob's home is on a small disk."""

    timeout = 240

    def setUp(self) -> None:
        """All have met, and bob has said something."""
        if full_disk.lacking():
            raise SkipTest(f"needs {full_disk.lacking()}")
        self.room = self.make(*NAMES, **FAST)
        self.bob = self.room["bob"]
        self.addCleanup(self.ended)
        full_disk.mount_small(self.bob)
        self.room.start(*NAMES)
        self.room.meet(*NAMES)
        self.accepted = ["there was space"]
        self.bob.ask("say", text=self.accepted[0])
        self.room.agree(*NAMES)

    def ended(self) -> None:
        """The node is gone, then its disk."""
        self.room.close()
        full_disk.unmount(self.bob.home)

    def refused(self) -> str:
        """Speak until the disk is full; the reason with which bob's node says no."""
        with connect(self.bob.home) as node:
            for n in range(MOST_TRIES):
                text = f"{n} " + "x" * 1000
                reply = node.ask("say", text=text)
                if reply["code"] != 252:
                    self.assertEqual(reply["code"], 420, reply)
                    return str(reply["text"])
                self.accepted.append(text)
        raise DrillError("a full disk took everything")

    def test_speaking_stops_reading_goes_on_and_nothing_accepted_is_lost(self) -> None:
        """420 with the reason; all questions are answered; with space it speaks and catches up."""
        full_disk.fill(self.bob.home)
        self.assertIn("disk full", self.refused())
        status = self.bob.ask("status")
        self.assertEqual((status["read_only"], status["read_only_reason"]), (True, "disk full"))
        for cmd in ("messages", "members", "links", "outbox", "gaps", "digest", "counters"):
            self.assertEqual(self.bob.ask(cmd)["code"], 250)
        self.assertEqual(self.bob.texts(), self.accepted)
        for name in ("ada", "carol"):
            self.room.shows(name, *self.accepted)
        letter = self.room["ada"].ask("dm", to="bob", text="to a full disk")["id"]
        self.room["ada"].ask("say", text="said meanwhile")
        self.room.shows("carol", "said meanwhile")
        (row,) = self.room["ada"].items("delivery", id=letter)
        self.assertIn(row["state"], ("queued", "sent", "unknown"))
        watch = Stopwatch("a full disk has space again")
        full_disk.empty(self.bob.home)
        until(lambda: not self.bob.ask("status")["read_only"], "bob can record", PATIENCE)
        watch.tell("until it can record")
        self.assertEqual(self.bob.ask("say", text="space again")["code"], 252)
        took = watch.tell("until it speaks")
        self.assertLessEqual(took, RESUMED, f"it speaks after {took:.1f} s of space")
        self.room.shows("bob", "said meanwhile")
        until(lambda: self.acked(letter), "the letter is acked", PATIENCE)
        watch.tell("until the letter is acked")
        said = [text for _, text, _ in agreed(self.room, *NAMES)]
        self.assertEqual(sorted(said), sorted([*self.accepted, "said meanwhile", "space again"]))

    def acked(self, letter: str) -> bool:
        """Whether bob has it."""
        return states(self.room["ada"], letter) == {"bob": "acked"}

    def test_killed_on_a_full_disk(self) -> None:
        """Everything accepted is there after the restart, in a sound journal."""
        full_disk.fill(self.bob.home)
        self.refused()
        self.room.end("bob", SIGKILL)
        full_disk.empty(self.bob.home)
        self.room.start("bob")
        agreed(self.room, *NAMES)
        self.assertEqual(self.bob.texts(), self.accepted)
        self.room.end("bob")
        self.assertEqual(damage(self.bob), [])


@frozen
class Content:
    """All that a journal holds."""

    facts: tuple[Fact, ...]
    turns: tuple[TurnRecord, ...]
    objects: dict[Hash, Signed]


def names_in(path: Path, room: str) -> list[Hash]:
    """What the objects of a sound journal are called, read without the store."""
    rows = "SELECT purpose, statement, signature, attachment FROM objects"
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(rows).fetchall()
    return [object_hash(room, Signed(Purpose(row[0]), *row[1:])) for row in found]


def content(store: Store, names: list[Hash]) -> Content:
    """What a store hands out."""
    found = {name: store.object(name) for name in names}
    held = {name: signed for name, signed in found.items() if signed is not None}
    return Content(tuple(store.replay()), store.turns(), held)


def spoil(sound: bytes, chance: Random) -> bytes:
    """Some bits, a run of bytes, a page that is empty or another's, or the end of it, are wrong."""
    spoilt, size = bytearray(sound), len(sound)
    kind = chance.randrange(10)
    place = chance.randrange(size)
    page = place - place % PAGE
    if kind == 0:
        del spoilt[place:]
    elif kind == 1:
        spoilt[page : page + PAGE] = bytes(PAGE)
    elif kind == 2:
        other = chance.randrange(size // PAGE) * PAGE
        spoilt[page : page + PAGE] = sound[other : other + PAGE]
    elif kind == 3:
        run = chance.randbytes(chance.randint(1, 64))
        spoilt[place : place + len(run)] = run
    else:
        for _ in range(chance.choice((1, 1, 2, 8))):
            spoilt[chance.randrange(size)] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


class Damaged(OwnRoomCase):
    """What is on a disk is not what was written."""

    timeout = 240

    def talked(self) -> None:
        """All three have posts and a direct message, and have ended."""
        self.room = self.make(*NAMES, **FAST)
        self.room.start(*NAMES)
        self.room.meet(*NAMES)
        say_many(self.room["ada"], (f"sound {n}" for n in range(120)))
        self.room["ada"].ask("dm", to="bob", text=LETTER)
        for name in ("bob", "carol"):
            self.room[name].ask("say", text=f"{name} is sound")
        self.said = agreed(self.room, *NAMES)
        until(lambda: self.room["bob"].items("messages", kind="dm"), "the letter is there")
        self.room_id = self.room["ada"].ask("status")["room_id"]

    def test_a_thousand_damaged_journals_hand_out_nothing_altered(self) -> None:
        """Each is refused, set aside or read; whatever is read is what was written, all of it."""
        self.talked()
        self.room.end("bob")
        path = self.room["bob"].home / "journal.db"
        sound, names = path.read_bytes(), names_in(path, self.room_id)
        with closing(Store.open(path, FACTS, self.room_id)) as store:
            whole = content(store, names)
        self.assertGreater(len(whole.facts), 3)
        self.assertEqual(len(whole.objects), len(names))
        folder = path.parent / "spoilt"
        folder.mkdir()
        watch, ends = Stopwatch(f"{MANY} damaged journals opened"), Counter[str]()
        for seed in range(MANY):
            spoilt = folder / "journal.db"
            spoilt.write_bytes(spoil(sound, Random(seed)))
            spoilt.chmod(0o600)
            ends[self.opened(spoilt, names, whole, seed)] += 1
            for left in folder.iterdir():
                left.unlink()
        watch.tell(dict(ends))
        self.assertGreater(ends["set aside"], 0)
        self.assertGreater(ends["objects left out"], 0)

    def opened(self, spoilt: Path, names: list[Hash], whole: Content, seed: int) -> str:
        """How the store takes a damaged journal; fails if it hands out what was never written."""
        try:
            store = Store.open(spoilt, FACTS, self.room_id)
        except HomeError as problem:
            self.assertNotIn("\n", str(problem))
            return "refused"
        with closing(store):
            try:
                found = content(store, names)
            except StoreError:
                return "reading failed"
            if store.set_aside:
                self.assertEqual((found.facts, found.objects), ((), {}), seed)
                return "set aside"
            self.assertEqual(found.facts, whole.facts, seed)
            known = set(map(repr, whole.turns))
            self.assertEqual([t for t in map(repr, found.turns) if t not in known], [], seed)
            for name, signed in found.objects.items():
                self.assertEqual(signed, whole.objects[name], seed)
            left_out = len(found.objects) < len(names)
            return "objects left out" if left_out else "as written"

    def test_nodes_on_damaged_disks_show_what_was_said_or_nothing(self) -> None:
        """Bob starts on five of them: what he shows was said; in the end all have all, once."""
        self.talked()
        said = {(post, text) for post, text, _ in self.said}
        home = self.room["bob"].home
        self.room.end("bob")
        kept = {path.name: path.read_bytes() for path in home.glob("journal.db*")}
        ends = Counter[str]()
        for seed in range(5):
            for path in home.glob("journal.db*"):
                path.unlink()
            (home / "journal.db").write_bytes(spoil(kept["journal.db"], Random(f"node {seed}")))
            (home / "journal.db").chmod(0o600)
            ends[self.started(said)] += 1
            self.room.end("bob", SIGKILL)
        log.msg(f"figure: nodes on damaged disks: {dict(ends)}")
        for path in home.glob("journal.db*"):
            path.unlink()
        self.room.start("bob")
        self.assertEqual(agreed(self.room, *NAMES), self.said)

    def started(self, said: set[tuple[str, str]]) -> str:
        """Start bob and read what he shows, until he has what the others have."""
        bob = self.room["bob"]
        try:
            self.room.start("bob")
        except DrillError:
            self.assertIn("journal", bob.log.read_text().strip().splitlines()[-1])
            return "refused"
        holds(bob, len(said))
        found = {(post["id"], post["text"]) for post in posts(bob)}
        for post, text in found - said:
            self.assertEqual(text, UNREADABLE, post)
        letters = {item["text"] for item in bob.items("messages", kind="dm")}
        self.assertLessEqual(letters, {LETTER, UNREADABLE})
        return "set aside" if list(bob.home.glob("journal.db.damaged-*")) else "used"

    def test_damage_under_a_running_node_ends_it_and_the_next_start_begins_anew(self) -> None:
        """Bob says why and exits with 1, no traceback; started again, he has all from the others."""
        self.room = self.make(*NAMES, **FAST)
        self.room.start(*NAMES)
        self.room.meet(*NAMES)
        # More than SQLite keeps in memory: the rest is read from the disk.
        say_many(self.room["ada"], (f"{n} " + "x" * 8000 for n in range(900)))
        said, bob = agreed(self.room, *NAMES), self.room["bob"]
        with (bob.home / "journal.db").open("r+b") as file:
            size = file.seek(0, SEEK_END)
            self.assertGreater(size, LARGE)
            for page in range(PAGE, size, PAGE):
                file.seek(page)
                file.write(b"\xff" * 64)
        until(lambda: not bob.running or not posts(bob), "bob has ended", PATIENCE)
        bob.hang_up()
        assert bob.process is not None
        self.assertEqual(bob.process.wait(PATIENCE), 1)
        log = bob.log.read_text()
        self.assertIn("\nsecurechat: stopping: the journal is damaged: the next start", log)
        self.assertNotIn("Traceback", log)
        self.assertNotIn("writable again", log)
        self.room.sees("ada", "unreachable", "bob")
        bob.process = None
        self.room.start("bob")
        self.assertTrue((bob.home / "journal.db.damaged-1").exists())
        self.room.meet(*NAMES)
        self.assertEqual(agreed(self.room, *NAMES), said)

    def test_a_text_that_was_changed_on_disk_is_neither_shown_nor_served(self) -> None:
        """Bob alone has it, damaged: it is a gap, claimed no more; it comes from ada's disk again."""
        self.room = self.make(*NAMES, **FAST)
        self.room.start("ada", "bob")
        self.room.meet("ada", "bob")
        texts = ("the first", "pay ten", "the third")
        ids = [self.room["ada"].ask("say", text=text)["id"] for text in texts]
        agreed(self.room, "ada", "bob")
        self.room.end("ada")
        self.room.end("bob")
        path = self.room["bob"].home / "journal.db"
        self.assertIn(b"pay ten", path.read_bytes())
        path.write_bytes(path.read_bytes().replace(b"pay ten", b"pay tee"))
        near = f'["127.0.0.1:{self.room["bob"].port}"]'
        change(self.room["carol"].home, peers=near)
        self.room.start("bob", "carol")
        self.room.meet("bob", "carol")
        bob, carol = self.room["bob"], self.room["carol"]
        until(lambda: ids[1] in missing(carol), "carol knows that it is missing", PATIENCE)
        until(lambda: ids[1] in missing(bob), "bob knows that he has it no more", PATIENCE)
        self.assertEqual(text_of(bob, ids[1]), "")
        self.assertNotIn("pay tee", str([shown(bob), shown(carol)]))
        self.room.start("ada")
        for member in (bob, carol):
            until(lambda m=member: text_of(m, ids[1]) == "pay ten", "it came again", PATIENCE)  # type: ignore[misc]
        agreed(self.room, *NAMES)
        self.assertEqual([post["text"] for post in posts(bob)], list(texts))
        story = [line["what"] for line in bob.items("explain", id=ids[1])]
        (damaged,) = [n for n, what in enumerate(story) if "damaged on this disk" in what]
        again = [
            n for n, what in enumerate(story) if what.startswith("a post of ada recovered from")
        ]
        self.assertGreater(again[-1], damaged, story)
        for name in NAMES:
            self.assertNotIn("pay tee", self.room[name].texts())


def missing(member: Member) -> list[str]:
    """The ids of the posts that a node knows of and lacks."""
    return [
        f"{gap['author']}/{gap['epoch']}/{seq}"
        for gap in member.items("gaps")
        for seq in range(gap["from"], gap["to"] + 1)
    ]


def text_of(member: Member, message: str) -> str:
    """The text of one post, empty if it is not held."""
    return next((post["text"] for post in posts(member) if post["id"] == message), "")
