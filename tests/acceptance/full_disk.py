"""
A small disk for one home: a tmpfs mounted on it, filled to the last byte and emptied again.

It is taken away after the test, and at the end of the process if the test could not.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from pathlib import Path

from securechat.drills.rig import DrillError, Member

SIZE = 4 * 1024 * 1024
FILLER = "filler"


def lacking() -> str:
    """What this machine lacks for such a disk, by name; empty if it has all."""
    if os.geteuid() != 0:
        return "root"
    return "" if shutil.which("mount") and shutil.which("umount") else "mount"


def mount_small(member: Member) -> None:
    """Put a home, whose node does not run, on a disk of its own; DrillError if that cannot be."""
    home = member.home
    aside = home.with_name(f"{home.name}.aside")
    home.rename(aside)
    home.mkdir(mode=0o700)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "securechat-test", str(home)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if done.returncode:
        raise DrillError(f"mount: {done.stderr.strip() or done.returncode}")
    atexit.register(unmount, home)
    shutil.copytree(aside, home, dirs_exist_ok=True)


def unmount(home: Path) -> None:
    """Take the disk away, also while something still uses it."""
    atexit.unregister(unmount)
    subprocess.run(["umount", "-l", str(home)], capture_output=True, check=False, timeout=60)


def fill(home: Path) -> None:
    """Not a byte is left."""
    handle = os.open(home / FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for size in (64 * 1024, 1024, 1):
            try:
                while True:
                    os.write(handle, bytes(size))
            except OSError:
                continue
    finally:
        os.close(handle)


def empty(home: Path) -> None:
    """There is space again."""
    (home / FILLER).unlink()
