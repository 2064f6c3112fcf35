"""
Bugs planted in membership, one change of behaviour each, to prove that the judges would see them.

``python -m tests.simulation.planted_membership`` prints how many seeds each took; the same seeds of the
same script must pass without it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest import mock

from attrs import evolve, frozen

from securechat.effects import Send
from securechat.inputs import DialOutcome, Instant
from securechat.membership import claims, contact, evidence, restart, verdict
from securechat.membership.announce import Announce
from securechat.membership.claims import Outcome, Standing, Told
from securechat.membership.dialing import Dialing
from securechat.membership.gobetween import GoBetween
from securechat.membership.ledger import Ledger
from securechat.membership.liveness import TRANSITIONS, Sign
from securechat.membership.messages import Nack
from securechat.membership.observers import Observers
from securechat.membership.presence import Presence
from securechat.membership.probing import Probing
from securechat.membership.redials import Redials
from securechat.membership.restart import Proof, Restart, Step
from securechat.membership.verdict import Seen, Verdicts
from securechat.node import door
from securechat.node.links import Links
from securechat.node.node import Node
from securechat.notices import Liveness
from securechat.settings import Settings
from securechat.signing import Verifier
from securechat.simulation import run
from securechat.simulation.scenarios import SCENARIOS, perform

MOST_SEEDS = 5

Patch = AbstractContextManager[object]


@frozen
class Planted:
    """One bug, the script that shows it, and the properties that catch it there, each of them."""

    name: str
    rules: tuple[str, ...]
    script: str
    plant: Callable[[], Patch]


def _swap(owner: Any, name: str, new: object) -> Callable[[], Patch]:
    return lambda: mock.patch.object(owner, name, new)


def _nothing(self: Any, *_: Any, **__: Any) -> list[Any]:
    return []


class _Believing(Verifier):
    def passes(self, public: bytes, signed: Any, name: Any = None) -> bool:
        return True


def _start_without_leaves(self: Any, now: Any) -> None:
    """Who left before we started is taken for somebody who was only heard of."""
    for member in self._ledger.others:
        with mock.patch.object(Ledger, "left", return_value=False):
            self.join(member, now, self._ledger.me, "known from before the start")
        self.seen[member].told = self.seen[member].state


def _old_links_speak() -> Patch:
    """The links of an earlier process stay, and what comes on them counts."""
    true_end = Links._end

    def end(self: Any, link: Any, close: Any) -> None:
        if close.reason != "superseded":
            true_end(self, link, close)

    return mock.patch.object(Links, "_end", end)


@contextmanager
def _last_is_held() -> Any:
    """An older claim takes the place of a newer one."""
    table = claims.TRANSITIONS[Standing.ALIVE]
    raised = {Told.ALIVE_OLDER_EPOCH: Outcome.RAISED, Told.ALIVE_OLDER: Outcome.RAISED}
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(table, raised))
        stack.enter_context(mock.patch.object(claims, "greater", _latest))
        yield


def _latest(one: Any, other: Any) -> Any:
    return other


def _nacks_of_all() -> Patch:
    """A go-between that left or is lost since is believed as well."""
    true_retime = Verdicts.retime

    def retime(self: Any, confirming: Any, now: Instant) -> None:
        true_retime(self, lambda of: {*confirming(of), *self.seen[of].nacked}, now)

    return mock.patch.object(Verdicts, "retime", retime)


def _rows_of_all(self: Any, peer: Any, health: int) -> str:
    """An observer that is dead, or ill, is believed as well."""
    return ""


@contextmanager
def _deaf() -> Any:
    """Neither acks nor other bytes nor the word of others end a probe."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(Seen, "heard_since", return_value=False))
        stack.enter_context(mock.patch.object(Probing, "acked", _nothing))
        stack.enter_context(mock.patch.object(GoBetween, "asked", _go_betweens_give_up))
        yield


def _every_link_raises() -> Patch:
    """Our incarnation rises with every link, as if our addresses had changed."""

    def moved(self: Any, now: Any) -> list[Any]:
        said = self.said
        return [] if said is None else [self.alive(said.epoch, said.incarnation + 1, now)]

    return mock.patch.object(Announce, "moved", moved)


def _go_betweens_give_up(self: Any, asker: Any, ask: Any, now: Any) -> list[Any]:
    return [Send(asker, Nack(ask.subject, ask.nonce))]


def _nack_vouches(self: Any, member: Any, by: Any, now: Any) -> None:
    self.vouch(member, by, now)


