"""Own messages on their way into the node: nothing twice, nothing lost, in order."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.chat.outgoing import Outgoing, Stage


class OutgoingTests(SynchronousTestCase):
    """Sends under nonces."""

    def setUp(self) -> None:
        """Two messages wait, one for the room and one for bob."""
        self.outgoing = Outgoing("n")
        self.outgoing.add("room", "", "hello", 1)
        self.outgoing.add("@bob", "bob", "psst", 2)

    def test_one_at_a_time(self) -> None:
        """The second message is asked only when the first has its answer."""
        first = self.outgoing.next(0.0)
        assert first is not None
        self.assertEqual(first.command, ("say", {"text": "hello", "nonce": "n-1"}))
        self.assertIsNone(self.outgoing.next(0.0))
        self.outgoing.taken("n-1", "ada/3/1", "queued")
        second = self.outgoing.next(0.0)
        assert second is not None
        self.assertEqual(second.command, ("dm", {"to": "bob", "text": "psst", "nonce": "n-2"}))

    def test_same_nonce_after_a_lost_link(self) -> None:
        """What had no answer is asked again under the nonce it had."""
        self.outgoing.next(0.0)
        self.outgoing.lost()
        again = self.outgoing.next(0.0)
        self.assertEqual(again and again.nonce, "n-1")
        self.outgoing.unanswered("n-1")
        self.assertEqual(self.outgoing.waiting["n-1"].stage, Stage.HELD)

    def test_later(self) -> None:
        """A node that cannot now is asked again after a second, not before."""
        self.outgoing.refused("n-2")
        self.outgoing.next(0.0)
        self.outgoing.later("n-1", 10.0)
        self.assertIsNone(self.outgoing.next(10.5))
        self.assertIsNotNone(self.outgoing.next(11.0))

    def test_waits_alone(self) -> None:
        """What the node cannot take holds up its own buffer, in order, and no other."""
        self.outgoing.add("room", "", "hello again", 3)
        self.outgoing.next(0.0)
        self.outgoing.later("n-1", 10.0)
        other = self.outgoing.next(10.0)
        self.assertEqual(other and other.nonce, "n-2")
        self.outgoing.taken("n-2", "ada/3/d1", "queued")
        self.assertIsNone(self.outgoing.next(10.5))
        again = self.outgoing.next(11.0)
        self.assertEqual(again and again.nonce, "n-1")

    def test_shown_ends_it(self) -> None:
        """A message stands here until the transcript shows it, whichever comes first."""
        self.outgoing.next(0.0)
        self.outgoing.taken("n-1", "ada/3/1", "queued")
        self.assertEqual((self.outgoing.untaken, len(self.outgoing.of("room"))), (1, 1))
        self.outgoing.seen("ada/3/1")
        self.assertEqual(self.outgoing.of("room"), [])
        self.outgoing.next(0.0)
        self.outgoing.seen("ada/3/d1")
        self.outgoing.taken("n-2", "ada/3/d1", "queued")
        self.assertEqual(self.outgoing.waiting, {})

    def test_strangers(self) -> None:
        """Answers to nonces that are gone change nothing."""
        self.outgoing.next(0.0)
        self.assertIsNotNone(self.outgoing.refused("n-1"))
        self.outgoing.taken("n-1", "ada/3/1", "queued")
        self.outgoing.later("n-1", 0.0)
        self.outgoing.unanswered("n-1")
        self.assertIsNone(self.outgoing.refused("n-1"))
        self.assertEqual(list(self.outgoing.waiting), ["n-2"])
