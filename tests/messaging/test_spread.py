"""Recovery from several holders: spread, paced, and in spite of liars and laggards."""

from __future__ import annotations

import itertools
from collections import Counter

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import MemberId
from securechat.inputs import Ending, LinkDown
from securechat.messaging.messages import Backfill, Frontiers, Want
from securechat.messaging.sources import BAD_ANSWER, NO_ANSWER, Asked, Source
from securechat.messaging.statements import attachment_of, texts_of
from securechat.settings import Settings
from tests.messaging.room import Disk, Member, Room, admit

FAST = Settings(posts_per_second=100_000, burst=100_000)
Span = tuple[int, int]


def holders(count: int, posts: int) -> tuple[Room, Member, list[Member], Member]:
    """Ada said so much and is gone; so many members have it all; another one has nothing yet."""
    room = Room()
    ada = room.member(1, settings=FAST)
    rest = [room.member(number, settings=FAST) for number in range(2, count + 2)]
    late = room.member(count + 2, settings=FAST)
    room.roster()
    for holder in rest:
        room.link(ada, holder)
    for number in range(posts):
        ada.say(str(number))
        room.run()
    room.wait(0.3)
    for holder in rest:
        room.cut(ada, holder)
    return room, ada, rest, late


def tell(late: Member, ada: Member) -> None:
    """Ada's last header: that there is a gap."""
    signed = ada.disk.object(ada.lines(limit=9000)[-1].hash)
    late.receive(ada.id, Frontiers((evolve(signed, attachment=b""),)))


def wants(member: Member) -> list[tuple[MemberId, Span]]:
    """Whom a member asked for what, in order."""
    return [
        (send.peer, (send.message.first, send.message.last))
        for send in member.sent
        if isinstance(send.message, Want)
    ]


def asked_of(member: Member) -> Counter[MemberId]:
    """How many posts a member asked of each."""
    found: Counter[MemberId] = Counter()
    for peer, (first, last) in wants(member):
        found[peer] += last - first + 1
    return found


def gap_of(member: Member) -> tuple[dict[MemberId, str], str, float | None]:
    """Of the one gap of a member: what each answered, the verdict, the next try."""
    (line,) = member.core.gaps(member.room.now)
    return {a.member: a.answer for a in line.asked}, line.verdict, line.next_try


def spoil(member: Member, seq: int) -> None:
    """Another text in a stored envelope than its header binds."""
    line = member.lines()[seq - 1]
    for row in member.disk.objects.values():
        if line.hash in row:
            texts = texts_of(row[line.hash])
            other = attachment_of(("not what was said",) * len(texts))
            row[line.hash] = evolve(row[line.hash], attachment=other)


class Spread(SynchronousTestCase):
    """A long gap of a stream whose author is away."""

    def test_over_all_holders(self) -> None:
        """Each holder is asked for a part of its own, newest first, at most 256 posts."""
        room, _ada, rest, late = holders(3, 1500)
        for holder in rest:
            room.link(holder, late)
        room.run()
        room.wait(4)
        self.assertEqual(late.texts(limit=5000), rest[0].texts(limit=5000))
        found = wants(late)
        self.assertEqual({peer for peer, _ in found[:3]}, {holder.id for holder in rest})
        self.assertEqual([span for _, span in found[:3]], [(1245, 1500), (989, 1244), (733, 988)])
        spans = sorted(span for _, span in found)
        self.assertEqual(spans[0][0], 1)
        self.assertTrue(all(a[1] + 1 == b[0] for a, b in itertools.pairwise(spans)))
        self.assertEqual(late.core.parts.book.counters["duplicates"], 0)

    def test_one_at_a_time(self) -> None:
        """No peer ever has two wants outstanding."""
        room, _ada, rest, late = holders(2, 1200)
        for holder in rest:
            room.link(holder, late)
        out: Counter[MemberId] = Counter()
        seen = 0
        for _ in range(60):
            room.tick()
            for send in late.sent[seen:]:
                out[send.peer] += isinstance(send.message, Want)
            seen = len(late.sent)
            for holder in rest:
                finals = [
                    s for s in holder.sent if isinstance(s.message, Backfill) and s.message.final
                ]
                self.assertLessEqual(out[holder.id] - len(finals), 1)
        self.assertEqual(len(late.lines(limit=5000)), 1200)

    def test_parts(self) -> None:
        """Holders of different parts are each asked for what they have."""
        room, ada, rest, late = holders(2, 200)
        objects = [ada.disk.object(line.hash) for line in ada.lines(limit=9000)]
        for holder, keep in zip(rest, (objects[:100], objects[100:]), strict=True):
            holder.disk = Disk()
            holder.restart()
            room.roster()
            room.link(holder, late)
            room.run()
            for signed in keep:
                holder.turn(holder.core.parts.taking.live([admit(signed)], late.id, room.now))
            room.cut(holder, late)
        for holder in rest:
            room.link(holder, late)
        room.wait(4)
        self.assertEqual(late.texts(), [str(n) for n in range(200)])
        self.assertEqual(sorted(asked_of(late)), sorted(holder.id for holder in rest))

    def test_links_that_end(self) -> None:
        """What was asked of a holder that went is asked of another; nothing comes twice."""
        room, _ada, rest, late = holders(3, 1500)
        for holder in rest:
            room.link(holder, late)
        rest[0].frozen = True
        room.wait(0.1)
        self.assertGreater(len(late.lines(limit=5000)), 0)
        room.cut(rest[0], late)
        room.wait(0.5)
        room.cut(rest[1], late)
        room.wait(3)
        self.assertEqual(len(late.lines(limit=5000)), 1500)
        self.assertEqual(late.core.parts.book.counters["duplicates"], 0)

    def test_restarts(self) -> None:
        """A node that is killed again and again while it catches up goes on where it was."""
        room, _ada, rest, late = holders(2, 1500)
        had = [0]
        for _ in range(8):
            for holder in rest:
                room.link(holder, late)
            room.wait(0.1)
            for holder in rest:
                room.cut(holder, late)
            late.restart()
            room.roster()
            had.append(len(late.lines(limit=5000)))
        self.assertEqual(had, sorted(had))
        self.assertEqual(late.texts(limit=5000), [str(n) for n in range(1500)])
        self.assertLessEqual(sum(asked_of(late).values()), 1500 + 8 * 512)


