"""What a stranger may cost us before TLS, and the listening socket."""

from __future__ import annotations

import errno
import socket
from collections import Counter

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from securechat.drills.rig import free_ports
from securechat.errors import HomeError
from securechat.node.link import LinkProtocol
from securechat.node.listener import MAX_SOURCES, Bucket, Caps, listen, take
from tests.node.room import THERE, Bench, Stranger, Talker, Told, id_of


class CapsTests(SynchronousTestCase):
    """The caps."""

    def test_per_source(self) -> None:
        """A fifth connection of one source that is not through TLS is closed at once."""
        bench = Bench()
        for _ in range(4):
            self.assertIsNotNone(bench.accept(Talker()))
        self.assertIsNone(bench.accept(Talker()))
        self.assertEqual(bench.told.reasons, ["too-many"])
        self.assertEqual(bench.factory.turned_away, {"too-many": 1})
        self.assertIsNotNone(bench.accept(Talker(), host="192.0.2.10"))

    def test_this_machine(self) -> None:
        """From this machine more are let in, so that a room fits on one machine."""
        bench = Bench()
        for _ in range(16):
            self.assertIsNotNone(bench.accept(Talker(), host="127.0.0.1"))
        self.assertIsNone(bench.accept(Talker(), host="127.0.0.1"))

    def test_in_all(self) -> None:
        """From however many sources: never more than 64 connections without TLS."""
        bench = Bench()
        let_in = [bench.accept(Talker(), host=f"192.0.2.{n}") for n in range(80)]
        self.assertEqual(sum(1 for pump in let_in if pump), 64)
        self.assertEqual(bench.factory.unproven, 64)
        self.assertEqual(bench.factory.turned_away["too-many"], 16)

    def test_rate(self) -> None:
        """A source that comes more than 20 times a second waits, also when it gets through TLS."""
        bench = Bench()
        bob = bench.room.tls("bob", 3)
        let_in = 0
        for _ in range(30):
            link = LinkProtocol(Told(), bench.clock, 10.0, dialled=THERE)
            let_in += bench.accept(bench.wrapped(bob, link, True)) is not None
        self.assertEqual(let_in, 20)
        self.assertEqual(bench.factory.turned_away, {"too-fast": 10})
        bench.clock.advance(0.1)
        link = LinkProtocol(Told(), bench.clock, 10.0, dialled=THERE)
        self.assertIsNotNone(bench.accept(bench.wrapped(bob, link, True)))

    def test_place_given_back(self) -> None:
        """Who is through TLS, or gone, does not count any more."""
        bench = Bench()
        for _ in range(12):
            link = LinkProtocol(Told(), bench.clock, 10.0, dialled=THERE)
            bench.accept(bench.wrapped(bench.room.tls("bob", 3), link, True))
            pump = bench.accept(Talker(b"garbage, garbage, garbage"))
            assert pump is not None
            pump.flush()
            bench.clock.advance(0.5)
        self.assertEqual(bench.factory.unproven, 0)
        self.assertEqual(bench.told.words.count("opened"), 12)

    def test_stalled(self) -> None:
        """Idle sockets do not keep a member out: one that stalled makes room."""
        bench = Bench()
        idle = [bench.accept(Talker()) for _ in range(4)]
        bench.clock.advance(1.5)
        link = LinkProtocol(Told(), bench.clock, 10.0, dialled=THERE)
        pump = bench.accept(bench.wrapped(bench.room.tls("bob", 3), link, True))
        assert pump is not None
        self.assertEqual(bench.told.calls, [("opened", id_of(3))])
        assert idle[0] is not None
        idle[0].flush()
        self.assertEqual(bench.told.reasons, ["stalled"])
        self.assertEqual(bench.factory.unproven, 3)

    def test_flood_is_summed_up(self) -> None:
        """A flood is counted to the last connection, and costs two log lines a second."""
        bench = Bench(caps=Caps(rate=5))
        for _ in range(4):
            bench.accept(Talker())
        for _ in range(1000):
            bench.accept(Talker())
        self.assertEqual(len(bench.told.calls), 2)
        bench.clock.advance(1)
        self.assertEqual(sum(bench.factory.turned_away.values()), 1000)
        self.assertEqual(bench.told.counted, bench.factory.turned_away)
        texts = [call[4] for call in bench.told.calls]
        self.assertEqual(len(texts), 3)
        self.assertIn("998 more", texts[-1])
        bench.clock.advance(1)
        bench.clock.advance(1)
        self.assertEqual(bench.told.words, ["refused"] * 3)
        bench.factory.stopFactory()
        self.assertEqual(bench.factory.unproven, 0)

    def test_flood_of_garbage_is_summed_up(self) -> None:
        """So does a flood of browsers, of garbage, and of TLS without a certificate."""
        bench = Bench(caps=Caps(rate=10_000))
        for number in range(60):
            for says in (b"GET / HTTP/1.1\r\n\r\n", b"garbage, garbage, garbage"):
                self.knock(bench, Talker(says), number)
            self.knock(bench, bench.wrapped(Stranger(), Talker(), True), number)
            bench.clock.advance(0.1)
        bench.clock.advance(1)
        self.assertEqual(sum(bench.told.counted.values()), 180)
        self.assertEqual(len(bench.told.counted), 3)
        lines = Counter(bench.told.reasons)
        self.assertLessEqual(max(lines.values()), 8)
        self.assertEqual(bench.factory.turned_away, {})

    def knock(self, bench: Bench, client: Protocol, number: int) -> None:
        """Somebody comes, is refused, and goes."""
        pump = bench.accept(client, host=f"198.51.100.{number}")
        assert pump is not None
        pump.flush()

    def test_stop_in_a_flood(self) -> None:
        """A node that stops while it is flooded tells the rest, and leaves no timer behind."""
        bench = Bench()
        for _ in range(6):
            bench.accept(Talker())
        bench.factory.stopFactory()
        bench.clock.advance(20)
        self.assertEqual(bench.told.reasons, ["too-many"] * 2)
        self.assertEqual(bench.told.counted, {"too-many": 2})
        self.assertEqual(bench.clock.getDelayedCalls(), [])

    def test_many_sources(self) -> None:
        """A flood from ever new sources does not grow the memory of their rates."""
        bench = Bench()
        for n in range(MAX_SOURCES + 50):
            bench.factory._bucket(f"source {n}")
        self.assertLessEqual(len(bench.factory._buckets), MAX_SOURCES)
        bench.clock.advance(2)
        for n in range(MAX_SOURCES):
            bench.factory._bucket(f"later {n}")
        self.assertNotIn("source 4100", bench.factory._buckets)


