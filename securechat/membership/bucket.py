"""
A token bucket: how many changed claims of one member are taken from others.
"""

from __future__ import annotations

from attrs import define

from securechat.settings import Settings


@define
class Bucket:
    """How many changed claims of one member may still be taken from others now."""

    left: float
    at: float

    def take(self, mono: float, settings: Settings) -> bool:
        """Whether one more may be."""
        gained = (mono - self.at) * settings.claims_per_second
        self.left, self.at = min(settings.claims_burst, self.left + gained), mono
        if self.left < 1:
            return False
        self.left -= 1
        return True
