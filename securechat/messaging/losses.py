"""
Disks that were lost: ours as we say it, others' as they said it (DESIGN 6, G1; ADR 10).

A node that finds a hole in its own epochs signs a ``Loss`` at each link-up: what it had stored before
such an epoch may be gone.  The opening of a stream says the same (``Start.LOST``).  Whoever hears it
takes nothing back: what was acked stays acked, its evidence says that the holder has since lost its
disk, and the direct messages that it acked within ``keep_hours`` are offered again under their ids.
A receipt or a frontier signed in that epoch or later is evidence anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define

from securechat.effects import Effect, Record, Send
from securechat.ids import MemberId
from securechat.inputs import Instant
from securechat.messaging.book import Book
from securechat.messaging.facts import DiskLost
from securechat.messaging.letters import Letter
from securechat.messaging.messages import Frontiers
from securechat.messaging.outbox import Outbox
from securechat.messaging.peers import Peers
from securechat.messaging.post_facts import MANY
from securechat.messaging.statements import Envelope, Loss, Start
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
        begun = self._book.begun
        if begun is None or not begun.since:
            return []
        loss = Loss(self._book.me, begun.since)
        return [Send(peer, Frontiers((self._signer.sign(Purpose.LOSS, pack(loss)),)))]

    def heard(self, objects: Iterable[Admitted[Any]], now: Instant) -> list[Effect]:
        """Facts for the losses that these objects tell of."""
        effects: list[Effect] = []
        for found in objects:
            if isinstance(found.statement, Loss):
                effects += self._loss(found, now)
            elif isinstance(found.statement, Envelope):
                opening = found.statement.opening
                if opening is not None and opening.start is Start.LOST:
                    effects += self._lost(found, "envelope", (), now)
        return effects

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
