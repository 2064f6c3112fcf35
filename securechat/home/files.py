"""
The files of a home, read and written so that nobody else can, and so that none is ever half there.

Folders have mode 0700, files 0600; a looser mode, or another owner, is refused when a file is read,
with the command that mends it.  A file is written beside its place, synced, and renamed over it; a
new home is made beside its place in the same way.  Errors name the file and the cause in one line.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from securechat.errors import HomeError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
GIVEN_MODE = 0o644
"""Requests and admissions hold nothing secret."""
OTHERS = 0o077
MAX_FILE = 64 * 1024
HINTS: dict[type[OSError], str] = {
    FileNotFoundError: "check the path",
    NotADirectoryError: "check the path",
    IsADirectoryError: "name a file",
    PermissionError: "check who may use it",
}


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """An OSError about a path becomes one line that names it."""
    try:
        yield
    except OSError as problem:
        raise HomeError(advised(path, problem)) from None


def advised(path: Path | str | bytes, problem: OSError) -> str:
    """Which file, what the system said, and what to look at."""
    shown = os.fsdecode(path) if isinstance(path, bytes) else path
    hints = (hint for kind, hint in HINTS.items() if isinstance(problem, kind))
    return "; ".join((f"{shown}: {cause(problem)}", *hints))


def cause(problem: OSError) -> str:
    """What the system said, in its own words."""
    return problem.strerror or type(problem).__name__


def check_folder(path: Path) -> None:
    """HomeError unless this is a folder of ours that nobody else can enter."""
    with naming(path):
        found = path.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise HomeError(f"{path} is not a folder")
    _check_ours(path, found, "700")


def check_file(path: Path) -> None:
    """HomeError if there is such a file, and others could read or change it."""
    with naming(path):
        if path.exists():
            _check_ours(path, path.stat(), "600")


def read_private(path: Path, most: int = MAX_FILE) -> bytes:
    """The bytes of a file of the home; HomeError if others could read or change it."""
    if not path.exists() and path.parent.is_dir():
        raise HomeError(f"{path} is missing: put it back from a copy, or choose another --home")
    with naming(path), path.open("rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise HomeError(f"{path} is not a file")
        _check_ours(path, found, "600")
        return _bounded(path, file.read(most + 1), most)


def read_given(path: Path) -> bytes:
    """The bytes of a file that somebody gave us, of any mode, but not of any size."""
    with naming(path), path.open("rb") as file:
        return _bounded(path, file.read(MAX_FILE + 1))


def _bounded(path: Path, content: bytes, most: int = MAX_FILE) -> bytes:
    if len(content) > most:
        raise HomeError(f"{path} is larger than {most} bytes, which no such file is")
    return content


def _check_ours(path: Path, found: os.stat_result, mode: str) -> None:
    if found.st_uid != os.geteuid():
        raise HomeError(f"{path} belongs to another user (uid {found.st_uid}); run as that user")
    if found.st_mode & OTHERS:
        raise HomeError(
            f"{path} is open to others (mode {found.st_mode & 0o777:o}); run: chmod {mode} {path}"
        )


def write_private(path: Path, content: bytes) -> None:
    """Write a file of the home: whole or not at all, on the disk when this returns."""
    _write(path, content, FILE_MODE)


def _write(path: Path, content: bytes, mode: int) -> None:
    with naming(path):
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(handle, mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_given(path: Path, content: bytes) -> None:
    """Write a file for somebody else: whole or not at all; a device or a pipe is written to."""
    with naming(path):
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        target = path.resolve()
    _write(target, content, GIVEN_MODE)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """
    A folder that is filled beside its place and then put there, whole or not at all.

    What stands at its place must be nothing, or an empty folder.
    """
    with naming(path):
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield staged
        with naming(path):
            staged.rename(target)
            _sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


@contextmanager
def all_or_none(*paths: Path) -> Iterator[None]:
    """Files that are written together: if one cannot be, the new ones go and the old ones stay."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:
        for path, content in before.items():
            with suppress(OSError, HomeError):
                if content is None:
                    path.unlink(missing_ok=True)
                elif path.read_bytes() != content:
                    write_private(path, content)
        raise


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
