"""What a restart changes of what was shown is told, but for what it may change (I14)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.simulation.observed import Missing, Seat, View
from securechat.simulation.restarts import Restarts
from tests.simulation.test_sequence import ADA, BOB, STREAM, Site, post

SEATS = tuple(Seat(member, "alive", 1, 0) for member in (ADA, BOB))
BEFORE = View(SEATS, "d", (post(1, late=True), Missing(STREAM, 2, 2), post(3)))


class RestartTests(SynchronousTestCase):
    """What bob shows before and after."""

    def told(self, after: View, ends: bool = True, before: View = BEFORE) -> bool:
        """Whether the difference is told, after an end between two turns or within one."""
        told: list[str] = []
        restarts = Restarts(lambda rule, *_: told.append(rule))
        restarts.looked(Site(), before, ends)
        restarts.began(Site(), after)
        self.assertIn(told, ([], ["I14"]))
        return bool(told)

    def test_same(self) -> None:
        """The same is shown again; of a message's fate more may be known by then."""
        self.assertFalse(self.told(BEFORE))
        sent = evolve(post(3), state="sent", acked=0)
        known = evolve(BEFORE, lines=(*BEFORE.lines[:2], evolve(sent, state="unknown")))
        self.assertFalse(self.told(known, before=evolve(BEFORE, lines=(*BEFORE.lines[:2], sent))))

    def test_changed(self) -> None:
        """A post that is gone, has other words, or lost its mark; another order; who was known."""
        first, gap, last = BEFORE.lines
        for lines in ((gap, last), (first, gap, evolve(post(3), text="other")),
                      (post(1), gap, last), (last, gap, first)):  # fmt: skip
            self.assertTrue(self.told(evolve(BEFORE, lines=lines)), str(lines))
            self.assertTrue(self.told(evolve(BEFORE, lines=lines), ends=False), str(lines))
        self.assertTrue(self.told(evolve(BEFORE, seats=SEATS[:1])))

    def test_more(self) -> None:
        """What a turn had committed when its process was killed may show; else nothing new does."""
        more = evolve(BEFORE, digest="e", lines=(*BEFORE.lines, post(4)))
        self.assertFalse(self.told(more, ends=False))
        self.assertTrue(self.told(more))
        self.assertTrue(self.told(evolve(BEFORE, digest="e")))

    def test_twice(self) -> None:
        """What is shown between two restarts may grow before somebody looks, and not shrink."""
        more = evolve(BEFORE, digest="e", lines=(*BEFORE.lines, post(4)))
        told: list[str] = []
        restarts = Restarts(lambda rule, *_: told.append(rule))
        restarts.looked(Site(), BEFORE, ends=True)
        for view in (BEFORE, more):
            restarts.began(Site(), view)
        self.assertEqual(told, [])
        restarts.began(Site(), BEFORE)
        self.assertEqual(told, ["I14"])

    def test_short_histories(self) -> None:
        """Where histories are short, the old end may go, and nothing else may change."""
        self.assertFalse(self.told(evolve(BEFORE, digest="e", lines=BEFORE.lines[1:], floors=True)))
        self.assertTrue(self.told(evolve(BEFORE, lines=(post(1), post(3)), floors=True)))

    def test_other_disk(self) -> None:
        """With another disk nothing of that is asked."""
        told: list[str] = []
        restarts = Restarts(lambda rule, *_: told.append(rule))
        restarts.looked(Site(), BEFORE)
        restarts.disk_changed(Site())
        restarts.began(Site(), View(SEATS, "", ()))
        self.assertEqual(told, [])
