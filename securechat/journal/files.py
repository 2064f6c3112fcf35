"""
The files of a journal: its owner's alone, copied before a change, set aside when damaged.

SQLite keeps a second and a third file beside the first (``-wal``, ``-shm``); a damaged journal moves
with them, so that whoever wants to look at it finds it whole.  Nothing is ever overwritten: each gets
the next number.  They hold texts that the journal forgets, and disks are finite: of each kind the two
newest stay.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from securechat.errors import HomeError

BESIDE = ("-wal", "-shm", "-journal")
KEPT = 2
"""Journals that stay of those that were set aside, and of the copies."""
NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def make_file(path: Path) -> int:
    """
    Make the file if there is none, readable by its owner alone; its size.

    HomeError if it cannot be used, or if others could have read or changed it.
    """
    try:
        fresh = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise HomeError(f"{path.name} cannot be used: {_words(problem)}") from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise HomeError(f"{path.name} is not a file; move it away")
        for part in (path, *(Path(f"{path}{end}") for end in BESIDE)):
            _check_private(part)
    except OSError as problem:
        raise HomeError(f"{path.name} cannot be used: {_words(problem)}") from None
    finally:
        os.close(handle)
    if fresh:
        _sync_folder(path.parent)
    return found.st_size


def _check_private(path: Path) -> None:
    if path.exists() and (mode := path.stat().st_mode & 0o777) & 0o077:
        raise HomeError(f"{path} is open to others (mode {mode:o}); run: chmod 600 {path}")


def move_aside(path: Path) -> Path:
    """Rename a damaged journal to the next ``.damaged-N``; where it is now."""
    place = _next(path, "damaged")
    try:
        for end in BESIDE:
            if os.path.lexists(f"{path}{end}"):
                os.rename(f"{path}{end}", f"{place}{end}")
        os.rename(path, place)
    except OSError as problem:
        text = f"{path.name} is damaged and cannot be set aside: {_words(problem)}"
        raise HomeError(text) from None
    _drop_older(path, "damaged")
    _sync_folder(path.parent)
    return place


def write_copy(path: Path, content: bytes) -> Path:
    """Keep these bytes as the next ``.bak-N``, or as the newest if it is that; where they are."""
    place = _next(path, "bak")
    try:
        for _, newest in _numbered(path, "bak")[-1:]:
            if newest.read_bytes() == content:
                return newest
        _write(place, content)
    except OSError as problem:
        raise HomeError(f"{path.name} cannot be copied: {_words(problem)}") from None
    _drop_older(path, "bak")
    _sync_folder(path.parent)
    return place


def size_of(path: Path) -> int:
    """Bytes of the journal with its write-ahead log."""
    return sum(os.path.getsize(part) for part in (str(path), f"{path}-wal") if os.path.exists(part))


def _write(place: Path, content: bytes) -> None:
    """All of it, or nothing stays."""
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            place.unlink()
        raise


def _numbered(path: Path, word: str) -> list[tuple[int, Path]]:
    """All of a kind, oldest first."""
    start = f"{path.name}.{word}-"
    names = [name for name in os.listdir(path.parent) if name.startswith(start)]
    numbers = [name.removeprefix(start) for name in names]
    return sorted((int(n), path.with_name(start + n)) for n in numbers if NUMBER.fullmatch(n))


def _next(path: Path, word: str) -> Path:
    last = max((number for number, _ in _numbered(path, word)), default=0)
    return path.with_name(f"{path.name}.{word}-{last + 1}")


def _drop_older(path: Path, word: str) -> None:
    """What cannot be removed stays: it is no reason not to start."""
    for _, place in _numbered(path, word)[:-KEPT]:
        for end in (*BESIDE, ""):
            with suppress(OSError):
                os.unlink(f"{place}{end}")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _words(problem: OSError) -> str:
    return (problem.strerror or type(problem).__name__).lower()
