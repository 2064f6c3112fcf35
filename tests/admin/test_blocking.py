"""The blocking coat, against a real session through a socket that is not one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin import blocking
from securechat.admin.blocking import BlockingClient, admin_address, dial, read_cookie
from securechat.admin.client import AdminError, ConversationError, DownError
from tests.admin.fakes import COOKIE, Person, Port


@define
class FakeSocket:
    """Carries bytes to a session at once; a silent one has timed out."""

    person: Person
    closed: bool = False
    broken: bool = False
    refuses: type[OSError] | None = None
    timeouts: list[float | None] = field(factory=list)

    def settimeout(self, seconds: float | None) -> None:
        """Remembered."""
        self.timeouts.append(seconds)

    def sendall(self, data: bytes) -> None:
        """To the session."""
        if self.refuses is not None:
            raise self.refuses
        self.person.protocol.dataReceived(data)
        self.person.port.clock.advance(0)

    def recv(self, size: int) -> bytes:
        """What it wrote."""
        if self.broken:
            raise ConnectionResetError
        found: bytes = self.person.line.value()[:size]
        rest = self.person.line.value()[size:]
        self.person.line.clear()
        self.person.line.write(rest)
        if not found and not self.person.hung_up:
            raise TimeoutError
        return found

    def close(self) -> None:
        """Remembered."""
        self.closed = True


class Blocking(SynchronousTestCase):
    """Requests that wait for their replies."""

    def setUp(self) -> None:
        """A client at a session."""
        self.port = Port()
        self.socket = FakeSocket(self.port.person(greeted=False))
        self.client = BlockingClient(cast(Any, self.socket))
        self.client.open("test/1")

    def test_request(self) -> None:
        """The reply as a dict; a refusal is raised, or returned by ``ask``."""
        self.assertEqual(self.client.greeting["node"], "ada")
        reply = self.client.request("say", text="hi")
        self.assertEqual(reply, {"code": 252, "id": "ada/3/1", "state": "queued"})
        self.assertEqual(self.client.request("messages")["items"][0]["text"], "hi")
        problem = self.assertRaises(AdminError, self.client.request, "wach")
        self.assertEqual(problem.code, 502)
        self.assertEqual(self.client.ask("wach")["code"], 502)

    def test_events(self) -> None:
        """Those that came during a request come first; then until the time is over."""
        self.client.request("watch")
        self.port.ring.add("post", {"id": "ada/3/1"})
        self.client.request("health")
        self.port.ring.add("post", {"id": "ada/3/2"})
        found = [event["cursor"] for event in self.client.events(1.0)]
        self.assertEqual(found, ["7f3a:0", "7f3a:1", "7f3a:2"])
        self.assertEqual(list(self.client.events(0)), [])
        self.assertEqual(list(self.client.events()), [])
        self.assertIsNone(self.socket.timeouts[-1])

    def test_a_node_that_does_not_answer(self) -> None:
        """Down, with the time it was given; not a hang."""
        problem = self.assertRaises(DownError, self.client.request, "slowly")
        self.assertEqual(str(problem), "the node did not answer within 10 s")

    def test_a_node_that_hangs_up(self) -> None:
        """Down, also in the middle of events."""
        self.port.factory.hang_up()
        self.assertRaises(DownError, self.client.request, "health")
        self.assertRaises(DownError, list, self.client.events())
        self.socket.broken = True
        self.assertRaises(DownError, list, self.client.events())
        for why in (BrokenPipeError, TimeoutError):
            self.socket.refuses = why
            self.assertRaises(DownError, self.client.request, "health")

    def test_closing(self) -> None:
        """Nothing more can be asked."""
        with self.client as client:
            client.request("health")
        self.assertTrue(self.socket.closed)
        self.assertRaises(DownError, self.client.request, "health")
        self.assertRaises(DownError, list, self.client.events())

    def test_another_service(self) -> None:
        """It is hung up on."""
        self.socket.person.line.write(b"HTTP/1.1 400\r\n")
        self.assertRaises(ConversationError, self.client.request, "health")
        self.assertTrue(self.socket.closed)

    def test_on_tcp_the_token_opens(self) -> None:
        """And a wrong one is a refusal."""
        for token, code in ((COOKIE, 252), ("0" * 64, 511)):
            client = BlockingClient(cast(Any, FakeSocket(self.port.person(False, False))))
            try:
                client.open("test/1", token)
                found = client.ask("say", text="x")["code"]
            except AdminError as problem:
                found = problem.code
            self.assertEqual(found, code)

    def test_the_last_word_of_a_node_that_turns_us_away(self) -> None:
        """Is what is raised."""
        port = Port(uid=2**31 - 2)
        client = BlockingClient(cast(Any, FakeSocket(port.person(greeted=False))))
        problem = self.assertRaises(AdminError, client.open)
        self.assertEqual(problem.code, 510)


class Home(SynchronousTestCase):
    """What is read from a home."""

    def setUp(self) -> None:
        """A folder."""
        self.home = Path(self.mktemp())
        self.home.mkdir()

    def test_no_node(self) -> None:
        """One line that says what to do."""
        for config in (
            "",
            "[admin]\ntcp = 3\n",
            "[admin]\n",
            "[[",
            '[admin]\ntcp = "127.0.0.1:0"\n',
        ):
            (self.home / "config.toml").write_text(config)
            problem = self.assertRaises(DownError, dial, self.home, 1.0)
            self.assertIn("no node is running", str(problem))
            self.assertIn("up", str(problem))
        self.assertRaises(DownError, read_cookie, self.home)

    def test_where_tcp_is(self) -> None:
        """As ``config.toml`` says."""
        (self.home / "config.toml").write_text('[admin]\ntcp = "[::1]:7401"\n')
        self.assertEqual(admin_address(self.home), ("::1", 7401))
        (self.home / blocking.COOKIE).write_text(COOKIE + "\n")
        self.assertEqual(read_cookie(self.home), COOKIE)
