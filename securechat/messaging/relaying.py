"""
Frontiers that are passed on to peers without a link to their holders (DESIGN 6, ADR 9).

- A node tells its peers of which members it has had no link for 2 s, and which version of each one's
  frontier it has (``Unlinked``): when that changes, and every 30 s while there is any.  Where all are
  linked nothing is said.
- Who holds something newer of such a member passes it on in the next period, as it was signed: what
  it told of streams, to their authors, who want the receipts, and to all where their author is not
  linked to us; its full frontier, to all, to each once in 30 s at most.  What goes to one peer goes
  together, so that a post costs frames in proportion to the members, also in a star.
- Of those that are linked to both, two do so, the same ones in everybody's view.  If nobody is, who
  has it from a third passes it on, so that it crosses a chain; what came from the holder itself is not
  passed on once that link is gone: a member that went is no news to anybody.

Volatile.  Nothing here is believed: what is passed on carries its holder's signature.  Of one holder at
most 272 KiB of a full frontier are kept, as much of one that is coming in, and 128 KiB that is newer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from attrs import define, field

from securechat.effects import Effect, Send
from securechat.ids import BootId, MemberId, Stream
from securechat.messaging.claims import Claims
from securechat.messaging.messages import MAX_LACKED, Frontiers, Lacked, Unlinked
from securechat.messaging.peers import Peers
from securechat.messaging.statements import Frontier
from securechat.objects import Signed
from securechat.settings import KIB, Settings

GO_BETWEENS = 2
"""Nodes that pass one member's frontiers on to one peer; the second is there in case one is slow."""
MAX_PARTS = 16
"""Parts of a full frontier that are kept to be passed on; a longer one is left out,"""
FULL_BYTES = MAX_PARTS * 17 * KIB
"""and one of more bytes: a part that a node makes is no longer than that (``frontier_part``)."""
MAX_LATER = 256
"""Streams of one holder of which something newer than its full frontier is kept."""
LATER_BYTES = 128 * KIB
"""What that may take: who signs more is known by its last words."""
GROUP = 48 * KIB
"""Bytes of objects in one message, so that it fits a frame."""
NOWHERE = BootId("0" * 32)
Later = tuple[int, int, Signed]
"""Version, part and object."""


@define(eq=False)
class Kept:
    """The latest frontier of one process of a member, as it was signed."""

    epoch: int
    boot: BootId
    direct: bool = False
    """Whether the last of it came on a link of its holder."""
    version: int = 0
    full_version: int = 0
    _full: dict[int, Signed] = field(factory=dict)
    _later: dict[Stream, Later] = field(factory=dict)
    """By which it said the last of a stream, oldest first."""
    _collecting: dict[int, Signed] = field(factory=dict)
    _collected: int = 0

    def take(self, frontier: Frontier, signed: Signed) -> None:
        """One more object of it."""
        if frontier.full:
            self._collect(frontier, signed)
        elif frontier.version > self.full_version:
            for entry in frontier.streams:
                before = self._later.get(entry.stream)
                if before is None or before[0] < frontier.version:
                    self._later.pop(entry.stream, None)
                    self._later[entry.stream] = (frontier.version, frontier.part, signed)
            self._later = _newest(self._later)
            self.version = max(self.version, frontier.version)

    def whole(self) -> list[Signed]:
        """The last full frontier."""
        return list(self._full.values())

    def later(self, version: int, wanted: Callable[[MemberId], bool]) -> list[Signed]:
        """What is newer than this version, of streams of wanted authors, oldest first."""
        found = {
            (at, part): signed
            for stream, (at, part, signed) in self._later.items()
            if at > version and wanted(stream.author)
        }
        return [found[place] for place in sorted(found)]

    def _collect(self, frontier: Frontier, signed: Signed) -> None:
        if frontier.version <= self.full_version or frontier.parts > MAX_PARTS:
            return
        if frontier.version != self._collected:
            if frontier.version < self._collected:
                return
            self._collected, self._collecting = frontier.version, {}
        self._collecting[frontier.part] = signed
        if sum(part.size for part in self._collecting.values()) > FULL_BYTES:
            self._collecting = {}
        if len(self._collecting) < frontier.parts:
            return
        self.full_version, self._full, self._collecting = frontier.version, self._collecting, {}
        self._later = {s: row for s, row in self._later.items() if row[0] > frontier.version}
        self.version = max(self.version, frontier.version)


