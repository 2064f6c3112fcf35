"""
What a list of evidence says, folded by somebody who takes no part (P16).

The rules are read from the words by which each line says that it counted, as they are documented in
``docs/machines/verdict.md``; nothing of the product decides here.  A list that was cut at its old end
begins with whatever its first line says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from securechat.ids import MemberId

ALIVE, SUSPECT, UNREACHABLE, LEFT = "alive", "suspect", "unreachable", "left"
STATES = frozenset({ALIVE, SUSPECT, UNREACHABLE, LEFT})

BEGINNINGS = {"heard of, not yet reached": SUSPECT, "its leave is held": LEFT}
"""How a list begins that was not cut."""

RULES: dict[str, dict[str, str]] = {
    "it was in contact with us, as its newest process": {SUSPECT: ALIVE, UNREACHABLE: ALIVE},
    "its last link ended, and not for bookkeeping": {ALIVE: SUSPECT},
    "a probe round brought no ack and nothing was heard meanwhile": {ALIVE: SUSPECT},
    "two redials were refused where it was reached before": {SUSPECT: UNREACHABLE},
    "the suspicion lasted its full time": {SUSPECT: UNREACHABLE},
    "a newer claim of it came from others": {UNREACHABLE: SUSPECT},
    "a claim of a later process of it came": dict.fromkeys(STATES, SUSPECT),
    "its signed leave of its newest epoch is held": dict.fromkeys(STATES, LEFT),
}
"""What each rule changes; a state that it does not name stays."""


class Line(Protocol):
    """One line of evidence, as ``who NAME`` shows it."""

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


def recomputed(lines: Sequence[Line]) -> str:
    """The state that these lines give; empty if they give none."""
    state = ""
    for line in lines:
        if line.counted and line.why in BEGINNINGS:
            state = BEGINNINGS[line.why]
        elif not state:
            state = line.verdict
        elif line.counted:
            state = RULES[line.why].get(state, state) if line.why in RULES else line.verdict
    return state


def unfounded(state: str, lines: Sequence[Line]) -> str:
    """Why this list does not carry this state; empty if it does."""
    if not lines:
        return f"shows {state} and no evidence"
    found = recomputed(lines)
    if found != state:
        return f"shows {state}, and its evidence gives {found}"
    if state != ALIVE and not any(line.counted and line.verdict == state for line in lines):
        return f"shows {state}, and no line that counted says so"
    return ""
