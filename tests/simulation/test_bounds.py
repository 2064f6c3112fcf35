"""What one process may have at most is reported where it is passed, and nowhere else."""

from __future__ import annotations

from typing import Any

from attrs import evolve, field, frozen
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, MemberId
from securechat.simulation.bounds import MAX_LINKS, MAX_PENDING, MAX_QUEUED, Bounds
from securechat.simulation.stage import Stage

ADA, BOB = MemberId("a" * 52), MemberId("b" * 52)
ONE, OTHER = BootId("1" * 32), BootId("2" * 32)


@frozen
class Machine:
    """A machine whose process has links of these processes."""

    boots: dict[MemberId, set[BootId]] = field(factory=dict)
    name: str = "node1"

    def accepted(self) -> dict[MemberId, set[BootId]]:
        """Of which processes it has links."""
        return self.boots


class ProcessesTests(SynchronousTestCase):
    """P20: at most one process of a member is accepted at any node at a time."""

    def reported(self, host: Any) -> list[tuple[str, str]]:
        """The rules that its links break, and who breaks them."""
        found: list[tuple[str, str]] = []
        network: Any = None
        bounds = Bounds(network, (), lambda rule, name, text: found.append((rule, name)))
        bounds.processes(host)
        return found

    def test_one_of_each(self) -> None:
        """One process of each member, also on several links, is as it should be."""
        self.assertEqual(self.reported(Machine({ADA: {ONE}, BOB: {OTHER}})), [])

    def test_two_of_one(self) -> None:
        """Two of one are one too many."""
        self.assertEqual(
            self.reported(Machine({ADA: {ONE}, BOB: {ONE, OTHER}})), [("P20", "node1")]
        )

    def test_links_of_a_node(self) -> None:
        """A real node has links of one process; with one more of another it is reported."""
        stage = Stage(1, 2)
        with stage.watched():
            stage.start()
            stage.run_for(5.0)
            host, node = stage.hosts[0], stage.hosts[0].node
            assert node is not None
            self.assertEqual(host.accepted(), {stage.hosts[1].member: {stage.view(1).boot}})
            (links,) = node.links._peers.values()
            assert links[0].up is not None
            old = evolve(links[0], up=evolve(links[0].up, boot=OTHER))
            links.append(old)
            self.assertEqual(self.reported(host), [("P20", host.name)])
            old.closing = "superseded"
            self.assertEqual(self.reported(host), [], "that one is ending")
            links.remove(old)
        self.assertEqual([str(violation) for violation in stage.violations], [])


@frozen
class End:
    """One end of a connection."""

    machine: object
    queued: int = 0


@frozen
class Cables:
    """The connections that there are, as pairs of ends."""

    connections: tuple[tuple[End, End], ...]


@frozen(eq=False)
class Busy:
    """A machine whose process may have asked for calls."""

    clock: Clock = field(factory=Clock)
    name: str = "node1"


class LinksTests(SynchronousTestCase):
    """I10: what one process has to hold for its peers."""

    def setUp(self) -> None:
        """The process, and one on another machine."""
        self.me, self.other = Busy(), Busy()

    def reported(self, *pairs: tuple[End, End]) -> list[str]:
        """What the process is told, of these connections in a room of two, and of its calls."""
        found: list[str] = []
        network: Any = Cables(pairs)
        hosts: Any = (self.me, self.other)
        host: Any = self.me
        bounds = Bounds(network, hosts, lambda rule, name, text: found.append(f"{rule}: {text}"))
        bounds.links(host)
        bounds.calls(host)
        return found

    def test_queues(self) -> None:
        """Its own end is looked at, to the byte; what lies at the other end is another's."""
        mine, theirs = End(self.me, MAX_QUEUED), End(self.other, MAX_QUEUED + 1)
        self.assertEqual(self.reported((mine, theirs)), [])
        more = End(self.me, MAX_QUEUED + 1)
        self.assertEqual(
            self.reported((theirs, more)), [f"I10: {MAX_QUEUED + 1} bytes queued on a link"]
        )

    def test_connections(self) -> None:
        """So many for each machine of the room, and one more is too many."""
        pair, most = (End(self.me), End(self.other)), MAX_LINKS * 2
        self.assertEqual(self.reported(*[pair] * most), [])
        self.assertEqual(self.reported(*[pair] * (most + 1)), [f"I10: {most + 1} connections"])

    def test_calls(self) -> None:
        """So many calls, and one more is too many."""
        for _ in range(MAX_PENDING):
            self.me.clock.callLater(1.0, int)
        self.assertEqual(self.reported(), [])
        self.me.clock.callLater(1.0, int)
        self.assertEqual(self.reported(), [f"I10: {MAX_PENDING + 1} delayed calls"])
