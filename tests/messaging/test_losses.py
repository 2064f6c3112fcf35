"""Lost disks: said by who lost one, heard by whose messages it had acknowledged."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import Hash, MessageId
from securechat.inputs import Cancel, Ending, LinkDown, Retry, StreamEnd
from securechat.messaging.hlc import stamp_of
from securechat.messaging.messages import Directs, Frontiers, Posts, Receipts
from securechat.messaging.statements import Loss, Receipt
from securechat.notices import Delivery, DeliveryChanged, FaultNoticed
from securechat.objects import Purpose
from securechat.settings import Settings
from tests.messaging.room import CODEC, Disk, Member, Room, sign, three

HOUR = 3600.0


def lose(room: Room, member: Member, epoch: int = 9) -> None:
    """A member's disk is gone; its process learns from others that it had spoken before."""
    for other in room.members.values():
        if other is not member:
            room.cut(member, other)
    member.disk = Disk()
    member.restart(epoch=1, boot="f0")
    room.seat(member, *room.members.values())
    member.epoch = epoch
    room.seat(member, *room.members.values())


def offered(member: Member) -> int:
    """How many direct messages were given to links."""
    return sum(len(send.objects) for send in member.sent if isinstance(send.message, Directs))


def evidence(member: Member, wanted: MessageId, other: Member) -> str:
    """What a state of an own message at another rests on."""
    return next(row.evidence for row in member.core.delivery(wanted) if row.member == other.id)


