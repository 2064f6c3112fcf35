"""
A place that is held: bound, so that nobody else gets it, and not listening, so that nobody is let in.

A start takes every place it needs before it changes anything, and opens them only once its epoch is on
disk (DESIGN 5): until then the kernel refuses whoever knocks.  A held place is let go right before the
reactor binds and listens there itself.
"""

from __future__ import annotations

import socket

from attrs import define, field


@define(eq=False)
class Held:
    """One place, ours until it is let go."""

    _socket: socket.socket | None = field(default=None)

    def let_go(self) -> None:
        """Free it; a second time does nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def hold(host: str, port: int) -> Held:
    """Bind and do not listen; OSError if somebody listens there, or it is no place of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4]
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        # As the reactor does: what an earlier process left in TIME_WAIT is no hindrance.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(place)
    except BaseException:
        found.close()
        raise
    return Held(found)
