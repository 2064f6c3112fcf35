"""The network of the simulation does to streams what networks do, and never more than that."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import MemberId
from securechat.inputs import DialOutcome, Ending
from securechat.simulation.clock import HostClock, SimClock
from securechat.simulation.network import SimNetwork


class Links:
    """The Links of a machine: keeps what it is told."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.wires: list[Any] = []
        self.heard = bytearray()
        self.told: list[tuple[Any, ...]] = []

    def opened(self, wire: Any) -> None:
        """A wire."""
        self.wires.append(wire)

    def bytes_in(self, wire: Any, chunk: bytes) -> None:
        """Bytes."""
        self.heard += chunk

    def lost(self, wire: Any, how: Ending, why: str) -> None:
        """The end."""
        self.told.append(("lost", how))

    def refused(self, address: str, dialled: bool, reason: str, text: str) -> None:
        """Refused."""
        self.told.append(("refused", reason))

    def dial_failed(self, address: str, peer: Any, how: DialOutcome, why: str) -> None:
        """No wire."""
        self.told.append(("failed", how, round(self._clock.now, 1)))


class Box:
    """A machine."""

    def __init__(self, clock: SimClock, index: int) -> None:
        self.index, self.address = index, f"10.0.0.{index + 1}:7400"
        self.member = MemberId(f"member{index}")
        self.powered = True
        self.clock = HostClock(clock, lambda func, args, kw: func(*args, **kw))
        self.links = Links(clock)
        self.listens = True

    @property
    def owner(self) -> Links | None:
        """Its Links, if it listens."""
        return self.links if self.listens else None

    def step(self, name: str) -> None:
        """Never killed here."""


