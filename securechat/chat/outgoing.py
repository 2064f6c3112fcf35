"""
What the person said and the node has not shown back yet.

Rules: every message has a nonce before it is first asked; the node remembers nonces, so asking again
under the same nonce says nothing twice (251).  One message is in flight at a time, which keeps the
order of each buffer; after a 4xx answer a message waits and is asked again, holding up its own buffer
only; a 5xx answer gives the text back to the person.  A message stands here until the node shows it in
the transcript.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, evolve, field, frozen

RETRY_S = 1.0


class Stage(Enum):
    """Where a message of ours is on its way into the node."""

    HELD = "not asked, or to be asked again"
    ASKED = "asked, no answer yet"
    TAKEN = "accepted by the node under an id"


TRANSITIONS: dict[tuple[Stage, str], Stage] = {
    (Stage.HELD, "asked"): Stage.ASKED,
    (Stage.ASKED, "link lost"): Stage.HELD,
    (Stage.ASKED, "later"): Stage.HELD,
    (Stage.ASKED, "taken"): Stage.TAKEN,
    (Stage.HELD, "taken"): Stage.TAKEN,
}


@frozen
class Pending:
    """One message; ``to`` is empty for the room; ``id`` is known once taken."""

    nonce: str
    buffer: str
    to: str
    text: str
    at: int
    stage: Stage = Stage.HELD
    id: str = ""
    state: str = ""
    not_before: float = 0.0

    @property
    def command(self) -> tuple[str, dict[str, object]]:
        """How the node is asked."""
        if self.to:
            return "dm", {"to": self.to, "text": self.text, "nonce": self.nonce}
        return "say", {"text": self.text, "nonce": self.nonce}


@define
class Outgoing:
    """The messages on their way, oldest first."""

    prefix: str
    count: int = 0
    waiting: dict[str, Pending] = field(factory=dict)
    shown: set[str] = field(factory=set)

    def add(self, buffer: str, to: str, text: str, at: int) -> Pending:
        """Give a message its nonce."""
        self.count += 1
        pending = Pending(f"{self.prefix}-{self.count}", buffer, to, text, at)
        self.waiting[pending.nonce] = pending
        return pending

    def next(self, mono: float) -> Pending | None:
        """The one to ask now, marked as asked; None while another is in flight or all must wait."""
        first: dict[str, Pending] = {}
        for pending in self.waiting.values():
            if pending.stage is Stage.ASKED:
                return None
            if pending.stage is Stage.HELD:
                first.setdefault(pending.buffer, pending)
        free = [pending for pending in first.values() if pending.not_before <= mono]
        return self._move(free[0], "asked") if free else None

    def taken(self, nonce: str, message: str, state: str) -> None:
        """The node has it; it leaves as soon as the transcript shows it."""
        pending = self.waiting.get(nonce)
        if pending is None or pending.stage is Stage.TAKEN:
            return
        if message in self.shown:
            del self.waiting[nonce]
            return
        self.waiting[nonce] = evolve(self._move(pending, "taken"), id=message, state=state)

    def later(self, nonce: str, mono: float) -> None:
        """A 4xx answer: ask again after a moment."""
        pending = self.waiting.get(nonce)
        if pending is not None and pending.stage is Stage.ASKED:
            self.waiting[nonce] = evolve(self._move(pending, "later"), not_before=mono + RETRY_S)

    def refused(self, nonce: str) -> Pending | None:
        """A 5xx answer: out of here, the text goes back to the person."""
        return self.waiting.pop(nonce, None)

    def unanswered(self, nonce: str) -> None:
        """This one's answer will not come."""
        pending = self.waiting.get(nonce)
        if pending is not None and pending.stage is Stage.ASKED:
            self._move(pending, "link lost")

    def lost(self) -> None:
        """The link broke: whatever had no answer is asked again, under the same nonce."""
        for pending in list(self.waiting.values()):
            if pending.stage is Stage.ASKED:
                self._move(pending, "link lost")

    def seen(self, message: str) -> None:
        """The transcript shows this id of ours."""
        self.shown.add(message)
        for nonce, pending in list(self.waiting.items()):
            if pending.id == message:
                del self.waiting[nonce]

    def of(self, buffer: str) -> list[Pending]:
        """Those that belong at the end of one buffer."""
        return [pending for pending in self.waiting.values() if pending.buffer == buffer]

    @property
    def untaken(self) -> int:
        """How many would be lost with this program."""
        return sum(pending.stage is not Stage.TAKEN for pending in self.waiting.values())

    def _move(self, pending: Pending, what: str) -> Pending:
        moved = evolve(pending, stage=TRANSITIONS[pending.stage, what])
        self.waiting[pending.nonce] = moved
        return moved
