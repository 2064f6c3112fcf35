"""One TLS stream, from TCP to its end, on a virtual clock and in memory."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.test.iosim import IOPump
from twisted.trial.unittest import SynchronousTestCase

from securechat.inputs import DialOutcome, Ending
from securechat.node.address import shown
from securechat.node.link import CLOSE_TIMEOUT, LinkProtocol
from tests.node.room import THERE, Bench, Talker, Told, id_of


class Pair:
    """Ada accepted a link of bob: both ends are LinkProtocols, and up."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.ada, self.bob = self.bench.told, Told()
        link = LinkProtocol(self.bob, self.bench.clock, 10.0, dialled=THERE, expected=id_of(2))
        client = self.bench.wrapped(self.bench.room.tls("bob", 3), link, True)
        pump = self.bench.accept(client)
        assert pump is not None
        self.pump: IOPump = pump
        self.here, self.there = self.ada.wires[0], self.bob.wires[0]

    def flush(self) -> None:
        """Let everything arrive."""
        self.pump.flush()

    @property
    def producer(self) -> Any:
        """What ada's transport would pause."""
        return self.pump.serverIO.producer


class WayUpTests(SynchronousTestCase):
    """Before TLS is done."""

    def test_up(self) -> None:
        """Two members that reach each other have a wire each, which names the other."""
        pair = Pair()
        self.assertEqual(pair.ada.calls, [("opened", id_of(3))])
        self.assertEqual(pair.bob.calls, [("opened", id_of(2))])
        self.assertEqual((pair.here.name, pair.there.name), ("bob", "ada"))
        self.assertEqual((pair.here.dialled, pair.there.dialled), (None, THERE))
        self.assertEqual(pair.here.address, pair.there.local)
        self.assertEqual(pair.bench.factory.unproven, 0)
        self.assertEqual(pair.bench.clock.getDelayedCalls(), [])

    def test_silent(self) -> None:
        """Who connects and says nothing is hung up after ten seconds, and not before."""
        bench = Bench()
        talker = Talker()
        pump = bench.accept(talker)
        assert pump is not None
        bench.clock.advance(9.9)
        self.assertEqual(bench.told.calls, [])
        bench.clock.advance(0.2)
        pump.flush()
        self.assertEqual(bench.told.reasons, ["silent"])
        self.assertIsNotNone(talker.end)

    def test_slow_loris(self) -> None:
        """A byte of a TLS hello now and then does not buy more time."""
        bench = Bench()
        talker = Talker(b"\x16\x03\x01\x02\x00\x01")
        pump = bench.accept(talker)
        assert pump is not None
        for _ in range(4):
            bench.clock.advance(2.4)
            assert talker.transport is not None
            talker.transport.write(b"\x00")
            pump.flush()
        self.assertEqual(bench.told.calls, [])
        bench.clock.advance(0.5)
        pump.flush()
        self.assertEqual(bench.told.reasons, ["silent"])

    def test_dialled_silent(self) -> None:
        """A dial that TCP takes and TLS never answers is a timeout, once."""
        bench = Bench()
        pump = bench.dial(Talker(), expected=id_of(3))
        bench.clock.advance(10)
        pump.flush()
        self.assertEqual(bench.told.words, ["refused", "dial_failed"])
        _, address, peer, how, why = bench.told.calls[1]
        self.assertEqual((address, peer, how), (THERE, id_of(3), DialOutcome.TIMEOUT))
        self.assertIn("silent", why)

    def test_scan(self) -> None:
        """Who connects and closes again, as a port scan does, is counted and nothing more."""
        bench = Bench()
        talker = Talker()
        pump = bench.accept(talker)
        assert pump is not None
        pump.clientIO.loseConnection()
        pump.flush()
        self.assertIn(bench.told.reasons[0], ("closed-early", "reset-early"))
        self.assertEqual(bench.told.words, ["refused"])
        bench.clock.advance(1)
        self.assertEqual(bench.clock.getDelayedCalls(), [])

    def test_withdrawn(self) -> None:
        """A connection that the stopping node gives up is told to nobody."""
        bench = Bench()
        pump = bench.accept(Talker())
        assert pump is not None
        bench.factory.stopFactory()
        pump.flush()
        self.assertEqual(bench.told.calls, [])
        self.assertEqual(bench.clock.getDelayedCalls(), [])

    def test_no_delay(self) -> None:
        """Small frames are not held back by TCP."""
        bench = Bench()
        asked: list[bool] = []
        server = bench.factory.buildProtocol(None)
        pump = bench.pump(server, Talker(), None, None)
        pump.serverIO.setTcpNoDelay = asked.append
        assert server is not None
        server.wrappedProtocol.connectionMade()
        self.assertEqual(asked, [True])
        self.assertEqual(shown(None), "NoneType")


