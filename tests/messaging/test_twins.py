"""An author who signs many envelopes for one place: what that costs, and what it gets him."""

from __future__ import annotations

from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from securechat.messaging.held import Held, StreamState
from securechat.messaging.messages import Backfill, Frontiers, Posts, Want
from securechat.messaging.statements import Frontier, StreamEntry
from securechat.objects import Signed
from tests.messaging.room import Member, Room, admit, sign
from tests.messaging.test_closing import HASH
from tests.messaging.test_sets import FAST, chain, envelope
from tests.steps import steps

MANY = 500
STEPS = 600
"""Instructions for each, however many there are."""
PLACE = admit(envelope(3, 1, 1, ("x",), 0)).statement.stream


@cache
def twins() -> tuple[Held, ...]:
    """As many posts for one place."""
    room = Room()
    ada, eve = (room.member(number, settings=FAST) for number in (1, 3))
    room.roster()
    objects = [envelope(3, 1, 1, (f"twin {number}",), number) for number in range(MANY)]
    ada.receive(eve.id, Posts(tuple(objects)))
    state = ada.core.parts.book.streams.get(PLACE)
    assert state is not None
    return tuple(state.envelopes)


class Work(SynchronousTestCase):
    """What they cost."""

    def test_one_more(self) -> None:
        """Each is compared with a few others: the first two prove the author wrong."""
        state, many = StreamState(PLACE), twins()

        def put() -> None:
            for held in many:
                state.put(held)

        self.assertLess(steps(put), STEPS * MANY)
        assert state.breach is not None
        self.assertEqual((state.breach.seq, state.held.spans), (1, ((1, 1),)))
        first, second = twins()[:2]
        self.assertEqual({state.breach.one, state.breach.other}, {first.hash, second.hash})

    def test_one_less(self) -> None:
        """Nor are the others put together anew for each that goes; the last takes the place with it."""
        state, many = StreamState(PLACE), twins()
        for held in many:
            state.put(held)

        def take() -> None:
            for held in many[:-1]:
                state.take(held)

        self.assertLess(steps(take), STEPS * MANY)
        self.assertEqual(state.held.spans, ((1, 1),))
        state.take(twins()[-1])
        self.assertEqual(state.held.spans, ())


class Answers(SynchronousTestCase):
    """An answer to a want."""

    def setUp(self) -> None:
        """Ada has asked eve for what lies before a post of hers."""
        self.room = Room()
        self.ada, self.bob = self.room.member(1), self.room.member(2, settings=FAST)
        self.eve: Member = self.room.member(3)
        self.room.roster()
        self.wanted: list[Want] = []

    def give(self, objects: tuple[Signed, ...]) -> None:
        """A part of the answer to the want."""
        want = self.wanted[-1]
        place = (want.author, want.epoch, want.boot, want.first, want.last)
        self.ada.receive(self.eve.id, Backfill(*place, False, objects))

    def ask(self) -> None:
        """What eve was asked for until now."""
        self.wanted = [s.message for s in self.ada.sent if isinstance(s.message, Want)]

    def test_more_than_was_missing(self) -> None:
        """Who was asked for a range once gives each post of it once; the rest counts as pushed."""
        self.room.told(self.ada, self.eve)
        later = envelope(3, 1, 64, ("later",), 5, previous=b"p" * 32)
        self.ada.receive(self.eve.id, Posts((later,)))
        self.room.wait(2)
        self.ask()
        self.assertEqual([(want.first, want.last) for want in self.wanted], [(1, 63)])
        for part in range(10):
            self.give(tuple(envelope(3, 1, 1, (f"{part}/{n}",), 50 * part + n) for n in range(50)))
        counters = self.ada.core.parts.book.counters
        self.assertEqual(counters["recovered"], 1)
        self.assertGreater(counters["rate_limited"], 300)
        self.assertLess(len(self.ada.lines()), 200)

    def test_one_duplicate_at_a_time(self) -> None:
        """Who gives what is here already does not hold the range that it was asked for."""
        objects = chain(4, 1, [1] * 256, 0)
        author = admit(objects[0]).statement
        for first in range(0, 256, 64):
            self.bob.receive(self.eve.id, Posts(tuple(objects[first : first + 64])))
        self.room.told(self.ada, self.eve)
        place = (author.author, author.epoch, author.boot)
        entry = StreamEntry(*place, ((1, 256, HASH),))
        claim = Frontier(self.eve.id, 1, self.eve.boot, 10**16, True, 1, 1, (), (entry,))
        self.eve.frozen = True
        self.ada.receive(self.eve.id, Frontiers((sign(3, claim),)))
        self.room.link(self.ada, self.bob)
        self.ask()
        self.assertEqual([(want.first, want.last) for want in self.wanted], [(1, 256)])
        self.give((objects[0],))
        for _ in range(2):
            self.room.wait(4, 0.25)
            self.give((objects[0],))
        self.room.wait(1)
        self.assertEqual(len(self.ada.lines()), 256)
