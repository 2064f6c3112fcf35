"""Recovery and gaps: who is asked, what answers mean, and that it comes to rest."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import Stream
from securechat.inputs import Ending, LinkDown
from securechat.messaging.messages import Absent, Backfill, Frontiers, Posts, Want, Why
from securechat.messaging.sources import NO_ANSWER, Source
from securechat.messaging.statements import FloorEntry, Frontier, StreamEntry
from securechat.messaging.views import GapLine
from securechat.settings import Settings
from tests.messaging.room import Member, Room, sign, three

FAST = Settings(posts_per_second=100_000, burst=100_000)


def wants(member: Member) -> list[tuple[int, int]]:
    """The ranges that a member asked for."""
    return [(s.message.first, s.message.last) for s in member.sent if isinstance(s.message, Want)]


def chatter(count: int) -> tuple[Room, Member, Member, Member]:
    """Ada and bob linked, carol away while ada said so much."""
    room = Room()
    ada, bob, carol = (room.member(number, settings=FAST) for number in (1, 2, 3))
    room.roster()
    room.link(ada, bob)
    for number in range(count):
        ada.say(str(number))
    room.wait(0.5)
    return room, ada, bob, carol


def one_of_two(member: Member, peer: Member) -> None:
    """One of two links to a peer ends."""
    down = LinkDown(peer.id, 1, Ending.BOOKKEEPING, "duplicate", None, linked=True)
    member.turn(member.core.link_down(down, member.now))


def all_anew(member: Member, peer: Member) -> None:
    """A peer opens another link, which takes the place of the one before."""
    member.room.told(member, peer)


class Recovery(SynchronousTestCase):
    """Pulling what is missing."""

    def test_from_the_author(self) -> None:
        """Newest first, at most 256 posts a want, one want at a time."""
        room, ada, _bob, carol = chatter(600)
        room.link(ada, carol)
        room.wait(5)
        self.assertEqual(wants(carol), [(345, 600), (89, 344), (1, 88)])
        self.assertEqual(carol.texts(), ada.texts())
        self.assertTrue(all(line.recovered for line in carol.lines()))
        self.assertEqual(ada.lines()[0].acked, 2)

    def test_from_a_third(self) -> None:
        """With the author away, another member serves what it has."""
        room, ada, bob, carol = chatter(300)
        room.cut(ada, bob)
        room.link(bob, carol)
        room.wait(3)
        self.assertEqual(carol.texts(), bob.texts())
        self.assertEqual(len(carol.texts()), 300)

    def test_big_posts(self) -> None:
        """An answer is cut at 256 KiB and goes on; the frames fit."""
        room, ada, _bob, carol = chatter(0)
        for number in range(60):
            ada.say(f"{number} " + "x" * 8000)
        room.link(ada, carol)
        room.wait(3)
        self.assertEqual(carol.texts(), ada.texts())
        self.assertEqual(carol.errors, [])
        self.assertGreater(len(wants(carol)), 1)

    def test_live_while_it_catches_up(self) -> None:
        """A returning member chats at once, and shows what is still missing as a gap."""
        room, ada, bob, carol = chatter(300)
        room.link(ada, carol)
        carol.say("I am back")
        ada.say("welcome")
        room.run()
        self.assertEqual(carol.texts(), ["I am back", "[1-300]", "welcome"])
        self.assertIn("I am back", bob.texts() + ada.texts())
        room.wait(3)
        self.assertEqual(len(carol.texts()), 302)
        self.assertEqual(carol.texts()[-2:], ["I am back", "welcome"])
        self.assertEqual({line.late for line in carol.lines()[:300]}, {True})

    def test_grace(self) -> None:
        """A hole in a linked author's own stream waits half a second for frames on their way."""
        room, ada, _bob, carol = chatter(0)
        room.link(ada, carol)
        room.run()
        ada.say("one")
        frames = list(room._frames)
        room._frames.clear()
        ada.say("two")
        room.run()
        ada.core.parts.announcing.up(carol.id, room.now)
        ada.turn([])
        room.run()
        self.assertEqual(wants(carol), [])
        room.wait(0.3)
        self.assertEqual(wants(carol), [])
        room._frames.extend(frame for frame in frames if frame[1] == carol.id)
        room.wait(1)
        self.assertEqual(wants(carol), [])
        self.assertEqual(carol.texts(), ["one", "two"])

    def test_silent_peer(self) -> None:
        """A want that is not answered ends after 5 s, and somebody else is asked."""
        room, ada, bob, carol = chatter(50)
        room.link(ada, carol)
        ada.frozen = True
        room.wait(1)
        self.assertEqual(carol.texts(), ["[1-50]"] if carol.gaps() else [])
        room.link(bob, carol)
        room.wait(8)
        self.assertEqual(len(carol.lines()), 50)
        self.assertLessEqual(carol.core.parts.book.counters["wants_timed_out"], 1)

    def test_one_of_two_links_ends(self) -> None:
        """What was asked on it may not be read any more: it is asked again at once, and had once."""
        for read in (False, True):
            room, ada, _bob, carol = chatter(300)
            room.link(ada, carol)
            ada.frozen = True
            room.wait(1)
            self.assertEqual(wants(carol), [(45, 300)])
            if not read:
                room._frames.clear()
            down = LinkDown(ada.id, 1, Ending.BOOKKEEPING, "duplicate", None, linked=True)
            carol.turn(carol.core.link_down(down, carol.now))
            self.assertEqual(wants(carol), [(45, 300)] * 2)
            ada.frozen = False
            room.wait(1)
            self.assertEqual(wants(carol)[2:], [(1, 44)])
            self.assertEqual(carol.texts(), ada.texts())
            self.assertEqual(carol.errors, [])

    def beside(self, count: int) -> tuple[Room, Member, Member, list[Member]]:
        """Carol is linked to bob last; so many others say to have the same, and never answer."""
        room, ada, bob, carol = chatter(300)
        others = [room.member(4 + number) for number in range(count)]
        room.roster()
        for peer in others:
            peer.frozen = True
            room.told(carol, peer)
            entry = StreamEntry(*_place(ada), ((1, 300, ada.lines()[-1].hash),))
            claim = Frontier(peer.id, peer.epoch, peer.boot, 1, True, 1, 1, (), (entry,))
            carol.receive(peer.id, Frontiers((sign(peer.number, claim),)))
        room.link(bob, carol)
        return room, ada, carol, others

    def test_flapping_peers(self) -> None:
        """Holders that drop their links before they answer, one or several in turn: bob is asked."""
        for again in (one_of_two, all_anew):
            for count in (1, 2, 3):
                room, ada, carol, others = self.beside(count)
                for peer in others * 3:
                    room.wait(4.8 / count)
                    again(carol, peer)
                self.assertEqual(carol.texts(), ada.texts())

    def test_late_peers_that_come_anew(self) -> None:
        """Holders that wait until they are late, and then come with another link: bob is asked."""
        room, ada, carol, others = self.beside(3)
        for _ in range(150):
            room.wait(0.1)
            for peer in others:
                if carol.core.parts.recovery.sources[peer.id].quiet:
                    all_anew(carol, peer)
        self.assertEqual(carol.texts(), ada.texts())

    def test_flapping_author(self) -> None:
        """An author who drops his link before he answers is not waited for."""
        for again in (one_of_two, all_anew):
            room, ada, bob, carol = chatter(300)
            room.link(ada, carol)
            room.run()
            ada.frozen = True
            room.link(bob, carol)
            for _ in range(3):
                room.wait(4)
                again(carol, ada)
            self.assertEqual(carol.texts(), bob.texts())

    def test_flapping_peer_alone(self) -> None:
        """With nobody else to ask it is asked again at once, and believed as soon as it answers."""
        for again in (one_of_two, all_anew):
            room, ada, _bob, carol = chatter(300)
            room.link(ada, carol)
            ada.frozen = True
            room.wait(1)
            for _ in range(4):
                again(carol, ada)
                room.wait(0.1)
            self.assertEqual(wants(carol), [(45, 300)] * 5)
            ada.frozen = False
            room.wait(2)
            self.assertEqual(carol.texts(), ada.texts())
            self.assertEqual(carol.core.parts.recovery.sources[ada.id].failed_lately, 0)

    def test_liar(self) -> None:
        """Who claims what it does not have is asked once, and again only after new claims."""
        room, ada, bob, carol = chatter(3)
        mine = ada.lines()[0].id.stream
        room.told(carol, bob)
        bob.frozen = True
        for version in (1, 2):
            entry = StreamEntry(
                mine.author, mine.epoch, mine.boot, ((1, 100 + version, ada.lines()[0].hash),)
            )
            claim = Frontier(bob.id, bob.epoch, bob.boot, version, False, 1, 1, (), (entry,))
            carol.sent.clear()
            carol.receive(bob.id, Frontiers((sign(2, claim),)))
            self.assertEqual(wants(carol), [(1, 100 + version)])
            carol.receive(bob.id, Absent(*_place(ada), ((1, 50), (200, 300)), Why.NEVER_HAD))
            carol.receive(bob.id, Backfill(*_place(ada), 1, 100 + version, True))
            room.wait(10)
            self.assertEqual(len(wants(carol)), 1)
        self.assertEqual(carol.gaps(), [])

    def test_wrong_final(self) -> None:
        """A final answer for another range than was asked counts as no answer to all of it."""
        room, ada, bob, carol = chatter(3)
        mine = ada.lines()[0].id.stream
        room.told(carol, bob)
        bob.frozen = True
        entry = StreamEntry(mine.author, mine.epoch, mine.boot, ((1, 9, ada.lines()[0].hash),))
        claim = Frontier(bob.id, bob.epoch, bob.boot, 1, False, 1, 1, (), (entry,))
        carol.receive(bob.id, Frontiers((sign(2, claim),)))
        carol.receive(bob.id, Backfill(*_place(ada), 500, 600, True))
        carol.receive(bob.id, Backfill(*_place(ada), 1, 9, True))
        carol.receive(bob.id, Backfill(bob.id, 1, bob.boot, 1, 9, True))
        room.wait(10)
        self.assertEqual(len(wants(carol)), 1)

    def test_paced(self) -> None:
        """No more than a thousand posts a second are asked for."""
        room, ada, _bob, carol = chatter(0)
        for start in range(0, 3000, 60):
            ada.say_all(str(n) for n in range(start, start + 60))
        room.link(ada, carol)
        begun = room.mono
        while len(carol.lines(limit=9000)) < 3000 and room.mono < begun + 20:
            room.tick()
        self.assertGreater(room.mono - begun, 1.9)
        self.assertLess(room.mono - begun, 6)

    def test_answers(self) -> None:
        """A want is answered for its whole range: envelopes, pruned, never had."""
        room, ada, bob, carol = chatter(10)
        small = room.member(4, settings=Settings(history_posts=4))
        room.roster()
        room.link(ada, small)
        room.wait(3)
        self.assertEqual(len(small.lines()), 4)
        room.told(small, carol)
        small.sent.clear()
        small.receive(carol.id, Want(*_place(ada), 3, 30))
        found = [send.message for send in small.sent if send.peer == carol.id]
        absences = [(m.ranges, m.why) for m in found if isinstance(m, Absent)]
        self.assertEqual(absences, [(((3, 6),), Why.PRUNED), (((11, 30),), Why.NEVER_HAD)])
        final = [(m.first, m.last, m.final) for m in found if isinstance(m, Backfill)]
        self.assertEqual(final, [(3, 30, True)])
        small.sent.clear()
        small.receive(carol.id, Want(bob.id, 9, bob.boot, 1, 5))
        found = [send.message for send in small.sent if send.peer == carol.id]
        self.assertEqual([type(m) for m in found], [Absent, Backfill])


