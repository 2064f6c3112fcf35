"""
Where things are: the home folder and the names of its files (INTERFACE 3).

A unix socket's path is at most 107 bytes on Linux, which a deep home can exceed; that is said when
the home is made, not when its node first starts.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import platformdirs

from securechat.errors import HomeError

CONFIG = "config.toml"
IDENTITY_KEY = "identity.key"
IDENTITY_CERTIFICATE = "identity.crt"
ROOM_CERTIFICATE = "room.crt"
AUTHORITY_KEY = "authority.key"
LEDGER = "admitted.jsonl"
REQUEST = "request.json"
SOCKET = "admin.sock"

PRIVATE = (
    CONFIG,
    IDENTITY_KEY,
    IDENTITY_CERTIFICATE,
    ROOM_CERTIFICATE,
    AUTHORITY_KEY,
    LEDGER,
    REQUEST,
)
"""What is ours in a home before a node ever ran."""

MAX_SOCKET_PATH = 107


def default_home() -> Path:
    """The user's own home folder for securechat."""
    return Path(platformdirs.user_data_dir("securechat", appauthor=False))


def command(home: Path, words: str) -> str:
    """A command of ours as a person would type it for this home."""
    if home == default_home():
        return f"securechat {words}"
    return f"securechat --home {shlex.quote(str(home))} {words}"


def check_socket_path(home: Path) -> None:
    """HomeError if the admin socket of this home could not be bound."""
    length = len(os.fsencode(home.absolute() / SOCKET))
    if length > MAX_SOCKET_PATH:
        room = MAX_SOCKET_PATH - len(SOCKET) - 1
        raise HomeError(
            f"the path of {SOCKET} would have {length} bytes, a socket takes {MAX_SOCKET_PATH}: "
            f"choose a --home of at most {room} bytes, for instance {Path.home() / '.securechat'}"
        )
