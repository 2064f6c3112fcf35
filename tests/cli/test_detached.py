"""The log of a detached node: one JSON object a line, whatever is logged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.logger import LogLevel
from twisted.trial.unittest import SynchronousTestCase

from securechat.cli.detached import json_line, json_log


def event(**fields: Any) -> dict[str, Any]:
    """An event as twisted.logger makes it."""
    return {
        "log_time": 1_763_730_312.25,
        "log_level": LogLevel.warn,
        "log_format": "{line}",
        **fields,
    }


class JsonLines(SynchronousTestCase):
    """node.log."""

    def test_an_event_of_ours(self) -> None:
        """When, how grave, the line for people, and the fields as values."""
        said = json.loads(
            json_line(event(line="link-up peer=b", event="link-up", peer="b", link=3))
        )
        self.assertEqual(
            said,
            {
                "time": "2025-11-21T13:05:12.250+00:00", "level": "warn", "line": "link-up peer=b",
                "event": "link-up", "peer": "b", "link": 3,
            },
        )  # fmt: skip

    def test_no_text_makes_a_second_line(self) -> None:
        """Line breaks and control characters are escaped: one event is one line."""
        line = json_line(event(line="a\nb\x1b[2J\u2028", what=object()))
        self.assertEqual(line.count("\n"), 1)
        self.assertTrue(line.isascii())
        self.assertNotIn("what", json.loads(line))

    def test_the_file_is_the_owners_alone(self) -> None:
        """node.log is made in the home with mode 0600, whatever the umask."""
        home = Path(self.mktemp())
        home.mkdir(parents=True)
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        with mock.patch.dict(os.environ, {"SECURECHAT_HOME": str(home)}):
            observer = json_log()
        observer(event(line="x"))
        self.assertEqual((home / "node.log").stat().st_mode & 0o777, 0o600)
        self.assertEqual(len((home / "node.log").read_text().splitlines()), 1)
