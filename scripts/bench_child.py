"""
What the measured processes have in common: they print lines of JSON, and obey words on their input.

``begin`` starts a measurement, ``end`` closes it, and the end of the input ends the process.  A
process that outlives its limit ends itself, so that nothing is left behind whatever happens to the
driver.
"""

from __future__ import annotations

import cProfile
import json
import os
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO

reactor: Any = installed
reactor.seconds = time.monotonic  # as the service does, and before any timer is set
LIMIT = 900.0
"""Seconds that a measured process may live, whatever becomes of its driver."""


def cpu() -> float:
    """Seconds of CPU of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident() -> float:
    """MiB of memory at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(**fields: Any) -> None:
    """One line to the driver."""
    print(json.dumps(fields), flush=True)


class Words(Protocol):
    """The driver's words, one a line, with what they are to be done with."""

    def __init__(self, on: Mapping[str, Callable[..., object]]) -> None:
        self._on = on
        self._kept = b""

    def dataReceived(self, data: bytes) -> None:
        """Do what each whole word asks for."""
        *lines, self._kept = (self._kept + data).split(b"\n")
        for line in lines:
            word, *rest = line.decode().split()
            self._on[word](*rest)

    def connectionLost(self, reason: Any = None) -> None:
        """The driver has gone, or has all it wanted."""
        os._exit(0)


def run(on: Mapping[str, Callable[..., object]]) -> None:
    """Run the reactor until the driver is done with us."""
    reactor.callLater(LIMIT, os._exit, 3)
    # What it is given as its output does not block: a long line of ours would be cut short.
    _, unused = os.pipe()
    stdio: Any = StandardIO
    stdio(Words(on), stdout=unused)
    reactor.run(installSignalHandlers=False)


class Profile:
    """cProfile from begin to end, if it was asked for."""

    def __init__(self, folder: str, name: str) -> None:
        self._file = Path(folder) / f"{name}.prof" if folder else None
        self._profile = cProfile.Profile()

    def begin(self) -> None:
        """Watch from here."""
        if self._file:
            self._profile.enable()

    def end(self) -> None:
        """Write what was seen."""
        if self._file:
            self._profile.disable()
            self._profile.dump_stats(self._file)