class DirectMessages(SynchronousTestCase):
    """What a recipient acknowledged and lost comes again."""

    def test_comes_again(self) -> None:
        """After its disk was lost a recipient has its messages again, under their ids, in order."""
        room, ada, bob, _ = three()
        told = [ada.tell(bob, text).id for text in ("one", "two", "three")]
        room.run()
        before = {wanted: evidence(ada, wanted, bob) for wanted in told}
        ada.notices.clear()
        lose(room, bob)
        self.assertEqual(bob.texts(), [])
        room.link(ada, bob)
        room.run()
        self.assertEqual(bob.texts(), ["one", "two", "three"])
        self.assertEqual([line.id for line in bob.lines()], told)
        self.assertEqual([n for n in ada.notices if isinstance(n, DeliveryChanged)], [])
        for wanted in told:
            self.assertNotEqual(evidence(ada, wanted, bob), before[wanted])
            self.assertNotIn("lost", evidence(ada, wanted, bob))

    def test_cancelled_and_tried_again(self) -> None:
        """What had arrived when it was cancelled comes again if its author asked for that since."""
        room, ada, bob, _ = three()
        kept, told = (ada.tell(bob, text).id for text in ("cancelled", "tried again"))
        room.run()
        for wanted in (kept, told):
            ada.ask(Cancel(wanted))
        ada.ask(Retry(told))
        lose(room, bob)
        room.link(ada, bob)
        room.run()
        self.assertEqual(bob.texts(), ["tried again"])

    def test_tried_again_after_the_loss(self) -> None:
        """What was cancelled when its recipient lost it comes, on the same link, if tried again."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "one").id
        room.run()
        ada.ask(Cancel(told))
        lose(room, bob)
        room.link(ada, bob)
        room.run()
        self.assertEqual(bob.texts(), [])
        ada.ask(Retry(told))
        room.run()
        self.assertEqual(bob.texts(), ["one"])
        self.assertNotIn("lost", evidence(ada, told, bob))
        ada.ask(Retry(told))
        room.run()
        self.assertEqual(offered(ada), 2, "its recipient has it")

    def test_acked_stays_and_says_so(self) -> None:
        """Until its holder has it again, acked stays and its evidence says that the disk was lost."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "one").id
        room.run()
        lose(room, bob)
        room.link(ada, bob)
        bob.frozen = True
        room.run()
        row = ada.core.delivery(told)[0]
        self.assertEqual(row.state, Delivery.ACKED)
        self.assertIn(f"{{{bob.id}}} has since lost its disk (loss ", row.evidence)
        told_of = [f for f in ada.disk.facts.values() if str(told) in f.about]
        self.assertIn("lost what it had stored before epoch 9", told_of[-1].words)
        room.wait(20)
        self.assertEqual(ada.core.delivery(told)[0].state, Delivery.ACKED)
        self.assertEqual(ada.rebuilt().delivery(told), ada.core.delivery(told))

    def test_sender_restarts_meanwhile(self) -> None:
        """A sender that heard of the loss and was killed offers them again in its next life."""
        room, ada, bob, _ = three()
        ada.tell(bob, "one")
        room.run()
        lose(room, bob)
        room.link(ada, bob)
        bob.frozen = True
        room.run()
        room.cut(ada, bob)
        bob.frozen = False
        ada.restart()
        room.seat(ada, *room.members.values())
        room.link(ada, bob)
        room.run()
        self.assertEqual(bob.texts(), ["one"])

    def test_once(self) -> None:
        """Once it is receipted again, nothing is offered on any later link or restart."""
        room, ada, bob, _ = three()
        ada.tell(bob, "one")
        room.run()
        lose(room, bob)
        room.link(ada, bob)
        room.run()
        bob.restart()
        ada.restart()
        room.roster()
        for _ in range(3):
            room.cut(ada, bob)
            room.link(ada, bob)
            room.wait(15, 0.5)
        self.assertEqual(offered(ada), 2)
        self.assertEqual(bob.texts(), ["one"])
        room.cut(ada, bob)
        room.link(ada, bob)
        room.run()
        self.assertEqual(ada.core.parts.book.counters["losses_heard"], 0, "known from the disk")

    def test_a_frame_is_lost(self) -> None:
        """If the one that is offered again is dropped on the way, it rests and comes once more."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "one").id
        room.run()
        lose(room, bob)
        room.link(ada, bob)
        while offered(ada) < 2:
            frame = room._frames.popleft()
            ada_or_bob = room.members[frame[1]]
            ada_or_bob.receive(frame[0], decoded(frame[2]))
        room._frames.clear()
        room.wait(30, 0.5)
        self.assertEqual(bob.texts(), ["one"])
        self.assertNotIn("lost", evidence(ada, told, bob))

    def test_old_disk(self) -> None:
        """What a restored disk still knows is answered as ever: shown once, no more offered."""
        room, ada, bob, _ = three()
        ada.tell(bob, "kept")
        room.run()
        old = bob.disk.copy()
        ada.tell(bob, "gone")
        room.run()
        lose(room, bob)
        bob.disk = old
        bob.restart(epoch=1, boot="f0")
        room.seat(bob, *room.members.values())
        bob.epoch = 9
        room.seat(bob, *room.members.values())
        room.link(ada, bob)
        room.wait(120, 0.5)
        self.assertEqual(bob.texts(), ["kept", "gone"])
        self.assertEqual(offered(ada), 4)

    def test_how_long(self) -> None:
        """What was acknowledged longer ago than messages are kept, or was cancelled, stays lost."""
        room = Room()
        ada = room.member(1, settings=Settings(keep_hours=2))
        bob = room.member(2)
        room.roster()
        room.mesh()
        for text in ("old", "cancelled", "new"):
            told = ada.tell(bob, text).id
            room.run()
            if text == "old":
                room.wait(2.1 * HOUR, 60)
            elif text == "cancelled":
                ada.ask(Cancel(told))
        lose(room, bob)
        room.link(ada, bob)
        room.wait(20, 0.5)
        self.assertEqual(bob.texts(), ["new"])
        states = {line.state for line in ada.lines()}
        self.assertEqual(states, {Delivery.ACKED})
        ada.ask(Retry(ada.lines()[0].id))
        room.run()
        self.assertEqual(bob.texts(), ["old", "new"], "its author asks for it")

    def test_many(self) -> None:
        """A long list keeps to the window, and new messages are not held up by it."""
        room, ada, bob, _ = three()
        texts = [str(number) for number in range(200)]
        for text in texts:
            ada.tell(bob, text)
            room.run()
        lose(room, bob)
        ada.tell(bob, "new")
        ada.sent.clear()
        room.link(ada, bob)
        room.wait(1)
        self.assertEqual(bob.texts(), [*texts, "new"])


class Doors(SynchronousTestCase):
    """Only the holder's own signature tells of a loss, and a restart is none."""

    def test_restart_is_no_loss(self) -> None:
        """A process that starts again on its disk says nothing, and is offered nothing."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "one").id
        room.run()
        for _ in range(3):
            room.cut(ada, bob)
            bob.restart()
            room.seat(bob, *room.members.values())
            room.link(ada, bob)
            room.run()
        self.assertEqual(offered(ada), 1)
        self.assertNotIn("lost", evidence(ada, told, bob))

    def test_the_first_epoch_was_lost(self) -> None:
        """One process that passes from epoch 1 to 2 had an epoch 1 of which it knows nothing."""
        room, ada, bob, _ = three()
        ada.tell(bob, "one")
        room.run()
        lose(room, bob, epoch=2)
        room.link(ada, bob)
        room.run()
        self.assertEqual(bob.texts(), ["one"])

    def test_said_at_every_link(self) -> None:
        """Who was away hears of it at its own link, also after further restarts."""
        room, ada, bob, carol = three()
        carol.tell(bob, "one")
        room.run()
        lose(room, bob)
        room.link(ada, bob)
        room.run()
        for _ in range(2):
            bob.say("something of this life")
            room.run()
            room.cut(ada, bob)
            bob.restart()
            room.seat(bob, *room.members.values())
            room.link(ada, bob)
        room.cut(ada, carol)
        room.link(carol, bob)
        room.run()
        self.assertEqual(bob.texts(kind="dm"), ["one"])
        self.assertEqual(carol.core.parts.book.losses[bob.id].epoch, 9)
        self.assertEqual(carol.core.parts.book.losses[bob.id].rests_on, "loss")

    def test_said_again_when_a_link_of_two_ends(self) -> None:
        """What went on a link that its other end had closed is said on the one that stays."""
        room, ada, bob, _ = three()
        lose(room, bob)
        room.link(ada, bob)
        room._frames.clear()
        room.run()
        self.assertNotIn(bob.id, ada.core.parts.book.losses)
        bob.turn(
            bob.core.link_down(LinkDown(ada.id, 2, Ending.BOOKKEEPING, "", None, True), bob.now)
        )
        room.run()
        self.assertEqual(ada.core.parts.book.losses[bob.id].rests_on, "loss")

    def test_others_word(self) -> None:
        """A loss relayed by another, or of an epoch that is not there, changes nothing."""
        room, ada, bob, carol = three()
        told = ada.tell(bob, "one").id
        room.run()
        room.cut(ada, bob)
        ada.receive(carol.id, Frontiers((sign(2, Loss(bob.id, 1)),)))
        room.link(ada, bob)
        ada.receive(bob.id, Frontiers((sign(2, Loss(bob.id, 7)),)))
        ada.receive(bob.id, Frontiers((sign(3, Loss(carol.id, 7)),)))
        ada.receive(bob.id, Posts((sign(2, Loss(bob.id, 1)),)))
        room.wait(1)
        self.assertEqual(ada.errors, ["wrong-object"])
        self.assertEqual(ada.core.parts.book.counters["stray_losses"], 3)
        self.assertEqual((offered(ada), ada.core.parts.book.losses), (1, {}))
        self.assertNotIn("lost", evidence(ada, told, bob))

    def test_receipts_of_before(self) -> None:
        """A receipt of the time before the loss is no evidence for the time after it."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "one").id
        room.run()
        lose(room, bob)
        room.link(ada, bob)
        bob.frozen = True
        room.run()
        mine, name = told.stream, ada.lines()[0].hash
        before = evidence(ada, told, bob)
        for epoch in (1, 8):
            old = Receipt(bob.id, epoch, ada.id, mine.epoch, mine.boot, told.seq, name, 5)
            ada.receive(bob.id, Receipts((sign(2, old),)))
            self.assertEqual(evidence(ada, told, bob), before)
        self.assertIn("has since lost its disk", before)

    def test_receipts_without_a_loss(self) -> None:
        """A second receipt, of whatever epoch, is a duplicate while nothing was lost."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "one").id
        room.run()
        before, name = evidence(ada, told, bob), ada.lines()[0].hash
        mine = told.stream
        later = Receipt(bob.id, 5, ada.id, mine.epoch, mine.boot, told.seq, name, 5)
        ada.receive(bob.id, Receipts((sign(2, later),)))
        self.assertEqual(evidence(ada, told, bob), before)
        self.assertEqual(ada.core.parts.book.counters["duplicate_receipts"], 1)

    def test_a_greeting(self) -> None:
        """What a peer's greeting says of our past, unsigned, has nobody believe that we lost a disk."""
        room, ada, bob, carol = three()
        ada.say("old")
        told = bob.tell(ada, "to ada").id
        room.wait(3)
        before = evidence(bob, told, ada)
        for other in (bob, carol):
            room.cut(ada, other)
        end = StreamEnd(ada.epoch, ada.boot, 9, Hash(b"q" * 32), stamp_of(room.wall_ms))
        ada.restart()
        room.seat(ada, *room.members.values())
        room.told(ada, carol, end)
        room.link(ada, bob)
        room.run()
        ada.say("after the restart")
        room.wait(5)
        self.assertIn("after the restart", bob.texts())
        self.assertEqual((bob.core.parts.book.losses, losses_said(ada)), ({}, 0))
        self.assertEqual(evidence(bob, told, ada), before)
        self.assertEqual((offered(bob), bob.gaps()), (1, []))


