"""A refused redial is strong evidence only where this very process was reached."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.inputs import Ending, LinkDown, LinkUp
from securechat.membership.refusals import ENDS, Refusals
from securechat.settings import Settings
from tests.membership.bench import boot, someone

BOB = someone("bob")
PLACE = "10.0.0.2:7400"


class RefusalTests(SynchronousTestCase):
    """Whose refusals count, and when two make a verdict."""

    def setUp(self) -> None:
        """Bob's process of epoch 1 was reached by a dial and its link ended."""
        self.refusals = Refusals(Settings())
        self.up()
        self.down(Ending.FIN)

    def up(self, epoch: int = 1, word: str = "a", dialled: str | None = PLACE) -> None:
        """A link comes up."""
        alive = BOB.alive(epoch, 0, word)
        link = LinkUp(BOB.id, 1, epoch, boot(word), "x:1", dialled, "y:1", alive)
        self.refusals.link_up(link)

    def down(self, how: Ending) -> None:
        """The last link ends."""
        self.refusals.link_down(LinkDown(BOB.id, 1, how, "", PLACE, False))

    def counts(self, epoch: int = 1, word: str = "a", place: str = PLACE) -> bool:
        """Whether a refusal there counts."""
        return self.refusals.counts(BOB.id, epoch, boot(word), place)

    def test_counts(self) -> None:
        """Where this process was reached, and its link ended, a refusal counts."""
        self.assertTrue(self.counts())

    def test_firewall(self) -> None:
        """A refusal at an address that never worked proves nothing."""
        self.assertFalse(self.counts(place="10.0.0.3:7400"))

    def test_another_process(self) -> None:
        """What was reached in an earlier epoch or boot proves nothing about this one."""
        self.assertFalse(self.counts(epoch=2))
        self.assertFalse(self.counts(word="b"))
        self.up(2, "b", None)
        self.down(Ending.FIN)
        self.assertFalse(self.counts(2, "b"))

    def test_how_it_ended(self) -> None:
        """Only the end of a process makes a refusal count: not bookkeeping, not a breach."""
        for how in Ending:
            self.up()
            self.assertFalse(self.counts(), "a link is up")
            self.down(how)
            self.assertEqual(self.counts(), how in ENDS)

    def test_two(self) -> None:
        """The second refusal counts 0.3 T after the first and not earlier."""
        self.assertFalse(self.refusals.first(BOB.id))
        for mono, again in ((10.0, True), (10.2, True), (10.3, False)):
            self.assertEqual(self.refusals.refused(BOB.id, mono), again)
            self.assertEqual(self.refusals.twice(BOB.id), not again)
            self.assertTrue(self.refusals.first(BOB.id))
        self.assertEqual(self.refusals.waiting, {BOB.id})

    def test_a_link_between(self) -> None:
        """A link between two refusals voids the first."""
        self.refusals.refused(BOB.id, 10.0)
        self.up()
        self.assertEqual(self.refusals.waiting, set())
        self.down(Ending.RST)
        self.assertTrue(self.refusals.refused(BOB.id, 20.0))
        self.assertFalse(self.refusals.twice(BOB.id))

    def test_disproved(self) -> None:
        """Word of the process, after its link ended, voids refusals until a link comes and ends."""
        self.refusals.refused(BOB.id, 10.0)
        self.refusals.refused(BOB.id, 11.0)
        self.refusals.disproved(BOB.id)
        self.assertEqual(self.refusals.waiting, set())
        self.assertFalse(self.refusals.first(BOB.id) or self.refusals.twice(BOB.id))
        self.assertFalse(self.counts())
        self.up()
        self.down(Ending.RST)
        self.assertTrue(self.counts())
        self.refusals.disproved(someone("carol").id)

    def test_dialled(self) -> None:
        """A process was reached by a dial of ours, or only ever came to us."""
        self.assertTrue(self.refusals.dialled(BOB.id, 1, boot("a")))
        self.assertFalse(self.refusals.dialled(BOB.id, 2, boot("a")))
        self.up(2, "b", None)
        self.assertFalse(self.refusals.dialled(BOB.id, 2, boot("b")))

    def test_strangers(self) -> None:
        """The end of a link that was never current is nothing."""
        carol = someone("carol").id
        self.refusals.link_down(LinkDown(carol, 9, Ending.FIN, "", None, False))
        self.assertFalse(self.refusals.counts(carol, 1, boot("a"), PLACE))
