"""
Asking for claims, and answering (DESIGN 5).

Each ping carries the digest of the view; if it differs from ours we ask that peer, at most once in 2 s,
for what is newer than what we hold.  Members whose key we lack are asked for by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from attrs import define, field

from securechat.effects import Effect, Send
from securechat.ids import MemberId
from securechat.inputs import Instant
from securechat.membership.claims import Claim
from securechat.membership.ledger import Ledger
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
from securechat.objects import Signed

SYNC_PAUSE = 2.0
"""Seconds between two questions of the same kind to one peer."""
MAX_SERVED = 64
"""Questions of one peer that are answered in a second; one about all of 1,024 members takes five."""
PART = 32 * 1024
"""Bytes of signed objects in one message."""


@define
class Questions:
    """Who was asked and answered, and when."""

    _ledger: Ledger
    _counters: Counter[str]
    _asked: dict[tuple[MemberId, MemberId], float] = field(factory=dict, init=False)
    """When each (peer, first id) was asked last."""
    _answered: dict[tuple[MemberId, MemberId, MemberId], float] = field(factory=dict, init=False)
    _served: Counter[MemberId] = field(factory=Counter, init=False)
    """Questions of each peer in this second."""
    _begun: float = field(default=0.0, init=False)

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
        if now.mono - self._begun >= SYNC_PAUSE / 2:
            self._begun = now.mono
            self._served.clear()
        self._served[peer] += 1
        often = now.mono - self._answered.get(span, -SYNC_PAUSE) < SYNC_PAUSE / 2
        if often or self._served[peer] > MAX_SERVED:
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

    def link_down(self, peer: MemberId) -> None:
        """Its last link ended: on the next both may ask at once."""
        for asked in [asked for asked in self._asked if asked[0] == peer]:
            del self._asked[asked]
        for span in [span for span in self._answered if span[0] == peer]:
            del self._answered[span]


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
