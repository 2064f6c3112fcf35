"""No post stands before its predecessor without a mark: in place, and in time (I11)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, MessageId, Stream
from securechat.objects import Signed
from securechat.simulation.observed import Line, Missing, Shown, View
from securechat.simulation.people import person
from securechat.simulation.sequence import Sequence

ADA, BOB = (person(index).signer.member for index in range(2))
STREAM = Stream(ADA, 1, BootId("0" * 32))


class Site:
    """A node."""

    name, member = "bob", BOB

    def on_disk(self, name: Hash) -> Signed | None:
        """Nothing."""
        return None


def post(seq: int, late: bool = False) -> Shown:
    """A post of ada's."""
    return Shown(MessageId(STREAM, seq), f"post {seq}", None, None, None, late=late)


class SequenceTests(SynchronousTestCase):
    """What bob is shown of ada's posts."""

    def setUp(self) -> None:
        self.broken: list[str] = []
        self.sequence = Sequence(lambda rule, *_: self.broken.append(rule))

    def looks(self, *lines: Line) -> list[str]:
        """The rules that this transcript breaks."""
        self.broken.clear()
        self.sequence.looked(Site(), View((), "", lines))
        return list(self.broken)

    def posted(self, seq: int, late: bool) -> list[str]:
        """The rules that are broken when this post is shown from now on."""
        self.broken.clear()
        self.sequence.posted(Site(), MessageId(STREAM, seq), late)
        return list(self.broken)

    def test_gap_above(self) -> None:
        """A gap stands above what comes after it, or at the end if nothing does."""
        self.assertEqual(self.looks(Missing(STREAM, 1, 2), post(3), Missing(STREAM, 4, 9)), [])
        self.assertEqual(self.looks(post(3), Missing(STREAM, 1, 2)), ["I11"])

    def test_late(self) -> None:
        """What is shown after a later one of its stream is marked as late, and stays so."""
        self.assertEqual(self.posted(3, late=False), [])
        self.assertEqual(self.posted(4, late=False), [])
        self.assertEqual(self.posted(1, late=False), ["I11"])
        self.assertEqual(self.posted(2, late=True), [])
        marked = [post(seq, late=seq < 3) for seq in range(1, 5)]
        self.assertEqual(self.looks(*marked), [])
        self.assertEqual(self.looks(marked[0], post(2), *marked[2:]), ["I11"])

    def test_twins(self) -> None:
        """Of two posts for one place one came late, and it alone is marked; with no mark it is told."""
        self.posted(1, late=False)
        self.posted(2, late=False)
        self.posted(1, late=True)
        self.assertEqual(self.looks(post(1), post(1, late=True), post(2)), [])
        self.assertEqual(self.looks(post(1), post(1), post(2)), ["I11", "I11"])

    def test_seen_before(self) -> None:
        """What was in the transcript when it was looked at counts as shown; another disk does not."""
        self.looks(post(5))
        self.assertEqual(self.posted(4, late=False), ["I11"])
        self.sequence.disk_changed(Site())
        self.assertEqual(self.posted(3, late=False), [])
