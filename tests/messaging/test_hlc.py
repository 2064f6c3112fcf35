"""The clock that orders messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import MAX_INT
from securechat.messaging.hlc import Clock, ahead, stamp_of, wall_of


class ClockTests(SynchronousTestCase):
    """Stamps rise, whatever the clocks do."""

    @given(st.lists(st.tuples(st.integers(0, 2**40), st.none() | st.integers(0, MAX_INT))))
    def test_rises(self, steps: list[tuple[int, int | None]]) -> None:
        """Our stamps strictly rise, also when the wall clock goes back or others' stamps come."""
        clock, last = Clock(60.0), 0
        for wall, heard in steps:
            if heard is not None:
                clock.heard(heard, wall)
            stamp = clock.stamp(wall)
            self.assertGreater(stamp, last)
            last = stamp

    @given(st.integers(0, 2**40), st.integers(0, MAX_INT))
    def test_not_dragged(self, wall: int, heard: int) -> None:
        """No stamp of another moves our clock more than a minute beyond our wall clock."""
        clock = Clock(60.0)
        clock.heard(heard, wall)
        self.assertLessEqual(ahead(clock.stamp(wall), wall), 60.001)

    def test_goes_on(self) -> None:
        """After a restart we speak above what we said before, also if our clock was set back."""
        clock = Clock(60.0)
        clock.spoke(stamp_of(5_000_000))
        self.assertEqual(wall_of(clock.stamp(1_000)), 5_000_000)
