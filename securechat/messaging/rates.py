"""
A token bucket: how much may pass now, and when the rest may.

Used for our own posts (a refusal), for live posts of each author (the excess is left to recovery)
and for what we ask to be recovered (a pause).
"""

from __future__ import annotations

from attrs import define, field


@define
class Bucket:
    """``rate`` tokens a second, at most ``burst`` of them saved up."""

    _rate: float
    _burst: float
    _tokens: float = field(init=False)
    _since: float | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._tokens = self._burst

    def take(self, count: int, mono: float) -> bool:
        """Whether so many may pass now; if so they have."""
        self._fill(mono)
        if self._tokens < count:
            return False
        self._tokens -= count
        return True

    def wait(self, count: int, mono: float) -> float:
        """Seconds until so many may pass."""
        self._fill(mono)
        return max(0.0, (min(count, self._burst) - self._tokens) / self._rate)

    def _fill(self, mono: float) -> None:
        if self._since is not None:
            gained = (mono - self._since) * self._rate
            self._tokens = min(self._burst, self._tokens + max(0.0, gained))
        self._since = mono
