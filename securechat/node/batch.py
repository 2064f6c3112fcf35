"""What one turn has gathered: inputs handled, facts applied, effects to perform."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, field

from securechat.effects import Answer, Effect, Hangup, Notify, Record
from securechat.inputs import Disturb, Heal, Instant
from securechat.journal.records import TurnRecord, turn_record
from securechat.notices import Roster


@define
class Batch:
    """What one turn has gathered."""

    now: Instant
    inputs: list[Any] = field(factory=list)
    """What was handled, messages as the door admitted them."""
    current: Any = None
    """The item in hand: who is to blame if it fails."""
    records: list[Record] = field(factory=list)
    effects: list[Effect] = field(factory=list)
    """Everything but records, in order."""
    cable: list[Disturb | Heal] = field(factory=list)
    """What is to be done to the cable."""
    greeted: list[int] = field(factory=list)
    """Links whose peers are welcome once the facts are on disk."""

    def absorb(self, effects: Iterable[Effect]) -> None:
        """Keep effects whose facts were applied."""
        for effect in effects:
            if isinstance(effect, Record):
                self.records.append(effect)
            else:
                self.effects.append(effect)

    @property
    def notable(self) -> bool:
        """Whether the turn did anything but routine."""
        return bool(self.records) or any(
            isinstance(effect, Notify | Hangup | Answer) for effect in self.effects
        )

    def take_rosters(self) -> list[Notify]:
        """Remove and return the notices that are for the other core."""
        found = [e for e in self.effects if isinstance(e, Notify) and isinstance(e.notice, Roster)]
        self.effects = [effect for effect in self.effects if effect not in found]
        return found

    def record(self, turn: int, room: str, fault: str = "") -> TurnRecord:
        """What is kept of the turn; of one that failed, only what came in."""
        effects = () if fault else self.effects
        return turn_record(turn, self.now, self.inputs, self.records, effects, fault, room)
