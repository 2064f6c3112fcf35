"""Dialling back who came to us."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Effect
from securechat.inputs import DialOutcome, Ending
from securechat.membership.messages import Ack, Ping
from securechat.notices import Liveness
from tests.membership.bench import Bench, dials, sends, someone

BOB = someone("bob")
FIRST, SECOND = "10.0.0.2:7400", "10.0.0.3:7400"
ALIVE = BOB.alive(1, 0, "a", FIRST, SECOND)


class DialBackTests(SynchronousTestCase):
    """Bob has dialled ada, and says that he listens at two addresses."""

    def setUp(self) -> None:
        """His link is up."""
        self.bench = Bench().start()
        self.number = self.bench.link(BOB, ALIVE)

    def wait(self, seconds: float) -> list[Effect]:
        """Time passes; bob answers."""
        out: list[Effect] = []
        for _ in range(round(seconds / 0.05)):
            effects = self.bench.wait(0.05)
            out += effects
            for ping in sends(effects, Ping, BOB):
                self.bench.receive(BOB, Ack(ping.nonce), self.number)
        return out

    def test_once(self) -> None:
        """He is dialled back once, within two periods, and never again once that has worked."""
        self.assertEqual([d.address for d in dials(self.wait(2.1))], [FIRST])
        self.bench.link(BOB, ALIVE, dialled=FIRST)
        self.assertEqual(dials(self.wait(4000)), [])

    def test_every_address(self) -> None:
        """Where one address does not work the next is tried; after the last there is an hour."""
        tried = []
        for _ in range(100):
            for dial in dials(self.wait(0.1)):
                tried.append(dial.address)
                self.bench.dial_failed(BOB, dial.address, DialOutcome.TIMEOUT)
        self.assertEqual(tried, [FIRST, SECOND])
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)
        self.assertEqual([d.address for d in dials(self.wait(3605))][:1], [FIRST])

    def test_the_link_ends(self) -> None:
        """Who is not linked any more is redialled as everybody is, not dialled back."""
        self.bench.cut(BOB, self.number, Ending.BOOKKEEPING)
        self.assertEqual([d.address for d in dials(self.bench.wait(0.5))][:1], [FIRST])

    def test_a_new_process(self) -> None:
        """What worked for an earlier process says nothing about its next one."""
        self.bench.link(BOB, ALIVE, dialled=FIRST)
        self.number = self.bench.link(BOB, BOB.alive(2, 0, "b", SECOND))
        self.assertEqual([d.address for d in dials(self.wait(2.1))], [FIRST])

    def test_goodbye(self) -> None:
        """A node that leaves dials nobody back."""
        self.bench.goodbye()
        self.assertEqual(dials(self.wait(5)), [])

    def test_a_refusal_counts_afterwards(self) -> None:
        """Once dialled back, a member that came to us is seen to die by refused redials."""
        self.wait(2.1)
        dialled = self.bench.link(BOB, ALIVE, dialled=FIRST)
        self.bench.cut(BOB, self.number, Ending.BOOKKEEPING, linked=True)
        self.bench.cut(BOB, dialled, Ending.RST)
        for _ in range(20):
            for dial in dials(self.bench.wait(0.05)):
                self.bench.dial_failed(BOB, dial.address, DialOutcome.REFUSED)
        self.assertIs(self.bench.state(BOB), Liveness.UNREACHABLE)
