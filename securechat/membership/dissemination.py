"""
How claims travel (DESIGN 5; the study's 6 and 7.8).

What is new here is pushed at once to the linked peers that may not have it: our own claims to all,
those of others to ``settings.fan_out`` of them, by chance.  What that leaves out is asked for
(``questions``), so that when all hold the same nothing is sent.  A stale claim is answered with the
proof, once per (peer, version).

An Alive precedes a Leave and a newcomer's other objects, because it brings the key that checks them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from attrs import define, field

from securechat.effects import Effect, Hangup, Notify, Send
from securechat.ids import Hash, MemberId
from securechat.inputs import Instant
from securechat.membership.bucket import Bucket
from securechat.membership.claims import (
    HOLDS,
    Claim,
    Held,
    Outcome,
    Standing,
    Told,
    compare,
    judge,
    merge,
)
from securechat.membership.dialing import Chance, Dialing
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.liveness import Sign
from securechat.membership.messages import MAX_OBJECTS, Claims, Leave
from securechat.membership.questions import parts_of
from securechat.membership.restart import Restart
from securechat.membership.verdict import Verdicts
from securechat.notices import Conflict, Liveness
from securechat.settings import Settings

STANDINGS = {
    None: Standing.UNKNOWN,
    Liveness.ALIVE: Standing.ALIVE,
    Liveness.SUSPECT: Standing.SUSPECT,
    Liveness.UNREACHABLE: Standing.UNREACHABLE,
    Liveness.LEFT: Standing.LEFT,
}


@define
class Dissemination:
    """Takes claims in and passes them on."""

    _ledger: Ledger
    _links: LinkTable
    _verdicts: Verdicts
    _dialing: Dialing
    _restart: Restart
    _settings: Settings
    _rng: Chance
    _counters: Counter[str]
    _proofs: dict[MemberId, set[Hash]] = field(factory=dict, init=False)
    """Claims shown to each peer as proof against an older one."""
    _twins: set[tuple[MemberId, int]] = field(factory=set, init=False)
    """Members, and the epoch in which two processes of theirs were told of."""
    _room: int = field(default=0, init=False)
    """New members that one message may still bring."""
    _buckets: dict[MemberId, Bucket] = field(factory=dict, init=False)
    _unsaid: set[Hash] = field(factory=set, init=False)
    """Claims that this turn took from beyond the bucket: nobody is told of them unasked."""

    # Claims come in.

    def passed_on(self, claims: Iterable[Claim], via: MemberId, now: Instant) -> list[Effect]:
        """
        Claims of a message, whoever's.

        A member that changes its claim without end would make everybody write, and pass it on: what
        is more than a bucket holds is not taken now, and comes with a later answer.
        """
        fresh = {claim.hash: claim for claim in claims}.values()
        return self.told([claim for claim in fresh if self._affordable(claim, now)], via, now)

    def greeted(self, claim: Claim, now: Instant) -> list[Effect]:
        """
        What a member says of itself at the door; it pays like the rest.

        But a process that was started anew is let in, however many there were: nobody may use up its
        bucket with its own earlier words.  The others ask for what is beyond it, and pay there.
        """
        if not self._affordable(claim, now):
            if compare(claim, self._held(claim.member)) is not Told.ALIVE_NEWER_EPOCH:
                return []
            self._unsaid.add(claim.hash)
        return self.told((claim,), claim.member, now)

    def _held(self, member: MemberId) -> Held:
        return self._ledger.held.get(member, Held())

    def _affordable(self, claim: Claim, now: Instant) -> bool:
        """Whether it costs nothing, or its member's bucket pays; the first goodbye is free."""
        held = self._held(claim.member)
        if isinstance(claim.statement, Leave) and not held.left:
            return True
        if judge(STANDINGS[self._verdicts.state(claim.member)], compare(claim, held)) not in HOLDS:
            return True
        bucket = self._buckets.setdefault(
            claim.member, Bucket(self._settings.claims_burst, now.mono)
        )
        if bucket.take(now.mono, self._settings):
            return True
        self._counters["claims.too-often"] += 1
        return False

    def told(self, claims: Iterable[Claim], via: MemberId, now: Instant) -> list[Effect]:
        """Claims that passed the door, of one message."""
        effects: list[Effect] = []
        self._room = self._ledger.room_left
        for member, news in sorted(merge(claims).items()):
            if member == self._ledger.me:
                effects += self._ourselves(news, now)
            else:
                effects += self._of_member(member, news, via, now)
        return effects

    def _ourselves(self, news: Held, now: Instant) -> list[Effect]:
        claims = [claim for claim in (news.alive, news.leave) if claim is not None]
        newest = max(claims, key=lambda claim: claim.version.epoch)
        return self._restart.proved(newest.statement, live=False, now=now)

    def _of_member(
        self, member: MemberId, news: Held, via: MemberId, now: Instant
    ) -> Iterator[Effect]:
        held = self._held(member)
        for claim in (news.alive, news.leave):
            if claim is None:
                continue
            standing = STANDINGS[self._verdicts.state(member)]
            outcome = judge(standing, compare(claim, held))
            self._counters[f"claims.{outcome.name.lower()}"] += 1
            if outcome is Outcome.JOINED and self._room <= 0:
                self._counters["refused.roster-full"] += 1
                return
            self._room -= outcome is Outcome.JOINED
            if outcome in HOLDS:
                held = held.with_claim(claim)
                yield self._ledger.record(claim, via, now)
            yield from self._follow(outcome, claim, held.left, via, now)

    def _follow(
        self, outcome: Outcome, claim: Claim, left: bool, via: MemberId, now: Instant
    ) -> Iterator[Effect]:
        """What else an outcome asks for; ``left``: a leave that is held covers the newest epoch."""
        member, what = claim.member, f"claim of version {claim.version}"
        if outcome is Outcome.JOINED:
            self._verdicts.join(member, now, via, what)
        elif outcome is Outcome.NEWS:
            self._verdicts.judge(member, Sign.NEWS, now, what, via)
        elif outcome is Outcome.LEFT:
            leave = f"signed leave of version {claim.version}"
            self._verdicts.judge(member, Sign.LEAVE, now, leave, via)
        elif outcome in (Outcome.RESTARTED, Outcome.CONFLICT_RAISED):
            yield from self._superseded(claim, left, via, now)
        if outcome in HOLDS and self._verdicts.state(member) is not Liveness.LEFT:
            self._dialing.wake(member, now.mono)
        if outcome in (Outcome.CONFLICT_RAISED, Outcome.CONFLICT_KEPT):
            yield from self._twin(claim, now)
        if outcome in (Outcome.ANSWERED, Outcome.CONFLICT_KEPT):
            yield from self._prove(member, via)

    def _superseded(
        self, claim: Claim, left: bool, via: MemberId, now: Instant
    ) -> Iterator[Effect]:
        """The links of the earlier process end, unless it is the new one that told us."""
        member, epoch = claim.member, claim.version.epoch
        what = f"restarted: epoch {epoch}"
        sign = Sign.LEAVE if left else Sign.RESTARTED
        self._verdicts.judge(member, sign, now, what + ", which it left" * left, via)
        if self._links.linked(member) and not self._links.joins(member, epoch, claim.boot):
            yield Hangup(member, "superseded")

    def _twin(self, claim: Claim, now: Instant) -> Iterator[Effect]:
        epoch = claim.version.epoch
        if (claim.member, epoch) in self._twins:
            return
        if len(self._twins) >= MAX_OBJECTS:
            self._twins.clear()
        self._twins.add((claim.member, epoch))
        what = f"two processes in epoch {epoch}"
        self._verdicts.note(claim.member, now, what, "identity evidence, never liveness")
        yield Notify(Conflict(claim.member, what))

    def _prove(self, member: MemberId, peer: MemberId) -> Iterator[Effect]:
        held = self._ledger.held[member]
        proofs = self._proofs.setdefault(peer, set())
        proofs.intersection_update(self._ledger.told_by)
        for claim in (held.alive, held.leave if held.left else None):
            if claim is not None and claim.hash not in proofs:
                proofs.add(claim.hash)
                yield Send(peer, Claims((claim.signed,)))

    # Passing on.

    def settle(self) -> list[Effect]:
        """Push what this turn brought to every linked peer that may not have it."""
        changed, self._ledger.changed = self._ledger.changed, {}
        for unsaid in self._unsaid:
            changed.pop(unsaid, None)
        self._unsaid.clear()
        if not changed:
            return []
        effects: list[Effect] = []
        made: dict[frozenset[Hash], tuple[Claims, ...]] = {}
        chosen = self._chosen()
        for peer in self._links.peers:
            news = [
                claim
                for claim in changed.values()
                if not self._has(peer, claim)
                and (peer in chosen or claim.member == self._ledger.me)
            ]
            name = frozenset(claim.hash for claim in news)
            if name not in made:
                made[name] = parts_of(news)
            effects += [Send(peer, message) for message in made[name]]
        return effects

    def _chosen(self) -> frozenset[MemberId]:
        """The peers that claims of others are passed on to; digests mend what chance leaves out."""
        peers = sorted(self._links.peers, key=lambda _: self._rng.random())
        return frozenset(peers[: self._settings.fan_out(self._ledger.size)])

    def _has(self, peer: MemberId, claim: Claim) -> bool:
        return peer in (claim.member, self._ledger.told_by.get(claim.hash))

    def link_down(self, peer: MemberId) -> None:
        """Its last link ended: what it was told is told again on the next."""
        self._proofs.pop(peer, None)