class Fair(SynchronousTestCase):
    """The budget of a thousand posts a second."""

    def test_shared_among_authors(self) -> None:
        """One who said very much does not hold up the posts of others."""
        room = Room()
        ada, bob, carol, late = (room.member(number, settings=FAST) for number in (1, 2, 3, 4))
        room.roster()
        room.link(ada, carol)
        room.link(bob, carol)
        for start in range(0, 6000, 50):
            ada.say_all(f"much {n}" for n in range(start, start + 50))
            room.run()
        for start in range(0, 1500, 50):
            bob.say_all(f"some {n}" for n in range(start, start + 50))
            room.run()
        room.wait(0.3)
        room.cut(ada, carol)
        room.cut(bob, carol)
        room.link(carol, late)
        late.sent.clear()
        begun = room.mono
        while bob.id not in {line.author for line in late.lines(limit=9000)} or (
            sum(line.author == bob.id for line in late.lines(limit=9000)) < 1500
        ):
            room.tick(0.1)
            self.assertLess(room.mono - begun, 10)
        share: Counter[MemberId] = Counter()
        for send in late.sent:
            if isinstance(send.message, Want):
                share[send.message.author] += send.message.last - send.message.first + 1
        self.assertGreater(share[bob.id], 1100)  # whole envelopes come
        self.assertLessEqual(abs(share[ada.id] - share[bob.id]), 2 * 256)
        self.assertLessEqual(sum(share.values()), 1000 * (room.mono - begun) + 1000)

    def test_who_comes_later(self) -> None:
        """Who needs something after others were served for long begins beside them, not before."""
        room, ada, rest, late = holders(1, 3000)
        bob = room.member(9 - 1, settings=FAST)
        room.roster()
        room.link(rest[0], late)
        room.wait(1.5)
        room.link(bob, rest[0])
        for start in range(0, 1200, 50):
            bob.say_all(f"later {n}" for n in range(start, start + 50))
            room.run()
        room.cut(bob, rest[0])
        late.sent.clear()
        room.wait(1.2)
        share: Counter[MemberId] = Counter()
        for send in late.sent:
            if isinstance(send.message, Want):
                share[send.message.author] += 1
        self.assertGreater(share[ada.id], 0)

    def test_nobody_slips_in(self) -> None:
        """When the next one needs more than is left of the budget, no smaller want goes before it."""
        room, ada, rest, late = holders(2, 60)
        bob = room.member(8, settings=FAST)
        room.roster()
        room.link(bob, rest[1])
        for number in range(300):
            bob.say(str(number))
        room.run()
        room.cut(bob, rest[1])
        for holder in rest:
            room.told(late, holder)
            holder.frozen = True
        for holder, author in zip(rest, (ada, bob), strict=True):
            stream = author.lines()[-1].id.stream
            for signed in holder.core.parts.announcing._own.delta([stream], room.now):
                late.core.parts.hearing._frontier(admit(signed), holder.id, room.now)
        shares = late.core.parts.recovery._shares
        shares._given[ada.id] = 500.0
        shares._bucket._tokens, shares._bucket._since = 100.0, room.mono
        late.turn([])
        self.assertEqual(wants(late), [])
        room.wait(0.16, 0.02)
        self.assertEqual([peer for peer, _ in wants(late)], [rest[1].id])
        room.wait(0.3)
        self.assertEqual([peer for peer, _ in wants(late)], [rest[1].id, rest[0].id])


