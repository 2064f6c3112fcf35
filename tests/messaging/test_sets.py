"""Acceptance is a function of the set: order, duplicates and messengers change nothing (DESIGN 2)."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId
from securechat.messaging.messages import Backfill, Frontiers, Posts
from securechat.messaging.statements import Envelope, Opening, Start, attachment_of
from securechat.objects import Signed
from securechat.settings import Settings
from securechat.signing import object_hash
from tests.messaging.room import ROOM, START_MS, Member, Room, sign, signer

FAST = Settings(posts_per_second=10_000, burst=10_000)


def envelope(
    number: int,
    epoch: int,
    first: int,
    texts: tuple[str, ...],
    stamp: int,
    before: Signed | None = None,
    opening: Opening | None = None,
    previous: bytes | None = None,
) -> Signed:
    """An envelope of one member; ``before`` is the one that it follows."""
    attachment = attachment_of(texts)
    link = object_hash(ROOM, before) if before else b""
    header = Envelope(
        signer(number).member,
        epoch,
        BootId(f"{number:02x}{epoch:02x}".ljust(32, "0")),
        first,
        len(texts),
        link if previous is None else previous,
        (START_MS + stamp) << 16,
        hashlib.sha256(attachment).digest(),
        opening or (Opening(Start.FIRST) if first == 1 else None),
    )
    return sign(number, header, attachment)


def chain(number: int, epoch: int, sizes: list[int], stamp: int) -> list[Signed]:
    """A stream of envelopes with these many posts each."""
    made: list[Signed] = []
    first = 1
    for index, size in enumerate(sizes):
        texts = tuple(f"{number}/{epoch}/{first + k}" for k in range(size))
        before = made[-1] if made else None
        made.append(envelope(number, epoch, first, texts, stamp + 10 * index, before))
        first += size
    return made


def world() -> list[Signed]:
    """Streams that are sound, that name each other, that fork and that go back in time."""
    ada = chain(2, 1, [1, 3, 2], 0)
    again = chain(3, 1, [2, 2], 5)
    named = Opening(
        Start.AFTER, 1, BootId("03" + "01".ljust(30, "0")), 3, object_hash(ROOM, again[0])
    )
    later = envelope(3, 2, 1, ("after the loss",), 60, opening=named)
    fork = chain(4, 1, [1, 1, 1], 7)
    twin = envelope(4, 1, 2, ("other", "words"), 30, fork[0])
    tail = envelope(4, 1, 3, ("unchained",), 50, previous=b"\7" * 32)
    back = chain(5, 1, [1], 90)
    back.append(envelope(5, 1, 2, ("earlier",), 40, back[0]))
    return [*ada, *again, later, *fork, twin, tail, *back]


WORLD = world()


def fed(order: list[int], live: list[bool]) -> Member:
    """A member to whom objects came in this order, live or in recovery."""
    room = Room()
    member = room.member(1, settings=FAST)
    room.roster()
    for index, alive in zip(order, live, strict=True):
        signed = WORLD[index]
        answer = Backfill(signer(2).member, 1, BootId("0" * 32), 1, 1, True, (signed,))
        member.receive(signer(6).member, Posts((signed,)) if alive else answer)
    return member


def seen(member: Member) -> list[tuple[Any, ...]]:
    """What people see, without when and how it came here."""
    return [(line.id, line.hash, line.index, line.mark) for line in member.lines()] + [
        ("gap", span) for span in member.gaps()
    ]


class AnyOrder(SynchronousTestCase):
    """The same objects in another order."""

    @settings(max_examples=150, deadline=None)
    @given(st.permutations(range(len(WORLD))), st.randoms(use_true_random=False))
    def test_permutation(self, order: list[int], rng: Any) -> None:
        """Whatever the order, the messenger and the duplicates: one transcript, one digest."""
        plain = fed(list(range(len(WORLD))), [True] * len(WORLD))
        more = order + [rng.choice(order) for _ in range(6)]
        other = fed(more, [rng.random() < 0.5 for _ in more])
        self.assertEqual(seen(plain), seen(other))
        self.assertEqual(plain.digest, other.digest)
        self.assertEqual(plain.core.streams(), other.core.streams())
        self.assertEqual(other.errors, [])

    @settings(max_examples=100, deadline=None)
    @given(st.sets(st.integers(0, len(WORLD) - 1)), st.randoms(use_true_random=False))
    def test_replay(self, chosen: set[int], rng: Any) -> None:
        """A restart shows what was shown before it: transcript, marks, gaps and digest."""
        order = sorted(chosen)
        rng.shuffle(order)
        member = fed(order, [True] * len(order))
        again = Room().member(1, disk=member.disk, settings=FAST)
        self.assertEqual(seen(member), seen(again))
        self.assertEqual(member.digest, again.digest)
        self.assertEqual(member.core.streams(), again.core.streams())

    def test_marks(self) -> None:
        """A fork, a clock that goes back and posts after a declared end are shown, marked."""
        member = fed(list(range(len(WORLD))), [True] * len(WORLD))
        marks = {
            text: line.mark for text, line in zip(member.texts(), member.lines(), strict=False)
        }
        self.assertEqual(marks["3/1/4"], "after-end")
        self.assertEqual((marks["other"], marks["4/1/2"], marks["4/1/1"]), ("forked", "forked", ""))
        self.assertEqual((marks["earlier"], marks["unchained"]), ("forked", "forked"))
        forked = {line.stream.author: line.forked for line in member.core.streams() if line.forked}
        self.assertEqual(forked, {signer(4).member: 2, signer(5).member: 2})

    def test_heads_make_gaps(self) -> None:
        """A header without its posts is enough to show that they are missing."""
        room = Room()
        member = room.member(1, settings=FAST)
        room.roster()
        head = Signed(WORLD[2].purpose, WORLD[2].statement, WORLD[2].signature)
        member.receive(signer(6).member, Frontiers((head,)))
        self.assertEqual(member.gaps(), [(1, 6)])
        member.receive(signer(6).member, Posts((WORLD[1],)))
        self.assertEqual(member.texts(), ["[1-1]", "2/1/2", "2/1/3", "2/1/4", "[5-6]"])
        member.receive(signer(6).member, Posts((WORLD[2], WORLD[0])))
        self.assertEqual(member.gaps(), [])
        self.assertEqual(seen(member), seen(Room().member(1, disk=member.disk)))
