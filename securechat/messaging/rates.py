"""
A token bucket: how much may pass now, and when the rest may.

Used for our own posts (a refusal), for the live posts that each peer pushes (the excess is left to
recovery), for the direct messages of each peer (the excess is offered again by its author) and for
what we ask to be recovered (a pause).
"""

from __future__ import annotations

from attrs import define, field

from securechat.ids import MemberId

MAX_BUCKETS = 1024
"""Peers that are remembered; above it the one that was first seen begins anew."""


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

    def give(self, count: int) -> None:
        """So many did not pass after all."""
        self._tokens = min(self._burst, self._tokens + count)

    def wait(self, count: int, mono: float) -> float:
        """Seconds until so many may pass."""
        self._fill(mono)
        return max(0.0, (min(count, self._burst) - self._tokens) / self._rate)

    def _fill(self, mono: float) -> None:
        if self._since is not None:
            gained = (mono - self._since) * self._rate
            self._tokens = min(self._burst, self._tokens + max(0.0, gained))
        self._since = mono


@define
class Buckets:
    """A bucket for each peer."""

    _rate: float
    _burst: float
    _of: dict[MemberId, Bucket] = field(factory=dict)

    def take(self, peer: MemberId, count: int, mono: float) -> bool:
        """Whether so many of a peer may pass now; if so they have."""
        bucket = self._of.get(peer)
        if bucket is None:
            while len(self._of) >= MAX_BUCKETS:
                del self._of[next(iter(self._of))]
            bucket = self._of[peer] = Bucket(self._rate, self._burst)
        return bucket.take(count, mono)
