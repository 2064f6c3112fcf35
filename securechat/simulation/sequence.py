"""
A post never stands before its predecessor in its stream without a mark (I11).

- In place: what comes before a post in its stream, post or gap, stands above it.
- In time: who was shown a post finds what comes before it, if it is shown only then, marked as late;
  the mark stays.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from securechat.ids import Kind, MessageId, Stream
from securechat.simulation.observed import Missing, Shown, View
from securechat.simulation.witness import Site


@define
class _Read:
    """What the reader of one node has been shown."""

    highest: dict[Stream, int] = field(factory=dict)
    after: set[MessageId] = field(factory=set)
    """Posts that were shown after a later one of their stream."""


@define(eq=False)
class Sequence:
    """What everybody was shown, in time."""

    _report: Callable[[str, str, str], None]
    _read: dict[str, _Read] = field(factory=dict)

    def disk_changed(self, site: Site) -> None:
        """This node's disk was lost, or an old one was put in."""
        self._read.pop(site.name, None)

    def posted(self, site: Site, id: MessageId, late: bool) -> None:
        """A node tells that it shows a post from now on."""
        read = self._read.setdefault(site.name, _Read())
        if id.seq < read.highest.get(id.stream, 0):
            read.after.add(id)
            if not late:
                text = f"shows {id} after {read.highest[id.stream]}, and does not call it late"
                self._report("I11", site.name, text)
        read.highest[id.stream] = max(id.seq, read.highest.get(id.stream, 0))

    def looked(self, site: Site, view: View) -> None:
        """All that a node shows now."""
        read = self._read.setdefault(site.name, _Read())
        above: dict[Stream, int] = {}
        # Of two envelopes for one place either may be the one that came late.
        marked = {line.id for line in view.lines if isinstance(line, Shown) and line.late}
        for line in view.lines:
            if isinstance(line, Missing):
                if line.first < above.get(line.stream, 0):
                    text = f"shows {above[line.stream]} of {line.stream} above the gap before it"
                    self._report("I11", site.name, text)
            elif line.id.kind is Kind.POST:
                above[line.id.stream] = max(line.id.seq, above.get(line.id.stream, 0))
                if line.id in read.after - marked:
                    text = f"{line.id} came late, and is not marked any more"
                    self._report("I11", site.name, text)
        for stream, seq in above.items():
            read.highest[stream] = max(seq, read.highest.get(stream, 0))
