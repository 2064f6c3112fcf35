"""Worlds of safety and of liveness alone, their command line, and who could reach whom."""

from __future__ import annotations

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from securechat.cli.simulate import COMMANDS
from securechat.simulation import run, scenarios
from securechat.simulation.faults import Trouble
from securechat.simulation.modes import WORLDS, Liveness, Safety
from securechat.simulation.outcasts import apart, joined
from securechat.simulation.people import person
from securechat.simulation.scenes import ACQUAINTED, meet
from securechat.simulation.stage import Stage

SEEDS = (3, 4)


class ModeTests(SynchronousTestCase):
    """What is judged in each kind of world."""

    def test_safety(self) -> None:
        """Faults strike to the end, and nobody has to agree."""
        for seed in SEEDS:
            world = Safety(seed, 4, 60.0)
            outcome = world.run()
            self.assertEqual([str(violation) for violation in outcome.violations], [])
            self.assertEqual((world.quiet, outcome.mode), (60.0, "safety"))
            self.assertIn("--mode safety", run.replay(outcome))

    def test_liveness(self) -> None:
        """A core agrees, whatever becomes of the others."""
        cores = []
        for seed in SEEDS:
            world = Liveness(seed, 5, 90.0)
            outcome = world.run()
            self.assertEqual([str(violation) for violation in outcome.violations], [])
            self.assertIsNotNone(outcome.healed)
            cores.append(len(world.outcasts.core))
        self.assertLess(min(cores), 5)
        self.assertGreaterEqual(min(cores), 2)

    def test_liveness_asks_what_is_possible(self) -> None:
        """Whoever only an outcast can bring together is not asked to meet: the outcast is needed."""
        for seed, nodes in ((5200237, 3), (5200323, 5)):
            world = Liveness(seed, nodes, 120.0)
            outcome = world.run()
            self.assertEqual([str(violation) for violation in outcome.violations], [])

    def test_founder_is_an_outcast(self) -> None:
        """Where the others have met, the core does without the one whom all were told of at first."""
        cores = []
        for seed in range(1, 5):
            world = Liveness(seed, 4, 60.0)
            self.assertEqual([str(one) for one in world.run().violations], [])
            cores.append({host.index for host in world.outcasts.core})
        self.assertIn(False, [0 in core for core in cores])

    def test_joined(self) -> None:
        """A core grows by the fewest that hold it together, and not where it holds by itself."""
        line = [(1, 0), (2, 1), (3, 2), (4, 0)]
        self.assertEqual(joined([1, 2], line), (1, 2))
        self.assertEqual(joined([1, 3], line), (1, 2, 3))
        self.assertEqual(joined([2, 4], line), (0, 1, 2, 4))
        self.assertEqual(joined([1, 3], [*line, (3, 4), (4, 1)]), (1, 2, 3))
        self.assertEqual(joined([2, 4], [*line, (4, 2)]), (2, 4))
        self.assertEqual(joined([0, 5], line), (0, 5))

    def test_liveness_bites(self) -> None:
        """A core whose members cannot reach each other does not agree, and that is seen."""
        world = Liveness(SEEDS[0], 4, 90.0)
        world.clock.callLater(world.quiet + 1.0, self.divide, world)
        rules = {violation.rule for violation in world.run().violations}
        self.assertIn("L", rules)

    def divide(self, world: Liveness) -> None:
        """Cut all from each other for good."""
        everybody = range(len(world.hosts))
        for way in ((a, b) for a in everybody for b in everybody if a != b):
            world.network.cut(*way)

    def test_apart(self) -> None:
        """Nobody of the core may be missing in a view of the core."""
        stage = Stage(1, 3)
        with stage.watched():
            meet(stage)
            views = {host.member: host.view() for host in stage.hosts}
            self.assertEqual(apart(views), "")
            stage.kill(2, powered=False)
            stage.run_for(20.0)
            views = {host.member: host.view() for host in stage.hosts[:2]}
            self.assertEqual(apart(views), "")
            self.assertIn("does not know", apart({**views, person(9).signer.member: views[
                stage.hosts[0].member]}))  # fmt: skip

    def test_modes(self) -> None:
        """Every mode that can be asked for has its world."""
        (option,) = (one for one in COMMANDS["simulate"].params if one.name == "mode")
        self.assertEqual({"", *option.type.choices}, set(WORLDS))  # type: ignore[attr-defined]


