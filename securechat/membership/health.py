"""
How well this node itself does: Lifeguard's local health (arXiv 1707.00788; DESIGN 5).

The score goes up by one where the fault is likely ours: a tick that came late, a go-between that was
heard just now and yet answered nothing, an accusation against ourselves (to 1 and no further); and down
by one with each round of probes in which acks came and none of these happened.  Interval, timeout and
suspicion are multiplied by score + 1.  Who hears nobody at all is cut off: that says nothing about its
own pace, so its score is held at 0, and it says "cut off".
"""

from __future__ import annotations

from attrs import define, field

from securechat.settings import Settings

HEALTHY = 1
"""An observer with a score above this does not count."""


@define
class LocalHealth:
    """The score, and whether anybody is heard."""

    _settings: Settings
    cut_off: bool = field(default=False, init=False)
    _score: int = field(default=0, init=False)

    @property
    def score(self) -> int:
        """From 0, all is well, to 7."""
        return 0 if self.cut_off else self._score

    @property
    def factor(self) -> int:
        """What interval, timeout and suspicion are multiplied by."""
        return self.score + 1

    @property
    def told(self) -> int:
        """The score that others are told: what one says that hears nobody must not count."""
        return self._settings.max_health if self.cut_off else self._score

    def worse(self) -> None:
        """Something went wrong that is likely our own fault."""
        self._score = min(self._settings.max_health, self._score + 1)

    def doubted(self) -> None:
        """Somebody accused us: one step at most, since anybody may say so at any time."""
        if self._score == 0:
            self.worse()

    def better(self) -> None:
        """A round of probes went well."""
        self._score = max(0, self._score - 1)

    def hears(self, anybody: bool) -> None:
        """Whether anybody at all is heard."""
        self.cut_off = not anybody
        if self.cut_off:
            self._score = 0
