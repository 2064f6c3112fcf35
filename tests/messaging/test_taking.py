"""Taking posts: limits and clocks put off what others say, and never lose or hide it."""

from __future__ import annotations

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from securechat.messaging.hlc import stamp_of
from securechat.messaging.messages import Backfill, Directs, Posts, Rejected, Want
from securechat.messaging.statements import Envelope, Opening, Start, attachment_of
from securechat.notices import ClockNoticed, Conflict, GapChanged, PostShown, Recovered
from securechat.objects import Signed
from securechat.settings import Settings
from tests.messaging.room import Member, Room, admit, sign, three


def post(room: Room, author: Member, text: str, skew: float = 0.0, boot: str = "") -> Signed:
    """A stream of one post, stamped by a clock that is off."""
    body = attachment_of((text,))
    header = Envelope(
        author.id,
        author.epoch + 1,
        (boot or "ab").ljust(32, "0"),  # type: ignore[arg-type]
        1,
        1,
        b"",
        stamp_of(room.wall_ms + round(skew * 1000)),
        hashlib.sha256(body).digest(),
        Opening(Start.FIRST),
    )
    return sign(author.number, header, body)


def row(room: Room, author: Member, count: int) -> list[Signed]:
    """A stream of so many posts, one in each envelope."""
    found: list[Signed] = []
    previous = b""
    for seq in range(1, count + 1):
        body = attachment_of((f"spam {seq}",))
        digest = hashlib.sha256(body).digest()
        opening = Opening(Start.FIRST) if seq == 1 else None
        stamp = stamp_of(room.wall_ms) + seq
        header = Envelope(
            author.id, author.epoch, author.boot, seq, 1, previous, stamp, digest, opening
        )
        found.append(sign(author.number, header, body))
        previous = admit(found[-1]).hash
    return found


class Flood(SynchronousTestCase):
    """An author above its rate."""

    def test_backfill_that_nobody_asked_for(self) -> None:
        """It counts as pushed: within the rate, not recovered; of the excess there is a gap to pull."""
        room = Room()
        ada, bob = room.member(1), room.member(2)
        room.roster()
        room.link(ada, bob)
        room.run()
        room.unplug(ada, bob)
        spam = row(room, ada, 300)
        for first in range(0, 300, 100):
            batch = tuple(spam[first : first + 100])
            message = Backfill(ada.id, ada.epoch, ada.boot, first + 1, first + 100, True, batch)
            bob.receive(ada.id, message)
        counters = bob.core.parts.book.counters
        self.assertEqual((len(bob.lines()), counters["rate_limited"]), (100, 200))
        self.assertEqual((counters["recovered"], counters["wants"]), (0, 0))
        self.assertEqual(bob.gaps(), [(101, 300)])
        room.wait(0.6)
        (want,) = [send.message for send in bob.sent if isinstance(send.message, Want)]
        self.assertEqual((want.first, want.last), (101, 300))
        answer = Backfill(ada.id, ada.epoch, ada.boot, 101, 300, True, tuple(spam[100:]))
        bob.receive(ada.id, answer)
        self.assertEqual((len(bob.lines()), counters["recovered"]), (300, 200))

    def test_excess_is_recovered(self) -> None:
        """What is above the rate is not taken live; it is a gap at once, and recovery fills it."""
        room = Room()
        ada = room.member(1, settings=Settings(posts_per_second=1000, burst=500))
        bob = room.member(2)
        room.roster()
        room.mesh()
        for number in range(150):
            ada.say(str(number))
        room.run()
        self.assertEqual(bob.core.parts.book.counters["rate_limited"], 50)
        self.assertEqual(bob.gaps(), [(101, 150)])
        self.assertEqual(bob.texts()[-1], "[101-150]")
        room.wait(0.4)
        self.assertEqual(bob.gaps(), [(101, 150)])
        room.wait(1.6)
        self.assertEqual(bob.texts(), [str(number) for number in range(150)])
        self.assertEqual(bob.core.parts.book.counters["recovered"], 50)
        self.assertEqual(ada.lines()[-1].acked, 1)
        kinds = [notice.state for notice in bob.notices if isinstance(notice, GapChanged)]
        self.assertEqual((kinds[0], kinds[-1]), ("open", "filled"))
        recovered = [notice for notice in bob.notices if isinstance(notice, Recovered)]
        self.assertEqual(sum(n.last - n.first + 1 for n in recovered), 50)

    def test_others_are_not_held_up(self) -> None:
        """One author's flood costs the others nothing."""
        room = Room()
        ada = room.member(1, settings=Settings(posts_per_second=1000, burst=500))
        bob, carol = room.member(2), room.member(3)
        room.roster()
        room.mesh()
        for number in range(200):
            ada.say(str(number))
        carol.say("hello")
        room.run()
        self.assertIn(carol.id, [line.author for line in bob.lines()])

    def test_many_streams(self) -> None:
        """Heads of more streams than an author can need are not kept."""
        room, ada, bob, _ = three()
        for number in range(300):
            signed = post(room, ada, "x", boot=f"{number:04x}")
            head = Signed(signed.purpose, signed.statement, signed.signature)
            bob.receive(ada.id, Posts((head,)))
        self.assertEqual(len(bob.gaps()), 256)
        self.assertEqual(bob.core.parts.book.counters["refused.too-many-streams"], 44)


