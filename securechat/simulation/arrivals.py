"""
What has reached each process, and what it must know since.

What arrives on a link that stayed up for ``GRACE`` seconds has been read, unless the disk was full
then.  From it follows, for as long as the disk stays:

- which of his messages an author has been told that others have: by a frontier or a receipt (G1);
- which members have lost their disk since they gave a receipt: they said so themselves (G1, ADR 10);
- how far each stream goes, by headers that its author signed: heads, posts, and the openings of his
  later streams (G2).  A header of an author who was not in the roster yet proves nothing to a node.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, Protocol

from attrs import define, field

from securechat.errors import RemoteError
from securechat.ids import Kind, MemberId, MessageId, Stream
from securechat.messaging.messages import MESSAGES, Backfill, Frontiers, Posts, Receipts
from securechat.messaging.statements import STATEMENTS, Envelope, Frontier, Loss, Receipt
from securechat.objects import Purpose, Signed
from securechat.simulation.observed import View
from securechat.simulation.witness import Site, Witness
from securechat.wire import LENGTH

GRACE = 0.25
"""Seconds for which a link must stay up after something came on it."""
MANY = 20
"""Posts at once of which a node may leave some for later."""
TELLING = frozenset(
    code for code, kind in MESSAGES.items() if kind in (Posts, Backfill, Frontiers, Receipts)
)


class Lasting(Protocol):
    """An end of a connection."""

    @property
    def lasts(self) -> bool:
        """Whether it is open."""
        ...


@define(eq=False)
class Ears:
    """The Links of one process, and somebody who hears the frames that they hear."""

    _links: Any
    _heard: Callable[[Lasting, bytes], None]
    _rest: dict[Lasting, bytearray] = field(factory=dict)
    """The beginning of a frame that is not whole yet."""

    def opened(self, wire: Any) -> None:
        """A connection is there."""
        self._links.opened(wire)

    def bytes_in(self, wire: Any, chunk: bytes) -> None:
        """Bytes of the peer, cut anywhere."""
        self._links.bytes_in(wire, chunk)
        for body in self._bodies(self._rest.setdefault(wire, bytearray()), chunk):
            self._heard(wire, body)

    def lost(self, wire: Any, how: Any, why: str) -> None:
        """A connection is gone."""
        self._rest.pop(wire, None)
        self._links.lost(wire, how, why)

    def refused(self, address: str, dialled: bool, reason: str, text: str) -> None:
        """Somebody else was there than was expected."""
        self._links.refused(address, dialled, reason, text)

    def dial_failed(self, address: str, expected: Any, how: Any, why: str) -> None:
        """A dial gave no connection."""
        self._links.dial_failed(address, expected, how, why)

    @staticmethod
    def _bodies(rest: bytearray, chunk: bytes) -> Iterator[bytes]:
        rest += chunk
        while len(rest) >= LENGTH:
            end = LENGTH + int.from_bytes(rest[:LENGTH], "big")
            if len(rest) < end:
                return
            yield bytes(rest[LENGTH:end])
            del rest[:end]


@define
class News:
    """What one frame tells."""

    at: float
    wire: Lasting
    acks: list[tuple[Stream, MemberId, int, int]] = field(factory=list)
    """Of which posts of the reader a member has what range."""
    receipts: list[tuple[MessageId, MemberId]] = field(factory=list)
    losses: list[tuple[MemberId, int]] = field(factory=list)
    """Who may have lost what it had before an epoch of its own."""
    ends: list[tuple[Stream, int]] = field(factory=list)
    """How far streams go."""
    soon: bool = False
    """Whether it may tell of posts that are still to come."""


@define
class Known:
    """What one node must know on the disk that it has."""

    _signed: Mapping[MessageId, int]
    """The newest epoch in which its recipient signed for each direct message, heard or not."""
    news: list[News] = field(factory=list)
    """What came lately."""
    roster: dict[MemberId, float] = field(factory=dict)
    """Whom it has shown as a member, and since when."""
    ends: dict[Stream, int] = field(factory=dict)
    bodies: dict[Stream, int] = field(factory=dict)
    """Up to which post of each stream any came."""
    _posts: dict[tuple[Stream, MemberId], set[int]] = field(factory=dict)
    _directs: set[tuple[MessageId, MemberId]] = field(factory=set)
    _losses: dict[MemberId, int] = field(factory=dict)

    def __contains__(self, told: object) -> bool:
        """Whether it must know that this message is stored at that member."""
        assert isinstance(told, tuple)
        id, member = told
        if id.kind is Kind.DIRECT:
            return told in self._directs
        return id.seq in self._posts.get((id.stream, member), ())

    def lost(self, id: MessageId, member: MemberId) -> bool:
        """Whether a member told that it has lost its disk since it signed for this."""
        told = (id, member) in self._directs
        return told and self._signed.get(id, 0) < self._losses.get(member, 0)

    def learn(self, news: News, links: Container[MemberId]) -> None:
        """This was read, while these were linked: a loss is heard from its member only."""
        for stream, member, first, last in news.acks:
            self._posts.setdefault((stream, member), set()).update(range(first, last + 1))
        self._directs.update(news.receipts)
        for member, epoch in news.losses:
            if member in links:
                self._losses[member] = max(epoch, self._losses.get(member, 0))
        for stream, end in news.ends:
            if self.roster.get(stream.author, news.at) < news.at:
                self.ends[stream] = max(end, self.ends.get(stream, 0))


@define(eq=False)
class Arrivals:
    """What has reached everybody."""

    _witness: Witness
    _now: Callable[[], float]
    _known: dict[str, Known] = field(factory=dict)

    def disk_changed(self, site: Site) -> None:
        """This node's disk was lost, or an old one was put in."""
        self._known.pop(site.name, None)

    def lost(self, site: Site, id: MessageId, member: MemberId) -> bool:
        """Whether an author was told that the recipient of this has lost its disk since."""
        return self._of(site).lost(id, member)

    def missed(self, site: Site) -> None:
        """What came at this moment could not be written."""
        known = self._of(site)
        known.news = [news for news in known.news if news.at < self._now()]

    def heard(self, site: Site, wire: Lasting, body: bytes) -> bool:
        """A whole frame has reached a process that can write: whether that is worth a look soon."""
        if body[1] not in TELLING:
            return False
        news = News(self._now(), wire)
        try:
            for signed in self._witness.message(body).objects:
                if signed.purpose in STATEMENTS:
                    self._told(site, news, *self._witness.read(signed))
                    if signed.purpose is Purpose.ENVELOPE:
                        self._body(site, news, signed)
        except RemoteError:
            return False  # It was forged, and costs its link.
        if news.acks or news.receipts or news.losses or news.ends:
            self._of(site).news.append(news)
        return news.soon

    def known(self, site: Site, view: View) -> Known:
        """What a node must know by now."""
        known = self._of(site)
        ripe = self._now() - GRACE
        for news in known.news:
            if news.at <= ripe and news.wire.lasts:
                known.learn(news, view.links)
        known.news = [news for news in known.news if news.at > ripe]
        for seat in view.seats:
            known.roster.setdefault(seat.member, self._now())
        return known

    def _of(self, site: Site) -> Known:
        return self._known.setdefault(site.name, Known(self._witness.epochs))

    def _body(self, site: Site, news: News, signed: Signed) -> None:
        """Notes which posts came, and heads of others."""
        _, envelope = self._witness.read(signed)
        bodies = self._of(site).bodies
        if signed.attachment:
            bodies[envelope.stream] = max(envelope.last, bodies.get(envelope.stream, 0))
        if envelope.count >= MANY or envelope.last > bodies.get(envelope.stream, 0):
            news.soon = True

    def _told(self, site: Site, news: News, name: bytes, statement: Any) -> None:
        places = self._witness.places
        if isinstance(statement, Envelope):
            if places.get(MessageId(statement.stream, statement.last)) == name:
                news.ends.append((statement.stream, statement.last))
                before = statement.opening and statement.opening.stream(statement.author)
                if statement.opening and before:
                    news.ends.append((before, statement.opening.seq))
        elif isinstance(statement, Receipt):
            if places.get(statement.id) == statement.hash:
                news.receipts.append((statement.id, statement.author))
        elif isinstance(statement, Loss):
            news.losses.append((statement.author, statement.epoch))
        elif isinstance(statement, Frontier):
            for entry in statement.streams:
                if entry.author == site.member != statement.author:
                    # A range whose end is not here, on a disk that was set back, names nothing.
                    news.acks += [
                        (entry.stream, statement.author, first, last)
                        for first, last, head in entry.stored
                        if site.on_disk(head) is not None
                    ]
