"""Running many worlds, and what is told of them."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import PIPE, STDOUT
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from securechat.drills.rig import until
from securechat.simulation import run
from securechat.simulation.marks import SOMETIMES
from securechat.simulation.observed import Violation
from securechat.simulation.run import Job, nodes_of, replay, results, simulate
from securechat.simulation.world import Outcome, World


def outcome(job: Job, *violations: Violation) -> Outcome:
    """The outcome of a world that was not run."""
    marks = Counter({"fault: pause": 2})
    return Outcome(
        job.seed, job.nodes, job.seconds, violations, "trace", 1.5, ("pause",), marks,
        ("   1.000 s  pause",), 7,
    )  # fmt: skip


class RunTests(SynchronousTestCase):
    """The runner behind ``securechat simulate``."""

    def setUp(self) -> None:
        self.lines: list[str] = []

    def simulate(self, broken: int | None, seeds: Sequence[int], nodes: int | None = None) -> int:
        """Run with worlds that are not run, one of them broken."""

        def made(jobs: Sequence[Job]) -> Iterator[Outcome]:
            for job in jobs:
                bad = [Violation("I2", 3.0, "node1", "shows it twice")] * (job.seed == broken)
                yield outcome(job, *bad)

        self.patch(run, "results", made)
        return simulate(nodes, seeds, 120.0, self.lines.append)

    def test_all_well(self) -> None:
        """Nothing failed: the status is 0, and the last line says how many were run."""
        self.assertEqual(self.simulate(None, range(1, 8)), 0)
        self.assertEqual(self.lines[-1], "7 seeds, 0 failed")
        self.assertIn("49 messages accepted", self.lines)
        self.assertRegex(
            "\n".join(self.lines),
            r"(?m)^\d+ virtual node-seconds per second: 3360 in \d+\.\d s, \d at once$",
        )
        self.assertIn("0.2 virtual hours: 2 of 3 nodes, 3 of 4 nodes, 2 of 5 nodes", self.lines)

    def test_seldom(self) -> None:
        """500 worlds in which something came up too seldom have failed and say so; fewer have not."""
        self.assertEqual(self.simulate(None, range(499)), 0)
        self.assertNotIn("too seldom", "\n".join(self.lines))
        self.assertEqual(self.simulate(None, range(500)), 1)
        (line,) = [line for line in self.lines if line.startswith("too seldom: ")]
        self.assertIn("fault: partition 0", line)
        self.assertNotIn("fault: pause", line)
        self.assertEqual(
            self.lines[-1], f"500 seeds, 0 failed, {len(SOMETIMES) - 1} marks too seldom"
        )

    def test_often(self) -> None:
        """500 worlds in which everything came up often enough have not failed."""
        self.patch(run, "missed", lambda marks, worlds: [])
        self.assertEqual(self.simulate(None, range(500)), 0)
        self.assertIn("too seldom: nothing", self.lines)
        self.assertEqual(self.lines[-1], "500 seeds, 0 failed")

    def test_failure(self) -> None:
        """A failing seed tells what broke, and the one command that runs it again."""
        self.assertEqual(self.simulate(6, range(1, 8), nodes=4), 1)
        text = "\n".join(self.lines)
        self.assertIn("seed 6 failed (pause)", text)
        self.assertIn("I2 at 3.000 s, node1: shows it twice", text)
        self.assertIn("again: securechat simulate --seeds 6..6 --nodes 4 --seconds 120", text)
        self.assertEqual(self.lines[-1], "7 seeds, 1 failed: [6]")

    def test_one(self) -> None:
        """A single seed tells its plan and its marks."""
        self.simulate(None, [3])
        self.assertIn("   1.000 s  pause", self.lines)
        self.assertIn("     2 fault: pause", self.lines)

    def test_replay(self) -> None:
        """The command of a replay gives the very same world: seed, nodes and seconds."""
        job = Job(9, nodes_of(9), 62.5)
        self.assertEqual(
            replay(outcome(job)), "securechat simulate --seeds 9..9 --nodes 3 --seconds 62.5"
        )

    def test_nodes(self) -> None:
        """Where nobody says how many, worlds have three to five nodes."""
        self.assertEqual({nodes_of(seed) for seed in range(30)}, {3, 4, 5})

    def test_processes(self) -> None:
        """Several processes give the same outcomes, in the order of the seeds."""
        jobs = [Job(seed, 3, 20.0) for seed in (31, 32, 33)]
        found = list(results(jobs))
        self.assertEqual([one.seed for one in found], [31, 32, 33])
        self.assertEqual(found[1], run.run_job(jobs[1]))

    def test_interrupted(self) -> None:
        """Ctrl-C is left to the process that waits: one that runs worlds ignores it."""
        context = multiprocessing.get_context("spawn")
        with context.Pool(1, run._begin_worker) as pool:
            self.assertEqual(pool.apply(signal.getsignal, (signal.SIGINT,)), signal.SIG_IGN)

    def test_ended(self) -> None:
        """SIGTERM ends all processes, quietly, with the status of one that was ended so."""
        command = [sys.executable, "-m", "securechat", "simulate", "--seeds", "1..100000"]
        with subprocess.Popen(command, stdout=PIPE, stderr=STDOUT) as process:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            until(lambda: len(children.read_text().split()) > 2, "two that run worlds")
            others = children.read_text().split()
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=60)
        self.assertEqual((said, process.returncode), (b"", 128 + signal.SIGTERM))
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in others), "all have gone")


class ShortTests(SynchronousTestCase):
    """Worlds too short to heal in."""

    def test_not_judged(self) -> None:
        """A world that ends before it had the time to heal is no failure; one that had it is."""
        for seconds, rules in ((20.0, []), (60.0, ["L"])):
            world = World(5, 3, seconds, script=())
            with mock.patch.object(World, "_compared", return_value="they differ"):
                self.assertEqual([one.rule for one in world.run().violations], rules)
