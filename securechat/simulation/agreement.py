"""
In what the views of several nodes differ, and what of an author a view may not have any more.

Where histories are short, floors rise: of each author all up to some post may be gone, and nothing
above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from securechat.ids import Kind, MemberId, Stream
from securechat.simulation.observed import Missing, Shown, View

Place = tuple[Stream, int]
"""Of one author, in the order in which floors rise."""


def difference(views: Mapping[str, View], members: Mapping[MemberId, str]) -> str:
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
            author = _above_floors(view, first)
            if author:
                return f"{name} and {names[0]} differ in what {author} said last"
        elif view.digest != first.digest:
            return f"the digests of {name} and {names[0]} differ"
        elif _posts_of(view) != _posts_of(first):
            return f"the transcripts of {name} and {names[0]} differ"
    return ""


def lowest(view: View, author: MemberId) -> Place | None:
    """The first of an author that a view shows; None if it shows nothing of it."""
    places = _by_author(view).get(author)
    return places[0] if places else None


def forgotten(place: Place, view: View) -> bool:
    """Whether a post may lie below a floor, or is shown as missing."""
    places = _by_author(view).get(place[0].author, [])
    return not places or place < places[0] or place in places


def _versions_of(view: View) -> list[tuple[MemberId, int, int]]:
    return [(seat.member, seat.epoch, seat.incarnation) for seat in view.seats]


def _posts_of(view: View) -> list[object]:
    """The room's transcript as everybody should see it: posts and gaps, in order."""
    return [
        (line.id, line.text) if isinstance(line, Shown) else line
        for line in view.lines
        if isinstance(line, Missing) or line.id.kind is Kind.POST
    ]


def oldest(stream: Stream, streams: Iterable[Stream]) -> bool:
    """Whether it is the first stream of its author that is kept: a floor may lie in it."""
    return stream == min(other for other in streams if other.author == stream.author)


def _above_floors(one: View, other: View) -> str:
    """The author of whom two nodes show something else above both their floors; empty if none."""
    rows = [_by_author(view) for view in (one, other)]
    for author in sorted({*rows[0], *rows[1]}):
        a, b = (row.get(author, []) for row in rows)
        common = min(len(a), len(b))
        if common and a[-common:] != b[-common:]:
            return author
    return ""


def _by_author(view: View) -> dict[MemberId, list[tuple[Stream, int]]]:
    """Every post that is shown or missing, by author, in the order in which floors rise."""
    found: dict[MemberId, list[tuple[Stream, int]]] = {}
    for line in view.lines:
        if isinstance(line, Missing):
            spread = [(line.stream, seq) for seq in range(line.first, line.last + 1)]
            found.setdefault(line.stream.author, []).extend(spread)
        elif line.id.kind is Kind.POST:
            found.setdefault(line.id.author, []).append((line.id.stream, line.id.seq))
    return {author: sorted(places) for author, places in found.items()}


def lines_of(view: View) -> list[Shown]:
    return [line for line in view.lines if isinstance(line, Shown)]


def texts_of(view: View) -> set[str]:
    return {line.text for line in lines_of(view)}
