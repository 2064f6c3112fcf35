"""Wants without end: what they cost a turn is bounded, and nobody waits for ever."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, MemberId
from securechat.inputs import Ending, LinkDown, Received, Tick
from securechat.messaging.messages import Backfill, Posts, Want
from securechat.messaging.serving import ANSWERS, BATCH_ENVELOPES
from tests.messaging.room import Member, admit, signer, three
from tests.messaging.test_sets import FAST, chain


class Wants(SynchronousTestCase):
    """Ada holds a stream of six hundred single posts; others ask for it."""

    def setUp(self) -> None:
        room, self.ada, self.bob, carol = three()
        self.ada.settings = FAST
        self.ada.begin()
        self.ada.turn([])
        room.seat(self.ada, self.ada, self.bob, carol)
        room.link(self.ada, self.bob)
        room.run()
        for signed in chain(4, 1, [1] * 600, 0):
            posts = Received(carol.id, 1, Posts((signed,)), (admit(signed),))
            self.ada.do(self.ada.core.received(posts, self.ada.now))
        self.ada.end()
        self.ada.sent.clear()

    def ask(self, peer: MemberId, first: int, last: int) -> None:
        """A want, in the turn that goes on."""
        place = (signer(4).member, 1, BootId("0401".ljust(32, "0")))
        want = Received(peer, 1, Want(*place, first, last), ())
        self.ada.do(self.ada.core.received(want, self.ada.now))

    def linked(self, letters: str) -> list[MemberId]:
        """Peers that are linked and only ask."""
        peers = [MemberId(letter * 52) for letter in letters]
        links = self.ada.core.parts.peers.linked
        links.update(dict.fromkeys(peers, links[self.bob.id]))
        return peers

    def answers(self) -> list[tuple[MemberId, int, int]]:
        """Who was told what to the end."""
        return [(peer, m.first, m.last) for peer, m in answered(self.ada) if m.final]

    def test_one_outstanding(self) -> None:
        """A peer that asks without end gets one answer of a turn, to what it asked last."""
        for number in range(64):
            self.ask(self.bob.id, 1 + number, 256 + number)
        self.ada.end()
        self.assertEqual(self.answers(), [(self.bob.id, 64, 319)])
        self.assertEqual(self.ada.core.parts.book.counters["wants_replaced"], 63)
        self.ada.end()
        self.assertEqual(len(self.answers()), 1)

    def test_all_at_once(self) -> None:
        """If all ask in one turn a few get their answers in it, and the others in the next ones."""
        peers = self.linked("abcdefghijklmnopqrstuvwxyz")
        for peer in peers:
            self.ask(peer, 1, 256)
        self.ada.end()
        self.assertEqual([peer for peer, *_ in self.answers()], peers[:ANSWERS])
        turns = 0
        while self.ada.core.due(Tick("deadlines"), self.ada.now) and turns < 10:
            self.ada.turn([])
            turns += 1
        self.assertEqual([peer for peer, *_ in self.answers()], peers)

    def test_whoever_asks_again_waits_in_its_place(self) -> None:
        """Asking again neither loses a place nor wins one."""
        peers = self.linked("abcdefghijkl")
        for peer in [*peers, peers[0], peers[-1]]:
            self.ask(peer, 1, 9)
        self.ada.end()
        self.ada.end()
        self.assertEqual([peer for peer, *_ in self.answers()], peers)

    def test_batches(self) -> None:
        """What is checked for one message of an answer is bounded, however short the posts are."""
        self.ask(self.bob.id, 1, 256)
        self.ada.end()
        sizes = [len(send.objects) for send in self.ada.sent if isinstance(send.message, Backfill)]
        self.assertEqual(sizes, [BATCH_ENVELOPES] * 4)
        self.assertTrue(all(send.patient for send in self.ada.sent))

    def test_a_peer_that_went(self) -> None:
        """Who went gets no answer: on its next link it asks anew."""
        self.ask(self.bob.id, 1, 9)
        self.ada.core.link_down(LinkDown(self.bob.id, 1, Ending.RST, "", None, False), self.ada.now)
        self.ada.end()
        self.assertEqual(self.answers(), [])


def answered(member: Member) -> list[tuple[MemberId, Backfill]]:
    """The answers that it gave, batch by batch, to whom."""
    return [(s.peer, s.message) for s in member.sent if isinstance(s.message, Backfill)]
