"""
Replies leave in the order of their requests, whatever order they become ready in.

Requests of one connection are handled one after another, so that each sees what the one before it
did; only equal verbs overlap, at most 64 (a burst of ``say`` fits one turn of the node).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from attrs import define, field

from securechat.admin.grammar.values import Rendering, Reply

MAX_OVERLAP = 64


@define(eq=False)
class Slot:
    """A request whose reply is not out yet; it is written as its request was."""

    verb: str
    tag: str | None
    rendering: Rendering
    reply: Reply | None = None


@define
class InOrder:
    """The slots of one connection, oldest first."""

    _slots: deque[Slot] = field(factory=deque, init=False)

    def __len__(self) -> int:
        return len(self._slots)

    def may_begin(self, verb: str) -> bool:
        """Whether a request of this verb may be handled while others are."""
        if not self._slots:
            return True
        return len(self._slots) < MAX_OVERLAP and all(slot.verb == verb for slot in self._slots)

    def begin(self, slot: Slot) -> None:
        """The next request in order."""
        self._slots.append(slot)

    def ready(self) -> Iterator[tuple[Slot, Reply]]:
        """The replies that may leave now, each once."""
        while self._slots and (reply := self._slots[0].reply) is not None:
            yield self._slots.popleft(), reply
