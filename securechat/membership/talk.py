"""
The conversation: what each message of a peer, and a goodbye of our own, asks for (DESIGN 5).

A ping is always answered, also while we leave; a silent process (``restart``) answers nobody.
"""

from __future__ import annotations

from attrs import define

from securechat.effects import Answer, Effect, Notify, Send
from securechat.inputs import Instant, Received, Refused
from securechat.membership.announce import Announce
from securechat.membership.claims import Claim
from securechat.membership.contact import Contact
from securechat.membership.dialback import DialBack
from securechat.membership.dialing import Dialing
from securechat.membership.dissemination import Dissemination
from securechat.membership.gobetween import GoBetween
from securechat.membership.health import LocalHealth
from securechat.membership.ledger import Ledger
from securechat.membership.messages import (
    Ack,
    AskClaims,
    AskVouch,
    Challenge,
    Claims,
    Nack,
    Ping,
    Rows,
    Vouch,
)
from securechat.membership.observers import Observers
from securechat.membership.presence import Presence
from securechat.membership.probing import Probing
from securechat.membership.questions import Questions
from securechat.membership.redials import Redials
from securechat.membership.restart import Restart
from securechat.membership.verdict import Verdicts
from securechat.notices import FaultNoticed


@define
class Talk:
    """Takes the messages of membership."""

    _ledger: Ledger
    _announce: Announce
    _restart: Restart
    _contact: Contact
    _probing: Probing
    _dialing: Dialing
    _claims: Dissemination
    _questions: Questions
    _verdicts: Verdicts
    _gobetween: GoBetween
    _observers: Observers
    _redials: Redials
    _dialback: DialBack
    _health: LocalHealth
    _presence: Presence
    _cut_off: bool = False
    """Whether watchers were told so last."""

    def start(self, now: Instant, fresh: bool) -> list[Effect]:
        """The epoch first, then the whole state for messaging; dials come with the first tick."""
        effects = self._restart.start(now) if fresh else []
        self._ledger.changed.clear()
        self._verdicts.start(now)
        self._presence.start(now)
        if self._restart.silent or (self._announce.leaving and not fresh):
            self._dialing.stop()
        else:
            self._dialing.start(now.mono)
            self._probing.start(now.mono)
        epoch = self._restart.next_epoch if fresh else self._ledger.epoch
        return [*effects, self._verdicts.start_notice(epoch)]

    def received(self, received: Received, now: Instant) -> list[Effect]:
        """One message, which is contact whatever it says."""
        peer, message = received.peer, received.message
        if self._restart.silent:
            return []
        self._contact.heard(peer, received.link, now)
        if isinstance(message, Ping):
            return self._pinged(received, message, now)
        if isinstance(message, Ack):
            self._probing.acked(peer, message, now)
        elif isinstance(message, Claims):
            claims = [Claim.of(admitted) for admitted in received.admitted]
            return self._claims.passed_on(claims, peer, now)
        elif isinstance(message, AskClaims):
            return self._questions.answer(peer, message, now)
        elif isinstance(message, AskVouch):
            return self._gobetween.asked(peer, message, now)
        elif isinstance(message, Challenge):
            return self._gobetween.challenged(peer, message, now)
        elif isinstance(message, Vouch):
            return self._vouched(received, now)
        elif isinstance(message, Nack):
            self._probing.nacked(peer, message, now)
            self._redials.weigh(now)
        elif isinstance(message, Rows):
            return self._rows(received, message, now)
        return []

    def _vouched(self, received: Received, now: Instant) -> list[Effect]:
        """A signed ack: for us, or for somebody on whose behalf we asked."""
        if not received.admitted:
            return []
        (admitted,) = received.admitted
        if admitted.statement.asker != self._ledger.me:
            return self._gobetween.vouched(received)
        self._probing.vouched(admitted, received.peer, now)
        return []

    def _rows(self, received: Received, rows: Rows, now: Instant) -> list[Effect]:
        """What a peer holds against others, and perhaps against us."""
        peer = received.peer
        effects = self._observers.accused(peer, rows, now)
        ask, later = self._observers.told(peer, received.link, rows, now)
        for member in ask:
            effects += self._probing.probe(member, now)
        self._redials.weigh(now)
        return [*effects, *self._questions.ask_for(peer, later, now)]

    def _pinged(self, received: Received, ping: Ping, now: Instant) -> list[Effect]:
        effects: list[Effect] = [Send(received.peer, Ack(ping.nonce))]
        if ping.digest != self._ledger.digest:
            effects += self._questions.ask(received.peer, now)
        return effects

    def refused(self, refused: Refused, now: Instant) -> list[Effect]:
        """A peer refused us; its proof may be news of our own past."""
        self._verdicts.note(
            refused.peer, now, f"it refused our link: {refused.reason}", "identity evidence"
        )
        if refused.proof is None:
            return []
        return self._restart.proved(refused.proof.statement, refused.live, now)

    def goodbye(self, ticket: int, now: Instant) -> list[Effect]:
        """A signed leave, which goes out when the turn settles; then neither probes nor dials."""
        effects: list[Effect] = [*self._announce.leave(now)]
        self._dialing.stop()
        self._dialback.stop()
        self._probing.stop()
        return [*effects, Answer(ticket, self._ledger.version(self._ledger.me))]

    def settle(self, now: Instant) -> list[Effect]:
        """The turn is over: tell what it changed."""
        if self._verdicts.suspects:
            self._verdicts.retime(self._observers.confirming, now)
        told = [*self._observers.refute(now), *self._cut(), *self._verdicts.settle()]
        return [*told, *self._observers.settle(), *self._claims.settle()]

    def _cut(self) -> list[Effect]:
        if self._cut_off == self._health.cut_off:
            return []
        self._cut_off = self._health.cut_off
        what = "cut off: nobody is heard" if self._cut_off else "no longer cut off"
        return [Notify(FaultNoticed(what))]
