"""
Disks that were lost or set back: ours as we say it, others' as they said it (DESIGN 6, G1; ADR 10, 12).

A node that finds a hole in its own epochs signs a ``Loss`` at each link-up, and when one of several
links ends: what it had stored before such an epoch may be gone.  The opening of a stream says the same
(``Start.LOST``).  Whoever hears it takes nothing back: what was acked stays acked, its evidence says
that the holder has since lost its disk, and the direct messages that it acked within ``keep_hours`` are
offered again under their ids.  A receipt or a frontier signed in that epoch or later is evidence anew.

A disk that was set back within an epoch leaves no hole: the next process is of the next epoch.  So who
links to a peer of a later process than the one that signed its newest receipt and frontier for us
gives these back to it.  A node that finds what it signed itself in an earlier epoch, and holds nothing
of what that speaks of, knows that it was set back, and says ``Loss`` to everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, evolve

from securechat.effects import Effect, Notify, Record, Send
from securechat.ids import MemberId, Stream
from securechat.inputs import Instant
from securechat.messaging.book import Book
from securechat.messaging.facts import DiskLost
from securechat.messaging.letters import Letter
from securechat.messaging.messages import Frontiers, Receipts
from securechat.messaging.outbox import Outbox
from securechat.messaging.peers import Peers
from securechat.messaging.post_facts import MANY
from securechat.messaging.ranges import Ranges, Span, minus
from securechat.messaging.statements import Envelope, Frontier, Loss, Receipt, Start
from securechat.notices import FaultNoticed
from securechat.objects import Admitted, Purpose, Signed
from securechat.signing import Signer
from securechat.wire import pack


@define(eq=False)
class Losses:
    """What was lost, said and heard."""

    _signer: Signer
    _book: Book
    _peers: Peers
    _outbox: Outbox

    def up(self, peer: MemberId, now: Instant) -> list[Effect]:
        """A new link: say what we lost; what this peer lost is offered again."""
        lost = self._book.losses.get(peer)
        if lost is not None:
            self._outbox.offer_again(peer, lost_letters(self._book, peer, lost.epoch, now))
        return self.again(peer) + reminders(self._book, self._peers, peer, now)

    def again(self, peer: MemberId) -> list[Effect]:
        """
        Say what we lost, if we did: to a new link, and when one of several has ended.  Of two links one
        is closed by either end, and what was said on it last is not read.
        """
        begun = self._book.begun
        return [] if begun is None or not begun.since else self._say((peer,), begun.since)

    def heard(self, objects: Iterable[Admitted[Any]], now: Instant) -> list[Effect]:
        """Facts for the losses that these objects tell of."""
        effects: list[Effect] = []
        for found in objects:
            if found.author == self._book.me:
                effects += [] if effects else self._ours(found, now)
            elif isinstance(found.statement, Loss):
                effects += self._loss(found, now)
            elif isinstance(found.statement, Envelope):
                opening = found.statement.opening
                if opening is not None and opening.start is Start.LOST:
                    effects += self._lost(found, "envelope", (), now)
        return effects

    def _say(self, peers: Iterable[MemberId], epoch: int) -> list[Effect]:
        """Sign that what we had before an epoch of ours may be gone."""
        signed = self._signer.sign(Purpose.LOSS, pack(Loss(self._book.me, epoch)))
        return [Send(peer, Frontiers((signed,))) for peer in peers]

    def _ours(self, found: Admitted[Any], now: Instant) -> list[Effect]:
        """Something that we signed: if an earlier process of ours did and we lack it, we say so."""
        begun, epoch = self._book.begun, self._peers.epoch
        if begun is None or epoch is None or found.seen:
            return []
        if not begun.since <= found.statement.epoch < epoch or not lacks(self._book, found, now):
            return []
        self._book.counters["set_back"] += 1
        kind = type(found.statement).__name__.lower()
        # An envelope is kept by who holds it; a head of it must not take its place.
        owned = () if isinstance(found.statement, Envelope) else (found.signed,)
        told = DiskLost(self._book.me, epoch, kind, found.hash, now.wall_ms)
        words = f"this disk was set back: it lacks what we stored and signed ({told.evidence})"
        return [
            Record(evolve(begun, lost=True, since=epoch)),
            Record(told, owned),
            Notify(FaultNoticed(words)),
            *self._outbox.rolled_back(now),
            *self._say(self._peers.linked, epoch),
        ]

    def _loss(self, found: Admitted[Any], now: Instant) -> list[Effect]:
        """Only of a process that is there: nobody else's word puts an epoch in the future."""
        link = self._peers.linked.get(found.author)
        if link is None or found.statement.epoch > link.epoch:
            self._book.counters["stray_losses"] += 1
            return []
        return self._lost(found, "loss", (found.signed,), now)

    def _lost(
        self, found: Admitted[Any], kind: str, objects: tuple[Signed, ...], now: Instant
    ) -> list[Effect]:
        member, epoch = found.author, found.statement.epoch
        before = self._book.losses.get(member)
        if member == self._book.me or (before is not None and before.epoch >= epoch):
            return []
        letters = lost_letters(self._book, member, epoch, now)
        self._outbox.offer_again(member, letters)
        ids = tuple(str(letter.id) for letter in letters[-MANY:])
        self._book.counters["losses_heard"] += 1
        fact = DiskLost(member, epoch, kind, found.hash, now.wall_ms, ids)
        return [Record(fact, objects)]