class BytesTests(SynchronousTestCase):
    """A wire that is up."""

    def test_both_ways(self) -> None:
        """What one end writes the other reads, in order."""
        pair = Pair()
        pair.here.write(b"hello ")
        pair.here.write(b"bob")
        pair.there.write(b"hello ada")
        pair.flush()
        self.assertEqual((pair.bob.received, pair.ada.received), (b"hello bob", b"hello ada"))

    def test_paused(self) -> None:
        """While the network does not take bytes they wait, counted; then they arrive in order."""
        pair = Pair()
        pair.producer.pauseProducing()
        pair.here.write(b"one ")
        pair.here.write(b"two")
        pair.flush()
        self.assertEqual((pair.bob.received, pair.here.queued), (b"", 7))
        pair.producer.resumeProducing()
        pair.flush()
        self.assertEqual((pair.bob.received, pair.here.queued), (b"one two", 0))

    def test_reading_paused(self) -> None:
        """A wire is read no more and read on as its owner says, also while it closes."""
        pair = Pair()
        said: list[str] = []
        pair.pump.serverIO.pauseProducing = lambda: said.append("pause")
        pair.pump.serverIO.resumeProducing = lambda: said.append("resume")
        pair.here.pause()
        pair.here.resume()
        self.assertEqual(said, ["pause", "resume"])
        pair.here.close()
        pair.here.pause()
        pair.here.resume()
        self.assertEqual(said, ["pause", "resume", "resume"])
        pair.flush()
        pair.here.resume()
        self.assertEqual(len(said), 3)

    def test_close_flushes(self) -> None:
        """What was written before a close arrives before the end."""
        pair = Pair()
        pair.here.write(b"bye")
        pair.here.close()
        pair.here.write(b"too late")
        pair.flush()
        self.assertEqual(pair.bob.received, b"bye")
        self.assertEqual(pair.bob.calls[-1][:2], ("lost", Ending.FIN))
        self.assertEqual(pair.ada.calls[-1][:2], ("lost", Ending.FIN))
        self.assertEqual(pair.bench.clock.getDelayedCalls(), [])

    def test_close_while_paused(self) -> None:
        """A close waits for what waits."""
        pair = Pair()
        pair.producer.pauseProducing()
        pair.here.write(b"bye")
        pair.here.close()
        pair.here.write(b"too late")
        pair.flush()
        self.assertEqual(pair.ada.words, ["opened"])
        pair.producer.resumeProducing()
        pair.flush()
        self.assertEqual(pair.bob.received, b"bye")
        self.assertEqual((pair.ada.words, pair.bob.words[-1]), (["opened", "lost"], "lost"))

    def test_close_unread(self) -> None:
        """A peer that does not read is not waited for longer than a few seconds."""
        pair = Pair()
        pair.producer.pauseProducing()
        pair.here.write(b"bye")
        pair.here.close()
        pair.here.close()
        pair.bench.clock.advance(CLOSE_TIMEOUT)
        pair.flush()
        self.assertEqual(pair.ada.calls[-1][:2], ("lost", Ending.TIMEOUT))
        self.assertEqual(pair.bob.received, b"")

    def test_abort(self) -> None:
        """An abort drops what waits, and ends at once."""
        pair = Pair()
        pair.producer.pauseProducing()
        pair.here.write(b"never")
        pair.here.abort()
        self.assertEqual(pair.here.queued, 0)
        pair.here.write(b"never")
        pair.flush()
        self.assertEqual(pair.bob.received, b"")
        self.assertEqual(pair.ada.calls[-1], ("lost", Ending.RST, "broken off here"))
        self.assertEqual(pair.ada.words.count("lost"), 1)

    def test_abort_in_opened(self) -> None:
        """An owner that does not want a wire can end it while it is told of it."""
        pair = Pair()
        bench = pair.bench

        class Unwilling(Told):
            def opened(self, wire: Any) -> None:
                super().opened(wire)
                wire.write(b"go away")
                wire.abort()

        owner = Unwilling()
        link = LinkProtocol(owner, bench.clock, 10.0, dialled=THERE)
        pump = bench.accept(bench.wrapped(bench.room.tls("bob", 3), link, True))
        assert pump is not None
        pump.flush()
        self.assertEqual(owner.words, ["opened", "lost"])
        self.assertNotIn(b"go away", pair.ada.received)


