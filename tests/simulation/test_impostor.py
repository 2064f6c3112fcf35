"""A member that runs another program repeats and forges words of membership, and breaks nothing."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import Version
from securechat.membership.messages import MESSAGES
from securechat.simulation.faults import Fault, Trouble
from securechat.simulation.frames import bodies
from securechat.simulation.impostor import REPEATED
from securechat.simulation.network import SimNetwork
from securechat.simulation.stage import Stage
from securechat.simulation.streams import SimLink

ACCUSES = 0.9
"""The amount of a fault by which a forger accuses."""


class ImpostorTests(SynchronousTestCase):
    """Node 2 of three runs another program for a moment."""

    def setUp(self) -> None:
        self.injected: Counter[int] = Counter()
        inject = SimNetwork.inject

        def counting(network: SimNetwork, end: SimLink, data: bytes) -> None:
            self.injected.update(body[1] for body in bodies(data))
            inject(network, end, data)

        self.patch(SimNetwork, "inject", counting)

    def met(self, seed: int) -> Stage:
        """Three who see each other alive; the first was away for a while, and others told of that."""
        stage = Stage(seed, 3)
        stage.start()
        stage.run_for(10.0)
        ways = stage.both((0, 1))
        stage.cut(*ways)
        stage.run_for(20.0)
        stage.pause(0)
        stage.run_for(20.0)
        stage.go_on(0)
        stage.mend(*ways)
        stage.must("P13", stage.agreed, 40.0, "all see each other alive")
        stage.run_for(5.0)
        return stage

    def strike(self, stage: Stage, kind: Trouble, amount: float = 0.0) -> None:
        """Node 2 does so to each of the others."""
        for other in (0, 2):
            stage.chaos.strike(Fault(stage.now, kind, 1, other, 0.0, amount))

    def test_repeated(self) -> None:
        """Claims, questions for others, vouches, nacks and rows come again, and change nothing."""
        seen: set[int] = set()
        for seed in (1, 2):
            stage = self.met(seed)
            with stage.watched():
                before, since = [stage.view(who).digest for who in range(3)], stage.now
                self.strike(stage, Trouble.REPLAY)
                stage.run_for(10.0)
                self.assertEqual([stage.view(who).digest for who in range(3)], before)
                self.assertEqual(stage.tells(since), [])
                self.assertEqual([str(violation) for violation in stage.violations], [])
            seen |= set(self.injected) & set(MESSAGES)
        self.assertEqual(seen, REPEATED)

    def test_accused(self) -> None:
        """Who is accused refutes it, once; nobody suspects him for it."""
        accused = next(code for code, kind in MESSAGES.items() if kind.__name__ == "Rows")
        for seed in (1, 2):
            stage = self.met(seed)
            with stage.watched():
                held, since = [stage.row(2, of) for of in (0, 1, 2)], stage.now
                for _ in range(4):
                    self.strike(stage, Trouble.FORGERY, ACCUSES)
                stage.run_for(10.0)
                now = [stage.row(2, of) for of in (0, 1, 2)]
                raised = [
                    Version(after.epoch, after.incarnation)
                    > Version(before.epoch, before.incarnation)
                    for before, after in zip(held, now, strict=True)
                ]
                self.assertEqual(raised, [True, False, True])
                self.assertEqual(stage.tells(since), [])
                self.assertEqual([str(violation) for violation in stage.violations], [])
        self.assertEqual(set(self.injected), {accused})
