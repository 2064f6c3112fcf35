"""
Where the admin port listens, and who may: the unix socket, loopback TCP, the cookie.

The socket and the cookie are the owner's alone (0600) from the moment they exist, whatever the umask.
A left-over socket is removed: only the holder of the home's lock listens here.  TCP that is not
loopback is refused; there is no switch for it.
"""

from __future__ import annotations

import os
import secrets
import socket
import stat
import struct
from pathlib import Path
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorTCP, IReactorUNIX
from twisted.internet.protocol import ServerFactory

from securechat.addresses import is_loopback, is_wildcard, join, split
from securechat.admin.blocking import COOKIE, SOCKET
from securechat.errors import HomeError
from securechat.node.hold import Held, hold

MAX_SOCKET_PATH = 107
"""Bytes of a path that fit ``sockaddr_un`` on Linux."""
COOKIE_BYTES = 32
HINT = "see tcp under [admin] in config.toml"
_UCRED = struct.Struct("3i")


def own_uid() -> int:
    """Who we are."""
    return os.getuid()


def peer_uid(transport: Any) -> int | None:
    """Who is at the other end of a unix socket; None where the system does not tell."""
    wanted = getattr(socket, "SO_PEERCRED", None)
    if wanted is None:
        return None
    told = transport.getHandle().getsockopt(socket.SOL_SOCKET, wanted, _UCRED.size)
    return int(_UCRED.unpack(told)[1])


def write_cookie(home: Path) -> str:
    """A new token, in place of the one of the last start."""
    token = secrets.token_hex(COOKIE_BYTES)
    path, fresh = home / COOKIE, home / f"{COOKIE}.new"
    try:
        fresh.unlink(missing_ok=True)
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(token + "\n")
        os.replace(fresh, path)
    except OSError as problem:
        raise HomeError(f"cannot write {path}: {problem.strerror}") from None
    return token


def clear_unix(home: Path) -> Path:
    """The place of the home's socket, free of a left-over one; HomeError if there can be none."""
    path = home / SOCKET
    size = len(os.fsencode(path))
    if size > MAX_SOCKET_PATH:
        raise HomeError(
            f"{path}: a path of {size} bytes is too long for a socket (at most "
            f"{MAX_SOCKET_PATH}); use a home with a shorter path"
        )
    _remove_left_over(path)
    return path


def listen_unix(reactor: Any, home: Path, factory: ServerFactory) -> IListeningPort:
    """Listen on the home's socket; HomeError with one line if that cannot be."""
    path = clear_unix(home)
    before = os.umask(0o177)
    try:
        return IReactorUNIX(reactor).listenUNIX(os.fspath(path), factory, mode=0o600)
    except CannotListenError as problem:
        raise HomeError(f"cannot listen on {path}: {_why(problem.socketError)}") from None
    finally:
        os.umask(before)


def _remove_left_over(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise HomeError(f"{path} is in the way: it is no socket; move it away")
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as problem:
        raise HomeError(f"cannot remove the left-over {path}: {problem.strerror}") from None


def take_tcp(address: str, links: str = "") -> Held:
    """
    Hold HOST:PORT of this machine without listening; HomeError with one line if that cannot be.

    ``links`` is where links are accepted: a place that is only held would not refuse us.
    """
    host, port = _place(address)
    if links:
        other, taken = split(links)
        if port == taken and (host == other or is_wildcard(other)):
            raise HomeError(
                f"the admin port cannot listen on {address}: links of peers are accepted there; {HINT}"
            )
    try:
        return hold(host, port)
    except OSError as problem:
        raise _cannot(address, problem) from None


def listen_tcp(reactor: Any, address: str, factory: ServerFactory) -> IListeningPort:
    """Listen on HOST:PORT of this machine; HomeError with one line if that cannot be."""
    host, port = _place(address)
    try:
        return IReactorTCP(reactor).listenTCP(port, factory, interface=host)
    except CannotListenError as problem:
        raise _cannot(address, problem.socketError) from None


def _place(address: str) -> tuple[str, int]:
    """Host and port; HomeError unless only this machine can connect there."""
    try:
        host, port = split(address)
    except ValueError as problem:
        raise HomeError(
            f"the admin port cannot listen on {address[:64]!a}: {problem}; {HINT}"
        ) from None
    host = "127.0.0.1" if host.lower() == "localhost" else host
    if not is_loopback(host):
        raise HomeError(
            f"the admin port listens on this machine only, not on {join(host, port)}: use "
            f"127.0.0.1:{port}, and ssh to reach it from elsewhere; {HINT}"
        )
    return host, port


def _cannot(address: str, problem: Exception) -> HomeError:
    return HomeError(f"the admin port cannot listen on {address}: {_why(problem)}; {HINT}")


def _why(problem: Exception) -> str:
    return str(getattr(problem, "strerror", None) or problem)
