"""
One stream as this node has it: its envelopes, what is known of it, where it contradicts itself.

It is a function of the set of envelopes: no method looks at the order in which they came (DESIGN 2).
Two envelopes that overlap, that do not chain, or whose stamps do not rise prove their author wrong;
from the lowest such place on (``breach``) the stream is left out of digest, frontier and recovery.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from heapq import heappop, heappush

from attrs import define, field, frozen

from securechat.ids import Hash, MemberId, MessageId, Stream
from securechat.messaging.facts import EnvelopeHeld, GapClosed, HeadKnown
from securechat.messaging.ranges import Ranges, Span, minus

Order = tuple[int, str, int, str, int, bytes]
"""HLC, author, epoch, boot id, seq: the order of the transcript on every node; a hash parts twins."""

SIDE = 16
"""Digits of a hash that part the posts of one place: those by which evidence names an envelope."""


@define(eq=False)
class Held:
    """One stored envelope; its texts are in the store."""

    stream: Stream
    first: int
    count: int
    previous: bytes
    hlc: int
    hash: Hash
    size: int
    at: int
    late: bool
    recovered: bool
    ahead: bool
    audience: str
    unsent: tuple[MemberId, ...]
    names: Stream | None
    """The author's stream before this one, if this envelope opens one and names it."""
    named: int
    """The end of that stream, as the author declared it."""

    @classmethod
    def of(cls, fact: EnvelopeHeld, stream: Stream) -> Held:
        """The entry of a fact; ``stream`` is the one object that all entries of it share."""
        opening = fact.opening
        return cls(
            stream, fact.first, fact.count, fact.previous, fact.hlc, fact.hash, fact.size, fact.at,
            fact.late, fact.recovered, fact.ahead, fact.audience, fact.unsent,
            opening.stream(fact.author) if opening else None, opening.seq if opening else 0,
        )  # fmt: skip

    @property
    def last(self) -> int:
        """The seq of its last post."""
        return self.first + self.count - 1

    @property
    def order(self) -> Order:
        """Its place in the transcript."""
        s = self.stream
        return (self.hlc, s.author, s.epoch, s.boot, self.first, self.hash)

    def ids(self) -> Iterator[MessageId]:
        """The ids of its posts."""
        return (MessageId(self.stream, seq) for seq in range(self.first, self.last + 1))


@frozen
class Breach:
    """The lowest place where two envelopes of a stream contradict each other."""

    seq: int
    one: Hash
    other: Hash
    what: str


