"""
What is on its way to each peer: how much may wait for receipts at once, and for how long.

At most 64 direct messages or 256 KiB to a peer are unanswered at a time; the others follow, in order,
as answers come or deadlines pass.  On one link a message is sent again 5 s after its deadline, then
after 10, 20 and so on up to 60 s: a link loses nothing, but its other end may have had to drop a turn.
Volatile: a new link begins with an empty window.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from securechat.ids import Hash, MemberId
from securechat.messaging.letters import Letter
from securechat.settings import KIB

MAX_LETTERS = 64
MAX_BYTES = 256 * KIB
REST_MIN = 5.0
REST_MAX = 60.0
"""Seconds after its deadline that a message is offered once more on the same link."""


@define(eq=False)
class Window:
    """Direct messages in flight."""

    _deadline: float
    """Seconds after which one that was sent is no longer waited for."""
    _flight: dict[MemberId, dict[Hash, int]] = field(factory=dict)
    _offered: dict[MemberId, dict[Hash, int]] = field(factory=dict)
    """Sent on the present link, answered or not: how often."""
    _rested: set[Hash] = field(factory=set)
    """Offered, and to be offered again."""
    _deadlines: dict[Hash, float] = field(factory=dict)
    """In order of time: one that is sent again moves to the end."""
    _resting: dict[Hash, float] = field(factory=dict)

    def up(self, peer: MemberId) -> None:
        """A new link."""
        self._flight[peer] = {}
        self._offered[peer] = {}

    def down(self, peer: MemberId) -> None:
        """No link any more."""
        self._flight.pop(peer, None)
        self._offered.pop(peer, None)

    def fitting(self, peer: MemberId, letters: Iterable[Letter]) -> list[Letter]:
        """Those of a peer's letters that may be sent now, in order."""
        flight = self._flight.get(peer, {})
        offered = self._offered.get(peer, {})
        count, room = MAX_LETTERS - len(flight), MAX_BYTES - sum(flight.values())
        found: list[Letter] = []
        for letter in letters:
            if letter.hash in offered and letter.hash not in self._rested:
                continue
            room -= letter.size
            if len(found) >= count or room < 0:
                break
            found.append(letter)
        return found

    def sent(self, letter: Letter, mono: float) -> None:
        """It is given to the link."""
        self._flight.setdefault(letter.to, {})[letter.hash] = letter.size
        offered = self._offered.setdefault(letter.to, {})
        offered[letter.hash] = offered.get(letter.hash, 0) + 1
        self._rested.discard(letter.hash)
        self.wait(letter.hash, mono + self._deadline)

    def wait(self, name: Hash, until: float) -> None:
        """Evidence about it is waited for until then."""
        self._deadlines.pop(name, None)
        self._deadlines[name] = until

    def answered(self, letter: Letter) -> bool:
        """
        Its recipient does not take it yet: it makes room, and whether it was in flight.  Its deadline
        stays, and after that it rests like one that was not answered.
        """
        return self._flight.get(letter.to, {}).pop(letter.hash, None) is not None

    def landed(self, letter: Letter) -> bool:
        """It is answered, or no longer waited for; whether that made room."""
        self._deadlines.pop(letter.hash, None)
        self._rested.discard(letter.hash)
        return self._flight.get(letter.to, {}).pop(letter.hash, None) is not None

    def settled(self, letter: Letter) -> bool:
        """Its recipient answered, so nothing of it is kept here; whether that made room."""
        self.closed(letter)
        return self.landed(letter)

    def closed(self, letter: Letter) -> None:
        """It is not offered any more; what is on its way may still be answered."""
        self._offered.get(letter.to, {}).pop(letter.hash, None)
        self._rested.discard(letter.hash)
        self._resting.pop(letter.hash, None)

    def again(self, letter: Letter) -> None:
        """It may be sent once more on the present link."""
        self._flight.get(letter.to, {}).pop(letter.hash, None)
        self._rested.add(letter.hash)

    @property
    def resting(self) -> bool:
        """Whether any is to be offered again on its link."""
        return bool(self._resting)

    def due(self, mono: float) -> bool:
        """Whether a deadline passed."""
        return _due(self._deadlines, mono)

    def overdue(self, mono: float) -> list[Hash]:
        """Those whose deadline passed; they are waited for no more."""
        return _take(self._deadlines, mono)

    def rest(self, letter: Letter, mono: float) -> None:
        """It was not answered in time: it rests before it is offered again on this link."""
        times = self._offered.get(letter.to, {}).get(letter.hash, 0)
        if times:
            self._resting[letter.hash] = mono + min(REST_MAX, REST_MIN * 2.0 ** (times - 1))

    def reoffers(self, mono: float) -> list[Hash]:
        """Those that have rested long enough."""
        names = [name for name, until in self._resting.items() if until <= mono]
        for name in names:
            del self._resting[name]
        return names


def _due(times: dict[Hash, float], mono: float) -> bool:
    first = next(iter(times.values()), None)
    return first is not None and first <= mono


def _take(times: dict[Hash, float], mono: float) -> list[Hash]:
    names = []
    while _due(times, mono):
        names.append(name := next(iter(times)))
        del times[name]
    return names
