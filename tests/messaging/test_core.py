"""Whole conversations between cores: what people would notice first."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import LocalError
from securechat.notices import Delivery
from tests.messaging.room import Room, three


class Conversations(SynchronousTestCase):
    """Three members, all linked."""

    def test_post_reaches_all(self) -> None:
        """What ada says is read by everybody, and the digests are equal."""
        room, ada, bob, carol = three()
        said = ada.say("good morning")
        room.wait(0.2)
        self.assertEqual([m.texts() for m in (ada, bob, carol)], [["good morning"]] * 3)
        self.assertEqual({ada.digest}, {bob.digest, carol.digest})
        line = ada.lines()[0]
        self.assertEqual((line.state, line.acked, line.of), (Delivery.ACKED, 2, 2))
        self.assertEqual(said.state, Delivery.SENT)
        self.assertEqual(ada.errors + bob.errors + carol.errors, [])

    def test_direct(self) -> None:
        """A direct message is acked by a signed receipt; the third node has no trace of it."""
        room, ada, bob, carol = three()
        told = ada.tell(bob, "just you")
        self.assertEqual(told.state, Delivery.SENT)
        room.run()
        self.assertEqual(bob.texts(), ["just you"])
        self.assertEqual(ada.core.delivery(told.id)[0].state, Delivery.ACKED)
        self.assertEqual(carol.texts(), [])
        self.assertNotIn("just you", repr(carol.disk))

    def test_partition_heals(self) -> None:
        """Both sides go on; after the heal transcripts and digests are equal."""
        room, ada, bob, carol = three()
        room.cut(ada, carol)
        room.cut(bob, carol)
        for number in range(20):
            ada.say(f"ada {number}")
            carol.say(f"carol {number}")
            bob.say(f"bob {number}")
            room.wait(0.2)
        self.assertNotEqual(ada.digest, carol.digest)
        room.link(bob, carol)
        room.wait(3)
        self.assertEqual(len(carol.texts()), 60)
        self.assertEqual(ada.texts(), carol.texts())
        self.assertEqual(ada.texts(), bob.texts())
        self.assertEqual({ada.digest, bob.digest}, {carol.digest})
        self.assertTrue(all(line.recovered for line in carol.lines() if line.author == ada.id))

    def test_nobody_there(self) -> None:
        """A post said alone is queued, and stays so until somebody is a member."""
        room = Room()
        ada = room.member(1)
        with self.assertRaises(LocalError) as caught:
            ada.say("too early")
        self.assertEqual(caught.exception.code, 420)
        room.roster()
        self.assertEqual(ada.say("alone").state, Delivery.QUEUED)
        self.assertEqual(ada.texts(), ["alone"])
