"""
Probes: every linked peer once a period (SWIM; DESIGN 5).

A round starts each period T, with +-10 % jitter: a ping to every linked peer up to 12 members, above
to three of a shuffled list, so that none waits longer than a turn of the list.  An ack counts if it
quotes the nonce; whatever else a peer sent meanwhile counts as contact too.  A peer that was silent
for the whole ping timeout has failed the round.  A member that is alive by contact but has no link
any more is silent once nothing was heard of it for a period and a ping timeout.

A round that is judged more than 100 ms late judges nobody: the acks may wait unread behind our own
stall.
"""

from __future__ import annotations

from attrs import define, field

from securechat.effects import Effect, Send
from securechat.ids import MemberId
from securechat.inputs import Instant
from securechat.membership.dialing import Chance
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.messages import Ack, Ping
from securechat.membership.verdict import LATE, NEVER, Sign, Verdicts
from securechat.notices import Liveness
from securechat.settings import Settings

JITTER = 0.2
NONCES = 2**53


@define
class Probing:
    """The round of this period."""

    _ledger: Ledger
    _links: LinkTable
    _verdicts: Verdicts
    _settings: Settings
    _rng: Chance
    rtt: dict[MemberId, float] = field(factory=dict, init=False)
    """Smoothed, in seconds."""
    stalled_until: float = field(default=-NEVER, init=False)
    """After a stall of ours, until then the end of a link is no evidence."""
    stalls: int = field(default=0, init=False)
    _out: dict[MemberId, tuple[int, float]] = field(factory=dict, init=False)
    """Nonce and time of each ping that waits for its ack."""
    _turns: list[MemberId] = field(factory=list, init=False)
    _round: float = field(default=NEVER, init=False)
    """When the next round starts."""
    _verdict: float = field(default=NEVER, init=False)
    """When this one is judged."""
    _next: float = field(default=NEVER, init=False)

    def start(self, mono: float) -> None:
        """The first round comes within a period."""
        self._round = mono + self._rng.random() * self._settings.period
        self._next = self._round

    def stop(self) -> None:
        """Probe nobody any more."""
        self._out.clear()
        self._round = self._verdict = self._next = NEVER

    def due(self, mono: float) -> bool:
        """Whether a round starts or ends."""
        return mono >= self._next

    def tick(self, now: Instant) -> list[Effect]:
        """Judge the round that ends, start the one that is due."""
        self._watch_for_stall(now)
        if now.mono >= self._verdict:
            self._judge(now)
        effects = self._start_round(now) if now.mono >= self._round else []
        self._next = min(self._round, self._verdict)
        return effects

    def acked(self, member: MemberId, ack: Ack, now: Instant) -> None:
        """An ack: a round trip, if it quotes our nonce."""
        nonce, sent = self._out.get(member, (-1, 0.0))
        if ack.nonce != nonce:
            return
        del self._out[member]
        took = now.mono - sent
        before = self.rtt.get(member, took)
        self.rtt[member] = before + (took - before) / 8

    def link_down(self, member: MemberId) -> None:
        """What was asked on its last link is not answered any more."""
        self._out.pop(member, None)
        self.rtt.pop(member, None)

    # A round.

    def _watch_for_stall(self, now: Instant) -> None:
        """Coming late is our own fault, not the peers'."""
        if now.mono - self._next > self._settings.probing_interval + LATE:
            self.stalls += 1
            self.stalled_until = now.mono + self._settings.ping_timeout

    def _start_round(self, now: Instant) -> list[Effect]:
        jitter = 1 - JITTER / 2 + JITTER * self._rng.random()
        self._round = now.mono + self._settings.period * jitter
        self._verdict = now.mono + self._settings.ping_timeout
        return [self._ping(member, now) for member in self._targets()]

    def _targets(self) -> tuple[MemberId, ...]:
        peers = self._links.peers
        most = self._settings.targets(self._ledger.size)
        if most >= len(peers):
            return peers
        chosen: list[MemberId] = []
        while len(chosen) < most:
            if not self._turns:
                self._turns = sorted(peers, key=lambda _: self._rng.random())
            member = self._turns.pop()
            if self._links.linked(member) and member not in chosen:
                chosen.append(member)
        return tuple(chosen)

    def _ping(self, member: MemberId, now: Instant) -> Effect:
        nonce = int(self._rng.random() * NONCES)
        self._out[member] = (nonce, now.mono)
        return Send(member, Ping(nonce, self._ledger.digest))

    def _judge(self, now: Instant) -> None:
        self._verdict = NEVER
        waiting, self._out = self._out, {}
        if now.mono < self.stalled_until:
            return
        for member, (_, sent) in waiting.items():
            seen = self._verdicts.seen.get(member)
            if seen is not None and (seen.heard is None or seen.heard < sent):
                what = f"no ack within {self._settings.ping_timeout:g} s, nothing else heard"
                self._verdicts.judge(member, Sign.SILENCE, now, what)
        self._judge_unlinked(now)

    def _judge_unlinked(self, now: Instant) -> None:
        most = self._settings.period + self._settings.ping_timeout
        for member, seen in self._verdicts.seen.items():
            if seen.state is not Liveness.ALIVE or self._links.linked(member):
                continue
            if seen.heard is None or now.mono - seen.heard > most:
                self._verdicts.judge(member, Sign.SILENCE, now, "no link, and nothing heard")
