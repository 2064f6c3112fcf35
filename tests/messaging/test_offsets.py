"""Our clock among others: measured against each peer, corrected by the median, told once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import MemberId
from securechat.inputs import Instant
from securechat.messaging.hlc import wall_of
from securechat.messaging.messages import Digest
from securechat.messaging.offsets import Offsets
from securechat.notices import ClockNoticed
from securechat.settings import Settings
from tests.messaging.room import Member, Room

HOUR_MS = 3_600_000


def said(member: Member) -> list[str]:
    """What was told of the member's own clock."""
    told = [notice for notice in member.notices if isinstance(notice, ClockNoticed)]
    return [notice.what for notice in told if notice.member == member.id]


def measured(member: Member, other: Member) -> float:
    """What one says of another's clock."""
    return member.core.snapshot(member.now).offsets[other.id]


def room_of(*skews: int, period: str = "lan") -> tuple[Room, list[Member]]:
    """Members with clocks that are so far ahead, all linked."""
    room = Room()
    members = [
        room.member(number, skew_ms=skew, settings=Settings(preset=period))
        for number, skew in enumerate(skews, 1)
    ]
    room.roster()
    room.mesh()
    room.run()
    return room, members


class Measured(SynchronousTestCase):
    """Each link shows how far the clocks are apart."""

    def test_each_link(self) -> None:
        """After one period each side knows the other's offset, with its sign; a lost link has none."""
        room, (ada, bob) = room_of(0, 5_000)
        self.assertEqual(ada.core.snapshot(ada.now).offsets, {})
        room.wait(1.5)
        self.assertAlmostEqual(measured(ada, bob), 5.0, delta=0.2)
        self.assertAlmostEqual(measured(bob, ada), -5.0, delta=0.2)
        room.cut(ada, bob)
        self.assertEqual(ada.core.snapshot(ada.now).offsets, {})

    def test_delay(self) -> None:
        """A digest that was long on its way makes nobody's clock look slow."""
        room, (ada, bob) = room_of(0, 0)
        room.wait(1.5)
        late = Digest(bytes(32), room.wall_ms - 100_000)
        ada.receive(bob.id, late)
        self.assertAlmostEqual(measured(ada, bob), 0.0, delta=0.2)

    def test_wall_set(self) -> None:
        """A clock that is set shows its new offset at once, on both sides within ten periods."""
        room, (ada, bob) = room_of(0, 0)
        room.wait(2)
        ada.skew_ms = 7_000
        self.assertAlmostEqual(measured(ada, bob), -7.0, delta=0.2)
        room.wait(10)
        self.assertAlmostEqual(measured(bob, ada), 7.0, delta=0.2)
        ada.skew_ms = 0
        room.wait(11)
        self.assertAlmostEqual(measured(bob, ada), 0.0, delta=0.2)


