"""
What a list of evidence says, folded by somebody who takes no part (P16).

The rules are read from the words by which each line says that it counted, as they are documented in
``docs/machines/liveness.md``; nothing of the product decides here.  A list that was cut at its old end
begins with whatever its first line says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from securechat.ids import MemberId
from securechat.simulation.shapes import Line

ALIVE, SUSPECT, UNREACHABLE, LEFT = "alive", "suspect", "unreachable", "left"
STATES = frozenset({ALIVE, SUSPECT, UNREACHABLE, LEFT})

BEGINNINGS = {"heard of, not yet reached": SUSPECT, "its leave is held": LEFT}
"""How a list begins that was not cut."""

CONFIRMED = "another does not hear it either: the suspicion is shorter"
VOUCHED = "it signed our nonce just now, through a go-between"
NEWS = "a newer claim of it came from others"
RESTARTED = "a claim of a later process of it came"
RULES: dict[str, dict[str, str]] = {
    "it was in contact with us, as its newest process": {SUSPECT: ALIVE, UNREACHABLE: ALIVE},
    VOUCHED: {SUSPECT: ALIVE, UNREACHABLE: ALIVE},
    "its last link ended, and not for bookkeeping": {ALIVE: SUSPECT},
    "a probe brought no ack, direct or through others, and nothing was heard meanwhile": {
        ALIVE: SUSPECT
    },
    CONFIRMED: {},
    "redials were refused where it was reached before": {SUSPECT: UNREACHABLE},
    "the suspicion lasted its full time": {SUSPECT: UNREACHABLE},
    NEWS: {UNREACHABLE: SUSPECT},
    RESTARTED: dict.fromkeys(STATES, SUSPECT),
    "its signed leave of its newest epoch is held": dict.fromkeys(STATES, LEFT),
}
"""What each rule changes; a state that it does not name stays."""
STAYING = {ALIVE: {VOUCHED}, SUSPECT: {CONFIRMED, NEWS, RESTARTED}}
"""The rules that count in a state which stays: how it is reached, and how long it is suspect."""


def steps(lines: Sequence[Line]) -> Iterator[tuple[Line, str, str]]:
    """Each line with the state before it and after; the first has none before."""
    state = ""
    for line in lines:
        before = state
        if line.counted and line.why in BEGINNINGS:
            state = BEGINNINGS[line.why]
        elif not state:
            state = line.verdict
        elif line.counted:
            state = RULES[line.why].get(state, state)
        yield line, before, state


def recomputed(lines: Sequence[Line]) -> str:
    """The state that these lines give; empty if they give none."""
    return next((after for _, _, after in reversed(list(steps(lines)))), "")


def confirmers(lines: Sequence[Line]) -> set[MemberId]:
    """Who confirms the suspicion that runs, by these lines."""
    found: set[MemberId] = set()
    for line, before, after in steps(lines):
        if not line.counted:
            continue
        if before != SUSPECT or after != SUSPECT or line.why != CONFIRMED:
            found.clear()
        if after == SUSPECT and line.why == CONFIRMED:
            found.add(line.by)
    return found


def unused(lines: Sequence[Line]) -> str:
    """The first line that says that it counted and was of no use; empty if there is none."""
    for line, before, after in steps(lines):
        if not line.counted or not before or line.why in BEGINNINGS:
            continue
        if before == after and line.why not in STAYING.get(before, ()):
            return f"counts, and changes nothing of {before}: {line.why}"
    return ""


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
    if problem := unused(lines):
        return problem
    found = recomputed(lines)
    if found != state:
        return f"shows {state}, and its evidence gives {found}"
    if state != ALIVE and not any(line.counted and line.verdict == state for line in lines):
        return f"shows {state}, and no line that counted says so"
    return ""
