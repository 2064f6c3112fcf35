"""The bad cable."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import LocalError
from securechat.ids import MemberId
from securechat.node.faults import EVERYBODY, Cable, Fault

BOB, CAROL = MemberId("b" * 52), MemberId("c" * 52)


class CableTests(SynchronousTestCase):
    """Frames to chosen peers vanish or are held back; all others pass."""

    def test_disabled(self) -> None:
        """Where faults are not enabled, asking for one is refused and says how to enable them."""
        cable = Cable(False, Random(1))
        with self.assertRaises(LocalError) as caught:
            cable.put((Fault(BOB, cut=True),))
        self.assertEqual(caught.exception.code, 420)
        self.assertIn("[faults]", caught.exception.text)
        self.assertEqual(cable.passes(BOB), 0.0)

    def test_cut_and_heal(self) -> None:
        """A cut swallows every frame of that peer until it is healed."""
        cable = Cable(True, Random(1))
        cable.put((Fault(BOB, cut=True),))
        self.assertIsNone(cable.passes(BOB))
        self.assertEqual(cable.passes(CAROL), 0.0)
        cable.heal((BOB,))
        self.assertEqual(cable.passes(BOB), 0.0)

    def test_drop(self) -> None:
        """Drop loses about its percentage."""
        cable = Cable(True, Random(7))
        cable.put((Fault(EVERYBODY, drop_percent=30),))
        lost = sum(cable.passes(BOB) is None for _ in range(2000))
        self.assertTrue(500 < lost < 700, lost)

    def test_delay(self) -> None:
        """Delay is said in milliseconds and given in seconds; a peer's own fault goes first."""
        cable = Cable(True, Random(1))
        cable.put((Fault(EVERYBODY, delay_ms=250), Fault(CAROL, delay_ms=10)))
        self.assertEqual(cable.passes(BOB), 0.25)
        self.assertEqual(cable.passes(CAROL), 0.01)
        self.assertEqual({fault.peer for fault in cable.active()}, {EVERYBODY, CAROL})
        cable.heal()
        self.assertEqual(cable.active(), ())
