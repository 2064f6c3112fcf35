"""
The states that a node gives to another member, and the signs that move them (DESIGN 5; the study's 4b).

``alive`` is contact, ``suspect`` its loss or its lack, ``unreachable`` a suspicion that ended without
contact, ``left`` the member's own signed word.  The table says what each sign does in each state;
when a sign is given, ``verdict`` and its neighbours decide.

A sign counts if it changes the state, or what goes with the state: how an alive member is reached, and
the clock of a suspicion.  Whatever else is seen is shown as well, and why it did not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from securechat.membership.evidence import Evidence
from securechat.notices import Liveness


class Sign(Enum):
    """What evidence says."""

    CONTACT = "it was in contact with us, as its newest process"
    VOUCHED = "it signed our nonce just now, through a go-between"
    LINK_ENDED = "its last link ended, and not for bookkeeping"
    SILENCE = "a probe brought no ack, direct or through others, and nothing was heard meanwhile"
    CONFIRMED = "another does not hear it either: the suspicion is shorter"
    REFUSED = "redials were refused where it was reached before"
    TIME_IS_UP = "the suspicion lasted its full time"
    NEWS = "a newer claim of it came from others"
    RESTARTED = "a claim of a later process of it came"
    LEAVE = "its signed leave of its newest epoch is held"


A, S, U, L = Liveness.ALIVE, Liveness.SUSPECT, Liveness.UNREACHABLE, Liveness.LEFT

TRANSITIONS: dict[Liveness, dict[Sign, Liveness]] = {
    A: {
        Sign.CONTACT: A,
        Sign.VOUCHED: A,
        Sign.LINK_ENDED: S,
        Sign.SILENCE: S,
        Sign.CONFIRMED: A,
        Sign.REFUSED: A,
        Sign.TIME_IS_UP: A,
        Sign.NEWS: A,
        Sign.RESTARTED: S,
        Sign.LEAVE: L,
    },
    S: {
        Sign.CONTACT: A,
        Sign.VOUCHED: A,
        Sign.LINK_ENDED: S,
        Sign.SILENCE: S,
        Sign.CONFIRMED: S,
        Sign.REFUSED: U,
        Sign.TIME_IS_UP: U,
        Sign.NEWS: S,
        Sign.RESTARTED: S,
        Sign.LEAVE: L,
    },
    U: {
        Sign.CONTACT: A,
        Sign.VOUCHED: A,
        Sign.LINK_ENDED: U,
        Sign.SILENCE: U,
        Sign.CONFIRMED: U,
        Sign.REFUSED: U,
        Sign.TIME_IS_UP: U,
        Sign.NEWS: S,
        Sign.RESTARTED: S,
        Sign.LEAVE: L,
    },
    L: {
        Sign.CONTACT: L,
        Sign.VOUCHED: L,
        Sign.LINK_ENDED: L,
        Sign.SILENCE: L,
        Sign.CONFIRMED: L,
        Sign.REFUSED: L,
        Sign.TIME_IS_UP: L,
        Sign.NEWS: L,
        Sign.RESTARTED: S,
        Sign.LEAVE: L,
    },
}
RENEWS = frozenset({Sign.NEWS, Sign.RESTARTED})
"""The signs after which a suspicion has its full time again."""
ACCUSES = frozenset({Sign.LINK_ENDED, Sign.SILENCE, Sign.TIME_IS_UP, Sign.REFUSED})
"""The signs by which a change of state is something that we say against the member."""
SIGNS = {sign.value: sign for sign in Sign}
STAYING: dict[Liveness, frozenset[Sign]] = {
    A: frozenset({Sign.VOUCHED}),
    S: frozenset({Sign.CONFIRMED, *RENEWS}),
}
"""The signs that count in a state which stays: who brings word of it, and how long it is suspect."""
IDLE = {
    A: "it is alive: there is no suspicion",
    S: "it is suspect already",
    U: "it is unreachable already",
    L: "it left, and only a later epoch returns it",
}


def idle(state: Liveness, sign: Sign) -> str:
    """Why a sign does not count in a state; empty if it does."""
    if TRANSITIONS[state][sign] is not state or sign in STAYING.get(state, ()):
        return ""
    return IDLE[state]


def recomputed(lines: Iterable[Evidence]) -> Liveness | None:
    """The state that follows from these lines alone (P16 of the study); None without a line."""
    state: Liveness | None = None
    for line in lines:
        sign = SIGNS.get(line.why)
        if state is None or (line.counted and sign is None):
            state = line.verdict
        elif line.counted and sign is not None:
            state = TRANSITIONS[state][sign]
    return state
