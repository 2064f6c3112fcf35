"""Frontiers and digests: who is told what, and how little an idle room says."""

from __future__ import annotations

import itertools
from collections import Counter

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Send
from securechat.ids import BootId, Hash, MemberId
from securechat.inputs import Tick
from securechat.messaging.claims import Claims
from securechat.messaging.messages import Digest, Frontiers, Posts
from securechat.messaging.statements import FloorEntry, Frontier, StreamEntry
from securechat.settings import Settings
from tests.messaging.room import Member, Room, admit, sign, signer, three

FAST = Settings(posts_per_second=100_000, burst=100_000)
ADA, BOB = signer(1).member, signer(2).member
BOOT = BootId("0" * 32)
HASH = Hash(b"\1" * 32)


def kinds(*members: Member) -> Counter[str]:
    """What was sent, by kind."""
    return Counter(type(send.message).__name__ for m in members for send in m.sent)


@define(eq=False)
class Lossy(Room):
    """A room in which what one member says to another of some kind gets lost, and the link stays."""

    lost: dict[tuple[MemberId, MemberId], type] = field(factory=dict)

    def carry(self, sender: Member, send: Send) -> None:
        """Put a message on its link, unless it gets lost."""
        if type(send.message) is not self.lost.get((sender.id, send.peer)):
            super().carry(sender, send)


class LostOnTheWay(SynchronousTestCase):
    """Frontiers that get lost on a link that stays."""

    def lossy(self, peers: int = 2) -> tuple[Lossy, Member, list[Member]]:
        """Bob's frontiers to ada get lost."""
        room = Lossy()
        ada, bob, *rest = [room.member(number) for number in range(1, peers + 2)]
        room.roster()
        room.mesh()
        room.wait(2)
        room.lost[(bob.id, ada.id)] = Frontiers
        return room, ada, [bob, *rest]

    def states(self, ada: Member, peers: list[Member], index: int = -1) -> list[str]:
        """What ada knows of a post at each."""
        rows = {row.member: row.state for row in ada.core.delivery(ada.lines()[index].id)}
        return [str(rows[peer.id]) for peer in peers]

    def test_told_again(self) -> None:
        """The evidence comes without a further post: soon after the link carries frontiers again."""
        room, ada, peers = self.lossy()
        ada.say("one")
        room.wait(1)
        self.assertEqual(self.states(ada, peers), ["sent", "acked"])
        room.lost.clear()
        room.wait(2.5)
        self.assertEqual(self.states(ada, peers), ["acked", "acked"])
        self.assertEqual(peers[0].texts(), ["one"])
        self.assertEqual(ada.core.parts.book.counters["evidence_asked"], 1)
        for member in room.members.values():
            member.sent.clear()
        room.wait(60, 0.25)
        self.assertEqual(set(kinds(*room.members.values())), {"Digest"})

    def test_after_its_deadline(self) -> None:
        """What was unknown by then is acked all the same, and asking backs off meanwhile."""
        room, ada, peers = self.lossy()
        ada.say_all(["one", "two"])
        ada.say("three")
        room.wait(60, 0.25)
        self.assertEqual(self.states(ada, peers), ["unknown", "acked"])
        self.assertLessEqual(ada.core.parts.book.counters["evidence_asked"], 6)
        room.lost.clear()
        room.wait(31, 0.25)
        for index in range(3):
            self.assertEqual(self.states(ada, peers, index), ["acked", "acked"])
        self.assertEqual(peers[0].texts(), ["one", "two", "three"])

    def streams(self, count: int) -> tuple[Lossy, Member, Member]:
        """Ada says a post in each of so many processes; what bob says to her gets lost meanwhile."""
        room = Lossy()
        ada, bob = room.member(1), room.member(2)
        room.roster()
        for number in range(count):
            if number:
                ada.restart()
                room.seat(ada, ada, bob)
            ada.say(str(number))
        room.lost[(bob.id, ada.id)] = Frontiers
        room.link(ada, bob)
        room.wait(5)
        return room, ada, bob

    def given(self, member: Member) -> Counter[Hash]:
        """How often a member gave each post unasked."""
        pushed = [send for send in member.sent if isinstance(send.message, Posts)]
        return Counter(name for send in pushed for name in send.objects)

    def test_older_streams(self) -> None:
        """Evidence for what earlier processes said comes as well, however many those are."""
        room, ada, bob = self.streams(20)
        room.lost.clear()
        room.wait(60, 0.25)
        states = [self.states(ada, [bob], number) for number in range(20)]
        self.assertEqual(states, [["acked"]] * 20)
        for member in (ada, bob):
            member.sent.clear()
        room.wait(60, 0.25)
        self.assertEqual(set(kinds(ada, bob)), {"Digest"})

    def test_older_streams_in_vain(self) -> None:
        """Who says nothing of them is asked a few times on a link; of the newest it is asked on."""
        room, ada, bob = self.streams(2)
        room.wait(900, 0.25)
        given, (old, new) = self.given(ada), (line.hash for line in ada.lines())
        self.assertEqual(given[old], 8)
        self.assertGreater(given[new], 20)
        room.lost.clear()
        room.cut(ada, bob)
        room.lost[(bob.id, ada.id)] = Frontiers
        room.link(ada, bob)
        room.wait(5)
        room.lost.clear()
        room.wait(40, 0.25)
        self.assertEqual(self.states(ada, [bob], 0), ["acked"])

    def test_pruned_by_a_peer(self) -> None:
        """Whose floor is above a post is not asked for its word."""
        room, ada, bob = self.streams(2)
        room.cut(ada, bob)
        room.link(ada, bob)
        ada.sent.clear()
        floor = FloorEntry(ada.id, 1, BootId(f"{1:02x}{1:04x}".ljust(32, "0")), 1)
        claim = Frontier(bob.id, 1, bob.boot, 10**13, False, 1, 1, (floor,), ())
        ada.receive(bob.id, Frontiers((sign(2, claim),)))
        room.wait(100, 0.25)
        given, (old, new) = self.given(ada), (line.hash for line in ada.lines())
        self.assertEqual(given[old], 0)
        self.assertGreater(given[new], 0)

    def test_not_asked(self) -> None:
        """Nobody is asked who is away, who was no member then, or while posts are on their way."""
        room, ada, peers = self.lossy()
        room.cut(ada, peers[0])
        ada.say("one")
        for number in range(40):
            if number % 4 == 0:
                peers[1].say(str(number))
            room.wait(0.25)
        late = room.member(8)
        room.roster()
        room.link(ada, late)
        room.lost[(late.id, ada.id)] = Frontiers
        room.wait(10, 0.25)
        self.assertEqual(late.texts(), ada.texts())
        self.assertEqual(ada.core.parts.book.counters["evidence_asked"], 0)


