"""
Limits that are smaller in some worlds, so that what happens at them does happen; each is marked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from attrs import evolve

from securechat.settings import KIB, Settings
from securechat.simulation.faults import Fault, Trouble
from securechat.simulation.host import Host

SHORT_HISTORIES = 0.15
"""The part of all worlds in which posts are pruned,"""
SHORT_TURNS = 0.3
"""and in which what comes at one moment does not fit into one turn,"""
SLOW_READER = 0.5
"""and in which one node is given more posts than it takes."""
NARROW = 0.7
"""The part of all worlds of short histories in which even less is kept: also letters go there."""
SHORT_AGES = 0.3
"""The part of all worlds without wrong clocks in which something is kept for seconds only."""
DAY, HOUR = 86_400.0, 3600.0


def turned(
    people: Random,
    rng: Callable[[str], Random],
    usual: Settings,
    plan: Sequence[Fault] | None,
    marks: Counter[str],
) -> Settings:
    """The settings of one world; without a plan that was drawn, few of them are touched."""
    settings = histories(people, usual, marks)
    if plan is not None:
        if settings is not usual:
            settings = narrow(rng("narrow"), settings, marks)
        settings = ages(rng("ages"), settings, plan, marks)
    return turns(rng("turns"), settings, marks)


def histories_differ(settings: Settings, usual: Settings) -> bool:
    """Whether posts are forgotten that usually are not."""
    limits = (settings.history_posts, settings.history_days)
    return limits != (usual.history_posts, usual.history_days)


def histories(rng: Random, settings: Settings, marks: Counter[str]) -> Settings:
    """How much nodes keep, unless the world says that itself."""
    short = rng.random() < SHORT_HISTORIES
    if not short or settings.history_posts != Settings().history_posts:
        return settings
    marks["a world of short histories"] += 1
    return evolve(settings, history_posts=rng.randint(15, 50))


def narrow(rng: Random, settings: Settings, marks: Counter[str]) -> Settings:
    """How little that is, where histories are short."""
    if rng.random() >= NARROW:
        return settings
    marks["a world of narrow histories"] += 1
    size = rng.randint(3, 30) * KIB
    return evolve(settings, history_posts=rng.randint(2, 6), history_bytes=size)


def ages(rng: Random, settings: Settings, plan: Sequence[Fault], marks: Counter[str]) -> Settings:
    """How long posts, letters or nonces are kept; never where a clock goes wrong, which tells it."""
    sound = all(fault.what != Trouble.CLOCK for fault in plan)
    days, hours = rng.uniform(15.0, 40.0) / DAY, rng.uniform(4.0, 15.0) / HOUR
    nonces = rng.uniform(35.0, 60.0) / HOUR
    kinds = rng.choice(("posts", "letters", "letters", "nonces", "letters, posts", "all"))
    if rng.random() >= SHORT_AGES or not sound:
        return settings
    marks["a world of short ages"] += 1
    if kinds in ("posts", "letters, posts", "all"):
        settings = evolve(settings, history_days=days)
    if kinds in ("letters", "letters, posts", "all"):
        settings = evolve(settings, keep_hours=hours)
    return evolve(settings, nonce_hours=nonces) if kinds in ("nonces", "all") else settings


def turns(rng: Random, settings: Settings, marks: Counter[str]) -> Settings:
    """How many inputs a turn takes, as where the processor is busy and each takes its time."""
    if rng.random() >= SHORT_TURNS:
        return settings
    marks["a world of short turns"] += 1
    return evolve(settings, turn_inputs=rng.randint(1, 2))


def reader(rng: Random, hosts: Sequence[Host], marks: Counter[str]) -> None:
    """One node takes few posts at a time: of the others it has heads only."""
    if rng.random() < SLOW_READER:
        host = rng.choice(hosts)
        host.settings = evolve(host.settings, posts_per_second=0.2, burst=10.0)
        marks["a world with a slow reader"] += 1
