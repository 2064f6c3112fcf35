"""
Own direct messages on their way: told, transmitted, offered again, given up (DESIGN 6).

A message is recorded as ``sent`` in the turn of its Send, before its first byte leaves.  On every new
link it is offered again under its id until it is acked, refused, or kept long enough; a recipient that
does not take it yet (its clock or ours is wrong) only adds its reason.  How much is on its way at once
is for ``window`` to say.  What a recipient acknowledged before it lost its disk is
offered like the others, and stays ``acked`` meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from attrs import define, field

from securechat.effects import Answer, Effect, Notify, Record, Send
from securechat.errors import LocalError, RemoteError
from securechat.ids import Hash, MemberId, Stream
from securechat.inputs import Asked, Instant, LinkUp, Tell
from securechat.messaging import delivery
from securechat.messaging.book import Book
from securechat.messaging.delivery import CLOSING, News
from securechat.messaging.expiry import Expiry
from securechat.messaging.facts import DirectHeld, DirectState, NonceUsed, ReceiptHeld
from securechat.messaging.letters import Letter
from securechat.messaging.messages import Directs
from securechat.messaging.own_past import OwnPast
from securechat.messaging.peers import Peers
from securechat.messaging.speaking import check_text, used_before
from securechat.messaging.statements import Direct, Receipt
from securechat.messaging.views import Told
from securechat.messaging.window import Window
from securechat.notices import ClockNoticed, Delivery, DeliveryChanged, DirectShown
from securechat.notices import ReceiptHeld as Receipted
from securechat.objects import Admitted, Purpose
from securechat.settings import KIB
from securechat.signing import Signer, object_hash
from securechat.wire import pack

BATCH = 48 * KIB
"""Bytes of direct messages in one frame."""
NOT_YET = "not taken yet: "
"""Before the reason of a recipient that put a message off."""
LOOK_PAUSE = 1.0
"""Seconds between looks for messages that rested, or were kept, long enough."""


@define(eq=False)
class Outbox:
    """The way out for direct messages."""

    _signer: Signer
    _book: Book
    _peers: Peers
    _answers: dict[Hash, int] = field(factory=dict)
    """Tickets of the messages told in this turn."""
    _pump: dict[MemberId, None] = field(factory=dict)
    """Peers to whom more can be sent."""
    _lost: dict[MemberId, dict[Hash, Letter]] = field(factory=dict)
    """Those that a recipient acknowledged before it lost its disk."""
    _window: Window = field(init=False)
    _past: OwnPast = field(init=False)
    _expiry: Expiry = field(init=False)
    _next_look: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._past = OwnPast(self._book, self._peers)
        self._window = Window(self._book.settings.direct_deadline)
        self._expiry = Expiry(self._book.settings.keep_hours * 3600)

    def start(self, now: Instant) -> None:
        """Deadlines of what earlier processes sent, clipped to their full length."""
        self._past.start()
        deadline, letters = self._book.settings.direct_deadline, self._book.letters
        own = [x for to in letters.parties for x in letters.with_party(to) if letters.own(x)]
        self._expiry.start((letter for letter in own if letter.open), now)
        # Also of what was cancelled: it is not offered, but what is known of it does not stay either.
        waiting = [letter for letter in own if letter.state is Delivery.SENT]
        for letter in sorted(waiting, key=lambda letter: letter.since):
            left = deadline - (now.wall_ms - letter.since) / 1000
            self._window.wait(letter.hash, now.mono + min(deadline, max(0.0, left)))

    def tell(self, asked: Asked, command: Tell, now: Instant) -> list[Effect]:
        """Take a direct message, or LocalError."""
        size = len(check_text(command.text))
        digest = hashlib.sha256(f"{command.to}\n{command.text}".encode()).digest()
        before = used_before(self._book, command.nonce, digest)
        if before is not None:
            letter = self._book.letters.by_id(before)
            state = letter.state if letter else Delivery.UNKNOWN
            return [Answer(asked.ticket, Told(before, command.to, state, fresh=False))]
        mine = self._room(command, size)
        dseq = self._book.letters.last_dseq(mine) + 1
        hlc = self._book.clock.stamp(now.wall_ms)
        direct = Direct(mine.author, mine.epoch, mine.boot, dseq, command.to, hlc, command.text)
        signed = self._signer.sign(Purpose.DIRECT, pack(direct))
        name = object_hash(self._signer.room, signed)
        fact = DirectHeld(
            mine.author,
            mine.epoch,
            mine.boot,
            dseq,
            command.to,
            hlc,
            name,
            signed.size,
            now.wall_ms,
        )
        effects: list[Effect] = [Record(fact, (signed,))]
        if command.nonce is not None:
            effects.append(Record(NonceUsed(command.nonce, str(direct.id), digest, now.wall_ms)))
        effects.append(Notify(DirectShown(direct.id, command.to)))
        self._answers[name] = asked.ticket
        self._expiry.keep(name, now.mono)
        self._pump[command.to] = None
        return effects

    def up(self, link: LinkUp, now: Instant) -> list[Effect]:
        """A new link: everything open is offered on it."""
        self._window.up(link.peer)
        self._pump[link.peer] = None
        return self.rolled_back(now) if self._past.set_back(link) else []

    def offer_again(self, peer: MemberId, letters: Iterable[Letter]) -> None:
        """This peer acknowledged these and has lost its disk since."""
        self._lost[peer] = {letter.hash: letter for letter in letters}
        self._pump[peer] = None

    def down(self, peer: MemberId) -> None:
        """Nothing is on its way there any more."""
        self._window.down(peer)
        self._lost.pop(peer, None)

    def receipts(self, objects: Iterable[Admitted[Any]], now: Instant) -> list[Effect]:
        """Signed proofs of storage."""
        effects: list[Effect] = []
        done: set[Hash] = set()
        for found in objects:
            receipt: Receipt = found.statement
            if receipt.author == self._book.me:
                continue  # our own, given back to us: ``losses`` judges what it shows
            if receipt.sender != self._book.me:
                raise RemoteError("misdirected", "a receipt for somebody else's message")
            letter = self._book.letters.get(receipt.hash)
            if letter is None or letter.to != receipt.author or letter.id != receipt.id:
                self._book.counters["stray_receipts"] += 1
                continue
            self._settled(letter)
            if letter.hash in done or not self._is_news(letter, receipt):
                self._book.counters["duplicate_receipts"] += 1
                continue
            done.add(letter.hash)
            fact = ReceiptHeld(
                letter.hash, str(letter.id), found.hash, letter.to, receipt.at, now.wall_ms,
                receipt.epoch,
            )  # fmt: skip
            effects.append(Record(fact, (found.signed,)))
            effects.append(Notify(Receipted(letter.id, letter.to)))
            effects += self._news(letter, News.RECEIPT, fact.evidence, now)
        return effects

    def rejected(self, name: Hash, peer: MemberId, reason: str, now: Instant) -> list[Effect]:
        """The recipient will not have it."""
        letter = self._book.letters.get(name)
        if letter is None or letter.to != peer or not self._book.letters.own(letter):
            return []
        self._settled(letter)
        return self._news(letter, News.REJECTED, f"refused: {reason}", now)

    def put_off(self, name: Hash, peer: MemberId, reason: str, now: Instant) -> list[Effect]:
        """The recipient does not take it yet: nothing is settled, and it is offered again."""
        letter = self._book.letters.get(name)
        if letter is None or letter.to != peer or not self._window.answered(letter):
            return []
        self._pump[peer] = None
        why = f"{NOT_YET}{reason}"
        if not letter.open or letter.why.endswith(why):
            return []
        words = f"{{{peer}}} does not take a direct message of ours yet: {reason}"
        told = Notify(ClockNoticed(self._book.me, words))
        return [told, *self._news(letter, News.PUT_OFF, why, now)]

    def cancel(self, letter: Letter, now: Instant) -> tuple[Delivery, list[Effect]]:
        """No more tries; what is known of a settled one stays, and so does when it became known."""
        self._expiry.drop(letter.hash)
        self._lost.get(letter.to, {}).pop(letter.hash, None)
        self._window.closed(letter)
        never = letter.state is Delivery.QUEUED
        why = "cancelled" if never else "cancelled: not offered again; what was sent may arrive"
        why = letter.why if letter.state is Delivery.ACKED else why
        settled = letter.state in (Delivery.REJECTED, Delivery.EXPIRED)
        effects = [] if settled else self._news(letter, News.CANCELLED, why, now)
        return delivery.after(letter.state, News.CANCELLED), effects

    def retry(self, letter: Letter, now: Instant) -> tuple[Delivery, list[Effect]]:
        """Once more, now, if it is not settled; an acked one, if its recipient lost it or should."""
        if letter.state is Delivery.ACKED:
            if self._gone(letter):
                self._lost.setdefault(letter.to, {})[letter.hash] = letter
                self._again(letter)
            name, why = letter.hash, letter.why
            fact = DirectState(name, str(letter.id), letter.state, why, letter.since)
            return letter.state, [Record(fact)] if letter.closed else []
        if letter.state is Delivery.REJECTED:
            return letter.state, []
        if letter.state is Delivery.EXPIRED:
            raise LocalError(503, "it expired and was never sent; say it again")
        effects: list[Effect] = []
        if letter.closed:
            if self._book.letters.outbox >= self._book.settings.outbox_messages:
                raise LocalError(421, "the outbox is full; see: outbox")
            why = "to be tried again"
            fact = DirectState(letter.hash, str(letter.id), letter.state, why, letter.since)
            effects.append(Record(fact))
            self._expiry.keep(letter.hash, now.mono)
        self._again(letter)
        return letter.state, effects

    def damaged(self, name: Hash, now: Instant) -> list[Effect]:
        """One of ours is not on our disk as it was signed: if it was offered still, it is no more."""
        letter = self._book.letters.get(name)
        if letter is None or not self._book.letters.own(letter) or not self._offered(letter):
            return []
        self._settled(letter)
        rest = "never sent" if letter.state is Delivery.QUEUED else "it may have been sent before"
        why = f"{News.DAMAGED}: not offered again; {rest}"
        return self._news(letter, News.DAMAGED, why, now) if letter.open else []

    def rolled_back(self, now: Instant) -> list[Effect]:
        """What an earlier process had queued may have been sent after all."""
        effects: list[Effect] = []
        for row in self._book.letters.open.values():
            for letter in row.values():
                if letter.id.stream != self._peers.stream:
                    effects += self._news(letter, News.ROLLED_BACK, News.ROLLED_BACK, now)
        return effects

    def due(self, mono: float) -> bool:
        """Whether a deadline passed, or it is time to look for what rested or expires."""
        kept = bool(self._expiry) or self._window.resting
        return self._window.due(mono) or (kept and mono >= self._next_look)

    def tick(self, now: Instant) -> list[Effect]:
        """Deadlines, second offers and expiry."""
        effects: list[Effect] = []
        for letter in self._known(self._window.overdue(now.mono)):
            self._landed(letter)
            if self._offered(letter):
                self._window.rest(letter, now.mono)
            effects += self._news(letter, News.DEADLINE, _still(News.DEADLINE, letter), now)
        if now.mono >= self._next_look:
            self._next_look = now.mono + LOOK_PAUSE
            for letter in self._known(self._window.reoffers(now.mono)):
                if self._offered(letter):
                    self._again(letter)
            effects += self._expire(now)
        return effects

    def settle(self, now: Instant) -> list[Effect]:
        """Send what may be sent, and answer what was told."""
        effects = self.rolled_back(now) if self._past.grew() else []
        sent: set[Hash] = set()
        for peer in self._pump:
            if peer in self._peers.linked:
                effects += self._send(peer, sent, now)
        self._pump.clear()
        for name, ticket in self._answers.items():
            letter = self._book.letters.get(name)
            if letter is not None:
                state = Delivery.SENT if name in sent else Delivery.QUEUED
                effects.append(Answer(ticket, Told(letter.id, letter.to, state, fresh=True)))
        self._answers.clear()
        return effects

    # Inside.

    def _room(self, command: Tell, size: int) -> Stream:
        """Our stream, if this message may be taken."""
        letters, settings = self._book.letters, self._book.settings
        if self._peers.stream is None:
            raise LocalError(420, "not ready: this node does not know its epoch yet")
        if command.to == self._book.me:
            raise LocalError(503, "a direct message to yourself goes nowhere")
        if command.to not in self._peers.roster:
            raise LocalError(520, "nobody in the roster has this id; see: members")
        if letters.outbox >= settings.outbox_messages:
            raise LocalError(421, f"{letters.outbox} direct messages wait already; see: outbox")
        if letters.outbox_size + size > settings.outbox_bytes:
            raise LocalError(421, f"{letters.outbox_size} bytes of direct messages wait already")
        return self._peers.stream

    def _send(self, peer: MemberId, sent: set[Hash], now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        batch: list[Hash] = []
        size = 0
        waiting = self._book.letters.open.get(peer, {}).values()
        lost = self._known(self._lost.get(peer, ()))
        for letter in self._window.fitting(peer, [*waiting, *lost]):
            if batch and size + letter.size > BATCH:
                effects.append(Send(peer, Directs(), tuple(batch)))
                batch, size = [], 0
            batch.append(letter.hash)
            size += letter.size
            sent.add(letter.hash)
            self._window.sent(letter, now.mono)
            self._book.counters["directs_sent"] += 1
            effects += self._news(letter, News.TRANSMITTED, News.TRANSMITTED, now)
        if batch:
            effects.append(Send(peer, Directs(), tuple(batch)))
        return effects

    def _news(self, letter: Letter, news: News, why: str, now: Instant) -> list[Effect]:
        """What some news makes of a letter, as a fact if it makes anything."""
        state = delivery.after(letter.state, news)
        closed = letter.closed or news in CLOSING
        known = news is not News.PUT_OFF or why == letter.why
        if known and (state, closed) == (letter.state, letter.closed):
            return []
        since = letter.since if state is letter.state else now.wall_ms
        fact = DirectState(letter.hash, str(letter.id), state, str(why), since, closed)
        effects: list[Effect] = [Record(fact)]
        if state is not letter.state:
            change = DeliveryChanged(letter.id, letter.to, letter.state, state, str(why))
            effects.append(Notify(change))
        return effects

    def _is_news(self, letter: Letter, receipt: Receipt) -> bool:
        """Whether it is the first receipt, or the first since the recipient lost its disk."""
        lost = self._book.losses.get(letter.to)
        again = lost is not None and self._gone(letter) and lost.epoch <= receipt.epoch
        return letter.receipt is None or again

    def _gone(self, letter: Letter) -> bool:
        """Whether its recipient has lost its disk since it acknowledged it."""
        lost = self._book.losses.get(letter.to)
        return bool(lost and letter.receipt and letter.receipt.epoch < lost.epoch)

    def _offered(self, letter: Letter) -> bool:
        """Whether its recipient is to get it, at last or again."""
        return letter.open or letter.hash in self._lost.get(letter.to, ())

    def _known(self, names: Iterable[Hash]) -> list[Letter]:
        found = [self._book.letters.get(name) for name in names]
        return [letter for letter in found if letter is not None]

    def _landed(self, letter: Letter) -> None:
        """It is no longer waited for; if that made room, another may follow."""
        if self._window.landed(letter):
            self._pump[letter.to] = None

    def _settled(self, letter: Letter) -> None:
        """Its recipient answered for good: neither offered nor kept for an expiry."""
        self._expiry.drop(letter.hash)
        self._lost.get(letter.to, {}).pop(letter.hash, None)
        if self._window.settled(letter):
            self._pump[letter.to] = None

    def _again(self, letter: Letter) -> None:
        self._window.again(letter)
        self._pump[letter.to] = None

    def _expire(self, now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        for letter in self._known(self._expiry.take(now)):
            never = letter.state is Delivery.QUEUED
            hours = f"{self._book.settings.keep_hours:g} h"
            late = _still(f"no evidence in the {hours} in which it was offered", letter)
            why = "this disk has no record of sending it" if never else late
            if letter.open:
                self._window.closed(letter)
                effects += self._news(letter, News.KEPT, why, now)
        return effects


def _still(why: str, letter: Letter) -> str:
    """A reason, with that of a recipient that has put the message off until now."""
    _, put_off, reason = letter.why.partition(NOT_YET)
    return f"{why}; {put_off}{reason}" if put_off else why