class Corrected(SynchronousTestCase):
    """Who is the one that is off says so and stamps with the corrected time."""

    def test_an_hour_ahead(self) -> None:
        """It says so once; its posts get the others' time, and nobody marks them."""
        room, (ada, bob, carol) = room_of(HOUR_MS, 0, 0)
        room.wait(30)
        self.assertEqual(len(said(ada)), 1)
        self.assertRegex(said(ada)[0], "3600 s ahead of the median of 2 linked peers")
        self.assertEqual((said(bob), said(carol)), ([], []))
        self.assertAlmostEqual(ada.core.snapshot(ada.now).corrected or 0, -3600, delta=1)
        self.assertIsNone(bob.core.snapshot(bob.now).corrected)
        wanted = ada.say("what time is it").id
        room.run()
        for member in (ada, bob, carol):
            line = member.core.line(wanted)
            self.assertEqual(line.mark, "")
            self.assertAlmostEqual(line.time, room.wall_ms, delta=500)

    def test_two_hours_behind(self) -> None:
        """It takes what others say for what it is, and replies sort after what they answer."""
        room, (ada, bob, _) = room_of(-2 * HOUR_MS, 0, 0)
        room.wait(30)
        bob.say("question")
        room.run()
        ada.say("answer")
        room.run()
        for member in (ada, bob):
            self.assertEqual(member.texts(), ["question", "answer"])
        self.assertEqual([line.mark for line in ada.lines()], ["", ""])

    def test_days_behind(self) -> None:
        """Even a clock that would refuse all posts as from the future converges with the room."""
        room, (ada, bob, _) = room_of(-50 * HOUR_MS, 0, 0)
        bob.say("before")
        room.wait(5)
        self.assertEqual(ada.texts(), [])
        room.wait(60)
        self.assertEqual(ada.texts(), ["before"])
        self.assertEqual(ada.digest, bob.digest)

    def test_one_liar_among_three(self) -> None:
        """One clock that lies, however far, moves nobody whose peers are three or two."""
        for skews in ((0, 0, 0, 9 * HOUR_MS), (0, 0, -9 * HOUR_MS)):
            room, (ada, bob, *_) = room_of(*skews)
            room.wait(60)
            self.assertEqual((said(ada), said(bob)), ([], []))
            wanted = ada.say("now").id
            self.assertAlmostEqual(ada.core.line(wanted).time, room.wall_ms, delta=500)

    def test_two_alone(self) -> None:
        """Of two that differ nobody can say which is wrong."""
        room, (ada, bob) = room_of(0, HOUR_MS)
        room.wait(60)
        self.assertEqual((said(ada), said(bob)), ([], []))

    def test_mended(self) -> None:
        """A clock that is set right says so once, and at no moment stamps are corrected twice."""
        room, (ada, _, _) = room_of(-HOUR_MS, 0, 0)
        room.wait(30)
        ada.skew_ms = 0
        wanted = ada.say("mended").id
        self.assertAlmostEqual(ada.core.line(wanted).time, room.wall_ms, delta=500)
        room.wait(30)
        self.assertEqual(len(said(ada)), 2)
        self.assertIn("agrees again", said(ada)[1])
        wanted = ada.say("still").id
        self.assertAlmostEqual(ada.core.line(wanted).time, room.wall_ms, delta=500)

    def test_further(self) -> None:
        """A clock that goes further wrong says so again; drift of a few seconds is no news."""
        room, (ada, _, _) = room_of(HOUR_MS, 0, 0)
        room.wait(30)
        ada.skew_ms += 20_000
        room.wait(30)
        self.assertEqual(len(said(ada)), 1)
        ada.skew_ms += HOUR_MS
        room.wait(30)
        self.assertEqual(len(said(ada)), 2)
        self.assertIn("7220 s ahead", said(ada)[1])

    def test_at_the_limit(self) -> None:
        """A clock that wavers about the limit does not come and go."""
        room, (ada, _, _) = room_of(61_000, 0, 0)
        room.wait(30)
        for skew in (59_000, 61_000, 58_000, 62_000):
            ada.skew_ms = skew
            room.wait(20)
        self.assertEqual(len(said(ada)), 1)
        ada.skew_ms = 50_000
        room.wait(20)
        self.assertEqual(len(said(ada)), 2)

    def test_alone_again(self) -> None:
        """Without two peers the correction stays, until the clock is set."""
        room, (ada, bob, carol) = room_of(HOUR_MS, 0, 0)
        room.wait(30)
        room.cut(ada, bob)
        room.cut(ada, carol)
        room.wait(60)
        wanted = ada.say("alone").id
        self.assertAlmostEqual(ada.core.line(wanted).time, room.wall_ms, delta=500)
        ada.skew_ms = 0
        room.wait(20)
        self.assertIn("was set", said(ada)[-1])
        wanted = ada.say("mended").id
        self.assertAlmostEqual(ada.core.line(wanted).time, room.wall_ms, delta=500)

    def test_stood_still(self) -> None:
        """A process that was stopped for minutes blames no clock for what waited for it."""
        room, (ada, bob, carol) = room_of(0, 0, 0)
        room.wait(10)
        ada.frozen = True
        room.wait(200, 0.5)
        ada.frozen = False
        room.wait(60)
        self.assertEqual([said(member) for member in (ada, bob, carol)], [[], [], []])

    def test_reads_what_waited(self) -> None:
        """Old digests of all peers, read while newer ones still wait, are judged at one look only."""
        offsets = Offsets(MemberId("a" * 52), Settings())
        now = Instant(1000.0, 10**12)
        for age in (500, 0, 0):
            for peer in ("b", "c"):
                offsets.hear(MemberId(peer * 52), now.wall_ms - age * 1000, now)
            self.assertEqual(offsets.tick("probing", now), [])
            now = Instant(now.mono + 5, now.wall_ms + 5000)

    def test_follows_the_others(self) -> None:
        """While it is corrected, our time goes along when all others set their clocks."""
        room, (ada, bob, carol) = room_of(HOUR_MS, 0, 0)
        room.wait(30)
        bob.skew_ms = carol.skew_ms = 40_000
        room.wait(30)
        wanted = ada.say("with you").id
        self.assertAlmostEqual(ada.core.line(wanted).time, bob.now.wall_ms, delta=500)

    def test_two_against_two(self) -> None:
        """Where the clocks of a room are split evenly nothing flaps, and all still sort alike."""
        room, members = room_of(0, 0, HOUR_MS, HOUR_MS)
        for number in range(20):
            for member in members:
                member.say(f"{member.number} {number}")
            room.wait(5, 0.25)
        room.wait(10)
        self.assertLessEqual(max(len(said(member)) for member in members), 1)
        self.assertEqual(len({member.digest for member in members}), 1)
        texts = [member.texts() for member in members]
        self.assertTrue(all(text == texts[0] for text in texts))

    def test_stamps_rise(self) -> None:
        """Corrected or not, stamps of one author only rise, and all nodes sort alike."""
        room, (ada, bob, carol) = room_of(HOUR_MS, 0, 0)
        for number in range(40):
            ada.say(f"ada {number}")
            bob.say(f"bob {number}")
            room.wait(1, 0.25)
            if number == 25:
                ada.skew_ms = -HOUR_MS
        stamps = [line.hlc for line in ada.lines() if line.author == ada.id]
        self.assertEqual(stamps, sorted(set(stamps)))
        room.wait(10)
        self.assertEqual(ada.texts(), bob.texts())
        self.assertEqual(ada.texts(), carol.texts())
        self.assertEqual(ada.digest, carol.digest)
        self.assertLess(wall_of(max(stamps)), room.wall_ms + HOUR_MS + 60_000)

    def test_two_wrong_peers_erase_nothing(self) -> None:
        """Peers whose clocks are a month ahead move our stamps, and no post goes before its days."""
        room = Room()
        ada, bob, carol, dave = (room.member(number) for number in (1, 2, 3, 4))
        room.roster()
        room.link(ada, dave)
        room.run()
        texts = [f"post {number}" for number in range(5)]
        for text in texts:
            ada.say(text)
        letters = ["a letter", "another letter"]
        for letter in letters:
            ada.tell(dave, letter)
        room.wait(5)
        room.cut(ada, dave)
        bob.skew_ms = carol.skew_ms = 31 * 24 * HOUR_MS
        room.mesh(ada, bob, carol)
        room.wait(120, 0.5)
        self.assertGreater(ada.core.snapshot(ada.now).corrected or 0, 30 * 86_400)
        room.wait(3900, 3.0)
        self.assertEqual(ada.texts(), [*texts, *letters])

    def test_our_wrong_clock_erases_nothing(self) -> None:
        """A clock of our own that is a month ahead of its peers' takes no post away either."""
        room, (ada, bob, _) = room_of(31 * 24 * HOUR_MS, 0, 0)
        bob.say("of today")
        room.wait(30)
        room.wait(3900, 3.0)
        self.assertEqual(ada.texts(), ["of today"])

    def test_its_clock_is_told_as_it_is(self) -> None:
        """A corrected node tells others its own clock, so that a correction does not spread."""
        room, (ada, bob, _) = room_of(HOUR_MS, 0, 0)
        room.wait(60)
        self.assertAlmostEqual(measured(bob, ada), 3600.0, delta=1)
        self.assertAlmostEqual(measured(ada, bob), -3600.0, delta=1)


class Median(SynchronousTestCase):
    """Whatever a minority says, the corrected time is one that an honest peer has."""

    @given(
        st.lists(st.integers(-5, 5), min_size=1, max_size=8),
        st.lists(st.integers(-(10**9), 10**9), max_size=7),
    )
    def test_minority(self, honest: list[int], liars: list[int]) -> None:
        """Fewer liars than honest peers never move a clock that is right."""
        offsets = Offsets(MemberId("a" * 52), Settings())
        liars = liars[: len(honest) - 1]
        for number in range(6):
            now = Instant(100.0 + 5 * number, 10**12 + 5000 * number)
            for place, off in enumerate(honest + liars):
                offsets.hear(MemberId(f"m{place}"), now.wall_ms + off * 1000, now)
            self.assertEqual(offsets.tick("probing", now), [])
            self.assertEqual(offsets.right(now), now)
