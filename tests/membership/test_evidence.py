"""Evidence is bounded, and what changed nothing does not crowd out what did."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.membership.evidence import RING, Evidence, Ring
from securechat.notices import Liveness
from tests.membership.bench import WALL, someone

LINE = Evidence(WALL, someone("ada").id, "dial refused", Liveness.SUSPECT, False, "not reached")


class RingTests(SynchronousTestCase):
    """The latest lines about one member."""

    def test_bounded(self) -> None:
        """The oldest line gives way to the thirty-third."""
        ring = Ring()
        for number in range(RING + 5):
            ring.add(evolve(LINE, at=number))
        self.assertEqual([line.at for line in ring.lines], list(range(5, RING + 5)))

    def test_repeated(self) -> None:
        """A thousand redials that are refused alike are one line, with the latest time."""
        ring = Ring()
        ring.add(evolve(LINE, at=1, counted=True, what="link ended"))
        for number in range(1000):
            ring.repeat(evolve(LINE, at=number))
        self.assertEqual([line.at for line in ring.lines], [1, 999])

    def test_talk_drives_nothing_out(self) -> None:
        """However much is told that does not count, what counted stays."""
        ring = Ring()
        for number in range(16):
            ring.add(evolve(LINE, at=number, counted=True, what=f"it was so {number}"))
        for number in range(1000):
            ring.repeat(evolve(LINE, at=number, what=f"somebody says {number}"))
        self.assertEqual(sum(line.counted for line in ring.lines), 16)
        self.assertEqual(len(ring.lines), RING)

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=100))
    def test_latest_last(self, lines: list[tuple[bool, str]]) -> None:
        """Whatever comes, the newest line is the last one and the ring stays bounded."""
        ring = Ring()
        for at, (repeat, what) in enumerate(lines):
            line = evolve(LINE, at=at, what=what)
            (ring.repeat if repeat else ring.add)(line)
            self.assertEqual(ring.lines[-1], line)
        self.assertLessEqual(len(ring.lines), RING)
