"""
One node on a home: an flock on ``node.lock``, held as long as the process lives.

The kernel drops it when the process ends, however it ends, so there is nothing to clean up and no
process id to go stale.  The file itself stays and says nothing.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from attrs import define, field

from securechat.errors import HomeError

NAME = "node.lock"


@define(eq=False)
class HomeLock:
    """The right to run on a home."""

    _home: Path
    _handle: int | None = field(default=None, init=False)

    def acquire(self) -> None:
        """Take it; HomeError if another node runs on this home, or it cannot be locked."""
        if self._handle is not None:
            return
        handle = self._opened()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise HomeError(f"another node runs on {self._home}; stop it first") from None
        except OSError as problem:
            os.close(handle)
            raise HomeError(f"{self._home / NAME} cannot be locked: {_words(problem)}") from None
        self._handle = handle

    def _opened(self) -> int:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            return os.open(self._home / NAME, flags, 0o600)
        except OSError as problem:
            raise HomeError(f"{self._home / NAME} cannot be used: {_words(problem)}") from None

    @property
    def held(self) -> bool:
        """Whether it is still ours."""
        return self._handle is not None

    def release(self) -> None:
        """Let go; a second time does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _words(problem: OSError) -> str:
    return (problem.strerror or type(problem).__name__).lower()
