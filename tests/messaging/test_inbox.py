"""Direct messages to us: from their author only, receipted after the commit, never twice."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Record, Send
from securechat.inputs import Received
from securechat.messaging.facts import DirectHeld, ReceiptGiven
from securechat.messaging.hlc import stamp_of
from securechat.messaging.messages import Directs, Receipts, Rejected
from securechat.messaging.statements import Direct
from securechat.notices import ClockNoticed
from securechat.objects import Signed
from securechat.settings import Settings
from tests.messaging.room import Member, Room, admit, sign, three


def direct(
    room: Room, author: Member, to: Member, text: str, dseq: int = 1, skew: int = 0
) -> Signed:
    """A signed direct message, as another implementation might make it."""
    stamp = stamp_of(room.wall_ms + skew * 1000)
    return sign(
        author.number, Direct(author.id, author.epoch, author.boot, dseq, to.id, stamp, text)
    )


class Inbox(SynchronousTestCase):
    """The way in."""

    def test_receipt_after_commit(self) -> None:
        """The receipt leaves with the turn that makes the message durable, and is kept itself."""
        room, ada, bob, _ = three()
        objects = (admit(direct(room, ada, bob, "hi")),)
        effects = bob.core.received(Received(ada.id, 1, Directs(), objects), room.now)
        facts = [effect.fact for effect in effects if isinstance(effect, Record)]
        self.assertEqual([type(fact) for fact in facts], [DirectHeld, ReceiptGiven])
        sends = [effect for effect in effects if isinstance(effect, Send)]
        self.assertEqual([type(send.message) for send in sends], [Receipts])
        self.assertEqual(bob.texts(), [])

    def test_twice_in_one_message(self) -> None:
        """One message that comes twice at once is one message with one receipt."""
        room, ada, bob, _ = three()
        one = direct(room, ada, bob, "hi")
        bob.receive(ada.id, Directs((one, one)))
        self.assertEqual(bob.texts(), ["hi"])
        self.assertEqual(len(bob.sent[-1].message.objects), 1)

    def test_same_receipt(self) -> None:
        """A duplicate gets the same receipt, byte for byte, also much later."""
        room, ada, bob, _ = three()
        one = direct(room, ada, bob, "hi")
        bob.receive(ada.id, Directs((one,)))
        first = bob.sent[-1].message.objects[0]
        room.wall_ms += 3_600_000
        bob.receive(ada.id, Directs((one,)))
        self.assertEqual(bob.disk.object(bob.sent[-1].objects[0]), first)

    def test_only_its_author(self) -> None:
        """From another's link, or for somebody else: the peer broke the protocol."""
        room, ada, bob, carol = three()
        bob.receive(carol.id, Directs((direct(room, ada, bob, "hi"),)))
        bob.receive(ada.id, Directs((direct(room, ada, carol, "hi"),)))
        self.assertEqual(bob.errors, ["not-its-author", "misdirected"])
        self.assertEqual(bob.texts(), [])

    def test_same_id(self) -> None:
        """A second message under one id is refused, and the author told."""
        room, ada, bob, _ = three()
        bob.receive(ada.id, Directs((direct(room, ada, bob, "one"), direct(room, ada, bob, "two"))))
        bob.receive(ada.id, Directs((direct(room, ada, bob, "three"),)))
        refusals = [send.message for send in bob.sent if isinstance(send.message, Rejected)]
        self.assertEqual([refusal.later for refusal in refusals], [False, False])
        self.assertEqual(bob.texts(), ["one"])

    def test_clock_ahead(self) -> None:
        """A minute ahead is marked; a day ahead is not taken yet, and its author is told why."""
        room, ada, bob, _ = three()
        bob.receive(ada.id, Directs((direct(room, ada, bob, "soon", 1, 120),)))
        bob.receive(ada.id, Directs((direct(room, ada, bob, "tomorrow", 2, 25 * 3600),)))
        self.assertEqual([line.mark for line in bob.lines()], ["clock"])
        refusal = bob.sent[-1].message
        self.assertEqual((refusal.reason, refusal.later), ("clock: stamped 25 h ahead", True))
        told = [notice.what for notice in bob.notices if isinstance(notice, ClockNoticed)]
        wanted = [
            "a direct message stamped 120 s ahead",
            "a direct message stamped 25 h ahead is not taken yet",
        ]
        self.assertEqual(told, wanted)
        self.assertLess(bob.core.snapshot(room.now).hlc, stamp_of(room.wall_ms + 61_000))

    def test_clock_ahead_is_told_once(self) -> None:
        """A message that is offered again and again tells people about the clock once an hour."""
        room, ada, bob, _ = three()
        far = direct(room, ada, bob, "tomorrow", 1, 25 * 3600)
        for _ in range(10):
            bob.receive(ada.id, Directs((far,)))
        self.assertEqual(len([n for n in bob.notices if isinstance(n, ClockNoticed)]), 1)
        room.wall_ms += 2 * 3_600_000
        bob.receive(ada.id, Directs((far,)))
        self.assertEqual(bob.texts(), ["tomorrow"])

    def test_late(self) -> None:
        """What was told long before what is shown already is marked late."""
        room, ada, bob, carol = three()
        old = direct(room, ada, bob, "old")
        room.wait(5)
        carol.say("new")
        room.run()
        bob.receive(ada.id, Directs((old,)))
        self.assertEqual([line.late for line in bob.lines()], [True, False])
        self.assertEqual(bob.texts(), ["old", "new"])

    def test_flood(self) -> None:
        """Of a flood the excess gets no receipt, and is taken when it comes again later."""
        room = Room()
        few = Settings(outbox_messages=100, posts_per_second=10, burst=20)
        ada, bob = room.member(1), room.member(2, settings=few)
        carol = room.member(3)
        room.roster()
        flood = [direct(room, ada, bob, f"spam {n}", n) for n in range(1, 301)]
        for first in range(0, 300, 50):
            bob.receive(ada.id, Directs(tuple(flood[first : first + 50])))
        self.assertEqual(len(bob.texts()), 100)
        self.assertEqual(len(bob.core.parts.book.letters.given), 100)
        self.assertEqual(bob.core.parts.book.counters["directs_rate_limited"], 200)
        bob.receive(carol.id, Directs((direct(room, carol, bob, "hello"),)))
        self.assertIn("hello", bob.texts())
        room.wait(1.05)
        bob.receive(ada.id, Directs(tuple(flood[100:150])))
        self.assertEqual(len(bob.texts()), 111)
        self.assertEqual(bob.errors, [])

    def test_before_our_epoch_is_known(self) -> None:
        """Before membership told our epoch nothing can be receipted, so nothing is taken yet."""
        room = Room()
        ada, bob = room.member(1), room.member(2)
        one = direct(room, ada, bob, "hi")
        bob.receive(ada.id, Directs((one,)))
        self.assertEqual(bob.texts(), [])
        room.roster()
        bob.receive(ada.id, Directs((one,)))
        self.assertEqual(bob.texts(), ["hi"])
