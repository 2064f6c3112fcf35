"""
A bad cable between this node and chosen peers, switched on from the admin port (DESIGN 7).

A cut makes frames vanish both ways; it closes no link, and leaves a new connection mute until the
handshake timeout.  Drop loses a percentage of frames, delay holds each back.  Only with
``[faults] enabled``.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define, field, frozen

from securechat.errors import LocalError
from securechat.ids import MemberId

EVERYBODY = MemberId("")


class Chance(Protocol):
    """What is needed of a random.Random."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


@frozen
class Fault:
    """What the cable to one peer does; ``EVERYBODY`` stands for peers without one of their own."""

    peer: MemberId
    cut: bool = False
    drop_percent: float = 0.0
    delay_ms: float = 0.0


@define
class Cable:
    """Asked once for each frame, in either direction."""

    enabled: bool
    _rng: Chance
    _faults: dict[MemberId, Fault] = field(factory=dict, init=False)

    def passes(self, peer: MemberId) -> float | None:
        """None if the frame vanishes, else how many seconds it is held back."""
        if not self._faults:
            return 0.0
        fault = self._faults.get(peer) or self._faults.get(EVERYBODY)
        if fault is None:
            return 0.0
        if fault.cut or self._rng.random() * 100 < fault.drop_percent:
            return None
        return fault.delay_ms / 1000

    def active(self) -> tuple[Fault, ...]:
        """All faults now in force."""
        return tuple(self._faults[peer] for peer in sorted(self._faults))

    def put(self, faults: tuple[Fault, ...]) -> None:
        """Put these faults in force; LocalError 420 if faults are not enabled here."""
        self.check()
        self._faults.update({fault.peer: fault for fault in faults})

    def heal(self, peers: tuple[MemberId, ...] = ()) -> None:
        """Mend the cables to these peers, or all."""
        self.check()
        for peer in peers or tuple(self._faults):
            self._faults.pop(peer, None)

    def check(self) -> None:
        """LocalError 420 unless faults are enabled here."""
        if not self.enabled:
            raise LocalError(
                420, "faults are off; set enabled = true under [faults] in config.toml"
            )
