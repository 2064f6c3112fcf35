"""What the demo says when it cannot be played."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.drills import demo
from securechat.drills.rig import DrillError, Room


class Refusals(SynchronousTestCase):
    """One line on stderr and exit status 1, never a traceback."""

    def setUp(self) -> None:
        """Standard error and output are kept."""
        self.said = io.StringIO()
        self.patch(sys, "stderr", self.said)
        self.patch(sys, "stdout", io.StringIO())

    def refused(self, *words: str) -> str:
        """The one line."""
        self.said.truncate(0)
        self.said.seek(0)
        self.assertEqual(demo.main([*words]), 1)
        line = self.said.getvalue()
        self.assertTrue(line.startswith("scripts/demo: ") and line.count("\n") == 1, line)
        return line

    def test_folders_that_cannot_be_kept(self) -> None:
        """One that cannot be made, a file, one that is not empty: each says what to do."""
        folder = Path(self.mktemp())
        folder.mkdir()
        file = folder / "file"
        file.write_text("")
        for keep in ("/proc/x/y", str(file), str(folder)):
            line = self.refused("--script", "--keep", keep)
            self.assertIn(keep, line)
            self.assertIn("name a new folder", line)

    def test_no_room(self) -> None:
        """A command without end, or none to be run, is one line too."""
        for problem in (DrillError("no end within 120 s"), FileNotFoundError(2, "no", "twistd")):

            def fail(room: Room, *words: Any, why: Exception = problem) -> None:
                raise why

            self.patch(Room, "found", fail)
            self.refused("--script")

    def test_what_goes_wrong_beside_the_chat(self) -> None:
        """A member that cannot join is told when the chat has ended, and the demo ends with 1."""
        screens = []

        def chat(words: list[str]) -> int:
            screens.append(self.said.getvalue())
            return 0

        def fail(room: Room, name: str, founder: str) -> None:
            raise DrillError(f"{name} cannot join")

        member = SimpleNamespace(home=Path("ada"), admin=1)
        self.patch(Room, "found", lambda room, name: member)
        self.patch(Room, "start", lambda room, *names: None)
        self.patch(Room, "join", fail)
        self.patch(subprocess, "call", chat)
        for stream in (sys.stdout, sys.stdin):
            self.patch(stream, "isatty", lambda: True)
        self.assertIn("bob cannot join", self.refused())
        self.assertEqual(screens, [""])