@define(eq=False)
class Mark:
    """What a peer has of a member's frontier, as far as we know."""

    epoch: int
    boot: BootId
    version: int
    full: int
    """The version of the last full one."""
    next_full: float = 0.0
    """When the next full one may be passed on."""


@define(eq=False)
class Relaying:
    """Says whom we do not reach, and passes on what others do not get."""

    _peers: Peers
    _claims: Claims
    _settings: Settings
    _kept: dict[MemberId, Kept] = field(factory=dict)
    _told: dict[MemberId, dict[MemberId, Mark]] = field(factory=dict)
    """By peer: whom it has no link to."""
    _since: dict[MemberId, float] = field(factory=dict)
    """When a member of the roster was first seen without a link."""
    _said: tuple[MemberId, ...] = ()
    _fresh: set[MemberId] = field(factory=set)
    """Peers that were told nothing on their link yet."""
    _again: float = 0.0
    _owed: set[MemberId] = field(factory=set)

    def up(self, peer: MemberId) -> None:
        """A peer came."""
        self._fresh.add(peer)

    def down(self, peer: MemberId) -> None:
        """A peer went."""
        self._told.pop(peer, None)

    def keep(self, members: set[MemberId]) -> None:
        """Only these members matter."""
        self._kept = {member: kept for member, kept in self._kept.items() if member in members}

    def heard(self, frontier: Frontier, signed: Signed, peer: MemberId) -> None:
        """A frontier of the process that is believed to be the holder's present one."""
        if frontier.author in self._told.get(peer, {}):
            # It has this one itself: nobody is told what he said.
            mark = self._told[peer][frontier.author]
            if _same(mark, frontier):
                mark.version = max(mark.version, frontier.version)
                mark.full = max(mark.full, frontier.version if frontier.full else 0)
        if frontier.author == self._peers.me:
            return
        kept = self._kept.get(frontier.author)
        if kept is None or not _same(kept, frontier):
            kept = self._kept[frontier.author] = Kept(frontier.epoch, frontier.boot)
        kept.direct = frontier.author == peer
        kept.take(frontier, signed)

    def told(self, peer: MemberId, message: Unlinked) -> None:
        """A peer says whom it has no link to."""
        before = self._told.get(peer, {})
        self._told[peer] = {row.author: _mark(row, before.get(row.author)) for row in message.rows}

    def tick(self, mono: float) -> tuple[list[Effect], list[MemberId]]:
        """
        Once a period: what is to be sent, and members that we lost the link to and others did not:
        the last that we told them alone may not have come.
        """
        lacking = self._lacking(mono)
        effects = self._say(lacking, mono)
        for peer, rows in self._told.items():
            if peer in self._peers.linked:
                found = [self._passed_on(peer, *row, mono) for row in rows.items()]
                groups = list(_groups(signed for objects in found for signed in objects))
                # Whole ones of several members may be megabytes: what is long waits for room.
                long = len(groups) > 1
                effects += [Send(peer, Frontiers(group), patient=long) for group in groups]
        return effects, self._owing(lacking, mono)

    # Inside.

    def _lacking(self, mono: float) -> tuple[MemberId, ...]:
        """Members without a link for long enough; one that only restarts is not one of them."""
        linked = self._peers.linked
        gone = [member for member in self._peers.roster if member not in linked]
        self._since = {member: self._since.get(member, mono) for member in gone}
        grace = self._settings.frontier_backoff_min
        return tuple(m for m, since in self._since.items() if mono - since >= grace)[:MAX_LACKED]

    def _say(self, lacking: tuple[MemberId, ...], mono: float) -> list[Effect]:
        everybody = lacking != self._said or (bool(lacking) and mono >= self._again)
        if everybody:
            self._said, self._again = lacking, mono + self._settings.frontier_backoff_max
        whom = [
            peer for peer in self._peers.linked if everybody or (peer in self._fresh and lacking)
        ]
        self._fresh.clear()
        if not whom:
            return []
        message = Unlinked(tuple(self._row(member) for member in lacking))
        return [Send(peer, message) for peer in whom]

    def _row(self, member: MemberId) -> Lacked:
        claim = self._claims.get(member)
        if claim is None:
            return Lacked(member, 0, NOWHERE, 0)
        return Lacked(member, claim.epoch, claim.boot, claim.version)

    def _owing(self, lacking: tuple[MemberId, ...], mono: float) -> list[MemberId]:
        self._owed &= set(lacking)
        grace = 2 * self._settings.frontier_backoff_min
        found = [
            member
            for member in lacking
            if member not in self._owed
            and mono - self._since[member] >= grace
            and any(self._between(peer, member) for peer in self._peers.linked)
        ]
        self._owed.update(found)
        return found

    def _passed_on(self, peer: MemberId, holder: MemberId, mark: Mark, mono: float) -> list[Signed]:
        """What a peer is to get of a holder now."""
        kept = self._kept.get(holder)
        if kept is None or kept.epoch < mark.epoch:
            return []
        same = _same(mark, kept)
        if not same and kept.epoch == mark.epoch:
            # Two processes of one epoch: which of them is the later, only a link tells.
            return []
        if not same:
            mark.epoch, mark.boot, mark.version, mark.full = kept.epoch, kept.boot, 0, 0
        whole = kept.full_version > mark.full and mono >= mark.next_full
        if not (whole or kept.version > mark.version) or not self._passes(peer, holder, kept):
            return []
        found = kept.later(mark.version, lambda author: self._wants(peer, author))
        mark.version = max(mark.version, kept.version)
        if whole:
            found = kept.whole() + found
            mark.full = kept.full_version
            mark.next_full = mono + self._settings.frontier_backoff_max
        return found

    def _wants(self, peer: MemberId, author: MemberId) -> bool:
        """Whether what is said of an author's stream is for a peer: he is it, or behind it."""
        return author == peer or (author != self._peers.me and author not in self._peers.linked)

    def _passes(self, peer: MemberId, holder: MemberId, kept: Kept) -> bool:
        """Whether it is for us to pass this holder's frontiers on to this peer."""
        both = [
            p for p in self._peers.linked if self._between(p, holder) and self._between(p, peer)
        ]
        if holder not in self._peers.linked:
            return not kept.direct and not both
        both.append(self._peers.me)
        return self._peers.me in sorted(both, key=lambda m: _rank(peer, holder, m))[:GO_BETWEENS]

    def _between(self, one: MemberId, other: MemberId) -> bool:
        """Whether these two are linked, as far as both have said."""
        return (
            one != other
            and other not in self._told.get(one, {})
            and one not in self._told.get(other, {})
        )


