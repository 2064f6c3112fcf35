"""Heads: an author's word for how far his stream goes reaches all, also over a link that loses it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import attrs
from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Send
from securechat.ids import MemberId
from securechat.messaging import heads
from securechat.messaging.facts import HeadKnown
from securechat.messaging.held import StreamState
from securechat.messaging.messages import Frontiers, Posts
from securechat.objects import Signed
from tests.messaging.room import Member, Room, member_of
from tests.messaging.test_announcing import kinds
from tests.messaging.test_sets import FAST, chain, envelope

POSTS = chain(4, 1, [1] * 9, 0)
"""What dave said, who is gone."""


def head(signed: Signed) -> Signed:
    """An envelope without its posts."""
    return attrs.evolve(signed, attachment=b"")


@define(eq=False)
class Leaky(Room):
    """A room in which some of the frames with heads get lost, and the links stay."""

    lost: list[tuple[MemberId, MemberId]] = field(factory=list)
    loses: Callable[[int], bool] = lambda number: False
    heads: int = 0

    def carry(self, sender: Member, send: Send) -> None:
        """Put a message on its link, unless it gets lost."""
        if isinstance(send.message, Frontiers) and send.objects:
            self.heads += 1
            if self.loses(self.heads):
                self.lost.append((sender.id, send.peer))
                return
        super().carry(sender, send)


def leaky(loses: Callable[[int], bool], count: int = 3) -> tuple[Leaky, list[Member]]:
    """So many members, all linked, dave known to all; these frames with heads get lost."""
    room = Leaky()
    members = [room.member(number, settings=FAST) for number in range(1, count + 1)]
    dave = room.member(4)
    room.roster()
    del room.members[dave.id]
    room.mesh(*members)
    room.wait(1)
    room.loses = loses
    return room, members


class Lost(SynchronousTestCase):
    """Frames that get lost on links that stay."""

    def test_any_one(self) -> None:
        """Whichever frame is lost, all know of the gap in seconds, and then the room is quiet."""
        for which in range(1, 8):
            room, members = leaky(lambda number, which=which: number == which)  # type: ignore[misc]
            members[0].receive(member_of(4), Frontiers((head(POSTS[4]),)))
            room.wait(8, 0.25)
            self.assertEqual([m.gaps() for m in members], [[(1, 5)]] * 3, which)
            for member in members:
                member.sent.clear()
            room.wait(60, 0.25)
            self.assertEqual(kinds(*members)["Frontiers"], 0, which)
        self.assertEqual(room.lost, [])  # there are six: each tells the others

    def test_only_a_first(self) -> None:
        """One told by a single node, whose one frame to another got lost: it is told again."""
        room, (bob, carol) = leaky(lambda number: number == 1, 2)
        bob.receive(member_of(4), Frontiers((head(POSTS[4]),)))
        room.wait(1)
        self.assertEqual((room.lost, carol.gaps()), ([(bob.id, carol.id)], []))
        room.wait(2)
        self.assertEqual((bob.gaps(), carol.gaps()), ([(1, 5)], [(1, 5)]))
        self.assertEqual(bob.core.parts.book.counters["heads_told_again"], 1)

    def test_backs_off(self) -> None:
        """As long as nothing of it comes through it is told again after 2, 4, 8, 16, every 30 s."""
        room, (bob, carol) = leaky(lambda number: True, 2)
        bob.receive(member_of(4), Frontiers((head(POSTS[4]),)))
        times = []
        for _ in range(600):
            before = room.heads
            room.tick(0.25)
            times += [room.mono] * (room.heads - before)
        pauses = [round(b - a) for a, b in itertools.pairwise(times)]
        self.assertEqual(pauses, [2, 4, 8, 16, 30, 30, 30])
        room.loses = lambda number: False
        room.wait(31, 0.25)
        self.assertEqual(carol.gaps(), [(1, 5)])

    def test_late_answers(self) -> None:
        """On a link as slow as the pauses no head is told for ever."""
        room, (bob, carol) = leaky(lambda number: False, 2)
        carol.frozen = True
        bob.receive(member_of(4), Frontiers((head(POSTS[4]),)))
        room.wait(20, 0.25)
        bob.frozen, carol.frozen = True, False
        room.wait(20, 0.25)
        bob.frozen = False
        room.wait(10, 0.25)
        before = room.heads
        room.wait(60, 0.25)
        self.assertEqual((room.heads, carol.gaps()), (before, [(1, 5)]))

    def test_counted_anew(self) -> None:
        """Where one side counts anew while a frame is on its way, that ends as well."""
        room, (bob, carol) = leaky(lambda number: False, 2)
        bob.receive(member_of(4), Frontiers((head(POSTS[4]),)))
        room.wait(3, 0.25)
        carol.frozen = True
        bob.turn(bob.core.parts.announcing._heads.all(carol.id, bob.now))
        bob.core.parts.announcing._heads._told.clear()
        carol.core.parts.announcing._heads._told[bob.id].clear()
        carol.frozen = False
        room.wait(5, 0.25)
        before = room.heads
        room.wait(60, 0.25)
        self.assertEqual(room.heads, before)

    def test_higher(self) -> None:
        """A later head of the same stream is told as well, and again if it gets lost."""
        room, members = leaky(lambda number: False)
        members[0].receive(member_of(4), Frontiers((head(POSTS[4]),)))
        room.wait(2)
        room.loses = lambda number: number % 2 == 0
        members[0].receive(member_of(4), Frontiers((head(POSTS[8]),)))
        room.wait(20, 0.25)
        self.assertTrue(room.lost)
        self.assertEqual([m.gaps() for m in members], [[(1, 9)]] * 3)


class Known(SynchronousTestCase):
    """Peers that need not be told."""

    def test_who_has_it(self) -> None:
        """Who has the posts says so, and is not told of them again."""
        room, (bob, carol) = leaky(lambda number: False, 2)
        carol.receive(bob.id, Posts(tuple(POSTS[:5])))
        room.loses = lambda number: True
        bob.receive(member_of(4), Frontiers((head(POSTS[4]),)))
        room.wait(20, 0.25)
        self.assertEqual(len(bob.lines()), 5)
        self.assertFalse([f for f in bob.disk.facts.values() if isinstance(f, HeadKnown)])
        before = room.heads
        room.wait(60, 0.25)
        self.assertEqual(room.heads, before)

    def test_who_wants_it_no_more(self) -> None:
        """Who has pruned as far says so when it is told again, and is left alone then."""
        room, (bob, carol) = leaky(lambda number: False, 2)
        place = head(POSTS[8])
        carol.receive(bob.id, Posts((POSTS[8],)))
        carol.core.parts.book.settings = attrs.evolve(FAST, history_posts=0)
        held = [h for state in carol.core.parts.book.streams for h in state.envelopes]
        carol.do(carol.core.parts.retention._forget(held))
        room.wait(3, 0.25)
        bob.core.parts.claims.keep(set())  # the frontier that said so got lost
        bob.receive(member_of(4), Frontiers((place,)))
        room.wait(90, 0.25)
        self.assertEqual((bob.gaps(), carol.gaps()), ([(1, 9)], []))
        before = room.heads
        room.wait(60, 0.25)
        self.assertEqual(room.heads, before)

    def test_beyond_a_fork(self) -> None:
        """Beyond a fork nobody is waited for: what is there is in no frontier."""
        room, (bob, carol) = leaky(lambda number: False, 2)
        twin = envelope(4, 1, 2, ("other",), 35, POSTS[0])
        both = Posts((POSTS[0], POSTS[1], twin))
        for member, peer in ((bob, carol), (carol, bob)):
            member.receive(peer.id, both)
        carol.receive(bob.id, Posts(tuple(POSTS[2:])))
        bob.receive(member_of(4), Frontiers((head(POSTS[8]),)))
        room.wait(60, 0.25)
        before = room.heads
        room.wait(60, 0.25)
        self.assertEqual(room.heads, before)

    def test_insistent(self) -> None:
        """Who tells the same head a thousand times gets one answer for it."""
        room, (bob, carol) = leaky(lambda number: False, 2)
        bob.receive(carol.id, Frontiers((head(POSTS[4]),)))
        room.wait(3)
        bob.sent.clear()
        for _ in range(1000):
            bob.receive(carol.id, Frontiers((head(POSTS[4]),)))
        room.wait(30, 0.25)
        self.assertEqual(kinds(bob)["Frontiers"], 1)

    def test_refused(self) -> None:
        """A head that is not taken for its clock does not keep the one before from being told."""
        room, (bob, carol) = leaky(lambda number: number == 1, 2)
        bob.receive(member_of(4), Frontiers((head(POSTS[4]),)))
        room.wait(1)
        far = envelope(4, 1, 20, ("far",), 3 * 24 * 3600 * 1000, previous=b"\7" * 32)
        for _ in range(3):
            bob.receive(carol.id, Frontiers((head(far),)))
        room.wait(3)
        self.assertEqual(carol.gaps(), [(1, 5)])

    def test_bounded(self) -> None:
        """Of many heads each is told, and no more than so many are remembered."""
        room, (bob, carol) = leaky(lambda number: False, 2)
        self.patch(heads, "MAX_TOLD", 5)
        for epoch in range(1, 9):
            bob.receive(member_of(4), Frontiers((head(chain(4, epoch, [1], 0)[0]),)))
        room.wait(3)
        self.assertEqual(len(carol.gaps()), 8)
        self.assertEqual(len(bob.core.parts.announcing._heads._told[carol.id]), 5)

    def test_many_links(self) -> None:
        """In a room at rest each head is looked at once in a period, however many are linked."""
        room = Leaky()
        members = [room.member(number, settings=FAST) for number in range(1, 9)]
        bob, dave = members[0], members[3]
        room.roster()
        del room.members[dave.id]
        members.remove(dave)
        room.mesh(*members)
        for epoch in range(1, 9):
            bob.receive(dave.id, Frontiers((head(chain(4, epoch, [1], 0)[0]),)))
        room.wait(60, 0.25)
        looked: list[object] = []
        furthest = heads._furthest

        def counted(state: StreamState) -> HeadKnown | None:
            looked.append(state.stream)
            return furthest(state)

        self.patch(heads, "_furthest", counted)
        before = room.heads
        bob.turn(bob.core.parts.announcing._heads.tick(bob.now))
        self.assertEqual(room.heads, before)
        self.assertEqual(len(looked), 8)
