"""What is claimed of a direct message, while its recipient is stopped, is killed, or loses its disk."""

from __future__ import annotations

from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

from securechat.drills.rig import Member, until
from tests.acceptance.posts import (
    LOST,
    backed_up,
    erase_journal,
    evidence,
    heal,
    losses,
    restore,
    states,
)
from tests.acceptance.rooms import OwnRoomCase
from tests.acceptance.sightings import pause
from tests.acceptance.test_room import traces

NAMES = ("ada", "bob", "carol")
SECRET = "for bob's eyes only"
RACES = 6
MANY = 30
"""Rounds within which the kill must have come on both sides of a commit."""
ROUND = 5


def letters(member: Member) -> list[str]:
    """The texts of the direct messages that a node holds."""
    return [item["text"] for item in member.items("messages", kind="dm", after="", limit=1000)]


def story(member: Member, message: str) -> list[dict[str, Any]]:
    """The lines of ``explain``."""
    return member.items("explain", id=message)


class DeliveryCase(OwnRoomCase):
    """Ada tells bob something; carol is there too."""

    timeout = 240

    def setUp(self) -> None:
        """All have met; a message without evidence is unknown after a second."""
        self.room = self.make(*NAMES, deadline_s="1.0")
        self.room.start(*NAMES)
        self.room.meet(*NAMES)
        self.ada, self.bob = self.room["ada"], self.room["bob"]

    def tell(self, text: str) -> str:
        """A direct message of ada to bob; its id."""
        return str(self.ada.ask("dm", to="bob", text=text)["id"])

    def becomes(self, message: str, state: str) -> None:
        """Wait until a message is in a state at bob."""
        until(lambda: states(self.ada, message) == {"bob": state}, f"{message} {state}")

    def alone(self) -> None:
        """Wait until no link to bob is left: all that he signed has been heard."""
        until(lambda: "bob" not in linked(self.ada), "no link to bob")


def linked(member: Member) -> list[str]:
    """To whom a node has a link."""
    return [link["peer"] for link in member.items("links")]


class Stalled(DeliveryCase):
    """The recipient is there and does not move, or is killed as soon as it does."""

    def test_unknown_while_stopped_and_a_late_receipt_upgrades(self) -> None:
        """Each step rests on evidence that delivery and explain name; no third node has a trace."""
        self.room.signal("bob", SIGSTOP)
        message = self.tell(SECRET)
        self.assertIn(states(self.ada, message)["bob"], ("sent", "queued"))
        self.becomes(message, "unknown")
        self.assertIn("deadline", evidence(self.ada, message, "bob"))
        self.room.signal("bob", SIGCONT)
        self.becomes(message, "acked")
        self.assertRegex(evidence(self.ada, message, "bob"), "receipt [0-9a-f]{8}")
        told = story(self.ada, message)
        for word, by in (("sent", "a link"), ("unknown", "deadline passed"), ("acked", "receipt")):
            found = [line["what"] for line in told if by in line["evidence"]]
            self.assertTrue([what for what in found if word in what], (word, told))
        self.assertEqual(letters(self.bob), [SECRET])
        self.room["carol"].ask("say", text="written after it")
        self.room.agree(*NAMES)
        self.assertEqual(traces(self.room["carol"], SECRET.encode()), [])
        self.assertEqual(letters(self.room["carol"]), [])

    def test_killed_after_it_was_received_and_before_it_was_committed(self) -> None:
        """It lies in the dead process's socket: unknown, never acked; then the disk gets it, once."""
        self.room.signal("bob", SIGSTOP)
        message = self.tell(SECRET)
        self.becomes(message, "unknown")
        self.room.end("bob", SIGKILL)
        self.alone()
        self.assertEqual(states(self.ada, message), {"bob": "unknown"})
        self.ada.ask("fault", action="cut", names=["bob"])
        self.room.start("bob")
        self.assertEqual(letters(self.bob), [])
        heal(self.room, ("ada",))
        self.becomes(message, "acked")
        self.assertEqual(letters(self.bob), [SECRET])

    def test_killed_at_any_moment_what_is_acked_is_on_the_disk(self) -> None:
        """
        Bob is killed while he wakes and takes messages: every acked one is there at his restart.

        The kill comes sooner after a round that was acked, later after one that was not: so it comes
        close to the commit, at both sides of it.
        """
        sent: dict[str, str] = {}
        after, seen = 0.03, set[int]()
        while len(sent) < RACES * ROUND or not (0 in seen and max(seen) > 0):
            self.assertLess(len(sent), MANY * ROUND, f"the kill never came close: {seen}")
            number = len(sent) // ROUND
            self.room.signal("bob", SIGSTOP)
            for n in range(ROUND):
                text = f"race {number} {n}"
                sent[self.tell(text)] = text
            self.room.signal("bob", SIGCONT)
            pause(after)
            self.room.end("bob", SIGKILL)
            self.alone()
            self.ada.ask("fault", action="cut", names=["bob"])
            self.room.start("bob")
            acked = {text for id_, text in sent.items() if states(self.ada, id_)["bob"] == "acked"}
            held = letters(self.bob)
            self.assertEqual(len(held), len(set(held)))
            self.assertLessEqual(acked, set(held))
            seen.add(len(acked) - number * ROUND)
            after *= 1.5 if len(acked) == number * ROUND else 0.6
            heal(self.room, ("ada",))
            for message in sent:
                self.becomes(message, "acked")
        self.assertEqual(sorted(letters(self.bob)), sorted(sent.values()))


