"""What is known of many own posts at once: the same as of each alone, at the cost of one pass."""

from __future__ import annotations

from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, MemberId, Stream
from securechat.messaging.evidence import Evidence, weakest
from securechat.messaging.facts import Audience, PostsOffered, PostsStored
from securechat.messaging.held import Held
from securechat.messaging.messages import Frontiers
from securechat.messaging.ranges import Ranges
from securechat.messaging.standing import standings, tally
from securechat.messaging.statements import Frontier, StreamEntry
from securechat.notices import Delivery
from securechat.settings import Settings
from tests.messaging.room import Member, Room, member_of, sign

PEERS = tuple(member_of(number) for number in range(2, 6))
STREAMS = tuple(Stream(member_of(1), epoch, BootId(f"{epoch:032x}")) for epoch in (1, 2))
SPANS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 12)), max_size=4)
"""Ranges by their first and how far they go."""
ENVELOPES = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 2), st.sets(st.sampled_from(PEERS))), max_size=12
)
"""Posts in one envelope, for whom, and to whom it was not sent."""
NEWS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(PEERS), st.booleans(), SPANS, SPANS), max_size=16
)
AUDIENCES = (PEERS, PEERS[:2], PEERS[1:])


def envelope(stream: Stream, first: int, count: int, audience: str, unsent: set[MemberId]) -> Held:
    """An own envelope."""
    name = Hash(first.to_bytes(16, "big") * 2)
    return Held(
        stream, first, count, b"", first, name, 1, 0, False, False, False, audience,
        tuple(sorted(unsent)), None, 0,
    )  # fmt: skip


def spans(found: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ranges as facts hold them."""
    return Ranges.of((first, first + more) for first, more in found).spans


class Same(SynchronousTestCase):
    """One pass and one by one."""

    @settings(max_examples=300, deadline=None)
    @given(st.tuples(ENVELOPES, ENVELOPES), NEWS)
    def test_whatever_was_signed(
        self,
        said: tuple[list[tuple[int, int, set[MemberId]]], ...],
        news: list[tuple[int, MemberId, bool, list[tuple[int, int]], list[tuple[int, int]]]],
    ) -> None:
        """Each own post has the same states, and as many wait and are unknown, as one by one."""
        evidence = Evidence()
        for number, members in enumerate(AUDIENCES):
            evidence.name(Audience(str(number), members))
        for stream, rows in zip(STREAMS, said, strict=True):
            first = 1
            for count, audience, unsent in rows:
                evidence.hold(envelope(stream, first, count, str(audience), unsent))
                first += count
        for index, member, stored, some, others in news:
            s, a, b = STREAMS[index], spans(some), spans(others)
            if stored:
                evidence.store(
                    PostsStored(s.author, s.epoch, s.boot, member, 1, a, a, Hash(b"h"), 0)
                )
            else:
                evidence.offer(PostsOffered(s.author, s.epoch, s.boot, member, a, b, b, 0, True))
        found = [(held, standing) for held, standing in standings(evidence)]
        self.assertEqual([held for held, _ in found], list(evidence.still_open()))
        waiting = unknown = 0
        for held, standing in found:
            states = evidence.states(held)
            self.assertEqual(list(standing.states), states)
            self.assertEqual(standing.weakest, weakest(states))
            self.assertEqual(standing.acked, states.count(Delivery.ACKED))
            waiting += held.count
            unknown += held.count * (weakest(states) is Delivery.UNKNOWN)
        self.assertEqual(tally(evidence), (waiting, unknown))


class Work(SynchronousTestCase):
    """What it costs."""

    def silent(self, posts: int, members: int) -> tuple[Room, Member]:
        """Ada said so many posts; all have signed for them but one, who is linked and says nothing."""
        room = Room()
        ada = room.member(1, settings=Settings(burst=100_000))
        others = [room.member(number) for number in range(2, 2 + members)]
        room.roster()
        for other in others:
            room.told(ada, other)
        for number in range(posts):
            ada.say(str(number))
        stream = ada.core.parts.peers.stream
        assert stream is not None
        state = ada.core.parts.book.streams.get(stream)
        assert state is not None
        last = state.envelopes[-1]
        entry = StreamEntry(stream.author, stream.epoch, stream.boot, ((1, last.last, last.hash),))
        for other in others[1:]:
            frontier = Frontier(other.id, 1, other.boot, 1, False, 1, 1, (), (entry,))
            ada.receive(other.id, Frontiers((sign(other.number, frontier),)))
        room.mono += 60
        room.wall_ms += 60_000
        room.tick()
        return room, ada

    def test_long_silence(self) -> None:
        """Of hundreds of posts that one of many lacks, not each is looked up at each of them."""
        posts, members = 300, 15
        room, ada = self.silent(posts, members)
        before, counted = Ranges.covers, [0]

        def covers(ranges: Ranges, first: int, last: int) -> bool:
            counted[0] += 1
            return before(ranges, first, last)

        with mock.patch.object(Ranges, "covers", covers):
            view = ada.core.snapshot(room.now)
            self.assertEqual((view.outbox, view.unknown), (posts, posts))
            self.assertLessEqual(counted[0], 10 * members)
            lines = ada.core.outbox()
            self.assertLessEqual(counted[0], 20 * members)
        self.assertEqual({line.state for line in lines}, {Delivery.UNKNOWN})
        self.assertEqual({(line.acked, line.of) for line in lines}, {(members - 1, members)})
        self.assertEqual(len(lines), posts)
