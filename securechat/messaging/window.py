"""
What is on its way to each peer: how much may wait for receipts at once, and for how long.

At most 64 direct messages or 256 KiB to a peer are unanswered at a time; the others follow, in order,
as answers come or deadlines pass.  Each is sent once on a link, and once more 30 s after its deadline.
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
REOFFER = 30.0
"""Seconds after its deadline that a message is offered once more on the same link."""


@define(eq=False)
class Window:
    """Direct messages in flight."""

    _deadline: float
    """Seconds after which one that was sent is no longer waited for."""
    _flight: dict[MemberId, dict[Hash, int]] = field(factory=dict)
    _offered: dict[MemberId, set[Hash]] = field(factory=dict)
    """Sent on the present link, answered or not."""
    _deadlines: dict[Hash, float] = field(factory=dict)
    """In order of time: one that is sent again moves to the end."""
    _reoffers: dict[Hash, float] = field(factory=dict)

    def up(self, peer: MemberId) -> None:
        """A new link."""
        self._flight[peer] = {}
        self._offered[peer] = set()

    def down(self, peer: MemberId) -> None:
        """No link any more."""
        self._flight.pop(peer, None)
        self._offered.pop(peer, None)

    def fitting(self, peer: MemberId, letters: Iterable[Letter]) -> list[Letter]:
        """Those of a peer's letters that may be sent now, in order."""
        flight = self._flight.get(peer, {})
        offered = self._offered.get(peer, set())
        count, room = MAX_LETTERS - len(flight), MAX_BYTES - sum(flight.values())
        found: list[Letter] = []
        for letter in letters:
            if letter.hash in offered:
                continue
            room -= letter.size
            if len(found) >= count or room < 0:
                break
            found.append(letter)
        return found

    def sent(self, letter: Letter, mono: float) -> None:
        """It is given to the link."""
        self._flight.setdefault(letter.to, {})[letter.hash] = letter.size
        self._offered.setdefault(letter.to, set()).add(letter.hash)
        self.wait(letter.hash, mono + self._deadline)

    def wait(self, name: Hash, until: float) -> None:
        """Evidence about it is waited for until then."""
        self._deadlines.pop(name, None)
        self._deadlines[name] = until

    def landed(self, letter: Letter) -> bool:
        """It is answered, or no longer waited for; whether that made room."""
        self._deadlines.pop(letter.hash, None)
        return self._flight.get(letter.to, {}).pop(letter.hash, None) is not None

    def again(self, letter: Letter) -> None:
        """It may be sent once more on the present link."""
        self._flight.get(letter.to, {}).pop(letter.hash, None)
        self._offered.get(letter.to, set()).discard(letter.hash)

    def due(self, mono: float) -> bool:
        """Whether a deadline passed."""
        return _due(self._deadlines, mono)

    def overdue(self, mono: float) -> list[Hash]:
        """Those whose deadline passed; they are waited for no more."""
        names = _take(self._deadlines, mono)
        for name in names:
            self._reoffers.pop(name, None)
            self._reoffers[name] = mono + REOFFER
        return names

    def reoffers(self, mono: float) -> list[Hash]:
        """Those that have rested long enough to be offered once more."""
        return _take(self._reoffers, mono)


def _due(times: dict[Hash, float], mono: float) -> bool:
    first = next(iter(times.values()), None)
    return first is not None and first <= mono


def _take(times: dict[Hash, float], mono: float) -> list[Hash]:
    names = []
    while _due(times, mono):
        names.append(name := next(iter(times)))
        del times[name]
    return names