class Clocks(SynchronousTestCase):
    """Authors whose clocks are off."""

    def test_a_minute_ahead(self) -> None:
        """Stored, shown at its place, marked; our clock moves no more than a minute."""
        room, ada, bob, carol = three()
        bob.receive(ada.id, Posts((post(room, ada, "from the future", 3600),)))
        carol.say("now")
        room.run()
        self.assertEqual(bob.texts(), ["now", "from the future"])
        self.assertEqual([line.mark for line in bob.lines()], ["", "clock"])
        bob.say("mine")
        self.assertEqual(bob.texts()[-1], "from the future")
        self.assertLess(bob.core.snapshot(room.now).hlc, stamp_of(room.wall_ms + 61_000))
        told = [notice for notice in bob.notices if isinstance(notice, ClockNoticed)]
        self.assertEqual([notice.what for notice in told], ["a post stamped 3600 s ahead"])

    def test_a_day_ahead(self) -> None:
        """Not taken yet, its author is told; once its time is near it is taken."""
        room, ada, bob, carol = three()
        signed = post(room, ada, "far future", 30 * 3600)
        bob.receive(ada.id, Posts((signed,)))
        bob.receive(carol.id, Posts((signed,)))
        self.assertEqual(bob.texts(), [])
        refusals = [send for send in bob.sent if isinstance(send.message, Rejected)]
        self.assertEqual([send.peer for send in refusals], [ada.id])
        head = Signed(signed.purpose, signed.statement, signed.signature)
        bob.receive(carol.id, Posts((head,)))
        self.assertEqual(bob.gaps(), [])
        room.wall_ms += 7 * 3600 * 1000
        bob.receive(carol.id, Posts((signed,)))
        self.assertEqual(bob.texts(), ["far future"])

    def test_told_that_it_is_refused(self) -> None:
        """An author whose post is not taken hears of it."""
        _room, ada, bob, _ = three()
        ada.say("x")
        ada.receive(bob.id, Rejected(ada.lines()[0].hash, "clock: stamped 30 h ahead"))
        told = [notice for notice in ada.notices if isinstance(notice, ClockNoticed)]
        self.assertIn("30 h ahead", told[0].what)

    def test_late(self) -> None:
        """Posts that crossed are not late; one that comes seconds after is."""
        room, ada, bob, carol = three()
        near, far = post(room, ada, "near", -0.3), post(room, ada, "far", -5.0, "cd")
        carol.say("new")
        room.run()
        bob.receive(ada.id, Posts((near, far)))
        self.assertEqual(
            {line.id.stream.boot[:2]: line.late for line in bob.lines()},
            {"ab": False, "cd": True, carol.boot[:2]: False},
        )

    def test_overtaken(self) -> None:
        """A post after a later one of its stream is late, however soon; what comes with it is not."""
        room, ada, bob, _ = three()
        first, second, third, fourth = row(room, ada, 4)
        for envelopes in ((first,), (fourth, second), (third,)):
            bob.receive(ada.id, Posts(envelopes))
        self.assertEqual([line.late for line in bob.lines()], [False, False, True, False])


class Lies(SynchronousTestCase):
    """Peers that break the protocol, and authors that contradict themselves."""

    def test_wrong_objects(self) -> None:
        """A direct message among posts costs the link, and changes nothing."""
        room, ada, bob, _ = three()
        ada.tell(bob, "hi")
        direct = next(iter(ada.disk.objects[f"dm/{ada.lines()[0].hash.hex()}"].values()))
        bob.receive(ada.id, Posts((direct,)))
        bob.receive(ada.id, Directs((post(room, ada, "x"),)))
        self.assertEqual(bob.errors, ["wrong-object", "wrong-object"])
        bob.receive(ada.id, Want(ada.id, 1, ada.boot, 5, 4))
        self.assertEqual(bob.errors[-1], "malformed")
        self.assertEqual(bob.texts(), [])

    def test_fork(self) -> None:
        """Two posts for one place: both shown, marked, proved by a fact; told once."""
        room, ada, bob, _ = three()
        one, two = post(room, ada, "one"), post(room, ada, "two")
        bob.receive(ada.id, Posts((one, two)))
        bob.receive(ada.id, Posts((one, two)))
        self.assertEqual(sorted(bob.texts()), ["one", "two"])
        self.assertEqual({line.mark for line in bob.lines()}, {"forked"})
        told = [notice for notice in bob.notices if isinstance(notice, Conflict)]
        self.assertEqual(len(told), 1)
        self.assertEqual(sum(key.startswith("fork/") for key in bob.disk.facts), 1)
        bob.restart()
        self.assertEqual({line.mark for line in bob.lines()}, {"forked"})
        bob.turn([])
        self.assertEqual(len([n for n in bob.notices if isinstance(n, Conflict)]), 1)

    def test_fork_is_told_to_others(self) -> None:
        """Who knows one side of a fork learns of the other, and then all digests are equal."""
        room, ada, bob, carol = three()
        one, two = post(room, ada, "one"), post(room, ada, "two")
        bob.receive(ada.id, Posts((one,)))
        carol.receive(ada.id, Posts((two,)))
        self.assertNotEqual(bob.digest, carol.digest)
        room.wait(10)
        bob.receive(ada.id, Posts((two,)))
        room.wait(40, 0.2)
        self.assertEqual(sorted(carol.texts()), ["one", "two"])
        self.assertEqual({ada.digest, bob.digest}, {carol.digest})

    def test_duplicates(self) -> None:
        """A duplicate is counted and not shown again."""
        room, ada, bob, _ = three()
        one = post(room, ada, "one")
        bob.receive(ada.id, Posts((one, one)))
        bob.receive(ada.id, Posts((one,)))
        self.assertEqual(bob.texts(), ["one"])
        self.assertEqual(bob.core.parts.book.counters["duplicates"], 2)
        self.assertEqual(sum(isinstance(notice, PostShown) for notice in bob.notices), 1)
