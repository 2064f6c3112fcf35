"""
Evidence: what was seen of a member, by whom, and what it counted for.

Every line of ``who NAME`` is one of these.  Routine (an ack in time from a member that is alive) is
no line; what changes a verdict, could have, or was refused as evidence, is.  At most 32 a member, of
them at most 16 that did not count: nobody drives out what counted by telling much.
"""

from __future__ import annotations

from collections import deque

from attrs import define, evolve, field, frozen

from securechat.ids import MemberId
from securechat.notices import Liveness

RING = 32


@frozen
class Evidence:
    """One line: when (wall, ms), by whom it was seen, what, and what became of it."""

    at: int
    by: MemberId
    what: str
    verdict: Liveness
    """The member's state once this was judged."""
    counted: bool
    why: str
    """The rule by which it counted, or did not."""


@define
class Ring:
    """The latest evidence on one member."""

    _lines: deque[tuple[Evidence, bool]] = field(factory=lambda: deque(maxlen=RING), init=False)
    """Each with whether it changed the state."""

    def add(self, line: Evidence) -> None:
        """Evidence that changed the state; the oldest line gives way."""
        self._lines.append((line, True))

    def repeat(self, line: Evidence) -> None:
        """Evidence that changed nothing: it takes the place of the same, seen earlier."""
        for old, changed in self._lines:
            if not changed and evolve(old, at=line.at) == line:
                self._lines.remove((old, changed))
                break
        idle = [entry for entry in self._lines if not entry[0].counted]
        if not line.counted and len(idle) >= RING // 2:
            self._lines.remove(idle[0])
        self._lines.append((line, False))

    @property
    def lines(self) -> tuple[Evidence, ...]:
        """Oldest first."""
        return tuple(line for line, _ in self._lines)
