"""
Evidence: what was seen of a member, by whom, and what it counted for.

Every line of ``who NAME`` is one of these.  Routine (an ack in time from a member that is alive) is
no line; what changes a verdict, could have, or was refused as evidence, is.  At most 32 a member, of
them at most 16 that did not count: nobody drives out what counted by telling much.
"""

from __future__ import annotations

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

    _lines: list[tuple[Evidence, bool]] = field(factory=list, init=False)
    """Each with whether it changed the state."""

    def add(self, line: Evidence) -> None:
        """Evidence that changed the state; the oldest line gives way."""
        self._append(line, changed=True)

    def repeat(self, line: Evidence) -> None:
        """Evidence that changed nothing: it takes the place of the same, seen earlier."""
        for old, changed in self._lines:
            if not changed and evolve(old, at=line.at) == line:
                self._lines.remove((old, changed))
                break
        idle = [entry for entry in self._lines if not entry[0].counted]
        if not line.counted and len(idle) >= RING // 2:
            self._lines.remove(idle[0])
        self._append(line, changed=False)

    def _append(self, line: Evidence, changed: bool) -> None:
        """The oldest line gives way; what set the present state stays while another can."""
        self._lines.append((line, changed))
        if len(self._lines) > RING:
            kept = max((i for i, (_, moved) in enumerate(self._lines) if moved), default=-1)
            del self._lines[1 if kept == 0 else 0]

    @property
    def lines(self) -> tuple[Evidence, ...]:
        """Oldest first."""
        return tuple(line for line, _ in self._lines)
