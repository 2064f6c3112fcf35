"""The digest: the same value however it came about, and work only for what has changed."""

from __future__ import annotations

import hashlib
from unittest import mock

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, MemberId
from securechat.messaging import streams
from securechat.messaging.facts import EnvelopeHeld, Floor, GapClosed
from securechat.messaging.messages import Why
from securechat.messaging.ranges import Ranges
from securechat.messaging.streams import Streams
from securechat.wire import pack
from tests.messaging.room import START_MS

AUTHORS = [MemberId(letter * 52) for letter in "abcd"]
BOOTS = [BootId(letter * 32) for letter in "01"]


def envelope(author: int, epoch: int, boot: int, seq: int) -> EnvelopeHeld:
    """The fact of an envelope of one post."""
    name = hashlib.sha256(repr((author, epoch, boot, seq)).encode()).digest()
    before = hashlib.sha256(repr((author, epoch, boot, seq - 1)).encode()).digest()
    return EnvelopeHeld(
        AUTHORS[author], epoch, BOOTS[boot], seq, 1, before, START_MS + seq << 16, Hash(name), 300,
        START_MS, AUTHORS[0], None,
    )  # fmt: skip


def plain(held: Streams) -> bytes:
    """The digest by one pass over everything, which is how it is defined."""
    sums = hashlib.sha256()
    for state in sorted(held, key=lambda state: state.stream):
        s, fork = state.stream, () if state.breach is None else (state.breach.seq,)
        entry = state.entry()
        last = entry[-1][1] if entry else 0
        floor = held.authors[s.author].floor
        below = floor.seq if floor is not None and floor.stream == s and entry else 0
        had = [n for n in range(1, max(last, below) + 1) if n <= below or state.held.covers(n, n)]
        ends = {below: floor.hash} if floor is not None and below else {}
        ends.update((last, name) for _, last, name in entry)
        spans = Ranges.of((n, n) for n in had).spans
        tops = [max((n for n in ends if a <= n <= b), default=0) for a, b in spans]
        ranges = [(a, n, ends[n]) for (a, _), n in zip(spans, tops, strict=True) if n]
        if ranges or fork:
            sums.update(pack((s.author, s.epoch, s.boot, ranges, *fork)))
    return sums.digest()


PLACES = st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 1), st.integers(1, 4))
STEPS = st.lists(st.tuples(st.sampled_from(("hold", "drop", "floor", "ask")), PLACES), max_size=40)


class Value(SynchronousTestCase):
    """What it is."""

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(STEPS)
    def test_however_it_came_about(
        self, steps: list[tuple[str, tuple[int, int, int, int]]]
    ) -> None:
        """Whatever comes and goes, and whenever it is asked for: that of a pass over what is held."""
        held = Streams()
        for what, place in steps:
            fact = envelope(*place)
            if what == "hold" and held.by_hash(fact.hash) is None:
                held.hold(fact)
            elif what == "drop":
                held.drop(fact.hash)
            elif what == "floor":
                end = (fact.author, fact.epoch, fact.boot, fact.first, fact.hash, fact.hlc)
                held.raise_floor(Floor(*end))
            elif what == "ask":
                self.assertEqual(held.digest(), plain(held))
        self.assertEqual(held.digest(), plain(held))

    def test_of_nothing(self) -> None:
        """Who holds nothing shows the hash of nothing."""
        self.assertEqual(Streams().digest(), hashlib.sha256().digest())


CHAIN = 12
"""Posts of the one stream in which two nodes are compared."""


@frozen
class Node:
    """What one node has of it."""

    floor: int
    held: frozenset[int]

    def streams(self) -> Streams:
        """Its index: all that it held, then what retention took."""
        made = Streams()
        for seq in sorted(self.held | {self.floor} - {0}):
            made.hold(envelope(0, 1, 0, seq))
        if self.floor:
            top = envelope(0, 1, 0, self.floor)
            made.raise_floor(Floor(top.author, 1, top.boot, self.floor, top.hash, top.hlc))
            for seq in range(1, self.floor + 1):
                made.drop(envelope(0, 1, 0, seq).hash)
        return made

    def above(self, floor: int) -> set[int]:
        """What it keeps above a floor, its own or a higher one."""
        return {seq for seq in self.held if seq > max(floor, self.floor)}


NODES = st.builds(Node, st.integers(0, CHAIN), st.frozensets(st.integers(1, CHAIN)))


class Floors(SynchronousTestCase):
    """Two nodes that forgot differently much of one stream."""

    @settings(max_examples=500, deadline=None, derandomize=True)
    @given(NODES, NODES)
    def test_differ_above_both(self, one: Node, other: Node) -> None:
        """Sets that differ above both floors have different digests."""
        floor = max(one.floor, other.floor)
        if one.above(floor) != other.above(floor):
            self.assertNotEqual(one.streams().digest(), other.streams().digest())

    @settings(max_examples=300, deadline=None, derandomize=True)
    @given(NODES, st.integers(0, CHAIN))
    def test_only_floors(self, one: Node, more: int) -> None:
        """Who forgot more of the same, and has no hole below that, has the same digest."""
        floor = max(one.floor, more)
        whole = all(seq in one.held for seq in range(one.floor + 1, floor + 1))
        other = Node(floor, one.held)
        if whole and other.above(floor):
            self.assertEqual(one.streams().digest(), other.streams().digest())

    @settings(max_examples=300, deadline=None, derandomize=True)
    @given(NODES, st.data())
    def test_given_up(self, one: Node, data: st.DataObject) -> None:
        """Nor does a hole make a difference that was given up since the other has pruned it."""
        last = max(one.held, default=0)
        floor = data.draw(st.integers(one.floor, CHAIN))
        other, ours = Node(floor, one.held), one.streams()
        state = ours.get(envelope(0, 1, 0, 1).stream)
        gaps = ours.gaps(state) if state is not None else []
        for a, b in gaps:
            why = Why.PRUNED if b <= floor else Why.NEVER_HAD
            answers = ((AUTHORS[1], str(why)), (AUTHORS[2], str(Why.NEVER_HAD)))
            ours.close(GapClosed(AUTHORS[0], 1, BOOTS[0], a, b, "", answers, START_MS))
        if last > floor and not any(a <= floor < b for a, b in gaps):
            self.assertEqual(ours.digest(), other.streams().digest())


class Work(SynchronousTestCase):
    """What it costs."""

    def test_one_post(self) -> None:
        """Of three hundred streams a post costs one: the others are not looked at again."""
        held = Streams()
        for author in range(3):
            for epoch in range(1, 101):
                held.hold(envelope(author, epoch, 0, 1))
        held.digest()
        with mock.patch.object(streams, "pack", wraps=pack) as packed:
            held.hold(envelope(1, 100, 0, 2))
            held.digest()
            held.digest()
        self.assertEqual(packed.call_count, 1)
        self.assertEqual(held.digest(), plain(held))
