"""A TCP proxy that hands every byte on late: a long way between two nodes, both ways."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from queue import SimpleQueue

CHUNK = 64 * 1024
Late = SimpleQueue[tuple[float, bytes]]


class SlowCable:
    """Listens on one port of loopback and goes to another; two threads for each direction."""

    def __init__(self, port: int, target: int, delay: float) -> None:
        self._target, self._delay = target, delay
        self._ends: list[socket.socket] = []
        self._over = threading.Event()
        self._door = socket.create_server(("127.0.0.1", port))
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
        for source, sink in ((near, far), (far, near)):
            sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            late: Late = SimpleQueue()
            self._thread(self._read, source, late)
            self._thread(self._hand_on, late, sink)

    def _read(self, source: socket.socket, late: Late) -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = source.recv(CHUNK)
            except OSError:
                chunk = b""
            late.put((time.monotonic() + self._delay, chunk))

    def _hand_on(self, late: Late, sink: socket.socket) -> None:
        """Until the source has ended and all of it was handed on; its end comes late, too."""
        with suppress(OSError):
            while True:
                due, chunk = late.get()
                self._over.wait(max(0.0, due - time.monotonic()))
                if not chunk:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(chunk)
