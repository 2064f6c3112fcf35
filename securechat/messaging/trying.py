"""
Retry and cancel: what a person may still do about a message of his (DESIGN 6).

A direct message is offered once more under its id, or offered no more.  A post is given again to the
linked members of its audience that gave no evidence; it cannot be called back.
"""

from __future__ import annotations

from attrs import define

from securechat.effects import Answer, Effect, Send
from securechat.errors import LocalError
from securechat.ids import Kind, MessageId
from securechat.inputs import Instant
from securechat.messaging.acks import Acks
from securechat.messaging.book import Book
from securechat.messaging.held import Held
from securechat.messaging.letters import Letter
from securechat.messaging.messages import Posts
from securechat.messaging.outbox import Outbox
from securechat.messaging.peers import Peers
from securechat.messaging.views import Tried
from securechat.notices import Delivery


@define(eq=False)
class Trying:
    """Retry and cancel."""

    _book: Book
    _peers: Peers
    _outbox: Outbox
    _acks: Acks

    def retry(self, ticket: int, wanted: MessageId, now: Instant) -> list[Effect]:
        """Try a message again now; LocalError 520 if it is not ours."""
        if wanted.kind is Kind.DIRECT:
            state, effects = self._outbox.retry(self._letter(wanted), now)
            return [*effects, Answer(ticket, Tried(wanted, state))]
        held = self._post(wanted)
        effects = []
        message = Posts()
        for member in self._book.evidence.audience(held):
            known = self._book.evidence.state(held, member)
            if member in self._peers.linked and known is not Delivery.ACKED:
                span = [(held.first, held.last)]
                effects += self._acks.served(member, held.stream, span, now)
                effects.append(Send(member, message, (held.hash,)))
        line = self._book.transcript.line(wanted)
        state = (line.state if line is not None else None) or Delivery.QUEUED
        return [*effects, Answer(ticket, Tried(wanted, state))]

    def cancel(self, ticket: int, wanted: MessageId, now: Instant) -> list[Effect]:
        """Try a direct message no more; LocalError 520 for a post."""
        if wanted.kind is not Kind.DIRECT:
            self._post(wanted)
            said = "a post was said to the room and cannot be called back; only a dm can"
            raise LocalError(520, said)
        state, effects = self._outbox.cancel(self._letter(wanted), now)
        return [*effects, Answer(ticket, Tried(wanted, state))]

    def _letter(self, wanted: MessageId) -> Letter:
        letter = self._book.letters.by_id(wanted)
        if letter is None or not self._book.letters.own(letter):
            raise LocalError(520, "no direct message of ours has this id")
        return letter

    def _post(self, wanted: MessageId) -> Held:
        state = self._book.streams.get(wanted.stream)
        found = state.around(wanted.seq, wanted.seq) if state is not None else []
        own = next((held for held in found if held.audience), None)
        if own is None:
            raise LocalError(520, "no post of ours has this id")
        return own
