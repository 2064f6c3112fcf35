"""
What a node keeps and what it forgets, against its settings (DESIGN 6, retention; I10, G2).

Read from the disk itself, row by row: nothing is asked of how the node counts.

After each commit, where histories are short or are forgotten by age:

- I10: no more posts and bytes than may be kept, but for what the node itself has said in that commit.
- G2: what was forgotten had to go.  With the last of it there was more than may be kept, or it was too
  old.  Of posts above a limit the oldest of an author went of whom the node held most: nobody of whom
  all is still there had more.  So the oldest post of a small author is there while a flooder has more.

At each look, in every world:

- I10: direct messages that nobody waits for, those that wait, turn records and what is written down
  about each of them are within their limits; a turn may bring more, and the next ones take it back.
- G2: what is too old is gone once the node had the time to look for it.

When all have to be equal, also where histories are short:

- G7: who never had to forget anything of an author has every post of his that another one keeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from attrs import define, field, frozen

from securechat.ids import Hash, Kind, MemberId, MessageId, Stream
from securechat.objects import Purpose, Signed
from securechat.settings import MAX_MEMBERS, Settings
from securechat.simulation.observed import Kept, Shown, View
from securechat.simulation.witness import Site, Witness

DAY, HOUR = 86_400.0, 3600.0
MAX_STREAMS = 512
"""Of one author (ADR 16)."""
SPARE = 1.1
"""So many times a limit may be reached at a look,"""
LOOKS = 3
"""and not in so many looks one after the other."""
LOOKED = 60.0
"""Seconds between two looks of a process for what is too old, from its start on,"""
LATER = 2.0
"""and by when it has forgotten that."""
WAITING = ("queued", "sent", "unknown")
OF_MEMBERS = ("address", "begun", "claim", "epoch", "floor", "lost")
"""Facts of which each member has one at most."""

Place = tuple[int, Stream, int]


@frozen
class Piece:
    """An envelope on a disk."""

    name: Hash
    stream: Stream
    first: int
    last: int
    size: int
    hlc: int = 0
    """When it was said."""

    @property
    def count(self) -> int:
        """How many posts are in it."""
        return self.last - self.first + 1

    @property
    def place(self) -> Place:
        """When it was said, and where it ends: a floor that rises reaches these in their order."""
        return (self.hlc, self.stream, self.last)


Pieces = dict[Hash, Piece]


class Keeper(Site, Protocol):
    """A node with what it may keep."""

    settings: Settings


@define(eq=False)
class Retained:
    """Judges what the nodes of one world keep."""

    _witness: Witness
    _report: Callable[[str, str, str], None]
    _now: Callable[[], float]
    _said_at: Callable[[MessageId], float | None]
    """When a message was accepted, if that is known."""
    marks: Counter[str]
    _disks: dict[str, Pieces] = field(factory=dict)
    _came: dict[str, dict[Hash, float]] = field(factory=dict)
    """Since when each envelope is on a disk."""
    _known: dict[MemberId, Pieces] = field(factory=dict)
    """Every envelope that was on any disk."""
    _pressed: set[tuple[str, MemberId]] = field(factory=set)
    """Of whom a node forgot something, or may have: it was full, and had more of nobody else."""
    _over: dict[str, Counter[str]] = field(factory=dict)
    _nonces: dict[str, int] = field(factory=dict)

    def disk_changed(self, site: Site) -> None:
        """This node's disk was lost, or an old one was put in."""
        self._disks.pop(site.name, None)
        self._came.pop(site.name, None)
        self._over.pop(site.name, None)
        self._nonces.pop(site.name, None)

    # After a commit.

    def committed(self, site: Site, texts: Iterable[Signed], settings: Settings) -> None:
        """All texts that are on a disk now."""
        pieces = {piece.name: piece for piece in self._pieces(texts)}
        before = self._disks.get(site.name)
        self._disks[site.name] = pieces
        came = self._came.get(site.name, {})
        self._came[site.name] = {name: came.get(name, self._now()) for name in pieces}
        for piece in pieces.values():
            self._known.setdefault(piece.stream.author, {})[piece.name] = piece
        self._press(site, before or {}, pieces, settings)
        if before is None or before.keys() == pieces.keys():
            return
        self._above(site, before, pieces, settings)
        gone = [piece for name, piece in before.items() if name not in pieces]
        if gone and not self._aged(gone, settings):
            self._needless(site, gone, pieces, settings)
            self._unfair(site, before, gone, pieces)

    def _pieces(self, texts: Iterable[Signed]) -> Iterator[Piece]:
        for signed in texts:
            if signed.purpose is Purpose.ENVELOPE and signed.attachment:
                name, said = self._witness.read(signed)
                yield Piece(name, said.stream, said.first, said.last, signed.size, said.hlc)

    def _press(self, site: Site, before: Pieces, pieces: Pieces, settings: Settings) -> None:
        """Of whom something went, or may have come and gone within this commit."""
        gone = (piece.stream.author for name, piece in before.items() if name not in pieces)
        self._pressed.update((site.name, author) for author in gone)
        if not self._fills(pieces, settings):
            return
        kept = _by_author(pieces.values())
        for author, row in self._known.items():
            # Its own go last where it has just said them.
            more = (size for other, size in kept.items() if other not in (author, site.member))
            if _bytes(row.values()) >= max(more, default=0):
                self._pressed.add((site.name, author))

    def _fills(self, pieces: Pieces, settings: Settings) -> bool:
        """Whether the largest envelope of any author would be one too many."""
        known = [piece for row in self._known.values() for piece in row.values()]
        posts = _posts(pieces.values()) + max((piece.count for piece in known), default=0)
        size = _bytes(pieces.values()) + max((piece.size for piece in known), default=0)
        return posts > settings.history_posts or size > settings.history_bytes

    def _above(self, site: Site, before: Pieces, pieces: Pieces, settings: Settings) -> None:
        fresh = [p for name, p in pieces.items() if name not in before]
        own = [piece for piece in fresh if piece.stream.author == site.member]
        rows = (
            ("posts", _posts(pieces.values()), settings.history_posts, _posts(own)),
            ("bytes of posts", _bytes(pieces.values()), settings.history_bytes, _bytes(own)),
        )
        for what, found, limit, said in rows:
            if found > max(limit, said):
                self._report("I10", site.name, f"a commit leaves {found} {what} of {limit}")

    def _aged(self, gone: list[Piece], settings: Settings) -> bool:
        """Whether any of these was too old; that is marked."""
        since = self._now() - settings.history_days * DAY
        times = [self._said_at(MessageId(piece.stream, piece.first)) for piece in gone]
        aged = sum(at is None or at <= since for at in times)
        self.marks["a post was forgotten by age"] += aged
        return aged > 0

    def _needless(self, site: Site, gone: list[Piece], pieces: Pieces, settings: Settings) -> None:
        """Was there too much, with the last that went?"""
        last = [piece for author in self._known for piece in self._passed(author, gone, pieces)]
        posts = _posts(pieces.values()) + max(piece.count for piece in last)
        size = _bytes(pieces.values()) + max(piece.size for piece in last)
        if posts <= settings.history_posts and size <= settings.history_bytes:
            text = f"forgets {gone[0].stream} {gone[0].first} and keeps {len(pieces)} envelopes"
            self._report("G2", site.name, f"{text}: {posts} posts, {size} bytes were not too much")

    def _unfair(self, site: Site, before: Pieces, gone: list[Piece], pieces: Pieces) -> None:
        """Was there an author of whom it held more?"""
        stayed = _by_author(piece for name, piece in pieces.items() if name in before)
        now = _by_author(pieces.values())
        for author in _by_author(gone):
            last = max(piece.size for piece in self._passed(author, gone, pieces))
            most = now.get(author, 0) + last
            more = [other for other, size in stayed.items() if other != author and size > most]
            if more:
                text = f"forgets posts of {author[:8]}, of whom it held {most} bytes at most"
                self._report("G2", site.name, f"{text}, and {stayed[more[0]]} of {more[0][:8]}")

    def _passed(self, author: MemberId, gone: list[Piece], pieces: Pieces) -> list[Piece]:
        """
        Those of an author of which one went last, if any went.

        It is the newest that went, or one above it that came and went within this commit: such a one
        had been on somebody's disk before.
        """
        here = [piece.place for piece in pieces.values() if piece.stream.author == author]
        lowest = min(here, default=None)
        newest = max((p for p in gone if p.stream.author == author), key=_place, default=None)
        known = [
            piece
            for piece in self._known.get(author, {}).values()
            if (lowest is None or piece.place < lowest)
            and (newest is None or newest.place < piece.place)
        ]
        return known if newest is None else [newest, *known]

    # When all have to be equal.

    def lacking(self, sites: Sequence[Keeper]) -> str:
        """What is missing to who had no reason to be without it; empty if nothing."""
        kept = {name: p for site in sites for name, p in self._disks.get(site.name, {}).items()}
        for site in sites:
            since = self._now() - site.settings.history_days * DAY
            here = self._disks.get(site.name, {})
            for piece in (piece for name, piece in kept.items() if name not in here):
                at = self._said_at(MessageId(piece.stream, piece.first))
                free = (site.name, piece.stream.author) not in self._pressed
                if free and at is not None and at > since:
                    place = f"{piece.stream} {piece.first}"
                    return f"{site.name} forgot nothing of its author and lacks {place}"
        return ""

    # At a look.

    def looked(self, site: Site, view: View, kept: Kept, settings: Settings) -> None:
        """What lies on a disk that can be written, and what the node shows of it."""
        over, nonces = self._over.setdefault(site.name, Counter()), kept.rows.get("nonce", 0)
        self.marks["a nonce was forgotten"] += max(0, self._nonces.get(site.name, 0) - nonces)
        self._nonces[site.name] = nonces
        for what, (found, limit) in _limits(view, kept, settings).items():
            over[what] = over[what] + 1 if found > SPARE * limit else 0
            if over[what] >= LOOKS:
                self._report("I10", site.name, f"{found} {what} of {limit} for {LOOKS} looks")

    def aged(self, site: Site, kept: Kept, age: float, settings: Settings) -> None:
        """A process has this age, and has never stood still or been without a disk."""
        more = age % LOOKED + LATER
        if age < LOOKED or more < 2 * LATER:
            return
        if kept.nonce_age > settings.nonce_hours * HOUR + more:
            self._report("G2", site.name, f"knows a nonce for {kept.nonce_age:.0f} s")
        since = self._now() - settings.history_days * DAY - more
        above: set[MemberId] = set()
        for piece in sorted(self._disks.get(site.name, {}).values(), key=_place):
            author, at = piece.stream.author, self._said_at(MessageId(piece.stream, piece.first))
            fresh = self._came[site.name][piece.name] > self._now() - more
            if at is None or at >= since or fresh:
                # A floor passes nothing that is young: what lies above that stays, too.
                above.add(author)
            elif author not in above:
                text = f"{piece.stream} {piece.first} is {self._now() - at:.0f} s old and kept"
                self._report("G2", site.name, text)


