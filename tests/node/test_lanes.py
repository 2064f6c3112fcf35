"""Frames held back: what came first leaves first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.node.lanes import Lanes
from securechat.node.wires import Link


class Backwards(Clock):
    """Calls that are due at one moment come in the reverse order, as a heap's may."""

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """In front of others of the same time."""
        call: Any = super().callLater(delay, callable, *args, **kw)
        self.calls.sort(key=lambda one: one.getTime())
        same = [one for one in self.calls if one.getTime() == call.getTime()]
        start = self.calls.index(same[0])
        self.calls[start : start + len(same)] = same[::-1]
        return cast(IDelayedCall, call)


class LanesTests(SynchronousTestCase):
    """One direction, some links."""

    def setUp(self) -> None:
        """Nothing is held."""
        self.clock = Backwards()
        self.seen: list[tuple[Any, int, float]] = []
        self.lanes: Lanes[int] = Lanes(self.clock, self.release)

    def release(self, link: Link, frame: int) -> None:
        """It leaves."""
        self.seen.append((link, frame, self.clock.seconds()))

    def link(self, name: str) -> Link:
        """A link is only compared."""
        return cast(Link, name)

    def test_no_delay(self) -> None:
        """A frame that nothing holds passes, and leaves nothing behind."""
        self.assertFalse(self.lanes.holds(self.link("bob"), 1, 0.0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_links_do_not_wait_for_each_other(self) -> None:
        """A slow link holds no frame of another."""
        self.lanes.holds(self.link("bob"), 1, 1.0)
        self.assertFalse(self.lanes.holds(self.link("carol"), 2, 0.0))
        self.assertTrue(self.lanes.holds(self.link("bob"), 3, 0.0))

    @given(st.lists(st.tuples(st.sampled_from(["bob", "carol"]), st.integers(0, 5),
                              st.integers(0, 5)), max_size=30))  # fmt: skip
    def test_order(self, frames: list[tuple[str, int, int]]) -> None:
        """Whatever the delays: on each link in order, none early, none later than it must."""
        self.setUp()
        dues: dict[str, float] = {}
        expected: dict[str, list[tuple[int, float]]] = {"bob": [], "carol": []}
        for number, (name, delay, pause) in enumerate(frames):
            now = self.clock.seconds()
            dues[name] = max(now + delay, dues.get(name, 0.0))
            if not self.lanes.holds(self.link(name), number, float(delay)):
                self.release(self.link(name), number)
            expected[name].append((number, dues[name]))
            self.clock.pump([1] * pause)
        self.clock.pump([1] * 6)
        for name, wanted in expected.items():
            found = [(frame, at) for link, frame, at in self.seen if link == name]
            self.assertEqual(found, wanted)
