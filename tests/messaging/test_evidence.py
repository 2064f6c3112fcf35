"""What evidence of our posts costs our disk and our memory, whatever its signers put into it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, MemberId, Stream
from securechat.messaging import evidence
from securechat.messaging.evidence import Evidence
from securechat.messaging.facts import PostsOffered, PostsStored
from securechat.messaging.held import Held
from securechat.messaging.messages import Frontiers
from securechat.messaging.statements import FloorEntry, Frontier, StreamEntry
from securechat.notices import Delivery
from securechat.objects import Signed
from securechat.settings import KIB, Settings
from securechat.signing import object_hash
from tests.messaging.room import ROOM, Member, Room, member_of, sign
from tests.messaging.test_claims import made_up
from tests.messaging.test_sets import FAST

BOOT = BootId("0" * 32)
HEAD = Hash(b"\1" * 32)


def padding(count: int) -> tuple[FloorEntry, ...]:
    """Floors of nobody; 115 bytes each."""
    return tuple(FloorEntry(made_up(number), 1, BOOT, number) for number in range(count))


class Kept(SynchronousTestCase):
    """Ada speaks; eve has all of it, and signs it post by post; bob is a node like ours."""

    def setUp(self) -> None:
        self.room = Room()
        quick = Settings(posts_per_second=1e5, burst=1e5)
        self.ada = self.room.member(1, settings=quick)
        self.bob, self.eve = self.room.member(2), self.room.member(3)
        self.room.roster()
        self.eve.frozen = True
        self.version = 10**16

    def signs(self, place: int, floors: Iterable[FloorEntry] = ()) -> Signed:
        """Eve's word for one post of ada's newest stream."""
        line = self.ada.lines()[-1]
        state = self.ada.core.parts.book.streams.get(line.id.stream)
        assert state is not None
        held, s = state.envelopes[place], line.id.stream
        entry = StreamEntry(s.author, s.epoch, s.boot, ((held.first, held.last, held.hash),))
        self.version += 1
        where = (self.eve.id, self.eve.epoch, self.eve.boot, self.version)
        return sign(3, Frontier(*where, False, 1, 1, tuple(floors), (entry,)))

    def says(self, lives: int, floors: Iterable[FloorEntry], *linked: Member) -> None:
        """Ada says twenty posts in each life; eve signs every second of them."""
        for life in range(lives):
            if life:
                self.ada.restart()
                self.room.seat(self.ada, *self.room.members.values())
            for peer in (*linked, self.eve):
                self.room.link(self.ada, peer)
            for number in range(20):
                self.ada.say(str(number))
            self.room.wait(1)
            for place in range(0, 20, 2):
                self.last = self.signs(place, floors)
                self.ada.receive(self.eve.id, Frontiers((self.last,)))

    def size(self, number: int) -> int:
        """Bytes of the frontiers of a member that are on ada's disk as evidence."""
        owned = [row for key, row in self.ada.disk.objects.items() if member_of(number) in key]
        return sum(signed.size for row in owned for signed in row.values())

    def rows(self, core: Any) -> list[tuple[Delivery, int, str]]:
        """What she knows of each of her posts at eve; not what eve's latest frontier says as well."""
        return [
            (row.state, row.at, row.evidence.partition(";")[0])
            for line in self.ada.lines()
            for row in core.delivery(line.id)
            if row.member == self.eve.id
        ]

    def test_many_streams(self) -> None:
        """What is kept is bounded over all streams; who signed most gives way, and nobody else."""
        self.patch(evidence, "MAX_EVIDENCE", 200 * KIB)
        self.says(4, padding(500), self.bob)
        self.assertGreater(4 * 8 * self.signs(0, padding(500)).size, 1024 * KIB)
        self.assertLessEqual(self.size(2) + self.size(3), evidence.MAX_EVIDENCE)
        self.assertGreater(self.size(3), 150 * KIB)
        book = self.ada.core.parts.book
        self.assertEqual(book.evidence.size, self.size(2) + self.size(3))
        honest = [line for line in self.ada.lines() if self.ada.core.receipt(line.id, self.bob.id)]
        self.assertEqual(len(honest), 80)
        again = self.ada.rebuilt()
        self.assertEqual(again.parts.book.evidence.size, book.evidence.size)
        acked = [
            [row for row in self.rows(core) if row[0] is Delivery.ACKED]
            for core in (again, self.ada.core)
        ]
        self.assertEqual(acked[0], acked[1])
        self.assertEqual(len(acked[0]), 40)

    def test_what_was_acked_stays_so(self) -> None:
        """The fact stays: who signed it when, by which frontier, and that this is not kept."""
        self.says(1, padding(500))
        before = self.rows(self.ada.core)
        self.patch(evidence, "MAX_EVIDENCE", 100 * KIB)
        self.ada.turn([])
        self.assertLessEqual(self.size(3), 100 * KIB)
        after = self.rows(self.ada.core)
        self.assertEqual([row[:2] for row in after], [row[:2] for row in before])
        self.assertEqual(after[0][2], before[0][2] + ", not kept any more")
        first = self.ada.lines()[0].id
        self.assertIsNone(self.ada.core.receipt(first, self.eve.id))
        facts = [f for key, f in self.ada.disk.facts.items() if key.startswith("stored/")]
        words = [fact.words for fact in facts if str(first) in fact.about]
        self.assertEqual(
            words,
            [f"no room for the frontier in which {{{self.eve.id}}} signed that it has our posts 1"],
        )
        for name in filter(
            None, (self.ada.core.receipt(x.id, self.eve.id) for x in self.ada.lines())
        ):
            self.assertEqual(object_hash(ROOM, self.ada.disk.object(name)), name)

    def test_it_signs_it_again(self) -> None:
        """The newest word of a member is among what is kept, to be given back to it (ADR 12)."""
        self.patch(evidence, "MAX_EVIDENCE", 100 * KIB)
        self.says(2, padding(500))
        self.eve.epoch += 1
        self.ada.sent.clear()
        self.room.told(self.ada, self.eve)
        given = [send for send in self.ada.sent if isinstance(send.message, Frontiers)]
        names = [name for send in given for name in send.objects]
        self.assertEqual(names, [object_hash(ROOM, self.last)])


