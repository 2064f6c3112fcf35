"""Where the port listens: a real unix socket, the cookie, and loopback only."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path
from tempfile import mkdtemp

from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from securechat.admin import server
from securechat.admin.blocking import connect
from securechat.admin.client import AdminError
from securechat.admin.server import AdminFactory
from securechat.admin.sockets import (
    listen_tcp,
    listen_unix,
    own_uid,
    peer_uid,
    take_tcp,
    write_cookie,
)
from securechat.errors import HomeError
from tests.admin.fakes import Port


def serving(port: Port) -> AdminFactory:
    """The port's factory, with the real question for the uid."""
    port.factory.uid_of = peer_uid
    return port.factory


class Unix(TestCase):
    """A real socket, real clients in a thread."""

    timeout = 20

    def setUp(self) -> None:
        """A folder with a short path."""
        self.home = Path(mkdtemp(prefix="sc"))
        self.addCleanup(shutil.rmtree, self.home)
        self.port = Port()

    def listen(self) -> None:
        """Listen until the end of the test."""
        listening = listen_unix(reactor, self.home, serving(self.port))
        self.addCleanup(listening.stopListening)

    def test_the_owner_is_admin_at_once(self) -> None:
        """The peer's uid is asked of the system; the socket is 0600 whatever the umask."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.listen()
        mode = (self.home / "admin.sock").stat().st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(os.umask(0), 0)

    async def test_a_conversation(self) -> None:
        """Through the blocking client."""
        self.listen()

        def ask() -> tuple[str, int]:
            with connect(self.home, "test/1") as client:
                reply = client.request("say", text="hi")
                return client.greeting["level"], reply["code"]

        self.assertEqual(await deferToThread(ask), ("admin", 252))

    async def test_another_uid(self) -> None:
        """Whoever is not the owner gets one line."""
        self.patch(server, "own_uid", lambda: own_uid() + 1)
        self.listen()
        try:
            await deferToThread(connect, self.home, "test/1")
        except AdminError as problem:
            code = problem.code
        else:
            code = 0
        self.assertEqual(code, 510)
        self.assertEqual(self.port.factory.counted["other-uid"], 1)

    def test_a_left_over_is_removed(self) -> None:
        """A node that was killed leaves its socket; the next one listens all the same."""
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(self.home / "admin.sock"))
        left.close()
        self.listen()

    def test_something_else_in_the_way(self) -> None:
        """A file of that name is not removed."""
        (self.home / "admin.sock").write_text("mine")
        problem = self.assertRaises(HomeError, listen_unix, reactor, self.home, self.port.factory)
        self.assertIn("no socket", str(problem))
        self.assertEqual((self.home / "admin.sock").read_text(), "mine")

    def test_a_long_path(self) -> None:
        """One line that says what to do."""
        problem = self.assertRaises(
            HomeError, listen_unix, reactor, self.home / ("x" * 120), self.port.factory
        )
        self.assertIn("shorter path", str(problem))

    def test_no_such_folder(self) -> None:
        """One line."""
        problem = self.assertRaises(
            HomeError, listen_unix, reactor, self.home / "none", self.port.factory
        )
        self.assertIn("cannot listen", str(problem))


class Tcp(SynchronousTestCase):
    """Loopback only."""

    def refused(self, address: str, words: str) -> None:
        """One line."""
        problem = self.assertRaises(HomeError, listen_tcp, MemoryReactor(), address, Port().factory)
        self.assertIn(words, str(problem))
        self.assertNotIn("\n", str(problem))

    def test_this_machine(self) -> None:
        """127.0.0.1, ::1 and localhost."""
        for address, host in (("127.0.0.1:7401", "127.0.0.1"), ("localhost:7401", "127.0.0.1"),
                              ("[::1]:7401", "::1"), ("127.9.9.9:1", "127.9.9.9")):  # fmt: skip
            memory = MemoryReactor()
            listen_tcp(memory, address, Port().factory)
            self.assertEqual(memory.tcpServers[0][3], host)

    def test_elsewhere_is_refused(self) -> None:
        """No switch opens it."""
        for address in ("0.0.0.0:7401", "[::]:7401", "192.0.2.7:7401", "example.org:7401",
                        "127.0.0.1.example.org:1", "[::ffff:192.0.2.7]:1"):  # fmt: skip
            self.refused(address, "this machine only")
        self.refused("7401", "HOST:PORT")

    def test_a_port_in_use(self) -> None:
        """One line that names it."""

        class Busy(MemoryReactor):
            def listenTCP(self, *args: object, **kwargs: object) -> object:
                raise CannotListenError("127.0.0.1", 7401, OSError(98, "Address already in use"))

        problem = self.assertRaises(HomeError, listen_tcp, Busy(), "127.0.0.1:7401", Port().factory)
        self.assertIn("Address already in use", str(problem))

    def test_a_place_is_held_before_it_is_opened(self) -> None:
        """Under the same rules; somebody who listens there already is one line."""
        self.assertIn("this machine only", str(self.assertRaises(HomeError, take_tcp, "0.0.0.0:1")))
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            line = str(self.assertRaises(HomeError, take_tcp, f"localhost:{port}"))
            self.assertIn(f"localhost:{port}: Address already in use; see tcp", line)
        take_tcp(f"localhost:{port}").let_go()

    def test_the_place_of_links(self) -> None:
        """It is refused before anything is begun; another port, or another host, is not."""
        for links in ("127.0.0.1:31999", "0.0.0.0:31999", "[::]:31999"):
            line = str(self.assertRaises(HomeError, take_tcp, "localhost:31999", links))
            self.assertIn("links of peers are accepted there; see tcp under [admin]", line)
        for links in ("127.0.0.1:31998", "192.0.2.7:31999"):
            take_tcp("localhost:31999", links).let_go()


class Cookie(SynchronousTestCase):
    """The token."""

    def test_a_new_one_each_time(self) -> None:
        """64 hex digits and a newline, 0600 whatever the umask, in place of the last."""
        home = Path(self.mktemp())
        home.mkdir()
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        first, second = write_cookie(home), write_cookie(home)
        self.assertNotEqual(first, second)
        path = home / "admin.cookie"
        self.assertEqual(path.read_text(), second + "\n")
        self.assertRegex(second, "^[0-9a-f]{64}$")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(os.listdir(home), ["admin.cookie"])

    def test_a_folder_that_cannot_be_written(self) -> None:
        """One line."""
        problem = self.assertRaises(HomeError, write_cookie, Path("/nonexistent"))
        self.assertIn("cannot write", str(problem))
