"""Frontiers over a cut pair: passed on by whom both can reach, and by nobody else."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Send
from securechat.ids import MAX_INT, BootId, Hash, MemberId
from securechat.inputs import Tick
from securechat.messaging.frontier import _cut
from securechat.messaging.messages import Frontiers, Lacked, Posts, Unlinked
from securechat.messaging.relaying import NOWHERE
from securechat.messaging.statements import MAX_ENTRIES, FloorEntry, Frontier, StreamEntry
from securechat.notices import Delivery
from securechat.settings import KIB, Settings
from tests.messaging.room import Member, Room, admit, member_of, sign, three

HASH = Hash(b"\1" * 32)


def everybody(count: int) -> tuple[Room, list[Member]]:
    """So many members, all linked, at rest."""
    room = Room()
    members = [room.member(number) for number in range(1, count + 1)]
    room.roster()
    room.mesh()
    room.wait(2)
    return room, members


def sent(member: Member, kind: type, *, to: Member | None = None) -> int:
    """How many messages of this kind a member sent."""
    return sum(
        isinstance(send.message, kind) and (to is None or send.peer == to.id)
        for send in member.sent
    )


def passed(member: Member, holder: Member) -> list[MemberId]:
    """To whom a member passed frontiers of another on."""
    return [
        send.peer
        for send in member.sent
        if isinstance(send.message, Frontiers)
        for signed in send.message.objects
        if admit(signed).author == holder.id
    ]


def whole_at(member: Member, holder: Member) -> int:
    """The version of the last full frontier that a member has of a holder."""
    claim = member.core.parts.claims.get(holder.id)
    return -1 if claim is None else claim._whole_at


def clear(*members: Member) -> None:
    """Forget what was sent."""
    for member in members:
        member.sent.clear()


class CutPair(SynchronousTestCase):
    """Ada and bob cannot reach each other; carol reaches both."""

    def test_receipts(self) -> None:
        """Ada learns through carol that bob has her post: 2 of 2."""
        room, ada, bob, carol = three()
        room.cut(ada, bob)
        ada.say("over the cut")
        room.wait(8)
        self.assertEqual(bob.texts(), ["over the cut"])
        line = ada.lines()[0]
        self.assertEqual((line.acked, line.of), (2, 2))
        evidence = {row.member: row.state for row in ada.core.delivery(line.id)}
        self.assertEqual(evidence, {bob.id: Delivery.ACKED, carol.id: Delivery.ACKED})
        self.assertEqual([m.errors for m in (ada, bob, carol)], [[], [], []])

    def test_receipt_lost_with_the_link(self) -> None:
        """Bob stored the post while the link lasted, and his frontier was lost with it."""
        room, ada, bob, _carol = three()
        room.wait(2)
        ada.say("just before")
        room.run()
        self.assertEqual(bob.texts(), ["just before"])
        room.cut(ada, bob)
        room.wait(9)
        self.assertEqual(ada.lines()[0].acked, 2)

    def test_receipt_sent_and_lost(self) -> None:
        """The same, where bob thinks that he told ada: he tells everybody once the link stays away."""
        room, ada, bob, _carol = three()
        room.wait(2)
        ada.say("just before")
        room.run()
        room.mono += 0.05
        bob.turn(bob.core.tick(Tick("deadlines"), room.now))
        room.cut(ada, bob)
        room.wait(9)
        self.assertEqual(ada.lines()[0].acked, 2)

    def test_pushed_by_a_third(self) -> None:
        """A post that somebody else pushes to bob is acknowledged to all, if ada is not linked."""
        room, ada, bob, carol = three()
        room.cut(ada, bob)
        room.wait(12)
        ada.say("by way of carol")
        room.run()
        bob.receive(carol.id, Posts((ada.disk.object(ada.lines()[0].hash),)))
        room.wait(4)
        self.assertEqual(ada.lines()[0].acked, 2)

    def test_who_has_what(self) -> None:
        """Ada can compare herself with bob, to whom she never had a link."""
        room = Room()
        ada, bob, carol = (room.member(number) for number in (1, 2, 3))
        room.roster()
        bob.say("before we met")
        room.link(bob, carol)
        room.wait(3)
        room.link(ada, carol)
        room.wait(6)
        claim = ada.core.parts.claims.get(bob.id)
        assert claim is not None
        self.assertTrue(claim.whole)
        self.assertEqual(claim.spans(bob.lines()[0].id.stream), ((1, 1),))
        self.assertEqual(ada.core.diff(bob.id), ())

    def test_chain(self) -> None:
        """It crosses a chain of four."""
        room = Room()
        ada, bob, carol, dave = (room.member(number) for number in (1, 2, 3, 4))
        room.roster()
        for one, other in ((ada, bob), (bob, carol), (carol, dave)):
            room.link(one, other)
        room.wait(4)
        ada.say("to the other end")
        room.wait(20)
        self.assertEqual(dave.texts(), ["to the other end"])
        self.assertEqual(ada.lines()[0].acked, 3)

    def test_lost_on_the_way(self) -> None:
        """What got lost on its way is passed on again: ada says every 30 s what she has."""
        room, ada, bob, carol = three()
        room.cut(ada, bob)
        room.wait(40, 0.25)
        carry = Room.carry

        def lossy(room: Room, sender: Member, send: Send) -> None:
            objects = getattr(send.message, "objects", ())
            if send.peer != ada.id or all(admit(o).author != bob.id for o in objects):
                carry(room, sender, send)

        patched = self.patch(Room, "carry", lossy)
        ada.say("x")
        room.wait(10)
        self.assertEqual((bob.texts(), ada.lines()[0].acked), (["x"], 1))
        parts = bob.core.parts.announcing._own.full(room.now)
        carol.receive(bob.id, Frontiers(parts))
        room.wait(3)
        self.assertNotEqual(whole_at(ada, bob), whole_at(carol, bob))
        patched.restore()
        room.wait(70, 0.25)
        self.assertEqual(ada.lines()[0].acked, 2)
        self.assertEqual(whole_at(ada, bob), whole_at(carol, bob))


class Cost(SynchronousTestCase):
    """What it costs."""

    def test_nothing_where_all_are_linked(self) -> None:
        """In a room where all are linked nothing is said of it, and nothing passed on."""
        room, members = everybody(4)
        clear(*members)
        members[0].say("x")
        room.wait(40, 0.25)
        self.assertEqual([sent(m, Unlinked) for m in members], [0] * 4)
        others = [passed(m, other) for m in members for other in members if other is not m]
        self.assertEqual(others, [[]] * 12)

    def test_a_restart_costs_nothing(self) -> None:
        """A link that comes back within 2 s is no news."""
        room, members = everybody(3)
        clear(*members)
        room.cut(members[0], members[1])
        room.wait(1)
        room.link(members[0], members[1])
        room.wait(5)
        self.assertEqual([sent(m, Unlinked) for m in members], [0] * 3)

    def test_two_go_betweens(self) -> None:
        """Of five that could, the same two pass one member's frontiers on to one peer."""
        room, members = everybody(7)
        ada, bob, *others = members
        room.cut(ada, bob)
        room.wait(6)
        clear(*members)
        for number in range(3):
            ada.say(str(number))
            room.wait(6)
        self.assertEqual([line.acked for line in ada.lines()], [6] * 3)
        doing = [member.number for member in others if ada.id in passed(member, bob)]
        self.assertEqual(len(doing), 2)
        # Of each post bob says twice that he has more: a whole frontier, and that he recovered it.
        self.assertLessEqual(sum(len(passed(member, bob)) for member in others), 3 * 2 * 2)

    def test_star(self) -> None:
        """A post at the hub of a star costs a post and a receipt for each leaf, no more."""
        room = Room()
        hub, *leaves = (room.member(number) for number in range(1, 8))
        room.roster()
        for leaf in leaves:
            room.link(hub, leaf)
        room.wait(10)
        clear(hub, *leaves)
        hub.say("x")
        room.wait(3)
        frontiers = sum(sent(member, Frontiers) for member in (hub, *leaves))
        self.assertEqual(frontiers, len(leaves))

    def test_leaf(self) -> None:
        """One at a leaf costs no more than three frontiers a member; all receipts reach the leaf."""
        room = Room()
        members = [room.member(number) for number in range(1, 9)]
        hub, *leaves = members
        room.roster()
        for leaf in leaves:
            room.link(hub, leaf)
        room.wait(10)
        for number in range(2):
            clear(*members)
            leaves[0].say(str(number))
            room.wait(8)
            self.assertLessEqual(sum(sent(member, Frontiers) for member in members), 3 * 8)
            self.assertEqual(leaves[0].lines()[-1].acked, 7)

    def test_whole_ones(self) -> None:
        """A whole frontier is passed on to the same peer once in 30 s, the last one in the end."""
        room, ada, bob, carol = three()
        room.cut(ada, bob)
        room.wait(6)
        clear(carol)
        for number in range(5):
            ada.say(str(number))
            room.wait(6)
            self.assertEqual(ada.lines()[-1].acked, 2)
        whole = [
            admit(signed).statement.version
            for send in carol.sent
            if isinstance(send.message, Frontiers) and send.peer == ada.id
            for signed in send.message.objects
            if admit(signed).author == bob.id and admit(signed).statement.full
        ]
        self.assertLessEqual(len(whole), 2)
        room.wait(35, 0.25)
        self.assertEqual(whole_at(ada, bob), whole_at(carol, bob))
        clear(carol)
        room.wait(100, 0.5)
        self.assertEqual(passed(carol, bob), [])

    def test_one_that_went(self) -> None:
        """A member that everybody lost is passed on by nobody."""
        room, members = everybody(5)
        gone, *rest = members
        rest[0].say("x")
        room.wait(2)
        for other in rest:
            room.cut(gone, other)
        # The last word reached one of them alone.
        claim = Frontier(gone.id, gone.epoch, gone.boot, 10**13, True, 1, 1)
        rest[0].receive(gone.id, Frontiers((sign(gone.number, claim),)))
        clear(*rest)
        room.wait(20, 0.25)
        self.assertEqual([passed(member, gone) for member in rest], [[]] * 4)
        self.assertEqual([sent(member, Unlinked, to=gone) for member in rest], [0] * 4)
        self.assertEqual([sent(member, Unlinked) for member in rest], [3] * 4)