def _place(author: Member) -> tuple[Any, Any, Any]:
    return (author.id, author.epoch, author.boot)


class NotAnswered(SynchronousTestCase):
    """What was asked for and not had."""

    def test_refused_for_its_clock(self) -> None:
        """A post that was stamped too far ahead is asked for again while the link lasts."""
        room = Room()
        ada, bob = room.member(1, settings=FAST), room.member(2, settings=FAST)
        room.roster()
        room.link(ada, bob)
        room.run()
        day = 24 * 3600 * 1000 + 20_000
        room.wall_ms += day
        ada.say("from tomorrow")
        room.wall_ms -= day
        room.wait(10)
        self.assertEqual(bob.texts(), [])
        asked = len(wants(bob))
        self.assertLess(asked, 6)
        room.wait(60)
        self.assertEqual(bob.texts(), ["from tomorrow"])
        room.wait(2)
        asked = len(wants(bob))
        room.wait(120)
        self.assertEqual(len(wants(bob)), asked)

    def test_never_had(self) -> None:
        """What a peer says that it does not have is not asked for again by its next frontier."""
        asked = Source()
        ada = Room().member(1)
        place = Stream(ada.id, ada.epoch, ada.boot)
        asked.refuse(place, [(1, 4)], Why.NEVER_HAD)
        self.assertFalse(asked.ask_again(place))
        asked.refuse(place, [(5, 9)], NO_ANSWER)
        self.assertTrue(asked.ask_again(place))
        self.assertEqual(asked.refused[place].spans, ((1, 4),))


