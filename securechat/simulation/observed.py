"""
What the checker is shown: plain values, and nothing of the cores that made them.

The world reads them through the public read API of each node (``world``, ``host``), as an operator
would; the wire is seen by ``witness``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from attrs import define, field, frozen

from securechat.ids import MemberId, MessageId, Stream
from securechat.objects import Signed


@frozen
class Shown:
    """One post or direct message of a transcript."""

    id: MessageId
    text: str
    to: MemberId | None
    """The recipient of a direct message."""
    state: str | None
    acked: int | None
    signed: Signed | None = None
    """The stored object, where it was read from disk for this."""
    of: int | None = None
    recipients: tuple[tuple[MemberId, str], ...] = ()
    """Of a message of its own: its state at each recipient."""
    evidence: str = field(default="", eq=False)
    """Of a direct message of its own: why its state is what it is."""
    late: bool = False
    """Marked as one that came after what stands below it."""


@frozen
class Missing:
    """A gap of a transcript."""

    stream: Stream
    first: int
    last: int
    verdict: str = field(default="", eq=False)
    """What is done about it, or why nothing is any more,"""
    answers: tuple[tuple[MemberId, str], ...] = field(default=(), eq=False)
    """and what each member has said of it: everybody hears that on its own."""


Line = Shown | Missing


@define
class Said:
    """One message that its author's node accepted."""

    id: MessageId
    text: str
    to: MemberId | None
    at: float
    excused: bool = False
    """Its disk was lost or set back since."""
    cancelled: bool = False
    tried: float = -math.inf
    """When it was last taken up again after it had been cancelled."""
    asked: bool = False
    """Its author wants it offered no more; asked for that, and his process may have died since."""
    trying: bool = False
    """The same of offering it again."""
    until: float = math.inf
    """Till when its author offers it to its recipient."""
    settled: bool = False
    """Its author shows that it is offered no more."""


@frozen
class Seat:
    """One member as a node sees it."""

    member: MemberId
    state: str
    epoch: int
    incarnation: int


@frozen
class View:
    """What one node shows of itself."""

    seats: tuple[Seat, ...]
    digest: str
    lines: tuple[Line, ...]
    floors: bool = False
    """Whether retention has pruned anything."""
    links: frozenset[MemberId] = frozenset()
    """To whom links are up."""


@frozen
class Kept:
    """How much lies on the disk of one node, counted row by row."""

    rows: Mapping[str, int]
    """Facts, by the word that their key begins with."""
    records: int
    """Bytes of all turn records."""
    nonce_age: float = 0.0
    """Seconds since the first nonce that is still known, by the clock of the node."""


@frozen
class Violation:
    """A promise that was broken: an invariant of ``reference`` 4.2, L for liveness, or a guarantee."""

    rule: str
    at: float
    node: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.at:.3f} s, {self.node}: {self.text}"
