"""Two nodes never run on one home; nothing is left to clean up when one dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import HomeError
from securechat.node.lock import NAME, HomeLock

HOLDER = """
import pathlib, sys
from securechat.node.lock import HomeLock
HomeLock(pathlib.Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


class HomeLockTests(SynchronousTestCase):
    """The lock of a home."""

    def setUp(self) -> None:
        """An empty home."""
        self.home = Path(self.mktemp())
        self.home.mkdir()

    def test_second_node_is_refused(self) -> None:
        """A second node on the same home gets one line that names the home."""
        first = HomeLock(self.home)
        first.acquire()
        self.addCleanup(first.release)
        problem = self.assertRaises(HomeError, HomeLock(self.home).acquire)
        self.assertIn(str(self.home), str(problem))
        self.assertIn("another node", str(problem))
        self.assertNotIn("\n", str(problem))

    def test_released_lock_is_free(self) -> None:
        """When a node has stopped, the next may start; letting go twice is no error."""
        first = HomeLock(self.home)
        first.acquire()
        first.acquire()
        self.assertTrue(first.held)
        first.release()
        first.release()
        self.assertFalse(first.held)
        second = HomeLock(self.home)
        second.acquire()
        self.assertTrue(second.held)
        second.release()

    def test_killed_holder_leaves_nothing(self) -> None:
        """A node that was killed holds no home any more, though its lock file is still there."""
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(self.home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert holder.stdout is not None
        self.assertEqual(holder.stdout.readline(), b"held\n")
        mine = HomeLock(self.home)
        self.assertRaises(HomeError, mine.acquire)
        holder.kill()
        holder.communicate()
        self.assertTrue((self.home / NAME).exists())
        mine.acquire()
        mine.release()

    def test_lock_file_is_private(self) -> None:
        """Nobody else can open the lock file, whatever the umask, and so lock the owner out."""
        before = os.umask(0)
        try:
            lock = HomeLock(self.home)
            lock.acquire()
        finally:
            os.umask(before)
        self.addCleanup(lock.release)
        self.assertEqual((self.home / NAME).stat().st_mode & 0o777, 0o600)

    def test_unusable_place_is_one_line(self) -> None:
        """A folder or a link in the place of the lock file, or no home, is one clear line."""
        (self.home / NAME).mkdir()
        problem = self.assertRaises(HomeError, HomeLock(self.home).acquire)
        self.assertIn(NAME, str(problem))
        (self.home / NAME).rmdir()
        (self.home / NAME).symlink_to("/dev/null")
        self.assertRaises(HomeError, HomeLock(self.home).acquire)
        self.assertRaises(HomeError, HomeLock(self.home / "nowhere").acquire)

    def test_file_system_without_locks_is_one_line(self) -> None:
        """Where the file system knows no locks, that is said, and no handle is left open."""

        def cannot(handle: int, how: int) -> None:
            raise OSError(95, "Operation not supported")

        self.patch(HomeLock.acquire.__globals__["fcntl"], "flock", cannot)
        open_before = len(os.listdir("/proc/self/fd"))
        problem = self.assertRaises(HomeError, HomeLock(self.home).acquire)
        self.assertIn("operation not supported", str(problem))
        self.assertEqual(len(os.listdir("/proc/self/fd")), open_before)
