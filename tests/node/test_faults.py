"""The bad cable."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import LocalError
from securechat.ids import MemberId
from securechat.inputs import EVERYBODY, Disturb, Heal
from securechat.node.faults import Cable, Fault, told

BOB, CAROL = MemberId("b" * 52), MemberId("c" * 52)
ALL = (EVERYBODY,)


class CableTests(SynchronousTestCase):
    """Frames to chosen peers vanish or are held back; all others pass."""

    def setUp(self) -> None:
        """A cable that may be bad."""
        self.cable = Cable(True, Random(7))

    def lost(self, peer: MemberId) -> int:
        """How many of 1000 frames vanish."""
        return sum(self.cable.passes(peer) is None for _ in range(1000))

    def test_disabled(self) -> None:
        """Where faults are not enabled, asking for one is refused and says how to enable them."""
        cable = Cable(False, Random(1))
        for ask in (cable.obey, cable.meant):
            with self.assertRaises(LocalError) as caught:
                ask(Disturb((BOB,), cut=True))
            self.assertEqual(caught.exception.code, 420)
            self.assertIn("[faults]", caught.exception.text)
        self.assertEqual(cable.passes(BOB), 0.0)

    def test_cut_and_heal(self) -> None:
        """A cut swallows every frame of that peer until it is healed."""
        self.cable.obey(Disturb((BOB,), cut=True))
        self.assertIsNone(self.cable.passes(BOB))
        self.assertEqual(self.cable.passes(CAROL), 0.0)
        self.cable.obey(Heal((BOB,)))
        self.assertEqual(self.cable.passes(BOB), 0.0)
        self.assertEqual(self.cable.active(), ())

    def test_drop(self) -> None:
        """Drop loses about its percentage."""
        self.cable.obey(Disturb(ALL, drop_percent=30))
        self.assertTrue(250 < self.lost(BOB) < 350)

    def test_delay(self) -> None:
        """Delay is said in milliseconds and given in seconds; a peer's own fault goes first."""
        self.cable.obey(Disturb(ALL, delay_ms=250))
        self.cable.obey(Disturb((CAROL,), delay_ms=10))
        self.assertEqual(self.cable.passes(BOB), 0.25)
        self.assertEqual(self.cable.passes(CAROL), 0.01)
        self.assertEqual({fault.peer for fault in self.cable.active()}, {EVERYBODY, CAROL})
        self.cable.obey(Heal())
        self.assertEqual(self.cable.active(), ())

    def test_a_delay_mends_no_cut(self) -> None:
        """What is asked is added to what is in force; a delay of 0 takes the delay away."""
        self.cable.obey(Disturb((BOB,), cut=True))
        self.cable.obey(Disturb((BOB,), delay_ms=10))
        self.assertEqual(self.cable.active(), (Fault(BOB, True, 0.0, 10.0),))
        self.assertIsNone(self.cable.passes(BOB))
        self.cable.obey(Disturb((BOB,), delay_ms=0, cut=False))
        self.assertEqual(self.cable.active(), ())

    def test_one_peers_fault_is_added_to_that_of_all(self) -> None:
        """Who is delayed beside a drop for everybody still loses frames, and the reverse."""
        self.cable.obey(Disturb(ALL, drop_percent=50))
        self.cable.obey(Disturb((BOB,), delay_ms=10))
        self.assertTrue(400 < self.lost(BOB) < 600)
        self.cable.obey(Disturb(ALL, drop_percent=0))
        self.assertEqual((self.lost(BOB), self.cable.passes(BOB)), (0, 0.01))

    def test_one_peer_is_healed_while_all_others_are_not(self) -> None:
        """heal bob mends bob's cable also where the fault was put on everybody."""
        self.cable.obey(Disturb(ALL, drop_percent=50))
        self.cable.obey(Heal((BOB,)))
        self.assertEqual(self.lost(BOB), 0)
        self.assertTrue(400 < self.lost(CAROL) < 600)
        self.assertIn(Fault(BOB), self.cable.active())
        self.cable.obey(Disturb(ALL, drop_percent=100))
        self.assertEqual(self.lost(BOB), 1000)
        self.cable.obey(Heal((BOB,)))
        self.cable.obey(Heal())
        self.assertEqual(self.cable.active(), ())

    def test_heal_names_whom_it_concerns(self) -> None:
        """A heal without names mends all, and says so of each who had a fault."""
        self.cable.obey(Disturb((BOB,), cut=True))
        meant = self.cable.meant(Heal())
        self.assertEqual(meant, Heal((EVERYBODY, BOB)))
        self.assertEqual(self.cable.meant(Heal((CAROL,))), Heal((CAROL,)))
        self.cable.obey(Disturb(ALL, drop_percent=50))
        self.cable.obey(meant)
        self.assertEqual(self.cable.active(), ())

    def test_words(self) -> None:
        """What watchers read."""
        for command, words in (
            (Disturb((BOB, CAROL), cut=True), f"to {{{BOB}}}, {{{CAROL}}} is cut,"),
            (Disturb(ALL, drop_percent=12.5), "to everybody loses 12.5 % of the frames,"),
            (Disturb((BOB,), delay_ms=40), f"to {{{BOB}}} holds frames back by 40 ms,"),
            (Disturb((BOB,), cut=False), "is not cut,"),
            (Heal((EVERYBODY, BOB)), "to everybody was mended"),
        ):
            self.assertIn(words, told(command))
