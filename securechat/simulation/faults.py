"""
What goes wrong in one world, decided from its seed before it begins.

"Swarm": each kind has its own chance and its own frequency, and some are off, so that worlds differ in
kind and not only in luck.  At least three kinds are on in each.  A plan is a list of values that can
be printed; ``chaos`` carries it out.
"""

from __future__ import annotations

from enum import StrEnum
from random import Random

from attrs import frozen


class Trouble(StrEnum):
    """The kinds of fault."""

    DELAY = "delay"
    REORDER = "reorder across links"
    DUPLICATE = "delivered, and its answer lost"
    ONE_WAY = "one-way cut"
    PARTITION = "partition"
    PAUSE = "pause"
    RESET = "reset in mid-frame"
    CRASH = "crash between two steps"
    DISK_LOSS = "disk loss"
    RESTORE = "restore of an old disk"
    CLOCK = "clock step or drift"
    SLOW = "slow link"
    DISK_FULL = "disk full"
    REPLAY = "replayed frames"
    FORGERY = "forged frames"
    LEAVE = "goodbye and return"
    REJECT = "a firewall that refuses"
    TWINS = "two processes of one disk, one for each half of the room"
    LAST_WORDS = "last words, read beside the greeting of the next process"


COPY = "copy of the disk"
"""Not a fault: taken some time before a restore."""

MOST: dict[Trouble, int] = {
    Trouble.DELAY: 5,
    Trouble.REORDER: 4,
    Trouble.DUPLICATE: 8,
    Trouble.ONE_WAY: 4,
    Trouble.PARTITION: 4,
    Trouble.PAUSE: 5,
    Trouble.RESET: 12,
    Trouble.CRASH: 9,
    Trouble.DISK_LOSS: 2,
    Trouble.RESTORE: 3,
    Trouble.CLOCK: 4,
    Trouble.SLOW: 4,
    Trouble.DISK_FULL: 4,
    Trouble.REPLAY: 8,
    Trouble.FORGERY: 6,
    Trouble.LEAVE: 3,
    Trouble.REJECT: 4,
    Trouble.TWINS: 2,
    Trouble.LAST_WORDS: 3,
}
"""How often each kind strikes in one world at most."""

YOUNGEST = (Trouble.REJECT, Trouble.TWINS, Trouble.LAST_WORDS)
"""Drawn last, in this order: to all older kinds a seed means what it always did."""
ON = 0.45
"""The part of all worlds in which a kind is on."""

LONGEST: dict[Trouble, float] = {
    Trouble.DELAY: 15.0,
    Trouble.REORDER: 20.0,
    Trouble.ONE_WAY: 25.0,
    Trouble.PARTITION: 40.0,
    Trouble.PAUSE: 30.0,
    Trouble.CRASH: 15.0,
    Trouble.DISK_LOSS: 15.0,
    Trouble.RESTORE: 15.0,
    Trouble.SLOW: 20.0,
    Trouble.DISK_FULL: 10.0,
    Trouble.LEAVE: 15.0,
    Trouble.REJECT: 30.0,
    Trouble.TWINS: 30.0,
    Trouble.LAST_WORDS: 10.0,
}
"""Seconds that one lasts at most."""


@frozen
class Fault:
    """One thing that goes wrong."""

    at: float
    what: str
    who: int
    other: int
    length: float
    amount: float
    """A number in [0, 1) that each kind reads in its own way."""

    def __str__(self) -> str:
        where = f"node{self.who + 1}, node{self.other + 1}"
        return f"{self.at:8.3f} s  {self.what} ({where}; {self.length:.1f} s, {self.amount:.3f})"


def plan(rng: Random, nodes: int, until: float) -> tuple[Fault, ...]:
    """The faults of one world, in order of time; the last one is over by ``until``."""
    older = [kind for kind in Trouble if kind not in YOUNGEST]
    kinds = [kind for kind in older if rng.random() < ON]
    while len(kinds) < 3:
        kinds = [kind for kind in older if kind in kinds or rng.random() < 0.2]
    faults = [fault for kind in kinds for fault in _times(rng, kind, nodes, until)]
    for kind in YOUNGEST:
        if rng.random() < ON:
            faults += _times(rng, kind, nodes, until)
    return tuple(sorted(faults, key=lambda fault: fault.at))


def _times(rng: Random, kind: Trouble, nodes: int, until: float) -> list[Fault]:
    """One kind that is on, as often as it strikes."""
    times = rng.randint(1, MOST[kind])
    return [fault for _ in range(times) for fault in _fault(rng, kind, nodes, until)]


def _fault(rng: Random, kind: Trouble, nodes: int, until: float) -> list[Fault]:
    who, other = rng.sample(range(nodes), 2)
    at = rng.uniform(2.0, until)
    longest = min(LONGEST.get(kind, 0.0), until - at)
    # Mostly short ones, sometimes until all is mended.
    length = longest * (1.0 if rng.random() < 0.15 else rng.random() ** 2)
    fault = Fault(at, kind, who, other, length, rng.random())
    if kind is not Trouble.RESTORE:
        return [fault]
    return [Fault(rng.uniform(1.0, at), COPY, who, other, 0.0, 0.0), fault]
