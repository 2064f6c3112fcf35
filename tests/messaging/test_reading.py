"""The read API: pages, deliveries, streams, differences, printed ids."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import Kind, MessageId
from securechat.messaging.views import GapLine, Line
from securechat.notices import Delivery
from tests.messaging.room import Disk, Member, Room, code_of, three


def names(lines: tuple[Line, ...]) -> list[object]:
    """Lines by what they are."""
    return [(x.stream, x.first) if isinstance(x, GapLine) else x.id for x in lines]


def busy() -> tuple[Room, Member, Member, Member]:
    """A transcript with posts of several envelopes, direct messages and gaps."""
    room, ada, bob, carol = three()
    ada.say_all(["a", "b", "c"])
    bob.tell(ada, "psst")
    room.wait(0.1)
    room.cut(bob, carol)
    room.cut(bob, ada)
    bob.say("unheard")
    room.links.add(frozenset((ada.id, bob.id)))
    bob.turn([])
    carol.say("d")
    ada.tell(carol, "hm")
    room.run()
    head = bob.disk.object(bob.lines()[-1].hash)
    from securechat.messaging.messages import Frontiers

    bare = type(head)(head.purpose, head.statement, head.signature)
    ada.receive(carol.id, Frontiers((bare,)))
    return room, ada, bob, carol


class Pages(SynchronousTestCase):
    """Walking through the transcript."""

    @settings(max_examples=30, deadline=None)
    @given(st.integers(1, 9))
    def test_walks(self, limit: int) -> None:
        """Backward and forward in pages of any size: everything once, in the same order."""
        _, ada, _, _ = busy()
        whole = ada.core.transcript(limit=1000)
        self.assertFalse(whole.more)
        self.assertEqual(len(whole.lines), 7)
        forward: list[object] = []
        after: MessageId | str = ""
        while True:
            page = ada.core.transcript(after=after, limit=limit)
            forward += names(page.lines)
            if not page.more:
                break
            last = page.lines[-1]
            assert not isinstance(last, GapLine)
            after = last.id
        self.assertEqual(forward, names(whole.lines))
        latest = ada.core.transcript(limit=limit)
        self.assertEqual(names(latest.lines), names(whole.lines)[-limit:])
        self.assertEqual(latest.more, limit < 7)
        messages = [line for line in whole.lines if not isinstance(line, GapLine)]
        for line in messages:
            before = ada.core.transcript(before=line.id, limit=1000)
            self.assertEqual(names(before.lines), forward[: forward.index(line.id)])

    def test_filters(self) -> None:
        """By kind and by whom it is with."""
        _, ada, bob, carol = busy()
        self.assertEqual(ada.texts(kind="dm"), ["psst", "hm"])
        self.assertEqual(ada.texts(kind="gap"), ["[1-1]"])
        self.assertEqual(ada.texts(kind="post", peer=ada.id), ["a", "b", "c"])
        self.assertEqual(ada.texts(peer=bob.id), ["psst", "[1-1]"])
        self.assertEqual(ada.texts(peer=carol.id), ["d", "hm"])

    def test_unknown_place(self) -> None:
        """Before or after what is not kept there is nothing."""
        _, ada, _, _ = busy()
        nowhere = MessageId(ada.lines()[0].id.stream, 99)
        self.assertEqual(ada.core.transcript(before=nowhere).lines, ())
        self.assertEqual(ada.core.transcript(after=nowhere).lines, ())
        direct = MessageId(nowhere.stream, 99, Kind.DIRECT)
        self.assertEqual(ada.core.transcript(after=direct).lines, ())
        self.assertEqual(code_of(ada.core.line, nowhere), 520)
        self.assertEqual(ada.core.line(ada.lines()[1].id).index, 1)


class Questions(SynchronousTestCase):
    """Single questions."""

    def test_states(self) -> None:
        """Only own messages have a state; the author is no recipient."""
        room, ada, bob, _ = busy()
        room.wait(0.2)
        for line in ada.lines():
            self.assertEqual(line.state is not None, line.author == ada.id)
        rows = ada.core.delivery(ada.lines()[0].id)
        self.assertNotIn(ada.id, [row.member for row in rows])
        self.assertEqual(code_of(ada.core.delivery, bob.lines()[-1].id), 520)
        self.assertEqual({row.state for row in rows}, {Delivery.ACKED})
        self.assertTrue(all(row.evidence.startswith("frontier ") for row in rows))

    def test_receipts(self) -> None:
        """The signed object behind an ack, on both sides of a direct message."""
        room, ada, bob, carol = busy()
        room.wait(0.2)
        sent = ada.lines(kind="dm")[1].id
        held = ada.core.receipt(sent, None)
        assert held is not None
        self.assertEqual(held, ada.core.receipt(sent, carol.id))
        self.assertEqual(held, carol.core.receipt(sent, None))
        self.assertIsNone(ada.core.receipt(sent, bob.id))
        self.assertEqual(ada.disk.object(held), carol.disk.object(held))
        post = ada.lines()[0].id
        self.assertIsNone(ada.core.receipt(post, None))
        self.assertIsNotNone(ada.core.receipt(post, carol.id))
        for kind in (Kind.POST, Kind.DIRECT):
            self.assertIsNone(ada.core.receipt(MessageId(post.stream, 99, kind), bob.id))

    def test_snapshot(self) -> None:
        """Counts."""
        room, ada, _, _ = busy()
        view = ada.core.snapshot(room.now)
        self.assertEqual((view.posts, view.directs, view.gaps, view.streams), (4, 2, 1, 3))
        self.assertEqual(len(view.digest), 64)
        self.assertGreater(view.bytes, 600)
        self.assertEqual(view.counters["directs_sent"], 1)

    def test_streams(self) -> None:
        """Each stream with its ranges, its head, what is known and the floor."""
        _, ada, bob, _ = busy()
        rows = {line.stream.author: line for line in ada.core.streams()}
        self.assertEqual(rows[ada.id].ranges, ((1, 3),))
        self.assertEqual(rows[ada.id].head, ada.lines()[0].hash)
        self.assertEqual(
            (rows[bob.id].ranges, rows[bob.id].head, rows[bob.id].known), ((), None, 1)
        )

    def test_diff(self) -> None:
        """Where we and a peer differ, down to the range; nothing when we do not."""
        room, ada, bob, carol = three()
        self.assertEqual(ada.core.diff(bob.id), ())
        room.cut(ada, carol)
        ada.say("one")
        room.wait(0.2)
        self.assertEqual(code_of(Room().member(1).core.diff, bob.id), 420)
        found = ada.core.diff(carol.id)
        self.assertEqual(
            [(d.first, d.last, d.here, d.there) for d in found], [(1, 1, "stored", "missing")]
        )
        room.cut(bob, carol)
        carol.say("two")
        room.link(bob, carol)
        room.run()
        found = bob.core.diff(carol.id)
        self.assertIn(("missing", "stored"), [(d.here, d.there) for d in found])

    def test_twins(self) -> None:
        """Two streams of one epoch, as a lost disk makes them, print apart and are found apart."""
        room, ada, bob, _ = three()
        one = ada.say("one").id
        room.run()
        self.assertFalse(bob.core.twins(ada.id, 1))
        for other in room.members.values():
            if other is not ada:
                room.cut(ada, other)
        ada.disk = Disk()
        ada.restart(epoch=1, boot="01ff")
        room.seat(ada, *room.members.values())
        two = ada.say("two").id
        room.link(ada, bob)
        room.wait(3)
        self.assertTrue(bob.core.twins(ada.id, 1))
        self.assertEqual(bob.core.find(ada.id, 1, "01ff", 1, Kind.POST), two)
        self.assertEqual(bob.core.find(ada.id, 1, "0100", 1, Kind.POST), one)
        self.assertEqual(code_of(bob.core.find, ada.id, 1, "", 1, Kind.POST), 521)
        self.assertEqual(code_of(bob.core.find, ada.id, 1, "", 2, Kind.POST), 520)
        self.assertEqual(code_of(bob.core.find, ada.id, 9, "", 1, Kind.POST), 520)

    def test_only_a_direct(self) -> None:
        """An author of whom only a direct message is kept is found too."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "hi").id
        room.run()
        self.assertEqual(bob.core.find(ada.id, 1, "", 1, Kind.DIRECT), told)
        self.assertFalse(bob.core.twins(ada.id, 1))

    def test_ends(self) -> None:
        """What HELLO tells a peer of its own past: last seq, hash, stamp; a floor counts too."""
        room, ada, bob, _ = three()
        self.assertEqual(bob.core.ends_of(ada.id), ())
        ada.say("one")
        room.run()
        (end,) = bob.core.ends_of(ada.id)
        line = ada.lines()[0]
        self.assertEqual((end.seq, end.hash, end.hlc), (1, line.hash, line.hlc))
