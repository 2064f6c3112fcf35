"""
What both sides of an admission check: names, free places for a home, papers that were handed over.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from securechat.certificates import (
    NAME,
)
from securechat.errors import HomeError, RemoteError
from securechat.home.identity import (
    Stage,
    stage,
)
from securechat.home.places import (
    check_socket_path,
)

P = TypeVar("P")


def check_name(name: str, what: str = "name") -> str:
    """HomeError unless a member or a room may be called so."""
    if not NAME.fullmatch(name):
        raise HomeError(
            f"{name[:40]!a} cannot be a {what}: a-z first, then a-z 0-9 . _ -, at most 32"
        )
    return name


def check_free(path: Path) -> None:
    """HomeError unless a new home can be made there."""
    check_socket_path(path)
    if not path.exists():
        return
    if not path.is_dir():
        raise HomeError(f"{path} is not a folder; choose another --home")
    if stage(path) is not Stage.NONE:
        raise HomeError(f"{path} is a home already; nothing was changed; choose another --home")
    if any(path.iterdir()):
        raise HomeError(f"{path} is not empty; choose another --home")


def read_paper(reader: Callable[[str], P], text: str, what: str) -> P:
    """What a paper says; HomeError if it is refused."""
    try:
        return reader(text)
    except RemoteError as problem:
        raise HomeError(f"the {what} is refused: {problem.detail or problem.reason}") from None
