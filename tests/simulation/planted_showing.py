"""
Bugs in what a node shows, says when there is nothing to say, or forgets; part of ``planted``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

from attrs import evolve

from securechat.effects import Effect, Record
from securechat.journal.store import Store
from securechat.membership import dialing
from securechat.membership.core import Membership
from securechat.membership.verdict import NEVER
from securechat.messaging import (
    acks,
    announcing,
    closing,
    delivery,
    evidence,
    outbox,
    taking,
    transcript,
)
from securechat.messaging.core import Messaging
from securechat.messaging.delivery import News
from securechat.messaging.facts import DirectHeld, ReceiptGiven
from securechat.messaging.messages import Directs, Posts, Why
from securechat.node import turn
from securechat.notices import Delivery, Liveness
from tests.simulation.planting import Patch, Planted, sends


def _inside_the_commit() -> Patch:
    """Envelopes and direct messages leave while the transaction is open that stores them."""
    true_commit = turn.Turn._commit
    leaves = sends(Posts, Directs)

    def commit(self: Any, batch: Any) -> None:
        early = [effect for effect in batch.effects if leaves(effect)]
        batch.effects = [effect for effect in batch.effects if not leaves(effect)]
        true_step = self._store.before

        def step(name: str) -> None:
            if name == "commit":
                self.perform(early)
                early.clear()
            true_step(name)

        self._store.before = step
        try:
            true_commit(self, batch)
        finally:
            self._store.before = true_step
        self.perform(early)

    return mock.patch.object(turn.Turn, "_commit", commit)


def _strongest() -> Patch:
    """A post is as well off as the best of its recipients."""

    def strongest(states: Any) -> Delivery:
        return max(states, key=evidence.RANK.index, default=Delivery.QUEUED)

    return mock.patch.object(evidence, "weakest", strongest)


def _unknown_resent() -> Patch:
    """Offering a message again turns ``unknown`` back into ``sent``."""
    table = delivery.TRANSITIONS[Delivery.UNKNOWN]
    return mock.patch.dict(table, {News.TRANSMITTED: Delivery.SENT})


def _overdue_forgotten() -> Patch:
    """That a deadline passed is known until the next restart only."""
    true_offer = evidence.Evidence.offer
    true_start = acks.Acks.start

    def start(self: Any, now: Any) -> None:
        kept = self._book.evidence
        for fact, _, _ in list(kept._offered.values()):
            true_offer(kept, evolve(fact, overdue=()))
        true_start(self, now)

    return mock.patch.object(acks.Acks, "start", start)


def _acks_of_one_too_few() -> Patch:
    """``of`` counts the members that are linked, not those for whom the post is."""
    true_post = transcript.Transcript._post

    def post(self: Any, held: Any, index: int) -> Any:
        line = true_post(self, held, index)
        return evolve(line, of=line.of - len(held.unsent)) if line.of else line

    return mock.patch.object(transcript.Transcript, "_post", post)


def _frontiers_ignored() -> Patch:
    """What others say to have stored of our posts is not looked at."""
    return mock.patch.object(acks.Acks, "frontiers", return_value=[])


def _first_receipt_only() -> Patch:
    """Of the receipts of one message the first is taken, the others are lost."""
    true_receipts = outbox.Outbox.receipts

    def receipts(self: Any, objects: Any, now: Any) -> list[Effect]:
        effects: list[Effect] = true_receipts(self, list(objects)[:1], now)
        return effects

    return mock.patch.object(outbox.Outbox, "receipts", receipts)


def _recovered_not_told() -> Patch:
    """Whoever got a post late keeps that to itself, and no author asks for the word that it lacks."""
    silent = {name: mock.Mock(return_value=[]) for name in ("recovered", "_ask_evidence")}
    return mock.patch.multiple(announcing.Announcing, **silent)


def _tails_hidden() -> Patch:
    """What is missing at the end of a stream is not shown."""

    def nothing(self: Any, *_: Any) -> Iterator[Any]:
        return iter(())

    return mock.patch.object(transcript.Transcript, "_tails", nothing)


def _heads_ignored() -> Patch:
    """An author's word for how far his stream goes is not kept."""
    return mock.patch.object(taking.Taking, "head", return_value=[])


def _silence_denies() -> Patch:
    """Who has said nothing of a missing range has none of it, it seems."""
    true_denial = closing.Closing.denial

    def denial(self: Any, *where: Any) -> Why:
        return true_denial(self, *where) or Why.NEVER_HAD

    return mock.patch.object(closing.Closing, "denial", denial)