class EndTests(SynchronousTestCase):
    """How an end is read."""

    def end_of(self, pair: Pair, wire: LinkProtocol, problem: Exception) -> Ending:
        """The class of an end with this reason."""
        told = pair.ada if wire is pair.here else pair.bob
        wire.connectionLost(Failure(problem))
        self.assertEqual(told.words[-1], "lost")
        how: Ending = told.calls[-1][1]
        return how

    def test_classes(self) -> None:
        """A close is FIN, a break is RST, an error of TLS a breach of protocol."""
        alert = SSL.Error([("", "", "tlsv1 alert internal error")])
        for problem, how in (
            (ConnectionDone(), Ending.FIN),
            (ConnectionLost(), Ending.RST),
            (ConnectionAborted(), Ending.RST),
            (alert, Ending.PROTOCOL),
        ):
            pair = Pair()
            self.assertEqual(self.end_of(pair, pair.here, problem), how)

    def test_break_before_a_byte(self) -> None:
        """
        A dialled wire that breaks before its first byte may have been refused: no evidence about
        liveness; after the first byte the same end is.
        """
        pair = Pair()
        self.assertEqual(self.end_of(pair, pair.there, ConnectionLost()), Ending.PROTOCOL)
        self.assertEqual(pair.bob.reasons, ["refused-by-peer"])
        pair = Pair()
        pair.here.write(b"welcome")
        pair.flush()
        self.assertEqual(self.end_of(pair, pair.there, ConnectionLost()), Ending.RST)
        self.assertEqual(pair.bob.reasons, [])

    def test_once(self) -> None:
        """An end is told once."""
        pair = Pair()
        pair.here.connectionLost(Failure(ConnectionLost()))
        pair.here.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(pair.ada.words, ["opened", "lost"])

    def test_forged_record(self) -> None:
        """Bytes put into the stream by somebody on the way end the link, and are never read."""
        pair = Pair()
        pair.there.write(b"fine")
        pair.flush()
        pair.pump.clientIO.write(b"\x17\x03\x03\x00\x20" + b"\xee" * 32)
        pair.flush()
        self.assertEqual(pair.ada.received, b"fine")
        how, why = pair.ada.calls[-1][1:]
        self.assertEqual(how, Ending.PROTOCOL)
        self.assertIn("bad record mac", why)

    def test_killed(self) -> None:
        """A process that dies without a TLS close reads as a break."""
        pair = Pair()
        pair.there.write(b"fine")
        pair.flush()
        pair.pump.clientIO.loseConnection()
        pair.flush()
        self.assertEqual(pair.ada.calls[-1][:2], ("lost", Ending.RST))
