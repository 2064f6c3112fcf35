"""
Whether everybody truly lacks a missing range that is given up as had by nobody (I5).

A node gives a range up once each member of its roster has said that it has none of it.  Nothing is
asked of how it came to know: what the members themselves show is held against it.

- At the moment at which it gives the range up, none of them shows a post of it that it has shown since
  before the gap was known to this process, by more than a word may be on its way: it cannot have said
  no since then.  What a member got after its word is its own matter, and opens the gap again.
- Once a room is healed, nobody shows a post of a range that anybody has given up.

What lies beyond a proven fork is not given up for anybody's answer: it stays where it was heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import define, field

from securechat.ids import Kind, MemberId, Stream
from securechat.simulation.observed import Missing, Shown, View
from securechat.simulation.witness import Site

CLOSED = "closed"
BEYOND = "closed: beyond a proven fork"
ON_ITS_WAY = 3.0
"""Seconds for which a true word of somebody may have been on its way."""

Span = tuple[Stream, int, int]


@define(eq=False)
class Verdicts:
    """What everybody shows, since when, and which gaps each process knows."""

    _report: Callable[[str, str, str], None]
    _now: Callable[[], float]
    _shows: dict[MemberId, dict[tuple[Stream, int], float]] = field(factory=dict)
    _known: dict[str, list[tuple[Stream, int, int, float]]] = field(factory=dict)

    def disk_changed(self, site: Site) -> None:
        """This node's disk was lost, or an old one was put in."""
        self._shows.pop(site.member, None)

    def began(self, site: Site) -> None:
        """A process begins: what others said before has to be said to it again."""
        self._known.pop(site.name, None)

    def posted(self, site: Site, stream: Stream, seq: int) -> None:
        """A node tells that it shows a post."""
        self._shows.setdefault(site.member, {}).setdefault((stream, seq), self._now())

    def looked(self, site: Site, view: View) -> None:
        """All that a node shows now."""
        before = self._shows.get(site.member, {})
        places = [(line.id.stream, line.id.seq) for line in _posts(view)]
        self._shows[site.member] = {place: before.get(place, self._now()) for place in places}

    def opened(self, site: Site, stream: Stream, first: int, last: int) -> None:
        """A node tells that it knows a gap."""
        self._known.setdefault(site.name, []).append((stream, first, last, self._now()))

    def gave_up(self, site: Site, span: Span, view: View, others: Mapping[MemberId, View]) -> None:
        """A node gives a range up: what it shows then, and what those who run show."""
        for line in closed(view):
            if line.stream == span[0] and line.first <= span[2] and span[1] <= line.last:
                roster = {seat.member for seat in view.seats} | dict(line.answers).keys()
                for member in sorted(roster & others.keys()):
                    self._judge(site, line, member, others[member])

    def _judge(self, site: Site, line: Missing, member: MemberId, view: View) -> None:
        answer = dict(line.answers).get(member, "not asked")
        for seq in _within(view, line):
            since = self._shows.get(member, {}).get((line.stream, seq), self._now())
            if since < self._since(site, line.stream, seq) - ON_ITS_WAY:
                text = f"gives up {line.stream} {line.first} to {line.last}"
                told = f"{member[:8]} ({answer}) shows {seq}, for {self._now() - since:.1f} s now"
                self._report("I5", site.name, f"{text}: {told}")
                return

    def _since(self, site: Site, stream: Stream, seq: int) -> float:
        """Since when this process knows that it lacks a post."""
        times = [
            at
            for known, first, last, at in self._known.get(site.name, ())
            if known == stream and first <= seq <= last
        ]
        return min(times, default=0.0)

    def healed(self, views: Mapping[str, View]) -> None:
        """The end of a world in which all are well."""
        for name, view in views.items():
            for line in closed(view):
                for other, shown in views.items():
                    if found := list(_within(shown, line)):
                        text = f"has given up {line.stream} {line.first} to {line.last}"
                        self._report("I5", name, f"{text}, and {other} shows {found[0]}")
                        break


def closed(view: View) -> list[Missing]:
    """The gaps that were given up."""
    gaps = [line for line in view.lines if isinstance(line, Missing)]
    return [
        gap for gap in gaps if gap.verdict.startswith(CLOSED) and not gap.verdict.startswith(BEYOND)
    ]


def _posts(view: View) -> list[Shown]:
    return [line for line in view.lines if isinstance(line, Shown) and line.id.kind is Kind.POST]


def _within(view: View, gap: Missing) -> Iterable[int]:
    """The posts of a gap that somebody shows."""
    for line in _posts(view):
        if line.id.stream == gap.stream and gap.first <= line.id.seq <= gap.last:
            yield line.id.seq
