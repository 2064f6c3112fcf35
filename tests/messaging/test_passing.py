"""Streams that a peer's floors may wrongly pass: what it is told of them, how often, at what cost."""

from __future__ import annotations

import itertools
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Effect
from securechat.ids import Hash, MemberId
from securechat.messaging import retention
from securechat.messaging.floors import overtaken
from securechat.messaging.heads import HEADS, PASSED, Heads
from securechat.messaging.messages import Frontiers, Posts
from securechat.messaging.statements import FloorEntry, Frontier
from securechat.objects import Signed
from tests.messaging.room import Room, admit, member_of, sign
from tests.messaging.test_heads import head
from tests.messaging.test_sets import FAST, chain
from tests.steps import steps

LIAR, HONEST = 4, 1
STREAMS = 150
ABOVE = 10**6
"""An epoch that is later than all."""


class Passed(SynchronousTestCase):
    """Dave holds many short streams of a liar, and a few of somebody else."""

    def setUp(self) -> None:
        """Bob speaks by hand: he says that he has pruned it all, over and over."""
        self.room = Room()
        self.dave, self.bob = (self.room.member(n, settings=FAST) for n in (3, 2))
        for number in (LIAR, HONEST):
            self.room.member(number)
        self.room.roster()
        self.room.link(self.dave, self.bob)
        self.room.wait(1)
        self.bob.frozen = True
        self.authors: dict[Hash, MemberId] = {}
        for number, count in ((LIAR, STREAMS), (HONEST, 3)):
            for epoch in range(1, count + 1):
                posts = tuple(chain(number, epoch, [1], epoch))
                self.dave.receive(self.bob.id, Posts(posts))
                self.authors[admit(posts[0]).hash] = member_of(number)
        self.version = 10**12

    def full(self, named: bool = True) -> Signed:
        """What bob says of himself: floors above everything, and not a stream."""
        self.version += 1
        boot = self.bob.boot
        floors = tuple(FloorEntry(member_of(n), ABOVE, boot, 1) for n in (LIAR, HONEST))
        said = Frontier(
            self.bob.id, self.bob.epoch, boot, self.version, True, 1, 1, floors if named else ()
        )
        return sign(2, said)

    def told(self, seconds: int, named: bool = True) -> list[tuple[float, tuple[Hash, ...]]]:
        """When bob is given headers, and which, if he says so each second."""
        found: list[tuple[float, tuple[Hash, ...]]] = []
        for _ in range(seconds):
            self.dave.receive(self.bob.id, Frontiers((self.full(named),)))
            for _ in range(4):
                self.dave.sent.clear()
                self.room.tick(0.25)
                found += [
                    (self.room.mono, send.objects)
                    for send in self.dave.sent
                    if isinstance(send.message, Frontiers) and send.objects
                ]
        return found

    def test_all_in_turn(self) -> None:
        """However many of one author are told in vain, those of the others come first of all."""
        rounds = self.told(100)
        names = [names for _, names in rounds]
        self.assertEqual({len(one) for one in names}, {HEADS})
        for one in names:
            self.assertEqual([self.authors[name] for name in one].count(member_of(HONEST)), 3)
        self.assertEqual(set(itertools.chain(*names[:3])), set(self.authors))
        self.assertLess(len(set(itertools.chain(*names[:2]))), len(self.authors))

    def test_backs_off(self) -> None:
        """Nor is it done each time: after 2 s, 4, 8 and 16, then every 30 s."""
        times = [round(at) for at, _ in self.told(100)]
        self.assertEqual([b - a for a, b in itertools.pairwise(times)], [2, 4, 8, 16, 30, 30])

    def test_waits_for_nothing(self) -> None:
        """It leaves at once: behind a frontier that waits for a slow link it would be left out."""
        self.dave.receive(self.bob.id, Frontiers((self.full(),)))
        self.dave.sent.clear()
        self.room.wait(3, 0.25)
        told = [send for send in self.dave.sent if send.objects]
        self.assertEqual([send.patient for send in told], [False])

    def test_nothing_to_tell(self) -> None:
        """Where nothing is passed nothing is told, and then it does not wait for long."""
        self.assertEqual(self.told(60, named=False), [])
        self.assertEqual(len(self.told(4)), 2)

    def test_many_at_once(self) -> None:
        """A frame full of frontiers is answered once."""
        many = tuple(self.full() for _ in range(20))
        self.room.wait(3, 0.25)
        self.dave.sent.clear()
        self.dave.receive(self.bob.id, Frontiers(many))
        self.assertEqual([send for send in self.dave.sent if send.objects], [])
        self.room.wait(60, 0.25)
        self.assertEqual(len([send for send in self.dave.sent if send.objects]), 1)

    def test_denied_floors(self) -> None:
        """Who takes its floors back, again and again, is looked at every other second at most."""
        look, looks = Heads._pass, 0

        def counted(*words: Any) -> list[Effect]:
            nonlocal looks
            looks += 1
            return look(*words)

        self.patch(Heads, "_pass", counted)
        for second in range(40):
            self.told(1, named=second % 4 == 0)
        self.assertLessEqual(looks, 20)
        self.assertGreater(looks, 10)

    def test_many_peers(self) -> None:
        """Of many peers a few are looked at in a period, and all of them in turn."""
        peers = [self.room.member(n, settings=FAST) for n in range(5, 15)]
        self.room.roster()
        for peer in peers:
            self.room.link(self.dave, peer)
        self.room.wait(5, 0.25)
        for member in self.room.members.values():
            member.frozen = member is not self.dave
        for peer in peers:
            floor = FloorEntry(member_of(LIAR), ABOVE, self.bob.boot, 1)
            said = Frontier(peer.id, peer.epoch, peer.boot, 10**12, True, 1, 1, (floor,), ())
            self.dave.receive(peer.id, Frontiers((sign(peer.number, said),)))
        told: list[list[MemberId]] = []
        for _ in range(30):
            self.dave.sent.clear()
            self.room.tick(0.1)
            told.append(
                [s.peer for s in self.dave.sent if isinstance(s.message, Frontiers) and s.objects]
            )
        self.assertEqual(max(map(len, told)), PASSED)
        self.assertEqual(sorted(itertools.chain(*told)), sorted(peer.id for peer in peers))

    def test_new_link(self) -> None:
        """On a new link it begins anew."""
        self.told(40)
        self.room.cut(self.dave, self.bob)
        self.bob.frozen = False
        self.room.link(self.dave, self.bob)
        self.room.wait(1)
        self.bob.frozen = True
        self.assertEqual(len(self.told(2)), 1)