class Failing(SynchronousTestCase):
    """Holders that lie, and holders that do not answer."""

    def test_liar(self) -> None:
        """An altered text costs a holder its link and a strike; the next one is asked."""
        room, ada, rest, late = holders(2, 100)
        liar, honest = rest
        spoil(liar, 60)
        tell(late, ada)
        room.link(liar, late)
        room.wait(0.5)
        self.assertEqual(late.errors, ["malformed"])
        self.assertNotIn(frozenset((liar.id, late.id)), room.links)
        self.assertEqual(late.core.parts.book.counters["strikes"], 1)
        self.assertEqual(late.lines(), [])
        late.sent.clear()
        room.link(liar, late)
        self.assertEqual(gap_of(late)[0], {liar.id: BAD_ANSWER})
        room.link(honest, late)
        room.wait(2)
        self.assertEqual(late.texts(), ada.texts())
        self.assertEqual(set(asked_of(late)), {honest.id})

    def test_only_a_liar(self) -> None:
        """With nobody else to ask the liar is asked again after 30 s; meanwhile the gap tells it."""
        room, ada, rest, late = holders(1, 100)
        (liar,) = rest
        good = liar.disk.copy()
        spoil(liar, 60)
        tell(late, ada)
        room.link(liar, late)
        room.wait(0.5)
        room.link(liar, late)
        room.wait(2)
        answers, verdict, next_try = gap_of(late)
        self.assertEqual((answers, verdict), ({liar.id: BAD_ANSWER}, "waiting"))
        self.assertTrue(next_try is not None and 20 < next_try < 30, next_try)
        liar.disk.objects = good.objects
        room.wait(35, 0.25)
        self.assertEqual(late.texts(), ada.texts())

    def test_other_breaches(self) -> None:
        """A breach of ours, or one by another message, is no strike while a peer is asked."""
        room, ada, rest, late = holders(1, 100)
        (holder,) = rest
        tell(late, ada)
        for offence, strikes in (("", 0), ("Posts", 0), ("Frontiers", 0), ("Backfill", 1)):
            room.told(late, holder)
            holder.frozen = True
            for signed in holder.core.parts.announcing._own.full(room.now):
                late.receive(holder.id, Frontiers((signed,)))
            self.assertIsNotNone(late.core.parts.recovery.sources[holder.id].want, offence)
            down = LinkDown(holder.id, 1, Ending.PROTOCOL, "malformed", None, False, offence)
            room.unplug(late, holder)
            late.turn(late.core.link_down(down, room.now))
            self.assertEqual(late.core.parts.book.counters["strikes"], strikes, offence)
            holder.frozen = False
            room.tick()

    def test_laggard(self) -> None:
        """Who does not answer in 5 s is left alone, longer each time; others are asked."""
        room, ada, rest, late = holders(2, 400)
        slow, quick = rest
        tell(late, ada)
        room.told(late, slow)
        slow.frozen = True
        for signed in slow.core.parts.announcing._own.full(room.now):
            late.turn(late.core.parts.hearing._frontier(admit(signed), slow.id, room.now))
        self.assertEqual(wants(late), [(slow.id, (145, 400))])
        room.wait(6)
        self.assertEqual(gap_of(late)[0], {slow.id: NO_ANSWER})
        room.wait(22)
        times = len(wants(late))
        self.assertEqual(times, 3)
        room.link(quick, late)
        room.wait(5)
        self.assertEqual(len(late.lines()), 400)
        self.assertEqual(late.texts(), ada.texts())

    def test_slow_answer(self) -> None:
        """An answer that comes bit by bit is waited for, but not for ever."""
        want = Asked(Stream1, 1, 256, 100.0, 105.0)
        want.progress(104.0, 5.0)
        self.assertEqual(want.until, 109.0)
        want.progress(129.0, 5.0)
        self.assertEqual(want.until, 130.0)

    def test_pauses(self) -> None:
        """The pauses grow to a minute and to ten; an answer ends the first, only time the second."""
        source = Source()
        pauses = []
        for _ in range(6):
            source.lagged(0.0, 5.0)
            pauses.append(source.quiet)
        self.assertEqual(pauses, [5, 10, 20, 40, 60, 60])
        source.answered()
        source.lagged(0.0, 5.0)
        self.assertEqual(source.quiet, 5.0)
        pauses = []
        for _ in range(7):
            source.struck(0.0)
            pauses.append(source.quiet)
        self.assertEqual(pauses, [30, 60, 120, 240, 480, 600, 600])
        again = source.anew([], 599.0)
        self.assertEqual((again.quiet, again.strikes), (600.0, 7))
        self.assertEqual((source.anew([], 601.0).quiet, source.anew([], 601.0).strikes), (0.0, 7))


Stream1 = holders(1, 1)[1].lines()[0].id.stream