class GroupPosts(SynchronousTestCase):
    """Posts are recovered by their own rules; their evidence tells of the loss as well."""

    def test_evidence(self) -> None:
        """Acked stays; it says that the disk was lost until the holder signs that it has it again."""
        room, ada, bob, carol = three()
        said = [ada.say(text).id for text in ("one", "two")]
        room.wait(1)
        lose(room, bob)
        room.link(ada, bob)
        self.assertNotIn("lost", evidence(ada, said[0], bob))
        while not ada.core.parts.book.losses:
            frame = room._frames.popleft()
            room.members[frame[1]].receive(frame[0], decoded(frame[2]))
        for wanted in said:
            row = next(r for r in ada.core.delivery(wanted) if r.member == bob.id)
            self.assertEqual(row.state, Delivery.ACKED)
            self.assertIn("has since lost its disk", row.evidence)
            self.assertNotIn("lost", evidence(ada, wanted, carol))
        room.wait(5)
        self.assertEqual(bob.texts(), ["one", "two"])
        found = [evidence(ada, wanted, bob) for wanted in said]
        self.assertNotIn("lost", " ".join(found))
        carol.say("so that bob's frontier is another")
        room.wait(2)
        room.cut(ada, bob)
        room.link(ada, bob)
        room.wait(2)
        self.assertEqual([evidence(ada, wanted, bob) for wanted in said], found)

    def test_opening(self) -> None:
        """A stream that opens with "lost" says the same to those that its author is not linked to."""
        room, ada, bob, carol = three()
        said = ada.say("one").id
        room.wait(1)
        lose(room, bob)
        room.link(bob, carol)
        room.wait(1)
        bob.say("I am back")
        room.wait(5)
        self.assertIn("I am back", ada.texts())
        row = next(r for r in ada.core.delivery(said) if r.member == bob.id)
        self.assertEqual(row.state, Delivery.ACKED)
        self.assertEqual(ada.core.parts.book.losses[bob.id].epoch, 9)