def _unreachable_left() -> Patch:
    """Who cannot be reached has left, it seems."""
    true_snapshot = Membership.snapshot

    def snapshot(self: Any, now: Any) -> Any:
        view = true_snapshot(self, now)
        gone = Liveness.UNREACHABLE
        members = [evolve(m, state=Liveness.LEFT) if m.state is gone else m for m in view.members]
        return evolve(view, members=tuple(members))

    return mock.patch.object(Membership, "snapshot", snapshot)


def _full_each_period() -> Patch:
    """Everybody is told everything in every period."""
    true_all = announcing.Announcing._tell_all

    def tell_all(self: Any, now: Any) -> list[Effect]:
        effects: list[Effect] = true_all(self, now)
        return effects + [e for peer in self._peers.linked for e in self._everything(peer, now)]

    return mock.patch.object(announcing.Announcing, "_tell_all", tell_all)


def _ticks_recorded() -> Patch:
    """A tick with nothing due is written down, too."""
    true_tick = Messaging.tick

    def tick(self: Any, tick: Any, now: Any) -> list[Effect]:
        effects: list[Effect] = true_tick(self, tick, now)
        begun = self.parts.book.begun
        return [*effects, Record(begun)] if begun is not None else effects

    return mock.patch.object(Messaging, "tick", tick)


def _one_dial_only() -> Patch:
    """Whom a dial did not reach is not dialled again."""
    true_again = dialing.Dialing._again

    def again(self: Any, pace: Any, mono: float, slow: bool) -> None:
        true_again(self, pace, mono, slow)
        pace.due = NEVER

    return mock.patch.object(dialing.Dialing, "_again", again)


def _letters_forgotten() -> Patch:
    """A restart forgets the direct messages that were received, and keeps the receipts given."""
    true_replay = Store.replay

    def replay(self: Any) -> Iterator[Any]:
        facts = list(true_replay(self))
        given = {fact.direct for fact in facts if isinstance(fact, ReceiptGiven)}
        return iter([f for f in facts if not isinstance(f, DirectHeld) or f.hash not in given])

    return mock.patch.object(Store, "replay", replay)


def _nonces_in_memory() -> Patch:
    """A nonce is known until the next restart only."""
    true_start = Messaging.start

    def start(self: Any, now: Any, fresh: bool) -> list[Effect]:
        self.parts.book.nonces.clear()
        effects: list[Effect] = true_start(self, now, fresh)
        return effects

    return mock.patch.object(Messaging, "start", start)


def _cancelled_and_sent() -> Patch:
    """A cancelled message is offered again all the same."""
    return mock.patch.object(outbox, "CLOSING", frozenset({News.KEPT}))


def _cancelled_as_never_sent() -> Patch:
    """What was sent and is cancelled counts as never sent."""
    table = delivery.TRANSITIONS[Delivery.SENT]
    return mock.patch.dict(table, {News.CANCELLED: Delivery.EXPIRED})


BUGS: tuple[Planted, ...] = (
    Planted("sent inside the transaction", ("I6",), _inside_the_commit),
    Planted("a post shows its strongest state", ("I1",), _strongest),
    Planted("unknown goes back to sent", ("I1",), _unknown_resent),
    Planted("a passed deadline forgotten over a restart", ("I1",), _overdue_forgotten),
    Planted("k of the linked ones", ("I1",), _acks_of_one_too_few),
    Planted("frontiers never taken as receipts", ("I1",), _frontiers_ignored),
    Planted("the first receipt of several only", ("I1",), _first_receipt_only),
    Planted("recovered posts not told", ("L",), _recovered_not_told),
    Planted("tail gaps hidden", ("I5",), _tails_hidden),
    Planted("heads ignored", ("I5",), _heads_ignored),
    Planted("silence taken as a denial", ("I5",), _silence_denies),
    Planted("nonces forgotten over a restart", ("I2", "I8"), _nonces_in_memory),
    Planted("sent although cancelled", ("I1",), _cancelled_and_sent),
    Planted("cancelled as if never sent", ("I1",), _cancelled_as_never_sent),
    Planted("one dial only", ("L",), _one_dial_only),
    Planted("received direct messages forgotten", ("L",), _letters_forgotten),
    Planted("unreachable told as left", ("G8",), _unreachable_left),
    Planted("a full frontier in each period", ("I10",), _full_each_period),
    Planted("an idle room that writes", ("I10",), _ticks_recorded),
)
