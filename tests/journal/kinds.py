"""Facts, objects and turns for the tests of the journal."""

from __future__ import annotations

from typing import Annotated, Any

from attrs import frozen
from msgspec import Meta

from securechat.effects import Fact, Record
from securechat.ids import MemberId
from securechat.inputs import Instant
from securechat.journal.records import TurnRecord, turn_record
from securechat.objects import Purpose, Signed

ROOM = "r" * 52
ADA = MemberId("a" * 52)
BOB = MemberId("b" * 52)
CAROL = MemberId("c" * 52)
BOOT = "0123456789abcdef0123456789abcdef"


@frozen
class Held(Fact):
    """Something kept under a name of its own."""

    name: str
    count: Annotated[int, Meta(ge=0)]
    about_ids: tuple[str, ...] = ()
    led_by: str = ""
    proof: str = ""

    @property
    def key(self) -> str:
        """One for each name."""
        return f"held/{self.name}"

    @property
    def about(self) -> tuple[str, ...]:
        """As told."""
        return self.about_ids

    @property
    def words(self) -> str:
        """For people."""
        return f"{{{ADA}}} kept {self.name}, {self.count}"

    @property
    def evidence(self) -> str:
        """As told."""
        return self.proof

    @property
    def cause(self) -> str:
        """As told."""
        return self.led_by


@frozen
class Count(Fact):
    """One number."""

    value: int

    @property
    def key(self) -> str:
        """There is one."""
        return "count"

    @property
    def words(self) -> str:
        """For people."""
        return f"count {self.value}"


FACTS: dict[str, type[Any]] = {"held": Held, "count": Count}


def signed(statement: bytes, attachment: bytes = b"") -> Signed:
    """An object that nobody verifies here."""
    return Signed(Purpose.ENVELOPE, statement, b"s" * 64, attachment)


def record(name: str, count: int = 0, *objects: Signed, about: tuple[str, ...] = ()) -> Record:
    """A fact with the objects it owns."""
    return Record(Held(name, count, about), objects)


def turn(
    number: int, *records: Record, wall_ms: int = 0, causes: tuple[Any, ...] = ()
) -> TurnRecord:
    """The record of a turn."""
    return turn_record(number, Instant(float(number), wall_ms), causes, records)
