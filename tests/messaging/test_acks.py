"""k of n: what proves that a post is at a member, and what does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Send
from securechat.ids import Hash
from securechat.inputs import Retry
from securechat.messaging.messages import Frontiers, Posts
from securechat.messaging.statements import FloorEntry, Frontier, StreamEntry
from securechat.notices import Delivery, DeliveryChanged
from securechat.objects import Signed
from tests.messaging.room import Disk, Member, Room, admit, code_of, member_of, sign, three


def states(member: Member, index: int = 0) -> list[Delivery]:
    """The states of an own post at its recipients, in order of their numbers."""
    rows = {row.member: row.state for row in member.core.delivery(member.lines()[index].id)}
    others = sorted(member.room.members.values(), key=lambda other: other.number)
    return [rows[other.id] for other in others if other.id in rows]


def frontier(
    holder: Member, version: int, *entries: StreamEntry, floor: FloorEntry | None = None
) -> Frontiers:
    """A frontier of a holder that says what it wants."""
    floors = (floor,) if floor else ()
    statement = Frontier(
        holder.id, holder.epoch, holder.boot, version, False, 1, 1, floors, entries
    )
    return Frontiers((sign(holder.number, statement),))


class Slow(Room):
    """A room in which much waits on the links to carol: perform leaves out pushed posts."""

    def carry(self, sender: Member, send: Send) -> None:
        """Put a message on its link, unless it is left out."""
        if send.peer != member_of(3) or not isinstance(send.message, Posts):
            Room.carry(self, sender, send)


class Acks(SynchronousTestCase):
    """Group receipts."""

    def test_within_a_tick(self) -> None:
        """A live post is acked by a signed frontier within 50 ms, one for all posts of the tick."""
        room, ada, bob, _ = three()
        for number in range(5):
            ada.say(str(number))
        room.run()
        self.assertEqual(states(ada), [Delivery.SENT] * 2)
        bob.sent.clear()
        room.tick(0.05)
        self.assertEqual(states(ada), [Delivery.ACKED] * 2)
        told = [send for send in bob.sent if isinstance(send.message, Frontiers)]
        self.assertEqual([send.peer for send in told], [ada.id])
        changes = [notice for notice in ada.notices if isinstance(notice, DeliveryChanged)]
        self.assertEqual(len(changes), 10)
        self.assertEqual(ada.core.outbox(), ())

    def test_away(self) -> None:
        """A member that was away: queued; sent once it asks; acked once it says so."""
        room, ada, bob, carol = three()
        room.cut(ada, carol)
        room.cut(bob, carol)
        ada.say("hello")
        room.wait(12)
        self.assertEqual(states(ada), [Delivery.ACKED, Delivery.QUEUED])
        self.assertEqual([line.acked for line in ada.core.outbox()], [1])
        carol_before = [row.evidence for row in ada.core.delivery(ada.lines()[0].id)]
        self.assertIn("not linked since it was said; no link to ", " ".join(carol_before))
        room.link(ada, carol)
        room.wait(2)
        self.assertEqual(states(ada), [Delivery.ACKED] * 2)
        self.assertTrue(any(key.startswith("offered/") for key in ada.disk.facts))

    def test_stalled(self) -> None:
        """No evidence within the deadline: unknown, never failed; acked when it wakes."""
        room, ada, _bob, carol = three()
        carol.frozen = True
        ada.say("hello")
        room.wait(9)
        self.assertEqual(states(ada), [Delivery.ACKED, Delivery.SENT])
        room.wait(2)
        self.assertEqual(states(ada), [Delivery.ACKED, Delivery.UNKNOWN])
        self.assertEqual(ada.lines()[0].state, Delivery.UNKNOWN)
        self.assertEqual(ada.core.snapshot(room.now).unknown, 1)
        ada.restart()
        self.assertEqual(states(ada), [Delivery.ACKED, Delivery.UNKNOWN])
        carol.frozen = False

    def test_left_out_on_a_slow_link(self) -> None:
        """What perform leaves out on a slow link is not told as given to it; recovery brings it."""
        room = Slow()
        ada, _, carol = (room.member(number) for number in (1, 2, 3))
        room.roster()
        room.mesh()
        room.run()
        ada.say("hello")
        rows = {row.member: row for row in ada.core.delivery(ada.lines()[0].id)}
        wanted = "may have left on its link; on a slow one it goes when it is asked for"
        self.assertEqual((rows[carol.id].state, rows[carol.id].evidence), (Delivery.SENT, wanted))
        room.run()
        self.assertEqual(carol.texts(), [])
        room.wait(30)
        self.assertEqual(carol.texts(), ["hello"])
        self.assertEqual(states(ada), [Delivery.ACKED] * 2)

    def test_served_after_the_deadline(self) -> None:
        """A post that was overdue and is then asked for is told as sent, not as a silence."""
        room, ada, bob, carol = three()
        room.unplug(ada, carol)
        room.cut(bob, carol)
        ada.say("hello")
        room.wait(12)
        (offered,) = [fact for key, fact in ada.disk.facts.items() if key.startswith("offered/")]
        self.assertIn("gave no evidence in time of our posts 1", offered.words)
        room.cut(ada, carol)
        room.link(ada, carol)
        room.wait(2)
        (offered,) = [fact for key, fact in ada.disk.facts.items() if key.startswith("offered/")]
        self.assertEqual(offered.words, f"our posts 1 sent to {{{carol.id}}}")

    def test_deadline_after_a_restart(self) -> None:
        """What was sent before a restart becomes unknown after it."""
        room, ada, _bob, carol = three()
        carol.frozen = True
        ada.say("hello")
        room.wait(1)
        ada.restart()
        room.seat(ada, *room.members.values())
        self.assertEqual(states(ada), [Delivery.ACKED, Delivery.SENT])
        room.wait(10)
        self.assertEqual(states(ada), [Delivery.ACKED, Delivery.UNKNOWN])

    def test_later_members(self) -> None:
        """Who was no member then is not counted, and its frontiers are no evidence."""
        room, ada, bob, carol = three()
        room.seat(ada, ada, bob)
        ada.say("for bob")
        room.run()
        room.seat(ada, ada, bob, carol)
        room.wait(2)
        line = ada.lines()[0]
        self.assertEqual((line.acked, line.of), (1, 1))
        self.assertIsNone(ada.core.receipt(line.id, carol.id))
        self.assertIsNotNone(ada.core.receipt(line.id, bob.id))

    def test_only_ranges_count(self) -> None:
        """A floor is no receipt, a range of other posts is none, and another's word is none."""
        _room, ada, bob, carol = three()
        bob.frozen = carol.frozen = True
        ada.say("one")
        ada.say("two")
        mine = ada.lines()[0].id.stream
        other = StreamEntry(mine.author, mine.epoch, mine.boot, ((1, 2, Hash(b"\7" * 32)),))
        good = StreamEntry(mine.author, mine.epoch, mine.boot, ((1, 2, ada.lines()[1].hash),))
        floor = FloorEntry(mine.author, mine.epoch, mine.boot, 2)
        ada.receive(bob.id, frontier(bob, 1, floor=floor))
        ada.receive(bob.id, frontier(bob, 2, other))
        self.assertEqual(states(ada), [Delivery.SENT] * 2)
        ada.receive(bob.id, frontier(carol, 1, good))
        self.assertEqual(states(ada), [Delivery.SENT, Delivery.ACKED])
        ada.receive(bob.id, frontier(ada, 99, good))
        self.assertEqual(states(ada), [Delivery.SENT, Delivery.ACKED])

    def test_inner_range(self) -> None:
        """A range that ends in the middle of an envelope names no header of ours."""
        _room, ada, bob, _carol = three()
        bob.frozen = True
        ada.say_all(["one", "two"])
        mine = ada.lines()[0].id.stream
        part = StreamEntry(mine.author, mine.epoch, mine.boot, ((1, 1, Hash(b"\7" * 32)),))
        ada.receive(bob.id, frontier(bob, 1, part))
        self.assertEqual(states(ada)[0], Delivery.SENT)

    def test_more_than_was_said(self) -> None:
        """Who signs to have posts that we have not said yet proves nothing, now or later."""
        room, ada, bob, carol = three()
        ada.say("one")
        room.wait(2)
        room.cut(ada, bob)
        bob.frozen = True
        ada.say("two")
        mine = ada.lines()[0].id.stream
        far = StreamEntry(mine.author, mine.epoch, mine.boot, ((1, 10**6, Hash(b"z" * 32)),))
        ada.receive(carol.id, frontier(bob, 10**15, far))
        self.assertEqual(states(ada, 1)[0], Delivery.QUEUED)
        room.wait(60, 0.5)
        ada.say("said a minute later")
        self.assertEqual(
            [states(ada, n)[0] for n in (0, 1, 2)], [Delivery.ACKED, *[Delivery.QUEUED] * 2]
        )
        self.assertGreater(ada.core.parts.book.counters["frontier_heads_other"], 0)
        bob.frozen = False
        room.link(ada, bob)
        room.wait(2)
        self.assertEqual([states(ada, n)[0] for n in (0, 1, 2)], [Delivery.ACKED] * 3)

    def test_more_than_a_set_back_disk_holds(self) -> None:
        """To have more than a set-back disk holds is no lie: the posts that are here are acked."""
        room, ada, bob, carol = three()
        room.cut(ada, bob)
        bob.frozen = True
        ada.say("one")
        disk = ada.disk.copy()
        ada.say("two")
        mine, head = ada.lines()[1].id.stream, ada.lines()[1].hash
        ada.disk = disk
        ada.restart()
        room.seat(ada, *room.members.values())
        both = StreamEntry(mine.author, mine.epoch, mine.boot, ((1, 2, head),))
        ada.receive(carol.id, frontier(bob, 10**15, both))
        self.assertEqual(states(ada, 0)[0], Delivery.ACKED)

    def test_union_over_time(self) -> None:
        """A holder that lost its disk takes nothing back; its old frontier stays as evidence."""
        room, ada, bob, carol = three()
        ada.say("one")
        room.wait(0.2)
        proof = ada.core.receipt(ada.lines()[0].id, bob.id)
        room.cut(ada, bob)
        room.cut(bob, carol)
        bob.disk = Disk()
        bob.restart(epoch=5)
        room.seat(bob, *room.members.values())
        ada.say("two")
        mine = ada.lines()[0].id.stream
        only = StreamEntry(mine.author, mine.epoch, mine.boot, ((2, 2, ada.lines()[1].hash),))
        room.told(ada, bob)
        ada.receive(bob.id, frontier(bob, 50, only))
        self.assertEqual([states(ada, 0)[0], states(ada, 1)[0]], [Delivery.ACKED] * 2)
        assert proof is not None
        self.assertEqual(ada.core.receipt(ada.lines()[0].id, bob.id), proof)
        self.assertNotEqual(ada.core.receipt(ada.lines()[1].id, bob.id), proof)
        ada.disk.object(proof)
        ada.restart()
        self.assertEqual([states(ada, 0)[0], states(ada, 1)[0]], [Delivery.ACKED] * 2)

    def test_evidence_is_bounded(self) -> None:
        """However odd the frontiers, few proofs are kept, and what was acked stays acked."""
        _room, ada, bob, carol = three()
        bob.frozen = carol.frozen = True
        for number in range(40):
            ada.say(str(number))
        mine = ada.lines()[0].id.stream
        for number in range(1, 41, 2):
            odd = StreamEntry(
                mine.author,
                mine.epoch,
                mine.boot,
                ((number, number, ada.lines()[number - 1].hash),),
            )
            ada.receive(bob.id, frontier(bob, number, odd))
        found = [states(ada, index)[0] for index in range(40)]
        self.assertEqual(found, [Delivery.ACKED, Delivery.SENT] * 20)
        self.assertEqual(sum(key.startswith("stored/") for key in ada.disk.facts), 8)
        cited = self.cited(ada, bob)
        self.assertEqual(len([name for name in cited if name]), 8)
        whole = StreamEntry(mine.author, mine.epoch, mine.boot, ((1, 40, ada.lines()[39].hash),))
        ada.receive(bob.id, frontier(bob, 99, whole))
        self.assertEqual(sum(key.startswith("stored/") for key in ada.disk.facts), 1)
        ada.restart()
        self.assertEqual({states(ada, index)[0] for index in range(40)}, {Delivery.ACKED})

    def test_two_in_one_message(self) -> None:
        """Two frontiers that come together and list different posts are evidence of both, for good."""
        _, ada, bob, _ = three()
        bob.frozen = True
        for number in range(4):
            ada.say(str(number))
        mine, lines = ada.lines()[0].id.stream, ada.lines()
        signed: list[Signed] = []
        for version, (first, last) in ((90, (1, 2)), (91, (3, 3))):
            span = (first, last, lines[last - 1].hash)
            entry = StreamEntry(mine.author, mine.epoch, mine.boot, (span,))
            signed += frontier(bob, version, entry).objects
        ada.notices.clear()
        ada.receive(bob.id, Frontiers(tuple(signed)))
        told = [n.id.seq for n in ada.notices if isinstance(n, DeliveryChanged)]
        self.assertEqual(told, [1, 2, 3])
        for core in (ada.core, ada.rebuilt()):
            rows = [
                {row.member: row.state for row in core.delivery(line.id)}[bob.id] for line in lines
            ]
            self.assertEqual(rows, [Delivery.ACKED] * 3 + [Delivery.SENT])

    def cited(self, ada: Member, bob: Member) -> list[Hash | None]:
        """The frontier cited for each acked post of hers; each lists that post."""
        names = []
        for index, line in enumerate(ada.lines()):
            if states(ada, index)[0] is Delivery.ACKED:
                names.append(name := ada.core.receipt(line.id, bob.id))
                why = {row.member: row.evidence for row in ada.core.delivery(line.id)}[bob.id]
                if name is None:
                    self.assertTrue(why.startswith("a frontier that is not kept any more"))
                    continue
                self.assertIn(name.hex()[:16], why)
                (entry,) = admit(ada.disk.object(name)).statement.streams
                seq = line.id.seq
                self.assertTrue(any(first <= seq <= last for first, last, _ in entry.stored))
        return names

    def test_retry(self) -> None:
        """A post is given again to the linked members without evidence, and to no others."""
        room, ada, bob, carol = three()
        carol.frozen = True
        said = ada.say("hello")
        room.wait(12)
        room.cut(ada, carol)
        room.told(ada, carol)
        ada.sent.clear()
        self.assertEqual(ada.ask(Retry(said.id)).state, Delivery.UNKNOWN)
        self.assertEqual([send.peer for send in ada.sent], [carol.id])
        self.assertEqual(code_of(bob.ask, Retry(said.id)), 520)
