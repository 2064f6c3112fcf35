"""
Evidence: what was seen of a member, by whom, and what it counted for.

Every line of ``who NAME`` is one of these.  Routine (an ack in time from a member that is alive) is
no line; what changes a verdict, could have, or was refused as evidence, is.  At most 32 a member, of
them at most 16 that did not count: nobody drives out what counted by telling much.  What set the
present state, and whatever has counted since, goes last.
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
    """Each with whether a state, or a suspicion, begins with it."""

    def add(self, line: Evidence) -> None:
        """Evidence with which a state begins, or a suspicion begins anew; the oldest line gives way."""
        self._append(line, begins=True)

    def repeat(self, line: Evidence) -> None:
        """Evidence with which nothing begins: it takes the place of the same, seen earlier."""
        for old, begins in self._lines:
            if not begins and evolve(old, at=line.at) == line:
                self._lines.remove((old, begins))
                break
        idle = [entry for entry in self._lines if not entry[0].counted]
        if not line.counted and len(idle) >= RING // 2:
            self._lines.remove(idle[0])
        self._append(line, begins=False)

    def withdraw(self, by: MemberId, rule: str, at: int, why: str) -> None:
        """What counted by this rule because one member said it counts no longer."""
        last = max((i for i, (_, begins) in enumerate(self._lines) if begins), default=-1)
        said = [
            (line, begins)
            for line, begins in self._lines[last + 1 :]
            if line.counted and (line.by, line.why) == (by, rule)
        ]
        for line, begins in said:
            self._lines.remove((line, begins))
            self.repeat(evolve(line, at=at, counted=False, why=why))

    def _append(self, line: Evidence, begins: bool) -> None:
        """The oldest line gives way; what the present state rests on stays while another can go."""
        self._lines.append((line, begins))
        if len(self._lines) <= RING:
            return
        last = max((i for i, (_, begins) in enumerate(self._lines) if begins), default=-1)
        free = (i for i, (old, _) in enumerate(self._lines) if i < last or not old.counted)
        del self._lines[next((i for i in free if i != last), max(0, last + 1))]

    @property
    def lines(self) -> tuple[Evidence, ...]:
        """Oldest first."""
        return tuple(line for line, _ in self._lines)
