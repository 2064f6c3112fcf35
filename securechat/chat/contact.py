"""
The conversation with our own node, as the status line tells it: down, being pictured, or live.

Rules: after every connection one ``snapshot`` comes before anything else, then events from its cursor;
whatever arrives proves the node lives; silence over 5 s is shown as stale, never hidden.
"""

from __future__ import annotations

from enum import Enum

from attrs import define

STALE_S = 5.0
STATUS_EVERY_S = 2.0
MEMBERS_EVERY_S = 5.0
LATEST_EVERY_S = 1.0


class Phase(Enum):
    """How far the conversation has come."""

    DOWN = "no connection"
    PICTURE = "the snapshot is asked for"
    LIVE = "following events"


TRANSITIONS: dict[tuple[Phase, str], Phase] = {
    (Phase.DOWN, "up"): Phase.PICTURE,
    (Phase.PICTURE, "up"): Phase.PICTURE,
    (Phase.LIVE, "up"): Phase.PICTURE,
    (Phase.PICTURE, "picture"): Phase.LIVE,
    (Phase.LIVE, "picture"): Phase.LIVE,
    (Phase.DOWN, "down"): Phase.DOWN,
    (Phase.PICTURE, "down"): Phase.DOWN,
    (Phase.LIVE, "down"): Phase.DOWN,
    (Phase.LIVE, "cursor lost"): Phase.PICTURE,
}


@define
class Contact:
    """Mono times; ``retry_at`` is when the next dial is due, if one is."""

    phase: Phase = Phase.DOWN
    cursor: str = ""
    heard: float = 0.0
    why: str = "not connected yet"
    retry_at: float | None = None
    asked_status: float = 0.0
    asked_members: float = 0.0
    asked_latest: float = -1e9
    ever: bool = False

    def move(self, what: str) -> None:
        """One step of :data:`TRANSITIONS`; a step that does not exist changes nothing."""
        self.phase = TRANSITIONS.get((self.phase, what), self.phase)

    @property
    def live(self) -> bool:
        """Messages may be handed to the node."""
        return self.phase is Phase.LIVE

    def stale(self, now: float) -> bool:
        """What the screen shows may no longer be so."""
        return self.phase is not Phase.LIVE or now - self.heard > STALE_S

    def words(self, now: float) -> str:
        """The last field of the status line."""
        if self.phase is Phase.DOWN:
            if self.retry_at is None:
                return f"{self.why}, connecting"
            return f"{self.why}, retry in {max(0, int(self.retry_at - now + 0.999))}s"
        if self.phase is Phase.PICTURE:
            return "catching up"
        if now - self.heard > STALE_S:
            return f"silent {int(now - self.heard)}s"
        return "live"
