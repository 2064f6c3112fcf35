"""Who reads along on the network sees every false claim."""

from __future__ import annotations

import hashlib
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, Kind, MemberId, MessageId, Stream
from securechat.membership.messages import Claims, Leave
from securechat.messaging.messages import Backfill, Directs, Frontiers, Posts, Receipts
from securechat.messaging.statements import (
    Direct,
    Envelope,
    Frontier,
    Opening,
    Receipt,
    Start,
    StreamEntry,
    attachment_of,
)
from securechat.node.dispatch import codec
from securechat.node.handshake import Welcome
from securechat.objects import Purpose, Signed
from securechat.signing import object_hash
from securechat.simulation.people import authority, person
from securechat.simulation.witness import Witness
from securechat.wire import pack

ROOM = authority().room
ADA, BOB, CAROL = (person(index).signer for index in range(3))
BOOT = BootId("0" * 32)
STREAM = Stream(ADA.member, 1, BOOT)
CODEC = codec()


class Site:
    """A node with a disk of its own."""

    def __init__(self, name: str, member: MemberId) -> None:
        self.name, self.member = name, member
        self.disk: dict[Hash, Signed] = {}

    def on_disk(self, name: Hash) -> Signed | None:
        """What is there."""
        return self.disk.get(name)

    def keep(self, signed: Signed) -> None:
        """Store an object."""
        self.disk[object_hash(ROOM, signed)] = signed


def post(seq: int, text: str = "hello", count: int = 1) -> Signed:
    """A post of ada's."""
    texts = attachment_of(tuple(f"{text} {part}" for part in range(count)))
    first = seq == 1
    header = Envelope(
        ADA.member, 1, BOOT, seq, count, b"" if first else bytes(32), seq,
        hashlib.sha256(texts).digest(), Opening(Start.FIRST) if first else None,
    )  # fmt: skip
    return ADA.sign(Purpose.ENVELOPE, pack(header), texts)


def direct(dseq: int = 1) -> Signed:
    """A direct message of ada's to bob."""
    return ADA.sign(Purpose.DIRECT, pack(Direct(ADA.member, 1, BOOT, dseq, BOB.member, 1, "psst")))


def receipt(name: Hash, dseq: int = 1) -> Signed:
    """Bob's receipt."""
    statement = Receipt(BOB.member, 1, ADA.member, 1, BOOT, dseq, name, 1)
    return BOB.sign(Purpose.RECEIPT, pack(statement))


def frontier(*stored: tuple[int, int, Hash]) -> Signed:
    """Bob says what he has of ada's."""
    entry = StreamEntry(ADA.member, 1, BOOT, stored)
    statement = Frontier(BOB.member, 1, BOOT, 1, True, 1, 1, (), (entry,))
    return BOB.sign(Purpose.FRONTIER, pack(statement))


