"""P12: who is alive through others has signed for the asker within a few of the asker's periods."""

from __future__ import annotations

from attrs import define, frozen
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, MemberId
from securechat.notices import Liveness, Via
from securechat.simulation.shapes import Line
from securechat.simulation.vouches import Vouches

ADA, BOB = MemberId("a" * 52), MemberId("b" * 52)
PERIOD = 2.0


@define
class Site:
    """Whose view it is: bob's."""

    index: int = 1
    name: str = "bob"
    member: MemberId = BOB


@frozen
class Row:
    """Ada, alive through others."""

    member: MemberId = ADA
    state: str = Liveness.ALIVE
    epoch: int = 1
    incarnation: int = 0
    since: int = 1
    via: str = Via.INDIRECT
    rtt_ms: float | None = None
    evidence: tuple[Line, ...] = ()
    suspicion: None = None


@frozen
class View:
    """How bob does."""

    health: int = 0
    epoch: int = 1
    boot: BootId = BootId("1" * 32)
    members: tuple[Row, ...] = ()


class VouchesTests(SynchronousTestCase):
    """What bob shows of ada, so many seconds after she signed for him."""

    def setUp(self) -> None:
        self.now, self.awake = 100.0, 1e9
        self.vouches = Vouches(lambda: self.now, lambda _: self.awake, PERIOD)
        self.vouches.shown(Site(), View())

    def stale(self, after: float, row: Row = Row()) -> bool:
        """Whether that is too late."""
        self.now = 100.0 + after
        return bool(self.vouches.stale(Site(), row))

    def test_never(self) -> None:
        """Who never signed for him, or for somebody else, is not there."""
        self.assertTrue(self.stale(0.0))
        self.vouches.signed(ADA, BOB, 1)
        self.assertTrue(self.stale(0.0))

    def test_renewed(self) -> None:
        """Five periods are enough for two rounds; more is too late, unless he slept meanwhile."""
        self.vouches.signed(BOB, ADA, 1)
        self.assertEqual([self.stale(after) for after in (0.0, 9.9, 10.1)], [False, False, True])
        self.awake = 3.0
        self.assertFalse(self.stale(30.0))

    def test_earlier_process(self) -> None:
        """What an earlier process signed says nothing of the one that runs."""
        self.vouches.signed(BOB, ADA, 1)
        self.assertTrue(self.stale(0.0, Row(epoch=2)))

    def test_slow(self) -> None:
        """A node that trusts itself less takes longer, also when it has just become well."""
        self.vouches.signed(BOB, ADA, 1)
        self.vouches.shown(Site(), View(health=2))
        self.vouches.shown(Site(), View(health=0))
        self.assertEqual([self.stale(after) for after in (29.9, 30.1)], [False, True])
        self.vouches.shown(Site(), View(health=0))
        self.vouches.signed(BOB, ADA, 1)
        self.assertEqual([self.stale(30.1 + after) for after in (9.9, 10.1)], [False, True])

    def test_far(self) -> None:
        """A ping waits for three round trips."""
        self.vouches.signed(BOB, ADA, 1)
        self.assertEqual(
            [self.stale(after, Row(rtt_ms=1000.0)) for after in (12.9, 13.1)], [False, True]
        )
