"""
Bugs planted in the product, one change of behaviour each, to prove that the simulation would see them.

``python -m tests.simulation.planted`` prints how many seeds each took; the same seeds must pass without
it.  A bug that no world shows means that the checker is blind there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from unittest import mock

from attrs import define, evolve, frozen

from securechat.effects import Answer, Effect, Send
from securechat.ids import BootId
from securechat.membership import restart
from securechat.messaging import (
    delivery,
    frontier,
    inbox,
    outbox,
    recovery,
    transcript,
)
from securechat.messaging.delivery import News
from securechat.messaging.messages import Directs, Frontiers, Posts, Receipts
from securechat.node import door, greeting, handshake
from securechat.node.node import Node
from securechat.notices import Delivery
from securechat.signing import Verifier
from securechat.simulation import run
from securechat.simulation.clock import SimClock
from securechat.simulation.observed import Violation
from securechat.simulation.world import World
from tests.simulation import planted_keeping, planted_order, planted_showing
from tests.simulation.planting import Patch, Planted, early, sends

SECONDS = 90.0
MOST_SEEDS = 200


def _ack_before_commit() -> Patch:
    return early(sends(Receipts, Frontiers))


def _send_before_commit() -> Patch:
    return early(sends(Posts, Directs))


def _answer_before_commit() -> Patch:
    return early(lambda effect: isinstance(effect, Answer))


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
    def passes(self, public: bytes, signed: Any, name: Any = None) -> bool:
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
    *planted_showing.BUGS,
    *planted_order.BUGS,
    *planted_keeping.BUGS,
)


SHOWN_BY = {
    "answer before commit": 3,
    "seq reuse after a lost disk": 2,
    "skipped verify": 6,
    "an older epoch is welcome": 4,
    "epoch not kept": 4,
    "receipt not bound to its hash": 10,
    "gap lost": 7,
    "recovery from the author only": 4,
    "a passed deadline forgotten over a restart": 7,
    "k of the linked ones": 2,
    "the first receipt of several only": 12,
    "recovered posts not told": 7,
    "tail gaps hidden": 19,
    "heads ignored": 19,
    "silence taken as a denial": 37,
    "gaps below what comes after them": 7,
    "late marks forgotten over a restart": 2,
    "nonces forgotten over a restart": 4,
    "sent although cancelled": 2,
    "cancelled as if never sent": 2,
    "one dial only": 2,
    "unreachable told as left": 4,
    "nothing is trimmed": 2,
    "the smallest author is evicted": 2,
    "more is forgotten than must be": 2,
    "letters that wait are forgotten": 16,
    "old posts are kept": 22,
    "nonces are kept for ever": 22,
    "letters are offered for ever": 19,
    "the evidence hides a lost disk": 2,
    "lost letters are not offered again": 4,
}
"""The first seed that showed a bug when that was looked up last, where it is not the first of all."""


@cache
def sound(seed: int) -> bool:
    """Whether this seed passes without any bug."""
    return not violations(seed)


def violations(seed: int) -> tuple[Violation, ...]:
    """What is wrong in the world of this seed."""
    return World(seed, run.nodes_of(seed), SECONDS).run().violations


class Seen(Exception):
    """What a world was run for has come."""


@define(eq=False)
class Hasty(SimClock):
    """A clock that ends its world by ``Seen``, once it is enough: that is asked each second."""

    enough: Callable[[], bool] = bool

    def run_until(self, until: float) -> None:
        """As any other clock, until then."""
        while self.now < until:
            SimClock.run_until(self, min(until, self.now + 1.0))
            if self.enough():
                raise Seen


def shows(bug: Planted, seed: int) -> bool:
    """Whether the world of this seed breaks one of the promises that the bug is against."""

    def broken() -> bool:
        return any(found.rule in bug.rules for found in world.checker.violations)

    with bug.plant():
        world = World(seed, run.nodes_of(seed), SECONDS, clock=Hasty(enough=broken))
        try:
            world.run()
        except Seen:
            return True
        return broken()


def seeds_to_catch(bug: Planted, most: int = MOST_SEEDS) -> int | None:
    """How many seeds it takes; None if none of them showed it by one of its rules."""
    return next((seed for seed in range(1, most + 1) if shows(bug, seed)), None)


def seed_that_shows(bug: Planted) -> int | None:
    """The seed that is known to show it, if it still does; else the first one that does."""
    known = SHOWN_BY.get(bug.name, 1)
    return known if shows(bug, known) else seeds_to_catch(bug)


@frozen
class Caught:
    """What the whole search for one bug came to."""

    bug: str
    rules: tuple[str, ...]
    took: int | None
    """How many seeds; None if none showed it."""
    clean: bool
    """Whether all of them pass without it."""


def search(name: str) -> Caught:
    """Look for one bug from the first seed on, and at the same seeds without it."""
    (bug,) = (one for one in BUGS if one.name == name)
    took = seeds_to_catch(bug)
    clean = took is not None and all(sound(seed) for seed in range(1, took + 1))
    return Caught(bug.name, bug.rules, took, clean)


def main() -> int:
    """Print how many seeds each bug took."""
    missed = 0
    for caught in run.spread(search, [bug.name for bug in BUGS]):
        missed += not caught.clean
        rules, verdict = "/".join(caught.rules), "" if caught.clean else "FAILED"
        print(f"{caught.bug:40} {rules:8} {caught.took} {verdict}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