class NetworkTests(SynchronousTestCase):
    """Two machines, one link."""

    def world(self, seed: int = 1) -> None:
        """A fresh network of two machines."""
        self.clock = SimClock()
        self.tapped: dict[int, bytes] = {0: b"", 1: b""}

        def tap(source: Any, target: Any, data: bytes) -> None:
            self.tapped[source.index] += data

        self.network = SimNetwork(self.clock, Random(seed), lambda *_: None, tap)
        self.a, self.b = Box(self.clock, 0), Box(self.clock, 1)
        for box in (self.a, self.b):
            self.network.attach(box)

    def setUp(self) -> None:
        self.world()

    def link(self) -> tuple[Any, Any]:
        """Both ends of a new link, dialled by the first machine."""
        self.network.dial(self.a, self.b.address, None)
        self.clock.advance(1)
        return self.a.links.wires[-1], self.b.links.wires[-1]

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 10**6), st.lists(st.binary(min_size=1, max_size=400), max_size=30))
    def test_in_order(self, seed: int, frames: list[bytes]) -> None:
        """Bytes arrive whole and in order, whatever the cuts, the delays and the pauses."""
        self.world(seed)
        rng = Random(seed)
        near, far = self.link()
        self.network.weather.spread = 0.5
        for frame in frames:
            (near if rng.random() < 0.9 else far).write(frame)
            what = rng.random()
            if what < 0.2:
                self.network.cut(0, 1)
                self.clock.advance(rng.random())
                self.network.mend(0, 1)
            elif what < 0.4:
                self.b.clock.stand_still()
                self.clock.advance(rng.random())
                self.b.clock.go_on()
                self.network.flow()
            else:
                self.clock.advance(rng.random() / 5)
        self.clock.advance(30)
        self.assertEqual(bytes(self.b.links.heard), self.tapped[0])
        self.assertEqual(bytes(self.a.links.heard), self.tapped[1])

    def test_a_firewall_that_refuses(self) -> None:
        """It resets what one machine sends, refuses its dials, and hides answers to the other's."""
        near, far = self.link()
        far.write(b"heard")
        self.clock.advance(1)
        self.network.reject(0, 1)
        self.clock.advance(1)
        self.assertEqual(self.a.links.told, [])
        near.write(b"lost")
        self.clock.advance(1)
        self.assertEqual(self.a.links.told, [("lost", Ending.RST)])
        self.network.dial(self.a, self.b.address, None)
        self.network.dial(self.b, self.a.address, None)
        self.clock.advance(3)
        self.assertEqual(self.a.links.told[1:], [("failed", DialOutcome.REFUSED, 4.0)])
        self.assertEqual([told[1] for told in self.b.links.told], [DialOutcome.TIMEOUT])
        self.assertEqual(self.b.links.heard, b"")
        self.network.admit(0, 1)
        self.link()
        self.assertEqual(len(self.a.links.wires), 2)

    def test_a_firewall_that_knows_its_links(self) -> None:
        """It refuses dials one way only, and links that exist, and dials the other way, do well."""
        near, far = self.link()
        self.network.refuse(0, 1)
        near.write(b"there")
        far.write(b"back")
        self.network.dial(self.a, self.b.address, None)
        self.network.dial(self.b, self.a.address, None)
        self.clock.advance(1)
        self.assertEqual([told[:2] for told in self.a.links.told], [
            ("failed", DialOutcome.REFUSED)])  # fmt: skip
        self.assertEqual((self.b.links.heard, self.a.links.heard), (b"there", b"back"))
        self.assertEqual((len(self.b.links.wires), self.b.links.told), (2, []))
        self.network.cut(1, 0)
        self.network.dial(self.a, self.b.address, None)
        self.clock.advance(3)
        self.assertEqual(self.a.links.told[1][1], DialOutcome.TIMEOUT)
        self.network.mend(1, 0)
        self.network.allow(0, 1)
        self.link()
        self.assertEqual(len(self.a.links.wires), 3)

    def test_peers(self) -> None:
        """Each end knows who is at the other and from where."""
        near, far = self.link()
        self.assertEqual((near.peer, far.peer), ("member1", "member0"))
        self.assertEqual((near.dialled, far.dialled), (self.b.address, None))
        self.assertEqual((near.address, far.local), (self.b.address, self.b.address))
        self.assertEqual(far.address, near.local)

    def test_one_way(self) -> None:
        """A one-way cut stops one direction only."""
        near, far = self.link()
        self.network.cut(0, 1)
        near.write(b"there")
        far.write(b"back")
        self.clock.advance(5)
        self.assertEqual((bytes(self.b.links.heard), bytes(self.a.links.heard)), (b"", b"back"))
        self.network.mend(0, 1)
        self.clock.advance(1)
        self.assertEqual(bytes(self.b.links.heard), b"there")

    def test_reset(self) -> None:
        """A reset in mid-frame: a prefix arrives, then both ends hear of it."""
        near, _ = self.link()
        self.network.weather.cut_chance = 0
        near.write(b"0123456789")
        self.network.reset(self.network.connections[0], (0.5, 0.5))
        self.clock.advance(1)
        self.assertEqual(bytes(self.b.links.heard), b"01234")
        # A dialled link that breaks before its first byte reads as refused by TLS.
        self.assertEqual(self.a.links.told, [("lost", Ending.PROTOCOL)])
        self.assertEqual(self.b.links.told, [("lost", Ending.RST)])
        self.assertEqual(self.network.connections, [])

    def test_close(self) -> None:
        """A close flushes, and both ends hear of it."""
        near, _ = self.link()
        near.write(b"last words")
        near.close()
        self.clock.advance(1)
        self.assertEqual(bytes(self.b.links.heard), b"last words")
        self.assertEqual(self.a.links.told + self.b.links.told, [("lost", Ending.FIN)] * 2)
        self.assertEqual(self.network.connections, [])

    def test_unread_close(self) -> None:
        """Who closes a link that nobody reads waits five seconds, no longer."""
        near, _ = self.link()
        self.network.cut(0, 1)
        near.close()
        self.clock.advance(4.9)
        self.assertEqual(self.a.links.told, [])
        self.clock.advance(0.2)
        self.assertEqual(self.a.links.told, [("lost", Ending.TIMEOUT)])

    def test_abort(self) -> None:
        """An abort drops what was on its way."""
        near, far = self.link()
        far.write(b"so that the other side was heard")
        self.clock.advance(1)
        near.write(b"lost")
        near.abort()
        self.clock.advance(1)
        self.assertEqual(bytes(self.b.links.heard), b"")
        self.assertEqual(self.a.links.told + self.b.links.told, [("lost", Ending.RST)] * 2)

    def test_killed(self) -> None:
        """A killed process says nothing; its kernel tells the other side."""
        self.link()
        self.a.clock.die()
        self.network.died(self.a, powered=True)
        self.clock.advance(1)
        self.assertEqual(self.a.links.told, [])
        self.assertEqual(self.b.links.told, [("lost", Ending.FIN)])

    def test_power_cut(self) -> None:
        """A machine without power tells nobody; what is sent to it is answered once it is back."""
        _, far = self.link()
        self.a.clock.die()
        self.a.powered = False
        self.network.died(self.a, powered=False)
        far.write(b"are you there?")
        self.clock.advance(60)
        self.assertEqual(self.b.links.told, [])
        self.a.powered = True
        self.network.flow()
        self.clock.advance(1)
        self.assertEqual(self.b.links.told, [("lost", Ending.RST)])

    def test_dials(self) -> None:
        """Refused where nothing listens, two seconds where nothing answers, ten where it stands."""
        self.b.listens = False
        self.network.dial(self.a, self.b.address, None)
        self.clock.advance(1)
        self.b.listens = True
        self.network.cut(1, 0)
        self.network.dial(self.a, self.b.address, None)
        self.clock.advance(4)
        self.network.mend(1, 0)
        self.b.clock.stand_still()
        self.network.dial(self.a, self.b.address, None)
        self.clock.advance(12)
        self.network.dial(self.a, "10.0.0.9:7400", None)
        self.clock.advance(3)
        self.assertEqual(
            self.a.links.told,
            [
                ("failed", DialOutcome.REFUSED, 0.0),
                ("failed", DialOutcome.TIMEOUT, 3.0),
                ("failed", DialOutcome.TIMEOUT, 15.0),
                ("failed", DialOutcome.TIMEOUT, 19.0),
            ],
        )

    def test_in_place_of_another(self) -> None:
        """A dial that is not answered makes room for another; one that is answered stays."""
        self.network.cut(0, 1)
        self.network.dial(self.a, self.b.address, None)
        self.clock.advance(0.5)
        self.network.mend(0, 1)
        self.network.dial(self.a, self.b.address, None, True)
        self.clock.advance(0.2)
        self.assertEqual(len(self.a.links.wires), 1)
        self.b.clock.stand_still()
        self.network.dial(self.a, self.b.address, None)
        self.clock.advance(0.5)
        self.network.dial(self.a, self.b.address, None, True)
        self.network.dial(self.a, "10.0.0.9:7400", None, True)
        self.b.clock.go_on()
        self.clock.advance(5)
        self.assertEqual(len(self.a.links.wires), 2)
        self.assertEqual(self.a.links.told, [])

    def test_stopping(self) -> None:
        """Who stops listening while a dial is under way breaks it off; no link comes of it."""
        self.b.clock.stand_still()
        self.network.dial(self.a, self.b.address, None)
        self.clock.advance(2)
        self.b.listens = False
        self.b.clock.go_on()
        self.clock.advance(1)
        self.assertEqual([told[:2] for told in self.a.links.told], [("failed", DialOutcome.TLS)])
        self.assertEqual(self.network.connections, [])

    def test_wrong_member(self) -> None:
        """Somebody else at the address is refused, and that is told as TLS would tell it."""
        self.network.dial(self.a, self.b.address, MemberId("carol"))
        self.clock.advance(1)
        self.assertEqual(
            self.a.links.told, [("refused", "wrong-member"), ("failed", DialOutcome.TLS, 0.0)]
        )
        self.assertEqual(self.b.links.wires, [])

    def test_slow(self) -> None:
        """On a slow link bytes take their time, and what is not taken counts as queued."""
        near, _ = self.link()
        self.network.weather.rate[0, 1] = 1000.0
        self.network.weather.cut_chance = 0
        for _ in range(300):
            near.write(bytes(1000))
        self.assertEqual(near.queued, 300_000 - 131_072)
        self.clock.advance(100)
        self.assertIn(len(self.b.links.heard) // 1000, (98, 99, 100))
