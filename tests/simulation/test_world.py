"""A simulated world runs the real node, follows from its seed, and survives each kind of fault."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.journal.store import Store
from securechat.membership.core import Membership
from securechat.messaging.core import Messaging
from securechat.node.dispatch import Cores
from securechat.node.door import Door
from securechat.node.link import LinkProtocol
from securechat.node.links import Links
from securechat.node.node import Node
from securechat.node.perform import Perform
from securechat.node.turn import Turn
from securechat.node.wires import Wire
from securechat.settings import Settings
from securechat.simulation.faults import COPY, Fault, Trouble
from securechat.simulation.host import Killed
from securechat.simulation.stage import Stage
from securechat.simulation.streams import SimLink
from securechat.simulation.world import World
from securechat.wire import Codec, Framer
from tests.simulation.traces import traces


class FaultTests(SynchronousTestCase):
    """A turn that ended in a fault is told (I13), however the process ended that counted it."""

    def test_told(self) -> None:
        """Killed, or gone with a goodbye, or still there at the end."""
        for end in (Stage.kill, Stage.goodbye, Stage.run_for):
            stage = Stage(1, 2)
            stage.start()
            stage.run_for(1.0)
            node = stage.hosts[1].node
            assert node is not None
            node.counters["faults"] += 1
            end(stage, 1)
            stage.run_for(5.0)
            stage._last_look()
            self.assertIn("I13", {one.rule for one in stage.violations}, end)


class SameClasses(SynchronousTestCase):
    """What runs here is what runs under twistd."""

    def test_same_classes(self) -> None:
        """Node, turn, door, wire, cores and store are the very classes, not look-alikes."""
        world = World(5, 3, 20.0)
        seen: list[Any] = []
        world.clock.callLater(10.0, lambda: seen.extend(host.node for host in world.hosts))
        self.assertEqual(world.run().violations, ())
        for node in filter(None, seen):
            turn = node._turn
            parts = {
                Node: node, Links: node.links, Store: node.store, Turn: turn, Door: node._door,
                Codec: node._door.codec, Cores: turn.cores, Membership: turn.cores.membership,
                Messaging: turn.cores.messaging, Perform: turn.perform,
            }  # fmt: skip
            for kind, part in parts.items():
                self.assertIs(type(part), kind)
            for link in node.links._links.values():
                self.assertIs(type(link.framer), Framer)
                self.assertIs(type(link.wire), SimLink)
        self.assertTrue(any(seen))

    def test_wire(self) -> None:
        """The simulated link has all that the node asks of a wire, as the one over TLS has."""
        asked = {*Wire.__annotations__, "queued", "write", "close", "abort"}
        for kind in (SimLink, LinkProtocol):
            has = {name for base in kind.__mro__ for name in vars(base)}
            has |= {name for base in kind.__mro__ for name in getattr(base, "__annotations__", ())}
            self.assertEqual(asked - has, set(), kind.__name__)


class SameSeed(SynchronousTestCase):
    """Everything follows from the seed."""

    def test_twice(self) -> None:
        """A seed has one trace, whatever ran before it in this process."""
        first = World(21, 3, 60.0).run()
        World(22, 4, 30.0).run()
        again = World(21, 3, 60.0).run()
        self.assertEqual(first, again)
        self.assertNotEqual(World(23, 3, 60.0).run().trace, first.trace)

    def test_hash_seed(self) -> None:
        """Nothing depends on the order in which Python happens to keep its sets."""
        one, other = traces(range(11, 13), seconds=60.0)
        self.assertEqual(one, other)
        self.assertEqual(len(set(one)), 2)


class EachTrouble(SynchronousTestCase):
    """One kind of fault at a time, several times, in a small room."""

    def world(self, kind: Trouble, settings: Settings | None = None) -> World:
        """A world of this kind of fault only."""
        script = [Fault(1.5 + who, COPY, who, 0, 0.0, 0.0) for who in range(3)]
        for number in range(8):
            at, who = 5.0 + 5 * number, number % 3
            script.append(Fault(at, kind, who, (who + 1) % 3, 4.0, (number * 0.37) % 1))
        world = World(100, 3, 90.0, script=tuple(script), settings=settings or Settings())
        outcome = world.run()
        self.assertEqual([str(violation) for violation in outcome.violations], [], kind)
        self.assertIsNotNone(outcome.healed, kind)
        self.assertEqual(outcome.marks[f"fault: {kind}"], 8)
        return world

    def test_network(self) -> None:
        """Delays, reordering, slow links, cuts and partitions."""
        for kind in (Trouble.DELAY, Trouble.REORDER, Trouble.SLOW, Trouble.ONE_WAY):
            self.world(kind)
        self.assertGreater(self.world(Trouble.PARTITION).marks["a member became suspect"], 0)
        self.assertGreater(self.world(Trouble.REJECT).marks["a link ended"], 4)

    def test_a_firewall_falls(self) -> None:
        """Whatever a firewall does, and for how long, when all is mended it refuses nobody."""
        for amount in (0.0, 0.001, 0.002, 0.6, 0.601, 0.602):
            script = (Fault(0.0, Trouble.REJECT, 0, 1, 500.0, amount),)
            world = World(101, 2, 90.0, script=script)
            outcome = world.run()
            self.assertEqual([str(violation) for violation in outcome.violations], [], amount)
            self.assertIsNotNone(outcome.healed, amount)

    def test_links(self) -> None:
        """Resets in mid-frame, lost answers, replayed and forged frames."""
        for kind in (Trouble.RESET, Trouble.DUPLICATE):
            self.assertGreater(self.world(kind).marks["a link ended"], 8, kind)
        self.world(Trouble.REPLAY)
        self.assertGreater(self.world(Trouble.FORGERY).marks["a forged object was refused"], 0)

    def test_processes(self) -> None:
        """Pauses, goodbyes, and crashes between the steps of a turn."""
        self.world(Trouble.PAUSE)
        self.assertGreater(self.world(Trouble.LEAVE).marks["a member became left"], 8)
        marks = self.world(Trouble.CRASH).marks
        self.assertGreater(sum(n for mark, n in marks.items() if mark.startswith("killed")), 3)

    def test_disks(self) -> None:
        """Lost, restored and full disks."""
        self.world(Trouble.DISK_LOSS)
        marks = self.world(Trouble.RESTORE).marks
        self.assertGreater(marks["an old incarnation was refused"], 0)
        marks = self.world(Trouble.DISK_FULL).marks
        self.assertGreater(marks["a commit failed and the cores were rebuilt"], 0)

    def test_twins(self) -> None:
        """Two processes that began from one disk are found out when the halves of a room meet."""
        self.assertGreater(self.world(Trouble.TWINS).marks["a conflict was noticed"], 4)

    def test_last_words(self) -> None:
        """What a process had said is refused once its successor was greeted, though it came (G5)."""
        marks = self.world(Trouble.LAST_WORDS, Settings(turn_inputs=1)).marks
        self.assertGreater(marks["frames of a replaced link were refused"], 0)

    def test_clocks(self) -> None:
        """Clocks on the wall that step, monotonic ones that drift."""
        self.world(Trouble.CLOCK)


class CrashSteps(SynchronousTestCase):
    """A process can be killed at every step, and at none is anything promised lost."""

    def test_every_step(self) -> None:
        """The n-th step after 10 s, for n = 1 to 24: between two of a commit, before each write."""
        steps: set[str] = set()
        for number in range(24):
            amount = number / 40
            script = (
                Fault(10.0, Trouble.CRASH, 0, 1, 6.0, amount),
                Fault(10.0, Trouble.CRASH, 1, 0, 3.0, 0.99 - amount),
            )
            world = World(200 + number, 3, 60.0, script=script)
            outcome = world.run()
            self.assertEqual([str(violation) for violation in outcome.violations], [], number)
            steps |= {mark for mark in outcome.marks if mark.startswith("killed at")}
        wanted = ("begin", "fact", "object", "turn", "commit", "committed", "write")
        self.assertLessEqual({f"killed at: {step}" for step in wanted}, steps)

    def test_nothing_handles_it(self) -> None:
        """No ``except Exception`` of the product stops a kill."""
        self.assertFalse(issubclass(Killed, Exception))
