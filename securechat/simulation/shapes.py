"""
What a node shows of membership, as the judge reads it: the frozen values of its snapshot.

Written down here once more, so that the judge depends on nothing of the product but these names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from securechat.ids import BootId, MemberId


class Site(Protocol):
    """A node, by what tells it from the others."""

    index: int
    name: str
    member: MemberId


class Line(Protocol):
    """One line of evidence, as ``who NAME`` shows it."""

    @property
    def at(self) -> int:
        """When, wall time in ms."""
        ...

    @property
    def by(self) -> MemberId:
        """Who saw it."""
        ...

    @property
    def what(self) -> str:
        """What was seen."""
        ...

    @property
    def verdict(self) -> str:
        """The state once it was judged."""
        ...

    @property
    def counted(self) -> bool:
        """Whether it counted."""
        ...

    @property
    def why(self) -> str:
        """By which rule, or why not."""
        ...


class Clock(Protocol):
    """The clock of a suspicion."""

    @property
    def confirmed(self) -> int:
        """How many others confirm it."""
        ...


class Row(Protocol):
    """One member as a node shows it."""

    @property
    def member(self) -> MemberId:
        """Who."""
        ...

    @property
    def state(self) -> str:
        """Its liveness."""
        ...

    @property
    def epoch(self) -> int:
        """Of its newest process."""
        ...

    @property
    def incarnation(self) -> int:
        """Within the epoch."""
        ...

    @property
    def since(self) -> int:
        """When its state began, wall time in ms."""
        ...

    @property
    def via(self) -> str:
        """How it is reached."""
        ...

    @property
    def rtt_ms(self) -> float | None:
        """A round trip, if one was measured."""
        ...

    @property
    def evidence(self) -> Sequence[Line]:
        """Why."""
        ...

    @property
    def suspicion(self) -> Clock | None:
        """While it is suspect."""
        ...


class Presence(Protocol):
    """What a node shows of membership."""

    @property
    def epoch(self) -> int:
        """Its own."""
        ...

    @property
    def boot(self) -> BootId:
        """Of the process that shows it."""
        ...

    @property
    def health(self) -> int:
        """Its local health score: 0 is well."""
        ...

    @property
    def members(self) -> Sequence[Row]:
        """Everybody, itself included."""
        ...