class WitnessTests(SynchronousTestCase):
    """Frames as they are written."""

    def setUp(self) -> None:
        self.told: list[str] = []
        self.now = 1.0
        self.witness = Witness(
            ROOM, lambda rule, node, text: self.told.append(rule), lambda: self.now
        )
        self.ada, self.bob = Site("ada", ADA.member), Site("bob", BOB.member)

    def says(self, site: Site, to: MemberId, *messages: Any) -> list[str]:
        """One node writes; what was reported."""
        self.told.clear()
        self.witness.written(site, to, b"".join(map(CODEC.frame, messages)))
        return list(self.told)

    def test_posts_after_their_commit(self) -> None:
        """I6: an author's post that is not on his disk must not leave; anybody else may relay it."""
        one = post(1)
        self.assertEqual(
            self.says(self.bob, CAROL.member, Backfill(*_place(), 1, 1, True, (one,))), []
        )
        self.assertEqual(self.says(self.ada, BOB.member, Posts((one,))), ["I6"])
        self.ada.keep(one)
        self.assertEqual(self.says(self.ada, BOB.member, Posts((one,))), [])

    def test_one_object_a_place(self) -> None:
        """I8: two envelopes signed for one place, also where they only overlap."""
        self.assertEqual(self.says(self.bob, CAROL.member, Posts((post(1), post(2, count=3)))), [])
        self.assertEqual(self.says(self.bob, CAROL.member, Posts((post(1, "other"),))), ["I8"])
        self.assertEqual(self.says(self.bob, CAROL.member, Posts((post(4, "other"),))), ["I8"])
        self.assertEqual(self.says(self.bob, CAROL.member, Posts((post(5),))), [])

    def test_directs(self) -> None:
        """I12: from the author to the recipient, and nowhere else."""
        one = direct()
        self.ada.keep(one)
        self.assertEqual(self.says(self.ada, BOB.member, Directs((one,))), [])
        self.assertEqual(self.says(self.ada, CAROL.member, Directs((one,))), ["I12"])
        self.assertEqual(self.says(self.bob, BOB.member, Directs((one,))), ["I12"])

    def test_receipts(self) -> None:
        """I1: a receipt counts only if the message is on the signer's disk, and for that message."""
        one = direct()
        name = object_hash(ROOM, one)
        wanted = MessageId(STREAM, 1, Kind.DIRECT)
        self.ada.keep(one)
        self.says(self.ada, BOB.member, Directs((one,)))
        self.assertEqual(self.says(self.bob, ADA.member, Receipts((receipt(name),))), ["I1"])
        self.assertEqual(self.witness.stored, {})
        self.bob.keep(one)
        self.assertEqual(self.says(self.bob, ADA.member, Receipts((receipt(name, 2),))), [])
        self.assertEqual(self.witness.stored, {})
        self.assertEqual(self.says(self.bob, ADA.member, Receipts((receipt(name),))), [])
        self.assertEqual(self.witness.stored, {BOB.member: {wanted: 1.0}})

    def test_frontiers(self) -> None:
        """I1: every post of a range that is claimed is on disk, whole, not only its head."""
        posts = [post(seq) for seq in (1, 2, 3)]
        self.says(self.bob, CAROL.member, Posts(tuple(posts)))
        last = object_hash(ROOM, posts[2])
        for kept in (posts[0], posts[2]):
            self.bob.keep(kept)
        claim = Frontiers((frontier((1, 3, last)),))
        self.assertEqual(self.says(self.bob, ADA.member, claim), ["I1"])
        self.witness.disk_changed(self.bob, None)
        self.bob.keep(evolve(posts[1], attachment=b""))
        self.assertEqual(self.says(self.bob, ADA.member, claim), ["I1"])
        self.witness.disk_changed(self.bob, None)
        self.bob.keep(posts[1])
        self.assertEqual(self.says(self.bob, ADA.member, claim), [])
        self.assertEqual(
            self.witness.stored, {BOB.member: {MessageId(STREAM, seq): 1.0 for seq in (1, 2, 3)}}
        )
        self.assertEqual(self.says(self.ada, CAROL.member, claim), [], "relayed, not said again")

    def test_forgotten(self) -> None:
        """I1: what was on disk after a commit may be gone when its signed word leaves, and no more."""
        first, second = post(1), post(2)
        self.says(self.bob, CAROL.member, Posts((first, second)))
        self.witness.kept(self.bob, [first, evolve(second, attachment=b"")])
        words = [
            frontier((seq, seq, object_hash(ROOM, one))) for seq, one in ((1, first), (2, second))
        ]
        self.assertEqual(self.says(self.bob, ADA.member, Frontiers((words[0],))), [])
        self.assertEqual(self.says(self.bob, ADA.member, Frontiers((words[1],))), ["I1"])
        self.witness.disk_changed(self.bob, None)
        self.assertEqual(self.says(self.bob, ADA.member, Frontiers((words[0],))), ["I1"])

    def test_lost_disks(self) -> None:
        """What a disk lost that was lost or set back is known, until its node signs for it again."""
        first, second = MessageId(STREAM, 1), MessageId(STREAM, 2)
        for at, seq in ((1.0, 1), (2.0, 2)):
            one = post(seq)
            self.now = at
            self.bob.keep(one)
            self.says(self.ada, BOB.member, Posts((one,)))
            claim = frontier((seq, seq, object_hash(ROOM, one)))
            self.says(self.bob, ADA.member, Frontiers((claim,)))
        self.assertTrue(self.witness.keeps(BOB.member, first))
        self.witness.disk_changed(self.bob, 1.5)
        self.assertTrue(self.witness.keeps(BOB.member, first))
        self.assertFalse(self.witness.keeps(BOB.member, second))
        self.assertIn(second, self.witness.stored[BOB.member], "that it once had it stays true")
        self.says(self.bob, ADA.member, Frontiers((claim,)))
        self.assertTrue(self.witness.keeps(BOB.member, second))
        self.witness.disk_changed(self.bob, None)
        self.assertFalse(self.witness.keeps(BOB.member, first))

    def test_cancelled(self) -> None:
        """I1: what was cancelled is not sent any more, while the author's disk knows of that."""
        one = direct()
        self.ada.keep(one)
        self.assertEqual(self.says(self.ada, BOB.member, Directs((one,))), [])
        wanted = MessageId(STREAM, 1, Kind.DIRECT)
        self.assertEqual(self.witness.sent, {wanted})
        self.witness.closed.add(wanted)
        self.assertEqual(self.says(self.ada, BOB.member, Directs((one,))), ["I1"])
        self.witness.disk_changed(self.bob, None)
        self.assertEqual(self.says(self.ada, BOB.member, Directs((one,))), ["I1"])
        self.witness.disk_changed(self.ada, None)
        self.ada.keep(one)
        self.assertEqual(self.says(self.ada, BOB.member, Directs((one,))), [])

    def test_leaves(self) -> None:
        """G8: a goodbye counts for the epoch in which its member said it, not what others pass on."""
        leave = ADA.sign(Purpose.LEAVE, pack(Leave(ADA.member, 3, 1)))
        self.says(self.bob, CAROL.member, Claims((leave,)))
        self.assertEqual(self.witness.leaves, set())
        self.says(self.ada, BOB.member, Claims((leave,)))
        self.assertEqual(self.witness.leaves, {(ADA.member, 3)})

    def test_welcomes(self) -> None:
        """I7: nobody who welcomed one epoch of a member welcomes a lower one on the same disk."""
        self.assertEqual(self.says(self.ada, BOB.member, Welcome(5), Welcome(5), Welcome(6)), [])
        self.assertEqual(self.says(self.ada, CAROL.member, Welcome(2)), [])
        self.assertEqual(self.says(self.ada, BOB.member, Welcome(5)), ["I7"])
        self.witness.disk_changed(self.ada, None)
        self.assertEqual(self.says(self.ada, BOB.member, Welcome(1)), [])


def _place() -> tuple[MemberId, int, BootId]:
    return STREAM.author, STREAM.epoch, STREAM.boot