def _believed_long(self: Any, seen: Any, now: Instant) -> bool:
    """Who was vouched for is alive for eight periods, whatever go-betweens say."""
    return not seen.heard_since(now.mono - 8 * self._settings.period)


def _redial_ends() -> Patch:
    true_again = Dialing._again

    def again(self: Any, pace: Any, mono: float, slow: bool) -> None:
        true_again(self, pace, mono, slow)
        if pace.tries > 4:
            pace.due = 1e12

    return mock.patch.object(Dialing, "_again", again)


def _unreachable_forgotten() -> Patch:
    true_view = Presence.view

    def view(self: Any, now: Any) -> Any:
        found = true_view(self, now)
        there = tuple(row for row in found.members if row.state is not Liveness.UNREACHABLE)
        return evolve(found, members=there)

    return mock.patch.object(Presence, "view", view)


def _digests_differ() -> Patch:
    return mock.patch.object(Ledger, "digest", property(lambda self: self.me[:8].encode()))


def _tls_accuses() -> Patch:
    """A failed TLS handshake is taken for the end of a process."""
    true_failed = Redials.dial_failed

    def failed(self: Any, what: Any, now: Any) -> None:
        if what.how is DialOutcome.TLS and what.peer is not None:
            self._verdicts.judge(what.peer, Sign.LINK_ENDED, now, "TLS failed")
        true_failed(self, what, now)

    return mock.patch.object(Redials, "dial_failed", failed)


def _wall_timers() -> Patch:
    """Deadlines run on the clock on the wall."""
    return mock.patch.object(Node, "now", lambda self: Instant(self._wall() / 1000, self._wall()))


def _claims_pile_up() -> Patch:
    """Who told us of a claim is remembered when the claim is not held any more."""
    true_hold = Ledger._hold

    def hold(self: Any, claim: Any, via: Any) -> None:
        before = dict(self.told_by)
        true_hold(self, claim, via)
        self.told_by.update(before)

    return mock.patch.object(Ledger, "_hold", hold)


def _news_is_life() -> Patch:
    return mock.patch.dict(TRANSITIONS[Liveness.UNREACHABLE], {Sign.NEWS: Liveness.ALIVE})


@contextmanager
def _nobody_stops() -> Any:
    """A process jumps past the other each time."""
    with ExitStack() as stack:
        for row in restart.TRANSITIONS.values():
            jumps = {proof: Step.JUMP_WARNED for proof, step in row.items() if step is Step.STOP}
            stack.enter_context(mock.patch.dict(row, jumps))
        yield


def _the_newer_stops() -> Patch:
    """Who started from a home that had epochs before gives way at the first conflict."""
    true_weigh = Restart._weigh

    def weigh(self: Any, claim: Any, live: bool, now: Any) -> Proof:
        proof = true_weigh(self, claim, live, now)
        newer = self._ledger.epoch > 1 and not self._jumps
        return Proof.OUTBID if newer and proof is not Proof.OURS else proof

    return mock.patch.object(Restart, "_weigh", weigh)


def _everything_counts(*_: Any) -> str:
    return ""


def _confirmed_in_silence(self: Any, member: Any, by: Any, *_: Any) -> None:
    """A confirmation shortens a suspicion, and leaves no line of evidence."""
    seen = self.seen.get(member)
    if seen is not None and seen.state is Liveness.SUSPECT:
        seen.confirmed.add(by)


def _half_a_second(self: Any, members: int, confirmed: int, needed: int, score: int) -> float:
    return 0.5


