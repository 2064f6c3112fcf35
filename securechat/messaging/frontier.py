"""
What we say to have stored: frontiers in parts, signed by us.

Per author one floor, and one for each stream of it that lies aside (ADR 19); per stream the sound
ranges with a head hash each, and the gaps that were given up.  Entries are absolute; a delta names the
changed streams only.  A stream of more than 17 ranges claims its newest 17; others ask for what they
know to lie below (``claims``).  A full frontier is signed anew only when something changed.  Versions
begin at the monotonic clock: after a failed commit the same process counts anew, and peers drop what is
older than what they hold.  The clock on the wall may have been set back since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field

from securechat.ids import Stream
from securechat.inputs import Instant
from securechat.messaging.book import Book
from securechat.messaging.facts import Floor, FloorAside
from securechat.messaging.peers import Peers
from securechat.messaging.statements import (
    MAX_ENTRIES,
    MAX_RANGES,
    FloorEntry,
    Frontier,
    StreamEntry,
)
from securechat.objects import Purpose, Signed
from securechat.signing import Signer
from securechat.wire import pack

Entry = FloorEntry | StreamEntry


@define(eq=False)
class OwnFrontier:
    """Our own frontiers."""

    _signer: Signer
    _book: Book
    _peers: Peers
    _version: int = 0
    _kept: tuple[int, Stream, int, tuple[Signed, ...]] | None = field(default=None)

    def full(self, now: Instant) -> tuple[Signed, ...]:
        """Everything, in parts; empty until our epoch is known."""
        mine, revision = self._peers.stream, self._book.streams.revision
        if mine is None:
            return ()
        # Once a delta was signed, peers would drop a full frontier of an earlier version.
        if self._kept is None or self._kept[:3] != (revision, mine, self._version):
            states = sorted(self._book.streams, key=lambda state: state.stream)
            entries: list[Entry] = list(self._floors())
            entries += [found for state in states if (found := self._entry(state.stream))]
            parts = self._parts(mine, entries, now, full=True)
            self._kept = (revision, mine, self._version, parts)
        return self._kept[3]

    def delta(self, streams: Iterable[Stream], now: Instant) -> tuple[Signed, ...]:
        """The present state of these streams."""
        mine = self._peers.stream
        if mine is None:
            return ()
        named = dict.fromkeys(streams)
        known = self._book.streams.authors
        authors = [known[name] for name in sorted({s.author for s in named}) if name in known]
        floors = [floor for author in authors for floor in author.floors()]
        own = [f for f in floors if isinstance(f, Floor) or f.stream in named]
        entries: list[Entry] = [_below(floor) for floor in own]
        # A stream of which nothing is left is named too: it says that we have nothing.
        entries += [self._entry(stream) or _nothing(stream) for stream in named]
        return self._parts(mine, entries, now, full=False)

    def _floors(self) -> Iterator[FloorEntry]:
        for _, author in sorted(self._book.streams.authors.items()):
            yield from map(_below, author.floors())

    def _entry(self, stream: Stream) -> StreamEntry | None:
        state = self._book.streams.get(stream)
        stored = state.entry()[-MAX_RANGES:] if state else ()
        closed = state.closed_spans()[-MAX_RANGES:] if state else ()
        # Of a fork with nothing sound left it may be that nobody can be given the proof: to be named
        # with nothing is to say that silence means nothing (``claims``).
        if not stored and not closed and not (state and state.breach):
            return None
        return StreamEntry(stream.author, stream.epoch, stream.boot, stored, closed)

    def _parts(
        self, mine: Stream, entries: list[Entry], now: Instant, full: bool
    ) -> tuple[Signed, ...]:
        groups = _cut(entries, self._book.settings.frontier_part)
        self._version = max(int(now.mono * 1_000_000), self._version + 1)
        self._book.counters["frontiers_signed"] += len(groups)
        return tuple(
            self._signer.sign(
                Purpose.FRONTIER,
                pack(
                    Frontier(
                        mine.author,
                        mine.epoch,
                        mine.boot,
                        version=self._version,
                        full=full,
                        part=number,
                        parts=len(groups),
                        floors=tuple(e for e in group if isinstance(e, FloorEntry)),
                        streams=tuple(e for e in group if isinstance(e, StreamEntry)),
                    )
                ),
            )
            for number, group in enumerate(groups, 1)
        )


def _below(floor: Floor | FloorAside) -> FloorEntry:
    return FloorEntry(floor.author, floor.epoch, floor.boot, floor.seq)


def _nothing(stream: Stream) -> StreamEntry:
    return StreamEntry(stream.author, stream.epoch, stream.boot, ())


def _cut(entries: list[Entry], limit: int) -> list[list[Entry]]:
    """Entries in groups of at most so many bytes; at least one group, at most as many as may be."""
    groups: list[list[Entry]] = [[]]
    size = 0
    for entry in entries:
        more = len(pack(entry))
        if groups[-1] and size + more > limit:
            if len(groups) == MAX_ENTRIES:
                break
            groups.append([])
            size = 0
        groups[-1].append(entry)
        size += more
    return groups
