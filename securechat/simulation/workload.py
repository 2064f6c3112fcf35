"""
What people do in one world: they come, they post, they write to each other; some repeat a command
under its nonce, as a client does that lost the answer, try a message again, or cancel it.

Decided from the seed before the world begins; every text is said once only, so that the checker can
tell each message by its words.
"""

from __future__ import annotations

from enum import Enum
from random import Random

from attrs import evolve, frozen

from securechat.simulation.faults import Fault


class What(Enum):
    """What somebody does about a message."""

    SAY = "say it"
    AGAIN = "say it once more, with its nonce"
    RETRY = "try it again"
    CANCEL = "cancel it"


DOUBTED = 0.1
"""The part of all direct messages of which their author gives up hope,"""
DOUBT = (10.5, 30.0)
"""after so many seconds: the deadline has passed by then."""

BREATH = 0.02
"""Seconds between two direct messages of one thought, at most: the first is often still on its way."""


@frozen
class Act:
    """Somebody says something, or does something about what he said."""

    at: float
    who: int
    to: int | None
    """The recipient of a direct message; None for the room."""
    text: str
    nonce: str | None = None
    what: What = What.SAY


def arrivals(rng: Random, nodes: int, until: float) -> tuple[float, ...]:
    """When each node first starts: most at the beginning, one of them perhaps much later."""
    times = [rng.uniform(0.0, 1.0) for _ in range(nodes)]
    if rng.random() < 0.5:
        times[-1] = rng.uniform(2.0, until * 0.8)
    return tuple(times)


def acquaintances(rng: Random, nodes: int) -> tuple[tuple[int, ...], ...]:
    """Whose address each node knows at first: one earlier node; the first knows nobody."""
    return tuple((rng.randrange(0, index),) if index else () for index in range(nodes))


def _burst(rng: Random) -> int:
    """Posts said at once; the longest are more than a slow reader takes."""
    return rng.randint(2, 30) if rng.random() < 0.5 else rng.randint(65, 95)


def acts(rng: Random, nodes: int, faults: tuple[Fault, ...], until: float) -> tuple[Act, ...]:
    """Single posts, bursts and direct messages, some of them just around a fault."""
    found: list[Act] = []
    for _ in range(rng.randint(10, 16) * nodes):
        at = rng.uniform(1.0, until)
        if faults and rng.random() < 0.4:
            at = max(1.0, rng.choice(faults).at + rng.uniform(-0.5, 1.5))
        who, other = rng.sample(range(nodes), 2)
        to = other if rng.random() < 0.35 else None
        many = _burst(rng) if to is None and rng.random() < 0.06 else 1
        for part in range(many):
            to_whom = "the room" if to is None else f"node{to + 1}"
            text = f"node{who + 1} to {to_whom}, {len(found)}, part {part} of {many}."
            if rng.random() < 0.05:
                text += " x" * rng.randint(100, 1500)
            found.append(Act(at, who, to, text))
    found = [more for act in found for more in _with_more(rng, act, until)]
    return tuple(sorted(found, key=lambda act: act.at))


def _with_more(rng: Random, act: Act, until: float) -> list[Act]:
    """An act, and what the same person does about it later."""
    found = [act]
    if rng.random() < 0.25:
        found = [evolve(act, nonce=f"nonce {act.text[:60]}")]
        for _ in range(rng.randint(1, 2)):
            found.append(evolve(found[0], at=act.at + _soon(rng), what=What.AGAIN))
    if rng.random() < 0.15:
        found.append(evolve(found[0], at=act.at + _soon(rng), what=What.RETRY))
    if act.to is not None and rng.random() < 0.15:
        found.append(evolve(found[0], at=act.at + _soon(rng), what=What.CANCEL))
    return [act for act in found if act.at <= until]


def doubts(rng: Random, acts: tuple[Act, ...], until: float) -> tuple[Act, ...]:
    """The same, and some direct messages are cancelled when no answer came for too long."""
    found = list(acts)
    for act in acts:
        if act.what is What.SAY and act.to is not None and rng.random() < DOUBTED:
            found.append(evolve(act, at=act.at + rng.uniform(*DOUBT), what=What.CANCEL))
    return tuple(sorted((act for act in found if act.at <= until), key=lambda act: act.at))


def in_two(rng: Random, acts: tuple[Act, ...]) -> tuple[Act, ...]:
    """The same, and some direct messages are followed at once by another to the same recipient."""
    found = list(acts)
    for act in acts:
        if act.what is What.SAY and act.to is not None and rng.random() < 0.1:
            at, text = act.at + rng.uniform(0.0, BREATH), f"{act.text[:60]} And more."
            found.append(Act(at, act.who, act.to, text))
    return tuple(sorted(found, key=lambda act: act.at))


def _soon(rng: Random) -> float:
    """At once, or somewhat later."""
    return rng.choice((0.0, rng.random(), rng.uniform(0.0, 30.0)))
