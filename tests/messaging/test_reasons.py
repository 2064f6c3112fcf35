"""Why a message has not got further: who lacks a link, whom it was not for, in words."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.inputs import Cancel, Retry
from securechat.messaging.messages import Rejected
from securechat.messaging.views import OutboxLine
from securechat.notices import Delivery, Liveness, Roster, Seat
from securechat.settings import Settings
from tests.messaging.room import Member, Room, code_of, three


def see(member: Member, **states: Liveness) -> None:
    """What membership tells one member of the others (ada, bob, carol, dave)."""
    numbers = {"ada": 1, "bob": 2, "carol": 3, "dave": 4}
    everybody = {m.number: m.id for m in member.room.members.values()}
    seats = {
        ident: Seat(ident, states.get(name, Liveness.ALIVE), 1)
        for name, number in numbers.items()
        if (ident := everybody.get(number)) is not None
    }
    own = Seat(member.id, Liveness.ALIVE, member.epoch)
    told = Roster(tuple({**seats, member.id: own}[ident] for ident in sorted(seats)))
    member.turn(member.core.noticed(told, member.now))


def only(member: Member) -> OutboxLine:
    """The one line of an outbox."""
    (line,) = member.core.outbox()
    return line


class DirectMessages(SynchronousTestCase):
    """``outbox`` and ``delivery`` say why."""

    def test_no_link(self) -> None:
        """Queued for somebody without a link: who it is and what this node believes of him."""
        room, ada, bob, _ = three()
        room.cut(ada, bob)
        told = ada.tell(bob, "x").id
        for state, words in (
            (Liveness.ALIVE, "who is alive"),
            (Liveness.SUSPECT, "who is suspect"),
            (Liveness.UNREACHABLE, "who is unreachable"),
            (Liveness.LEFT, "who has left"),
            (Liveness.REMOVED, "who was removed"),
        ):
            see(ada, bob=state)
            why = f"not sent yet: no link to {{{bob.id}}}, {words}"
            self.assertEqual((only(ada).why, only(ada).state), (why, Delivery.QUEUED))
            self.assertEqual(ada.core.delivery(told)[0].evidence, why)

    def test_behind_others(self) -> None:
        """Queued although there is a link: others are on their way first."""
        room, ada, bob, _ = three()
        bob.frozen = True
        for number in range(65):
            ada.tell(bob, str(number))
        found = {line.state: line.id for line in ada.core.outbox()}

        def why(state: Delivery) -> str:
            return ada.core.delivery(found[state])[0].evidence

        self.assertEqual(why(Delivery.SENT), "given to a link")
        self.assertIn("not sent yet: others are on their way", why(Delivery.QUEUED))
        room.cut(ada, bob)
        self.assertIn("given to a link; no link to", why(Delivery.SENT))
        self.assertIn("not sent yet: no link to", why(Delivery.QUEUED))

    def test_unknown(self) -> None:
        """No evidence in time, and why none is to be expected now."""
        room, ada, bob, _ = three()
        bob.frozen = True
        ada.tell(bob, "x")
        room.wait(11)
        self.assertEqual(only(ada).why, "the deadline passed without evidence")
        room.cut(ada, bob)
        see(ada, bob=Liveness.UNREACHABLE)
        self.assertRegex(only(ada).why, "^the deadline passed .*; no link to .*unreachable$")

    def test_cancelled(self) -> None:
        """Cancelled: never sent, or perhaps under way; what was settled before stays as it was."""
        room, ada, bob, carol = three()
        room.cut(ada, carol)
        done = ada.tell(bob, "done").id
        room.run()
        bob.frozen = True
        sent, queued = ada.tell(bob, "sent").id, ada.tell(carol, "queued").id
        before = ada.core.delivery(done)
        for wanted, why in ((sent, "what was sent may arrive"), (queued, "cancelled")):
            ada.ask(Cancel(wanted))
            self.assertIn(why, ada.core.delivery(wanted)[0].evidence)
        ada.ask(Cancel(queued))
        self.assertEqual(ada.core.delivery(queued)[0].evidence, "cancelled")
        ada.ask(Cancel(done))
        self.assertEqual(ada.core.delivery(done)[0].evidence, before[0].evidence)
        self.assertEqual(ada.core.delivery(done)[0].state, Delivery.ACKED)

    def test_refused(self) -> None:
        """What the recipient refused keeps his reason, whatever is asked of it later."""
        _, ada, bob, _ = three()
        bob.frozen = True
        told = ada.tell(bob, "x").id
        ada.receive(bob.id, Rejected(ada.lines()[0].hash, "no"))
        ada.ask(Cancel(told))
        ada.ask(Retry(told))
        row = ada.core.delivery(told)[0]
        self.assertEqual((row.state, row.evidence), (Delivery.REJECTED, "refused: no"))

    def test_rests(self) -> None:
        """After its time: this disk has no record of sending it, or there is no evidence."""
        room = Room()
        ada = room.member(1, settings=Settings(keep_hours=0.01))
        bob, carol = room.member(2), room.member(3)
        room.roster()
        room.link(ada, bob)
        room.run()
        room.unplug(ada, bob)
        sent, queued = ada.tell(bob, "x").id, ada.tell(carol, "x").id
        room.wait(40)
        self.assertEqual(
            [ada.core.delivery(wanted)[0].evidence for wanted in (sent, queued)],
            [
                "no evidence in the 0.01 h in which it was offered",
                "this disk has no record of sending it",
            ],
        )

    def test_retry_keeps_the_limit(self) -> None:
        """What was cancelled is not taken up again into an outbox that is full."""
        room = Room()
        ada = room.member(1, settings=Settings(outbox_messages=2))
        bob = room.member(2)
        room.roster()
        room.link(ada, bob)
        room.run()
        bob.frozen = True
        one = ada.tell(bob, "one").id
        ada.ask(Cancel(one))
        ada.tell(bob, "two")
        ada.tell(bob, "three")
        self.assertEqual(code_of(ada.ask, Retry(one)), 421)


class Posts(SynchronousTestCase):
    """The same of posts, for each recipient."""

    def test_who_lacks_it(self) -> None:
        """k of n, and of each other one what is known and whether it can be reached."""
        room, ada, bob, carol = three()
        room.cut(ada, carol)
        room.cut(bob, carol)
        see(ada, carol=Liveness.UNREACHABLE)
        said = ada.say("x").id
        room.wait(1)
        why = "1 of 2 have signed that they have it; not yet "
        self.assertEqual(only(ada).why, f"{why}{{{carol.id}}} (queued, no link, unreachable)")
        row = next(row for row in ada.core.delivery(said) if row.member == carol.id)
        self.assertRegex(row.evidence, "^not linked since it was said; no link .* unreachable$")

    def test_many_lack_it(self) -> None:
        """In a large room the line stays short."""
        room = Room()
        ada, *others = (room.member(number) for number in range(1, 9))
        room.roster()
        ghosts = [room.member(number) for number in range(9, 13)]
        room.seat(ada, *others, *ghosts)
        ada.say("x")
        self.assertIn("0 of 11 have signed", only(ada).why)
        self.assertTrue(only(ada).why.endswith(", 3 more"))

    def test_not_a_member_then(self) -> None:
        """Who came later is listed, without a state, and does not count."""
        room, ada, bob, carol = three()
        said = ada.say("before dave").id
        self.assertEqual(ada.core.others(said), ())
        dave = room.member(4)
        room.roster()
        (line,) = ada.core.others(said)
        self.assertEqual((line.member, line.evidence), (dave.id, "not a member then"))
        for other in (ada, bob, carol):
            room.link(dave, other)
        room.wait(5)
        self.assertEqual(dave.texts(), ["before dave"])
        (line,) = ada.core.others(said)
        self.assertEqual(line.evidence, "not a member then; it has it by now")
        self.assertEqual(ada.lines()[0].of, 2)
        self.assertEqual(len(ada.core.delivery(said)), 2)
        later = ada.say("with dave").id
        self.assertEqual((ada.core.others(later), ada.lines()[1].of), ((), 3))
        self.assertEqual(ada.core.others(ada.tell(bob, "x").id), ())

    def test_removed(self) -> None:
        """A removed member is no recipient of what is said later; of earlier posts it is said so."""
        room, ada, bob, carol = three()
        room.cut(ada, carol)
        room.cut(bob, carol)
        said = ada.say("before").id
        see(ada, carol=Liveness.REMOVED)
        row = next(row for row in ada.core.delivery(said) if row.member == carol.id)
        self.assertIn("who was removed", row.evidence)
        later = ada.say("after").id
        self.assertEqual([row.member for row in ada.core.delivery(later)], [bob.id])
        self.assertEqual(ada.core.others(later), ())


class Bursts(SynchronousTestCase):
    """Facts about many posts at once."""

    def test_each_post_is_named(self) -> None:
        """Of a burst as large as may be said at once every post leads to its evidence."""
        room, ada, _, _ = three()
        said = [answer.id for answer in ada.say_all(str(number) for number in range(100))]
        room.wait(1)
        facts = ada.disk.facts.values()
        for member in (2, 3):
            ident = next(m.id for m in room.members.values() if m.number == member)
            named = {
                name
                for fact in facts
                if getattr(fact, "member", None) == ident
                for name in fact.about
            }
            self.assertEqual(named & set(map(str, said)), set(map(str, said)))

    def test_each_overdue_post_is_named(self) -> None:
        """The same for a burst of which nobody gave evidence in time."""
        room, ada, bob, carol = three()
        bob.frozen = carol.frozen = True
        said = [answer.id for answer in ada.say_all(str(number) for number in range(100))]
        room.wait(11)
        rows = [fact for key, fact in ada.disk.facts.items() if key.startswith("offered/")]
        self.assertEqual(len(rows), 2)
        for fact in rows:
            self.assertEqual(set(fact.about), set(map(str, said)))
