"""
Everything that messaging keeps, as an index over facts: the only place where durable state changes.

``apply`` is called for each Record, live and in replay alike; which part a fact belongs to is one
table.  The index holds no texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import define, field

from securechat.effects import Fact, Forget
from securechat.ids import BootId, Hash, MemberId, Stream
from securechat.messaging import facts
from securechat.messaging.evidence import Evidence
from securechat.messaging.held import Held
from securechat.messaging.hlc import Clock
from securechat.messaging.letters import Letters
from securechat.messaging.streams import Streams
from securechat.messaging.transcript import Transcript
from securechat.settings import Settings


@define(eq=False)
class Book:
    """What is kept."""

    me: MemberId
    settings: Settings
    streams: Streams = field(factory=Streams)
    evidence: Evidence = field(factory=Evidence)
    letters: Letters = field(init=False)
    transcript: Transcript = field(init=False)
    clock: Clock = field(init=False)
    nonces: dict[str, facts.NonceUsed] = field(factory=dict)
    begun: facts.Begun | None = None
    losses: dict[MemberId, facts.DiskLost] = field(factory=dict)
    """Members who signed that they lost what they had stored, and before which epoch of theirs."""
    damaged: dict[Hash, Held | None] = field(factory=dict)
    """Envelopes that were damaged on disk: as they were, or None once they are here again."""
    fresh_posts: dict[Hash, int] = field(factory=dict)
    """Volatile: our own envelopes of this turn, with their bytes: they are sent after its commit, which
    must keep them (G6)."""
    fresh_letters: dict[Hash, int] = field(factory=dict)
    """The same of direct messages: they are given a receipt."""
    counters: Counter[str] = field(factory=Counter)
    """Volatile: what was counted since the start."""
    _receipts: dict[Hash, Hash] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.letters = Letters(self.me, self.streams.boots)
        self.transcript = Transcript(self.me, self.streams, self.letters, self.evidence)
        self.clock = Clock(self.settings.skew_noticed)

    def holds(self, name: Hash) -> bool:
        """Whether the signed object of this hash is stored, whole."""
        return (
            self.streams.by_hash(name) is not None
            or self.letters.get(name) is not None
            or name in self.letters.given
        )

    def committed(self) -> None:
        """What was applied so far is no news any more."""
        self.fresh_posts.clear()
        self.fresh_letters.clear()

    def apply(self, fact: Fact | Forget) -> None:
        """One fact, or the deletion of some."""
        if isinstance(fact, Forget):
            for key in fact.keys:
                word, _, rest = key.partition("/")
                FORGET[word](self, rest)
        else:
            APPLY[type(fact)](self, fact)

    # Facts.

    def _hold(self, fact: facts.EnvelopeHeld) -> None:
        if self.streams.by_hash(fact.hash) is not None:
            return
        self._mended(fact.hash)
        held = self.streams.hold(fact)
        self.transcript.add(held)
        self.evidence.hold(held)
        if fact.author == self.me:
            self.clock.spoke(fact.hlc)
        else:
            self.clock.heard(fact.hlc, fact.at)
        if fact.via == self.me:
            self.fresh_posts[fact.hash] = fact.size

    def _drop(self, rest: str) -> None:
        held = self.streams.drop(Hash(bytes.fromhex(rest)))
        if held is not None:
            self.transcript.remove(held)
            self.evidence.drop(held)

    def _damage(self, fact: facts.TextDamaged) -> None:
        """Out of all that we show and claim; what others told of it as ours stays evidence."""
        held = self.streams.drop(fact.hash, forgotten=False)
        self.damaged[fact.hash] = held
        if held is not None:
            self.transcript.remove(held)

    def _mended(self, name: Hash) -> None:
        """It is here again, or is forgotten for good."""
        held = self.damaged.get(name)
        if held is not None:
            self.evidence.drop(held)
            self.damaged[name] = None

    def _drop_damaged(self, rest: str) -> None:
        name = Hash(bytes.fromhex(rest))
        held = self.damaged.get(name)
        self._mended(name)
        if held is not None:
            self.streams.undeclare(held)
        self.damaged.pop(name, None)

    def _direct(self, fact: facts.DirectHeld) -> None:
        self.transcript.add(self.letters.hold(fact))
        self.fresh_letters[fact.hash] = fact.size
        if fact.author == self.me:
            self.clock.spoke(fact.hlc)
        else:
            self.clock.heard(fact.hlc, fact.at)

    def _drop_direct(self, rest: str) -> None:
        letter = self.letters.drop(Hash(bytes.fromhex(rest)))
        if letter is not None:
            self.transcript.remove(letter)

    def _floor(self, fact: facts.Floor) -> None:
        self.streams.raise_floor(fact)
        if fact.author == self.me:
            self.clock.spoke(fact.hlc)

    def _begin(self, fact: facts.Begun) -> None:
        self.begun = fact

    def _lose(self, fact: facts.DiskLost) -> None:
        self.losses[fact.member] = fact

    def _nonce(self, fact: facts.NonceUsed) -> None:
        self.nonces[fact.nonce] = fact

    def _drop_nonce(self, rest: str) -> None:
        self.nonces.pop(rest, None)

    def _drop_given(self, rest: str) -> None:
        self.letters.given.pop(Hash(bytes.fromhex(rest)), None)

    def _drop_closed(self, rest: str) -> None:
        stream, _, first = rest.rpartition("/")
        self.streams.reopen(_stream(stream), int(first))

    def _drop_offered(self, rest: str) -> None:
        stream, member = _row(rest)
        self.evidence.drop_row(stream, member, None)

    def _drop_stored(self, rest: str) -> None:
        row, _, number = rest.rpartition("/")
        stream, member = _row(row)
        self.evidence.drop_row(stream, member, int(number))


def _row(rest: str) -> tuple[Stream, MemberId]:
    stream, _, member = rest.rpartition("/")
    return _stream(stream), MemberId(member)


def _stream(text: str) -> Stream:
    author, _, place = text.partition("/")
    epoch, _, boot = place.partition("~")
    return Stream(MemberId(author), int(epoch), BootId(boot))


def _nothing(book: Book, rest: str) -> None:
    """A fact that leaves with the one it belongs to."""


APPLY: dict[type[Any], Callable[[Book, Any], None]] = {
    facts.EnvelopeHeld: Book._hold,
    facts.Audience: lambda book, fact: book.evidence.name(fact),
    facts.HeadKnown: lambda book, fact: book.streams.head(fact),
    facts.Floor: Book._floor,
    facts.FloorAside: lambda book, fact: book.streams.lay_aside(fact),
    facts.Begun: Book._begin,
    facts.NonceUsed: Book._nonce,
    facts.Forked: lambda book, fact: book.streams.fork(fact),
    facts.GapClosed: lambda book, fact: book.streams.close(fact),
    facts.PostsOffered: lambda book, fact: book.evidence.offer(fact),
    facts.PostsStored: lambda book, fact: book.evidence.store(fact),
    facts.DirectHeld: Book._direct,
    facts.DirectState: lambda book, fact: book.letters.state(fact),
    facts.ReceiptHeld: lambda book, fact: book.letters.receipt(fact),
    facts.ReceiptGiven: lambda book, fact: book.letters.give(fact),
    facts.DiskLost: Book._lose,
    facts.TextDamaged: Book._damage,
}

FORGET: dict[str, Callable[[Book, str], None]] = {
    "held": Book._drop,
    "audience": lambda book, rest: book.evidence.drop_audience(rest),
    "aside": lambda book, rest: book.streams.drop_aside(_stream(rest)),
    "head": lambda book, rest: book.streams.drop_head(_stream(rest)),
    "nonce": Book._drop_nonce,
    "fork": lambda book, rest: book.streams.drop_fork(_stream(rest)),
    "closed": Book._drop_closed,
    "offered": Book._drop_offered,
    "stored": Book._drop_stored,
    "dm": Book._drop_direct,
    "dm-state": _nothing,
    "receipt": _nothing,
    "given": Book._drop_given,
    "damaged": Book._drop_damaged,
}