BUGS: tuple[Planted, ...] = (
    Planted(
        "the claim that came last is held", ("P1",), "claims come again",
        _last_is_held,
    ),
    Planted(
        "signatures are believed", ("P2", "P17"), "slander", _swap(door, "Verifier", _Believing)
    ),
    Planted(
        "the epoch is not kept", ("P3",), "all restart at once", _swap(Restart, "next_epoch", 1)
    ),
    Planted(
        "a leave is forgotten at the start", ("P5",), "a goodbye",
        _swap(Verdicts, "start", _start_without_leaves),
    ),
    Planted(
        "links of an earlier process speak", ("P6", "P20"), "late frames", _old_links_speak
    ),
    Planted(
        "what is heard does not count", ("P7",), "quiet minutes", _deaf,
    ),
    Planted(
        "the end of a link is nothing", ("P8",), "a process is killed",
        _swap(contact, "COUNTED", frozenset()),
    ),
    Planted(
        "a suspicion is short", ("P9",), "a pause of 3 s",
        _swap(Settings, "suspicion", _half_a_second),
    ),
    Planted(
        "a sleeper judges late", ("P10",), "links break in a sleep",
        _swap(Probing, "_watch_for_stall", _nothing),
    ),
    Planted(
        "a sleeper judges by old questions", ("P10",), "a sleep amid questions",
        _swap(Probing, "_watch_for_stall", _nothing),
    ),
    Planted(
        "a sleeper trusts itself", ("P10",), "all sleep at once",
        _swap(Probing, "_watch_for_stall", _nothing),
    ),
    Planted(
        "who slept long suspects", ("P10",), "a pause of 30 s",
        _swap(Probing, "_watch_for_stall", _nothing),
    ),
    Planted(
        "nothing is refuted", ("P11",), "accusations of the living",
        _swap(Observers, "accused", _nothing),
    ),
    Planted("every link raises", ("P11",), "a partition", _every_link_raises),
    Planted(
        "go-betweens give up", ("P12",), "two cut from each other",
        _swap(GoBetween, "asked", _go_betweens_give_up),
    ),
    Planted(
        "a nack vouches", ("P12", "P8"), "a machine vanishes",
        _swap(Verdicts, "nack", _nack_vouches),
    ),
    Planted(
        "a vouch lasts for long", ("P12",), "two cut from each other",
        _swap(Probing, "_unheard", _believed_long),
    ),
    Planted("redials end", ("P13",), "a partition", _redial_ends),
    Planted("the unreachable are forgotten", ("P13",), "a partition", _unreachable_forgotten),
    Planted("digests always differ", ("P14",), "quiet minutes", _digests_differ),
    Planted("no leave is said", ("P15",), "a goodbye", _swap(Announce, "leave", _nothing)),
    Planted(
        "no evidence is kept", ("P16",), "a process is killed",
        _swap(evidence.Ring, "add", _nothing),
    ),
    Planted("news is taken for life", ("P16",), "a partition", _news_is_life),
    Planted(
        "whatever is seen counts", ("P16",), "a process is killed",
        _swap(verdict, "idle", _everything_counts),
    ),
    Planted(
        "confirmations leave no line", ("P16",), "a machine vanishes",
        _swap(Verdicts, "confirm", _confirmed_in_silence),
    ),
    Planted(
        "what is withdrawn counts on", ("P16",), "accusers that leave",
        _swap(evidence.Ring, "withdraw", _nothing),
    ),
    Planted(
        "nacks of the lost count", ("P18",), "accusers that leave", _nacks_of_all,
    ),
    Planted(
        "rows of the dead count", ("P18",), "accusers that die",
        _swap(Observers, "_unfit", _rows_of_all),
    ),
    Planted(
        "nacks of the dead count", ("P18",), "accusers that die", _nacks_of_all,
    ),
    Planted("TLS accuses", ("P19", "P7"), "simultaneous dials", _tls_accuses),
    Planted(
        "proofs of our past are nothing", ("P20",), "a lost disk",
        _swap(Restart, "proved", _nothing),
    ),
    Planted(
        "a conflict is not told", ("P20",), "a copied home", _swap(Restart, "_conflict", _nothing)
    ),
    Planted("a copied home speaks on", ("P20",), "a copied home", _nobody_stops),
    Planted("the copy stops", ("P20",), "a copied home", _the_newer_stops),
    Planted("deadlines on the wall", ("P21",), "clocks step", _wall_timers),
    Planted("evidence without bound", ("P22",), "churn", _swap(evidence, "RING", 10_000)),
    Planted("claims pile up", ("P22",), "churn", _claims_pile_up),
)  # fmt: skip
"""P4 has its own (``test_membership_claims``)."""


def broken(script: str, seed: int) -> set[str]:
    """The rules that a script breaks in this seed."""
    (scenario,) = (one for one in SCENARIOS if one.name == script)
    return {violation.rule for violation in perform(scenario, seed)}


@cache
def sound(script: str, seed: int) -> bool:
    """Whether it passes without any bug."""
    return not broken(script, seed)


def seeds_to_catch(bug: Planted, most: int = MOST_SEEDS) -> int | None:
    """How many seeds it takes; None if in none of them all its rules were broken."""
    with bug.plant():
        for seed in range(1, most + 1):
            if set(bug.rules) <= broken(bug.script, seed):
                return seed
    return None


def main() -> int:
    """Print how many seeds each bug took."""
    run.quiet_log()
    missed = 0
    for bug in BUGS:
        took = seeds_to_catch(bug)
        clean = took is not None and all(sound(bug.script, seed) for seed in range(1, took + 1))
        missed += not clean
        rules = "/".join(bug.rules)
        print(f"{bug.name:40} {rules:8} {took} {'' if clean else 'FAILED'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
