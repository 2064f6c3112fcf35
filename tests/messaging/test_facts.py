"""Facts describe themselves: a key of their word, ids that they are about, words and evidence."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Fact
from securechat.ids import BootId, Hash, Kind, MemberId, MessageId, Stream
from securechat.messaging.facts import (
    FACTS,
    Audience,
    Begun,
    DirectHeld,
    DirectState,
    DiskLost,
    EnvelopeHeld,
    Floor,
    FloorAside,
    Forked,
    GapClosed,
    HeadKnown,
    NonceUsed,
    PostsOffered,
    PostsStored,
    ReceiptGiven,
    ReceiptHeld,
    TextDamaged,
)
from securechat.messaging.statements import Opening, Start
from securechat.notices import Delivery
from securechat.wire import pack, unpack

ADA, BOB = MemberId("a" * 52), MemberId("b" * 52)
BOOT = BootId("0" * 32)
HASH = Hash(b"\1" * 32)
STREAM = Stream(ADA, 3, BOOT)
POST = str(MessageId(STREAM, 7))
DIRECT = str(MessageId(STREAM, 7, Kind.DIRECT))
SECOND = str(MessageId(STREAM, 8))


def placed(kind: Any, *rest: Any, **more: Any) -> Any:
    """A fact of ada's stream."""
    return kind(ADA, 3, BOOT, *rest, **more)


ALL: list[tuple[Fact, tuple[str, ...], str, str]] = [
    (
        placed(EnvelopeHeld, 7, 2, HASH, 5, HASH, 9, 1, BOB),
        (POST, SECOND),
        f"2 posts of {{{ADA}}} received from {{{BOB}}} and stored",
        "envelope 0101010101010101",
    ),
    (
        placed(EnvelopeHeld, 7, 1, b"", 5, HASH, 9, 1, BOB, Opening(Start.FIRST), recovered=True),
        (POST,),
        f"a post of {{{ADA}}} recovered from {{{BOB}}} and stored",
        "envelope 0101010101010101",
    ),
    (
        placed(EnvelopeHeld, 7, 1, b"", 5, HASH, 9, 1, ADA, audience="x", unsent=(BOB,)),
        (POST,),
        f"a post of ours stored, for the roster; without a link then: {{{BOB}}}",
        "envelope 0101010101010101",
    ),
    (
        placed(EnvelopeHeld, 7, 2, b"", 5, HASH, 9, 1, ADA, audience="x"),
        (POST, SECOND),
        "2 posts of ours stored, for the roster; without a link then: nobody",
        "envelope 0101010101010101",
    ),
    (
        placed(EnvelopeHeld, 7, 1, b"", 5, HASH, 9, 1, ADA, audience="x", unsent=(BOB,) * 10),
        (POST,),
        "a post of ours stored, for the roster; without a link then: "
        f"{', '.join([f'{{{BOB}}}'] * 8)} and 2 more",
        "envelope 0101010101010101",
    ),
    (Audience("x", (ADA, BOB)), (), f"posts from here on are for: {{{ADA}}}, {{{BOB}}}", ""),
    (
        placed(HeadKnown, 7, 5, HASH),
        (f"gap:{STREAM}",),
        f"{{{ADA}}} signed that this stream goes up to 7",
        "head 0101010101010101",
    ),
    (
        placed(Floor, 7, HASH, 5),
        (f"gap:{STREAM}", POST),
        f"retention: posts of {{{ADA}}} up to 3/7 were pruned",
        "",
    ),
    (
        placed(FloorAside, 0, HASH, 5),
        (f"gap:{STREAM}",),
        f"epoch 3 of {{{ADA}}} is newer than what retention took",
        "header 0101010101010101",
    ),
    (
        placed(FloorAside, 7, HASH, 5),
        (f"gap:{STREAM}",),
        f"epoch 3 of {{{ADA}}} is newer than what retention took; pruned up to 3/7",
        "header 0101010101010101",
    ),
    (
        placed(GapClosed, 7, 8, "pruned by all", ((BOB, "pruned"),), 1),
        (f"gap:{STREAM}",),
        f"nobody has posts 7-8 of {{{ADA}}}: given up (pruned by all)",
        f"{{{BOB}}}: pruned",
    ),
    (Begun(3, BOOT, lost=False), (), "we speak as epoch 3", ""),
    (
        Begun(3, BOOT, lost=True, since=2),
        (),
        "we speak as epoch 3; what we had stored before epoch 2 may be gone",
        "",
    ),
    (
        DiskLost(BOB, 9, "loss", HASH, 1, (DIRECT,)),
        (f"member:{BOB}", DIRECT),
        f"{{{BOB}}} signed that it lost what it had stored before epoch 9",
        "loss 0101010101010101",
    ),
    (
        placed(TextDamaged, 7, 2, HASH, 1),
        (POST, SECOND, f"gap:{STREAM}"),
        f"2 posts of {{{ADA}}} damaged on this disk: "
        "not shown, no more claimed, to be fetched again",
        "envelope 0101010101010101",
    ),
    (
        NonceUsed("n/1", POST, b"d", 1),
        (POST,),
        "said by a command with a nonce: repeating it gives the same id",
        "",
    ),
    (
        placed(Forked, 7, HASH, Hash(b"\2" * 32), "two different posts"),
        (POST, f"member:{ADA}"),
        f"{{{ADA}}} signed two different posts at 3/7",
        "envelopes 0101010101010101 and 0202020202020202",
    ),
    (
        placed(PostsOffered, BOB, ((7, 8),), (), ((7, 8),), 1),
        (SECOND, POST),
        f"our posts 7-8 sent to {{{BOB}}}",
        "",
    ),
    (
        placed(PostsOffered, BOB, (), ((1, 9),), ((7, 7),), 1, True),
        (POST,),
        f"{{{BOB}}} gave no evidence in time of our posts 7",
        "",
    ),
    (
        placed(PostsStored, BOB, 1, ((1, 8),), ((7, 7),), HASH, 1),
        (POST,),
        f"{{{BOB}}} signed that it has our posts 7",
        "frontier 0101010101010101",
    ),
    (
        placed(DirectHeld, 7, BOB, 5, HASH, 9, 1),
        (DIRECT,),
        f"direct message of {{{ADA}}} to {{{BOB}}} stored",
        "direct 0101010101010101",
    ),
    (DirectState(HASH, DIRECT, Delivery.SENT, "given", 1), (DIRECT,), "sent: given", "given"),
    (
        ReceiptHeld(HASH, DIRECT, HASH, BOB, 1, 2),
        (DIRECT,),
        f"{{{BOB}}} signed that it had stored it",
        "receipt 0101010101010101",
    ),
    (
        ReceiptGiven(HASH, DIRECT, HASH, 1),
        (DIRECT,),
        "receipt signed, to be sent once this is committed",
        "receipt 0101010101010101",
    ),
]


