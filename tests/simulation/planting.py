"""
A bug planted in the product: its name, what must catch it, and how early effects are made.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from attrs import frozen

from securechat.effects import Answer, Effect, Send
from securechat.node import turn

Patch = AbstractContextManager[object]


@frozen
class Planted:
    """One bug, and the invariants of which at least one must catch it."""

    name: str
    rules: tuple[str, ...]
    plant: Callable[[], Patch]


def early(matches: Callable[[Effect], bool]) -> Patch:
    """Effects of one kind are performed before the commit of their turn."""
    true_commit = turn.Turn._commit

    def commit(self: Any, batch: Any) -> None:
        early = [effect for effect in batch.effects if matches(effect)]
        batch.effects = [effect for effect in batch.effects if not matches(effect)]
        self.perform(early)
        for effect in early:
            if isinstance(effect, Answer):
                self._answer(effect.ticket, effect.value)
        true_commit(self, batch)

    return mock.patch.object(turn.Turn, "_commit", commit)


def sends(*kinds: type[Any]) -> Callable[[Effect], bool]:
    return lambda effect: isinstance(effect, Send) and isinstance(effect.message, kinds)