def lost_letters(book: Book, member: MemberId, epoch: int, now: Instant) -> list[Letter]:
    """Our messages that a member acknowledged of late, but before an epoch of its own; oldest first."""
    since = now.wall_ms - int(book.settings.keep_hours * 3_600_000)
    return [
        letter
        for letter in book.letters.with_party(member)
        if letter.to == member
        and letter.receipt is not None
        and letter.receipt.epoch < epoch
        and letter.receipt.at >= since
        and not letter.closed
    ]


def since_lost(book: Book, member: MemberId, epoch: int) -> str:
    """What is to be added to evidence that a member signed in this epoch of its own; often nothing."""
    lost = book.losses.get(member)
    if lost is None or lost.epoch <= epoch:
        return ""
    return f"; {{{member}}} has since lost its disk ({lost.evidence})"


def reminders(book: Book, peers: Peers, peer: MemberId, now: Instant) -> list[Effect]:
    """The newest that a peer signed to have of ours, if an earlier process of its did so."""
    epoch = peers.linked[peer].epoch
    receipts = [letter.receipt for letter in book.letters.with_party(peer) if letter.to == peer]
    since = now.wall_ms - int(book.settings.keep_hours * 3_600_000)
    given = [receipt for receipt in receipts if receipt is not None and receipt.at >= since]
    receipt = max(given, key=lambda fact: (fact.epoch, fact.at), default=None)
    effects: list[Effect] = []
    if receipt is not None and receipt.epoch < epoch:
        effects.append(Send(peer, Receipts(), (receipt.hash,)))
    own = book.streams.authors.get(book.me)
    streams = reversed(own.in_order()) if own is not None else ()
    proofs = (book.evidence.latest((state.stream, peer)) for state in streams)
    proof = next(filter(None, proofs), None)
    if proof is not None and proof.holder_epoch < epoch:
        effects.append(Send(peer, Frontiers(), (proof.hash,)))
    return effects


def lacks(book: Book, found: Admitted[Any], now: Instant) -> bool:
    """Whether something that we signed speaks of what we do not know: neither held nor forgotten."""
    statement = found.statement
    if isinstance(statement, Receipt):
        known = statement.hash in book.letters.given or book.letters.get(statement.hash)
        since = now.wall_ms - int(book.settings.keep_hours * 3_600_000)
        return not known and statement.at >= since
    if isinstance(statement, Envelope):
        return bool(_unknown(book, statement.stream, statement.first, statement.last))
    if isinstance(statement, Frontier):
        rows = ((e.stream, a, b) for e in statement.streams for a, b, _ in e.stored)
        return any(_unknown(book, *row) for row in rows)
    return False


def _unknown(book: Book, stream: Stream, first: int, last: int) -> list[Span]:
    """What of a range is not here, not forgotten by retention, and was not damaged on disk."""
    out = (held for held in book.damaged.values() if held is not None and held.stream == stream)
    damaged = Ranges.of((held.first, held.last) for held in out)
    return minus(book.streams.missing(stream, first, last), damaged)
