"""A recipient that lost its disk, in real processes: nothing is unsaid, and all comes again."""

from __future__ import annotations

from functools import partial
from signal import SIGKILL
from typing import Any

from securechat.drills.rig import Member, until
from tests.acceptance.rooms import OwnRoomCase

NAMES = ("ada", "bob", "carol")


def row(member: Member, message: str, of: str) -> dict[str, Any]:
    """What is known of a message at one recipient."""
    rows = {found["member"]: found for found in member.items("delivery", id=message)}
    return rows[of]


def acked(member: Member, message: str, of: str) -> bool:
    """Whether that recipient has acknowledged it."""
    return bool(row(member, message, of)["state"] == "acked")


def changed(member: Member, message: str, evidence: str) -> bool:
    """Whether bob's state of it rests on something else by now."""
    return bool(row(member, message, "bob")["evidence"] != evidence)


class LostDisk(OwnRoomCase):
    """Bob's journal is gone; his key and his certificate are not."""

    def test_acked_messages_come_again(self) -> None:
        """Acked stays, its evidence tells of the loss, and bob has everything again, ids included."""
        room = self.make(*NAMES)
        room.start(*NAMES)
        room.meet(*NAMES)
        ada, bob = room["ada"], room["bob"]
        post = ada.ask("say", text="to all")["id"]
        told = [ada.ask("dm", to="bob", text=f"to bob {n}")["id"] for n in range(3)]
        for wanted in (post, *told):
            until(partial(acked, ada, wanted, "bob"), f"{wanted} acked")
        before = {wanted: row(ada, wanted, "bob")["evidence"] for wanted in told}
        room.end("bob", SIGKILL)
        for path in bob.home.glob("journal.db*"):
            path.unlink()
        for wanted in told:
            self.assertEqual(row(ada, wanted, "bob")["state"], "acked")
        room.start("bob")
        room.meet(*NAMES)

        def again() -> bool:
            shown = [(x["id"], x["text"]) for x in bob.items("messages", kind="dm")]
            return shown == [(wanted, f"to bob {n}") for n, wanted in enumerate(told)]

        until(again, "bob has his messages again")
        room.shows("bob", "to all")
        for wanted in told:
            until(partial(changed, ada, wanted, before[wanted]), "a receipt anew")
            self.assertEqual(row(ada, wanted, "bob")["state"], "acked")
            story = ada.items("explain", id=wanted)
            losses = [line for line in story if "lost what it had stored" in line["what"]]
            self.assertEqual(len(losses), 1, story)
            self.assertIn("loss ", losses[0]["evidence"])

    def test_the_evidence_says_so_while_it_is_away(self) -> None:
        """Once bob has said that he lost his disk, and before he has a message again, it is told."""
        room = self.make(*NAMES)
        room.start(*NAMES)
        room.meet(*NAMES)
        ada, bob = room["ada"], room["bob"]
        post = ada.ask("say", text="to all")["id"]
        until(partial(acked, ada, post, "bob"), "acked")
        room.end("ada")
        room.end("bob")
        for path in bob.home.glob("journal.db*"):
            path.unlink()
        room.start("bob")
        room.meet("bob", "carol")
        room.shows("bob", "to all")
        bob.ask("say", text="I lost everything")
        room.shows("carol", "I lost everything")
        room.end("bob")
        room.start("ada")
        room.shows("ada", "I lost everything")
        found = row(ada, post, "bob")
        self.assertEqual(found["state"], "acked")
        self.assertIn("bob has since lost its disk (envelope ", found["evidence"])

    def test_clocks_are_measured(self) -> None:
        """Each link shows how far the clocks are apart: on one machine, not at all."""
        room = self.make(*NAMES)
        room.start(*NAMES)
        room.meet(*NAMES)
        ada = room["ada"]

        def measured() -> bool:
            offsets = [link["clock_offset_s"] for link in ada.items("links")]
            return len(offsets) == 2 and all(off is not None and abs(off) < 5 for off in offsets)

        until(measured, "both links are measured")