def set_back(room: Room, member: Member, disk: Disk) -> None:
    """An old copy of its disk is put in place of a member's; its next epoch leaves no hole."""
    for other in room.members.values():
        if other is not member:
            room.cut(member, other)
    member.disk = disk
    member.restart()
    room.seat(member, *room.members.values())


def losses_said(member: Member) -> int:
    """How many a member signed."""
    return sum(
        signed.purpose is Purpose.LOSS
        for send in member.sent
        if isinstance(send.message, Frontiers)
        for signed in send.message.objects
    )


class Pruned(SynchronousTestCase):
    """What a member never had, and has forgotten all the same."""

    def test_below_a_floor(self) -> None:
        """Of a member that keeps nothing of a post ``delivery`` says that, not that it had no link."""
        room = Room()
        few = Settings(history_posts=40, posts_per_second=1000, burst=1000)
        ada = room.member(1, settings=Settings(posts_per_second=1000, burst=1000), epoch=3)
        others = [room.member(number, settings=few) for number in (2, 3)]
        room.roster()
        said = ada.say("the oldest").id
        before = [row.evidence for row in ada.core.delivery(said)]
        self.assertTrue(all(why.startswith("not linked since it was said; no") for why in before))
        for number in range(60):
            ada.say(f"newer {number}")
            room.tick()
        room.mesh()
        room.wait(30, 0.25)
        for other in others:
            self.assertEqual(
                evidence(ada, said, other), "below its floor: it keeps nothing of this"
            )
        room.cut(ada, others[0])
        self.assertIn("it keeps nothing of this; no link", evidence(ada, said, others[0]))


