"""
How long the way to a peer and back is, from pings and their acks.

An ack measures the path if it quotes one of the last few pings: where the way is longer than a period,
each ack comes when the next ping is out already.  What comes in one heap waited for the peer, not on
the way: of the acks between two pings only the last counts, which has the shortest trip.
"""

from __future__ import annotations

from attrs import define, field

PINGS = 8
"""Pings of a link that an ack may still quote."""
PART = 8
"""A measurement moves the mean by one of so many parts."""


@define
class RoundTrips:
    """One link."""

    mean: float | None = None
    """Smoothed, in seconds; None before the first ack."""
    _sent: dict[int, float] = field(factory=dict, init=False)
    """When each nonce set out that is not acked, oldest first."""
    _before: float | None = field(default=None, init=False)
    """The mean when the last ping set out."""

    def pinged(self, nonce: int, mono: float) -> None:
        """A ping sets out."""
        self._sent[nonce] = mono
        if len(self._sent) > PINGS:
            del self._sent[next(iter(self._sent))]
        self._before = self.mean

    def acked(self, nonce: int) -> float | None:
        """When the ping set out that this ack quotes; None if it quotes none."""
        return self._sent.pop(nonce, None)

    def took(self, seconds: float) -> None:
        """A trip took so long."""
        before = seconds if self._before is None else self._before
        self.mean = before + (seconds - before) / PART
