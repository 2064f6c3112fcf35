"""
What one process may have at most: of what others can make it keep, and of processes of one member.

- I10: what lies on its links, how many they are, and what it has asked to be called for.
- I10, G2: what it keeps and forgets (``retained``), unless its disk has ever failed it.
- P20: between two turns the links to a member that are up, and that neither side ends, are of one
  process: of two that have one key no node accepts both at a time (DESIGN 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define

from securechat.settings import MIB
from securechat.simulation.calm import Calm
from securechat.simulation.host import Host
from securechat.simulation.network import SimNetwork
from securechat.simulation.observed import View
from securechat.simulation.retained import Retained

MAX_QUEUED = 3 * MIB
"""Bytes on their way out of one end of a link."""
MAX_PENDING = 400
"""Delayed calls of one process."""
MAX_LINKS = 12
"""Connections of one pair of machines."""


@define(eq=False)
class Bounds:
    """Looks at links and calls."""

    _network: SimNetwork
    _hosts: Sequence[Host]
    _report: Callable[[str, str, str], None]

    def links(self, host: Host) -> None:
        """What lies on the links of a process, and how many there are."""
        ends = [end for pair in self._network.connections for end in pair if end.machine is host]
        for end in ends:
            if end.queued > MAX_QUEUED:
                self._report("I10", host.name, f"{end.queued} bytes queued on a link")
        if len(ends) > MAX_LINKS * len(self._hosts):
            self._report("I10", host.name, f"{len(ends)} connections")

    @staticmethod
    def kept(host: Host, view: View, retained: Retained, calm: Calm) -> None:
        """What is on its disk, if it can forget what it should."""
        if host.disk_full or host.node is None or host.node.counters["commits_failed"]:
            return
        kept, age = host.kept(), host.world.clock.now - host.started
        retained.looked(host, view, kept, host.settings)
        if calm.awake(host.index) > age and host.full_until < host.started:
            retained.aged(host, kept, age, host.settings)

    def processes(self, host: Host) -> None:
        """Of which processes of each member it has links."""
        for member, boots in sorted(host.accepted().items()):
            if len(boots) > 1:
                text = f"takes what {len(boots)} processes of {member[:8]} say at one time"
                self._report("P20", host.name, text)

    def calls(self, host: Host) -> None:
        """What a process has asked to be called for."""
        pending = len(host.clock.getDelayedCalls())
        if pending > MAX_PENDING:
            self._report("I10", host.name, f"{pending} delayed calls")
