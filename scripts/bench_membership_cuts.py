"""
A cable that is cut between two members and three, and mended: who notices when, who is back when.

All rooms stand over the same cable.  Until the cut is mended a verdict about the other side is right,
and one about the own side is false.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from threading import Event
from typing import Protocol

from attrs import define
from bench_membership_places import Namespaces
from bench_membership_rooms import Cluster
from bench_membership_views import (
    ALIVE,
    UNREACHABLE,
    Pair,
    across,
    everyone,
    firsts,
    lasts,
    verdicts,
)

HEAL = 180.0
"""Seconds after which views that do not agree never will."""
CALM = 5.0


class Add(Protocol):
    """Takes figures of one room in one run."""

    def __call__(self, room: Cluster, run: int, **values: float) -> None:
        """One or more."""
        ...


@define
class Cuts:
    """Cuts the cable under all rooms."""

    _place: Namespaces
    _rooms: Sequence[Cluster]
    _add: Add

    def short(self, seconds: float, runs: int) -> None:
        """Several cuts, one after the other; detection and heal."""
        for run in range(runs):
            at = self._cut(seconds)
            for room in self._rooms:
                self._noticed(room, run, at)
            self._heal({id(room): run for room in self._rooms}, ("heal_first", "heal"))
            Event().wait(CALM + 0.37 * run)

    def long(self, seconds: float) -> None:
        """One long cut; each room of a kind is a run of its own."""
        self._cut(seconds)
        seen: dict[str, int] = {}
        runs = {}
        for room in self._rooms:
            runs[id(room)] = seen.setdefault(room.name, 0)
            seen[room.name] += 1
        self._heal(runs, ("long_first", "long"))

    def _cut(self, seconds: float) -> float:
        """Cut, and wait; when it was cut."""
        before = time.monotonic()
        self._place.cut()
        Event().wait(max(0.0, before + seconds - time.monotonic()))
        return before

    def _noticed(self, room: Cluster, run: int, at: float) -> None:
        wanted = _over(room)
        said = room.sights.since(at)
        gone = firsts(said, UNREACHABLE, wanted)
        first = min(gone.values(), default=math.inf)
        last = max(gone.values()) if len(gone) == len(wanted) else math.inf
        false = verdicts(said, UNREACHABLE, wanted)
        room.accuse(false)
        self._add(room, run, cut_first=first - at, cut_last=last - at, cut_false=len(false))

    def _heal(self, runs: dict[int, int], names: tuple[str, str]) -> None:
        """Mend, and wait until all views agree in every room, and still do a while later."""
        at = time.monotonic()
        self._place.heal()
        for pause in (CALM, 0.0):
            for room in self._rooms:
                _agree(room, max(0.0, at + HEAL - time.monotonic()))
            Event().wait(pause)
        for room in self._rooms:
            back = lasts(room.sights.since(at), ALIVE, _over(room)).values()
            first = min(back, default=at) - at
            last = max(back, default=at) - at if _agree(room, 0.0) else math.inf
            self._add(room, runs[id(room)], **dict(zip(names, (first, last), strict=True)))


def _agree(room: Cluster, seconds: float) -> bool:
    """Wait until each member sees all alive."""
    wanted = everyone(room.members)
    return room.sights.wait(lambda: room.sights.all_are(ALIVE, wanted), seconds)


def _over(room: Cluster) -> Collection[Pair]:
    """The views over the cable."""
    one = [member for member in range(room.members) if room.side(member) == 0]
    other = [member for member in range(room.members) if room.side(member) == 1]
    return set(across(one, other))
