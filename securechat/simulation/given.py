"""
Which posts were given to whom by somebody else than the process that said them (P6).

A post comes in live from an earlier process only in a frame that this very process wrote.  It is no
word of that process if it was given

- as history, to somebody who asked;
- by a later process of its author, whose person tries it again, or that asks for evidence of it;
- by another member, as one of two that prove a fork;
- by a member that runs another program.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from securechat.ids import Stream
from securechat.messaging.messages import MESSAGES as MESSAGING
from securechat.messaging.messages import Backfill, Posts
from securechat.messaging.statements import Envelope
from securechat.objects import Purpose
from securechat.simulation.shapes import Site
from securechat.wire import Codec

GIVING: dict[int, type[Any]] = {
    code: kind for code, kind in MESSAGING.items() if kind in (Backfill, Posts)
}
"""The messages that bring posts."""


@define(eq=False)
class Given:
    """The posts of one world that were given once more."""

    _posts: set[tuple[str, Stream, int]] = field(factory=set)
    _codec: Codec = field(factory=lambda: Codec(GIVING, {Purpose.ENVELOPE: Envelope}))

    def add(self, to: Site, stream: Stream, first: int, last: int) -> None:
        """Somebody gives these to a node, and does not say them."""
        self._posts.update((to.name, stream, seq) for seq in range(first, last + 1))

    def written(self, to: Site, message: Backfill | Posts, process: Stream) -> None:
        """A process, named by its own stream, writes this to a node."""
        if isinstance(message, Backfill):
            self.add(to, message.stream, message.first, message.last)
            return
        for signed in message.objects:
            envelope = self._codec.statement(signed.purpose, signed.statement)
            if envelope.stream != process:
                self.add(to, envelope.stream, envelope.first, envelope.last)

    def has(self, to: Site, stream: Stream, seq: int) -> bool:
        """Whether a post was given to a node by another than the process that said it."""
        return (to.name, stream, seq) in self._posts
