"""
What this disk knows of our own earlier processes, and what shows that it has forgotten some of it.

On a disk that was set back letters are queued that a later process had sent.  A peer shows it, or it is
shown by our own posts that come back; then they are taken for sent (``outbox``; ADR 12).
"""

from __future__ import annotations

from attrs import define, field

from securechat.ids import Stream
from securechat.inputs import LinkUp
from securechat.messaging.book import Book
from securechat.messaging.facts import Begun
from securechat.messaging.peers import Peers


@define(eq=False)
class OwnPast:
    """Our streams before the present one."""

    _book: Book
    _peers: Peers
    _begun: Begun | None = None
    """The newest process of ours that the disk knew of at the start."""
    _known: dict[Stream, int] = field(factory=dict)
    """How far our earlier streams went by what this disk holds of them."""

    def start(self) -> None:
        """As the disk has it when a process begins."""
        self._begun = self._book.begun
        author = self._book.streams.authors.get(self._book.me)
        if author is not None:
            self._known = {state.stream: state.known for state in author.streams.values()}

    def set_back(self, link: LinkUp) -> bool:
        """Whether a peer holds an Alive of ours, by a process that this disk does not know of."""
        begun = self._begun
        if link.ours is None or begun is None:
            return False
        alive = link.ours.statement
        if alive.boot in (begun.boot, self._peers.boot):
            return False
        return bool(alive.epoch >= begun.epoch)

    def grew(self) -> bool:
        """Whether this turn brought posts that we signed in an earlier process and do not know of."""
        grew = False
        for stream in self._book.streams.changed:
            if stream.author == self._book.me and stream.boot != self._peers.boot:
                state, before = self._book.streams.get(stream), self._known.get(stream, 0)
                self._known[stream] = max(before, state.known if state is not None else 0)
                grew = grew or self._known[stream] > before
        return grew
