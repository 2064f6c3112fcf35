"""TLS and the real links together: what a member with a good certificate may not do either."""

from __future__ import annotations

from typing import Any

from twisted.test.iosim import IOPump
from twisted.trial.unittest import SynchronousTestCase

from securechat.inputs import DialFailed, DialOutcome
from securechat.node.link import LinkProtocol
from securechat.node.listener import LinkFactory
from tests.node.room import HERE, THERE, Bench, Stranger, Talker, id_of
from tests.node.test_links import Side

TWO_GIB = (2**31).to_bytes(4, "big")


class EdgeTests(SynchronousTestCase):
    """Mallory is a member, and misbehaves."""

    def setUp(self) -> None:
        """Ada's node, as far as the door."""
        self.bench = Bench()
        self.side = Side(id_of(2), self.bench.clock)
        self.factory = LinkFactory(self.side.links, self.bench.tls, self.bench.clock)

    def met(self, talker: Any, dialled: bool) -> IOPump:
        """Mallory's TLS with us, in either role."""
        key, der = self.bench.room.member("mallory", 9)
        theirs = self.bench.wrapped(Stranger(key, der), talker, not dialled)
        if dialled:
            link = LinkProtocol(self.side.links, self.bench.clock, 10.0, dialled=THERE)
            return self.bench.pump(
                theirs, self.bench.wrapped(self.bench.tls, link, True), HERE, HERE
            )
        return self.bench.pump(self.factory.buildProtocol(HERE), theirs, HERE, HERE)

    def hung_up(self, talker: Talker, dialled: bool, reason: str) -> None:
        """Refused for this reason, once, closed; the node heard of nothing but the failed dial."""
        refused = {
            key: n for key, n in self.side.links.counters.items() if key.startswith("refused.")
        }
        self.assertEqual(refused, {f"refused.{reason}": 1})
        self.assertIsNotNone(talker.end)
        failed = [item.how for item in self.side.got(DialFailed)]
        self.assertEqual(failed, [DialOutcome.HANDSHAKE] if dialled else [])
        self.assertEqual(len(self.side.inputs), len(failed))

    def test_lengths(self) -> None:
        """A frame of two GiB, of no byte, or of more than a stranger may send, is hung up at once."""
        for says in (TWO_GIB, bytes(4), (4097).to_bytes(4, "big"), b"\xff" * 4):
            for dialled in (False, True):
                self.setUp()
                talker = Talker(says)
                self.met(talker, dialled).flush()
                self.hung_up(talker, dialled, "bad-length")

    def test_tls_in_tls(self) -> None:
        """TLS inside of TLS is a frame of no possible length."""
        for dialled in (False, True):
            self.setUp()
            talker = Talker()
            inner = self.bench.wrapped(Stranger(), talker, True)
            self.met(inner, dialled).flush()
            self.hung_up(talker, dialled, "bad-length")

    def test_plaintext_in_tls(self) -> None:
        """So is a request of a browser."""
        for dialled in (False, True):
            self.setUp()
            talker = Talker(b"GET / HTTP/1.1\r\n\r\n")
            self.met(talker, dialled).flush()
            self.hung_up(talker, dialled, "bad-length")

    def test_mute(self) -> None:
        """A member that says no HELLO is hung up after ten seconds."""
        for dialled in (False, True):
            self.setUp()
            talker = Talker()
            pump = self.met(talker, dialled)
            self.bench.clock.advance(10)
            pump.flush()
            self.hung_up(talker, dialled, "silent")

    def test_tls_refusal_counted(self) -> None:
        """A refusal by TLS is counted and kept in words by the links of the node."""
        self.bench.room.remove(9)
        talker = Talker()
        self.met(talker, True).flush()
        self.assertEqual(self.side.links.counters["refused.removed"], 1)
        self.assertIn("mallory was removed", self.side.links.refusals.known[THERE])
        self.assertEqual([item.how for item in self.side.got(DialFailed)], [DialOutcome.TLS])
