"""
The index of direct messages: ours with what is known of each, and those to us with our receipts.

A letter is one direct message as this node has it.  Its state is moved by facts only; which moves
there are is the table in ``delivery``.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from securechat.ids import Hash, Kind, MemberId, MessageId, Stream
from securechat.messaging.boots import Boots
from securechat.messaging.facts import DirectHeld, DirectState, ReceiptGiven, ReceiptHeld
from securechat.messaging.held import Order
from securechat.notices import Delivery

FINAL = frozenset({Delivery.ACKED, Delivery.REJECTED, Delivery.EXPIRED})


@define(eq=False)
class Letter:
    """One stored direct message; its text is in the store."""

    id: MessageId
    to: MemberId
    hlc: int
    hash: Hash
    size: int
    at: int
    late: bool
    ahead: bool
    state: Delivery = Delivery.QUEUED
    why: str = "not sent yet"
    since: int = 0
    closed: bool = False
    """Not offered again."""
    receipt: ReceiptHeld | None = None

    @property
    def author(self) -> MemberId:
        """Who wrote it."""
        return self.id.author

    @property
    def order(self) -> Order:
        """Its place in the transcript."""
        s = self.id.stream
        return (self.hlc, s.author, s.epoch, s.boot, self.id.seq, self.hash)

    @property
    def open(self) -> bool:
        """Whether it is still offered to its recipient."""
        return self.state not in FINAL and not self.closed


@define(eq=False)
class Letters:
    """All direct messages of this node."""

    me: MemberId
    boots: Boots = field(factory=Boots)
    """The index shared with the posts."""
    given: dict[Hash, ReceiptGiven] = field(factory=dict)
    """Our receipts, by the direct message they are for."""
    open: dict[MemberId, dict[Hash, Letter]] = field(factory=dict)
    """Own letters that are still offered, by recipient, oldest first."""
    outbox: int = 0
    outbox_size: int = 0
    size: int = 0
    """Bytes of all texts kept."""
    parties: dict[MemberId, int] = field(factory=dict)
    """Bytes of the texts kept, by the other one."""
    _rows: dict[MemberId, dict[Hash, Letter]] = field(factory=dict)
    _letters: dict[Hash, Letter] = field(factory=dict)
    _ids: dict[MessageId, Letter] = field(factory=dict)
    _dseqs: dict[Stream, int] = field(factory=dict)

    def __len__(self) -> int:
        return len(self._letters)

    def get(self, name: Hash) -> Letter | None:
        """The letter of this hash."""
        return self._letters.get(name)

    def by_id(self, wanted: MessageId) -> Letter | None:
        """The letter of this id."""
        return self._ids.get(wanted)

    def own(self, letter: Letter) -> bool:
        """Whether we wrote it."""
        return letter.author == self.me

    def party(self, letter: Letter) -> MemberId:
        """The other one."""
        return letter.to if self.own(letter) else letter.author

    @property
    def oldest(self) -> int:
        """When the letter that is kept longest was stored."""
        first = next(iter(self._letters.values()), None)
        return first.at if first is not None else 2**62

    def with_party(self, party: MemberId) -> Iterator[Letter]:
        """The letters from and to one member, as they were stored."""
        yield from self._rows.get(party, {}).values()

    def free_size(self, party: MemberId) -> int:
        """Bytes of the texts with one member that are not offered any more."""
        waiting = self.open.get(party, {}).values()
        return self.parties.get(party, 0) - sum(letter.size for letter in waiting)

    def last_dseq(self, mine: Stream) -> int:
        """The last number that a process of ours used."""
        return self._dseqs.get(mine, 0)

    # Facts.

    def hold(self, fact: DirectHeld) -> Letter:
        """A direct message is stored."""
        letter = Letter(
            MessageId(fact.stream, fact.dseq, Kind.DIRECT), fact.recipient, fact.hlc, fact.hash,
            fact.size, fact.at, fact.late, fact.ahead, since=fact.at,
        )  # fmt: skip
        self._letters[fact.hash] = letter
        self._ids[letter.id] = letter
        self.boots.add(fact.stream)
        party = self.party(letter)
        self._rows.setdefault(party, {})[letter.hash] = letter
        self.parties[party] = self.parties.get(party, 0) + letter.size
        self.size += letter.size
        if self.own(letter):
            self._dseqs[fact.stream] = max(fact.dseq, self.last_dseq(fact.stream))
            self._file(letter)
        return letter

    def state(self, fact: DirectState) -> None:
        """More is known of an own letter."""
        letter = self._letters.get(fact.direct)
        if letter is None:
            return
        was = letter.open
        letter.state, letter.why, letter.since = fact.state, fact.why, fact.at
        letter.closed = fact.closed
        if letter.open and not was:
            self._file(letter)
        elif was and not letter.open:
            self._unfile(letter)

    def receipt(self, fact: ReceiptHeld) -> None:
        """Its recipient's receipt is here."""
        letter = self._letters.get(fact.direct)
        if letter is not None:
            letter.receipt = fact

    def give(self, fact: ReceiptGiven) -> None:
        """We signed a receipt."""
        self.given[fact.direct] = fact

    def drop(self, name: Hash) -> Letter | None:
        """A letter is forgotten; a receipt that we gave for it is not."""
        letter = self._letters.pop(name, None)
        if letter is None:
            return None
        self._unfile(letter)
        self._ids.pop(letter.id, None)
        self.boots.take(letter.id.stream)
        party = self.party(letter)
        self.parties[party] -= letter.size
        self._rows[party].pop(name, None)
        if not self._rows[party]:
            del self._rows[party], self.parties[party]
        self.size -= letter.size
        return letter

    def _file(self, letter: Letter) -> None:
        if letter.open:
            self.open.setdefault(letter.to, {})[letter.hash] = letter
            self.outbox += 1
            self.outbox_size += letter.size

    def _unfile(self, letter: Letter) -> None:
        if self.open.get(letter.to, {}).pop(letter.hash, None) is not None:
            self.outbox -= 1
            self.outbox_size -= letter.size
            if not self.open[letter.to]:
                del self.open[letter.to]
