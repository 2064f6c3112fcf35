"""
Texts that are damaged on our disk (DESIGN 2, G2 and G4): given up as held, and fetched again.

A stored envelope that is not what was written (``Damaged``: at the start, when it is read, when it is
served) is no evidence of anything.  It leaves what we show, count and claim, as a fact; the next
frontier to everybody names it no more.  What its author signed of the stream's end is kept as a head,
so the hole stays a gap, and none of our own numbers is used twice.  Recovery asks for it like for any
gap; where nobody has it, the gap closes with that cause.  What comes again is the same envelope: it
stands where it stood, with the audience it had, and is not told as new.

What lies beyond a fork is in no frontier, and is left as it is: shown as damaged.  A receipt that we
gave is signed again, else a sender that never got it would ask for it for ever.  A direct message of
ours that was still offered is offered no more, and people are told: nobody else has the text.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, evolve

from securechat.effects import Effect, Notify, Record
from securechat.ids import Hash
from securechat.inputs import Damaged, Instant
from securechat.messaging.announcing import Announcing
from securechat.messaging.book import Book
from securechat.messaging.facts import EnvelopeHeld, HeadKnown, TextDamaged
from securechat.messaging.held import Held, StreamState
from securechat.messaging.recovery import Recovery
from securechat.notices import FaultNoticed


@define(eq=False)
class Damage:
    """Gives up what is damaged, and wants it again."""

    _book: Book
    _recovery: Recovery
    _announcing: Announcing
    _receipt_again: Callable[[Hash], list[Effect]]
    """Signs the receipt for a direct message again (``Inbox``)."""
    _unsendable: Callable[[Hash, Instant], list[Effect]]
    """Gives up a direct message of ours (``Outbox``)."""

    def noticed(self, item: Damaged, now: Instant) -> list[Effect]:
        """The object that a fact of ours owns is damaged."""
        word, _, rest = item.owner.partition("/")
        if word == "given":
            return self._receipt_again(_name(rest))
        if word == "dm":
            return self._letter(_name(rest), now)
        held = self._book.streams.by_hash(_name(rest)) if word == "held" else None
        state = self._book.streams.get(held.stream) if held is not None else None
        if held is None or state is None or held.last > state.sound:
            return []
        s = held.stream
        self._book.counters["posts_damaged"] += held.count
        self._recovery.lost(s)
        self._announcing.recovered(s)
        fact = TextDamaged(
            s.author, s.epoch, s.boot, held.first, held.count, held.hash, now.wall_ms
        )
        return [Record(fact), *_head(state, held)]

    def _letter(self, name: Hash, now: Instant) -> list[Effect]:
        """A direct message; if it was ours, and offered still, people are told."""
        effects = self._unsendable(name, now)
        letter = self._book.letters.get(name)
        if letter is None or not effects:
            return []
        told = f"a direct message to {{{letter.to}}} is damaged on this disk: not offered again"
        return [*effects, Notify(FaultNoticed(told))]


def again(book: Book, fact: EnvelopeHeld) -> EnvelopeHeld:
    """An envelope that comes, as it was stored before it was damaged, if it was."""
    before = book.damaged.get(fact.hash)
    if before is None:
        return fact
    book.counters["posts_mended"] += fact.count
    fact = evolve(fact, late=before.late, ahead=before.ahead)
    if before.audience:
        fact = evolve(fact, at=before.at, audience=before.audience, unsent=before.unsent)
    return fact


def _head(state: StreamState, held: Held) -> list[Effect]:
    """How far the stream goes by its author's word, if only this envelope said so."""
    others = max((other.last for other in state.envelopes if other is not held), default=0)
    if held.last <= max(others, state.head.seq if state.head else 0):
        return []
    s = held.stream
    return [Record(HeadKnown(s.author, s.epoch, s.boot, held.last, held.hlc, held.hash))]


def _name(rest: str) -> Hash:
    try:
        return Hash(bytes.fromhex(rest))
    except ValueError:
        return Hash(b"")
