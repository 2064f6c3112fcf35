"""A measured process as the driver sees it: words in, lines of JSON out, never without a timeout."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of CPU of a process, in all its threads."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICK


def spent(children: Sequence[Child]) -> float:
    """Seconds of CPU of all these so far: a figure that another program's load disturbs least."""
    return sum(cpu(child.pid) for child in children)


def resident(pid: int, key: str = "Rss") -> float:
    """MiB of memory of a process now; ``Pss`` shares what several have in common among them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 1024


class BenchError(Exception):
    """A run that did not come to its end; one line."""


class Child:
    """One process, ended with the block it is used in."""

    def __init__(self, name: str, command: Sequence[str], errors: Path) -> None:
        self.name, self._errors = name, errors
        with errors.open("ab") as stderr:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
                start_new_session=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    @property
    def pid(self) -> int:
        """For what the system counts of it."""
        return self._process.pid

    def say(self, *words: object) -> None:
        """Tell it to do something."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(" ".join(map(str, words)) + "\n")
            self._process.stdin.flush()

    def hear(self, wanted: str, timeout: float = 60.0) -> dict[str, Any]:
        """Its next line, which must have this key."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise BenchError(f"{self.name}: no {wanted!r} within {timeout:g} s") from None
        found = json.loads(line) if line else {}
        if wanted not in found:
            said = (
                found or (self._errors.read_text(errors="replace").strip().splitlines() or [""])[-1]
            )
            raise BenchError(f"{self.name}: {wanted!r} was wanted, not {said}")
        return dict(found)

    def end(self) -> None:
        """End it now."""
        self.__exit__()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *problem: object) -> None:
        """End it, and whatever it started: it leads a process group of its own."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(5)


def anchor(python: str, program: Path, words: Sequence[str], temp: Path, timeout: float) -> str:
    """What one program of the anchors prints."""
    command, name = [python, str(program), *words], f"{program.name} {' '.join(words)}"
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        text=True, start_new_session=True, cwd=temp,
        env={**os.environ, "TMPDIR": str(temp), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    try:
        said, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name}: not within {timeout:g} s") from None
    finally:
        # What it started is in its group, also when it was interrupted.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode:
        last = (errors.strip().splitlines() or ["no word"])[-1]
        raise BenchError(f"{name}: {last}")
    return said
