"""
Where passphrases come from: a file, standard input, or a question on a terminal.

A passphrase is the first line of its source.  Without one keys are protected by the modes of their
files alone.
"""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from securechat.errors import HomeError
from securechat.home.files import naming

STDIN = "-"
MAX_PASSPHRASE = 1024
ENCRYPTED = b"ENCRYPTED PRIVATE KEY"


def read_passphrase(source: str | None, key: Path | None = None) -> bytes | None:
    """
    The passphrase of FILE or of ``-``, standard input; HomeError if it holds none.

    With no source, and the file of a key that is protected, it is asked for on the terminal.
    """
    if source is None:
        return _asked(key) if key is not None and is_protected(key) else None
    if source == STDIN:
        line = sys.stdin.readline(MAX_PASSPHRASE + 1).encode("utf-8", "surrogateescape")
    else:
        with naming(source), Path(source).open("rb") as file:
            line = file.readline(MAX_PASSPHRASE + 1)
    return _checked(line.rstrip(b"\r\n"), "standard input" if source == STDIN else source)


def is_protected(key: Path) -> bool:
    """Whether this file holds a key under a passphrase."""
    try:
        with key.open("rb") as file:
            return ENCRYPTED in file.readline(64)
    except OSError:
        return False


def _asked(key: Path) -> bytes | None:
    """What the person at the terminal types, unseen; None without a terminal."""
    if not sys.stdin.isatty():
        return None
    return _checked(getpass.getpass(f"Passphrase of {key}: ").encode(), "the terminal")


def _checked(passphrase: bytes, source: str) -> bytes:
    if not passphrase:
        raise HomeError(f"there is no passphrase in {source}: it is the first line")
    if len(passphrase) > MAX_PASSPHRASE:
        raise HomeError(f"the passphrase in {source} is longer than {MAX_PASSPHRASE} bytes")
    return passphrase
