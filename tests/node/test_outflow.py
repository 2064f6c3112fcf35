"""What waits to be written on a link."""

from __future__ import annotations

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import SynchronousTestCase

from securechat.node.outflow import PIECE, Outflow


@define
class SlowTransport:
    """Takes ``room`` bytes, then pauses its producer, as Twisted's do."""

    room: int
    taken: list[bytes] = field(factory=list)
    producer: IPushProducer | None = None
    closed: bool = False
    registered: int = 0
    dead: bool = False

    def write(self, data: bytes) -> None:
        """Take bytes."""
        self.taken.append(data)
        self.room -= len(data)
        if self.room < 0 and self.producer is not None:
            self.producer.pauseProducing()

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Only push producers are known here."""
        assert streaming
        assert self.producer is None
        if self.dead:
            producer.stopProducing()
            return
        self.registered += 1
        self.producer = producer

    def unregisterProducer(self) -> None:
        """The producer has said all."""
        self.producer = None

    def loseConnection(self) -> None:
        """Close."""
        self.closed = True

    def drained(self, room: int) -> None:
        """The network took everything; there is room again."""
        self.room = room
        assert self.producer is not None
        self.producer.resumeProducing()

    @property
    def text(self) -> bytes:
        """All that was taken."""
        return b"".join(self.taken)


class OutflowTests(SynchronousTestCase):
    """Back-pressure."""

    def test_free(self) -> None:
        """With room, nothing waits."""
        transport = SlowTransport(1000)
        out = Outflow(transport)
        out.start()
        out.write(b"one")
        out.write(b"two")
        self.assertEqual((transport.text, out.queued), (b"onetwo", 0))

    def test_paused(self) -> None:
        """While the network is slow, bytes wait here, counted, and go on in order."""
        transport = SlowTransport(10)
        out = Outflow(transport)
        out.start()
        for text in (b"0123456789", b"abc", b"def", b"ghi"):
            out.write(text)
        self.assertEqual((transport.text, out.queued), (b"0123456789abc", 6))
        transport.drained(2)
        self.assertEqual((transport.text, out.queued), (b"0123456789abcdef", 3))
        transport.drained(10)
        self.assertEqual((transport.text[-3:], out.queued), (b"ghi", 0))

    def test_pieces(self) -> None:
        """A megabyte written at once does not vanish into the transport: it stays counted."""
        transport = SlowTransport(PIECE - 1)
        out = Outflow(transport)
        out.start()
        out.write(b"x" * (16 * PIECE))
        self.assertEqual(out.queued, 15 * PIECE)
        self.assertEqual(len(transport.taken), 1)

    def test_finish_flushes(self) -> None:
        """Closing waits until everything is written."""
        transport = SlowTransport(2)
        out = Outflow(transport)
        out.start()
        out.write(b"abc")
        out.write(b"def")
        out.finish()
        self.assertFalse(transport.closed)
        transport.drained(100)
        self.assertEqual((transport.text, transport.closed), (b"abcdef", True))
        self.assertIsNone(transport.producer)

    def test_finish_at_once(self) -> None:
        """Closing with nothing to write closes."""
        transport = SlowTransport(2)
        out = Outflow(transport)
        out.start()
        out.finish()
        self.assertTrue(transport.closed)

    def test_dead_transport(self) -> None:
        """A transport that was lost while we were paused is noticed when it has room."""
        transport = SlowTransport(2)
        out = Outflow(transport)
        out.start()
        out.write(b"abc")
        out.write(b"def")
        transport.dead = True
        transport.drained(100)
        self.assertEqual((transport.text, out.queued), (b"abc", 0))

    def test_drop(self) -> None:
        """What is dropped is never written."""
        transport = SlowTransport(2)
        out = Outflow(transport)
        out.start()
        out.write(b"abc")
        out.write(b"def")
        out.drop()
        self.assertEqual((transport.text, out.queued), (b"abc", 0))

    @given(st.lists(st.one_of(st.binary(min_size=1, max_size=40), st.integers(1, 60))))
    def test_everything_in_order(self, story: list[bytes | int]) -> None:
        """Whatever is written and whenever there is room: all bytes arrive, once, in order."""
        transport = SlowTransport(20)
        out = Outflow(transport)
        out.start()
        written = b""
        for step in story:
            if isinstance(step, bytes):
                written += step
                out.write(step)
            else:
                transport.drained(step)
            self.assertTrue(written.startswith(transport.text))
            self.assertEqual(len(transport.text) + out.queued, len(written))
        out.finish()
        while not transport.closed:
            transport.drained(50)
        self.assertEqual(transport.text, written)
