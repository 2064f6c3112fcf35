"""Dialling: one result for each dial; and two nodes' edges on a real loopback socket."""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import (
    ConnectError,
    ConnectionRefusedError,
    NoRouteError,
    TCPTimedOutError,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorPluggableNameResolver,
    IReactorSocket,
    IReactorTCP,
    IReactorTime,
)
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.test.iosim import ConnectionCompleter
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import directlyProvides, providedBy

from securechat.ids import MemberId
from securechat.inputs import DialOutcome, Ending
from securechat.node.dialer import Dialer
from securechat.node.link import PERSISTENCE
from securechat.node.listener import LinkFactory, listen
from tests.node.room import THERE, Room, Told, id_of


class DialTests(SynchronousTestCase):
    """Dials of a virtual network."""

    def setUp(self) -> None:
        """A dialer of ada's."""
        self.room = Room()
        self.reactor = MemoryReactorClock()
        self.told = Told()
        self.dialer = Dialer(self.reactor, self.room.tls("ada", 2))
        self.dialer.links = self.told

    def failed(self, how: DialOutcome, peer: MemberId | None = None) -> str:
        """One result, which is this; its text."""
        self.assertEqual(self.told.words, ["dial_failed"])
        _, _, expected, outcome, why = self.told.calls[0]
        self.assertEqual((expected, outcome), (peer, how))
        self.assertTrue(why and why.isprintable())
        return str(why)

    def test_not_an_address(self) -> None:
        """An address that is none is a dial that failed."""
        self.dialer.dial("nowhere")
        self.assertIn("not HOST:PORT", self.failed(DialOutcome.UNROUTABLE))

    def test_port_zero(self) -> None:
        """Port 0 is nobody's."""
        self.dialer.dial("192.0.2.7:0", id_of(3))
        self.failed(DialOutcome.UNROUTABLE, id_of(3))

    def test_outcomes(self) -> None:
        """Each way in which TCP fails has its class, since they are not equal as evidence."""
        for problem, how in (
            (ConnectionRefusedError(111, "refused"), DialOutcome.REFUSED),
            (TCPTimedOutError(110), DialOutcome.TIMEOUT),
            (NoRouteError(101, "unreachable"), DialOutcome.UNROUTABLE),
            (ConnectError(113, "No route to host"), DialOutcome.UNROUTABLE),
        ):
            self.setUp()
            self.dialer.dial(THERE, id_of(3))
            ConnectionCompleter(self.reactor).failOnce(Failure(problem))
            self.failed(how, id_of(3))
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_no_answer(self) -> None:
        """An address that does not answer is given up after two seconds."""
        self.dialer.dial(THERE)
        self.reactor.advance(1.9)
        self.assertEqual(self.told.calls, [])
        self.reactor.advance(0.2)
        self.failed(DialOutcome.TIMEOUT)

    def test_unknown_name(self) -> None:
        """A host name that the network does not know says so."""

        class Answer:
            name = "nobody.invalid"

            def cancel(self) -> None:
                """There is nothing to cancel."""

        class Nobody:
            def resolveHostName(self, receiver: Any, *args: Any, **more: Any) -> Any:
                receiver.resolutionBegan(Answer())
                receiver.resolutionComplete()
                return receiver

        directlyProvides(self.reactor, IReactorPluggableNameResolver, *providedBy(self.reactor))
        cast(Any, self.reactor).nameResolver = Nobody()
        self.dialer.dial("nobody.invalid:7400")
        self.assertEqual(self.failed(DialOutcome.UNROUTABLE), "no such host name")

    def test_kinds(self) -> None:
        """IPv4 and IPv6 addresses are dialled as they are."""
        self.dialer.dial("192.0.2.7:7400")
        self.dialer.dial("[2001:db8::7]:7401")
        dialled = [(client[0], client[1]) for client in self.reactor.tcpClients]
        self.assertEqual(dialled, [("192.0.2.7", 7400), ("2001:db8::7", 7401)])

    def test_reaches(self) -> None:
        """A member that listens there gets a wire, and so do we."""
        bob = Told()
        factory = LinkFactory(bob, self.room.tls("bob", 3), self.reactor)
        listen(self.reactor, "192.0.2.7:7400", factory)
        self.dialer.dial(THERE, id_of(3))
        pump = ConnectionCompleter(self.reactor).succeedOnce()
        assert pump is not None
        pump.flush()
        self.assertEqual(self.told.calls, [("opened", id_of(3))])
        self.assertEqual(bob.calls, [("opened", id_of(2))])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.dialer.under_way, 0)

    def test_under_way(self) -> None:
        """A dial counts as under way until it has its result."""
        self.dialer.dial(THERE)
        self.assertEqual(self.dialer.under_way, 1)
        ConnectionCompleter(self.reactor).failOnce()
        self.assertEqual(self.dialer.under_way, 0)

    def test_in_place_of_another(self) -> None:
        """A dial without TCP makes room for another, which has its whole time; one result is told."""
        self.dialer.dial(THERE)
        self.reactor.advance(1.5)
        self.dialer.dial(THERE, id_of(3), True)
        self.assertEqual(len(self.reactor.tcpClients), 2)
        self.assertEqual(self.dialer.under_way, 1)
        self.reactor.advance(1.9)
        self.assertEqual(self.told.calls, [])
        self.reactor.advance(0.2)
        self.failed(DialOutcome.TIMEOUT, id_of(3))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_not_in_place_of_a_handshake(self) -> None:
        """A dial that has TCP goes on; the one that was to take its place is not made."""
        listen(
            self.reactor,
            "192.0.2.7:7400",
            LinkFactory(Told(), self.room.tls("bob", 3), self.reactor),
        )
        self.dialer.dial(THERE, id_of(3))
        pump = ConnectionCompleter(self.reactor).succeedOnce(greet=False)
        assert pump is not None
        self.dialer.dial(THERE, id_of(3), True)
        pump.flush()
        self.assertEqual(self.told.calls, [("opened", id_of(3))])
        self.assertEqual(self.reactor.tcpClients, [])

    def test_in_place_of_none(self) -> None:
        """Where no dial is under way, or only one to another address, none takes its place."""
        self.dialer.dial("192.0.2.8:7400")
        self.dialer.dial(THERE, id_of(3), True)
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.assertEqual(self.told.calls, [])

    def test_stop(self) -> None:
        """A node that stops gives up its dials without a word, in whatever state they are."""
        listen(
            self.reactor,
            "192.0.2.7:7400",
            LinkFactory(Told(), self.room.tls("bob", 3), self.reactor),
        )
        self.dialer.dial(THERE)
        pump = ConnectionCompleter(self.reactor).succeedOnce(greet=False)
        assert pump is not None
        self.dialer.dial(THERE)
        self.dialer.stop()
        pump.flush()
        self.dialer.dial(THERE)
        self.reactor.advance(1)
        self.assertEqual(self.told.calls, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(len(self.reactor.tcpClients), 1)


def later(seconds: float = 0.0) -> Deferred[None]:
    """Give the reactor time."""
    return deferLater(IReactorTime(reactor), seconds, lambda: None)


class LoopbackTests(TestCase):
    """Two edges on real sockets."""

    timeout = 20
    port: IListeningPort

    def setUp(self) -> None:
        """Bob listens, ada dials."""
        self.clock = IReactorTime(reactor)
        self.room = Room()
        self.ada, self.bob = Told(), Told()
        factory = LinkFactory(self.bob, self.room.tls("bob", 3), self.clock)
        self.port = IReactorTCP(reactor).listenTCP(0, factory, interface="127.0.0.1")
        self.address = f"127.0.0.1:{cast(Any, self.port.getHost()).port}"
        self.dialer = Dialer(self.clock, self.room.tls("ada", 2))
        self.dialer.links = self.ada

    @inlineCallbacks
    def tearDown(self) -> Any:  # type: ignore[override]
        """Nothing is left open."""
        for wire in self.ada.wires + self.bob.wires:
            wire.abort()
        yield self.port.stopListening()
        self.dialer.stop()
        yield later()
        yield self.until(lambda: all(t.words[-1:] != ["opened"] for t in (self.ada, self.bob)))

    @inlineCallbacks
    def until(self, true: Any) -> Any:
        """Wait for something to become true; the test's timeout ends it."""
        while not true():
            yield later(0.005)

    @inlineCallbacks
    def linked(self) -> Any:
        """Both have a wire."""
        self.dialer.dial(self.address, id_of(3))
        yield self.until(lambda: self.ada.wires and self.bob.wires)

    @inlineCallbacks
    def test_a_megabyte(self) -> Any:
        """A megabyte crosses whole, and the close comes after it."""
        yield self.linked()
        sent = bytes(range(256)) * 4096
        self.ada.wires[0].write(sent)
        self.ada.wires[0].close()
        yield self.until(lambda: "lost" in self.bob.words and "lost" in self.ada.words)
        self.assertEqual(self.bob.received, sent)
        self.assertEqual(self.bob.calls[-1][:2], ("lost", Ending.FIN))
        self.assertEqual(self.ada.calls[-1][:2], ("lost", Ending.FIN))

    @inlineCallbacks
    def test_slow_reader(self) -> Any:
        """A peer that does not read makes bytes wait here, counted; when it reads, they arrive."""
        yield self.linked()
        bob: Any = self.bob.wires[0].transport
        bob.pauseProducing()
        ada = self.ada.wires[0]
        written = 0
        while ada.queued < 1024 * 1024:
            ada.write(b"x" * 65_000)
            written += 65_000
            self.assertLess(written, 64 * 1024 * 1024)
            yield later()
        bob.resumeProducing()
        yield self.until(lambda: len(self.bob.received) == written)
        self.assertEqual(ada.queued, 0)

    @inlineCallbacks
    def test_closed_by_a_slow_reader(self) -> Any:
        """A peer that closes while our bytes wait for it leaves no dead connection here."""
        yield self.linked()
        bob: Any = self.bob.wires[0].transport
        bob.pauseProducing()
        ada = self.ada.wires[0]
        while not ada.queued:
            ada.write(b"x" * 65_000)
            yield later()
        self.bob.wires[0].close()
        yield later(0.05)
        bob.resumeProducing()
        yield self.until(lambda: "lost" in self.bob.words)
        yield self.until(lambda: "lost" in self.ada.words)

    @inlineCallbacks
    def test_lost_packets(self) -> Any:
        """Where the system can do it, both ends have lost packets sent again within a second."""
        yield self.linked()
        for end in (self.ada.wires[0], self.bob.wires[0]):
            connected = cast(Any, end.transport).socket
            kept, known = {}, {}
            with socket.socket() as other:
                for option, number in PERSISTENCE.items() if sys.platform == "linux" else ():
                    with contextlib.suppress(OSError):
                        other.setsockopt(socket.IPPROTO_TCP, option, number)
                        known[option] = number
                        kept[option] = connected.getsockopt(socket.IPPROTO_TCP, option)
            self.assertEqual(kept, known)

    @inlineCallbacks
    def test_in_place_of_a_lost_packet(self) -> Any:
        """A dial whose first packet is lost makes room for one that is answered; one wire comes."""
        factory = LinkFactory(self.bob, self.room.tls("bob", 3), self.clock)
        with contextlib.ExitStack() as stack:
            full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            guests = [stack.enter_context(socket.socket()) for _ in range(2)]
            for guest in guests:
                guest.setblocking(False)
                guest.connect_ex(full.getsockname())
            address = f"127.0.0.1:{full.getsockname()[1]}"
            self.dialer.dial(address, id_of(3))
            yield later(0.1)
            self.assertEqual(self.dialer.under_way, 1)
            stack.enter_context(full.accept()[0])
            full.setblocking(False)
            port = IReactorSocket(reactor).adoptStreamPort(full.fileno(), socket.AF_INET, factory)
        self.dialer.dial(address, id_of(3), True)
        yield self.until(lambda: self.ada.wires and self.bob.wires)
        yield later(1.2)
        yield port.stopListening()
        self.assertEqual(self.ada.calls, [("opened", id_of(3))])
        self.assertEqual(self.bob.words.count("opened"), 1)

    @inlineCallbacks
    def test_refused(self) -> Any:
        """Nobody listens: refused, at once."""
        self.dialer.dial("127.0.0.1:1", id_of(3))
        yield self.until(lambda: self.ada.calls)
        self.assertEqual(
            self.ada.calls[0][:4], ("dial_failed", "127.0.0.1:1", id_of(3), DialOutcome.REFUSED)
        )

    @inlineCallbacks
    def test_removed(self) -> Any:
        """On a real socket, too, a refusal by the other side is no evidence about liveness."""
        self.room.remove(2)
        self.dialer.dial(self.address, id_of(3))
        yield self.until(
            lambda: self.bob.calls and self.ada.words[-1:] in (["lost"], ["dial_failed"])
        )
        self.assertEqual(self.bob.reasons, ["removed"])
        self.assertIn(self.ada.calls[-1][1], (Ending.PROTOCOL, self.address))
        self.assertEqual(self.ada.reasons, ["refused-by-peer"])

    @inlineCallbacks
    def test_by_name(self) -> Any:
        """A host name is dialled as well as an address."""
        self.dialer.dial(self.address.replace("127.0.0.1", "localhost"), id_of(3))
        yield self.until(lambda: self.ada.wires and self.bob.wires)
        self.assertEqual(self.ada.wires[0].peer, id_of(3))
