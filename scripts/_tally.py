"""
Runs the steps of ``scripts/check`` and counts what passed; standard library only.

A step runs in a process group of its own under a watchdog: one that hangs is ended with everything it
started, and has failed.  What a step leaves running in its group is ended as well.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
MINUTE = 60.0
HUNG = -signal.SIGKILL
"""The exit status of a step that the watchdog ended."""
LAST_WORDS = 5.0
"""Seconds that what was printed may take to arrive; a process outside of the group may hold it."""

TESTS = re.compile(r"^(?:PASSED|FAILED) ?(?:\((?P<counts>[^)]*)\))?$", re.MULTILINE)
RAN = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
SKIPPED = re.compile(
    r"^\[SKIPPED\]\n(?P<why>.*?)\n\n(?P<names>(?:[\w.]+\n)+)", re.MULTILINE | re.DOTALL
)
AUTOGROUP = Path("/proc/self/autogroup")
YIELDING = (
    "sh", "-c", f'{{ echo 19 > {AUTOGROUP}; }} 2>/dev/null; exec nice -n 19 "$@"', "sh",
)  # fmt: skip
"""
Runs a command at the lowest priority, in a session that has it as well.

Linux shares its processors among sessions first, where it groups by them (sched(7), autogroup): a nice
process that is alone in its session takes as much as all of another's.
"""
TOOLS = ("tmux", "telnet", "ip", "iptables", "curl")


class Tally:
    """What passed and what failed so far."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0
        self.skipped: list[str] = []

    def step(self, title: str, *command: str, timeout: float = 5 * MINUTE) -> str:
        """Run one step, echo its output, count it as one."""
        output, code = self.run(title, *command, timeout=timeout)
        self.one(output, code)
        return output

    @contextmanager
    def beside(
        self, title: str, *command: str, timeout: float, count: Callable[[str, int], None]
    ) -> Iterator[None]:
        """
        A step for what others leave of the processors: it begins before them, at the lowest priority.

        What it says is shown, and it is counted, after them; it may take ``timeout`` longer.
        """
        running = Running((*YIELDING, *command), title)
        try:
            yield
        except BaseException:
            running.end(0.0)
            raise
        output, code = running.end(timeout)
        print(f"== {title}, begun beside the others", flush=True)
        for line in output.splitlines(keepends=True):
            _echo(line)
        count(output, code)

    def run(self, title: str, *command: str, timeout: float) -> tuple[str, int]:
        """Run a command in the repository; its output and exit status."""
        print(f"== {title}", flush=True)
        return Running(command, title, echo=_echo).end(timeout)

    def one(self, _output: str, code: int) -> None:
        """Count a step as one."""
        self.passed += code == 0
        self.failed += code != 0

    def trial(self, output: str, code: int) -> None:
        """Count a trial run by its own numbers; a run of no tests has failed."""
        ran = RAN.search(output)
        verdict = TESTS.search(output)
        said = (verdict["counts"] or "") if verdict else ""
        pairs = (part.partition("=") for part in said.split(",") if part)
        counts = {key.strip(): int(value) for key, _, value in pairs}
        total = int(ran[1]) if ran else 0
        bad = sum(counts.get(word, 0) for word in ("failures", "errors", "unexpectedSuccesses"))
        self.passed += counts.get("successes", 0) + counts.get("expectedFailures", 0)
        self.failed += bad or (code != 0) or (total == 0)
        for skip in SKIPPED.finditer(output):
            excused = any(f"needs {word}" in skip["why"] for word in lacking())
            for name in skip["names"].split():
                self.skipped.append(f"{name}: {skip['why'].strip()}")
                self.failed += not excused


def lacking() -> list[str]:
    """What this machine does not have, of what a test may be skipped for."""
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    return tools if os.geteuid() == 0 else ["root", *tools]


class Running:
    """A step that has begun, in a process group of its own."""

    def __init__(
        self, command: Sequence[str], title: str, echo: Callable[[str], None] | None = None
    ) -> None:
        self._title, self._echo = title, echo
        self._began = time.monotonic()
        self._lines: list[str] = []
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            stdin=subprocess.DEVNULL, errors="replace", start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()

    def end(self, timeout: float) -> tuple[str, int]:
        """Wait for its end, or end it after so many seconds; its output and exit status."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._say(f"-- {self._title}: hung for {timeout:.0f} s, ended\n")
            code = HUNG
        finally:
            # Also when the person at the keyboard ends it: the group hears no Ctrl-C.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(LAST_WORDS)
        self._say(f"-- {self._title}: exit {code}, {time.monotonic() - self._began:.0f} s\n")
        return "".join(self._lines), code

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._say(line)

    def _say(self, line: str) -> None:
        self._lines.append(line)
        if self._echo is not None:
            self._echo(line)


def _echo(line: str) -> None:
    if not line.rstrip().endswith("[OK]"):
        print(line, end="", flush=True)