class Taken(SynchronousTestCase):
    """What is believed of what comes from third hands."""

    def claim(self, member: Member, holder: Member) -> tuple[int, int] | None:
        """Epoch and version of what a member has of a holder's frontier."""
        found = member.core.parts.claims.get(holder.id)
        return None if found is None else (found.epoch, found.version)

    def spans(self, member: Member, holder: Member, author: Member) -> tuple[tuple[int, int], ...]:
        """What a member believes that a holder has of an author's stream."""
        found = member.core.parts.claims.get(holder.id)
        entry = StreamEntry(author.id, author.epoch, author.boot, ())
        return () if found is None else found.spans(entry.stream)

    def frontier(self, holder: Member, author: Member, version: int, last: int) -> Frontier:
        """A frontier in which a holder says to have an author's posts up to one."""
        entry = StreamEntry(author.id, author.epoch, author.boot, ((1, last, HASH),))
        return Frontier(holder.id, holder.epoch, holder.boot, version, False, 1, 1, (), (entry,))

    def test_order(self) -> None:
        """An older version never replaces a newer one, stream by stream, over whichever way it came."""
        room, ada, bob, carol = three()
        room.cut(ada, bob)
        for version, author, last in (
            (10**12 + 5, ada, 5),
            (10**12 + 3, carol, 3),
            (10**12, ada, 9),
        ):
            signed = sign(2, self.frontier(bob, author, version, last))
            ada.receive(carol.id, Frontiers((signed,)))
        self.assertEqual(self.spans(ada, bob, ada), ((1, 5),))
        self.assertEqual(self.spans(ada, bob, carol), ((1, 3),))
        self.assertEqual(self.claim(ada, bob), (1, 10**12 + 5))

    def test_restart(self) -> None:
        """After a restart the later epoch counts, also from a third, and the earlier no more."""
        room, ada, bob, carol = three()
        room.cut(ada, bob)
        before = sign(2, self.frontier(bob, ada, 10**13, 9))
        room.cut(carol, bob)
        bob.restart()
        room.seat(bob, ada, bob, carol)
        room.link(carol, bob)
        room.wait(5)
        claim = ada.core.parts.claims.get(bob.id)
        assert claim is not None
        self.assertEqual((claim.epoch, claim.boot, claim.whole), (2, bob.boot, True))
        ada.receive(carol.id, Frontiers((before,)))
        self.assertEqual(self.spans(ada, bob, ada), ())
        clear(carol)
        carol.receive(ada.id, Frontiers((before,)))
        room.wait(40, 0.25)
        self.assertNotIn(before, [o for s in carol.sent for o in getattr(s.message, "objects", ())])

    def test_twin(self) -> None:
        """Of two processes of one epoch the one on a link counts; the other is not passed on."""
        room, ada, bob, carol = three()
        room.wait(2)
        twin = BootId("7" * 32)
        claim = Frontier(bob.id, bob.epoch, twin, 10**13, False, 1, 1)
        ada.receive(carol.id, Frontiers((sign(2, claim),)))
        found = ada.core.parts.claims.get(bob.id)
        assert found is not None
        self.assertEqual(found.boot, bob.boot)
        room.cut(ada, bob)
        relaying = carol.core.parts.announcing._relaying
        for boot, sent in ((twin, 0), (bob.boot, 1)):
            carol.receive(ada.id, Unlinked((Lacked(bob.id, bob.epoch, boot, 0),)))
            effects, _ = relaying.tick(room.mono)
            self.assertEqual(len([e for e in effects if getattr(e, "peer", "") == ada.id]), sent)

    def test_forged(self) -> None:
        """What is passed on carries its holder's signature: an altered one is refused."""
        _room, ada, bob, carol = three()
        signed = sign(3, self.frontier(bob, ada, 10**12, 9))
        with self.assertRaises(Exception) as caught:
            ada.receive(carol.id, Frontiers((signed,)))
        self.assertEqual(str(caught.exception), "bad-signature")
        self.assertNotEqual(self.claim(ada, bob), (1, 10**12))