class Counted(dict[Any, Any]):
    """A dict that counts what is walked."""

    walked = 0

    def items(self) -> Any:
        """All of it."""
        self.walked += len(self)
        return super().items()

    def __iter__(self) -> Any:
        self.walked += len(self)
        return super().__iter__()


class Work(SynchronousTestCase):
    """What it costs to forget."""

    def test_one_stream(self) -> None:
        """The evidence about one stream is found without a look at that of the others."""
        kept = Evidence()
        streams = [Stream(member_of(1), epoch, BOOT) for epoch in range(1, 101)]
        for s in streams:
            for number in range(2, 12):
                place = (s.author, s.epoch, s.boot, member_of(number))
                kept.offer(PostsOffered(*place, ((1, 1),), (), ((1, 1),), 1))
                kept.store(PostsStored(*place, 1, ((1, 1),), ((1, 1),), HEAD, 1))
        offered = kept._offered = Counted(kept._offered)
        proofs = kept._proofs = Counted(kept._proofs)
        keys = kept.keys_of(streams[50])
        self.assertEqual(len(keys), 20)
        self.assertTrue(all(str(streams[50]) in key for key in keys))
        self.assertLess(offered.walked + proofs.walked, 100)

    def test_what_is_forgotten_is_found_no_more(self) -> None:
        """Once all evidence about a stream is dropped, nothing of it is left in the index."""
        kept = Evidence()
        s = Stream(member_of(1), 1, BOOT)
        place = (s.author, s.epoch, s.boot, member_of(2))
        kept.offer(PostsOffered(*place, ((1, 1),), (), ((1, 1),), 1))
        kept.store(PostsStored(*place, 1, ((1, 1),), ((1, 1),), HEAD, 1))
        kept.drop_row(s, member_of(2), None)
        self.assertEqual(len(kept.keys_of(s)), 1)
        kept.drop_row(s, member_of(2), 1)
        self.assertEqual(kept.keys_of(s), [])
        self.assertEqual(kept._members, {})


class States(SynchronousTestCase):
    """The state of a post and k of n, as events tell them: sixty-four times for one envelope."""

    def test_once(self) -> None:
        """They are counted once for all posts of an envelope, and anew once anything changed."""
        room = Room()
        ada, bob, carol = (room.member(number, settings=FAST) for number in (1, 2, 3))
        room.roster()
        room.link(ada, bob)
        ids = [said.id for said in ada.say_all(f"post {number}" for number in range(64))]
        asked = self.patch_states()
        self.assertEqual({ada.core.counts(post) for post in ids}, {(Delivery.QUEUED, 0, 2)})
        self.assertEqual(len(asked), 2)
        room.wait(1)
        self.assertEqual({ada.core.counts(post) for post in ids}, {(Delivery.QUEUED, 1, 2)})
        room.link(ada, carol)
        room.wait(2)
        self.assertEqual({ada.core.counts(post) for post in ids}, {(Delivery.ACKED, 2, 2)})
        for post in ids:
            line = ada.core.line(post)
            self.assertEqual((line.state, line.acked, line.of), ada.core.counts(post))

    def patch_states(self) -> list[Held]:
        """What is asked of envelopes at one recipient from now on."""
        asked: list[Held] = []
        state = Evidence.state

        def counted(evidence: Evidence, held: Held, member: MemberId) -> Delivery:
            asked.append(held)
            return state(evidence, held, member)

        self.patch(Evidence, "state", counted)
        return asked

    def test_of_others(self) -> None:
        """There is nothing to count on what others said, nor on what is not kept."""
        room = Room()
        ada, bob = (room.member(number, settings=FAST) for number in (1, 2))
        room.roster()
        room.mesh()
        post, letter = ada.say("to all").id, ada.tell(bob, "to one").id
        room.wait(1)
        self.assertEqual(bob.core.counts(post), (None, None, None))
        self.assertEqual(bob.core.counts(letter), (None, None, None))
        self.assertEqual(ada.core.counts(letter), (Delivery.ACKED, 1, 1))
        self.assertEqual(ada.core.counts(evolve(post, seq=99)), (None, None, None))
