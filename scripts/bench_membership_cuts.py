"""
A cable that is cut between two members and three, and mended: who notices when, who is back when.

All rooms stand over the same cable.  Until the cut is mended a verdict about the other side is right,
and one about the own side is false.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from random import SystemRandom
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
PHASE = 30.0
"""serf looks for lost members so often, by a clock that began with the agent; a heal that always came
as long after the one before would always meet it in the same place."""


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
        """Several cuts, after a pause by chance; detection and heal."""
        for run in range(runs):
            Event().wait(SystemRandom().uniform(0.0, PHASE))
            at = self._cut(seconds)
            for room in self._rooms:
                self._noticed(room, run, at)
            self._heal(self._rooms, run, ("heal_first", "heal"))

    def long(self, seconds: float) -> None:
        """One long cut of all; then set after set is mended, and is a run of its own."""
        self._cut(seconds)
        kinds = len({room.name for room in self._rooms})
        for run in range(len(self._rooms) // kinds):
            here = self._rooms[run * kinds : (run + 1) * kinds]
            self._heal(here, run, ("long_first", "long"))

    def _cut(self, seconds: float) -> float:
        """Cut, and wait; when it was cut."""
        before = time.monotonic()
        self._place.cut([room.number for room in self._rooms])
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

    def _heal(self, rooms: Sequence[Cluster], run: int, names: tuple[str, str]) -> None:
        """Mend, and wait until all views agree in each of these, and still do a while later."""
        at = time.monotonic()
        self._place.heal([room.number for room in rooms])
        for pause in (CALM, 0.0):
            for room in rooms:
                _agree(room, max(0.0, at + HEAL - time.monotonic()))
            Event().wait(pause)
        for room in rooms:
            back = lasts(room.sights.since(at), ALIVE, _over(room)).values()
            first = min(back, default=at) - at
            last = max(back, default=at) - at if _agree(room, 0.0) else math.inf
            self._add(room, run, **dict(zip(names, (first, last), strict=True)))


def _agree(room: Cluster, seconds: float) -> bool:
    """Wait until each member sees all alive."""
    wanted = everyone(room.members)
    return room.sights.wait(lambda: room.sights.all_are(ALIVE, wanted), seconds)


def _over(room: Cluster) -> Collection[Pair]:
    """The views over the cable."""
    one = [member for member in range(room.members) if room.side(member) == 0]
    other = [member for member in range(room.members) if room.side(member) == 1]
    return set(across(one, other))
