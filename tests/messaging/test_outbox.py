"""Direct messages on their way: the six states, restarts of either side, limits."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, Kind, MessageId
from securechat.inputs import Cancel, Ending, LinkDown, Retry, StreamEnd
from securechat.membership.messages import Alive
from securechat.messaging.messages import Directs, Receipts, Rejected
from securechat.messaging.statements import Receipt
from securechat.notices import ClockNoticed, Delivery, DeliveryChanged
from securechat.settings import Settings
from tests.messaging.room import CODEC, Disk, Member, Room, code_of, sign, three

HOUR = 3600.0


def state(member: Member, wanted: MessageId) -> Delivery:
    """What is known of an own direct message."""
    return member.core.delivery(wanted)[0].state


def changes(member: Member) -> list[tuple[str, str]]:
    """The changes that watchers were told of."""
    told = [notice for notice in member.notices if isinstance(notice, DeliveryChanged)]
    return [(str(notice.before), str(notice.to)) for notice in told]


class Lives(SynchronousTestCase):
    """From told to settled."""

    def test_queued_then_acked(self) -> None:
        """Told while the recipient is away: queued; it goes on the next link and is acked."""
        room, ada, bob, _ = three()
        room.cut(ada, bob)
        told = ada.tell(bob, "later")
        self.assertEqual((told.state, told.to), (Delivery.QUEUED, bob.id))
        room.wait(30)
        self.assertEqual(state(ada, told.id), Delivery.QUEUED)
        room.link(ada, bob)
        room.run()
        self.assertEqual(state(ada, told.id), Delivery.ACKED)
        self.assertEqual(changes(ada), [("queued", "sent"), ("sent", "acked")])
        self.assertEqual(bob.texts(), ["later"])
        self.assertEqual(ada.core.outbox(), ())

    def test_stalled(self) -> None:
        """A recipient that stands still: unknown after the deadline, acked when it wakes."""
        room, ada, bob, _ = three()
        bob.frozen = True
        told = ada.tell(bob, "are you there")
        self.assertEqual(told.state, Delivery.SENT)
        room.wait(9.5)
        self.assertEqual(state(ada, told.id), Delivery.SENT)
        room.wait(1)
        self.assertEqual(state(ada, told.id), Delivery.UNKNOWN)
        self.assertEqual(ada.core.snapshot(room.now).unknown, 1)
        bob.frozen = False
        room.wait(0.1)
        self.assertEqual(state(ada, told.id), Delivery.ACKED)
        self.assertIn("receipt", ada.core.delivery(told.id)[0].evidence)

    def test_same_link_once_more(self) -> None:
        """What a lossy link swallowed is offered again on it, under its id, shown once."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "hello")
        room._frames.clear()
        room.wait(12)
        self.assertEqual(state(ada, told.id), Delivery.UNKNOWN)
        room.wait(6)
        self.assertEqual(state(ada, told.id), Delivery.ACKED)
        self.assertEqual(bob.texts(), ["hello"])

    def test_rests_longer_each_time(self) -> None:
        """A recipient that answers nothing gets it again less and less often."""
        room, ada, bob, _ = three()
        bob.frozen = True
        ada.tell(bob, "hello")
        times = []
        for second in range(400):
            before = len([send for send in ada.sent if isinstance(send.message, Directs)])
            room.wait(1, 0.5)
            if len([send for send in ada.sent if isinstance(send.message, Directs)]) > before:
                times.append(second)
        pauses = [b - a for a, b in pairwise(times)]
        for pause, wanted in zip(pauses[:5], (20, 30, 50, 70, 70), strict=True):
            self.assertAlmostEqual(pause, wanted, delta=2)

    def test_sender_restarts(self) -> None:
        """Killed after it was sent: unknown after the deadline, offered again, acked once stored."""
        room, ada, bob, _ = three()
        bob.frozen = True
        told = ada.tell(bob, "hello")
        room.cut(ada, bob)
        bob.frozen = False
        ada.restart()
        room.seat(ada, *room.members.values())
        self.assertEqual(state(ada, told.id), Delivery.SENT)
        room.wait(11)
        self.assertEqual(state(ada, told.id), Delivery.UNKNOWN)
        room.link(ada, bob)
        room.run()
        self.assertEqual(state(ada, told.id), Delivery.ACKED)

    def test_receipt_lost(self) -> None:
        """A receipt that was lost comes again, the same, and the message is shown once."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "hello")
        frame = room._frames.popleft()
        bob.receive(ada.id, room_message(frame))
        room.cut(ada, bob)
        room.link(ada, bob)
        room.run()
        self.assertEqual(state(ada, told.id), Delivery.ACKED)
        self.assertEqual(bob.texts(), ["hello"])
        self.assertEqual(len(bob.core.parts.book.letters.given), 1)
        self.assertEqual(bob.core.parts.book.counters["duplicates"], 1)

    def test_recipient_lost_its_disk(self) -> None:
        """What was acked stays acked, whatever became of the recipient's disk."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "hello")
        room.run()
        room.cut(ada, bob)
        bob.disk = Disk()
        bob.restart(epoch=9)
        room.seat(bob, *room.members.values())
        room.link(ada, bob)
        room.wait(60, 0.5)
        self.assertEqual(state(ada, told.id), Delivery.ACKED)

    def test_expires(self) -> None:
        """Never sent within a day: expired, and not sent on a later link."""
        room, ada, bob, _ = three()
        room.cut(ada, bob)
        told = ada.tell(bob, "late")
        room.wait(24 * HOUR + 5, 600)
        room.tick()
        self.assertEqual(state(ada, told.id), Delivery.EXPIRED)
        self.assertIn("no record", ada.core.delivery(told.id)[0].evidence)
        room.link(ada, bob)
        room.run()
        self.assertEqual(bob.texts(), [])
        self.assertEqual(code_of(ada.ask, Retry(told.id)), 503)

    def test_rests_as_unknown(self) -> None:
        """Sent, and never answered within a day: it rests as unknown, until retried."""
        room, ada, bob, _ = three()
        bob.frozen = True
        told = ada.tell(bob, "hello")
        room.cut(ada, bob)
        bob.frozen = False
        room.wait(24 * HOUR + 5, 600)
        room.tick()
        self.assertEqual(state(ada, told.id), Delivery.UNKNOWN)
        self.assertEqual(ada.core.outbox(), ())
        room.link(ada, bob)
        room.run()
        self.assertEqual(bob.texts(), [])
        self.assertEqual(ada.ask(Retry(told.id)).state, Delivery.UNKNOWN)
        room.run()
        self.assertEqual(state(ada, told.id), Delivery.ACKED)
        self.assertEqual(ada.ask(Retry(told.id)).state, Delivery.ACKED)

    def test_expiry_counts_over_restarts(self) -> None:
        """The day counts from when it was told, whatever happened in between."""
        room, ada, bob, _ = three()
        room.cut(ada, bob)
        told = ada.tell(bob, "late")
        room.wait(20 * HOUR, 600)
        ada.restart()
        room.seat(ada, *room.members.values())
        room.wait(5 * HOUR, 600)
        self.assertEqual(state(ada, told.id), Delivery.EXPIRED)

    def test_a_clock_ahead_expires_nothing(self) -> None:
        """At a start, or stepped before a rebuild or while it runs: what waits is kept, and arrives."""
        for then in ("start", "rebuild", "steps"):
            room, ada, bob, _ = three()
            room.cut(ada, bob)
            told = ada.tell(bob, "hello").id
            room.wait(5)
            if then == "steps":
                ada.restart()
                room.seat(ada, *room.members.values())
                room.wait(1.5 * HOUR, 30)
            ada.skew_ms = 48 * 3_600_000
            room.wait(2)
            if then != "steps":
                ada.begin(fresh=False) if then == "rebuild" else ada.restart()
                room.seat(ada, *room.members.values())
            room.wait(0.9 * HOUR, 30)
            self.assertEqual(state(ada, told), Delivery.QUEUED, then)
            ada.skew_ms = 0
            room.wait(0.5 * HOUR, 30)
            room.link(ada, bob)
            room.run()
            self.assertEqual((state(ada, told), bob.texts()), (Delivery.ACKED, ["hello"]), then)

    def test_peers_tell_that_the_clock_is_ahead(self) -> None:
        """Linked to two who know the time, a node with a wrong clock expires nothing too early."""
        room, ada, bob, carol = three()
        dave = room.member(4)
        room.roster()
        room.cut(ada, bob)
        told = ada.tell(bob, "hello").id
        room.cut(ada, carol)
        ada.skew_ms = 48 * 3_600_000
        ada.restart()
        room.roster()
        room.mesh(ada, carol, dave)
        room.wait(1.5 * HOUR, 0.5)
        self.assertEqual(state(ada, told), Delivery.QUEUED)
        room.cut(ada, carol)
        room.cut(ada, dave)
        room.wait(24 * HOUR, 600)
        self.assertEqual(state(ada, told), Delivery.EXPIRED)

    def test_too_old_at_a_start(self) -> None:
        """Two days old at a start, by a clock that nobody contradicts for an hour: expired then."""
        room, ada, bob, _ = three()
        room.cut(ada, bob)
        told = ada.tell(bob, "late").id
        room.mono += 48 * HOUR
        room.wall_ms += 48 * 3_600_000
        ada.restart()
        room.seat(ada, *room.members.values())
        room.wait(0.9 * HOUR, 30)
        self.assertEqual(state(ada, told), Delivery.QUEUED)
        room.wait(0.2 * HOUR, 30)
        self.assertEqual(state(ada, told), Delivery.EXPIRED)

    def test_a_clock_behind_keeps_nothing_for_ever(self) -> None:
        """After a start with a clock from before it was told, it is offered for one whole time more."""
        room, ada, bob, _ = three()
        room.cut(ada, bob)
        told = ada.tell(bob, "late").id
        ada.skew_ms = -48 * 3_600_000
        ada.restart()
        room.seat(ada, *room.members.values())
        for hours, wanted in ((23.5, Delivery.QUEUED), (1, Delivery.EXPIRED)):
            room.wait(hours * HOUR, 600)
            self.assertEqual(state(ada, told), wanted)

    def test_retry_holds_up_no_expiry(self) -> None:
        """A message that was cancelled and tried again is kept longer; the others expire in time."""
        room = Room()
        ada = room.member(1, settings=Settings(keep_hours=0.01))
        bob, carol = room.member(2), room.member(3)
        room.roster()
        room.link(ada, bob)
        room.run()
        room.unplug(ada, bob)
        one, two = ada.tell(bob, "one"), ada.tell(carol, "two")
        room.wait(15)
        ada.ask(Cancel(one.id))
        room.wait(15)
        ada.ask(Retry(one.id))
        room.wait(10)
        self.assertEqual(state(ada, two.id), Delivery.EXPIRED)
        self.assertEqual([line.id for line in ada.core.outbox()], [one.id])
        room.wait(30)
        self.assertEqual(ada.core.outbox(), ())

    def test_cancel_leaves_what_is_settled(self) -> None:
        """Of an acked one a cancel answers with its state; when and by what it was acked stays."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "hi").id
        room.wait(0.1)
        before = ada.core.delivery(told)
        room.wait(2)
        self.assertEqual(ada.ask(Cancel(told)).state, Delivery.ACKED)
        self.assertEqual(ada.core.delivery(told), before)
        self.assertEqual(ada.rebuilt().delivery(told), before)
        said = [fact.words for fact in ada.disk.facts.values() if fact.key.startswith("dm-state/")]
        self.assertEqual(said, [f"acked: {before[0].evidence}; cancelled: not offered again"])

    def test_at_is_when_it_came_to_its_state(self) -> None:
        """A cancel or a retry of one that is on its way does not make it sent, or unknown, later."""
        room, ada, bob, _ = three()
        bob.frozen = True
        sent = ada.tell(bob, "two").id
        (before,) = ada.core.delivery(sent)
        room.wait(1)
        ada.ask(Cancel(sent))
        (after,) = ada.core.delivery(sent)
        self.assertEqual((after.state, after.at), (before.state, before.at))
        room.wait(1)
        ada.ask(Retry(sent))
        (after,) = ada.core.delivery(sent)
        self.assertEqual((after.state, after.at), (before.state, before.at))

    def test_settled_ones_cost_nothing(self) -> None:
        """Once its recipient answered, a message is waited for no more, however long the link lives."""
        room, ada, bob, _ = three()
        for number in range(20):
            ada.tell(bob, str(number))
        ada.receive(bob.id, Rejected(ada.lines()[0].hash, "no"))
        room.wait(1)
        outbox = ada.core.parts.outbox
        self.assertFalse(outbox.due(room.mono + 12 * HOUR))
        self.assertEqual(outbox._window._offered, {bob.id: {}, room_id(room, 3): {}})
        self.assertEqual(outbox._window._flight[bob.id], {})

    def test_closed_ones_cost_nothing(self) -> None:
        """What is cancelled, or offered no more, is not kept in the window while the link lives."""
        room = Room()
        ada, bob = room.member(1, settings=Settings(keep_hours=0.01)), room.member(2)
        room.roster()
        room.mesh()
        bob.frozen = True
        cancelled = [ada.tell(bob, text).id for text in ("sent", "rests", "to be sent again")]
        ada.ask(Cancel(cancelled[0]))
        room.wait(12)
        window = ada.core.parts.outbox._window
        self.assertEqual(len(window._resting), 2)
        ada.ask(Cancel(cancelled[1]))
        self.assertEqual(len(window._resting), 1)
        room.unplug(ada, bob)
        ada.core.link_down(LinkDown(bob.id, 1, Ending.RST, "", None, False), ada.now)
        ada.ask(Retry(cancelled[2]))
        ada.ask(Cancel(cancelled[2]))
        room.link(ada, bob)
        ada.tell(bob, "kept as long as it is kept")
        room.wait(60)
        self.assertEqual((window._offered, window._flight), ({bob.id: {}}, {bob.id: {}}))
        self.assertEqual((window._rested, window._resting, window._deadlines), (set(), {}, {}))
        ada.ask(Retry(cancelled[0]))
        bob.frozen = False
        room.run()
        self.assertEqual(state(ada, cancelled[0]), Delivery.ACKED)

    def test_rejected(self) -> None:
        """The recipient says no: final, unless its signed receipt turns up."""
        room, ada, bob, carol = three()
        bob.frozen = True
        told = ada.tell(bob, "hello")
        name = ada.lines()[0].hash
        ada.receive(carol.id, Rejected(name, "not mine to say"))
        self.assertEqual(state(ada, told.id), Delivery.SENT)
        ada.receive(bob.id, Rejected(name, "no"))
        self.assertEqual(state(ada, told.id), Delivery.REJECTED)
        self.assertEqual(ada.core.delivery(told.id)[0].evidence, "refused: no")
        bob.frozen = False
        room.run()
        self.assertEqual(state(ada, told.id), Delivery.ACKED)
        ada.receive(bob.id, Rejected(name, "no"))
        ada.receive(bob.id, Rejected(Hash(b"\0" * 32), "what"))
        self.assertEqual(state(ada, told.id), Delivery.ACKED)

    def test_a_recipient_whose_clock_is_behind(self) -> None:
        """It does not take it yet, and says so; with its clock mended it does, and shows it once."""
        room, ada, bob, carol = three()
        room.cut(ada, bob)
        room.cut(bob, carol)
        told = ada.tell(bob, "important").id
        bob.skew_ms = -48 * 3_600_000
        room.link(ada, bob)
        room.wait(3)
        row = ada.core.delivery(told)[0]
        wanted = (Delivery.SENT, "not taken yet: clock: stamped 48 h ahead")
        self.assertEqual((row.state, row.evidence), wanted)
        self.assertIn(wanted[1], ada.core.outbox()[0].why)
        room.wait(9)
        row = ada.core.delivery(told)[0]
        late = "the deadline passed without evidence; not taken yet: clock: stamped 48 h ahead"
        self.assertEqual((row.state, row.evidence), (Delivery.UNKNOWN, late))
        bob.skew_ms = 0
        room.wait(61)
        self.assertEqual(state(ada, told), Delivery.ACKED)
        self.assertEqual(bob.texts(), ["important"])

    def test_put_off_until_peers_tell_the_time(self) -> None:
        """A recipient that learns from two peers that its clock is behind takes it by itself."""
        room, ada, bob, _ = three()
        bob.skew_ms = -48 * 3_600_000
        told = ada.tell(bob, "important").id
        room.wait(3)
        self.assertIn("not taken yet", ada.core.delivery(told)[0].evidence)
        room.wait(30)
        self.assertEqual((state(ada, told), bob.texts()), (Delivery.ACKED, ["important"]))

    def test_put_off_and_asked_again(self) -> None:
        """A retry, a new link or a restart of the sender offers it again at once."""
        for again in ("retry", "link", "restart"):
            room, ada, bob, _ = three()
            bob.skew_ms = -48 * 3_600_000
            told = ada.tell(bob, "important").id
            room.wait(3)
            self.assertEqual(bob.texts(), [])
            bob.skew_ms = 0
            if again == "retry":
                ada.ask(Retry(told))
            else:
                room.cut(ada, bob)
                if again == "restart":
                    ada.restart()
                    room.seat(ada, *room.members.values())
                room.link(ada, bob)
            room.run()
            self.assertEqual((state(ada, told), bob.texts()), (Delivery.ACKED, ["important"]))

    def test_put_off_does_not_hold_up(self) -> None:
        """While many are put off, one that its recipient takes is delivered at once."""
        room, ada, bob, _ = three()
        bob.skew_ms = -48 * 3_600_000
        for number in range(100):
            ada.tell(bob, str(number))
        room.wait(1)
        bob.skew_ms = 0
        told = ada.tell(bob, "now").id
        room.run()
        self.assertEqual(state(ada, told), Delivery.ACKED)

    def test_put_off_is_kept_once(self) -> None:
        """However often it says so, what is not taken yet costs one fact for each that is offered."""
        _room, ada, bob, _ = three()
        bob.frozen = True
        told = ada.tell(bob, "hello").id
        name = ada.lines()[0].hash
        for number in range(50):
            ada.receive(bob.id, Rejected(name, f"later {number}", later=True))
        self.assertEqual(ada.core.delivery(told)[0].evidence, "not taken yet: later 0")
        ada.receive(bob.id, Rejected(name, "no"))
        ada.receive(bob.id, Rejected(name, "later", later=True))
        self.assertEqual(ada.core.delivery(told)[0].evidence, "refused: no")
        told_it = [notice.what for notice in ada.notices if isinstance(notice, ClockNoticed)]
        self.assertEqual(len(told_it), 1)
        self.assertIn("does not take a direct message of ours yet: later 0", told_it[0])

    def test_put_off_to_the_end(self) -> None:
        """Put off as long as it is offered it is unknown, and the reason stays."""
        room = Room()
        ada, bob = room.member(1, settings=Settings(keep_hours=0.01)), room.member(2)
        room.roster()
        room.mesh()
        bob.skew_ms = -48 * 3_600_000
        told = ada.tell(bob, "hello").id
        room.wait(60)
        row = ada.core.delivery(told)[0]
        self.assertEqual(row.state, Delivery.UNKNOWN)
        self.assertRegex(row.evidence, "no evidence in the 0.01 h .* not taken yet: clock")
        self.assertEqual(ada.core.outbox(), ())

    def test_put_off_after_a_lost_disk(self) -> None:
        """What was acked stays acked, by its receipt, when the recipient puts it off later."""
        room, ada, bob, carol = three()
        room.cut(bob, carol)
        told = ada.tell(bob, "hello").id
        room.wait(2)
        before = ada.core.delivery(told)[0]
        room.cut(ada, bob)
        bob.disk = Disk()
        for epoch in (7, 8):
            bob.restart(epoch=epoch)
            room.seat(bob, *room.members.values())
        bob.skew_ms = -48 * 3_600_000
        room.link(ada, bob)
        room.wait(30)
        after = ada.core.delivery(told)[0]
        self.assertEqual(after.state, Delivery.ACKED)
        self.assertIn(before.evidence, after.evidence)
        self.assertEqual(bob.texts(), [])
        bob.skew_ms = 0
        room.wait(61)
        self.assertEqual(bob.texts(), ["hello"])

    def test_cancel(self) -> None:
        """Cancelled while queued: expired. Later: no more tries, the state stays."""
        room, ada, bob, _ = three()
        room.cut(ada, bob)
        queued = ada.tell(bob, "one")
        self.assertEqual(ada.ask(Cancel(queued.id)).state, Delivery.EXPIRED)
        room.link(ada, bob)
        bob.frozen = True
        sent = ada.tell(bob, "two")
        self.assertEqual(ada.ask(Cancel(sent.id)).state, Delivery.SENT)
        room.cut(ada, bob)
        bob.frozen = False
        room.link(ada, bob)
        room.wait(12)
        self.assertEqual(bob.texts(), [])
        self.assertEqual(state(ada, sent.id), Delivery.UNKNOWN)

    def test_cancelled_ones_are_waited_for(self) -> None:
        """Sent, then cancelled: unknown after the deadline, the same in the next process as in this."""
        for rebuilt in (None, True, False):
            room, ada, bob, _ = three()
            bob.frozen = True
            told = ada.tell(bob, "two").id
            room.wait(1)
            self.assertEqual(ada.ask(Cancel(told)).state, Delivery.SENT)
            if rebuilt is not None:
                ada.begin(fresh=False) if rebuilt else ada.restart()
                room.seat(ada, *room.members.values())
            room.wait(8.5)
            self.assertEqual(state(ada, told), Delivery.SENT)
            room.wait(1)
            self.assertEqual(state(ada, told), Delivery.UNKNOWN, rebuilt)
            self.assertEqual(ada.core.outbox(), ())

    def test_set_back(self) -> None:
        """A disk set back may have sent what it says is queued: then that is unknown."""
        room, ada, bob, carol = three()
        room.cut(ada, carol)
        told = ada.tell(carol, "secret")
        old = ada.disk.copy()
        ada.say("one more")
        room.run()
        room.cut(ada, bob)
        ada.disk = old
        ada.restart(epoch=2, boot="01beef")
        room.seat(ada, *room.members.values())
        now = ada.tell(carol, "of this life")
        room.link(ada, bob)
        room.wait(2)
        self.assertEqual(state(ada, told.id), Delivery.UNKNOWN)
        self.assertEqual(state(ada, now.id), Delivery.QUEUED)

    def test_set_back_by_hearsay(self) -> None:
        """A peer's unsigned word for more of our past makes no queued message doubtful."""
        room, ada, bob, carol = three()
        room.cut(ada, carol)
        told = ada.tell(carol, "secret")
        ada.restart()
        room.seat(ada, ada, bob, carol)
        room.told(ada, bob, StreamEnd(9, bob.boot, 5, Hash(b"x" * 32), 0))
        room.run()
        self.assertEqual(state(ada, told.id), Delivery.QUEUED)

    def test_set_back_by_our_own_word(self) -> None:
        """Our signed Alive of a process that this disk does not know of makes it doubtful at once."""
        for epoch, boot, after in (
            (1, "", Delivery.QUEUED),
            (2, "", Delivery.QUEUED),
            (1, "ab" * 16, Delivery.UNKNOWN),
            (5, "ab" * 16, Delivery.UNKNOWN),
        ):
            room, ada, bob, carol = three()
            room.cut(ada, carol)
            told = ada.tell(carol, "secret")
            earlier = ada.boot
            ada.restart()
            room.seat(ada, ada, bob, carol)
            alive = Alive(
                ada.id, epoch, 1, BootId(boot or (ada.boot if epoch == 2 else earlier)), ()
            )
            room.told(ada, bob, ours=alive)
            self.assertEqual(state(ada, told.id), after)