class Gaps(SynchronousTestCase):
    """What people see of what is missing."""

    def hole(self) -> tuple[Room, Member, Member, Member]:
        """Carol knows that ada said three posts and has the third only; nobody is linked to her."""
        room, ada, bob, carol = chatter(3)
        last = ada.disk.object(ada.lines()[2].hash)
        carol.receive(bob.id, Posts((last,)))
        return room, ada, bob, carol

    def test_told(self) -> None:
        """A gap says who was asked, what each answered, who could not be asked, what is next."""
        room, ada, bob, carol = self.hole()
        (gap,) = carol.core.gaps(room.now)
        self.assertEqual((gap.first, gap.last, gap.verdict), (1, 2, "waiting"))
        self.assertEqual(gap.not_asked, tuple(sorted((ada.id, bob.id))))
        room.link(bob, carol)
        bob.frozen = True
        carol.turn([])
        room.wait(1)
        room.run()
        entry = StreamEntry(*_place(ada), ((1, 3, ada.lines()[2].hash),))
        claim = Frontier(bob.id, bob.epoch, bob.boot, 50, False, 1, 1, (), (entry,))
        carol.receive(bob.id, Frontiers((sign(2, claim),)))
        (gap,) = carol.core.gaps(room.now)
        self.assertEqual(gap.verdict, "asking")
        self.assertEqual([(a.member, a.answer) for a in gap.asked], [(bob.id, "asked")])
        self.assertEqual(gap.not_asked, (ada.id,))
        self.assertIsNotNone(gap.next_try)

    def test_closes_and_reopens(self) -> None:
        """Closed once every member has answered no; open again when one claims it; then filled."""
        room, ada, bob, carol = self.hole()
        room.told(carol, bob)
        room.told(carol, ada)
        ada.frozen = bob.frozen = True
        room.tick()
        floor = FloorEntry(*_place(ada), 2)
        for holder, floors in ((ada, (floor,)), (bob, ())):
            claim = Frontier(holder.id, holder.epoch, holder.boot, 90, True, 1, 1, floors)
            carol.receive(holder.id, Frontiers((sign(holder.number, claim),)))
        room.wait(1.1)
        (gap,) = carol.core.gaps(room.now)
        self.assertEqual(gap.verdict, "closed: pruned by some, never had by others")
        answers = {answer.member: answer.answer for answer in gap.asked}
        self.assertEqual(answers, {ada.id: "pruned", bob.id: "never had"})
        self.assertIsNone(gap.next_try)
        room.cut(carol, ada)
        self.assertTrue(carol.core.gaps(room.now)[0].verdict.startswith("closed"))
        room.told(carol, ada)
        ada.frozen = bob.frozen = False
        entry = StreamEntry(*_place(ada), ((1, 3, ada.lines()[2].hash),))
        claim = Frontier(bob.id, bob.epoch, bob.boot, 91, False, 1, 1, (), (entry,))
        carol.receive(bob.id, Frontiers((sign(2, claim),)))
        (gap,) = carol.core.gaps(room.now)
        self.assertEqual(gap.verdict, "asking")
        room.wait(1)
        self.assertEqual(carol.core.gaps(room.now), ())
        self.assertEqual(carol.texts(), ["0", "1", "2"])

    def test_head_travels(self) -> None:
        """A gap is known to all, even if only one node heard of the post."""
        room, ada, bob, carol = three()
        room.cut(ada, carol)
        room.cut(ada, bob)
        ada.say("lost soon")
        signed = ada.disk.object(ada.lines()[0].hash)
        head = type(signed)(signed.purpose, signed.statement, signed.signature)
        bob.receive(carol.id, Frontiers((head,)))
        room.wait(1.5)
        self.assertEqual([bob.gaps(), carol.gaps()], [[(1, 1)], [(1, 1)]])
        dave = room.member(4)
        room.roster()
        room.link(dave, carol)
        room.run()
        self.assertEqual(dave.gaps(), [(1, 1)])
        room.link(ada, dave)
        room.wait(5)
        self.assertEqual([m.texts() for m in (bob, carol, dave)], [["lost soon"]] * 3)
        self.assertFalse(any(key.startswith("head/") for key in dave.disk.facts))

    def test_in_the_transcript(self) -> None:
        """A gap stands before its successor, one at a stream's end last; each has its next try."""
        room, ada, bob, carol = self.hole()
        bob.say("bob is here")
        signed = bob.disk.object(bob.lines()[-1].hash)
        room.tick()
        ada.say("and one more")
        head = ada.disk.object(ada.lines()[-1].hash)
        carol.receive(bob.id, Posts((signed,)))
        carol.receive(
            bob.id, Frontiers((type(head)(head.purpose, head.statement, head.signature),))
        )
        self.assertEqual(carol.texts(), ["[1-2]", "2", "bob is here", "[4-4]"])
        room.link(bob, carol)
        bob.frozen = True
        room.wait(1)
        carol.receive(bob.id, Frontiers(tuple(bob.core.parts.announcing._own.full(room.now))))
        lines = [line for line in carol.page(now=room.now).lines if isinstance(line, GapLine)]
        self.assertEqual([line.verdict for line in lines], ["asking", "waiting"])
        self.assertTrue(all(line.next_try is not None and line.next_try > 0 for line in lines))
        bob.frozen = False
        room.wait(8)
        self.assertEqual(carol.texts(), ["0", "1", "2", "bob is here", "and one more"])
        self.assertEqual([line.late for line in carol.lines()], [True, True, False, False, False])
