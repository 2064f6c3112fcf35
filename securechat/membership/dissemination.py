"""
How claims travel (DESIGN 5; the study's 6 and 7.8).

What is new here is pushed at once to the linked peers that may not have it: our own claims to all,
those of others to ``settings.fan_out`` of them, by chance.  Each ping carries the digest of the view;
if it differs from ours we ask that peer, at most once in 2 s, for what is newer than what we hold.  So
claims spread by pushing and are mended by asking, and when all hold the same nothing is sent.  A stale
claim is answered with the proof, once per (peer, version).

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
    compare,
    judge,
    merge,
)
from securechat.membership.dialing import Chance, Dialing
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.liveness import Sign
from securechat.membership.messages import (
    FIRST_ID,
    LAST_ID,
    MAX_OBJECTS,
    MAX_ROWS,
    AskClaims,
    Claims,
    Leave,
    Row,
)
from securechat.membership.restart import Restart
from securechat.membership.verdict import Verdicts
from securechat.notices import Conflict, Liveness
from securechat.objects import Signed
from securechat.settings import Settings

SYNC_PAUSE = 2.0
"""Seconds between two questions of the same kind to one peer."""
PART = 32 * 1024
"""Bytes of signed objects in one message."""

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
    _asked: dict[tuple[MemberId, MemberId], float] = field(factory=dict, init=False)
    """When each (peer, first id) was asked last."""
    _answered: dict[tuple[MemberId, MemberId, MemberId], float] = field(factory=dict, init=False)
    _proofs: dict[MemberId, set[Hash]] = field(factory=dict, init=False)
    """Claims shown to each peer as proof against an older one."""
    _twins: set[tuple[MemberId, int]] = field(factory=set, init=False)
    """Members, and the epoch in which two processes of theirs were told of."""

    _buckets: dict[MemberId, Bucket] = field(factory=dict, init=False)

    # Claims come in.

    def passed_on(self, claims: Iterable[Claim], via: MemberId, now: Instant) -> list[Effect]:
        """
        Claims of a message, whoever's.

        A member that changes its claim without end would make everybody write, and pass it on: what
        is more than a bucket holds is not taken now, and comes with a later answer.
        """
        return self.told([claim for claim in claims if self._affordable(claim, now)], via, now)

    def _affordable(self, claim: Claim, now: Instant) -> bool:
        held = self._ledger.held.get(claim.member, Held())
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
        held = self._ledger.held.get(member, Held())
        for claim in (news.alive, news.leave):
            if claim is None:
                continue
            standing = STANDINGS[self._verdicts.state(member)]
            outcome = judge(standing, compare(claim, held))
            self._counters[f"claims.{outcome.name.lower()}"] += 1
            if outcome is Outcome.JOINED and self._ledger.full:
                self._counters["refused.roster-full"] += 1
                return
            if outcome in HOLDS:
                held = held.with_claim(claim)
                yield self._ledger.record(claim, via, now)
            yield from self._follow(outcome, claim, via, now)

    def _follow(
        self, outcome: Outcome, claim: Claim, via: MemberId, now: Instant
    ) -> Iterator[Effect]:
        """What else an outcome asks for."""
        member, what = claim.member, f"claim of version {claim.version}"
        if outcome is Outcome.JOINED:
            self._verdicts.join(member, now, via, what)
        elif outcome is Outcome.NEWS:
            self._verdicts.judge(member, Sign.NEWS, now, what, via)
        elif outcome is Outcome.LEFT:
            leave = f"signed leave of version {claim.version}"
            self._verdicts.judge(member, Sign.LEAVE, now, leave, via)
        elif outcome in (Outcome.RESTARTED, Outcome.CONFLICT_RAISED):
            yield from self._superseded(claim, via, now)
        if outcome in HOLDS and self._verdicts.state(member) is not Liveness.LEFT:
            self._dialing.wake(member, now.mono)
        if outcome in (Outcome.CONFLICT_RAISED, Outcome.CONFLICT_KEPT):
            yield from self._twin(claim, now)
        if outcome in (Outcome.ANSWERED, Outcome.CONFLICT_KEPT):
            yield from self._prove(member, via)

    def _superseded(self, claim: Claim, via: MemberId, now: Instant) -> Iterator[Effect]:
        """The links of the earlier process end, unless it is the new one that told us."""
        member, epoch = claim.member, claim.version.epoch
        what = f"restarted: epoch {epoch}"
        self._verdicts.judge(member, Sign.RESTARTED, now, what, via)
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
        shown = [claim for claim in (held.alive, held.leave) if claim is not None]
        for claim in shown:
            if claim.hash not in proofs:
                proofs.add(claim.hash)
                yield Send(peer, Claims((claim.signed,)))

    # Asking and answering.

    def ask(self, peer: MemberId, now: Instant) -> list[Effect]:
        """Ask for all that is newer than what we hold, unless that was asked just now."""
        if not self._may_ask(peer, FIRST_ID, now):
            return []
        return [Send(peer, question) for question in questions(self._ledger.rows())]

    def ask_for(self, peer: MemberId, members: Iterable[MemberId], now: Instant) -> list[Effect]:
        """Ask for members whose key we lack."""
        return [
            Send(peer, AskClaims(member, member))
            for member in members
            if self._may_ask(peer, member, now)
        ]

    def _may_ask(self, peer: MemberId, first: MemberId, now: Instant) -> bool:
        last = self._asked.get((peer, first))
        if last is not None and now.mono - last < SYNC_PAUSE:
            return False
        if len(self._asked) >= 4 * MAX_OBJECTS:
            self._asked.clear()
        self._asked[peer, first] = now.mono
        return True

    def answer(self, peer: MemberId, ask: AskClaims, now: Instant) -> list[Effect]:
        """What we hold that is newer than what the asker holds."""
        span = (peer, ask.first, ask.last)
        if now.mono - self._answered.get(span, -SYNC_PAUSE) < SYNC_PAUSE / 2:
            self._counters["refused.asks-too-often"] += 1
            return []
        if len(self._answered) >= 4 * MAX_OBJECTS:
            self._answered.clear()
        self._answered[span] = now.mono
        return [Send(peer, message) for message in parts_of(self._newer(ask))]

    def _newer(self, ask: AskClaims) -> Iterator[Claim]:
        theirs = {row.member: row for row in ask.held}
        for member in sorted(self._ledger.held):
            if not ask.first <= member <= ask.last:
                continue
            held, mine = self._ledger.held[member], self._ledger.row(member)
            row = theirs.get(member, Row(member, 0, 0, False))
            if held.alive is not None and (mine.epoch, mine.incarnation) > (
                row.epoch,
                row.incarnation,
            ):
                yield held.alive
            newer_leave = not row.left or mine.epoch > row.epoch
            if held.leave is not None and held.left and newer_leave:
                yield held.leave

    # Passing on.

    def settle(self) -> list[Effect]:
        """Push what this turn brought to every linked peer that may not have it."""
        changed, self._ledger.changed = self._ledger.changed, {}
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
        for asked in [asked for asked in self._asked if asked[0] == peer]:
            del self._asked[asked]


def parts_of(claims: Iterable[Claim]) -> tuple[Claims, ...]:
    """Messages that carry these claims, every Alive before any Leave."""
    ordered = sorted(claims, key=lambda claim: isinstance(claim.statement, Leave))
    parts: list[list[Signed]] = []
    size, leaves = PART, False
    for claim in ordered:
        turns = isinstance(claim.statement, Leave) and not leaves
        if turns or size + claim.signed.size > PART or len(parts[-1]) >= MAX_OBJECTS:
            parts.append([])
            size, leaves = 0, leaves or turns
        parts[-1].append(claim.signed)
        size += claim.signed.size
    return tuple(Claims(tuple(part)) for part in parts)


def questions(rows: tuple[Row, ...]) -> Iterator[AskClaims]:
    """All members in spans of the ids that touch, so that no member falls between two of them."""
    start = 0
    while True:
        part = rows[start : start + MAX_ROWS]
        last = start + MAX_ROWS >= len(rows)
        yield AskClaims(
            FIRST_ID if start == 0 else part[0].member,
            LAST_ID if last else part[-1].member,
            part,
        )
        if last:
            return
        start += MAX_ROWS - 1
