"""Of one author so many streams are kept: each is a place in what everybody tells everybody."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId
from securechat.inputs import Received
from securechat.messaging import retention
from securechat.messaging.messages import Posts
from securechat.messaging.retention import MAX_STREAMS
from securechat.messaging.statements import Opening, Start
from securechat.objects import Signed
from securechat.settings import Settings
from tests.messaging.room import Member, Room, admit, member_of
from tests.messaging.test_retention import floors
from tests.messaging.test_sets import FAST, chain, envelope


def lives(member: Member, epochs: range, turn: int = 1) -> None:
    """Member four says one thing in each of so many lives; so many of them come in a turn."""
    for index, epoch in enumerate(epochs, 1):
        (signed,) = chain(4, epoch % 256, [1], 1000 * epoch)
        posts = Received(member_of(3), 1, Posts((signed,)), (admit(signed),))
        member.do(member.core.received(posts, member.now))
        if index % turn == 0:
            member.end()
    member.end()


def naming(epoch: int, named: int, text: str = "x") -> Signed:
    """Member four opens a stream, and says that another of its own before it went to a million."""
    before = Opening(Start.AFTER, named, BootId(f"{named:032x}"), 10**6, b"h" * 32)
    return envelope(4, epoch, 1, (text,), 1000 * epoch, opening=before)


class Named(SynchronousTestCase):
    """Streams of which no more is known than that an opening names them."""

    def setUp(self) -> None:
        """Ada and bob, linked."""
        self.patch(retention, "MAX_STREAMS", 8)
        self.room = Room()
        self.ada, self.bob = (self.room.member(number, settings=FAST) for number in (1, 2))
        self.room.roster()
        self.room.link(self.ada, self.bob)

    def hear(self, member: Member, *envelopes: Signed) -> None:
        """Somebody gives a member these."""
        for signed in envelopes:
            member.receive(member_of(3), Posts((signed,)))

    def test_one(self) -> None:
        """A stream that a later one names is a gap, as far as it says."""
        self.hear(self.ada, naming(9, 5))
        self.assertEqual(self.ada.gaps(), [(1, 10**6)])

    def test_twins(self) -> None:
        """However many openings one stream has, they make no gaps: their author contradicts himself."""
        self.hear(self.ada, *(naming(200, number, f"text {number}") for number in range(1, 60)))
        self.room.wait(30, 0.25)
        for member in (self.ada, self.bob):
            self.assertEqual(member.gaps(), [])
            self.assertEqual(sum(1 for _ in member.core.parts.book.streams), 1)
            self.assertFalse([key for key in member.disk.facts if key.startswith("closed/")])
            again = member.rebuilt()
            self.assertEqual(again.gaps(member.now), ())

    def test_who_heard_one(self) -> None:
        """Who heard one of two openings learns of both, and then neither shows a gap."""
        self.room.cut(self.ada, self.bob)
        self.hear(self.ada, naming(200, 1), naming(200, 2, "y"))
        self.hear(self.bob, naming(200, 1))
        self.assertEqual((self.ada.gaps(), self.bob.gaps()), ([], [(1, 10**6)]))
        self.room.link(self.ada, self.bob)
        self.room.wait(30, 0.25)
        self.assertEqual((self.ada.gaps(), self.bob.gaps()), ([], []))
        self.assertEqual(self.ada.digest, self.bob.digest)

    def test_one_in_each_life(self) -> None:
        """A stream in which nothing was said is known for as long as the one that names it is kept."""
        for epoch in range(20, 80, 2):
            self.hear(self.ada, naming(epoch, epoch - 1))
            self.room.wait(5, 0.25)
        self.assertLessEqual(len(self.ada.gaps()), 8)
        closed = [key for key in self.ada.disk.facts if key.startswith("closed/")]
        self.assertLessEqual(len(closed), 8)

    def test_later_ones(self) -> None:
        """An opening tells of nothing that comes after it."""
        for epoch in range(20, 80):
            self.hear(self.ada, naming(epoch, 1000 + epoch))
            self.room.wait(1, 0.25)
        self.assertEqual(self.ada.gaps(), [])
        self.assertFalse([key for key in self.ada.disk.facts if key.startswith("closed/")])


class ManyStreams(SynchronousTestCase):
    """Eight streams of one author are kept here."""

    def setUp(self) -> None:
        self.patch(retention, "MAX_STREAMS", 8)
        self.room = Room()
        self.ada, self.bob = (self.room.member(number, settings=FAST) for number in (1, 2))
        self.room.roster()

    def kept(self, member: Member) -> list[int]:
        """The epochs of which something is held."""
        return [line.id.stream.epoch for line in member.lines() if line.id.stream.epoch > 1]

    def test_the_newest(self) -> None:
        """The oldest go, in the turn that brings more, and nobody else's with them."""
        self.ada.say("ada's own")
        for epoch in range(2, 40):
            lives(self.ada, range(epoch, epoch + 1))
            self.assertLessEqual(len(self.kept(self.ada)), 8)
        self.assertEqual(self.kept(self.ada), list(range(32, 40)))
        self.assertIn("ada's own", self.ada.texts())
        self.assertEqual(self.ada.gaps(), [])
        self.assertEqual(len(self.ada.core.parts.book.streams.authors), 2)

    def test_all_in_a_turn(self) -> None:
        """However many one turn brings."""
        lives(self.ada, range(2, 40), turn=100)
        self.assertEqual(self.kept(self.ada), list(range(32, 40)))

    def test_both_agree(self) -> None:
        """Two who heard of different lives keep the same in the end, and it comes to rest."""
        lives(self.ada, range(2, 20))
        lives(self.bob, range(12, 40))
        self.room.link(self.ada, self.bob)
        self.room.wait(20, 0.25)
        self.assertEqual(self.kept(self.ada), list(range(32, 40)))
        self.assertEqual(self.ada.digest, self.bob.digest)
        wants = [m.core.parts.book.counters["wants"] for m in (self.ada, self.bob)]
        self.room.wait(40, 0.25)
        self.assertEqual([m.core.parts.book.counters["wants"] for m in (self.ada, self.bob)], wants)
        self.assertEqual(floors(self.ada), floors(self.bob))

    def test_what_is_kept_already(self) -> None:
        """A disk with more goes down to it by bounded bites, and a start finds no more to do."""
        self.patch(retention, "MAX_STREAMS", 1000)
        lives(self.ada, range(2, 40), turn=100)
        self.patch(retention, "MAX_STREAMS", 8)
        self.patch(retention, "BUDGET", 10)
        self.ada.restart()
        self.room.seat(self.ada, self.ada)
        self.assertEqual(len(self.kept(self.ada)), 38 - 10)
        self.room.wait(1)
        self.assertEqual(self.kept(self.ada), list(range(32, 40)))
        self.ada.restart()
        self.room.wait(1)
        self.assertEqual(self.kept(self.ada), list(range(32, 40)))

    def test_both_limits(self) -> None:
        """With the count of posts above its limit too, as many go as both ask for."""
        self.ada.settings = Settings(history_posts=5, posts_per_second=10_000, burst=10_000)
        self.ada.begin()
        lives(self.ada, range(2, 40), turn=100)
        self.assertEqual(self.kept(self.ada), list(range(35, 40)))

    def test_an_ordinary_member(self) -> None:
        """Who is started again fifteen times a day for a month loses nothing by it."""
        self.assertGreater(MAX_STREAMS, 15 * 30)
