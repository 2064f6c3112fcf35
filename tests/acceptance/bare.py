"""The measure of a transfer: the same bytes over bare TLS 1.3 on loopback, with nothing else done."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from time import monotonic

PIECE = 64 * 1024


def transfer(home: Path, size: int) -> float:
    """Seconds to connect, shake hands and receive so many bytes from a server with a home's key."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    server.load_cert_chain(home / "identity.crt", home / "identity.key")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Only time is measured: there is nobody else on this port to be mistaken for.
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=_serve, args=(listening, server, size), daemon=True)
        serving.start()
        began = monotonic()
        with (
            socket.create_connection(listening.getsockname()) as plain,
            client.wrap_socket(plain) as line,
        ):
            left = size
            while left > 0 and (piece := line.recv(PIECE)):
                left -= len(piece)
        took = monotonic() - began
        serving.join()
    assert left == 0, f"{left} bytes did not come"
    return took


def _serve(listening: socket.socket, server: ssl.SSLContext, size: int) -> None:
    plain, _ = listening.accept()
    with plain, server.wrap_socket(plain, server_side=True) as line:
        line.sendall(bytes(size))
