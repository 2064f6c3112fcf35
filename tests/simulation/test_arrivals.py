"""What reached a node over a link that stayed up, it must know."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import Kind, MemberId, MessageId, Stream
from securechat.messaging.messages import Directs, Frontiers, Posts, Receipts
from securechat.messaging.statements import Envelope, Loss, Opening, Start
from securechat.objects import Purpose
from securechat.signing import object_hash
from securechat.simulation.arrivals import GRACE, Arrivals, Ears, Known
from securechat.simulation.observed import Seat, View
from securechat.simulation.witness import Witness
from securechat.wire import pack
from tests.simulation.test_witness import (
    ADA,
    BOB,
    BOOT,
    CAROL,
    CODEC,
    ROOM,
    STREAM,
    Site,
    direct,
    frontier,
    post,
    receipt,
)

POST, DIRECT = MessageId(STREAM, 1), MessageId(STREAM, 1, Kind.DIRECT)
ALL = View(tuple(Seat(one.member, "alive", 1, 0) for one in (ADA, BOB, CAROL)), "", ())


class Wire:
    """One end of a connection."""

    lasts = True


class ArrivalsTests(SynchronousTestCase):
    """Frames as they arrive."""

    def setUp(self) -> None:
        self.now = 10.0
        self.witness = Witness(ROOM, lambda *_: None, lambda: self.now)
        self.arrivals = Arrivals(self.witness, lambda: self.now)
        self.ada, self.bob, self.carol = (
            Site(name, one.member) for name, one in (("ada", ADA), ("bob", BOB), ("carol", CAROL))
        )
        self.wire = Wire()
        self.linked: frozenset[MemberId] = frozenset()

    def wrote(self, site: Site, message: Any) -> None:
        """A node writes a message to somebody."""
        self.witness.written(site, CAROL.member, CODEC.frame(message))

    def hears(self, site: Site, message: Any, later: float = GRACE) -> Known:
        """A message arrives; what the node must know after a while."""
        view = evolve(ALL, links=self.linked)
        self.arrivals.known(site, view)
        self.now += 0.1
        self.arrivals.heard(site, self.wire, CODEC.frame(message)[4:])
        self.now += later
        return self.arrivals.known(site, view)

    def test_frontiers(self) -> None:
        """An author knows which of his posts a frontier lists, and of nobody else's."""
        self.wrote(self.ada, Posts((post(1), post(2))))
        claim = Frontiers((frontier((1, 1, object_hash(ROOM, post(1)))),))
        self.assertNotIn((POST, BOB.member), self.hears(self.carol, claim))
        self.assertNotIn(
            (POST, BOB.member), self.hears(self.ada, claim), "set back: it is not here"
        )
        self.ada.keep(post(1))
        known = self.hears(self.ada, claim)
        self.assertIn((POST, BOB.member), known)
        self.assertNotIn((POST, CAROL.member), known)
        self.assertNotIn((MessageId(STREAM, 2), BOB.member), known)

    def test_receipts(self) -> None:
        """A receipt counts for the message that was sent."""
        self.wrote(self.ada, Directs((direct(),)))
        self.assertNotIn(
            (DIRECT, BOB.member), self.hears(self.ada, Receipts((receipt(post_hash()),)))
        )
        good = Receipts((receipt(object_hash(ROOM, direct())),))
        self.assertIn((DIRECT, BOB.member), self.hears(self.ada, good))

    def test_losses(self) -> None:
        """Who tells, while linked, that he lost his disk in a later epoch has lost what he signed."""
        self.wrote(self.ada, Directs((direct(),)))
        loss = Frontiers((BOB.sign(Purpose.LOSS, pack(Loss(BOB.member, 9))),))
        self.assertFalse(self.hears(self.ada, loss).lost(DIRECT, BOB.member), "nothing was signed")
        self.hears(self.ada, Receipts((receipt(object_hash(ROOM, direct())),)))
        self.assertFalse(self.arrivals.lost(self.ada, DIRECT, BOB.member), "not linked")
        self.linked = frozenset({BOB.member})
        self.hears(self.ada, loss)
        self.assertTrue(self.arrivals.lost(self.ada, DIRECT, BOB.member))
        self.assertFalse(self.arrivals.lost(self.carol, DIRECT, BOB.member))
        self.witness.epochs[DIRECT] = 9  # He has signed for it again, wherever that went.
        self.assertFalse(self.arrivals.lost(self.ada, DIRECT, BOB.member))

    def test_heads(self) -> None:
        """Headers that their author sent out tell how far his stream goes; others tell nothing."""
        head = evolve(post(3, count=2), attachment=b"")
        self.assertEqual(self.hears(self.bob, Frontiers((head,))).ends, {}, "nobody said it")
        self.wrote(self.ada, Posts((post(3, count=2),)))
        self.assertEqual(self.hears(self.bob, Frontiers((head,))).ends, {STREAM: 4})

    def test_openings(self) -> None:
        """The opening of a later stream tells where the one before it ended."""
        opening = Opening(Start.AFTER, 1, BOOT, 7, bytes(32))
        first = Envelope(ADA.member, 2, BOOT, 1, 1, b"", 9, bytes(32), opening)
        signed = ADA.sign(Purpose.ENVELOPE, pack(first))
        self.wrote(self.ada, Frontiers((signed,)))
        ends = self.hears(self.bob, Frontiers((signed,))).ends
        self.assertEqual(ends, {Stream(ADA.member, 2, BOOT): 1, STREAM: 7})

    def test_soon(self) -> None:
        """A header beyond all posts that came, or many posts at once, are worth a look soon."""
        head = evolve(post(2), attachment=b"")
        cases = (
            (Posts((post(1),)), False),
            (Frontiers((head,)), True),
            (Posts((post(2),)), False),
            (Frontiers((head,)), False),
            (Posts((post(3, count=40),)), True),
        )
        for message, soon in cases:
            found = self.arrivals.heard(self.bob, self.wire, CODEC.frame(message)[4:])
            self.assertIs(found, soon, message)

    def test_links_that_fall(self) -> None:
        """What came on a link that fell soon after, or came just now, may not have been read."""
        self.wrote(self.ada, Posts((post(1),)))
        self.assertEqual(self.hears(self.bob, Posts((post(1),)), GRACE / 2).ends, {})
        self.wire.lasts = False
        self.now += GRACE
        self.assertEqual(self.arrivals.known(self.bob, ALL).ends, {})

    def test_strangers(self) -> None:
        """Who does not know an author cannot check his headers."""
        self.wrote(self.ada, Posts((post(1),)))
        self.arrivals.heard(self.bob, self.wire, CODEC.frame(Posts((post(1),)))[4:])
        self.now += GRACE
        self.assertEqual(self.arrivals.known(self.bob, ALL).ends, {})

    def test_lost_disk(self) -> None:
        """A disk that was lost knows nothing."""
        self.wrote(self.ada, Posts((post(1),)))
        self.assertTrue(self.hears(self.bob, Posts((post(1),))).ends)
        self.arrivals.disk_changed(self.bob)
        self.assertFalse(self.arrivals.known(self.bob, ALL).ends)

    def test_forged(self) -> None:
        """What cannot be read costs its link, and tells nothing."""
        bad = evolve(post(1), statement=b"\xc1")
        self.assertEqual(self.hears(self.bob, Posts((bad,))).ends, {})


