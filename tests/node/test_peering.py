"""Which of several links to one peer stays."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, MemberId
from securechat.node.peering import Closing, Standing, settle

LOW, HIGH = MemberId("a" * 52), MemberId("b" * 52)
BOOT, LATER = BootId("0" * 32), BootId("1" * 32)
FIRST, SECOND = Standing(1, 3, BOOT), Standing(2, 3, BOOT)


class SettleTests(SynchronousTestCase):
    """Two nodes that dial each other at once end with one link, never with none."""

    def test_one_link(self) -> None:
        """A single link stays."""
        self.assertEqual(settle(LOW, HIGH, [FIRST]), ())

    def test_the_lower_id_decides(self) -> None:
        """At equal incarnations the member with the lower id closes the older at once."""
        self.assertEqual(settle(LOW, HIGH, [FIRST, SECOND]), (Closing(1, "duplicate"),))

    def test_the_higher_id_lingers(self) -> None:
        """The other side closes the older only after it has lingered."""
        self.assertEqual(
            settle(HIGH, LOW, [FIRST, SECOND]), (Closing(1, "duplicate", linger=True),)
        )

    def test_higher_epoch(self) -> None:
        """A higher epoch replaces a lower one at once, on either side."""
        newer = Standing(2, 4, LATER)
        for me, peer in ((LOW, HIGH), (HIGH, LOW)):
            self.assertEqual(settle(me, peer, [FIRST, newer]), (Closing(1, "superseded"),))

    def test_old_incarnation_comes_last(self) -> None:
        """An old incarnation that comes up after the new one is closed, whoever decides (G5)."""
        newer = Standing(1, 4, LATER)
        old = Standing(2, 3, BOOT)
        for me, peer in ((LOW, HIGH), (HIGH, LOW)):
            self.assertEqual(settle(me, peer, [newer, old]), (Closing(2, "superseded"),))