class Crowded(SynchronousTestCase):
    """An author of more streams than are kept, of one of which only a head is known."""

    def costs(self, posts: int) -> int:
        """To see whether anything is over a limit, with so many posts in one stream."""
        room = Room()
        ada, bob = (room.member(number, settings=FAST) for number in (1, 2))
        room.roster()
        for epoch in range(1, 5):
            row = chain(1, epoch, [1] * (posts if epoch == 4 else 1), 0)
            bob.receive(ada.id, Posts(tuple(row)))
        bob.receive(ada.id, Frontiers((head(chain(1, 9, [1], 0)[0]),)))
        look = bob.core.parts.retention
        look._next = float("inf")
        self.assertFalse(look.due(bob.now.mono))
        return steps(lambda: look.due(bob.now.mono))

    def test_it_does_not_grow_with_its_posts(self) -> None:
        """Nothing of such a stream can go, so the others are not looked through."""
        self.patch(retention, "MAX_STREAMS", 4)
        self.assertEqual(self.costs(1), self.costs(60))


class Long(SynchronousTestCase):
    """A floor that ends within a long stream, of one author and two streams."""

    def costs(self, posts: int) -> int:
        """To find which streams it may wrongly pass, where the stream it names has so many posts."""
        room = Room()
        ada, bob = (room.member(number, settings=FAST) for number in (1, 2))
        room.roster()
        old, named = chain(1, 1, [1], 10**6), chain(1, 2, [1] * posts, 0)
        for start in range(0, posts, 50):
            bob.receive(ada.id, Posts(tuple(named[start : start + 50])))
        bob.receive(ada.id, Posts(tuple(old)))
        author = bob.core.parts.book.streams.authors[ada.id]
        floor = FloorEntry(ada.id, 2, admit(named[0]).statement.boot, posts)
        self.assertEqual([len(state.envelopes) for state in author.in_order()], [1, posts])
        self.assertEqual([state.stream.epoch for state in overtaken(author, floor)], [1])
        return steps(lambda: overtaken(author, floor))

    def test_it_does_not_grow_with_the_stream(self) -> None:
        """Its stamp is that of one envelope, and the others are not looked at."""
        self.assertLessEqual(self.costs(1600), self.costs(100) * 1.5)
