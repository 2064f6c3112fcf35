"""
Bugs in where posts stand, in what a node takes for granted, and in what a restart keeps; part of
``planted``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

from attrs import evolve

from securechat.effects import Effect
from securechat.journal.store import Store
from securechat.messaging import outbox, transcript
from securechat.messaging.facts import EnvelopeHeld
from securechat.messaging.views import GapLine
from tests.simulation.planting import Patch, Planted


def _never_late() -> Patch:
    """What comes after its successor is shown as if it had always been there."""
    return mock.patch.object(transcript.Transcript, "newest", return_value=0)


def _gaps_below() -> Patch:
    """A gap is shown below the posts that come after it."""
    true_lines = transcript.Transcript._lines

    def lines(self: Any, item: Any, gap: Any) -> list[Any]:
        found = list(true_lines(self, item, gap))
        return sorted(found, key=lambda line: isinstance(line, GapLine))

    return mock.patch.object(transcript.Transcript, "_lines", lines)


def _second_receipt() -> Patch:
    """A receipt for a message that waits no more is not reckoned with."""
    true_receipts = outbox.Outbox.receipts

    def receipts(self: Any, objects: Any, now: Any) -> list[Effect]:
        found = list(objects)
        for admitted in found:
            self._book.letters.open[admitted.author][admitted.statement.hash]
        effects: list[Effect] = true_receipts(self, found, now)
        return effects

    return mock.patch.object(outbox.Outbox, "receipts", receipts)


def _marks_forgotten() -> Patch:
    """A restart forgets which posts came late."""
    true_replay = Store.replay

    def replay(self: Any) -> Iterator[Any]:
        for fact in true_replay(self):
            yield evolve(fact, late=False) if isinstance(fact, EnvelopeHeld) else fact

    return mock.patch.object(Store, "replay", replay)


BUGS: tuple[Planted, ...] = (
    Planted("late posts not marked", ("I11",), _never_late),
    Planted("gaps below what comes after them", ("I11",), _gaps_below),
    Planted("a second receipt is not expected", ("I13",), _second_receipt),
    Planted("late marks forgotten over a restart", ("I14",), _marks_forgotten),
)
