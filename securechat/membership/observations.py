"""
What an observation does, by its subject and the version that it cites (DESIGN 5; 4b of the study, "O").

An observation must cite the version that is held, which its subject signed.  Any other one is refused,
shown and counted: an earlier one is refuted already, a later one nobody has shown to us, and its
observer is asked for that.  That ends what an accusation of an invented version did elsewhere.

Whether its observer may be heeded at all is judged in ``observers``; nothing here depends on it.
"""

from __future__ import annotations

from enum import Enum

from securechat.ids import Version


class Standing(Enum):
    """Who its subject is, and what is believed of it when the row comes."""

    UNKNOWN = "no claim of it is held"
    OURSELVES = "this node"
    OBSERVER = "the observer itself"
    ALIVE = "alive"
    SUSPECT = "suspect"
    UNREACHABLE = "unreachable"
    LEFT = "left"


class Cited(Enum):
    """The version that it cites, epoch before incarnation, beside the one that is held."""

    EARLIER = "an earlier epoch, or an earlier incarnation of the same"
    HELD = "the version that is held"
    LATER = "a later incarnation of the same epoch, or a later epoch"


class Outcome(Enum):
    """What becomes of it, in the words of ``who``."""

    IGNORED = "it says nothing"
    REFUSED = "of an earlier version than the one that is held"
    FETCHED = "of a later version than the one that is held"
    REFUTED = "of our present version: the next incarnation refutes it"
    ASKED = "a row begins no suspicion: asked"
    CONFIRMED = "it confirms the suspicion"
    SHOWN = "there is no suspicion that it could confirm"


def _known(held: Outcome) -> dict[Cited, Outcome]:
    return {Cited.EARLIER: Outcome.REFUSED, Cited.HELD: held, Cited.LATER: Outcome.FETCHED}


TRANSITIONS: dict[Standing, dict[Cited, Outcome]] = {
    Standing.UNKNOWN: dict.fromkeys(Cited, Outcome.IGNORED),
    Standing.OURSELVES: _known(Outcome.REFUTED),
    Standing.OBSERVER: _known(Outcome.IGNORED),
    Standing.ALIVE: _known(Outcome.ASKED),
    Standing.SUSPECT: _known(Outcome.CONFIRMED),
    Standing.UNREACHABLE: _known(Outcome.SHOWN),
    Standing.LEFT: _known(Outcome.SHOWN),
}

REFUSES = frozenset({Outcome.REFUSED, Outcome.FETCHED})
"""The outcomes that are counted as ``refused.row-version``."""
HEEDS = frozenset({Outcome.ASKED, Outcome.CONFIRMED, Outcome.SHOWN})
"""The outcomes for which it matters who the observer is, and how it does."""


def compare(cited: Version, held: Version) -> Cited:
    """How the version that is cited stands to the one that is held."""
    if cited == held:
        return Cited.HELD
    return Cited.EARLIER if cited < held else Cited.LATER
