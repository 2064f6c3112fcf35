"""
Limits that are smaller in some worlds, so that what happens at them does happen; each is marked.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from attrs import evolve

from securechat.settings import Settings

SHORT_HISTORIES = 0.15
"""The part of all worlds in which posts are pruned,"""
SHORT_TURNS = 0.3
"""and in which what comes at one moment does not fit into one turn."""


def histories(rng: Random, settings: Settings, marks: Counter[str]) -> Settings:
    """How much nodes keep, unless the world says that itself."""
    short = rng.random() < SHORT_HISTORIES
    if not short or settings.history_posts != Settings().history_posts:
        return settings
    marks["a world of short histories"] += 1
    return evolve(settings, history_posts=rng.randint(15, 50))


def turns(rng: Random, settings: Settings, marks: Counter[str]) -> Settings:
    """How many inputs a turn takes, as where the processor is busy and each takes its time."""
    if rng.random() >= SHORT_TURNS:
        return settings
    marks["a world of short turns"] += 1
    return evolve(settings, turn_inputs=rng.randint(1, 2))
