"""
When the journal is pruned: every ten minutes, when much was written, and soon after an erasure.

What was deleted is gone from the WAL with the last step only, so that a text that was forgotten is off
the disk within half a minute (DESIGN 6, retention); if somebody reads the file just then, with a later
one.  What a process that was killed has left there goes with the first steps of the next.  Turn records
come as fast as the node turns, so a limit in bytes is looked after by bytes.  The node stands still
during a step of the store; a long way back within the limits is many short steps.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from securechat.journal.store import Store, StoreError
from securechat.node.log import note
from securechat.settings import Settings

INTERVAL = 600.0
"""Seconds after which records may have grown too old."""
ERASED = 30.0
"""Seconds after which what was deleted is wiped."""
WATCH = 1.0
"""Seconds between two looks at what was written."""
SOON = 0.05
"""Seconds between two steps."""
SHARE = 16
"""So many parts of the limit are pruned at once: the records exceed it by one of them."""


@define(eq=False)
class Pruning:
    """Keeps the turn records of one journal within their limits."""

    _store: Store
    _clock: IReactorTime
    _wall: Callable[[], int]
    _settings: Settings
    _rested: float = field(default=float("-inf"), init=False)
    """When all was within the limits last."""
    _written: int = field(default=0, init=False)
    """What had been written by then."""
    _call: IDelayedCall | None = field(default=None, init=False)

    def start(self) -> None:
        """The first step, and all that follow."""
        self._call = self._clock.callLater(self._step() if self._due() else WATCH, self.start)

    def stop(self) -> None:
        """No further step."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _due(self) -> bool:
        fresh = self._store.turn_bytes_written - self._written
        pause = ERASED if self._store.erased else INTERVAL
        due = self._clock.seconds() >= self._rested + pause
        return due or fresh >= self._settings.record_bytes // SHARE

    def _step(self) -> float:
        """One step; after how long to look again."""
        days, limit = self._settings.record_days, self._settings.record_bytes
        try:
            if self._store.prune(self._wall(), days, limit):
                return SOON
        except StoreError as problem:
            note("fault", what="not-pruned", reason=str(problem))
        self._rested = self._clock.seconds()
        self._written = self._store.turn_bytes_written
        return WATCH
