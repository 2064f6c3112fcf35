"""
What each message of a peer means: one table from message class to what is done.

An object of the wrong purpose in a message, or a range that is none, breaks the protocol: RemoteError,
and nothing was changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import define

from securechat.effects import Effect, Record
from securechat.errors import RemoteError
from securechat.ids import Hash, MemberId, Stream
from securechat.inputs import Instant, Received
from securechat.messaging.acks import Acks
from securechat.messaging.announcing import Announcing
from securechat.messaging.book import Book
from securechat.messaging.claims import Claims
from securechat.messaging.closing import Closing
from securechat.messaging.facts import EnvelopeHeld
from securechat.messaging.inbox import Inbox
from securechat.messaging.losses import Losses
from securechat.messaging.messages import (
    Absent,
    Backfill,
    Digest,
    Directs,
    Frontiers,
    Posts,
    Receipts,
    Rejected,
    Unlinked,
    Want,
)
from securechat.messaging.offsets import Offsets
from securechat.messaging.outbox import Outbox
from securechat.messaging.peers import Peers
from securechat.messaging.ranges import Ranges, Span
from securechat.messaging.recovery import Recovery
from securechat.messaging.relaying import Relaying
from securechat.messaging.serving import Serving
from securechat.messaging.statements import Direct, Envelope, Frontier, Loss, Receipt
from securechat.messaging.taking import Taking, own_refused, within
from securechat.objects import Admitted

CARRIES: dict[type[Any], tuple[type[Any], ...]] = {
    Posts: (Envelope,),
    Backfill: (Envelope,),
    Directs: (Direct,),
    Receipts: (Receipt,),
    Frontiers: (Frontier, Envelope, Loss),
}
"""Which statements each message may carry."""
RANGED = (Want, Backfill, Absent)
"""Messages about a range, which must be one."""


@define(eq=False)
class Hearing:
    """Messages of peers."""

    _book: Book
    _peers: Peers
    _claims: Claims
    _recovery: Recovery
    _announcing: Announcing
    _relaying: Relaying
    _closing: Closing
    _acks: Acks
    _taking: Taking
    _inbox: Inbox
    _outbox: Outbox
    _serving: Serving
    _losses: Losses
    _offsets: Offsets

    def received(self, received: Received, now: Instant) -> list[Effect]:
        """One message."""
        allowed = CARRIES.get(type(received.message), ())
        for found in received.admitted:
            if type(found.statement) not in allowed:
                raise RemoteError("wrong-object", type(found.statement).__name__)
        if isinstance(received.message, RANGED):
            received.message.check()
        effects = HEAR[type(received.message)](self, received, now)
        return effects + self._losses.heard(received.admitted, now)

    def keep(self, members: set[MemberId]) -> None:
        """Only these members' claims matter."""
        wanted = members | set(self._peers.linked)
        self._claims.keep(wanted)
        self._relaying.keep(wanted)
        self._recovery.keep(wanted)

    def _posts(self, received: Received, now: Instant) -> list[Effect]:
        return self._taking.live(received.admitted, received.peer, now)

    def _directs(self, received: Received, now: Instant) -> list[Effect]:
        return self._inbox.take(received.admitted, received.peer, now)

    def _receipts(self, received: Received, now: Instant) -> list[Effect]:
        return self._outbox.receipts(received.admitted, now)

    def _rejected(self, received: Received, now: Instant) -> list[Effect]:
        message: Rejected = received.message
        peer, name = received.peer, message.hash
        refused = own_refused(self._book, name, peer, message.reason)
        heard = self._outbox.put_off if message.later else self._outbox.rejected
        return refused + heard(name, peer, message.reason, now)

    def _frontiers(self, received: Received, now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        for found in received.admitted:
            if isinstance(found.statement, Envelope):
                effects += self._head(found, received.peer, now)
            elif isinstance(found.statement, Frontier) and found.author != self._book.me:
                effects += self._frontier(found, received.peer, now)
        frontiers = [f for f in received.admitted if isinstance(f.statement, Frontier)]
        return effects + self._acks.frontiers(frontiers, now)

    def _head(self, found: Admitted[Any], peer: MemberId, now: Instant) -> list[Effect]:
        header: Envelope = found.statement
        taken = self._taking.head(found, now)
        self._announcing.told_head(peer, header.stream, header.last, bool(taken))
        return taken

    def _frontier(self, found: Admitted[Any], peer: MemberId, now: Instant) -> list[Effect]:
        frontier: Frontier = found.statement
        holder = frontier.author
        if holder != peer and holder not in self._peers.roster:
            self._book.counters["frontiers_of_strangers"] += 1
            return []
        changed = self._claims.take(frontier, direct=holder == peer, mono=now.mono)
        if self._claims.believes(frontier):
            self._relaying.heard(frontier, found.signed, peer)
        self._recovery.claimed(holder, changed, linked=holder in self._peers.linked)
        effects = self._closing.claimed(holder, changed, now.mono)
        if holder == peer:
            for entry in frontier.streams:
                last = entry.stored[-1][1] if entry.stored else 0
                effects += self._announcing.proof(peer, entry.stream, last)
            claim = self._claims.get(peer)
            if frontier.full and claim is not None and claim.completed == now.mono:
                self._announcing.passed(peer)
        return effects

    def _digest(self, received: Received, now: Instant) -> list[Effect]:
        self._claims.digests[received.peer] = received.message.digest
        if received.message.digest == self._book.streams.digest():
            self._claims.equal(received.peer, now.mono)
        self._offsets.hear(received.peer, received.message.wall, now)
        return self._announcing.digest(received.peer, received.message.digest, now)

    def _want(self, received: Received, now: Instant) -> list[Effect]:
        self._serving.want(received.peer, received.message)
        return []

    def _backfill(self, received: Received, now: Instant) -> list[Effect]:
        message: Backfill = received.message
        source = self._recovery.sources.get(received.peer)
        asked = source.asked(message.stream, message.first, message.last) if source else None
        names = self._filling(received.admitted, asked)
        effects = self._taking.backfill(received.admitted, received.peer, now, names)
        taken = (x.fact for x in effects if isinstance(x, Record))
        fills = any(isinstance(fact, EnvelopeHeld) and fact.hash in names for fact in taken)
        span = (message.first, message.last)
        brought = any(within(x.statement, message.stream, span) for x in received.admitted)
        self._recovery.backfill(received.peer, message, now.mono, brought, fills)
        return effects

    def _filling(
        self, objects: Iterable[Admitted[Any]], asked: tuple[Stream, Span] | None
    ) -> set[Hash]:
        """What of an answer may fill a part of the want; anything else in it comes as if pushed."""
        names: set[Hash] = set()
        left = Ranges.of(self._book.streams.missing(asked[0], *asked[1]) if asked else ())
        for found in objects:
            header: Envelope = found.statement
            span = (header.first, header.last)
            if asked and header.stream == asked[0] and left.missing(*span) != [span]:
                left.remove(*span)
                names.add(found.hash)
        return names

    def _absent(self, received: Received, now: Instant) -> list[Effect]:
        self._recovery.absent(received.peer, received.message)
        return []

    def _unlinked(self, received: Received, now: Instant) -> list[Effect]:
        self._relaying.told(received.peer, received.message)
        return []


HEAR: dict[type[Any], Callable[[Hearing, Received, Instant], list[Effect]]] = {
    Posts: Hearing._posts,
    Directs: Hearing._directs,
    Receipts: Hearing._receipts,
    Rejected: Hearing._rejected,
    Frontiers: Hearing._frontiers,
    Digest: Hearing._digest,
    Want: Hearing._want,
    Backfill: Hearing._backfill,
    Absent: Hearing._absent,
    Unlinked: Hearing._unlinked,
}
