"""
What a signed claim does to what is held: precedence, as a table (DESIGN 5; 4b of the study).

The version (epoch, incarnation) orders the claims of one member, lexicographically.  What is held is a
function of the set of claims seen, never of when, from whom or in what order they came: the greatest
Alive, the greatest Leave, and a member has left if its Leave is of its newest epoch.  Hence a version
is raised by every newer claim, also of a member that left (a leave wins its epoch, whatever its
incarnation), and of two different claims of one version the greater (boot id, hash) is kept.

A claim about ourselves is not judged here but in ``restart``.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

from attrs import frozen

from securechat.ids import BootId, Hash, MemberId, Version
from securechat.membership.messages import Alive, Leave
from securechat.objects import Admitted, Signed


class Standing(Enum):
    """What is believed of the subject when the claim comes."""

    UNKNOWN = "no claim of it is held"
    ALIVE = "alive"
    SUSPECT = "suspect"
    UNREACHABLE = "unreachable"
    LEFT = "it said a leave in its newest epoch"


class Told(Enum):
    """A claim, beside what is held."""

    ALIVE_OLDER_EPOCH = "alive, of an earlier process"
    ALIVE_OLDER = "alive, same process, older incarnation"
    ALIVE_EQUAL = "alive, the very claim that is held"
    ALIVE_TWIN_BELOW = "alive, another process or body in the same epoch, the lesser of the two"
    ALIVE_TWIN_ABOVE = "alive, another process or body in the same epoch, the greater of the two"
    ALIVE_NEWER = "alive, same process, newer incarnation"
    ALIVE_NEWER_EPOCH = "alive, of a later process"
    LEAVE_OLDER_EPOCH = "leave, of an earlier process"
    LEAVE_HELD = "leave, no newer than the one that is held"
    LEAVE_NEWER = "leave, of the newest epoch or a later one"


class Outcome(Enum):
    """What becomes of it."""

    JOINED = "held: a new member"
    RAISED = "held: its version rises, its state stays"
    NEWS = "held: fresh news of a member out of reach"
    RESTARTED = "held: the member restarted, its earlier process is superseded"
    LEFT = "held: the member left"
    UNCHANGED = "held already"
    IGNORED = "older than what is held"
    ANSWERED = "older than what is held, and the teller is shown the proof"
    CONFLICT_RAISED = "held instead of its twin; two processes of one member"
    CONFLICT_KEPT = "its twin stays held; two processes of one member"


_UP = {
    Told.ALIVE_EQUAL: Outcome.UNCHANGED,
    Told.ALIVE_TWIN_BELOW: Outcome.CONFLICT_KEPT,
    Told.ALIVE_TWIN_ABOVE: Outcome.CONFLICT_RAISED,
    Told.ALIVE_NEWER_EPOCH: Outcome.RESTARTED,
    Told.ALIVE_OLDER_EPOCH: Outcome.ANSWERED,
    Told.LEAVE_OLDER_EPOCH: Outcome.IGNORED,
    Told.LEAVE_HELD: Outcome.UNCHANGED,
    Told.LEAVE_NEWER: Outcome.LEFT,
}
_AWAY = {**_UP, Told.ALIVE_OLDER: Outcome.ANSWERED, Told.ALIVE_NEWER: Outcome.NEWS}

TRANSITIONS: dict[Standing, dict[Told, Outcome]] = {
    Standing.UNKNOWN: {
        **dict.fromkeys(Told, Outcome.IGNORED),  # Beside nothing: a stranger's leave says nothing.
        Told.ALIVE_NEWER_EPOCH: Outcome.JOINED,
    },
    Standing.ALIVE: {
        **_UP,
        Told.ALIVE_OLDER: Outcome.IGNORED,
        Told.ALIVE_NEWER: Outcome.RAISED,
    },
    Standing.SUSPECT: _AWAY,
    Standing.UNREACHABLE: _AWAY,
    Standing.LEFT: {
        **_UP,
        Told.ALIVE_OLDER: Outcome.IGNORED,
        Told.ALIVE_NEWER: Outcome.RAISED,
    },
}

HOLDS = frozenset(
    {
        Outcome.JOINED,
        Outcome.RAISED,
        Outcome.NEWS,
        Outcome.RESTARTED,
        Outcome.LEFT,
        Outcome.CONFLICT_RAISED,
    }
)
"""The outcomes by which a claim is kept."""


@frozen
class Claim:
    """An Alive or a Leave with its hash, as precedence sees it."""

    member: MemberId
    version: Version
    boot: BootId
    """Empty for a Leave."""
    hash: Hash
    statement: Alive | Leave
    signed: Signed

    @property
    def rank(self) -> tuple[Version, str, bytes]:
        """The one order by which the greatest claim is kept."""
        return (self.version, self.boot, self.hash)

    @classmethod
    def of(cls, admitted: Admitted[Any]) -> Claim:
        """The claim that passed the door."""
        said: Alive | Leave = admitted.statement
        boot = said.boot if isinstance(said, Alive) else BootId("")
        return cls(admitted.author, said.version, boot, admitted.hash, said, admitted.signed)


@frozen
class Held:
    """The greatest claims of one member; either may be missing."""

    alive: Claim | None = None
    leave: Claim | None = None

    @property
    def left(self) -> bool:
        """Whether its newest epoch ended with a leave."""
        if self.leave is None:
            return False
        return self.alive is None or self.leave.version.epoch >= self.alive.version.epoch

    def with_claim(self, claim: Claim) -> Held:
        """Both, once this claim is counted in: commutative, associative, idempotent."""
        if isinstance(claim.statement, Leave):
            return Held(self.alive, greater(self.leave, claim))
        return Held(greater(self.alive, claim), self.leave)


def greater(one: Claim | None, other: Claim) -> Claim:
    """The claim that is kept of two."""
    return other if one is None or one.rank < other.rank else one


def merge(claims: Iterable[Claim]) -> dict[MemberId, Held]:
    """What is held once all of these were seen, in whatever order."""
    held: dict[MemberId, Held] = {}
    for claim in claims:
        held[claim.member] = held.get(claim.member, Held()).with_claim(claim)
    return held


def compare(claim: Claim, held: Held) -> Told:
    """How a claim stands to what is held of its member."""
    if isinstance(claim.statement, Leave):
        return _compare_leave(claim, held)
    alive = held.alive
    if alive is None or claim.version.epoch > alive.version.epoch:
        return Told.ALIVE_NEWER_EPOCH
    if claim.version.epoch < alive.version.epoch:
        return Told.ALIVE_OLDER_EPOCH
    if claim.hash == alive.hash:
        return Told.ALIVE_EQUAL
    if claim.boot != alive.boot or claim.version == alive.version:
        below = claim.rank < alive.rank
        return Told.ALIVE_TWIN_BELOW if below else Told.ALIVE_TWIN_ABOVE
    return Told.ALIVE_OLDER if claim.version < alive.version else Told.ALIVE_NEWER


def _compare_leave(claim: Claim, held: Held) -> Told:
    if held.alive is not None and claim.version.epoch < held.alive.version.epoch:
        return Told.LEAVE_OLDER_EPOCH
    if held.leave is not None and claim.rank <= held.leave.rank:
        return Told.LEAVE_HELD
    return Told.LEAVE_NEWER


def judge(standing: Standing, told: Told) -> Outcome:
    """The outcome."""
    return TRANSITIONS[standing][told]
