"""How a drill ends: with its evidence or one clear line, and never with a node that goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from securechat.cli.main import main
from securechat.drills import catalogue
from securechat.drills.catalogue import DRILLS, Drill
from securechat.drills.rig import DrillError, Member, Room

NODE = [sys.executable, "-c", "input()"]


class Ends(SynchronousTestCase):
    """Drills that go wrong."""

    def setUp(self) -> None:
        """A drill with one process in place of a node, and what it told."""
        self.process: subprocess.Popen[bytes] | None = None
        self.fails = False
        self.told: list[str] = []
        self.drill = Drill("one", "one process", self.play)
        self.out = Path(self.mktemp())

    def play(self, room: Room, tell: catalogue.Tell) -> None:
        """Start it, and fail if that is wanted."""
        self.process = subprocess.Popen(NODE, stdin=subprocess.PIPE)
        assert self.process.stdin is not None
        self.addCleanup(self.process.stdin.close)
        self.addCleanup(self.process.kill)
        room.members["ada"] = Member("ada", room.folder / "ada", 1, 2, self.process)
        if self.fails:
            raise DrillError("what the drill saw")

    def problem(self) -> str:
        """The line with which it ends; its process has ended."""
        found = self.assertRaises(DrillError, catalogue.run, self.drill, self.told.append, self.out)
        assert self.process is not None
        self.assertIsNotNone(self.process.poll())
        return str(found)

    def test_evidence_that_cannot_be_gathered(self) -> None:
        """The node does not answer: one line that names the command, and its process is ended."""
        self.assertIn("securechat export: ", self.problem())

    def test_the_first_problem_is_told(self) -> None:
        """A drill that failed says so, also if its evidence cannot be gathered any more."""
        self.fails = True
        self.assertEqual(self.problem(), "what the drill saw")
        self.assertIn("its evidence is not whole: securechat export: ", self.told[-1])
        self.assertTrue((self.out / "one.txt").exists())

    def test_a_command_without_end(self) -> None:
        """It is a failure of the drill, in one line."""
        room = Room(Path(), limit=0.001)
        found = self.assertRaises(DrillError, room.run, "--home", "none", "status")
        self.assertEqual(str(found), "securechat status: no end within 0.001 s")


class Commands(SynchronousTestCase):
    """``securechat drill``."""

    def run_it(self, *words: str) -> Result:
        """One command line."""
        return CliRunner().invoke(main, ["drill", *words])

    def test_a_folder_that_cannot_be_written(self) -> None:
        """It is tried before anything is played: one line, exit status 1."""
        played: list[Room] = []
        drill = Drill("one", "", lambda room, tell: played.append(room))
        self.patch(catalogue, "DRILLS", DRILLS)
        DRILLS["one"] = drill
        self.addCleanup(DRILLS.pop, "one")
        file = Path(self.mktemp())
        file.write_text("")
        for out in ("/proc/x", str(file), str(file / "below")):
            done = self.run_it("run", "one", "--out", out)
            self.assertEqual((done.exit_code, done.stderr.count("\n")), (1, 1), done.stderr)
            self.assertIn(f"securechat: {out} cannot be written (", done.stderr)
            self.assertIn("choose another --out", done.stderr)
        self.assertEqual(played, [])

    def test_list_as_json(self) -> None:
        """One object with the items."""
        done = self.run_it("list", "--json")
        self.assertEqual((done.exit_code, done.stdout.count("\n")), (0, 1))
        items = json.loads(done.stdout)["items"]
        self.assertEqual([item["name"] for item in items], list(DRILLS))
        self.assertTrue(all(item["about"] for item in items))
