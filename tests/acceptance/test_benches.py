"""What ``scripts/bench`` measures is the whole node, as ``twistd`` runs it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from socket import create_connection
from tempfile import TemporaryDirectory
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.blocking import admin_address, connect
from tests.house import ROOT


class WholeNodeTests(SynchronousTestCase):
    """Measured processes, looked at from outside as any node is."""

    def setUp(self) -> None:
        """The scripts import each other by their bare names; a socket's path must be short."""
        self.patch(sys, "path", [str(ROOT / "scripts"), *sys.path])
        folder = TemporaryDirectory(prefix="sc-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.homes: list[Path] = self.script("bench_homes").make_homes(
            self.folder / "room", 1, "local"
        )

    def script(self, name: str) -> Any:
        """One of the scripts' modules."""
        return import_module(name)

    def test_desk(self) -> None:
        """Both ends of a measured exchange serve their admin port, and had worded each post."""
        stand = self.stand()
        author, receiver = stand.members(self.homes)
        author.say("post", 3, 1)
        author.hear("posts")
        receiver.say("wait", 3)
        self.assertEqual(receiver.hear("held")["held"], 3)
        for home in self.homes:
            self.assertEqual(worded(home), ["x" * 5] * 3, home.name)
            place = admin_address(home)
            assert place is not None
            create_connection(place, 10).close()

    def test_fan_out(self) -> None:
        """So do author and receivers of a fan-out: each worded what it shows within the measure."""
        fanout = self.script("bench_fanout")
        plan = fanout.Plan((1,), (1,), 1, 0.1, "local", 5, None, "", None, None, None, False)
        more = fanout.ours(plan, 1, 1, 0, self.homes).more
        self.assertGreater(more["posts"], 0)
        self.assertGreaterEqual(min(more["worded"]), more["posts"])

    def stand(self) -> Any:
        """Where processes of a benchmark run; they end with the test."""
        plan = self.script("bench_runs").Plan(
            "dm", 1, "local", 5, 3, 1, 1.0, 1.0, 1, None, "", None, None, None, None, False
        )
        made = self.script("bench_runs").Stand(plan, 0, self.folder, [])
        self.addCleanup(made.end)
        return made


def worded(home: Path) -> list[str]:
    """The texts of all posts that the desk of a node has put into its ring so far."""
    found: list[str] = []
    with connect(home) as talk:
        boot = talk.request("snapshot")["cursor"].partition(":")[0]
        talk.request("watch", **{"from": f"{boot}:0", "types": "post"})
        for event in talk.events(10.0):
            if event["event"] == "replay-end":
                break
            found.append(event["text"])
    return found
