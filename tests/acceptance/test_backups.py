"""Old disks, empty disks and wrong clocks: told as what they are, and everybody shows the same."""

from __future__ import annotations

from collections.abc import Iterable
from signal import SIGCONT, SIGKILL, SIGSTOP

from securechat.drills.rig import Member, Room, until
from tests.acceptance.posts import (
    FAST,
    LOST,
    PATIENCE,
    agreed,
    backed_up,
    cut,
    erase_journal,
    evidence,
    heal,
    losses,
    posts,
    restore,
    states,
)
from tests.acceptance.rooms import OwnRoomCase, scratch
from tests.acceptance.sightings import FIVE, Sightings, made

NAMES = ("ada", "bob", "carol")
HOUR = 3600
MEDIAN = "s ahead of the median"
SHIFT = """import time
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + {seconds}
time.time_ns = lambda: real_ns() + {seconds} * 1_000_000_000
"""
"""A ``sitecustomize`` that sets the wall clock of one process; the monotonic one stays as it is."""


def marks(member: Member) -> dict[str, str | None]:
    """How a node marks each post, by its text."""
    return {post["text"]: post["mark"] for post in posts(member)}


class BackupCase(OwnRoomCase):
    """Bob's disk is not what it was."""

    timeout = 240

    def setUp(self) -> None:
        """All have met; bob has said something."""
        self.room = self.make(*NAMES, **FAST)
        self.room.start(*NAMES)
        self.room.meet(*NAMES)
        self.bob = self.room["bob"]
        self.bob.ask("say", text="one")
        agreed(self.room, *NAMES)

    def alone(self) -> None:
        """Start bob where he hears nobody."""
        cut(self.room, ("ada", "carol"), ("bob",))
        self.room.start("bob")

    def acked_by_bob(self, text: str) -> str:
        """A post of ada that bob has signed to have; its id."""
        ada = self.room["ada"]
        post = str(ada.ask("say", text=text)["id"])
        until(lambda: states(ada, post)["bob"] == "acked", "acked", PATIENCE)
        return post

    def tells_of_the_loss(self, post: str) -> None:
        """The others say that he lost a disk; his word for this post is one for the new disk again."""
        for name in ("ada", "carol"):
            until(lambda n=name: losses(self.room[n], "member:bob"), "it is told", PATIENCE)  # type: ignore[misc]
        ada = self.room["ada"]
        until(lambda: LOST not in evidence(ada, post, "bob"), "bob's word anew", PATIENCE)
        self.assertEqual(states(ada, post)["bob"], "acked")

    def together(self, *texts: str) -> None:
        """Bob is heard again: everybody shows these, in one order, each once."""
        heal(self.room, ("ada", "carol"))
        for name in NAMES:
            until(lambda n=name: set(texts) <= set(self.room[n].texts()), f"{name}: all", PATIENCE)  # type: ignore[misc]
        found = [text for _, text, _ in agreed(self.room, *NAMES)]
        self.assertEqual(sorted(found), sorted(texts))


class OldBackup(BackupCase):
    """A copy of bob's disk is made; he goes on; the copy is put in place of the disk."""

    def test_a_restored_disk_that_speaks_alone(self) -> None:
        """What it forgot is shown to all, marked as unknown to his later self; nothing twice."""
        cut(self.room, ("ada",), ("bob",))
        letter = self.bob.ask("dm", to="ada", text="before the copy")["id"]
        self.room.signal("bob", SIGSTOP)
        copy = backed_up(self.bob.home)
        self.room.signal("bob", SIGCONT)
        heal(self.room, ("ada",))
        until(lambda: states(self.bob, letter) == {"ada": "acked"}, "acked", PATIENCE)
        for text in ("two", "three"):
            self.bob.ask("say", text=text)
        agreed(self.room, *NAMES)
        self.room.end("bob", SIGKILL)
        restore(self.bob.home, copy)
        self.alone()
        self.assertEqual(self.bob.texts(), ["one"])
        self.assertNotEqual(states(self.bob, letter), {"ada": "acked"})
        self.bob.ask("say", text="from the old disk")
        self.together("one", "two", "three", "from the old disk")
        expected = {"one": None, "two": "after-end", "three": "after-end"}
        for name in NAMES:
            self.assertEqual(marks(self.room[name]), {**expected, "from the old disk": None})
        until(lambda: states(self.bob, letter) == {"ada": "acked"}, "acked again", PATIENCE)
        letters = self.room["ada"].items("messages", kind="dm")
        self.assertEqual([item["text"] for item in letters], ["before the copy"])

    def test_what_it_had_acknowledged_since_the_copy(self) -> None:
        """No epoch is missing, and yet it learns that it was set back: told as a loss, and mended."""
        ada = self.room["ada"]
        self.room.signal("bob", SIGSTOP)
        copy = backed_up(self.bob.home)
        self.room.signal("bob", SIGCONT)
        letter = ada.ask("dm", to="bob", text="after the copy")["id"]
        until(lambda: states(ada, letter) == {"bob": "acked"}, "acked", PATIENCE)
        (before,) = ada.items("delivery", id=letter)
        self.room.end("bob", SIGKILL)
        restore(self.bob.home, copy)
        self.room.start("bob")
        self.room.meet(*NAMES)
        until(lambda: self.letters() == ["after the copy"], "bob has it again", PATIENCE)
        until(lambda: ada.items("delivery", id=letter) != [before], "a receipt anew", PATIENCE)
        self.assertEqual(states(ada, letter), {"bob": "acked"})
        (told_of,) = losses(ada, letter)
        self.assertIn("bob", told_of)
        told = [line["evidence"] for line in self.bob.items("explain", id="member:bob")]
        self.assertTrue(any(proof.startswith("receipt ") for proof in told), told)

    def letters(self) -> list[str]:
        """The direct messages that bob shows."""
        return [str(item["text"]) for item in self.bob.items("messages", kind="dm")]

    def test_a_restored_disk_that_hears_the_others_first(self) -> None:
        """It gets its own later words back from the others, and goes on; the loss is told."""
        self.room.signal("bob", SIGSTOP)
        copy = backed_up(self.bob.home)
        self.room.signal("bob", SIGCONT)
        self.bob.ask("say", text="two")
        post = self.acked_by_bob("of ada")
        agreed(self.room, *NAMES)
        self.room.end("bob", SIGKILL)
        restore(self.bob.home, copy)
        self.room.start("bob")
        self.room.meet(*NAMES)
        self.room.shows("bob", "two")
        self.bob.ask("say", text="three")
        self.together("one", "two", "of ada", "three")
        self.assertEqual(self.room["ada"].texts(), ["one", "two", "of ada", "three"])
        self.tells_of_the_loss(post)


