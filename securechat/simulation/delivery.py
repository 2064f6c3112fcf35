"""
What an author shows of the fate of his own messages, judged from above and from below (G1).

- From above: at a recipient it is ``acked`` only if that recipient has truly signed that it has it.
- From below: what a recipient has told the author, over a link that stayed up, shows as ``acked``.
- What is ``acked`` at a recipient that has told since that it lost its disk says so.
- The state of a message is the weakest of its recipients, and ``acked`` of ``of`` counts them.
- News only grows stronger: no state is ever followed by one that claims less (``GROWS``), also over
  restarts.  A disk that was lost or set back begins anew.  The recipients of a message never change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from attrs import define, field

from securechat.ids import Kind, MemberId, MessageId
from securechat.simulation.observed import Shown, View

QUEUED, SENT, UNKNOWN, ACKED = "queued", "sent", "unknown", "acked"
RANK = (QUEUED, SENT, UNKNOWN, ACKED)
"""From the weakest news of a post to the strongest."""
GROWS: dict[str, frozenset[str]] = {
    QUEUED: frozenset({SENT, UNKNOWN, ACKED, "rejected", "expired"}),
    SENT: frozenset({UNKNOWN, ACKED, "rejected"}),
    UNKNOWN: frozenset({ACKED, "rejected"}),
    ACKED: frozenset(),
    "rejected": frozenset({ACKED}),
    "expired": frozenset({ACKED}),
}
"""By what each state at one recipient may be followed."""

Fate = dict[MemberId, str]
LOST = "has since lost its disk"
Report = Callable[[str, str, str], None]


class Told(Protocol):
    """What has reached an author."""

    def __contains__(self, told: object) -> bool:
        """Whether this message is stored at that member."""
        ...

    def lost(self, id: MessageId, member: MemberId) -> bool:
        """Whether that member has lost its disk since it signed for this message."""
        ...


def weakest(states: Collection[str]) -> str:
    """The state of a message from those of its recipients; queued if it has none."""
    return min(states, key=RANK.index, default=QUEUED)


@define(eq=False)
class Fates:
    """What each node has shown of its own messages."""

    _report: Report
    _signed: Mapping[MemberId, Collection[MessageId]]
    """What each member has truly signed to have stored."""
    _before: dict[str, dict[MessageId, Fate]] = field(factory=dict)

    def forget(self, name: str) -> None:
        """This node's disk is not what it was."""
        self._before.pop(name, None)

    def shown(self, name: str, view: View, told: Told) -> None:
        """What a node shows now; ``told`` is what has reached it: who has which of its messages."""
        before = self._before.setdefault(name, {})
        for line in view.lines:
            if isinstance(line, Shown) and line.state is not None:
                fate = dict(line.recipients)
                self._sums(name, line)
                self._above(name, line, fate)
                self._below(name, line, fate, told)
                self._grows(name, line, fate, before.get(line.id, fate))
                before[line.id] = fate

    def changed(self, name: str, id: MessageId, member: MemberId, states: tuple[str, str]) -> None:
        """A node tells its watchers of a change: before and after."""
        if states[1] not in GROWS[states[0]]:
            self._report("I1", name, f"{id} at {member[:8]} turns from {states[0]} to {states[1]}")
        if states[1] == ACKED:
            self._acked(name, id, member)

    def _acked(self, name: str, id: MessageId, member: MemberId) -> None:
        if id not in self._signed.get(member, ()):
            text = f"{id} is acked at {member[:8]}, which never truly signed that"
            self._report("I1", name, text)

    def _sums(self, name: str, line: Shown) -> None:
        states = [str(state) for _, state in line.recipients]
        if line.id.kind is Kind.DIRECT:
            right = len(states) == 1 and line.state == states[0]
        else:
            right = line.state == weakest(states)
        if not right or (line.acked, line.of) != (states.count(ACKED), len(states)):
            text = f"{line.id} is {line.state}, {line.acked} of {line.of}, and at each: {states}"
            self._report("I1", name, text)

    def _above(self, name: str, line: Shown, fate: Fate) -> None:
        for member, state in fate.items():
            if state == ACKED:
                self._acked(name, line.id, member)

    def _below(self, name: str, line: Shown, fate: Fate, told: Told) -> None:
        for member, state in fate.items():
            if state != ACKED and (line.id, member) in told:
                text = f"{line.id} is {state} at {member[:8]}, which has told it otherwise"
                self._report("I1", name, text)
            elif state == ACKED and told.lost(line.id, member) and LOST not in line.evidence:
                text = f"{line.id} is acked at {member[:8]} by evidence that it told to have lost"
                self._report("I1", name, f"{text}: {line.evidence}")

    def _grows(self, name: str, line: Shown, fate: Fate, before: Fate) -> None:
        if fate.keys() != before.keys():
            self._report("I1", name, f"{line.id} was for {sorted(before)}, is for {sorted(fate)}")
        for member, state in fate.items():
            was = before.get(member, state)
            if was != state and state not in GROWS[was]:
                self._report("I1", name, f"{line.id} at {member[:8]} was {was} and is {state}")
