"""What one process may have at most is reported where it is passed, and nowhere else."""

from __future__ import annotations

from typing import Any

from attrs import evolve, field, frozen
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, MemberId
from securechat.simulation.bounds import Bounds
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