def _newest(rows: dict[Stream, Later]) -> dict[Stream, Later]:
    """Of what was said of streams, as much as may be kept, each object counted once."""
    kept: list[tuple[Stream, Later]] = []
    counted: set[tuple[int, int]] = set()
    size = 0
    for stream, (version, part, signed) in islice(reversed(rows.items()), MAX_LATER):
        size += 0 if (version, part) in counted else signed.size
        if size > LATER_BYTES:
            break
        counted.add((version, part))
        kept.append((stream, (version, part, signed)))
    return dict(reversed(kept))


def _mark(row: Lacked, before: Mark | None) -> Mark:
    """What a peer says that it has: of full frontiers the newest, unless one we passed on is later."""
    if before is None or (before.epoch, before.boot) != (row.epoch, row.boot):
        return Mark(row.epoch, row.boot, row.version, row.version)
    full = min(before.full, row.version)
    return Mark(row.epoch, row.boot, row.version, full, before.next_full)


def _same(one: Kept | Mark, other: Frontier | Kept) -> bool:
    return (one.epoch, one.boot) == (other.epoch, other.boot)


def _rank(peer: MemberId, holder: MemberId, member: MemberId) -> bytes:
    return hashlib.sha256(f"{peer} {holder} {member}".encode()).digest()


def _groups(objects: Iterable[Signed]) -> Iterator[tuple[Signed, ...]]:
    group: list[Signed] = []
    size = 0
    for signed in objects:
        if group and size + signed.size > GROUP:
            yield tuple(group)
            group, size = [], 0
        group.append(signed)
        size += signed.size
    if group:
        yield tuple(group)
