"""
Bugs planted in the product, one change of behaviour each, to prove that the simulation would see them.

``python -m tests.simulation.planted`` prints how many seeds each took; the same seeds must pass without
it.  A bug that no world shows means that the checker is blind there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from typing import Any
from unittest import mock

from attrs import evolve, frozen

from securechat.effects import Answer, Effect, Record, Send
from securechat.ids import BootId
from securechat.journal.store import Store
from securechat.membership import dialing, restart
from securechat.membership.core import Membership
from securechat.membership.verdict import NEVER
from securechat.messaging import (
    acks,
    announcing,
    delivery,
    evidence,
    frontier,
    inbox,
    outbox,
    recovery,
    taking,
    transcript,
)
from securechat.messaging.core import Messaging
from securechat.messaging.delivery import News
from securechat.messaging.facts import DirectHeld, ReceiptGiven
from securechat.messaging.messages import Directs, Frontiers, Posts, Receipts
from securechat.node import door, greeting, handshake, turn
from securechat.node.node import Node
from securechat.notices import Delivery, Liveness
from securechat.signing import Verifier
from securechat.simulation import run
from securechat.simulation.observed import Violation
from securechat.simulation.world import World

SECONDS = 90.0
MOST_SEEDS = 200

Patch = AbstractContextManager[object]


@frozen
class Planted:
    """One bug, and the invariants of which at least one must catch it."""

    name: str
    rules: tuple[str, ...]
    plant: Callable[[], Patch]


def _early(matches: Callable[[Effect], bool]) -> Patch:
    """Effects of one kind are performed before the commit of their turn."""
    true_commit = turn.Turn._commit

    def commit(self: Any, batch: Any) -> None:
        early = [effect for effect in batch.effects if matches(effect)]
        batch.effects = [effect for effect in batch.effects if not matches(effect)]
        self.perform(early)
        for effect in early:
            if isinstance(effect, Answer):
                self._answer(effect.ticket, effect.value)
        true_commit(self, batch)

    return mock.patch.object(turn.Turn, "_commit", commit)


def _sends(*kinds: type[Any]) -> Callable[[Effect], bool]:
    return lambda effect: isinstance(effect, Send) and isinstance(effect.message, kinds)


def _ack_before_commit() -> Patch:
    return _early(_sends(Receipts, Frontiers))


def _send_before_commit() -> Patch:
    return _early(_sends(Posts, Directs))


def _answer_before_commit() -> Patch:
    return _early(lambda effect: isinstance(effect, Answer))


def _no_dedup() -> Patch:
    """A direct message that comes again is taken again."""
    true_take = inbox.Inbox.take

    def take(self: Any, objects: Any, peer: Any, now: Any) -> list[Effect]:
        letters = self._book.letters
        given, ids = letters.given, letters._ids
        letters.given, letters._ids = {}, {}
        try:
            return true_take(self, objects, peer, now)
        finally:
            letters.given, letters._ids = given, ids

    return mock.patch.object(inbox.Inbox, "take", take)


def _same_boot() -> Patch:
    """A process does not make a boot id of its own: a lost disk uses seqs and streams again."""
    true_init = Node.__attrs_post_init__

    def init(self: Any) -> None:
        self.boot = BootId("0" * 32)
        true_init(self)

    return mock.patch.object(Node, "__attrs_post_init__", init)


class _Believing(Verifier):
    def passes(self, public: bytes, signed: Any) -> bool:
        return True


def _skipped_verify() -> Patch:
    return mock.patch.object(door, "Verifier", _Believing)


def _old_epoch_welcome() -> Patch:
    """The epoch of a HELLO is compared the wrong way round."""
    true_judge = handshake.judge

    def judge(hello: Any, me: Any, peer: Any, known: Any) -> Any:
        refusal = true_judge(hello, me, peer, known)
        return None if refusal is not None and refusal.reason == "stale-epoch" else refusal

    return mock.patch.object(greeting, "judge", judge)


def _epoch_at_most() -> Patch:
    """``<=`` instead of ``<``: the process that is known already counts as an old one."""
    true_judge = handshake.judge

    def judge(hello: Any, me: Any, peer: Any, known: Any) -> Any:
        if known is not None and hello.epoch == known.epoch:
            hello = evolve(hello, boot="f" * 32 if hello.boot[0] != "f" else "0" * 32)
        return true_judge(hello, me, peer, known)

    return mock.patch.object(greeting, "judge", judge)


def _epoch_not_kept() -> Patch:
    return mock.patch.object(restart.Restart, "next_epoch", 1)


def _receipt_for_all() -> Patch:
    """A receipt is taken for whatever waits at its signer, not for the hash that it names."""
    true_receipts = outbox.Outbox.receipts

    def receipts(self: Any, objects: Any, now: Any) -> list[Effect]:
        found = list(objects)
        effects: list[Effect] = true_receipts(self, found, now)
        for admitted in found:
            for letter in list(self._book.letters.open.get(admitted.author, {}).values()):
                effects += self._news(letter, News.RECEIPT, "some receipt", now)
        return effects

    return mock.patch.object(outbox.Outbox, "receipts", receipts)


def _gap_lost() -> Patch:
    """What is missing inside a stream is not shown."""

    def nothing(self: Any, *_: Any) -> Iterator[Any]:
        return iter(())

    return mock.patch.object(transcript.Transcript, "_gap_before", nothing)


def _timeout_acked() -> Patch:
    """No news is good news: what was sent and not answered in time is told as acked."""
    table = delivery.TRANSITIONS[Delivery.SENT]
    return mock.patch.dict(table, {News.DEADLINE: Delivery.ACKED})


def _third_node() -> Patch:
    """A direct message is left with another node, too, to be safe."""
    true_send = outbox.Outbox._send

    def send(self: Any, peer: Any, sent: Any, now: Any) -> list[Effect]:
        effects: list[Effect] = true_send(self, peer, sent, now)
        others = [other for other in sorted(self._peers.linked) if other != peer]
        copies = [evolve(e, peer=other) for e in effects if isinstance(e, Send) for other in others]
        return effects + copies

    return mock.patch.object(outbox.Outbox, "_send", send)


def _holes_claimed() -> Patch:
    """A frontier says that all is stored up to the highest post, holes or not."""
    true_entry = frontier.OwnFrontier._entry

    def entry(self: Any, stream: Any) -> Any:
        found = true_entry(self, stream)
        if found is None:
            return None
        _, last, head = found.stored[-1]
        return evolve(found, stored=((1, last, head),))

    return mock.patch.object(frontier.OwnFrontier, "_entry", entry)


def _by_arrival() -> Patch:
    """The transcript is in the order in which things came."""

    def add(self: Any, item: Any) -> None:
        self._items.append(item)

    return mock.patch.object(transcript.Transcript, "add", add)


def _authors_only() -> Patch:
    """What is missing is asked of its author, of nobody else."""
    true_missing = recovery.Recovery._missing

    def missing(self: Any, peer: Any, source: Any, stream: Any) -> Any:
        return true_missing(self, peer, source, stream) if stream.author == peer else []

    return mock.patch.object(recovery.Recovery, "_missing", missing)


def _inside_the_commit() -> Patch:
    """Envelopes and direct messages leave while the transaction is open that stores them."""
    true_commit = turn.Turn._commit
    leaves = _sends(Posts, Directs)

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

    return mock.patch.object(transcript, "weakest", strongest)


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
    return mock.patch.object(acks.Acks, "frontier", return_value=[])


def _first_receipt_only() -> Patch:
    """Of the receipts of one message the first is taken, the others are lost."""
    true_receipts = outbox.Outbox.receipts

    def receipts(self: Any, objects: Any, now: Any) -> list[Effect]:
        effects: list[Effect] = true_receipts(self, list(objects)[:1], now)
        return effects

    return mock.patch.object(outbox.Outbox, "receipts", receipts)


def _recovered_not_told() -> Patch:
    """Whoever got a post late keeps that to itself."""
    return mock.patch.object(announcing.Announcing, "recovered")


def _tails_hidden() -> Patch:
    """What is missing at the end of a stream is not shown."""

    def nothing(self: Any, *_: Any) -> Iterator[Any]:
        return iter(())

    return mock.patch.object(transcript.Transcript, "_tails", nothing)


def _heads_ignored() -> Patch:
    """An author's word for how far his stream goes is not kept."""
    return mock.patch.object(taking.Taking, "head", return_value=[])


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
        return effects + [e for peer in self._peers.linked for e in self._full(peer, now)]

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
    Planted("ack before commit", ("I1",), _ack_before_commit),
    Planted("send before commit", ("I6",), _send_before_commit),
    Planted("answer before commit", ("I9",), _answer_before_commit),
    Planted("no dedup", ("I2",), _no_dedup),
    Planted("seq reuse after a lost disk", ("I8",), _same_boot),
    Planted("skipped verify", ("I3",), _skipped_verify),
    Planted("an older epoch is welcome", ("I7",), _old_epoch_welcome),
    Planted("epoch compared with <=", ("L",), _epoch_at_most),
    Planted("epoch not kept", ("I7", "L"), _epoch_not_kept),
    Planted("receipt not bound to its hash", ("I1",), _receipt_for_all),
    Planted("gap lost", ("I5",), _gap_lost),
    Planted("a timeout told as acked", ("I1",), _timeout_acked),
    Planted("direct message left with a third node", ("I12",), _third_node),
    Planted("frontier claims its holes", ("I1",), _holes_claimed),
    Planted("order of arrival", ("I4", "L"), _by_arrival),
    Planted("recovery from the author only", ("L",), _authors_only),
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
    Planted("nonces forgotten over a restart", ("I2", "I8"), _nonces_in_memory),
    Planted("sent although cancelled", ("I1",), _cancelled_and_sent),
    Planted("cancelled as if never sent", ("I1",), _cancelled_as_never_sent),
    Planted("one dial only", ("L",), _one_dial_only),
    Planted("received direct messages forgotten", ("L",), _letters_forgotten),
    Planted("unreachable told as left", ("G8",), _unreachable_left),
    Planted("a full frontier in each period", ("I10",), _full_each_period),
    Planted("an idle room that writes", ("I10",), _ticks_recorded),
)


@cache
def sound(seed: int) -> bool:
    """Whether this seed passes without any bug."""
    return not violations(seed)


def violations(seed: int) -> tuple[Violation, ...]:
    """What is wrong in the world of this seed."""
    return World(seed, run.nodes_of(seed), SECONDS).run().violations


def seeds_to_catch(bug: Planted, most: int = MOST_SEEDS) -> int | None:
    """How many seeds it takes; None if none of them showed it by one of its rules."""
    with bug.plant():
        for seed in range(1, most + 1):
            if any(violation.rule in bug.rules for violation in violations(seed)):
                return seed
    return None


def main() -> int:
    """Print how many seeds each bug took."""
    run.quiet_log()
    missed = 0
    for bug in BUGS:
        took = seeds_to_catch(bug)
        clean = took is not None and all(sound(seed) for seed in range(1, took + 1))
        missed += not clean
        print(
            f"{bug.name:40} {'/'.join(bug.rules):8} {took} {'' if clean else 'FAILED'}", flush=True
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