class Quiet(SynchronousTestCase):
    """Cost."""

    def test_idle(self) -> None:
        """An idle room of equals says one digest a link and period, and nothing else."""
        room, ada, bob, carol = three()
        ada.say("x")
        room.wait(2)
        for member in (ada, bob, carol):
            member.sent.clear()
        room.wait(10)
        self.assertEqual(set(kinds(ada, bob, carol)), {"Digest"})
        self.assertIn(kinds(ada)["Digest"], (20, 22))
        self.assertFalse(ada.core.due(Tick("deadlines"), room.now))

    def large(self) -> tuple[Lossy, Member, list[Member]]:
        """Somebody with fifteen others, who are linked to each other too."""
        room = Lossy()
        ada, *others = (room.member(number) for number in range(1, 17))
        room.roster()
        room.mesh()
        room.wait(2)
        return room, ada, others

    def test_large(self) -> None:
        """In a large room three links hear the digest in a period, each of them in its turn."""
        room, ada, others = self.large()
        ada.sent.clear()
        room.wait(1)
        self.assertEqual(kinds(ada), {"Digest": 3})
        room.wait(4)
        told = Counter(send.peer for send in ada.sent)
        self.assertEqual(told, {other.id: 1 for other in others})

    def test_large_and_unequal(self) -> None:
        """Also there what one member lacks is found, and mended, within 30 s."""
        room, ada, (bob, carol, *_) = self.large()
        for member in room.members.values():
            room.lost[(member.id, bob.id)] = Posts
        ada.say("one")
        room.wait(1)
        for member in room.members.values():
            room.lost.pop((member.id, bob.id))
        self.assertEqual((bob.texts(), carol.texts()), ([], ["one"]))
        room.wait(30)
        self.assertEqual(bob.texts(), ["one"])

    def test_alone(self) -> None:
        """Without links nothing is due."""
        room = Room()
        ada = room.member(1)
        room.roster()
        room.wait(2)
        ada.core.tick(Tick("deadlines"), room.now)
        self.assertFalse(ada.core.due(Tick("probing"), room.now))
        self.assertFalse(ada.core.due(Tick("deadlines"), room.now))

    def test_linear(self) -> None:
        """A post costs each member two frames: the post and one frontier to its author."""
        room = Room()
        members = [room.member(number) for number in range(1, 8)]
        room.roster()
        room.mesh()
        room.wait(2)
        for member in members:
            member.sent.clear()
        members[0].say("x")
        room.wait(0.3)
        total = kinds(*members)
        self.assertEqual((total["Posts"], total["Frontiers"]), (6, 6))

    def test_back_off(self) -> None:
        """Peers that stay unequal exchange everything after 2, 4, 8, 16, then every 30 s."""
        room, ada, bob, carol = three()
        room.cut(ada, carol)
        room.cut(bob, carol)
        ada.sent.clear()
        start = room.mono
        times = []
        while room.mono < start + 130:
            before = kinds(ada)["Frontiers"]
            room.run()
            ada.receive(bob.id, Digest(b"\5" * 32, 0))
            if kinds(ada)["Frontiers"] > before:
                times.append(room.mono - start)
            room.mono += 1
        gaps = [round(b - a) for a, b in itertools.pairwise(times)]
        self.assertEqual(gaps, [4, 8, 16, 30, 30, 30])

    def test_one_signature(self) -> None:
        """A full frontier is signed once as long as nothing changes."""
        room, ada, bob, _ = three()
        ada.say("x")
        room.wait(1)
        before = ada.core.parts.book.counters["frontiers_signed"]
        for _ in range(5):
            ada.core.parts.announcing.up(bob.id, room.now)
            ada.turn([])
        self.assertLessEqual(ada.core.parts.book.counters["frontiers_signed"] - before, 1)


