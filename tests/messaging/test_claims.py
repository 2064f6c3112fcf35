"""What a member may make another remember by what it signs: no more than a room can need."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, MemberId
from securechat.messaging import shares
from securechat.messaging.claims import MAX_STRANGERS, Claim
from securechat.messaging.messages import Absent, Backfill, Frontiers, Posts, Want, Why
from securechat.messaging.statements import FloorEntry, Frontier, StreamEntry
from tests.messaging.room import sign, three
from tests.messaging.test_sets import chain

BOOT = BootId("0" * 32)
HEAD = Hash(b"\1" * 32)
VERSION = 10**15


def made_up(number: int) -> MemberId:
    """The id of nobody."""
    name = hashlib.sha256(str(number).encode()).digest()
    return MemberId(base64.b32encode(name).decode().rstrip("=").lower())


def entry(author: MemberId, epoch: int = 1, boot: BootId = BOOT) -> StreamEntry:
    """One post of a stream."""
    return StreamEntry(author, epoch, boot, ((1, 1, HEAD),))


class Bounds(SynchronousTestCase):
    """Bob signs whatever he likes; ada hears it."""

    def setUp(self) -> None:
        self.room, self.ada, self.bob, self.carol = three()
        self.version = VERSION

    def signs(
        self,
        floors: Iterable[FloorEntry] = (),
        streams: Iterable[StreamEntry] = (),
        full: bool = False,
    ) -> None:
        """A frontier of bob."""
        self.version += 1
        place = (self.bob.id, self.bob.epoch, self.bob.boot, self.version)
        claim = Frontier(*place, full, 1, 1, tuple(floors), tuple(streams))
        self.ada.receive(self.bob.id, Frontiers((sign(2, claim),)))

    @property
    def claim(self) -> Claim:
        """What ada remembers of it."""
        claim = self.ada.core.parts.claims.get(self.bob.id)
        assert claim is not None
        return claim

    def test_floors_of_nobody(self) -> None:
        """Floors of made-up members are remembered of as many as a room has members."""
        for number in range(0, 1000, 50):
            self.signs(FloorEntry(made_up(n), 1, BOOT, 5) for n in range(number, number + 50))
        self.assertEqual(len(self.claim.floors), MAX_STRANGERS)
        self.signs([FloorEntry(self.carol.id, 1, BOOT, 5)])
        self.assertIn(self.carol.id, self.claim.floors)

    def test_streams_of_nobody(self) -> None:
        """So are their streams; and what was left out is not taken for not stored."""
        self.signs((), [entry(made_up(n)) for n in range(200)], full=True)
        self.assertEqual(len(self.claim.streams), MAX_STRANGERS)
        self.assertGreater(self.claim.unsaid(entry(made_up(150)).stream), 0)
        for _ in range(2):
            self.signs((), [entry(made_up(150))], full=True)
        self.assertEqual([stream.author for stream in self.claim.streams], [made_up(150)])
        self.assertEqual(self.claim.unsaid(entry(made_up(149)).stream), 0)

    def test_whole(self) -> None:
        """A whole frontier replaces what was said before it: its floors, and its place for others."""
        self.signs([FloorEntry(made_up(n), 1, BOOT, 5) for n in range(MAX_STRANGERS)])
        self.signs([FloorEntry(self.carol.id, 1, BOOT, 5)], full=True)
        self.assertEqual(set(self.claim.floors), {self.carol.id})
        self.signs([FloorEntry(made_up(n), 1, BOOT, 5) for n in range(100, 110)])
        self.assertEqual(len(self.claim.floors), 11)

    def test_known_since(self) -> None:
        """A member of whom bob spoke before its certificate came takes no place of the unknown."""
        dave = self.room.member(4)
        others = range(MAX_STRANGERS - 1)
        self.signs((), [entry(dave.id), *(entry(made_up(n)) for n in others)])
        self.room.roster(*self.room.members.values())
        self.signs((), [entry(made_up(900))])
        self.assertEqual(len(self.claim.streams), MAX_STRANGERS + 1)

    def test_before_the_certificate(self) -> None:
        """What bob has of a member whose certificate is still to come is asked for."""
        posts = chain(4, 1, [1, 1], 0)
        self.bob.receive(self.carol.id, Posts(tuple(posts)))
        self.room.wait(2)
        self.assertEqual(len(self.ada.lines()), 2)

    def test_streams_that_went(self) -> None:
        """Streams that bob names once and no more are not waited for behind one that he has."""
        source = self.ada.core.parts.recovery.sources[self.bob.id]
        sent = len(self.ada.sent)
        self.room.unplug(self.ada, self.bob)
        for turn in range(20):
            epochs = range(100 * turn + 1, 100 * turn + 100)
            names = [entry(self.carol.id, epoch) for epoch in epochs]
            self.signs((), [entry(self.carol.id, 10**6), *names], full=True)
        self.assertTrue(any(isinstance(s.message, Want) for s in self.ada.sent[sent:]))
        self.assertLessEqual(set(source.lacking), set(self.claim.streams))

    def test_its_own_streams_that_went(self) -> None:
        """Nor is it kept since when a stream had a hole that bob names no more, or when he goes."""
        since = self.ada.core.parts.recovery._since
        for epoch in range(1, 50):
            self.signs((), [entry(self.bob.id, epoch + 10, self.bob.boot)], full=True)
            self.assertLessEqual(len(since), 1)
        self.room.cut(self.ada, self.bob)
        self.assertEqual(len(since), 0)

    def test_places_of_nobody(self) -> None:
        """Whom ada asked about in vain is forgotten, whom she holds something of is not."""
        self.patch(shares, "MAX_CERTIFICATES", 8)
        self.carol.say("a post")
        self.room.wait(1)
        self.room.unplug(self.ada, self.bob)
        for number in range(100):
            nobody = made_up(number)
            self.room.mono += 6  # who has nothing of what he claims is asked once in five seconds
            self.signs((), [entry(nobody)], full=True)
            place = (nobody, 1, BOOT)
            self.ada.receive(self.bob.id, Absent(*place, ((1, 1),), Why.NEVER_HAD))
            self.ada.receive(self.bob.id, Backfill(*place, 1, 1, True))
        given = self.ada.core.parts.recovery._shares._given
        self.assertGreater(self.ada.core.parts.book.counters["wants"], 90)
        self.assertLessEqual(len(given), 9)
