"""
A TCP proxy for a bad way between two nodes: it hands every byte on late, or few of them a second.

A connection over a narrow one takes in no more than it gets rid of, but for a few small buffers.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from queue import Queue

CHUNK = 64 * 1024
SMALL = 4 * 1024
"""Bytes that a narrow cable takes at a time."""
WAITING = 4
"""So many of them wait in it each way, apart from what the sockets keep."""
Late = Queue[tuple[float, bytes]]


class SlowCable:
    """
    Listens on one port of loopback and goes to another; two threads for each direction.

    ``delay`` in seconds; ``rate`` in bytes per second each way of each connection, 0 for no limit.
    """

    def __init__(self, port: int, target: int, delay: float, rate: float = 0.0) -> None:
        self._target, self._delay, self._rate = target, delay, rate
        self._ends: list[socket.socket] = []
        self._over = threading.Event()
        self._door = socket.create_server(("127.0.0.1", port))
        self._narrow(self._door)
        self._thread(self._serve)

    def close(self) -> None:
        """End every connection, and with them the threads."""
        self._over.set()
        for end in (self._door, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    @staticmethod
    def _thread(target: object, *args: object) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()  # type: ignore[arg-type]

    def _serve(self) -> None:
        with suppress(OSError):
            while not self._over.is_set():
                near = self._door.accept()[0]
                self._thread(self._carry, near)

    def _carry(self, near: socket.socket) -> None:
        """Go on to the target; if nobody listens there, hang up."""
        self._ends.append(near)
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        self._ends.append(far)
        self._narrow(far)
        for source, sink in ((near, far), (far, near)):
            sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            late: Late = Queue(WAITING if self._rate else 0)
            self._thread(self._read, source, late)
            self._thread(self._hand_on, late, source, sink)

    def _narrow(self, end: socket.socket) -> None:
        """A narrow cable keeps little; a connection inherits that from the door that accepts it."""
        if self._rate:
            for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                end.setsockopt(socket.SOL_SOCKET, buffer, SMALL)

    def _read(self, source: socket.socket, late: Late) -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = source.recv(SMALL if self._rate else CHUNK)
            except OSError:
                chunk = b""
            late.put((time.monotonic() + self._delay, chunk))

    def _hand_on(self, late: Late, source: socket.socket, sink: socket.socket) -> None:
        """Until the source has ended and all of it was handed on; its end comes late, too."""
        chunk = b"-"
        with suppress(OSError):
            while chunk:
                chunk = self._next(late)
                if chunk:
                    sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            source.shutdown(socket.SHUT_RD)
        while chunk:  # The sink is gone: who reads the source must not wait for a place.
            _, chunk = late.get()

    def _next(self, late: Late) -> bytes:
        """What is handed on next, once it is due and the chunk before it has gone through."""
        due, chunk = late.get()
        narrow = len(chunk) / self._rate if self._rate else 0.0
        self._over.wait(max(0.0, due - time.monotonic(), narrow))
        return chunk