class Rebuilt(SynchronousTestCase):
    """A core made anew in the same process, with its links left up."""

    def test_still_believed(self) -> None:
        """After a failed commit peers go on taking the frontiers of the same process."""
        room, ada, bob, carol = three()
        for number in range(30):
            carol.say(str(number))
            room.wait(0.2)
        room.cut(ada, carol)
        room.wall_ms -= 3_600_000  # the clock on the wall may be set back meanwhile
        bob.begin(fresh=False)
        room.seat(bob, ada, bob, carol)
        for peer in (ada, carol):
            room.told(bob, peer)
        room.run()
        ada.say("after the failed commit")
        room.wait(5)
        self.assertIn("after the failed commit", carol.texts())


class Shape(SynchronousTestCase):
    """Frontiers as they are signed."""

    def frontiers(self, member: Member) -> list[Frontier]:
        """A member's full frontier."""
        parts = member.core.parts.announcing._own.full(member.room.now)
        return [admit(part).statement for part in parts]

    def test_full_after_a_delta(self) -> None:
        """A full frontier is never older than a delta that was signed before it is sent."""
        _, ada, _, _ = three()
        ada.say("x")
        (first,) = self.frontiers(ada)
        own, stream = ada.core.parts.announcing._own, ada.lines()[0].id.stream
        (delta,) = [admit(part).statement for part in own.delta([stream], ada.room.now)]
        (again,) = self.frontiers(ada)
        self.assertLess(first.version, delta.version)
        self.assertLess(delta.version, again.version)

    def test_before_the_epoch(self) -> None:
        """Before our epoch is known there is nothing to sign."""
        ada = Room().member(1)
        self.assertEqual(self.frontiers(ada), [])
        self.assertEqual(ada.core.parts.announcing._own.delta([], ada.room.now), ())

    def test_empty(self) -> None:
        """Having nothing is said too."""
        _, ada, _, _ = three()
        (only,) = self.frontiers(ada)
        self.assertEqual((only.full, only.part, only.parts, only.streams), (True, 1, 1, ()))

    def test_parts(self) -> None:
        """Hundreds of streams go in parts of at most 16 KiB, and arrive whole."""
        room = Room()
        ada, bob = room.member(1), room.member(2)
        for life in range(1, 200):
            if life > 1:
                ada.restart()
            room.roster(ada, bob)
            ada.say(str(life))
        room.link(ada, bob)
        parts = self.frontiers(ada)
        self.assertGreater(len(parts), 1)
        self.assertEqual({part.parts for part in parts}, {len(parts)})
        self.assertEqual(sum(len(part.streams) for part in parts), 199)
        room.wait(60, 0.25)
        self.assertEqual(len(bob.texts()), 199)
        self.assertEqual(ada.digest, bob.digest)

    def test_many_holes(self) -> None:
        """A stream with more than 16 holes claims its newest 17 ranges; the rest comes later."""
        room = Room()
        ada, bob, carol = (room.member(number, settings=FAST) for number in (1, 2, 3))
        room.roster()
        room.link(ada, bob)
        for number in range(60):
            ada.say(str(number))
            if number % 2:
                room._frames.clear()
            room.run()
        (only,) = self.frontiers(bob)
        self.assertEqual([len(entry.stored) for entry in only.streams], [17])
        self.assertEqual(only.streams[0].stored[-1][:2], (59, 59))
        room.link(bob, carol)
        room.wait(60, 0.25)
        self.assertEqual((len(bob.texts()), len(carol.texts())), (60, 60))
        self.assertEqual({ada.digest, bob.digest}, {carol.digest})


