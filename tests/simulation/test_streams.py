"""The bytes on their way between two ends."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.inputs import Ending
from securechat.simulation.streams import WINDOW, Item, Phase, Pipe, SimLink

ITEMS = st.lists(st.binary(min_size=1, max_size=9), max_size=8)


def pipe() -> Pipe:
    """One direction, its ends not needed."""
    return Pipe(cast(Any, None), cast(Any, None))


class PipeTests(SynchronousTestCase):
    """One direction of a connection."""

    @given(ITEMS, st.integers(0, 80))
    def test_reset(self, items: list[bytes], size: int) -> None:
        """A reset lets a prefix of the bytes through, cut anywhere, and nothing after it."""
        one = pipe()
        for item in items:
            one.put(item)
        one.put(Ending.FIN)
        one.truncate(size)
        whole = b"".join(items)
        self.assertEqual(b"".join(cast(Any, one.items)), whole[:size])
        self.assertEqual(one.size, min(size, len(whole)))

    @given(ITEMS, st.integers(0, 9), st.booleans())
    def test_waiting(self, items: list[bytes], waiting: int, ended: bool) -> None:
        """What waited for a mend arrives in one piece, in order, and what follows it stays apart."""
        one = pipe()
        for item in items:
            one.put(item)
        if ended:
            one.put(Ending.FIN)
        one.waiting = waiting
        count = one.join_waiting()
        got: list[Item] = [one.take() for _ in range(count)]
        due = min(waiting, len(items))
        joined = b"".join(items[:due])
        fin = [Ending.FIN] if ended and waiting > len(items) else []
        self.assertEqual(got, ([joined] if joined else []) + fin)
        self.assertEqual(one.size, sum(map(len, items[due:])))


class Carrier:
    """Takes what an end gives it."""

    def __init__(self) -> None:
        self.took: list[object] = []

    def written(self, end: SimLink, data: bytes) -> None:
        """Bytes."""
        self.took.append(data)
        end.pipe.put(data)

    def closed(self, end: SimLink) -> None:
        """A close."""
        self.took.append("close")

    def aborted(self, end: SimLink) -> None:
        """An abort."""
        self.took.append("abort")


class Process:
    """A clock that lives."""

    alive = True


class SimLinkTests(SynchronousTestCase):
    """One end, as the node uses it."""

    def setUp(self) -> None:
        self.carrier = Carrier()
        self.process = Process()
        process: Any = self.process
        member: Any = "peer"
        self.link = SimLink(self.carrier, None, process, None, member, "a:1", "b:2", None)
        self.link.pipe = pipe()

    def test_queued(self) -> None:
        """What the network has not taken counts as queued, beyond what it takes anyway."""
        self.link.write(bytes(WINDOW))
        self.assertEqual(self.link.queued, 0)
        self.link.write(b"more")
        self.assertEqual(self.link.queued, 4)

    def test_closed(self) -> None:
        """Nothing is sent after a close, which happens once; an abort may still follow."""
        self.link.close()
        self.link.close()
        self.link.write(b"late")
        self.link.abort()
        self.assertEqual(self.carrier.took, ["close", "abort"])
        self.link.phase = Phase.ENDED
        self.link.abort()
        self.assertEqual(self.carrier.took, ["close", "abort"])

    def test_dead(self) -> None:
        """A process that was killed says nothing more."""
        self.process.alive = False
        for act in (lambda: self.link.write(b"x"), self.link.close, self.link.abort):
            act()
        self.assertEqual(self.carrier.took, [])
