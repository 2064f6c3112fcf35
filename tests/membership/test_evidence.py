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

    def test_what_the_state_rests_on_goes_last(self) -> None:
        """What set the state, and what has counted since, outlives whatever else is told."""
        ring = Ring()
        ring.add(evolve(LINE, counted=True, what="link ended"))
        for name in ("bob", "carol"):
            ring.repeat(evolve(LINE, by=someone(name).id, counted=True, what="no answer"))
        for number in range(10):
            ring.repeat(evolve(LINE, what=f"somebody says {number}"))
        kept = [line for line in ring.lines if line.counted]
        for number in range(RING):
            ring._append(evolve(LINE, what=f"said again {number}"), begins=False)
        self.assertEqual([line for line in ring.lines if line.counted], kept)
        self.assertEqual(len(ring.lines), RING)

    def test_withdrawn(self) -> None:
        """What counts no longer is shown once, as such; of an earlier suspicion it did count."""
        ring, bob = Ring(), someone("bob").id
        said = evolve(LINE, by=bob, counted=True, why="a rule")
        for at in (1, 3):
            ring.add(evolve(LINE, at=at, counted=True))
            ring.repeat(evolve(said, at=at + 1, what=f"said at {at}"))
        ring.withdraw(bob, "a rule", 9, "counts no longer")
        told = [(line.at, line.counted) for line in ring.lines if line.by == bob]
        self.assertEqual(told, [(2, True), (9, False)])

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=100))
    def test_latest_last(self, lines: list[tuple[bool, str]]) -> None:
        """Whatever comes, the newest line is the last one and the ring stays bounded."""
        ring = Ring()
        for at, (repeat, what) in enumerate(lines):
            line = evolve(LINE, at=at, what=what)
            (ring.repeat if repeat else ring.add)(line)
            self.assertEqual(ring.lines[-1], line)
        self.assertLessEqual(len(ring.lines), RING)
