"""
What a run says about itself, and its place on the page of figures.

A section of a page in ``docs`` stands between two comments with its name; a run that is told to
``--write`` replaces what stands there, and touches nothing else.
"""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import securechat

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "membership-figures.md"
MESSAGING_PAGE = ROOT / "docs" / "messaging-figures.md"
PLACES = {"anchor": "DIR", "lxmf-python": "PYTHON"}
"""Options that say where something lies on one machine, and what the page says instead."""


def commit() -> str:
    """Which state of the package ran."""
    folder = Path(securechat.__file__).parent
    head = _git(folder, "rev-parse", "--short", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--", ".")
    return (head or "outside git") + (" and changes that are not committed" if changed else "")


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def about(*more: str) -> list[str]:
    """The commit, the day, the machine, the command, and how busy the machine was at the end."""
    return [
        f"`scripts/bench {asked(sys.argv[1:])}`, commit {commit()}, {time.strftime('%Y-%m-%d')};",
        f"{platform.system()} {platform.release()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}; load average {os.getloadavg()[1]:.1f} over the last"
        " five minutes." + "".join(f" {line.rstrip('.')}." for line in more),
        "",
    ]


def asked(words: Sequence[str]) -> str:
    """The words of the command, but for where something lies on this machine."""
    said = " ".join(word for word in words if word != "--write")
    for option, stand_in in PLACES.items():
        said = re.sub(rf"(?<=--{option}[ =])\S+", stand_in, said)
    return said


def tell(section: str, lines: Sequence[str], write: bool, page: Path = PAGE) -> None:
    """Print the lines, and put them on the page if it is asked for."""
    print("", *lines, sep="\n", flush=True)
    if write:
        page.write_text(placed(page.read_text(encoding="utf-8"), section, lines), encoding="utf-8")


def placed(text: str, section: str, lines: Sequence[str]) -> str:
    """The page with this section written anew; ValueError if it has no such section."""
    begin, end = f"<!-- begin {section} -->\n", f"<!-- end {section} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no section {section}")
    return before + begin + "\n" + "\n".join(lines).strip() + "\n\n" + end + after


@contextmanager
def ending() -> Iterator[None]:
    """A SIGTERM leaves by way of every ``finally``, so that nothing is left running."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