@define(eq=False)
class StreamState:
    """One stream."""

    stream: Stream
    envelopes: list[Held] = field(factory=list)
    """In order of ``first``."""
    _firsts: list[int] = field(factory=list, init=False)
    """Where each of them begins: what is sought in a long stream is found by plain numbers."""
    held: Ranges = field(factory=Ranges)
    head: HeadKnown | None = None
    breach: Breach | None = None
    proved: bool = False
    """Whether the breach is a fact already."""
    closed: dict[int, GapClosed] = field(factory=dict)
    """Gaps that were given up, by their first post."""
    _declared: dict[Hash, int] = field(factory=dict)
    """Ends of this stream as the author's later streams name them, by opening envelope."""
    _entry: tuple[tuple[int, int, Hash], ...] | None = None
    _reach: int = 1
    """The most posts in one envelope so far: how far back one may begin that holds a post."""

    @property
    def declared(self) -> int | None:
        """The end that the author's later self knows of; None if it said nothing of it."""
        return max(self._declared.values(), default=None)

    @property
    def known(self) -> int:
        """The highest seq with evidence signed by the author."""
        head = self.head.seq if self.head else 0
        return max(self.held.last, head, self.declared or 0)

    @property
    def end(self) -> Held | HeadKnown | None:
        """The last header that is here."""
        if self.head is not None and self.head.seq >= self.held.last:
            return self.head
        return self.envelopes[-1] if self.envelopes else None

    @property
    def sound(self) -> int:
        """The last seq before the breach; without one, as far as it goes."""
        return self.breach.seq - 1 if self.breach else max(self.known, self.held.last)

    @property
    def empty(self) -> bool:
        """Whether nothing is known of it any more."""
        return not (self.envelopes or self.head or self._declared or self.breach or self.closed)

    def put(self, held: Held) -> None:
        """An envelope more."""
        index = bisect_right(self._firsts, held.first)
        self.envelopes.insert(index, held)
        self._firsts.insert(index, held.first)
        self.held.add(held.first, held.last)
        self._reach = max(self._reach, held.count)
        self._entry = None
        if self.breach is None or held.first < self.breach.seq:
            # Else it could prove nothing lower, however many there are of one place.
            self.breached(self._contradiction(held), proved=False)

    def take(self, held: Held) -> None:
        """An envelope less."""
        index = self.envelopes.index(held, bisect_left(self._firsts, held.first))
        del self.envelopes[index], self._firsts[index]
        left = [(held.first, held.last)]
        for other in self._near(held.first, held.last):
            left = minus(left, Ranges.of([(other.first, other.last)]))
            if not left:
                break
        for span in left:
            self.held.remove(*span)
        self._entry = None

    def breached(self, found: Breach | None, proved: bool) -> None:
        """A contradiction; the lowest counts, and among equals the one that is a fact."""
        if found is None:
            return
        if (
            self.breach is None
            or found.seq < self.breach.seq
            or (proved and found.seq == self.breach.seq)
        ):
            self.breach, self.proved = found, proved
            self._entry = None

    def declare(self, opening: Hash, seq: int) -> None:
        """A later stream of the author names the end of this one."""
        self._declared[opening] = seq

    def undeclare(self, opening: Hash) -> None:
        """The envelope that named it is gone."""
        self._declared.pop(opening, None)

    def around(self, first: int, last: int) -> list[Held]:
        """The envelopes that hold any of these posts, in order."""
        return list(self._near(first, last))

    def name(self, seq: int, hash: Hash) -> MessageId:
        """The id of a post of that envelope, which need not be here yet."""
        alone = all(held.hash == hash for held in self._near(seq, seq))
        return MessageId(self.stream, seq, side="" if alone else hash.hex()[:SIDE])

    def ending(self, last: int) -> Held | None:
        """The envelope that ends at this post."""
        return next((held for held in self._near(last, last) if held.last == last), None)

    def until(self, last: int) -> Held | None:
        """The last envelope that holds nothing beyond this post."""
        before = reversed(range(bisect_right(self._firsts, last)))
        return next((one for i in before if (one := self.envelopes[i]).last <= last), None)

    def by_end(self) -> Iterator[Held]:
        """
        The envelopes in the order in which a rising floor reaches their ends (twins by hash), found
        one by one: the first of a long stream costs no look at the others.
        """
        waiting: list[tuple[int, int, Hash, Held]] = []
        for held in self.envelopes:
            while waiting and waiting[0][0] < held.first:
                yield heappop(waiting)[3]
            heappush(waiting, (held.last, held.first, held.hash, held))
        while waiting:
            yield heappop(waiting)[3]

    def entry(self) -> tuple[tuple[int, int, Hash], ...]:
        """The sound ranges that are held, each with the hash of the header that ends it."""
        if self._entry is None:
            spans = self.held.spans if self.breach is None else self._sound_spans()
            ends = [(first, last, self.ending(last)) for first, last in spans]
            self._entry = tuple((first, last, end.hash) for first, last, end in ends if end)
        return self._entry

    def missing(self, first: int, last: int) -> list[Span]:
        """What of this range is not here and could still be asked for."""
        return self.held.missing(first, min(last, self.breach.seq - 1) if self.breach else last)

    def absent(self, first: int, last: int) -> list[Span]:
        """What of this range is not here; what lies beyond a breach stands by itself."""
        spans = self.missing(first, last)
        if self.breach is not None:
            spans += self.held.missing(max(first, self.breach.seq), last)
        return spans

    def beyond(self, first: int) -> bool:
        """Whether what begins here lies beyond a breach: it is not asked for, and not given up."""
        return self.breach is not None and first >= self.breach.seq

    def closing(self, first: int, last: int) -> GapClosed | None:
        """The fact by which all of a range was given up, if it was."""
        found = (fact for fact in self.closed.values() if fact.first <= first and last <= fact.last)
        return next(found, None)

    def closed_spans(self) -> tuple[Span, ...]:
        """What was given up, in order."""
        return Ranges.of((fact.first, fact.last) for fact in self.closed.values()).spans

    def _sound_spans(self) -> tuple[Span, ...]:
        sound = [held for held in self.envelopes if held.last <= self.sound]
        return Ranges.of((held.first, held.last) for held in sound).spans

    def _near(self, first: int, last: int) -> Iterator[Held]:
        """The same as ``around``, one by one: of a thousand twins often the first is enough."""
        start = bisect_left(self._firsts, first - self._reach + 1)
        for index in range(start, bisect_right(self._firsts, last)):
            held = self.envelopes[index]
            if held.last >= first:
                yield held

    def _contradiction(self, held: Held) -> Breach | None:
        """The lowest contradiction of one envelope with what else is held."""
        # In their order: the first is the lowest.
        for other in self._near(held.first - 1, held.last + 1):
            if other is held:
                continue
            before, after = (held, other) if held.first <= other.first else (other, held)
            what = _contradict(before, after)
            if what:
                return Breach(after.first, before.hash, after.hash, what)
        return None


def _contradict(before: Held, after: Held) -> str:
    """How two neighbours in a stream contradict each other; empty if they do not."""
    if after.first <= before.last:
        return "two different posts"
    if after.first > before.last + 1:
        return ""
    if after.previous != before.hash:
        return "two histories"
    return "a clock that goes back" if after.hlc <= before.hlc else ""
