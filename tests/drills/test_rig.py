"""What drills and acceptance tests stand on: ports that belong to one room, and how they wait."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from functools import partial

from attrs import define
from twisted.trial.unittest import SynchronousTestCase

from securechat.drills import rig

COUNT = 100
ANOTHER = f"""
from securechat.drills import rig
print(*rig.free_ports({COUNT}), flush=True)
input()
"""


class PortTests(SynchronousTestCase):
    """Several rooms are made at once, by several processes."""

    def test_a_port_is_handed_out_once(self) -> None:
        """Two processes ask for a hundred ports each, and one asks again: none is given twice."""
        folder = self.mktemp()
        os.mkdir(folder)
        self.patch(tempfile, "tempdir", folder)
        ports = range(rig.PORTS.start, rig.PORTS.start + 4 * COUNT)
        self.patch(rig, "PORTS", ports)
        narrowed = ANOTHER.replace("\nprint", f"\nrig.PORTS = {ports!r}\nprint")
        with subprocess.Popen(
            [sys.executable, "-c", narrowed], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "TMPDIR": os.path.abspath(folder)},
        ) as other:  # fmt: skip
            assert other.stdout is not None
            theirs = [int(port) for port in other.stdout.readline().split()]
            ours = [*rig.free_ports(COUNT), *rig.free_ports(COUNT // 2)]
            other.communicate(b"\n", timeout=60)
        self.assertEqual(len(theirs), COUNT)
        self.assertEqual(len(set(theirs + ours)), 2 * COUNT + COUNT // 2)


@define
class Clock:
    """Stands still but while somebody waits."""

    now: float = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let them pass."""
        self.now += seconds


class WaitTests(SynchronousTestCase):
    """Until something is true."""

    def setUp(self) -> None:
        """Time is ours."""
        self.clock, self.looks = Clock(), 0
        self.patch(rig, "time", self.clock)
        self.patch(threading, "Event", lambda: self.clock)

    def test_soon_and_seldom(self) -> None:
        """It is seen within 20 ms, or a fiftieth of what it took; who waits long looks seldom."""
        for seconds, late, most in ((0.5, 0.02, 30), (60.0, 1.2, 300)):
            self.clock.now, self.looks = 0.0, 0
            self.assertTrue(rig.until(partial(self.met, seconds), "it"))
            self.assertLessEqual(self.clock.now, seconds + late)
            self.assertLess(self.looks, most)

    def met(self, after: float) -> bool:
        """True from then on."""
        self.looks += 1
        return self.clock.now >= after

    def test_never(self) -> None:
        """What does not come in time is told with what was seen last."""
        error = self.assertRaises(rig.DrillError, rig.until, lambda: "", "it comes", 10.0)
        self.assertEqual(str(error), "it comes: not within 10 s (last: '')")
        self.assertLessEqual(self.clock.now, 10.3)