def post_hash() -> Any:
    """The name of something else."""
    return object_hash(ROOM, post(1))


class EarsTests(SynchronousTestCase):
    """Between the network and the Links of a process."""

    def test_frames(self) -> None:
        """All goes on to the Links as it came; whole frames are told, however they were cut."""
        calls: list[object] = []
        heard: list[bytes] = []

        class Links:
            """Notes what it is told."""

            def __getattr__(self, name: str) -> Any:
                return lambda *args: calls.append((name, *args))

        ears, wire = Ears(Links(), lambda wire, body: heard.append(body)), Wire()
        ears.opened(wire)
        frames = b"\0\0\0\1A" + b"\0\0\0\2BC"
        for start in range(len(frames)):
            ears.bytes_in(wire, frames[start : start + 1])
        self.assertEqual(heard, [b"A", b"BC"])
        self.assertEqual(b"".join(call[2] for call in calls[1:]), frames)  # type: ignore[index]
        ears.bytes_in(wire, b"\0\0")
        ears.lost(wire, "fin", "gone")
        ears.refused("a:1", True, "wrong-member", "somebody else")
        ears.dial_failed("a:1", None, "tls", "somebody else")
        self.assertEqual(calls[-3], ("lost", wire, "fin", "gone"))
        self.assertEqual(calls[-1], ("dial_failed", "a:1", None, "tls", "somebody else"))
