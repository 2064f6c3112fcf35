"""
Asking on behalf of others, and being asked (SWIM's indirect probe, Lifeguard's nack; ADR 8).

Whoever does not hear a member asks up to three peers to try.  A go-between passes the nonce on to the
member, if it has a link to it, and brings back what the member signs; it says so if it has no link, if
that link ends meanwhile, or if nothing came back in time: an asker that gets not even a nack knows that
the fault may be its own.  The member signs the asker's name and nonce with its epoch and boot id, so
that a go-between can keep nobody alive who is not, and nothing can be used twice.

What one peer may ask is bounded, so that it costs no other its answers: one question at a time for each
member, and so many signatures in a period for each asker.  The excess is counted and not answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from attrs import define, field

from securechat.effects import Effect, Send
from securechat.ids import MemberId
from securechat.inputs import Instant, Received
from securechat.membership.announce import Announce
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.messages import AskVouch, Challenge, Nack, Vouch
from securechat.membership.verdict import NEVER
from securechat.settings import MAX_MEMBERS, Settings

Ended = Callable[[MemberId, float], bool]
MOST = 4 * MAX_MEMBERS
"""Signatures that one peer may ask for in a period."""
FOR_ONE = 8
"""The same on behalf of one asker."""


@define
class GoBetween:
    """Carries nonces and signed acks between two that do not hear each other."""

    _ledger: Ledger
    _links: LinkTable
    _announce: Announce
    _settings: Settings
    _counters: Counter[str]
    _open: dict[tuple[MemberId, MemberId], tuple[int, float]] = field(factory=dict, init=False)
    """By asker and subject: the nonce, and until when we wait."""
    _next: float = field(default=NEVER, init=False)
    _signed: Counter[tuple[MemberId, MemberId | None]] = field(factory=Counter, init=False)
    """Signatures asked for by each peer since the period began, in all and for each asker."""
    _period: float = field(default=-NEVER, init=False)

    def asked(self, asker: MemberId, ask: AskVouch, now: Instant) -> list[Effect]:
        """A peer does not hear a member."""
        if not self._links.linked(ask.subject) or ask.subject == asker:
            return [Send(asker, Nack(ask.subject, ask.nonce))]
        if (asker, ask.subject) in self._open:
            self._counters["refused.asks-too-often"] += 1
            return []
        until = now.mono + self._settings.nack_after
        self._open[asker, ask.subject] = (ask.nonce, until)
        self._next = min(self._next, until)
        return [Send(ask.subject, Challenge(asker, ask.nonce))]

    def challenged(self, peer: MemberId, challenge: Challenge, now: Instant) -> list[Effect]:
        """A go-between wants our signature for somebody."""
        if now.mono - self._period > self._settings.period:
            self._signed.clear()
            self._period = now.mono
        counted = ((peer, None), (peer, challenge.asker))
        if self._signed[counted[0]] >= MOST or self._signed[counted[1]] >= FOR_ONE:
            self._counters["refused.asks-too-often"] += 1
            return []
        self._signed.update(counted)
        return [Send(peer, self._announce.vouch(challenge.asker, challenge.nonce))]

    def vouched(self, received: Received) -> list[Effect]:
        """A member signed what we asked of it for somebody else: pass it on."""
        (admitted,) = received.admitted
        said = admitted.statement
        nonce, _ = self._open.get((said.asker, said.author), (None, 0.0))
        if nonce != said.nonce or received.peer != said.author:
            self._counters["refused.vouch-not-asked"] += 1
            return []
        del self._open[said.asker, said.author]
        return [Send(said.asker, Vouch((admitted.signed,)))]

    def link_down(self, member: MemberId) -> list[Effect]:
        """Its last link ended: who waits for a word of it is told at once."""
        for key in [key for key in self._open if key[0] == member]:
            del self._open[key]
        return list(self._give_up(lambda subject, _: subject == member))

    def due(self, mono: float) -> bool:
        """Whether somebody has waited long enough."""
        return mono >= self._next

    def tick(self, now: Instant) -> list[Effect]:
        """Say what did not come back in time."""
        effects = list(self._give_up(lambda _, until: until <= now.mono))
        self._next = min((until for _, until in self._open.values()), default=NEVER)
        return effects

    def _give_up(self, ended: Ended) -> Iterator[Effect]:
        for (asker, subject), (nonce, until) in list(self._open.items()):
            if ended(subject, until):
                del self._open[asker, subject]
                yield Send(asker, Nack(subject, nonce))
