"""
How long own direct messages are offered: ``keep_hours`` from when they were told (DESIGN 6).

- What this process was told, or told to try again, goes by its monotonic clock.
- How old a message of an earlier process is, only the clock on the wall can say, and that may be wrong
  at a start and may jump.  So two readings must agree that it is old enough: that of now, and that of
  the start with the time that passed since; and not before this process, which knows nothing of an
  earlier jump, has run for as long as nothing goes by age after one.  However young the clock says it
  is, no process offers it for longer than one that it was told itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from attrs import define, field

from securechat.ids import Hash
from securechat.inputs import Instant
from securechat.messaging.letters import Letter
from securechat.messaging.retention import JUMP_PAUSE


@define(eq=False)
class Expiry:
    """Own direct messages that are offered still."""

    _keep: float
    """Seconds."""
    _began: Instant = Instant(0.0, 0)
    """This process, by the clock that it found."""
    _before: dict[Hash, int] = field(factory=dict)
    """Of earlier processes: when each was told, by the clock of then; in order of it."""
    _until: dict[Hash, float] = field(factory=dict)
    """Of this process, in order of time."""

    def __bool__(self) -> bool:
        return bool(self._before or self._until)

    def start(self, letters: Iterable[Letter], now: Instant) -> None:
        """What earlier processes left."""
        self._began = now
        self._before = {x.hash: x.at for x in sorted(letters, key=lambda letter: letter.at)}

    def keep(self, name: Hash, mono: float) -> None:
        """From now on for the whole time; in order of it, so one that was there moves to the end."""
        self.drop(name)
        self._until[name] = mono + self._keep

    def drop(self, name: Hash) -> None:
        """It is not offered any more."""
        self._before.pop(name, None)
        self._until.pop(name, None)

    def take(self, now: Instant) -> list[Hash]:
        """Those that were kept long enough; they are dropped."""
        names = []
        while (name := self._first_over(now)) is not None:
            self.drop(name)
            names.append(name)
        return names

    def _first_over(self, now: Instant) -> Hash | None:
        for name, at in islice(self._before.items(), 1):
            if self._is_old(at, now):
                return name
        for name, until in islice(self._until.items(), 1):
            if until <= now.mono:
                return name
        return None

    def _is_old(self, at: int, now: Instant) -> bool:
        """Of one that an earlier process was told."""
        runs = now.mono - self._began.mono
        wall = min(now.wall_ms / 1000, self._began.wall_ms / 1000 + runs)
        return runs >= self._keep or (runs >= JUMP_PAUSE and wall - at / 1000 >= self._keep)
