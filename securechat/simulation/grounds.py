"""
What a list of evidence says, folded by somebody who takes no part (P16).

The rules are read from the words by which each line says that it counted, as they are documented in
``docs/machines/liveness.md``; nothing of the product decides here.  A list that was cut at its old end
begins with whatever its first line says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from securechat.simulation.shapes import Line

ALIVE, SUSPECT, UNREACHABLE, LEFT = "alive", "suspect", "unreachable", "left"
STATES = frozenset({ALIVE, SUSPECT, UNREACHABLE, LEFT})

BEGINNINGS = {"heard of, not yet reached": SUSPECT, "its leave is held": LEFT}
"""How a list begins that was not cut."""

CONFIRMED = "another does not hear it either: the suspicion is shorter"
RULES: dict[str, dict[str, str]] = {
    "it was in contact with us, as its newest process": {SUSPECT: ALIVE, UNREACHABLE: ALIVE},
    "it signed our nonce just now, through a go-between": {SUSPECT: ALIVE, UNREACHABLE: ALIVE},
    "its last link ended, and not for bookkeeping": {ALIVE: SUSPECT},
    "a probe brought no ack, direct or through others, and nothing was heard meanwhile": {
        ALIVE: SUSPECT
    },
    CONFIRMED: {},
    "redials were refused where it was reached before": {SUSPECT: UNREACHABLE},
    "the suspicion lasted its full time": {SUSPECT: UNREACHABLE},
    "a newer claim of it came from others": {UNREACHABLE: SUSPECT},
    "a claim of a later process of it came": dict.fromkeys(STATES, SUSPECT),
    "its signed leave of its newest epoch is held": dict.fromkeys(STATES, LEFT),
}
"""What each rule changes; a state that it does not name stays."""


def recomputed(lines: Sequence[Line]) -> str:
    """The state that these lines give; empty if they give none."""
    state = ""
    for line in lines:
        if line.counted and line.why in BEGINNINGS:
            state = BEGINNINGS[line.why]
        elif not state:
            state = line.verdict
        elif line.counted:
            state = RULES[line.why].get(state, state)
    return state


def confirming(lines: Sequence[Line]) -> Iterator[Line]:
    """The rows and nacks of others that counted."""
    return (line for line in lines if line.counted and line.why == CONFIRMED)


def known(line: Line) -> bool:
    """Whether it says by which rule it counted."""
    return line.why in RULES or line.why in BEGINNINGS


def unfounded(state: str, lines: Sequence[Line]) -> str:
    """Why this list does not carry this state; empty if it does."""
    if not lines:
        return f"shows {state} and no evidence"
    strange = [line.why for line in lines if line.counted and not known(line)]
    if strange:
        return f"a line counts by no rule: {strange[0]}"
    found = recomputed(lines)
    if found != state:
        return f"shows {state}, and its evidence gives {found}"
    if state != ALIVE and not any(line.counted and line.verdict == state for line in lines):
        return f"shows {state}, and no line that counted says so"
    return ""
