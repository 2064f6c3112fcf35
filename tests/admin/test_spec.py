"""docs/spec/admin.md: its vectors are what the code reads and writes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.grammar import jsonl, text
from securechat.admin.grammar.values import (
    Code,
    Event,
    GrammarError,
    Rendering,
    Reply,
    Request,
    decode,
)
from tests.house import ROOT

RENDERINGS: dict[str, Rendering] = {"text": text, "json": jsonl}


def rows(what: str) -> list[dict[str, Any]]:
    """The vectors of one sort; there are some."""
    path = ROOT / "docs" / "spec" / "vectors" / "admin.json"
    found = [row for row in json.loads(path.read_text()) if row["what"] == what]
    if not found:
        raise AssertionError(f"no vectors of {what}")
    return found


class AdminVectorTests(SynchronousTestCase):
    """Both renderings, both directions."""

    def test_requests(self) -> None:
        """Each line is the request that it is published as."""
        for row in rows("request"):
            expected = Request(
                row["verb"], row["args"], tuple(row["values"]), row["rest"], row["tag"]
            )
            found = RENDERINGS[row["mode"]].request(decode(row["line"].encode()))
            self.assertEqual(found, expected)

    def test_refused(self) -> None:
        """Each bad line has its code, and its tag where that could be read."""
        for row in rows("refused"):
            rendering = RENDERINGS[row["mode"]]
            try:
                found: Any = rendering.request(decode(row["line"].encode()))
            except GrammarError as problem:
                found = (problem.code, problem.tag)
            self.assertEqual(found, (row["code"], row["tag"]), row["line"])

    def test_replies(self) -> None:
        """Each reply prints as published in both renderings, and reads back."""
        for row in rows("reply"):
            reply = Reply(row["code"], row["fields"], row["word"], row["tag"])
            self.assertEqual(text.reply(reply).splitlines(), row["text"])
            self.assertEqual(jsonl.reply(reply), row["json"] + "\n")
            reader = text.Reader()
            self.assertEqual([reader.line(line) for line in row["text"]][-1], reply)
            self.assertEqual(jsonl.read(row["json"]), reply)

    def test_events(self) -> None:
        """Each event prints as published in both renderings, and reads back."""
        for row in rows("event"):
            event = Event(row["cursor"], row["type"], row["fields"])
            self.assertEqual(text.event(event), row["text"] + "\n")
            self.assertEqual(jsonl.event(event), row["json"] + "\n")
            self.assertEqual(text.Reader().line(row["text"]), event)
            self.assertEqual(jsonl.read(row["json"]), event)

    def test_the_page_names_every_code(self) -> None:
        """No code of the program is missing in the table."""
        page = (ROOT / "docs" / "spec" / "admin.md").read_text()
        for code in Code:
            self.assertIn(str(int(code)), page)


class CommandsPageTests(SynchronousTestCase):
    """docs/spec/admin-commands.md."""

    def test_the_page_is_what_the_table_says(self) -> None:
        """Every command with its parameters, as the node has them; the script that checks agrees."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "draw_commands"), "--check"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        page = (ROOT / "docs" / "spec" / "admin-commands.md").read_text(encoding="utf-8")
        for verb in ("hello", "watch", "messages", "fault", "stop"):
            self.assertIn(f"| `{verb}", page)
