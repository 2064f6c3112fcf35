"""
The files of a journal: its owner's alone, copied before a change, set aside when damaged.

SQLite keeps a second and a third file beside the first (``-wal``, ``-shm``); a damaged journal moves
with them, so that whoever wants to look at it finds it whole.  Nothing is ever overwritten: a name
that is taken gets the next number.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from securechat.errors import HomeError

BESIDE = ("-wal", "-shm", "-journal")


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
    """Rename a damaged journal to the next free ``.damaged-N``; where it is now."""
    place = _free(path, "damaged")
    try:
        for end in BESIDE:
            if os.path.lexists(f"{path}{end}"):
                os.rename(f"{path}{end}", f"{place}{end}")
        os.rename(path, place)
    except OSError as problem:
        text = f"{path.name} is damaged and cannot be set aside: {_words(problem)}"
        raise HomeError(text) from None
    _sync_folder(path.parent)
    return place


def write_copy(path: Path, content: bytes) -> Path:
    """Keep these bytes as the next free ``.bak-N``; where they are."""
    place = _free(path, "bak")
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise HomeError(f"{path.name} cannot be copied: {_words(problem)}") from None
    _sync_folder(path.parent)
    return place


def size_of(path: Path) -> int:
    """Bytes of the journal with its write-ahead log."""
    return sum(os.path.getsize(part) for part in (str(path), f"{path}-wal") if os.path.exists(part))


def _free(path: Path, word: str) -> Path:
    number = 1
    while os.path.lexists(place := path.with_name(f"{path.name}.{word}-{number}")):
        number += 1
    return place


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _words(problem: OSError) -> str:
    return (problem.strerror or type(problem).__name__).lower()
