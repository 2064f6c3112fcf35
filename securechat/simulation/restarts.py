"""
What a node shows after a restart on its disk is what it showed before (I14).

Everything that was shown when it was looked at last is shown again, in the same order, with the same
words and marks.  If the process came to its end between two turns, nothing else is shown either, the
digest is the same, and what was given up stays so.  What a restart may change: the fate of a message
grows (I1), and where histories are short, some of the old end of them goes.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, evolve, field

from securechat.simulation.observed import Line, Missing, Shown, View
from securechat.simulation.witness import Site


@define(eq=False)
class Restarts:
    """What each node showed last."""

    _report: Callable[[str, str, str], None]
    _last: dict[str, tuple[View, bool]] = field(factory=dict)
    """With whether it was all that its process came to show."""

    def disk_changed(self, site: Site) -> None:
        """This node's disk was lost, or an old one was put in."""
        self._last.pop(site.name, None)

    def looked(self, site: Site, view: View, ends: bool = False) -> None:
        """What a node shows now; whether its process ends with that."""
        self._last[site.name] = (view, ends)

    def began(self, site: Site, view: View) -> None:
        """A process shows this before anything has reached it."""
        before, all_ = self._last.get(site.name, (view, False))
        if problem := difference(before, view, all_):
            self._report("I14", site.name, f"after a restart {problem}")
        self.looked(site, view)


def difference(before: View, after: View, ended: bool) -> str:
    """What a restart has changed that it may not; empty if nothing."""
    again = {_place(line): _lasting(line) for line in after.lines}
    for line in before.lines:
        same = again.get(_place(line))
        lost = same is None and isinstance(line, Shown) and not after.floors
        if lost or (same is not None and same != _lasting(line)):
            return f"{_place(line)} is not what it was: {_lasting(line)}, now {same}"
    if not _ordered(before, after):
        return "the order is another"
    missing = {seat.member for seat in before.seats} - {seat.member for seat in after.seats}
    if missing:
        return f"{sorted(missing)} are not known any more"
    if ended and not after.floors and after.digest != before.digest:
        return "the digest is another"
    if ended and not after.floors and len(after.lines) != len(before.lines):
        return f"{len(after.lines)} lines are shown in place of {len(before.lines)}"
    return ""


def _place(line: Line) -> object:
    return (line.stream, line.first) if isinstance(line, Missing) else line.id


def _lasting(line: Line) -> object:
    """What of a line no restart may change."""
    if isinstance(line, Missing):
        return line.stream
    return evolve(line, state=None, acked=None, recipients=(), signed=None)


def _ordered(before: View, after: View) -> bool:
    old = [line.id for line in before.lines if isinstance(line, Shown)]
    new = [line.id for line in after.lines if isinstance(line, Shown)]
    common = set(old) & set(new)
    return [id for id in old if id in common] == [id for id in new if id in common]
