"""Who was not admitted does not get in: real nodes and real TLS at a node's own port."""

from __future__ import annotations

import socket
import ssl

from securechat.drills.rig import Room, until
from tests.acceptance.rooms import RoomCase, change, scratch


class Strangers(RoomCase):
    """One readable reason each, counted; the room goes on meanwhile."""

    names = ("ada", "bob")

    def setUp(self) -> None:
        """Ada is who they come to."""
        super().setUp()
        self.ada = self.room["ada"]

    def refused(self) -> dict[str, int]:
        """How often, by reason."""
        found: dict[str, int] = self.ada.ask("counters")["refused"]
        return found

    def counted(self, before: dict[str, int]) -> set[str]:
        """The reasons that came since."""
        return {reason for reason, count in self.refused().items() if count > before.get(reason, 0)}

    def still_serves(self) -> None:
        """A post goes round, nobody else is in the roster, no traceback is in the log."""
        text = f"still here after {self.id()}"
        self.room["bob"].ask("say", text=text)
        self.room.shows("ada", text)
        self.assertEqual({m["name"] for m in self.ada.items("members")}, {"ada", "bob"})
        self.assertNotIn("Traceback", self.ada.log.read_text())

    def test_a_node_of_another_room(self) -> None:
        """Both sides refuse each other with a reason that names the room; both go on."""
        other = Room(scratch())
        self.addCleanup(other.close)
        eve = other.found("eve", "elsewhere")
        change(eve.home, peers=f'["127.0.0.1:{self.ada.port}"]')
        before = self.refused()
        other.start("eve")
        until(lambda: self.counted(before), "ada counts it")
        until(lambda: "link-refused" in eve.log.read_text(), "eve's log tells it")
        (line, *_) = [one for one in self.ada.log.read_text().splitlines() if "link-refused" in one]
        self.assertIn("reason=", line)
        self.assertEqual(len(eve.items("members")), 1)
        self.still_serves()

    def test_tls_without_a_certificate(self) -> None:
        """A TLS client that shows none, with our ALPN and without: refused in the handshake."""
        for protocols in (["securechat/1"], ["h2"], []):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if protocols:
                context.set_alpn_protocols(protocols)
            before = self.refused()
            with socket.create_connection(("127.0.0.1", self.ada.port), 10) as raw:
                try:
                    with context.wrap_socket(raw) as line:
                        self.assertEqual(line.recv(1), b"")
                except (ssl.SSLError, ConnectionError):
                    pass
            until(lambda before=before: self.counted(before), f"{protocols} is counted")  # type: ignore[misc]
        self.still_serves()

    def test_what_is_no_tls(self) -> None:
        """Plaintext, a browser, random bytes, a length of 2 GiB: closed without an answer of ours."""
        openings = (
            b"hello\n" * 100, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x80\x00\x00\x00" + b"x" * 64,
            bytes(range(256)) * 4,
        )  # fmt: skip
        for opening in openings:
            before = self.refused()
            with socket.create_connection(("127.0.0.1", self.ada.port), 10) as line:
                line.sendall(opening)
                line.settimeout(30)
                heard = b""
                try:
                    while chunk := line.recv(4096):
                        heard += chunk
                except ConnectionError:
                    pass
            self.assertLess(len(heard), 64)
            until(lambda before=before: self.counted(before), f"{opening[:9]!r} counted")  # type: ignore[misc]
        self.still_serves()

    def test_silent_connections_do_not_stop_the_room(self) -> None:
        """Forty connections that say nothing: the room goes on, and they are ended in time."""
        before = self.refused()
        silent = [socket.create_connection(("127.0.0.1", self.ada.port), 10) for _ in range(40)]
        for line in silent:
            self.addCleanup(line.close)
        self.still_serves()
        for line in silent:
            line.settimeout(30)
            try:
                self.assertEqual(line.recv(1), b"")
            except ConnectionError:
                continue
        until(lambda: self.counted(before), "counted")
