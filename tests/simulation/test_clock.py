"""The clock of the simulation behaves like Twisted's own test clock, only faster."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Clock, LoopingCall
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from securechat.simulation.clock import HostClock, SimClock


def story(clock: Any, steps: list[tuple[str, float, int]]) -> list[tuple[float, int]]:
    """What happens on a clock when these steps are taken; time passes in eighths of a second."""
    told: list[tuple[float, int]] = []
    calls: list[Any] = []

    def note(number: int) -> None:
        told.append((clock.seconds(), number))
        if number % 3 == 0:
            calls.append(clock.callLater(0.5, note, number + 1))

    for index, (what, amount, which) in enumerate([*steps, ("advance", 12.0, 0)]):
        if what == "call":
            calls.append(clock.callLater(amount, note, index * 2))
        elif what == "advance":
            for _ in range(int(amount * 8)):
                clock.advance(0.125)
        elif calls and calls[which % len(calls)].active():
            arguments = () if what == "cancel" else (amount,)
            getattr(calls[which % len(calls)], what)(*arguments)
    return told


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["call", "call", "advance", "cancel", "reset", "delay"]),
        st.integers(1, 40).map(lambda n: n / 8),
        st.integers(0, 20),
    ),
    max_size=40,
)


class SimClockTests(SynchronousTestCase):
    """Virtual time."""

    def test_interfaces(self) -> None:
        """It can stand wherever Twisted wants a clock."""
        clock = SimClock()
        verifyObject(IReactorTime, clock)
        verifyObject(IDelayedCall, clock.callLater(1, lambda: None))
        verifyObject(IReactorTime, HostClock(clock, lambda f, a, k: None))

    @settings(max_examples=200, deadline=None)
    @given(STEPS)
    def test_like_task_clock(self, steps: list[tuple[str, float, int]]) -> None:
        """The same calls happen at the same times as on ``task.Clock``, whatever was put off."""
        ours, theirs = story(SimClock(), steps), story(Clock(), steps)
        self.assertEqual([time for time, _ in ours], [time for time, _ in theirs])
        self.assertEqual(sorted(ours), sorted(theirs))

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.integers(0, 6), max_size=30))
    def test_order(self, delays: list[int]) -> None:
        """Calls come by time, and at one time in the order in which they were asked for."""
        told: dict[str, list[int]] = {"ours": [], "theirs": []}
        clocks: dict[str, Any] = {"ours": SimClock(), "theirs": Clock()}
        for name, clock in clocks.items():
            for index, delay in enumerate(delays):
                clock.callLater(delay, told[name].append, index)
            clock.advance(10)
        self.assertEqual(told["ours"], told["theirs"])

    def test_spent_calls(self) -> None:
        """A call that was made or cancelled can be neither again, as on ``task.Clock``."""
        for clock in (SimClock(), Clock()):
            made = clock.callLater(0, lambda: None)
            dropped = clock.callLater(5, lambda: None)
            dropped.cancel()
            clock.advance(1)
            self.assertEqual([made.active(), dropped.active()], [False, False])
            for call, error in ((made, AlreadyCalled), (dropped, AlreadyCancelled)):
                self.assertRaises(error, call.cancel)
                self.assertRaises(error, call.reset, 1)
                self.assertRaises(error, call.delay, 1)
            self.assertEqual(list(clock.getDelayedCalls()), [])

    def test_looping_call(self) -> None:
        """A LoopingCall runs on it as on Twisted's."""
        for clock in (SimClock(), Clock()):
            times: list[float] = []
            call = LoopingCall(lambda clock=clock, times=times: times.append(clock.seconds()))
            call.clock = clock
            call.start(0.25, now=False)
            for _ in range(8):
                clock.advance(0.25)
            call.stop()
            self.assertEqual(times, [0.25 * n for n in range(1, 9)])


class HostClockTests(SynchronousTestCase):
    """The clock of one process."""

    def setUp(self) -> None:
        self.world = SimClock()
        self.clock = HostClock(self.world, lambda func, args, kw: func(*args, **kw))
        self.told: list[str] = []

    def test_pause(self) -> None:
        """What came due during a pause happens at its end, in order; the clock went on."""
        for delay, word in ((1, "first"), (2, "second"), (9, "later")):
            self.clock.callLater(delay, self.told.append, word)
        self.clock.stand_still()
        self.world.advance(5)
        self.assertEqual(self.told, [])
        self.clock.go_on()
        self.assertEqual((self.told, self.clock.seconds()), (["first", "second"], 5.0))

    def test_drift(self) -> None:
        """A fast clock is ahead, and its calls come early by the clock of the world."""
        self.clock.rate = 2.0
        self.clock.callLater(4, self.told.append, "due")
        self.world.advance(1.99)
        self.assertEqual(self.told, [])
        self.world.advance(0.02)
        self.assertEqual((self.told, round(self.clock.seconds(), 6)), (["due"], 4.02))

    def test_drifting_looping_call(self) -> None:
        """A LoopingCall on a drifting clock keeps its rate; rounding never makes it run for ever."""
        for rate in (0.99951, 1.000377, 1.0 + 1e-7):
            self.clock = HostClock(self.world, lambda f, a, k: f(*a, **k), rate, 733.1)
            call = LoopingCall(self.told.append, "tick")
            call.clock = self.clock
            call.start(0.05, now=False)
            self.world.advance(100)
            call.stop()
            self.assertIn(len(self.told), (1999, 2000))
            self.told.clear()

    def test_death(self) -> None:
        """Nothing of a dead process happens any more, and it has no calls of its own to list."""
        self.clock.callLater(1, self.told.append, "never")
        self.world.callLater(1, self.told.append, "of the world")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.die()
        self.world.advance(2)
        self.assertEqual(self.told, ["of the world"])
