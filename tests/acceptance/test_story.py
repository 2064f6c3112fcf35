"""The demo's story on three real nodes, as a script and as a drill that keeps its evidence."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import TestCase

from tests.acceptance.rooms import TIMEOUT, scratch

CHAPTERS = ("join", "post", "direct", "killed", "starts again", "cut", "mended", "asks why")


class TheStory(TestCase):
    """Join, post, direct message, kill, detect, restart, recover, cut, heal, explain."""

    timeout = TIMEOUT

    def test_demo_and_drill(self) -> None:
        """Both end with 0; the drill leaves transcript, records of each node, and a diagram."""
        out = scratch() / "evidence"
        demo = self.begin("-m", "securechat.drills.demo", "--script")
        drill = self.begin("-m", "securechat", "drill", "run", "story", "--out", str(out))
        for process in (demo, drill):
            told, complaints = process.communicate(timeout=TIMEOUT)
            self.assertEqual((process.returncode, complaints), (0, ""), told)
            for word in CHAPTERS:
                self.assertIn(word, told)
            self.assertGreaterEqual(told.count("   ok: "), 10)
        written = {path.name for path in out.iterdir()}
        records = {f"story-{name}.jsonl" for name in ("ada", "bob", "carol")}
        self.assertEqual(written, {"story.txt", "story.mmd", *records})
        diagram = (out / "story.mmd").read_text()
        self.assertTrue(diagram.startswith("sequenceDiagram\n"))
        self.assertNotIn("impossible history", diagram)
        for name in records:
            self.assertNotIn("under the mat", (out / name).read_text())

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A process of our own interpreter, without a terminal."""
        process = subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=dict(os.environ), start_new_session=True,
        )  # fmt: skip
        self.addCleanup(process.kill)
        return process

    def test_a_drill_that_is_none(self) -> None:
        """An unknown drill, and none at all: usage, one line."""
        for words in (("drill", "run", "nosuch"), ("drill", "run")):
            process = self.begin("-m", "securechat", *words)
            told, complaints = process.communicate(timeout=TIMEOUT)
            self.assertEqual((process.returncode, told, complaints.count("\n")), (2, "", 1))