class BucketTests(SynchronousTestCase):
    """The token bucket."""

    def test_clock_stepped_back(self) -> None:
        """A clock that steps back neither fills nor blocks the bucket."""
        bucket = Bucket(2, 2, 1000.0)
        self.assertTrue(bucket.take(1000.0))
        self.assertTrue(bucket.take(500.0))
        self.assertFalse(bucket.take(500.0))
        self.assertTrue(bucket.take(500.6))


class ListenTests(SynchronousTestCase):
    """The listening socket."""

    def test_listens(self) -> None:
        """The node listens where its configuration says."""
        reactor = MemoryReactorClock()
        listen(reactor, "192.0.2.1:7400", Bench().factory)
        port, _, _, interface = reactor.tcpServers[0]
        self.assertEqual((port, interface), (7400, "192.0.2.1"))

    def test_in_use(self) -> None:
        """A port in use is one line that names the address and where to change it."""

        class Busy(MemoryReactorClock):
            def listenTCP(
                self, port: int, factory: object, backlog: int = 50, interface: str = ""
            ) -> None:
                raise CannotListenError(interface, port, OSError(98, "Address already in use"))

        with self.assertRaises(HomeError) as caught:
            listen(Busy(), "127.0.0.1:7400", Bench().factory)
        line = str(caught.exception)
        self.assertIn("127.0.0.1:7400: Address already in use", line)
        self.assertNotIn("\n", line)
        self.assertIn("config.toml", line)

    def test_a_place_that_is_held(self) -> None:
        """Nobody is let in until the node listens; who else wants it hears that it is in use."""
        (port,) = free_ports(1)
        address = f"127.0.0.1:{port}"
        held = take(address)
        with socket.socket() as caller:
            self.assertEqual(caller.connect_ex(("127.0.0.1", port)), errno.ECONNREFUSED)
        held.let_go()
        held.let_go()
        with socket.create_server(("127.0.0.1", port)):
            line = str(self.assertRaises(HomeError, take, address))
        self.assertIn(f"{address}: Address already in use; see listen under [node]", line)

    def test_no_address(self) -> None:
        """Something that is no address is one line, too."""
        with self.assertRaisesRegex(HomeError, "cannot listen on 'nowhere': not HOST:PORT"):
            listen(Clock(), "nowhere", Bench().factory)
        with self.assertRaisesRegex(HomeError, "cannot listen on 'nowhere': not HOST:PORT"):
            take("nowhere")
