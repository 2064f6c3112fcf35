"""
Direct messages to us: taken from their author only, committed, then receipted (DESIGN 6).

The receipt is made in the turn of the commit and leaves after it, so it never claims what is not on
disk (G1).  A duplicate gets the same receipt, also when the text is long gone.  One that is damaged on
our disk is signed again, for the same storing.

One peer's letters are taken at a bounded rate (G9): at once as many as an honest author can have
waiting, then as many a second as posts.  What is above it is dropped and counted and gets no receipt,
so its author offers it again later.  So does the author of one that is stamped more than 24 h ahead of
our clock: it is not taken yet, and he is told why; either clock may be the wrong one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, evolve, field

from securechat.effects import Effect, Notify, Record, Send
from securechat.errors import RemoteError
from securechat.ids import Hash, MemberId, MessageId
from securechat.inputs import Instant
from securechat.messaging.book import Book
from securechat.messaging.facts import DirectHeld, ReceiptGiven
from securechat.messaging.hlc import ahead, wall_of
from securechat.messaging.messages import Receipts, Rejected
from securechat.messaging.peers import Peers
from securechat.messaging.rates import Buckets
from securechat.messaging.statements import Direct, Receipt
from securechat.messaging.taking import LATE_MS
from securechat.notices import ClockNoticed, DirectShown
from securechat.objects import Admitted, Purpose, Signed
from securechat.signing import Signer, object_hash
from securechat.wire import pack


@define(eq=False)
class Inbox:
    """The way in for direct messages."""

    _signer: Signer
    _book: Book
    _peers: Peers
    _rates: Buckets = field(init=False)
    _ahead: dict[MemberId, int] = field(factory=dict)
    """By author: the hours ahead that were told last."""

    def __attrs_post_init__(self) -> None:
        settings = self._book.settings
        burst = max(settings.burst, float(settings.outbox_messages))
        self._rates = Buckets(settings.posts_per_second, burst)

    def take(self, objects: Iterable[Admitted[Any]], peer: MemberId, now: Instant) -> list[Effect]:
        """Direct messages on a link of their author."""
        effects: list[Effect] = []
        fresh: dict[Hash, Signed] = {}
        ids: dict[MessageId, Hash] = {}
        again: list[Hash] = []
        for found in objects:
            direct: Direct = found.statement
            self._check(direct, peer)
            given = self._book.letters.given.get(found.hash)
            other = self._book.letters.by_id(direct.id)
            if given is not None or found.hash in fresh:
                self._book.counters["duplicates"] += 1
                again += [given.hash] if given is not None else []
            elif (other and other.hash != found.hash) or direct.id in ids:
                effects.append(self._refuse(peer, found.hash, "another message has this id"))
            elif ahead(direct.hlc, now.wall_ms) > self._book.settings.skew_refused:
                effects += self._too_early(found, now)
            elif self._peers.epoch is None:
                continue
            elif not self._rates.take(peer, 1, now.mono):
                self._book.counters["directs_rate_limited"] += 1
            else:
                ids[direct.id] = found.hash
                effects += self._accept(found, now, fresh)
        if fresh:
            effects.append(Send(peer, Receipts(tuple(fresh.values()))))
        if again:
            effects.append(Send(peer, Receipts(), tuple(dict.fromkeys(again))))
        return effects

    def signed_again(self, name: Hash) -> list[Effect]:
        """The receipt that we gave for a message is damaged on our disk; whoever lacks it gets it."""
        given = self._book.letters.given.get(name)
        if given is None or self._peers.epoch is None:
            return []
        wanted = MessageId.parse(given.id)
        receipt = self._receipt(wanted, name, given.at)
        fact = evolve(given, hash=object_hash(self._signer.room, receipt))
        return [Record(fact, (receipt,)), Send(wanted.author, Receipts((receipt,)))]

    def _check(self, direct: Direct, peer: MemberId) -> None:
        if direct.author != peer:
            raise RemoteError(
                "not-its-author", "a direct message travels on its author's link only"
            )
        if direct.recipient != self._book.me:
            raise RemoteError("misdirected", "a direct message to somebody else")

    def _refuse(self, peer: MemberId, name: Hash, why: str) -> Effect:
        self._book.counters["directs_refused"] += 1
        return Send(peer, Rejected(name, why))

    def _too_early(self, found: Admitted[Any], now: Instant) -> list[Effect]:
        """Its author is told each time; people here when it is news."""
        author, hours = found.author, round(ahead(found.statement.hlc, now.wall_ms) / 3600)
        effects: list[Effect] = []
        if self._ahead.get(author) != hours:
            self._ahead[author] = hours
            what = f"a direct message stamped {hours} h ahead is not taken yet"
            effects.append(Notify(ClockNoticed(author, what)))
        self._book.counters["directs_put_off"] += 1
        refusal = Rejected(found.hash, f"clock: stamped {hours} h ahead", later=True)
        return [*effects, Send(author, refusal)]

    def _accept(
        self, found: Admitted[Any], now: Instant, fresh: dict[Hash, Signed]
    ) -> list[Effect]:
        direct: Direct = found.statement
        skew = ahead(direct.hlc, now.wall_ms)
        late = (
            direct.hlc < self._book.transcript.newest()
            and now.wall_ms - wall_of(direct.hlc) > LATE_MS
        )
        held = DirectHeld(
            direct.author, direct.epoch, direct.boot, direct.dseq, direct.recipient, direct.hlc,
            found.hash, found.signed.size, now.wall_ms, late,
            ahead=skew > self._book.settings.skew_noticed,
        )  # fmt: skip
        receipt = self._receipt(direct.id, found.hash, now.wall_ms)
        fresh[found.hash] = receipt
        name = object_hash(self._signer.room, receipt)
        given = ReceiptGiven(found.hash, str(direct.id), name, now.wall_ms)
        effects: list[Effect] = [
            Record(held, (found.signed,)),
            Record(given, (receipt,)),
            Notify(DirectShown(direct.id, direct.recipient)),
        ]
        if held.ahead:
            what = f"a direct message stamped {round(skew)} s ahead"
            effects.append(Notify(ClockNoticed(direct.author, what)))
        return effects

    def _receipt(self, wanted: MessageId, name: Hash, at: int) -> Signed:
        s = wanted.stream
        statement = Receipt(
            self._book.me, self._peers.epoch or 0, s.author, s.epoch, s.boot, wanted.seq, name, at
        )
        return self._signer.sign(Purpose.RECEIPT, pack(statement))
