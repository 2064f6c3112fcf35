"""The Twisted coat: requests, events, and dialling again."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from securechat.admin.client import AdminError, DownError
from securechat.admin.twisted_client import AdminClient, Talk
from tests.admin.fakes import UNIX, Person, Port


class Pipe(StringTransport):
    """The client's end."""

    lost = False

    def loseConnection(self) -> None:
        """Closed from this side."""
        self.lost = True
        super().loseConnection()


@implementer(IStreamClientEndpoint)
@define(eq=False)
class Endpoint:
    """Connects to a session, or refuses while the node is down."""

    port: Port
    dialled: int = 0
    up: bool = True
    talk: Talk | None = None
    pipe: Pipe = field(factory=Pipe)
    person: Person | None = None

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """At once, either way."""
        self.dialled += 1
        if not self.up:
            return fail(ConnectionRefusedError())
        made: Any = factory.buildProtocol(UNIX)
        assert made is not None
        self.pipe, self.person = Pipe(), self.port.person(greeted=False)
        made.makeConnection(self.pipe)
        self.talk = getattr(made, "_wrappedProtocol", made)
        self._made = made
        return succeed(made)

    def carry(self) -> None:
        """Carry bytes both ways until nothing is left."""
        assert self.person is not None
        while self.pipe.value() or self.person.line.value():
            asked, answered = self.pipe.value(), self.person.line.value()
            self.pipe.clear()
            self.person.line.clear()
            if asked:
                self.person.protocol.dataReceived(asked)
            if answered:
                self._made.dataReceived(answered)

    def cut(self) -> None:
        """The connection is lost."""
        self._made.connectionLost(Failure(ConnectionDone()))

    _made: Any = None


class Client(SynchronousTestCase):
    """One client and a node that comes and goes."""

    def setUp(self) -> None:
        """Not started yet."""
        self.clock, self.port = Clock(), Port()
        self.endpoint = Endpoint(self.port)
        self.events: list[dict[str, Any]] = []
        self.life: list[str] = []
        self.client = AdminClient(
            self.endpoint, self.clock, self.events.append,
            lambda greeting: self.life.append(f"up {greeting['node']}"),
            lambda why: self.life.append(f"down {why}"), "test/1",
        )  # fmt: skip

    def start(self) -> None:
        """Started and greeted."""
        self.client.start()
        self.endpoint.carry()

    def test_it_comes_up_once_json_is_agreed(self) -> None:
        """And then a request is answered with a dict."""
        self.client.start()
        self.client.start()
        self.assertEqual((self.life, self.endpoint.dialled), ([], 1))
        self.assertIsInstance(self.failureResultOf(self.client.request("health")).value, DownError)
        self.endpoint.carry()
        self.assertEqual(self.life, ["up ada"])
        asked = self.client.request("say", text="hi")
        self.assertNoResult(asked)
        self.endpoint.carry()
        self.assertEqual(
            self.successResultOf(asked), {"code": 252, "id": "ada/3/1", "state": "queued"}
        )

    def test_refusals(self) -> None:
        """From the node, and of what cannot be sent."""
        self.start()
        asked = self.client.request("wach")
        self.endpoint.carry()
        self.assertEqual(self.failureResultOf(asked, AdminError).value.code, 502)
        long = self.failureResultOf(self.client.request("say", text="x" * 17000), AdminError)
        self.assertEqual(long.value.code, 501)

    def test_events(self) -> None:
        """As they come."""
        self.start()
        self.client.request("watch")
        self.endpoint.carry()
        self.port.ring.add("post", {"id": "ada/3/1"})
        self.endpoint.carry()
        self.assertEqual([event["event"] for event in self.events], ["replay-end", "post"])

    def test_it_dials_again(self) -> None:
        """With growing pauses while the node is down; whoever waits is told at once."""
        self.start()
        asked = self.client.request("slowly")
        self.endpoint.carry()
        self.endpoint.up = False
        self.endpoint.cut()
        self.assertIsInstance(self.failureResultOf(asked).value, DownError)
        self.assertEqual(self.life, ["up ada", "down the node hung up"])
        self.assertFalse(self.client.up)
        self.clock.pump([0.5] * 120)
        self.assertGreater(self.endpoint.dialled, 8)
        self.assertLess(self.endpoint.dialled, 25)
        self.endpoint.up = True
        self.clock.advance(6)
        self.endpoint.carry()
        self.assertEqual(self.life[-1], "up ada")

    def test_dialling_now(self) -> None:
        """A person need not wait for the pause; while it is up nothing happens."""
        self.endpoint.up = False
        self.client.start()
        self.clock.pump([1] * 30)
        dialled = self.endpoint.dialled
        self.endpoint.up = True
        self.client.redial()
        self.endpoint.carry()
        self.assertEqual((self.endpoint.dialled, self.client.up), (dialled + 1, True))
        self.client.redial()
        self.assertEqual(self.endpoint.dialled, dialled + 1)

    def test_stopping(self) -> None:
        """It hangs up and dials no more."""
        self.start()
        stopped = self.client.stop()
        self.assertTrue(self.endpoint.pipe.lost)
        self.endpoint.cut()
        self.successResultOf(stopped)
        self.clock.advance(60)
        self.assertEqual(self.endpoint.dialled, 1)
        self.assertEqual(self.life, ["up ada", "down the node hung up"])
        self.successResultOf(self.client.stop())

    def test_another_service_is_hung_up_on(self) -> None:
        """And the reason told if it was up."""
        self.start()
        assert self.endpoint.talk is not None
        self.endpoint.talk.dataReceived(b"HTTP/1.1 400\r\n")
        self.assertTrue(self.endpoint.pipe.lost)
        self.endpoint.cut()
        self.assertIn("no admin port", self.life[-1])

    def test_a_node_that_turns_us_away(self) -> None:
        """It never came up; it is tried again later."""
        self.port.uid = 2**31 - 2
        self.client.start()
        self.endpoint.carry()
        self.assertTrue(self.endpoint.pipe.lost)
        self.assertEqual(self.life, [])
        self.endpoint.cut()
        self.clock.advance(6)
        self.assertEqual(self.endpoint.dialled, 2)

    def test_a_node_that_refuses_hello(self) -> None:
        """A client that is too new hangs up."""
        self.client.start()
        assert self.endpoint.talk is not None
        self.endpoint.talk.dataReceived(self.endpoint.person.line.value())  # type: ignore[union-attr]
        self.endpoint.talk.dataReceived(b'@1 503 text="too new"\n')
        self.assertTrue(self.endpoint.pipe.lost)
        self.assertEqual(self.life, [])
