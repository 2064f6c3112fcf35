"""
One buffer: the rows of the room, of one direct partner, or of the status page.

Rules: rows are kept in the node's order; an id stands once; gaps are replaced as a whole by each
newer page; a reader who scrolled up is never moved; the unread line stays until the buffer is left;
drafts and history belong to the buffer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from attrs import define, evolve, field

from securechat.chat.rows import FIRST, GAP, LAST, NOTE, SAID, Gap, Key, Note, Said, Stored

HISTORY = 200


@define
class Buffer:
    """
    ``scroll`` is the index of the bottom row shown, or None at the bottom (follows new rows);
    ``cut`` how many lines of that row are below the edge.
    """

    name: str
    title: str
    rows: list[Stored] = field(factory=list)
    keys: list[Key] = field(factory=list)
    ids: dict[str, Key] = field(factory=dict)
    scroll: int | None = None
    cut: int = 0
    unread: int = 0
    mentions: int = 0
    line: int | None = None
    draft: str = ""
    history: list[str] = field(factory=list)
    back: int = 0
    kept: str = ""
    recovered: int = 0
    whole: bool = False
    fetching: bool = False
    notes: int = 0

    @property
    def at_bottom(self) -> bool:
        """New rows are followed only here."""
        return self.scroll is None

    @property
    def below(self) -> int:
        """How many rows stand under the bottom of the screen."""
        return 0 if self.scroll is None else max(0, len(self.rows) - 1 - self.scroll)

    # -- rows ------------------------------------------------------------------------------------

    def put(self, said: Said) -> tuple[Said | None, int]:
        """Place or replace one message; the former row of that id, and the index."""
        former = self.ids.get(said.id)
        if former is not None:
            index = self._index(former)
            old = self.rows[index]
            assert isinstance(old, Said)
            if said.text is None:
                said = evolve(said, text=old.text)
            if former == said.key:
                self.rows[index] = said
                return old, index
            self._drop(index)
            self._insert(said.key, said)
            self.ids[said.id] = said.key
            return old, self._index(said.key)
        self.ids[said.id] = said.key
        self._insert(said.key, said)
        self._anchor(said)
        return None, self._index(said.key)

    def find(self, message: str) -> Said | None:
        """The message of that id, if this buffer holds it."""
        key = self.ids.get(message)
        row = None if key is None else self.rows[self._index(key)]
        return row if isinstance(row, Said) else None

    def regap(self, gaps: Sequence[Gap], first: Key | None, end: Key | None) -> None:
        """Replace the gaps between two places (None: no bound): a page knows them best."""
        start = 0 if first is None else bisect_left(self.keys, (first, GAP, -1))
        stop = len(self.keys) if end is None else bisect_left(self.keys, (end, GAP, -1))
        for index in reversed(range(start, stop)):
            if isinstance(self.rows[index], Gap):
                self._drop(index)
        held = {row.range: row.key for row in self.rows if isinstance(row, Gap)} if gaps else {}
        for gap in gaps:
            if gap.range in held:
                self._drop(self._index(held[gap.range]))
            self._insert(gap.key, gap)

    def note(self, at: int | None, text: str, tone: str = "note") -> Note:
        """Say something behind the last row; it stays there, with no row until one comes later."""
        self.notes += 1
        place = next((key[0] for key in reversed(self.keys) if key[0] != LAST), LAST)
        note = Note(at, text, (place, NOTE, self.notes), tone)
        self._insert(note.key, note)
        return note

    def successor(self, place: Key) -> Key:
        """The place of the next message after ``place``; the end if there is none."""
        index = bisect_left(self.keys, (place, NOTE + 1, 0))
        return next((key[0] for key in self.keys[index:] if key[1] == SAID), LAST)

    def first_place(self) -> Key | None:
        """The place of the oldest message held."""
        row = self.oldest()
        return None if row is None else row.key[0]

    def oldest(self) -> Said | None:
        """The oldest message held: what lies above is asked for from here."""
        return next((row for row in self.rows if isinstance(row, Said)), None)

    def newest(self, own: bool = False) -> Said | None:
        """The newest message held, or the newest of ours."""
        return next(
            (r for r in reversed(self.rows) if isinstance(r, Said) and (r.own or not own)), None
        )

    def _anchor(self, said: Said) -> None:
        """What was noted when nothing had been said yet stays above what is said after it."""
        while self.keys[-1][:2] == (LAST, NOTE):
            note = next(row for row in self.rows if row.key[:2] == (LAST, NOTE))
            assert isinstance(note, Note)
            if said.at is None or (note.at or 0) > said.at:
                return
            before = self.keys[: self._index(said.key)]
            place = next((key[0] for key in reversed(before) if key[1] == SAID), FIRST)
            self._drop(self._index(note.key))
            self._insert((place, *note.key[1:]), evolve(note, key=(place, *note.key[1:])))

    def _index(self, key: Key) -> int:
        return bisect_left(self.keys, key)

    def _insert(self, key: Key, row: Stored) -> int:
        index = bisect_left(self.keys, key)
        self.keys.insert(index, key)
        self.rows.insert(index, row)
        if self.scroll is not None and index <= self.scroll:
            self.scroll += 1
        if self.line is not None and index < self.line:
            self.line += 1
        return index

    def _drop(self, index: int) -> None:
        del self.keys[index], self.rows[index]
        if self.scroll is not None and index <= self.scroll:
            self.scroll = max(0, self.scroll - 1)
        if self.line is not None and index < self.line:
            self.line -= 1

    # -- reading ---------------------------------------------------------------------------------

    def arrived(self, index: int, seen: bool, mention: bool) -> None:
        """A new row of somebody else: unread unless it was looked at as it came."""
        if seen:
            return
        self.unread += 1
        self.mentions += mention
        self.line = index if self.line is None else min(self.line, index)

    def read(self) -> None:
        """All of it has been looked at; the line stays until :meth:`leave`."""
        self.unread = self.mentions = self.recovered = 0

    def leave(self) -> None:
        """The person goes to another buffer."""
        if self.unread == 0:
            self.line = None

    # -- typing ----------------------------------------------------------------------------------

    def remember(self, text: str) -> None:
        """Keep a sent line for Up; the same line twice in a row is kept once."""
        if text and (not self.history or self.history[-1] != text):
            self.history = [*self.history, text][-HISTORY:]
        self.back = 0
        self.draft = ""

    def recall(self, step: int, current: str) -> str | None:
        """The line ``step`` (+1 older, -1 newer) in the history; the draft is kept below it."""
        wanted = self.back + step
        if not 0 <= wanted <= len(self.history):
            return None
        if self.back == 0:
            self.kept = current
        self.back = wanted
        return self.kept if wanted == 0 else self.history[-wanted]