def room_message(frame: tuple[Any, Any, bytes]) -> Any:
    """The message of a frame on its way."""
    return CODEC.message(frame[2][4:])


class Doors(SynchronousTestCase):
    """What is refused, and how much may wait."""

    def test_whom(self) -> None:
        """Not to ourselves, not to strangers, not before we know our epoch."""
        room = Room()
        ada, bob = room.member(1), room.member(2)
        self.assertEqual(code_of(ada.tell, bob, "x"), 420)
        room.seat(ada)
        self.assertEqual(code_of(ada.tell, ada, "x"), 503)
        self.assertEqual(code_of(ada.tell, bob, "x"), 520)
        room.roster()
        self.assertEqual(code_of(ada.tell, bob, ""), 503)
        self.assertEqual(code_of(ada.tell, bob, "x" * 8193), 501)

    def test_nonce(self) -> None:
        """A nonce stands for one text to one recipient."""
        _, ada, bob, carol = three()
        first = ada.tell(bob, "x", "n")
        again = ada.tell(bob, "x", "n")
        self.assertEqual((again.id, again.fresh), (first.id, False))
        self.assertEqual(code_of(ada.tell, carol, "x", "n"), 503)
        self.assertEqual(code_of(ada.say, "x", "n"), 503)

    def test_full(self) -> None:
        """An outbox of so many messages or bytes takes no more, and says so."""
        room = Room()
        ada = room.member(1, settings=Settings(outbox_messages=3, outbox_bytes=2000))
        bob = room.member(2)
        room.roster()
        for _ in range(3):
            ada.tell(bob, "x")
        self.assertEqual(code_of(ada.tell, bob, "x"), 421)
        room.link(ada, bob)
        room.run()
        ada.tell(bob, "x")
        self.assertEqual(code_of(ada.tell, bob, "x" * 2000), 421)

    def test_window(self) -> None:
        """A long queue goes out in order, no more than 64 or 256 KiB ahead of the receipts."""
        room, ada, bob, _ = three()
        room.cut(ada, bob)
        texts = [f"{n} " + "x" * 6000 for n in range(60)] + [str(n) for n in range(100)]
        for text in texts:
            ada.tell(bob, text)
        ada.sent.clear()
        room.link(ada, bob)
        first = [send for send in ada.sent if isinstance(send.message, Directs)]
        self.assertLessEqual(sum(len(send.objects) for send in first), 43)
        room.wait(1)
        self.assertEqual(bob.texts(), texts)
        self.assertEqual({line.state for line in ada.lines()}, {Delivery.ACKED})

    def test_window_opens_after_the_deadline(self) -> None:
        """A recipient that answers nothing holds up nothing for ever."""
        room, ada, bob, _ = three()
        bob.frozen = True
        for number in range(70):
            ada.tell(bob, str(number))
        states = [line.state for line in ada.lines()]
        self.assertEqual(states, [Delivery.SENT] * 64 + [Delivery.QUEUED] * 6)
        room.wait(11)
        states = [line.state for line in ada.lines()]
        self.assertEqual(states, [Delivery.UNKNOWN] * 64 + [Delivery.SENT] * 6)

    def test_stray_receipts(self) -> None:
        """Receipts for what we did not send, or by others than its recipient, prove nothing."""
        room, ada, bob, carol = three()
        bob.frozen = True
        told = ada.tell(bob, "hello")
        name = ada.lines()[0].hash
        mine = told.id.stream
        for number, wrong in (
            (3, Receipt(carol.id, 1, ada.id, mine.epoch, mine.boot, 1, name, 5)),
            (2, Receipt(bob.id, 1, ada.id, mine.epoch, mine.boot, 2, name, 5)),
            (2, Receipt(bob.id, 1, ada.id, mine.epoch, mine.boot, 1, Hash(b"\1" * 32), 5)),
        ):
            ada.receive(room_id(room, number), Receipts((sign(number, wrong),)))
        self.assertEqual(state(ada, told.id), Delivery.SENT)
        self.assertEqual(ada.core.parts.book.counters["stray_receipts"], 3)
        other = Receipt(bob.id, 1, carol.id, 1, mine.boot, 1, name, 5)
        ada.receive(bob.id, Receipts((sign(2, other),)))
        self.assertEqual(ada.errors, ["misdirected"])
        good = Receipts((sign(2, Receipt(bob.id, 1, ada.id, 1, mine.boot, 1, name, 5)),) * 2)
        ada.receive(bob.id, good)
        ada.receive(bob.id, good)
        self.assertEqual(state(ada, told.id), Delivery.ACKED)
        self.assertEqual(ada.core.parts.book.counters["duplicate_receipts"], 3)

    def test_no_such_message(self) -> None:
        """Retry and cancel of what is not ours."""
        room, ada, bob, _ = three()
        bob.tell(ada, "to ada")
        post = bob.say("to all")
        room.run()
        theirs = bob.lines(kind="dm")[0].id
        unknown = MessageId(theirs.stream, 99, Kind.DIRECT)
        for wanted in (theirs, unknown, post.id):
            self.assertEqual(code_of(ada.ask, Retry(wanted)), 520)
            self.assertEqual(code_of(ada.ask, Cancel(wanted)), 520)
            self.assertEqual(code_of(ada.core.delivery, wanted), 520)
        self.assertEqual(code_of(bob.ask, Cancel(post.id)), 520)


def room_id(room: Room, number: int) -> Any:
    """The id of a member by number."""
    return next(member.id for member in room.members.values() if member.number == number)