class Bounds(SynchronousTestCase):
    """What is kept to be passed on."""

    def test_many_streams(self) -> None:
        """A frontier of many parts is passed on whole; of what came since, a bounded number."""
        room = Room()
        ada, bob, carol = (room.member(number) for number in (1, 2, 3))
        for life in range(1, 200):
            if life > 1:
                bob.restart()
            room.roster()
            bob.say(str(life))
        room.link(bob, carol)
        room.wait(60, 0.25)
        room.link(ada, carol)
        room.wait(60, 0.25)
        claim = ada.core.parts.claims.get(bob.id)
        assert claim is not None
        self.assertEqual((claim.whole, len(claim.streams)), (True, 199))
        kept = carol.core.parts.announcing._relaying._kept[bob.id]
        for number in range(400):
            boot = BootId(f"{number:032x}")
            entry = StreamEntry(ada.id, 1, boot, ((1, 1, HASH),))
            version = kept.version + 1
            delta = Frontier(bob.id, bob.epoch, bob.boot, version, False, 1, 1, (), (entry,))
            carol.receive(bob.id, Frontiers((sign(2, delta),)))
        self.assertEqual(len(kept.later(0, lambda author: author == ada.id)), 256)

    def test_too_long(self) -> None:
        """A full frontier of more than 16 parts is not kept."""
        _room, _ada, bob, carol = three()
        for part in range(1, 18):
            whole = Frontier(bob.id, bob.epoch, bob.boot, 10**13, True, part, 17)
            carol.receive(bob.id, Frontiers((sign(2, whole),)))
        kept = carol.core.parts.announcing._relaying._kept[bob.id]
        self.assertLess(kept.version, 10**13)

    def test_many_bytes(self) -> None:
        """Of what is newer than the full frontier as much is kept as fits, the newest."""
        _room, ada, bob, carol = three()
        floors = (FloorEntry(ada.id, 1, NOWHERE, 1),) * 100
        for number in range(1, 101):
            streams = (StreamEntry(ada.id, number, NOWHERE, ((1, 1, HASH),)),)
            place = (bob.id, bob.epoch, bob.boot, 10**13 + number, False, 1, 1)
            delta = sign(2, Frontier(*place, floors, streams))
            carol.receive(bob.id, Frontiers((delta,)))
        kept = carol.core.parts.announcing._relaying._kept[bob.id]
        found = kept.later(0, lambda author: True)
        self.assertLessEqual(sum(signed.size for signed in found), 128 * KIB)
        self.assertGreater(sum(signed.size for signed in found), 112 * KIB)
        self.assertEqual(found[-1], delta)
        self.assertEqual((carol.errors, kept.version), ([], 10**13 + 100))

    def test_padded(self) -> None:
        """A full frontier of parts that are longer than a node makes them is not kept."""
        _room, ada, bob, carol = three()
        kept = carol.core.parts.announcing._relaying._kept
        entries = tuple(
            StreamEntry(ada.id, epoch, ada.boot, ((1, 1, HASH),)) for epoch in range(300)
        )
        for version, streams in ((10**13, entries), (10**13 + 1, entries[:90])):
            for part in range(1, 17):
                place = (bob.id, bob.epoch, bob.boot, version, True, part, 16)
                carol.receive(bob.id, Frontiers((sign(2, Frontier(*place, (), streams)),)))
            held = [*kept[bob.id].whole(), *kept[bob.id]._collecting.values()]
            self.assertLessEqual(sum(signed.size for signed in held), 16 * 17 * KIB)
            self.assertIs(kept[bob.id].full_version == version, streams != entries)

    def test_the_longest_part(self) -> None:
        """A part that a node makes is never longer, however long its entries are."""
        spans = tuple((MAX_INT - n, MAX_INT - n, HASH) for n in range(34, 0, -2))
        closed = tuple(span[:2] for span in spans)
        for stored, shut in ((spans, closed), (spans, ()), (spans[:1], ()), ((), ())):
            entry = StreamEntry(member_of(1), MAX_INT, NOWHERE, stored, shut)
            group = _cut([entry] * 300, Settings().frontier_part)[0]
            streams = tuple(found for found in group if isinstance(found, StreamEntry))
            place = (member_of(2), MAX_INT, NOWHERE, MAX_INT, True, MAX_ENTRIES, MAX_ENTRIES)
            size = sign(1, Frontier(*place, (), streams)).size
            self.assertGreater(size, 14 * KIB)
            self.assertLessEqual(size, 17 * KIB)

    def test_long_ones_wait_for_room(self) -> None:
        """Whole frontiers that are passed on wait for room on the link, if they are long."""
        room, ada, bob, carol = three()
        room.cut(ada, bob)
        for parts, patient in ((1, {False}), (8, {True})):
            version = 10**13 + parts
            for part in range(1, parts + 1):
                entries = tuple(
                    StreamEntry(carol.id, epoch, carol.boot, ((1, 1, HASH),))
                    for epoch in range(100 * part, 100 * part + 80)
                )
                place = (bob.id, bob.epoch, bob.boot, version, True, part, parts)
                whole = Frontier(*place, (), entries)
                carol.receive(bob.id, Frontiers((sign(2, whole),)))
            carol.receive(ada.id, Unlinked((Lacked(bob.id, bob.epoch, bob.boot, 0),)))
            room.mono += 40
            effects, _ = carol.core.parts.announcing._relaying.tick(room.mono)
            passed_on = [
                effect.patient
                for effect in effects
                if isinstance(effect, Send) and isinstance(effect.message, Frontiers)
            ]
            self.assertEqual(set(passed_on), patient)

    def test_members_that_left_the_roster(self) -> None:
        """Nothing is kept of who is in the roster no more."""
        room, ada, bob, carol = three()
        room.cut(ada, bob)
        room.seat(ada, ada, carol)
        self.assertEqual(set(ada.core.parts.announcing._relaying._kept), {carol.id})