class FactsTests(SynchronousTestCase):
    """Every class of facts."""

    def test_all(self) -> None:
        """What each says of itself."""
        for fact, about, words, evidence in ALL:
            with self.subTest(words):
                self.assertEqual((fact.about, fact.words, fact.evidence), (about, words, evidence))

    def test_keys(self) -> None:
        """A key begins with the word under which the journal finds the class; keys are distinct."""
        for fact, *_ in ALL:
            self.assertIs(FACTS[fact.key.partition("/")[0]], type(fact))
        self.assertEqual({type(fact) for fact, *_ in ALL}, set(FACTS.values()))

    def test_encoding(self) -> None:
        """Each comes back from the journal's bytes as it was."""
        for fact, *_ in ALL:
            self.assertEqual(unpack(type(fact), pack(fact)), fact)

    def test_causes(self) -> None:
        """States and receipts name the direct message that led to them, damage the post."""
        found = {fact.cause for fact, *_ in ALL if fact.cause}
        self.assertEqual(found, {f"dm/{HASH.hex()}", f"held/{HASH.hex()}"})

    def test_many(self) -> None:
        """However much one frontier proves, it names at most the newest 256 posts."""
        fact = placed(PostsStored, BOB, 1, ((1, 900),), ((1, 500), (600, 900)), HASH, 1)
        self.assertEqual((len(fact.about), fact.about[0]), (256, str(MessageId(STREAM, 900))))
        self.assertEqual(fact.words, f"{{{BOB}}} signed that it has our posts 1-500, 600-900")
