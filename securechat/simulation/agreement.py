"""
In what the views of several nodes differ, and what of an author a view may not have any more.

Where histories are short, floors rise: of each author all may be gone that lies up to some place and
was said up to some time (ADR 19), and nothing else.  When a post was said is read from its author's
stamp, by the witness.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define

from securechat.ids import Kind, MemberId, Stream
from securechat.simulation.observed import Missing, Shown, View

Place = tuple[Stream, int]
Stamps = Mapping[Place, int]
"""When posts were said."""


def difference(views: Mapping[str, View], members: Mapping[MemberId, str], stamps: Stamps) -> str:
    """In what rosters, links or transcripts of all members, by their names, differ; else empty."""
    names = sorted(views)
    first = views[names[0]]
    for member, name in members.items():
        unlinked = members.keys() - views[name].links - {member}
        if unlinked:
            return f"{name} has no link to {sorted(members[one] for one in unlinked)}"
    for name in names:
        view = views[name]
        apart = [seat.member for seat in view.seats if seat.state != "alive"]
        if apart or len(view.seats) != len(first.seats):
            return f"{name} sees {len(view.seats)} members, not alive: {apart}"
        if _versions_of(view) != _versions_of(first):
            return f"{name} and {names[0]} hold other versions"
        if view.floors:
            author = Lowest.of(view, stamps).apart(Lowest.of(first, stamps))
            if author:
                return f"{name} and {names[0]} differ in what {author} said last"
        elif view.digest != first.digest:
            return f"the digests of {name} and {names[0]} differ"
        elif _posts_of(view) != _posts_of(first):
            return f"the transcripts of {name} and {names[0]} differ"
    return ""


@define
class Lowest:
    """What a view shows of each author, or shows as missing."""

    _stamps: Stamps
    _places: dict[MemberId, set[Place]]
    _shown: set[Place]
    """Nothing of this lies below a floor; of what is missing nobody here knows when it was said."""
    _floors: bool

    @classmethod
    def of(cls, view: View, stamps: Stamps) -> Lowest:
        """Of this view."""
        posts = (line.id for line in lines_of(view) if line.id.kind is Kind.POST)
        shown = {(post.stream, post.seq) for post in posts}
        return cls(stamps, _by_author(view) if view.floors else {}, shown, view.floors)

    def above(self, place: Place) -> bool:
        """Whether no floor can have reached a post: one that lies before it, and is older, is shown."""
        at = self._stamps.get(place, 0)
        row = self._shown & self._places.get(place[0].author, set())
        return any(other < place and self._stamps.get(other, 0) <= at for other in row)

    def forgotten(self, place: Place) -> bool:
        """Whether a post may lie below a floor, or is shown as missing."""
        if not self._floors:
            return False
        return place in self._places.get(place[0].author, ()) or not self.above(place)

    def apart(self, other: Lowest) -> str:
        """The author of whom another view shows something else above both floors; empty if none."""
        for author in sorted({*self._places, *other._places}):
            ours, theirs = (one._places.get(author, set()) for one in (self, other))
            if any(map(other.above, ours - theirs)) or any(map(self.above, theirs - ours)):
                return author
        return ""


def _versions_of(view: View) -> list[tuple[MemberId, int, int]]:
    return [(seat.member, seat.epoch, seat.incarnation) for seat in view.seats]


def _posts_of(view: View) -> list[object]:
    """The room's transcript as everybody should see it: posts and gaps, in order."""
    return [
        (line.id, line.text) if isinstance(line, Shown) else line
        for line in view.lines
        if isinstance(line, Missing) or line.id.kind is Kind.POST
    ]


def _by_author(view: View) -> dict[MemberId, set[Place]]:
    """Every post that is shown or missing, by author."""
    found: dict[MemberId, set[Place]] = {}
    for line in view.lines:
        if isinstance(line, Missing):
            spread = ((line.stream, seq) for seq in range(line.first, line.last + 1))
            found.setdefault(line.stream.author, set()).update(spread)
        elif line.id.kind is Kind.POST:
            found.setdefault(line.id.author, set()).add((line.id.stream, line.id.seq))
    return found


def lines_of(view: View) -> list[Shown]:
    return [line for line in view.lines if isinstance(line, Shown)]


def texts_of(view: View) -> set[str]:
    return {line.text for line in lines_of(view)}
