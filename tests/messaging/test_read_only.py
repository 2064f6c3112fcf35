"""A node that cannot write: of what a turn would do, only what needs the disk is left undone."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Effect, Record
from securechat.messaging.messages import Backfill, Want
from tests.messaging.room import Member, Room
from tests.messaging.test_closing import closed, hole, whole


class ReadOnly(SynchronousTestCase):
    """As ``node.turn`` does it: a list of effects with a fact in it is dropped whole."""

    def full(self, member: Member) -> None:
        """The disk of a member is full from now on."""
        before = Member.do

        def do(one: Member, effects: Iterable[Effect]) -> list[Effect]:
            found = list(effects)
            if one is member and any(isinstance(effect, Record) for effect in found):
                return []
            return before(one, found)

        self.patch(Member, "do", do)

    def test_serves(self) -> None:
        """Who asks for our posts gets them, though it cannot be kept that they were sent."""
        room = Room()
        ada, bob = room.member(1), room.member(2)
        room.roster()
        ada.say_all(["one", "two"])
        self.full(ada)
        room.told(ada, bob)
        ada.sent.clear()
        stream = ada.lines()[0].id.stream
        ada.receive(bob.id, Want(stream.author, stream.epoch, stream.boot, 1, 2))
        (answer,) = [send for send in ada.sent if isinstance(send.message, Backfill)]
        self.assertEqual(answer.objects, (ada.lines()[0].hash,))

    def test_asks(self) -> None:
        """A gap that could be closed in the same turn keeps nobody from being asked for another."""
        room, ada, bob, carol = hole(6)
        room.told(carol, bob)
        room.told(carol, ada)
        ada.frozen = bob.frozen = True
        self.full(carol)
        carol.receive(bob.id, whole(bob, ada, 10**13, (6, 6)))
        carol.receive(ada.id, whole(ada, ada, 10**13, (6, 6)))
        room.mono += 10
        carol.sent.clear()
        stranger = room.member(4)
        carol.receive(bob.id, whole(bob, stranger, 10**13 + 1, (1, 3)))
        self.assertEqual((carol.core.parts.book.counters["gaps_closed"], closed(carol)), (1, {}))
        wants = [send.message for send in carol.sent if isinstance(send.message, Want)]
        asked = [(want.author, want.first, want.last) for want in wants]
        self.assertEqual(asked, [(stranger.id, 1, 3)])