class CalmTests(SynchronousTestCase):
    """Since when nothing has stood between two machines."""

    def test_calm(self) -> None:
        """A cut, a pause, a restart and a fault trouble a pair; clocks and lies do not."""
        stage = Stage(2, 3)
        with stage.watched():
            meet(stage)
            lasted = stage.calm.lasted
            self.assertGreater(lasted(0, 1), ACQUAINTED - 1)
            stage.cut((1, 0))
            self.assertEqual((lasted(0, 1), lasted(1, 0)), (0.0, 0.0))
            self.assertGreater(lasted(1, 2), ACQUAINTED - 1)
            stage.mend((1, 0))
            stage.run_for(3.0)
            self.assertAlmostEqual(lasted(0, 1), 3.0, delta=0.3)
            for begin, end in (
                (stage.network.refuse, stage.network.allow),
                (stage.network.reject, stage.network.admit),
            ):
                begin(0, 1)
                self.assertEqual(lasted(0, 1), 0.0, "a firewall refuses one of them")
                end(0, 1)
                stage.run_for(3.0)
                self.assertAlmostEqual(lasted(0, 1), 3.0, delta=0.3)
            for act in (stage.pause, stage.go_on, stage.kill, stage.start):
                stage.run_for(0.5)
                act(2)
                self.assertEqual(lasted(0, 2), 0.0, act.__name__)
            stage.run_for(2.0)
            for kind in (Trouble.CLOCK, Trouble.FORGERY, Trouble.REPLAY):
                stage.calm.struck(kind, 0, 1)
                self.assertGreater(lasted(0, 1), 4.0)
            self.assertGreater(stage.calm.awake(0), 1e6)
            self.assertLess(stage.calm.awake(2), 4.0)
            for kind, thirds in (
                (Trouble.RESET, False),
                (Trouble.ONE_WAY, False),
                (Trouble.PAUSE, True),
            ):
                stage.run_for(2.0)
                stage.calm.struck(kind, 0, 1)
                self.assertEqual(lasted(0, 1), 0.0)
                self.assertEqual((lasted(0, 2), lasted(1, 2)) == (0.0, 0.0), thirds, kind)


class CommandTests(SynchronousTestCase):
    """``securechat simulate``."""

    def simulate(self, *words: str) -> tuple[int, str]:
        """The status and what was printed."""
        done = CliRunner().invoke(COMMANDS["simulate"], words, standalone_mode=False)
        return int(done.return_value if done.exception is None else 1), done.output + str(
            done.exception or ""
        )

    def test_spans(self) -> None:
        """Seeds and nodes are spans; what is no span, or too large, is refused."""
        asked: list[object] = []

        def remember(*words: object) -> int:
            asked.append(words[:3])
            return 0

        self.patch(run, "simulate", remember)
        self.assertEqual(self.simulate("--nodes", "3..9", "--seeds", "4..5")[0], 0)
        self.assertEqual(asked, [(range(3, 10), range(4, 6), 120.0)])
        for words in (
            ["--nodes", "3..26"],
            ["--nodes", "1"],
            ["--seeds", "7..5"],
            ["--seeds", "x"],
        ):
            self.assertEqual(self.simulate(*words)[0], 1, words)

    def test_scripts(self) -> None:
        """The scripts are played, and one that is broken is told with its seed."""
        self.patch(scenarios, "spread", map)
        found = [one for one in scenarios.SCENARIOS if one.name == "slander"]
        self.patch(scenarios, "SCENARIOS", tuple(found))
        status, text = self.simulate("--scripts", "--seeds", "1..2")
        self.assertEqual((status, text.splitlines()[-1]), (0, "1 scripts, 0 failed"))
        self.assertIn("slander (P17): 2 of 2 seeds", text)

        def broken(stage: Stage) -> None:
            stage.expect("P17", False, "it is broken")

        bad = scenarios.Scenario("slander", ("P17",), 3, broken)
        self.patch(scenarios, "SCENARIOS", (bad,))
        status, text = self.simulate("--scripts", "--seeds", "1..2")
        self.assertEqual(status, 1)
        self.assertIn("seed 1: P17", text)
