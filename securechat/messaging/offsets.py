"""
How far our clock is from the clocks of our peers, and what follows from it (DESIGN 6, order; ADR 10).

- Each Digest carries its sender's wall clock.  It can only arrive late, never early: of the latest
  ones of a peer the least delayed counts.
- More than 60 s off the median of at least two linked peers, at two looks in a row, our clock is the
  one that is wrong: we say so, and messaging goes by the corrected time from then on.  Of an even
  number it is the value between the two middle ones that agrees most with us, so that one wrong
  peer of two or three moves nothing.
- The corrected time runs with the monotonic clock, so that a wall clock that is mended meanwhile is
  not corrected twice.  It ends when the two agree again, or when the wall clock was set and there is
  nobody to compare with.
- Nothing is forgotten on the word of peers: age goes by the earlier of the two times.

Volatile: a new process measures anew.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field

from securechat.effects import Effect, Notify
from securechat.ids import MemberId
from securechat.inputs import Instant
from securechat.notices import ClockNoticed
from securechat.settings import Settings

SAMPLES = 8
"""Digests of a peer that are looked at."""
WINDOW = 10
"""Periods after which one is no longer looked at."""
LOOK = 5
"""Periods between two looks."""
LOOKS = 2
"""Looks in a row that must agree: a process that stood still first reads what waited for it."""
BAND = 5.0
"""Seconds by which a clock must be back within the limit: one at the limit would come and go."""


@define(eq=False)
class Offsets:
    """Our clock among others."""

    _me: MemberId
    _settings: Settings
    base: float | None = None
    """The median's wall clock less our monotonic one, in seconds; None while our own is right."""
    _heard: dict[MemberId, deque[tuple[float, float]]] = field(factory=dict)
    """By peer: when, and its wall clock less our monotonic one then."""
    _next: float = 0.0
    _looks: int = 0
    """Looks in a row that contradict what we go by."""
    _told: float = 0.0
    """The offset that was told last."""
    _gone: float | None = None
    """Our wall clock less our monotonic one at the last look."""

    def hear(self, peer: MemberId, wall_ms: int, now: Instant) -> None:
        """A peer's wall clock, as it was when it sent this."""
        row = self._heard.setdefault(peer, deque(maxlen=SAMPLES))
        row.append((now.mono, wall_ms / 1000 - now.mono))

    def down(self, peer: MemberId) -> None:
        """No link any more."""
        self._heard.pop(peer, None)

    def right(self, now: Instant) -> Instant:
        """This moment by the clock that messaging goes by."""
        if self.base is None:
            return now
        return Instant(now.mono, max(0, round((self.base + now.mono) * 1000)))

    def earlier(self, now: Instant) -> Instant:
        """
        This moment by our clock or by the corrected one, whichever is earlier: by this one things are
        forgotten, so that neither a clock of ours nor the word of peers empties a history.
        """
        return min(now, self.right(now), key=lambda moment: moment.wall_ms)

    def corrected(self, now: Instant) -> float | None:
        """Seconds that messaging goes by a time ahead of our clock; None while our clock is right."""
        return None if self.base is None else self.base - (now.wall_ms / 1000 - now.mono)

    def measured(self, now: Instant) -> dict[MemberId, float]:
        """Seconds that each linked peer's clock is ahead of ours, as far as was heard of late."""
        ours = now.wall_ms / 1000 - now.mono
        return {peer: base - ours for peer, base in self._bases(now).items()}

    def due(self, name: str, mono: float) -> bool:
        """Whether a look is due that nothing else asks for: alone, while the time is corrected."""
        return name == "probing" and self.base is not None and mono >= self._next

    def tick(self, name: str, now: Instant) -> list[Effect]:
        """A look, if it is time; ``now`` is by our own clock."""
        if name != "probing" or now.mono < self._next:
            return []
        self._next = now.mono + LOOK * self._settings.period
        ours = now.wall_ms / 1000 - now.mono
        was_set = self._gone is not None and abs(ours - self._gone) > self._settings.skew_noticed
        self._gone = ours
        bases = sorted(self._bases(now).values())
        if len(bases) >= 2:
            return self._compare(_middle(bases, ours), ours, len(bases))
        self._looks = 0
        if self.base is not None and was_set:
            return self._agree("our clock was set, and no two peers are there to compare it with")
        return []

    def _compare(self, base: float, ours: float, peers: int) -> list[Effect]:
        off, limit = base - ours, self._settings.skew_noticed
        wrong = abs(off) > (limit if self.base is None else limit - BAND)
        if wrong is (self.base is not None):
            self._looks = 0
            if self.base is not None:
                self.base = base
            return self._tell(off, peers) if wrong and abs(off - self._told) > limit else []
        self._looks += 1
        if self._looks < LOOKS:
            return []
        if not wrong:
            return self._agree(f"our clock agrees again with the median of {peers} linked peers")
        self.base, self._looks = base, 0
        return self._tell(off, peers)

    def _tell(self, off: float, peers: int) -> list[Effect]:
        self._told = off
        where = "behind" if off > 0 else "ahead of"
        what = f"our clock is {abs(round(off))} s {where} the median of {peers} linked peers"
        return [Notify(ClockNoticed(self._me, f"{what}; messages get the corrected time"))]

    def _agree(self, what: str) -> list[Effect]:
        self.base, self._looks, self._told = None, 0, 0.0
        return [Notify(ClockNoticed(self._me, what))]

    def _bases(self, now: Instant) -> dict[MemberId, float]:
        """By peer the least delayed of what was heard of late."""
        since = now.mono - WINDOW * self._settings.period
        fresh = {
            peer: [base for at, base in row if at >= since] for peer, row in self._heard.items()
        }
        return {peer: max(bases) for peer, bases in fresh.items() if bases}


def _middle(ordered: list[float], ours: float) -> float:
    """The median; of an even number the value between the middle two that is closest to ours."""
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return min(max(ours, low), high)
