"""The digest: the same value however it came about, and work only for what has changed."""

from __future__ import annotations

import hashlib
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, MemberId
from securechat.messaging import streams
from securechat.messaging.facts import EnvelopeHeld, Floor
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
        if state.entry() or fork:
            sums.update(pack((s.author, s.epoch, s.boot, state.entry(), *fork)))
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
