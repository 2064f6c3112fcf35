"""
When stored objects are read back to see whether they are still what was written.

All of them soon after a start and once a day, in short steps: the node stands still during a step.
What is damaged is told by the store itself (``Store.noticed``), as for every other reading.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from securechat.journal.store import Store, StoreError
from securechat.node.log import note

SOON = 0.05
"""Seconds between two steps."""
DAY = 86_400.0


@define(eq=False)
class Checking:
    """Reads the objects of one journal back."""

    _store: Store
    _clock: IReactorTime
    _at: int = field(default=0, init=False)
    """The last object that was read."""
    _call: IDelayedCall | None = field(default=None, init=False)

    def start(self) -> None:
        """The first step, and all that follow."""
        try:
            self._at = self._store.check_objects(self._at)
        except StoreError as problem:
            note("fault", what="not-checked", reason=str(problem))
            self._at = 0
        self._call = self._clock.callLater(SOON if self._at else DAY, self.start)

    def stop(self) -> None:
        """No further step."""
        if self._call is not None and self._call.active():
            self._call.cancel()
