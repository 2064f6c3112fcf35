"""What comes on links and waits for the turn: shares, reading ahead, rests, and ends behind it all."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import MemberId
from securechat.inputs import Ending, Heard, LinkDown
from securechat.membership.messages import Observation, Rows
from securechat.node.handshake import Close
from securechat.node.intake import (
    HEARD_PAUSE,
    READ_AHEAD,
    SLICE_BYTES,
    SLICE_FRAMES,
    SLICE_TOKENS,
)
from securechat.node.wires import TOKENS_BURST, TOKENS_PER_SECOND, Arrived, stale
from securechat.settings import MAX_FRAME
from securechat.wire import LENGTH
from tests.node.test_links import ADA, BOB, CODEC, Side, Wire, Word, connect, pump

CAROL = MemberId("c" * 52)


class IntakeTests(SynchronousTestCase):
    """Bob, whose turn comes when the test says so; ada sends without end, carol a word."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ada, self.bob = Side(ADA, self.clock), Side(BOB, self.clock)
        self.carol = Side(CAROL, self.clock)
        self.near, self.far = connect(self.ada, self.bob)
        self.hers = connect(self.carol, self.bob)
        pump(self.near, self.far, *self.hers)
        self.bob.inputs.clear()
        self.bob.turns = False
        self.handled = 0

    def say(self, *words: str, to: Wire | None = None) -> None:
        """Words arrive at bob in one piece."""
        data = b"".join(CODEC.frame(Word(word)) for word in words)
        self.bob.links.bytes_in(to or self.far, data)

    def taken(self) -> int:
        """How many messages the turn was given."""
        return sum(len(item.messages) for item in self.bob.got(Arrived))

    def heard(self) -> list[str]:
        """What the turn was given, in order."""
        return [word.text for item in self.bob.got(Arrived) for word in item.messages]

    def turn(self) -> None:
        """Handle the first slice that waits."""
        waiting = [item for item in self.bob.inputs if isinstance(item, Arrived)]
        self.bob.links.handled(waiting[self.handled].link)
        self.handled += 1

    def pass_seconds(self, seconds: float) -> None:
        """Time passes, and the turns keep up."""
        for _ in range(round(seconds / 0.05)):
            self.clock.advance(0.05)
            self.turns()

    def turns(self) -> None:
        """Handle slice after slice until none waits."""
        while self.handled < len(self.bob.got(Arrived)):
            self.turn()

    def test_a_slice_of_each(self) -> None:
        """Carol's word waits for one slice of ada's thousand, and all come in their order."""
        said = [str(number) for number in range(1000)]
        self.say(*said)
        self.assertEqual(len(self.bob.got(Arrived)), 1)
        self.say("carol", to=self.hers[1])
        self.turns()
        self.assertEqual(self.heard().index("carol"), SLICE_FRAMES)
        self.assertEqual([word for word in self.heard() if word != "carol"], said)

    def test_what_comes_meanwhile(self) -> None:
        """What comes while a slice waits comes after it, wherever the bytes were cut."""
        data = b"".join(CODEC.frame(Word(str(number))) for number in range(200))
        for start in range(0, len(data), 7):
            self.bob.links.bytes_in(self.far, data[start : start + 7])
        self.assertEqual(len(self.bob.got(Arrived)), 1)
        self.turns()
        self.assertEqual(self.heard(), [str(number) for number in range(200)])

    def test_large_frames(self) -> None:
        """A slice ends with the frame that fills its bytes."""
        self.say(*("x" * SLICE_BYTES for _ in range(3)))
        self.turns()
        self.assertEqual([len(item.messages) for item in self.bob.got(Arrived)], [1, 1, 1])

    def test_reading_ahead(self) -> None:
        """Of a link with much that waits nothing more is read until the turns have had it."""
        self.say(*("x" * 1000 for _ in range(90)))
        self.assertFalse(self.far.reads)
        self.assertTrue(self.hers[1].reads)
        self.turn()
        self.assertTrue(self.far.reads)
        self.turns()
        self.assertEqual(len(self.heard()), 90)
        self.assertEqual(self.bob.links.counters["links_held_back"], 1)

    def test_a_frame_longer_than_what_is_read_ahead(self) -> None:
        """The longest frame comes through, although less than it may wait behind a slice."""
        around = len(CODEC.frame(Word("x" * 60_000))) - 60_000 - LENGTH
        longest = CODEC.frame(Word("x" * (MAX_FRAME - around)))
        self.assertGreater(len(longest), READ_AHEAD)
        self.say("first")
        self.bob.links.bytes_in(self.far, longest[:-1])
        self.turn()
        self.assertTrue(self.far.reads)
        self.bob.links.bytes_in(self.far, longest[-1:])
        self.assertEqual(len(self.heard()), 2)

    def test_a_breach_behind_good_words(self) -> None:
        """What was said well before a breach counts; the breach costs the link when it is reached."""
        self.say(*(str(number) for number in range(SLICE_FRAMES)))
        self.bob.links.bytes_in(self.far, b"\0\0\0\5hello")
        self.assertFalse(self.far.closed)
        self.turns()
        self.assertEqual(len(self.heard()), SLICE_FRAMES)
        self.assertTrue(self.far.closed)
        self.assertIn("malformed", self.bob.links.refusals.known[ADA])

    def test_the_end_comes_last(self) -> None:
        """A stream that ends while much of it waits is down for the turn behind all of it."""
        self.say(*(str(number) for number in range(300)))
        self.bob.links.lost(self.far, Ending.RST, "killed")
        self.assertEqual(self.bob.got(LinkDown), [])
        self.turns()
        self.assertEqual(len(self.heard()), 300)
        self.assertIsInstance(self.bob.inputs[-1], LinkDown)
        self.assertEqual(len(self.bob.links.view()), 1)

    def test_a_close_behind_much(self) -> None:
        """A CLOSE counts once all before it was handled, and nothing behind it does."""
        words = b"".join(CODEC.frame(Word(str(number))) for number in range(100))
        close = CODEC.frame(Close("goodbye"))
        self.bob.links.bytes_in(self.far, words + close + CODEC.frame(Word("after")))
        self.bob.links.lost(self.far, Ending.FIN, "closed")
        self.turns()
        self.assertEqual(self.heard(), [str(number) for number in range(100)])
        (down,) = self.bob.got(LinkDown)
        self.assertIs(down.how, Ending.GOODBYE)

    def test_a_link_that_we_end(self) -> None:
        """What waits of a link that we end is void, and its end is not waited for."""
        self.say(*("x" * 1000 for _ in range(80)))
        self.bob.links.hangup(ADA, "removed")
        self.bob.links.lost(self.far, Ending.FIN, "closed")
        self.assertEqual(len(self.bob.got(LinkDown)), 1)
        self.turn()
        self.assertTrue(self.far.reads)
        (arrived,) = self.bob.got(Arrived)
        self.assertTrue(stale(arrived.link))

    def test_hung_up_after_its_end(self) -> None:
        """Of a stream that has ended the rest is dropped if we give it up meanwhile."""
        self.say(*(str(number) for number in range(300)))
        self.bob.links.lost(self.far, Ending.RST, "killed")
        self.bob.links.hangup(ADA, "removed")
        self.turn()
        self.assertEqual(len(self.bob.got(LinkDown)), 1)
        self.assertEqual(len(self.heard()), SLICE_FRAMES)

    def test_a_rest(self) -> None:
        """Who has used up the bucket is heard at its rate from then on, and carol at any time."""
        most = int(TOKENS_BURST)
        self.say(*(str(number) for number in range(3 * most)))
        self.turns()
        at_once = len(self.heard())
        self.assertLessEqual(at_once, most)
        self.assertGreater(at_once, most - SLICE_TOKENS - SLICE_FRAMES)
        self.say("carol", to=self.hers[1])
        self.assertEqual(self.heard()[-1], "carol")
        self.pass_seconds(1)
        in_a_second = len(self.heard()) - 1 - at_once
        self.assertLess(abs(in_a_second - TOKENS_PER_SECOND), SLICE_TOKENS)
        self.pass_seconds(2)
        self.assertEqual(len(self.heard()), 3 * most + 1)
        self.assertTrue(self.far.reads)

    def test_a_link_that_ends_at_rest(self) -> None:
        """A stream that ends while its link rests is read to its end first."""
        most = int(TOKENS_BURST)
        self.say(*(str(number) for number in range(most)))
        self.turns()
        self.bob.links.lost(self.far, Ending.RST, "killed")
        self.assertEqual(self.bob.got(LinkDown), [])
        self.pass_seconds(0.5)
        self.assertEqual(len(self.heard()), most)
        self.assertEqual(len(self.bob.got(LinkDown)), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_long_words_of_membership(self) -> None:
        """Words of membership rest their link by their bytes, too; posts as long do not."""
        row = Observation(CAROL, 1, 1, "suspect", False)
        rows = CODEC.frame(Rows(0, (row,) * 50))
        self.say(*("x" * len(rows) for _ in range(300)), to=self.hers[1])
        self.turns()
        self.assertEqual(self.taken(), 300)
        self.bob.links.bytes_in(self.far, rows * 300)
        self.turns()
        self.assertLess(self.taken(), 500)
        self.pass_seconds(1)
        self.assertEqual(self.taken(), 600)

    def test_unfinished_frames(self) -> None:
        """A long frame that comes a byte at a time is a sign of life now and then, not each time."""
        for byte in b"\0\0\xff\0" + bytes(1000):
            self.bob.links.bytes_in(self.far, bytes([byte]))
        self.assertEqual(len(self.bob.got(Heard)), 1)
        self.clock.advance(HEARD_PAUSE)
        self.bob.links.bytes_in(self.far, b"x")
        self.assertEqual(len(self.bob.got(Heard)), 2)