class DiskLost(DeliveryCase):
    """The recipient comes back with its keys and without its journal."""

    def lose(self) -> None:
        """Bob's process is killed and his disk replaced."""
        self.room.end("bob", SIGKILL)
        self.alone()
        erase_journal(self.bob.home)

    def test_what_was_acked_says_that_its_holder_lost_the_disk_and_is_given_again(self) -> None:
        """It stays acked, its evidence tells of the loss, and bob has it again under the same id."""
        message = self.tell(SECRET)
        self.becomes(message, "acked")
        first = evidence(self.ada, message, "bob")
        self.assertNotIn(LOST, first)
        self.lose()
        self.assertEqual(states(self.ada, message), {"bob": "acked"})
        self.room.start("bob")
        until(lambda: letters(self.bob) == [SECRET], "bob has it again")
        until(lambda: evidence(self.ada, message, "bob") != first, "evidence anew")
        (told,) = losses(self.ada, message)
        self.assertIn("bob", told)
        again = self.bob.items("messages", kind="dm")
        self.assertEqual([item["id"] for item in again], [message])
        until(lambda: LOST not in evidence(self.ada, message, "bob"), "a receipt after the loss")
        self.assertEqual(states(self.ada, message), {"bob": "acked"})

    def test_a_message_that_is_not_offered_again_keeps_saying_so(self) -> None:
        """Cancelled after its receipt: acked, by who has since lost its disk; bob has it no more."""
        message = self.tell(SECRET)
        self.becomes(message, "acked")
        self.assertEqual(self.ada.ask("cancel", id=message)["state"], "acked")
        self.lose()
        self.room.start("bob")
        until(lambda: LOST in evidence(self.ada, message, "bob"), "the loss is told")
        self.assertEqual(states(self.ada, message), {"bob": "acked"})
        other = self.tell("after the loss")
        self.becomes(other, "acked")
        self.assertNotIn(LOST, evidence(self.ada, other, "bob"))
        self.assertEqual(letters(self.bob), ["after the loss"])

    def test_a_message_that_was_never_stored_is_not_acked_by_the_new_disk_alone(self) -> None:
        """Received, killed, disk lost: unknown until the new disk has it; then acked by its receipt."""
        self.room.signal("bob", SIGSTOP)
        message = self.tell(SECRET)
        self.becomes(message, "unknown")
        self.lose()
        self.ada.ask("fault", action="cut", names=["bob"])
        self.room.start("bob")
        self.room.sees("carol", "alive", "bob")
        self.assertEqual(states(self.ada, message), {"bob": "unknown"})
        heal(self.room, ("ada",))
        self.becomes(message, "acked")
        self.assertEqual(letters(self.bob), [SECRET])
        self.assertNotIn(LOST, evidence(self.ada, message, "bob"))

    def test_posts_that_he_had_acked_are_told_as_lost_and_come_back(self) -> None:
        """Bob gets what was said from the others, in the same order; nothing is there twice."""
        message = self.room["ada"].ask("say", text="before the loss")["id"]
        until(lambda: set(states(self.ada, message).values()) == {"acked"}, "acked by both")
        self.lose()
        self.room.start("bob")
        self.room.shows("bob", "before the loss")
        self.bob.ask("say", text="a new disk")
        self.room.agree(*NAMES)
        for name in NAMES:
            self.assertEqual(self.room[name].texts(), ["before the loss", "a new disk"])
        self.assertEqual(states(self.ada, message)["bob"], "acked")

    def test_an_old_disk_is_a_loss_of_what_came_after_it(self) -> None:
        """A copy of bob's home is put back: he says so, has the later message again, once."""
        early = self.tell("before the copy")
        self.becomes(early, "acked")
        self.room.end("bob", SIGKILL)
        copy = backed_up(self.bob.home)
        self.room.start("bob")
        message = self.tell(SECRET)
        self.becomes(message, "acked")
        self.room.end("bob", SIGKILL)
        self.alone()
        restore(self.bob.home, copy)
        self.room.start("bob")
        both = ["before the copy", SECRET]
        until(lambda: letters(self.bob) == both, "bob has it again")
        (told,) = until(lambda: losses(self.ada, message), "the loss is told")
        self.assertIn("bob", told)
        until(lambda: LOST not in evidence(self.ada, message, "bob"), "a receipt after the loss")
        self.assertEqual(states(self.ada, message), {"bob": "acked"})
