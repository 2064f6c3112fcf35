"""kill -9, a stopped process, and what of it all is still true afterwards."""

from __future__ import annotations

import json
import sqlite3
from signal import SIGCONT, SIGKILL, SIGSTOP

from securechat.admin.blocking import connect
from securechat.drills.rig import Member, Room, until
from tests.acceptance.rooms import OwnRoomCase

NAMES = ("ada", "bob", "carol")


def states(member: Member, message: str) -> dict[str, str]:
    """The state of a message at each recipient."""
    return {row["member"]: row["state"] for row in member.items("delivery", id=message)}


def damage(member: Member) -> list[str]:
    """What SQLite and the journal itself find wrong with a home's journal."""
    connection = sqlite3.connect(member.home / "journal.db")
    try:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    finally:
        connection.close()
    aside = [path.name for path in member.home.glob("journal*") if "aside" in path.name]
    return [*(word for word in found if word != "ok"), *aside]


class Killed(OwnRoomCase):
    """A process that ends without a word."""

    def test_a_post_survives_kill_9_right_after_252(self) -> None:
        """The reply is 252, the process is killed at once: the post is there, and reaches all."""
        room = self.make(*NAMES)
        room.start("ada")
        for round_ in range(2):
            with connect(room["ada"].home) as node:
                reply = node.request("say", text=f"kept {round_}")
                room.end("ada", SIGKILL)
            self.assertEqual((reply["code"], reply["state"]), (252, "queued"))
            room.start("ada")
            self.assertEqual(room["ada"].texts()[-1], f"kept {round_}")
        room.start("bob", "carol")
        for name in ("bob", "carol"):
            room.shows(name, "kept 0", "kept 1")
        room.agree(*NAMES)

    def test_kill_9_in_mid_traffic_leaves_every_journal_and_digest_intact(self) -> None:
        """Bob is killed while all three talk; nothing acked is lost, nothing is there twice."""
        room = self.make(*NAMES, posts_per_second="1000", burst="1000")
        room.start(*NAMES)
        room.meet(*NAMES)
        said = dict.fromkeys(NAMES, 0)
        for _ in range(2):
            for name in NAMES:
                self.talk(room, name, said)
            room.end("bob", SIGKILL)
            self.talk(room, "ada", said)
            self.talk(room, "carol", said)
            room.start("bob")
        room.agree(*NAMES)
        expected = sorted(f"{name} {n}" for name, count in said.items() for n in range(count))
        for name in NAMES:
            self.assertEqual(sorted(room[name].texts()), expected)
        for name in NAMES:
            room.end(name)
            self.assertEqual(damage(room[name]), [])

    def talk(self, room: Room, name: str, said: dict[str, int]) -> None:
        """Ten posts, each accepted."""
        for _ in range(10):
            reply = room[name].ask("say", text=f"{name} {said[name]}")
            self.assertEqual(reply["code"], 252)
            said[name] += 1

    def test_a_restart_is_the_same_member_in_the_next_epoch(self) -> None:
        """After kill -9 bob comes back as himself, one epoch further, and is seen alive."""
        room = self.make("ada", "bob")
        room.start("ada", "bob")
        room.meet("ada", "bob")
        before = room["ada"].ask("who", name="bob")
        room.end("bob", SIGKILL)
        room.sees("ada", "unreachable", "bob")
        room.start("bob")
        room.meet("ada", "bob")
        after = room["ada"].ask("who", name="bob")
        self.assertEqual((after["id"], after["epoch"]), (before["id"], before["epoch"] + 1))


class Stopped(OwnRoomCase):
    """A process that is there and does not move."""

    def test_a_dm_to_a_stopped_node_is_unknown_and_acked_when_it_wakes(self) -> None:
        """sent, then unknown after the deadline (never failed), then acked; the text is there once."""
        room = self.make("ada", "bob", deadline_s="1.0")
        room.start("ada", "bob")
        room.meet("ada", "bob")
        ada = room["ada"]
        room.signal("bob", SIGSTOP)
        home = ("--home", str(ada.home))
        done = room.run(*home, "dm", "bob", "are you there?", "--wait", "0", "--json")
        self.assertEqual(done.returncode, 4, done.stderr)
        first = json.loads(done.stdout)
        self.assertEqual(first["state"], "sent")
        until(lambda: states(ada, first["id"]) == {"bob": "unknown"}, "unknown")
        self.assertEqual(ada.ask("status")["unknown"], 1)
        (waiting,) = ada.items("outbox")
        self.assertEqual((waiting["id"], waiting["state"]), (first["id"], "unknown"))
        room.sees("ada", "unreachable", "bob")
        self.assertEqual(states(ada, first["id"]), {"bob": "unknown"})
        room.signal("bob", SIGCONT)
        until(lambda: states(ada, first["id"]) == {"bob": "acked"}, "acked")
        room.meet("ada", "bob")
        texts = [item["text"] for item in room["bob"].items("messages", kind="dm")]
        self.assertEqual(texts, ["are you there?"])
        self.assertEqual(ada.items("outbox"), [])
