"""
What observers said of members, and what can be read from that; no process and no socket here.

A sight is one observer's word about one member at one moment of the driver's monotonic clock.  Both
programs are put into the words of this project: serf's ``failed`` is ``unreachable``, its ``join`` is
``alive``.  A sight that is only noted does not change what the observer is held to think: serf logs
that it suspects and never that it has stopped to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable

from attrs import define, field, frozen

ALIVE, SUSPECT, UNREACHABLE, LEFT = "alive", "suspect", "unreachable", "left"
Pair = tuple[int, int]
"""(observer, subject)."""


@frozen
class Sight:
    """One word about one member."""

    at: float
    observer: int
    subject: int
    state: str
    why: str = ""
    """As the observer put it."""


@define
class Sights:
    """All that was seen in one room; written by the threads that watch, read by the driver."""

    _all: list[Sight] = field(factory=list, init=False)
    _held: dict[Pair, Sight] = field(factory=dict, init=False)
    _changed: threading.Condition = field(factory=threading.Condition, init=False)

    def add(self, sight: Sight, *, noted: bool = False) -> None:
        """One more; ``noted`` if the observer's view stays as it was."""
        with self._changed:
            self._all.append(sight)
            if not noted:
                self._held[sight.observer, sight.subject] = sight
            self._changed.notify_all()

    def wait(self, met: Callable[[], bool], seconds: float) -> bool:
        """Until something holds; False if it did not in time."""
        end = time.monotonic() + seconds
        with self._changed:
            while not met():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 0.5))
        return True

    def since(self, at: float, until: float = float("inf")) -> list[Sight]:
        """What was said from one moment to another."""
        with self._changed:
            return [sight for sight in self._all if at <= sight.at <= until]

    def state(self, observer: int, subject: int) -> str | None:
        """What an observer thinks of a member now; None before its first word."""
        with self._changed:
            held = self._held.get((observer, subject))
        return held.state if held else None

    def all_are(self, state: str, wanted: Iterable[Pair]) -> bool:
        """Whether each of these observers thinks so of its subject."""
        return all(self.state(*pair) == state for pair in wanted)

    def tally(self, wanted: Iterable[Pair]) -> dict[str, int]:
        """How many of these pairs are in which state."""
        found: dict[str, int] = {}
        for pair in wanted:
            state = self.state(*pair) or "unknown"
            found[state] = found.get(state, 0) + 1
        return found


def everyone(members: int, without: Collection[int] = ()) -> list[Pair]:
    """Each member's view of each other one."""
    there = [number for number in range(members) if number not in without]
    return [(a, b) for a in there for b in there if a != b]


def across(one: Collection[int], other: Collection[int]) -> list[Pair]:
    """The views over a cut, both ways."""
    return [pair for a in one for b in other for pair in ((a, b), (b, a))]


def firsts(sights: Iterable[Sight], state: str, wanted: Collection[Pair]) -> dict[Pair, float]:
    """When each of these pairs was first in a state."""
    found: dict[Pair, float] = {}
    for sight in sights:
        pair = sight.observer, sight.subject
        if sight.state == state and pair in wanted:
            found.setdefault(pair, sight.at)
    return found


def lasts(sights: Iterable[Sight], state: str, wanted: Collection[Pair]) -> dict[Pair, float]:
    """When each of these pairs was last put into a state."""
    return {
        (sight.observer, sight.subject): sight.at
        for sight in sights
        if sight.state == state and (sight.observer, sight.subject) in wanted
    }


def verdicts(sights: Iterable[Sight], state: str, excused: Collection[Pair] = ()) -> list[Sight]:
    """Each word of this kind about somebody of whom it is false."""
    return [
        sight
        for sight in sights
        if sight.state == state and (sight.observer, sight.subject) not in excused
    ]
