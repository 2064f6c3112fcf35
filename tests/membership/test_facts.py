"""What membership remembers describes itself, and comes back from disk as it was."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import Version
from securechat.membership.facts import (
    FACTS,
    AddressesKnown,
    ClaimHeld,
    ConflictSeen,
    EpochRaised,
    LeaveHeld,
)
from securechat.wire import pack, unpack
from tests.membership.bench import WALL, boot, someone

BOB = someone("bob")
SIGNED = BOB.alive(3, 1, "b", "10.0.0.2:7400").signed
EVERY = (
    EpochRaised(WALL, 4, boot("a"), "the node started"),
    ClaimHeld(
        WALL, BOB.id, 3, 1, boot("b"), ("10.0.0.2:7400",), "bob", BOB.signer.public, SIGNED, BOB.id
    ),
    LeaveHeld(WALL, BOB.id, 3, 1, BOB.leave(3, 1).signed, BOB.id),
    AddressesKnown(WALL, BOB.id, ("10.0.0.2:7400",)),
    ConflictSeen(WALL, 4, boot("a"), 5, boot("b"), True),
)


class FactTests(SynchronousTestCase):
    """Each kind of fact."""

    def test_registry(self) -> None:
        """The first part of a fact's key finds its class."""
        self.assertEqual({type(fact) for fact in EVERY}, set(FACTS.values()))
        for fact in EVERY:
            self.assertIs(FACTS[fact.key.partition("/")[0]], type(fact))

    def test_back_from_disk(self) -> None:
        """A fact read from disk equals the one that was written."""
        for fact in EVERY:
            self.assertEqual(unpack(type(fact), pack(fact)), fact)

    def test_descriptions(self) -> None:
        """Every fact says what it is in words, without bytes that move a cursor."""
        for fact in EVERY:
            for text in (fact.words, fact.evidence, *fact.about):
                self.assertTrue(text.isprintable())
            self.assertTrue(fact.words)

    def test_story_of_a_member(self) -> None:
        """Claims, leaves and addresses are part of their member's story."""
        for fact in EVERY[1:4]:
            self.assertEqual(fact.about, (f"member:{BOB.id}",))
            self.assertIn(BOB.id, fact.words)

    def test_conflict_words(self) -> None:
        """A conflict says whether this process stopped."""
        self.assertIn("stopped speaking", EVERY[4].words)
        going_on = ConflictSeen(WALL, 4, boot("a"), 5, boot("b"), False)
        self.assertIn("higher epoch", going_on.words)

    def test_versions(self) -> None:
        """A claim's version is its epoch and incarnation."""
        self.assertEqual(EVERY[1].version, Version(3, 1))
        self.assertEqual(EVERY[2].version, Version(3, 1))
