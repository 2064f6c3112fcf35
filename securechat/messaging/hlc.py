"""
Hybrid logical clock: one integer that orders messages and still reads as a time.

``wall milliseconds << 16 | counter`` (Kulkarni et al. 2014).  A stamp from afar moves our clock, but
never beyond our wall clock plus 60 s, so that one wrong clock cannot drag the room along; the
message itself keeps its stamp and its place (DESIGN 6, order).
"""

from __future__ import annotations

from attrs import define

from securechat.ids import MAX_INT

COUNTER_BITS = 16


def stamp_of(wall_ms: int) -> int:
    """The first stamp of a millisecond."""
    return max(0, wall_ms) << COUNTER_BITS


def wall_of(hlc: int) -> int:
    """The wall clock of a stamp, in milliseconds."""
    return hlc >> COUNTER_BITS


def ahead(hlc: int, wall_ms: int) -> float:
    """Seconds that a stamp is ahead of our wall clock; negative if it is behind."""
    return (wall_of(hlc) - wall_ms) / 1000


@define
class Clock:
    """The clock of one node."""

    _noticed: float
    """Seconds ahead of our wall clock to which others may move us."""
    last: int = 0

    def stamp(self, wall_ms: int) -> int:
        """The next stamp of ours: above everything we said or heard."""
        self.last = min(MAX_INT, max(stamp_of(wall_ms), self.last + 1))
        return self.last

    def heard(self, hlc: int, wall_ms: int) -> None:
        """Somebody's stamp, stored when our wall clock said ``wall_ms``."""
        limit = stamp_of(wall_ms + int(self._noticed * 1000))
        self.last = max(self.last, min(hlc, limit))

    def spoke(self, hlc: int) -> None:
        """A stamp of our own, of this or an earlier life: we go on above it."""
        self.last = max(self.last, hlc)
