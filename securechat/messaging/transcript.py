"""
The transcript: posts, direct messages and gaps in the order that is the same on every node.

Order (HLC, author, epoch, boot id, seq).  The posts of an envelope share a stamp and stand together.
A gap is an item before its successor in the stream; a gap at the end of a stream comes last of all
(DESIGN 6).  Marks that follow from the set (a fork, the author's own later word) are made here, when
a line is read, so that equal sets read alike.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from attrs import define, field

from securechat.ids import Kind, MemberId, MessageId
from securechat.messaging.evidence import Evidence
from securechat.messaging.held import Held, Order, StreamState
from securechat.messaging.hlc import wall_of
from securechat.messaging.letters import Letter, Letters
from securechat.messaging.streams import Streams
from securechat.messaging.views import DirectLine, GapLine, Line, Page, PostLine
from securechat.notices import Delivery

Item = Held | Letter
Gap = Callable[[StreamState, int, int], GapLine]
START = ""
"""As ``after``: from the first line."""


def _order(item: Item) -> Order:
    return item.order


def party_of(line: Line, me: MemberId) -> MemberId:
    """Whom a line is with: the other end of a direct message, else the author."""
    if isinstance(line, GapLine):
        return line.stream.author
    return line.to if isinstance(line, DirectLine) and line.author == me else line.author


@define(eq=False)
class Transcript:
    """Everything that is shown, in order."""

    _me: MemberId
    _streams: Streams
    _letters: Letters
    _evidence: Evidence
    _items: list[Item] = field(factory=list)

    def add(self, item: Item) -> None:
        """Something more to show."""
        if self._items and item.order < self._items[-1].order:
            insort(self._items, item, key=_order)
        else:
            self._items.append(item)

    def remove(self, item: Item) -> None:
        """Something less to show."""
        index = bisect_left(self._items, item.order, key=_order)
        if index < len(self._items) and self._items[index] is item:
            del self._items[index]

    def newest(self) -> int:
        """The stamp of the last item; 0 if there is none."""
        return self._items[-1].hlc if self._items else 0

    def last(self) -> Order | None:
        """The place of the last item."""
        return self._items[-1].order if self._items else None

    def page(
        self,
        gap: Gap,
        kind: str | None,
        peer: MemberId | None,
        before: MessageId | None,
        after: MessageId | str | None,
        limit: int,
    ) -> Page:
        """The latest lines; those before a message; or, with ``after``, the next ones."""

        def wanted(line: Line) -> bool:
            return (kind is None or line.kind == kind) and (
                peer is None or party_of(line, self._me) == peer
            )

        forward = after is not None
        lines = self._forward(gap, after) if forward else self._backward(gap, before)
        found = list(islice(filter(wanted, lines), limit + 1))
        cut = found[:limit]
        return Page(tuple(cut if forward else reversed(cut)), len(found) > limit)

    def line(self, wanted: MessageId) -> PostLine | DirectLine | None:
        """The line of one message, if it is kept."""
        item = self._find(wanted)
        if isinstance(item, Letter):
            return self._direct(item)
        return self._post(item, wanted.seq - item.first) if item else None

    def counts(self, wanted: MessageId) -> tuple[Delivery | None, int | None, int | None]:
        """The state of a message, and k of n; None each on those of others, and if it is not kept."""
        item = self._find(wanted)
        if item is None:
            return None, None, None
        if isinstance(item, Letter):
            line = self._direct(item)
            return line.state, line.acked, line.of
        return self._evidence.counts(item) if item.audience else (None, None, None)

    # Walking.

    def _forward(self, gap: Gap, after: MessageId | str | None) -> Iterator[Line]:
        start, skipped = 0, None
        if isinstance(after, MessageId):
            item = self._find(after)
            if item is None:
                return
            start = bisect_left(self._items, item.order, key=_order)
            skipped = after
        # The item itself stands first: a hash parts even twins.
        for item in self._items[start:]:
            for line in self._lines(item, gap):
                if skipped is None:
                    yield line
                elif not isinstance(line, GapLine) and line.id == skipped:
                    skipped = None
        yield from self._tails(gap)

    def _backward(self, gap: Gap, before: MessageId | None) -> Iterator[Line]:
        end = len(self._items)
        if before is None:
            yield from reversed(list(self._tails(gap)))
        else:
            item = self._find(before)
            if item is None:
                return
            end = bisect_right(self._items, item.order, key=_order)
        waiting = before
        for index in range(end - 1, -1, -1):
            for line in reversed(list(self._lines(self._items[index], gap))):
                if waiting is None:
                    yield line
                elif not isinstance(line, GapLine) and line.id == waiting:
                    waiting = None

    def _find(self, wanted: MessageId) -> Item | None:
        if wanted.kind is Kind.DIRECT:
            return self._letters.by_id(wanted)
        state = self._streams.get(wanted.stream)
        found = state.around(wanted.seq, wanted.seq) if state else []
        if wanted.side:
            found = [held for held in found if held.hash.hex().startswith(wanted.side)]
        return min(found, key=_order, default=None) if len(found) != 1 else found[0]

    def _lines(self, item: Item, gap: Gap) -> Iterable[Line]:
        if isinstance(item, Letter):
            yield self._direct(item)
            return
        state = self._streams.get(item.stream)
        if state is not None:
            yield from self._gap_before(state, item, gap)
        for index in range(item.count):
            yield self._post(item, index)

    def _gap_before(self, state: StreamState, item: Held, gap: Gap) -> Iterator[GapLine]:
        place = bisect_left(state.envelopes, item.first, key=lambda held: held.first)
        if state.envelopes[place] is not item:
            return
        before = state.envelopes[place - 1].last if place else self._streams.floor(state.stream)
        if before + 1 < item.first:
            for first, last in state.absent(before + 1, item.first - 1):
                yield gap(state, first, last)

    def _tails(self, gap: Gap) -> Iterator[GapLine]:
        for state in sorted(self._streams, key=lambda state: state.stream):
            end = max(state.held.last, self._streams.floor(state.stream))
            if state.known > end:
                for first, last in state.absent(end + 1, state.known):
                    yield gap(state, first, last)

    # Lines.

    def _post(self, held: Held, index: int) -> PostLine:
        seq = held.first + index
        stream = self._streams.get(held.stream)
        # Without a breach no two envelopes hold one place.
        if stream is None or stream.breach is None:
            wanted = MessageId(held.stream, seq)
        else:
            wanted = stream.name(seq, held.hash)
        state: Delivery | None = None
        acked = of = None
        if held.audience:
            state, acked, of = self._evidence.counts(held)
        return PostLine(
            wanted, wanted.author, held.hlc, wall_of(held.hlc), held.at, held.hash, index,
            state, acked, of, held.late, held.recovered, _mark(stream, held, seq),
        )  # fmt: skip

    def _direct(self, letter: Letter) -> DirectLine:
        own = self._letters.own(letter)
        acked = int(letter.state is Delivery.ACKED) if own else None
        return DirectLine(
            letter.id, letter.author, letter.to, letter.hlc, wall_of(letter.hlc), letter.at,
            letter.hash, 0, letter.state if own else None, acked, 1 if own else None,
            letter.late, False, "clock" if letter.ahead else "",
        )  # fmt: skip


def _mark(stream: StreamState | None, held: Held, seq: int) -> str:
    marks = ["clock"] if held.ahead else []
    if stream is not None and stream.breach is not None and held.last >= stream.breach.seq:
        marks.append("forked")
    if stream is not None and stream.declared is not None and seq > stream.declared:
        marks.append("after-end")
    return ",".join(marks)
