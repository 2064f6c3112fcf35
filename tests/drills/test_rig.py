"""Ports of the rooms that drills and acceptance tests make: each belongs to one room."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

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