class EmptyDisk(BackupCase):
    """Bob's disk is replaced by an empty one while nobody can tell him what he had said."""

    def test_a_disk_lost_while_alone(self) -> None:
        """All words of both lives come to be everywhere, and who had his word for a post is told."""
        self.bob.ask("say", text="two")
        post = self.acked_by_bob("of ada")
        agreed(self.room, *NAMES)
        self.room.end("bob", SIGKILL)
        erase_journal(self.bob.home)
        self.alone()
        self.assertEqual(self.bob.texts(), [])
        self.bob.ask("say", text="on an empty disk")
        self.together("one", "two", "of ada", "on an empty disk")
        self.bob.ask("say", text="after all that")
        self.together("one", "two", "of ada", "on an empty disk", "after all that")
        for name in NAMES:
            ids = {post["text"]: post["id"] for post in posts(self.room[name])}
            self.assertEqual(len(set(ids.values())), 5, ids)
        self.tells_of_the_loss(post)


class Clocks(OwnRoomCase):
    """The clocks of two of five are an hour ahead."""

    timeout = 240

    def ahead(self, room: Room, names: Iterable[str]) -> None:
        """Start these nodes with a clock that is an hour ahead."""
        folder = scratch()
        (folder / "sitecustomize.py").write_text(SHIFT.format(seconds=HOUR))
        room.environment = {"PYTHONPATH": str(folder)}
        room.start(*names)
        room.environment = {}

    def test_an_hour_ahead(self) -> None:
        """What dave says alone is marked by the others; eve, who waits, goes by corrected time."""
        made(*FIVE)
        room = self.make(*FIVE, **FAST)
        right = FIVE[:3]
        room.start(*FIVE)
        room.meet(*FIVE)
        for name in ("dave", "eve"):
            room.end(name, SIGKILL)
        cut(room, right, ("dave",))
        told = Sightings(room, right)
        self.ahead(room, ("dave", "eve"))
        cut(room, ("eve",), ("dave",))
        room["dave"].ask("say", text="from the future")
        off = Sightings(room, ("eve", "dave")).from_their_starts()
        until(lambda: self.says(off, "eve", MEDIAN), "eve knows that her clock is wrong", PATIENCE)
        heal(room, (*right, "eve"))
        room.shows("ada", "from the future")
        room["eve"].ask("say", text="with a corrected clock")
        room.shows("ada", "with a corrected clock")
        room["ada"].ask("say", text="on time")
        found = [text for _, text, _ in agreed(room, *FIVE)]
        self.assertEqual(found, ["with a corrected clock", "on time", "from the future"])
        for name in right:
            shown = marks(room[name])
            self.assertEqual(shown["from the future"], "clock")
            self.assertEqual((shown["with a corrected clock"], shown["on time"]), (None, None))
            until(lambda n=name: self.says(told, n, "ahead"), f"{name} says whose clock differs")  # type: ignore[misc]
        until(lambda: self.says(off, "dave", MEDIAN), "dave says that his clock is off", PATIENCE)
        offsets = {link["peer"]: link["clock_offset_s"] for link in room["ada"].items("links")}
        self.assertGreater(offsets["dave"], HOUR - 60)
        self.assertLess(abs(offsets["bob"]), 60)

    def says(self, told: Sightings, name: str, word: str) -> bool:
        """Whether a node told of a clock, in these words."""
        return any(word in str(event) for event in told.events(name, "clock"))