def _limits(view: View, kept: Kept, settings: Settings) -> dict[str, tuple[int, int]]:
    """How much there is, and how much there may be."""
    posts = [line for line in view.lines if isinstance(line, Shown)]
    letters = [line for line in posts if line.id.kind is Kind.DIRECT]
    waiting = [line for line in letters if line.state in WAITING]
    streams = Counter(stream.author for stream in {line.id.stream for line in posts})
    rows, shown = kept.rows, len(letters)
    return {
        "posts": (len(posts) - shown, settings.history_posts),
        "direct messages": (shown, max(settings.history_posts, len(waiting) + 1)),
        "streams of one author": (max(streams.values(), default=0), MAX_STREAMS),
        "bytes of turn records": (kept.records, settings.record_bytes),
        "audiences": (rows.get("audience", 0), rows.get("held", 0)),
        "states of direct messages": (rows.get("dm-state", 0), rows.get("dm", 0)),
        "receipts for direct messages": (rows.get("receipt", 0), rows.get("dm", 0)),
        **{f"facts of {word}": (rows.get(word, 0), MAX_MEMBERS) for word in OF_MEMBERS},
    }


def _place(piece: Piece) -> Place:
    return piece.place


def _posts(pieces: Iterable[Piece]) -> int:
    return sum(piece.count for piece in pieces)


def _bytes(pieces: Iterable[Piece]) -> int:
    return sum(piece.size for piece in pieces)


def _by_author(pieces: Iterable[Piece]) -> dict[MemberId, int]:
    found: Counter[MemberId] = Counter()
    for piece in pieces:
        found[piece.stream.author] += piece.size
    return found
