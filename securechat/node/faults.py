"""
A bad cable between this node and chosen peers, switched on from the admin port (DESIGN 7).

A cut makes frames vanish both ways; it closes no link, and leaves a new connection mute until the
handshake timeout, or until it is healed: links to the healed that are half made by then are broken
off (``links.obey``) and made anew.  Drop loses a percentage of frames, delay holds each back.  Only
with ``[faults] enabled``.

What is asked is added to what is in force: a delay mends no cut.  What is asked for everybody holds
for each, also for those who have a fault of their own; a peer that was healed stays healed while one
for everybody is in force.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define, evolve, field, frozen

from securechat.errors import LocalError
from securechat.ids import MemberId
from securechat.inputs import EVERYBODY, Disturb, Heal


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

    @property
    def clean(self) -> bool:
        """Whether every frame passes at once."""
        return not (self.cut or self.drop_percent or self.delay_ms)

    def worsened(self, by: Disturb) -> Fault:
        """With the fields that were asked for."""
        return Fault(
            self.peer,
            self.cut if by.cut is None else by.cut,
            self.drop_percent if by.drop_percent is None else by.drop_percent,
            self.delay_ms if by.delay_ms is None else by.delay_ms,
        )


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
        fault = self._in_force(peer)
        if fault.cut or self._rng.random() * 100 < fault.drop_percent:
            return None
        return fault.delay_ms / 1000

    def active(self) -> tuple[Fault, ...]:
        """All faults now in force."""
        return tuple(self._faults[peer] for peer in sorted(self._faults))

    def meant(self, command: Disturb | Heal) -> Disturb | Heal:
        """The command with all whom it concerns by name; LocalError 420 if faults are off here."""
        self.check()
        if isinstance(command, Heal) and not command.peers:
            return Heal(tuple(sorted({EVERYBODY, *self._faults})))
        return command

    def obey(self, command: Disturb | Heal) -> None:
        """Make the cable worse, or mend it; LocalError 420 if faults are not enabled here."""
        self.check()
        if isinstance(command, Disturb):
            self._disturb(command)
        elif EVERYBODY in command.peers or not command.peers:
            self._faults.clear()
        else:
            self._faults.update({peer: Fault(peer) for peer in command.peers})
        self._tidy()

    def check(self) -> None:
        """LocalError 420 unless faults are enabled here."""
        if not self.enabled:
            raise LocalError(
                420, "faults are off; set enabled = true under [faults] in config.toml"
            )

    def _disturb(self, command: Disturb) -> None:
        everybody = EVERYBODY in command.peers
        for peer in {*command.peers, *(self._faults if everybody else ())}:
            self._faults[peer] = evolve(self._in_force(peer), peer=peer).worsened(command)

    def _in_force(self, peer: MemberId) -> Fault:
        return self._faults.get(peer) or self._faults.get(EVERYBODY) or Fault(peer)

    def _tidy(self) -> None:
        """A clean fault says something only beside one for everybody."""
        if self._faults.get(EVERYBODY, Fault(EVERYBODY)).clean:
            self._faults = {peer: fault for peer, fault in self._faults.items() if not fault.clean}


def told(command: Disturb | Heal) -> str:
    """What was done, in words."""
    whom = _whom(command.peers)
    if isinstance(command, Heal):
        return f"the cable to {whom} was mended by the operator"
    does = {
        "is cut": command.cut,
        "is not cut": command.cut is False,
        f"loses {command.drop_percent or 0:g} % of the frames": command.drop_percent is not None,
        f"holds frames back by {command.delay_ms or 0:g} ms": command.delay_ms is not None,
    }
    said = " and ".join(words for words, asked in does.items() if asked)
    return f"the cable to {whom} {said or 'stays as it is'}, by the operator"


def _whom(peers: tuple[MemberId, ...]) -> str:
    return "everybody" if EVERYBODY in peers else ", ".join(f"{{{peer}}}" for peer in peers)