class ClaimsTests(SynchronousTestCase):
    """What others last said, out of order or from an earlier process."""

    def frontier(self, version: int, *seqs: int, **how: object) -> Frontier:
        """A frontier of ada that says she has so many posts of bob's stream of each epoch."""
        entries = tuple(
            StreamEntry(BOB, epoch, BOOT, ((1, seq, HASH),))
            for epoch, seq in enumerate(seqs, 1)
            if seq
        )
        given: dict[str, object] = {"full": True, "part": 1, "parts": 1, "epoch": 1, "boot": BOOT}
        given.update(how)
        return Frontier(author=ADA, version=version, streams=entries, **given)  # type: ignore[arg-type]

    def spans(self, claims: Claims) -> list[tuple[int, int]]:
        """What is taken for stored."""
        claim = claims.get(ADA)
        assert claim is not None
        return [span for stream in sorted(claim.streams) for span in claim.spans(stream)]

    def test_latest(self) -> None:
        """An older version changes nothing; a full one that names a stream no more withdraws it."""
        claims = Claims(lambda author: True)
        self.assertEqual(len(claims.take(self.frontier(5, 3, 4), direct=True, mono=0.0)), 2)
        self.assertEqual(claims.take(self.frontier(4, 9), direct=True, mono=0.0), [])
        self.assertEqual(self.spans(claims), [(1, 3), (1, 4)])
        self.assertEqual(len(claims.take(self.frontier(6, 3), direct=True, mono=0.0)), 1)
        self.assertEqual(self.spans(claims), [(1, 3)])
        claims.take(self.frontier(7, 0, 8, full=False), direct=True, mono=0.0)
        self.assertEqual(self.spans(claims), [(1, 3), (1, 8)])

    def test_parts(self) -> None:
        """Nothing is withdrawn before every part of a full frontier is here."""
        claims = Claims(lambda author: True)
        claims.take(self.frontier(1, 3, 4), direct=True, mono=0.0)
        claims.take(self.frontier(2, 5, part=1, parts=2), direct=True, mono=0.0)
        self.assertEqual(self.spans(claims), [(1, 5), (1, 4)])
        claims.take(self.frontier(2, part=2, parts=2), direct=True, mono=0.0)
        self.assertEqual(self.spans(claims), [(1, 5)])

    def test_late_full(self) -> None:
        """A full frontier that comes after a newer one does not let in what is older than that."""
        claims = Claims(lambda author: True)
        for version in (6, 4):
            claims.take(self.frontier(version), direct=True, mono=0.0)
        claims.take(self.frontier(5, 9, full=False), direct=True, mono=0.0)
        self.assertEqual(self.spans(claims), [])
        claims.take(self.frontier(7, 9, full=False), direct=True, mono=0.0)
        self.assertEqual(self.spans(claims), [(1, 9)])

    def test_processes(self) -> None:
        """A later epoch replaces; an earlier one, or a twin heard from afar, does not."""
        claims = Claims(lambda author: True)
        claims.take(self.frontier(9, 3, epoch=2), direct=False, mono=0.0)
        self.assertEqual(claims.take(self.frontier(99, 8), direct=False, mono=0.0), [])
        twin = BootId("1" * 32)
        other = self.frontier(1, 8, epoch=2, boot=twin)
        self.assertEqual(claims.take(other, direct=False, mono=0.0), [])
        claims.take(self.frontier(1, 8, epoch=2, boot=twin), direct=True, mono=0.0)
        self.assertEqual(self.spans(claims), [(1, 8)])
        claims.take(self.frontier(1, 2, epoch=3), direct=False, mono=0.0)
        self.assertEqual(self.spans(claims), [(1, 2)])
        claims.keep(set())
        self.assertIsNone(claims.get(ADA))

    def test_floor(self) -> None:
        """What is below a floor is pruned there."""
        claims = Claims(lambda author: True)
        floor = FloorEntry(BOB, 2, BOOT, 5)
        claims.take(self.frontier(1, floors=(floor,)), direct=True, mono=0.0)
        claim = claims.get(ADA)
        assert claim is not None
        old, new = (StreamEntry(BOB, epoch, BOOT, ()).stream for epoch in (1, 2))
        found = [claim.pruned(old, 99), claim.pruned(new, 5), claim.pruned(new, 6)]
        self.assertEqual(found, [True, True, False])
        self.assertEqual((claim.end(new), claim.end(old)), (5, 0))

    def test_strangers(self) -> None:
        """Frontiers of who is in nobody's roster are not kept."""
        room, ada, bob, _ = three()
        dave = room.member(4)
        room.seat(dave)
        parts = dave.core.parts.announcing._own.full(dave.room.now)
        ada.receive(bob.id, Frontiers(parts))
        self.assertEqual(ada.core.parts.book.counters["frontiers_of_strangers"], 1)
        self.assertEqual(ada.errors, [])