class SetBack(SynchronousTestCase):
    """A disk that is set back within an epoch, so that none is missing."""

    def test_letters(self) -> None:
        """A receipt that it signed and does not know shows it: what it lost comes again."""
        room, ada, bob, carol = three()
        ada.tell(bob, "kept")
        room.run()
        old = bob.disk.copy()
        told = ada.tell(bob, "gone").id
        carols = carol.tell(bob, "gone, too").id
        room.run()
        before = {ada: evidence(ada, told, bob), carol: evidence(carol, carols, bob)}
        set_back(room, bob, old)
        self.assertEqual(bob.texts(), ["kept"])
        for sender in (ada, carol):
            room.link(sender, bob)
        room.wait(1)
        self.assertEqual(sorted(bob.texts()), ["gone", "gone, too", "kept"])
        for sender, wanted in ((ada, told), (carol, carols)):
            self.assertEqual(sender.core.delivery(wanted)[0].state, Delivery.ACKED)
            self.assertNotEqual(evidence(sender, wanted, bob), before[sender])
            self.assertEqual(sender.core.parts.book.losses[bob.id].epoch, 2)
        (why,) = [n.what for n in bob.notices if isinstance(n, FaultNoticed)]
        self.assertIn("set back", why)
        told_of = [f for f in bob.disk.facts.values() if f"member:{bob.id}" in f.about]
        self.assertIn("receipt ", told_of[-1].evidence)
        self.assertEqual(bob.errors + ada.errors + carol.errors, [])

    def test_acked_says_so(self) -> None:
        """While it lacks them again, acked stays at their senders and tells of the loss."""
        room, ada, bob, carol = three()
        old = bob.disk.copy()
        told = ada.tell(bob, "gone").id
        said = ada.say("gone").id
        room.wait(1)
        set_back(room, bob, old)
        room.link(ada, bob)
        deliver(room, lambda: bool(ada.core.parts.book.losses))
        for wanted in (told, said):
            row = next(r for r in ada.core.delivery(wanted) if r.member == bob.id)
            self.assertEqual(row.state, Delivery.ACKED)
            self.assertIn("has since lost its disk (loss ", row.evidence)
        self.assertNotIn("lost", evidence(ada, said, carol))
        room.wait(5)
        for wanted in (told, said):
            self.assertNotIn("lost", evidence(ada, wanted, bob))

    def test_posts(self) -> None:
        """A frontier that it signed of posts it does not know shows it, without any letter."""
        room, ada, bob, _ = three()
        ada.say("kept")
        room.wait(1)
        old = bob.disk.copy()
        ada.say("gone")
        room.wait(1)
        set_back(room, bob, old)
        room.link(ada, bob)
        room.wait(5)
        self.assertEqual(bob.texts(), ["kept", "gone"])
        self.assertEqual(ada.core.parts.book.losses[bob.id].epoch, 2)
        self.assertIn("frontier ", bob.disk.facts[f"lost/{bob.id}"].evidence)

    def test_own_words(self) -> None:
        """Its own later posts, given back by others, show it; all that link to it hear of it."""
        room, ada, bob, carol = three()
        old = bob.disk.copy()
        bob.say("forgotten")
        room.wait(1)
        set_back(room, bob, old)
        room.link(carol, bob)
        room.wait(3)
        self.assertEqual(bob.texts(), ["forgotten"])
        self.assertEqual(carol.core.parts.book.losses[bob.id].epoch, 2)
        room.link(ada, bob)
        room.run()
        self.assertEqual(ada.core.parts.book.losses[bob.id].epoch, 2)
        bob.say("next")
        room.wait(2)
        for member in (ada, bob, carol):
            self.assertEqual([line.mark for line in member.lines()], ["", ""])

    def test_speaks_before_it_knows(self) -> None:
        """Who speaks before its past came back names the end that it knows, and says the loss after."""
        room, _, bob, carol = three()
        bob.say("kept")
        room.wait(1)
        old = bob.disk.copy()
        bob.say("forgotten")
        room.wait(1)
        set_back(room, bob, old)
        room.link(carol, bob)
        bob.say("spoken at once")
        room.wait(5)
        wanted = ["kept", "forgotten", "spoken at once"]
        self.assertEqual((bob.texts(), carol.texts()), (wanted, wanted))
        self.assertEqual([line.mark for line in carol.lines()], ["", "after-end", ""])
        self.assertEqual(carol.core.parts.book.losses[bob.id].epoch, 2)
        self.assertIn("envelope ", bob.disk.facts[f"lost/{bob.id}"].evidence)

    def test_a_head_is_enough(self) -> None:
        """Its own signed header, without the post, shows it too, and is then the end that it names."""
        room, ada, bob, carol = three()
        bob.say("kept")
        room.wait(1)
        old = bob.disk.copy()
        for other in (ada, carol):
            room.cut(other, bob)
        bob.say("forgotten")
        head = attrs.evolve(bob.disk.object(bob.lines()[1].hash), attachment=b"")
        carol.receive(ada.id, Frontiers((head,)))
        set_back(room, bob, old)
        room.link(carol, bob)
        room.run()
        self.assertEqual(carol.core.parts.book.losses[bob.id].epoch, 2)
        bob.say("next")
        room.wait(5)
        wanted = ["kept", "next", "[2-2]"]
        self.assertEqual((bob.texts(), carol.texts()), (wanted, wanted))
        self.assertEqual([line.mark for line in carol.lines()], ["", ""])

    def test_said_once_and_again_at_each_start(self) -> None:
        """One set-back is one loss, of the epoch that found it, also after further restarts."""
        room, ada, bob, carol = three()
        old = bob.disk.copy()
        for number in range(3):
            ada.tell(bob, str(number))
            ada.say(str(number))
            room.wait(0.5)
        set_back(room, bob, old)
        for other in (ada, carol):
            room.link(other, bob)
        room.wait(5)
        self.assertEqual(bob.core.parts.book.counters["set_back"], 1)
        for _ in range(2):
            for other in (ada, carol):
                room.cut(other, bob)
            bob.restart()
            room.seat(bob, *room.members.values())
            for other in (ada, carol):
                room.link(other, bob)
            room.wait(3)
            self.assertEqual(bob.core.parts.book.counters["set_back"], 0)
        self.assertEqual({m.core.parts.book.losses[bob.id].epoch for m in (ada, carol)}, {2})
        self.assertEqual(len(bob.texts(kind="dm")), 3)

    def test_a_restart_is_none(self) -> None:
        """Whose disk is whole says nothing, whatever is given back to it; pruned is not lost."""
        room = Room()
        ada = room.member(1)
        bob = room.member(2, settings=Settings(history_posts=3))
        carol = room.member(3)
        room.roster()
        room.mesh()
        for number in range(6):
            ada.say(str(number))
            bob.say(str(number))
            ada.tell(bob, str(number))
            room.wait(1)
        for _ in range(3):
            room.cut(ada, bob)
            room.cut(carol, bob)
            bob.restart()
            room.seat(bob, *room.members.values())
            bob.sent.clear()
            room.link(ada, bob)
            room.link(carol, bob)
            room.wait(3)
            self.assertEqual(losses_said(bob), 0)
        given_back = [s for s in ada.sent if isinstance(s.message, Receipts) and s.objects]
        self.assertEqual(len(given_back), 3)
        self.assertEqual((ada.core.parts.book.losses, bob.errors), ({}, []))

    def test_old_receipts(self) -> None:
        """A receipt of ours from longer ago than messages are kept shows nothing."""
        room, ada, bob, _ = three()
        told = ada.tell(bob, "one").id
        room.run()
        name = ada.lines()[0].hash
        bob.restart()
        room.seat(bob, *room.members.values())
        for hash_, at, said in (
            (name, room.wall_ms, 0),
            (Hash(b"x" * 32), room.wall_ms - int(25 * HOUR * 1000), 0),
            (Hash(b"x" * 32), room.wall_ms, 1),
        ):
            given = Receipt(bob.id, 1, ada.id, told.stream.epoch, told.stream.boot, 1, hash_, at)
            bob.receive(ada.id, Receipts((sign(2, given),)))
            self.assertEqual(bob.core.parts.book.counters["set_back"], said)
        self.assertEqual(bob.errors, [])


def deliver(room: Room, until: Callable[[], bool]) -> None:
    """Carry frame by frame until something is so."""
    while not until():
        frame = room._frames.popleft()
        room.members[frame[1]].receive(frame[0], decoded(frame[2]))


def decoded(frame: bytes) -> object:
    """The message of a frame on its way."""
    return CODEC.message(frame[4:])
