"""Probes: rounds, acks, silence, and what a stall of ours must not do to others."""

from __future__ import annotations

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from securechat.inputs import Ending
from securechat.membership.messages import Ack, Claims, Ping
from securechat.notices import Liveness, MemberChanged
from tests.membership.bench import Bench, Someone, dials, notices, sends, someone

BOB, CAROL = someone("bob"), someone("carol")


def answer(bench: Bench, seconds: float, *links: tuple[Someone, int]) -> list[float]:
    """Time passes in which every ping is acked; when pings went out."""
    times = []
    for _ in range(round(seconds / 0.05)):
        effects = bench.wait(0.05)
        for who, number in links:
            for ping in sends(effects, Ping, who):
                times.append(bench.mono)
                bench.receive(who, Ack(ping.nonce), number)
    return times


class RoundTests(SynchronousTestCase):
    """One peer, probed each period."""

    def setUp(self) -> None:
        """Ada is linked to bob."""
        self.bench = Bench().start()
        self.number = self.bench.link(BOB)

    def test_once_a_period(self) -> None:
        """A peer is probed once a period, give or take a tenth, and stays alive."""
        times = answer(self.bench, 100, (BOB, self.number))
        self.assertTrue(88 <= len(times) <= 112, str(len(times)))
        gaps = {round(b - a, 2) for a, b in pairwise(times)}
        self.assertGreater(len(gaps), 2)
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)

    def test_rtt(self) -> None:
        """The round trip is measured."""
        self.assertIsNone(self.bench.member(BOB).rtt_ms)
        ping = next(p for _ in range(40) for p in sends(self.bench.wait(0.05), Ping))
        self.bench.mono += 0.02
        self.bench.receive(BOB, Ack(ping.nonce), self.number)
        self.assertAlmostEqual(self.bench.member(BOB).rtt_ms or 0, 20, places=3)

    def test_wrong_nonce(self) -> None:
        """An ack that quotes another nonce measures nothing."""
        self.bench.wait(1.05)
        self.bench.receive(BOB, Ack(1), self.number)
        self.assertIsNone(self.bench.member(BOB).rtt_ms)

    def test_silence(self) -> None:
        """A peer that is silent for a ping timeout is suspect, within two periods."""
        effects = self.bench.wait(1.7)
        self.assertEqual([n.to for n in notices(effects, MemberChanged)], [Liveness.SUSPECT])

    def test_anything_heard(self) -> None:
        """A peer that does not ack but sends bytes is not silent."""
        for _ in range(100):
            self.bench.wait(0.1)
            self.bench.heard(BOB, self.number)
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)

    def test_alive_without_a_link(self) -> None:
        """A member whose link ended for bookkeeping and who is not heard again is suspect soon."""
        self.bench.cut(BOB, self.number, Ending.BOOKKEEPING)
        self.bench.wait(1)
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)
        self.bench.wait(2)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)

    def test_stall(self) -> None:
        """A node that was stopped for three seconds accuses nobody when it wakes."""
        answer(self.bench, 5, (BOB, self.number))
        for _ in range(20):
            self.bench.wait(0.35)
            self.bench.sleep(3)
            self.bench.ticks()
            self.bench.heard(BOB, self.number)
            self.assertIs(self.bench.state(BOB), Liveness.ALIVE)
        counters = self.bench.core.snapshot(self.bench.now).counters
        self.assertGreater(counters["probes.stalls"], 0)

    def test_long_stall(self) -> None:
        """After a stop of a minute the others are probed first, and judged only then."""
        answer(self.bench, 5, (BOB, self.number))
        self.bench.sleep(60)
        self.bench.ticks()
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)
        answer(self.bench, 5, (BOB, self.number))
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)
        self.bench.wait(3)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)


class ManyTests(SynchronousTestCase):
    """Rooms of more than twelve."""

    def test_three_of_many(self) -> None:
        """Above twelve members three are probed a period, and all within a turn of the list."""
        bench = Bench().start()
        others = [someone(f"peer{number:02}") for number in range(20)]
        links = [(who, bench.link(who)) for who in others]
        per_round: dict[float, set[str]] = {}
        for _ in range(300):
            effects = bench.wait(0.05)
            for who, number in links:
                bench.heard(who, number)
                if sends(effects, Ping, who):
                    per_round.setdefault(bench.mono, set()).add(who.name)
        self.assertEqual({len(names) for names in per_round.values()}, {3})
        self.assertEqual(set().union(*per_round.values()), {who.name for who in others})

    def test_a_link_less_in_the_list(self) -> None:
        """A member whose link ended is skipped in the list."""
        bench = Bench().start()
        others = [someone(f"peer{number:02}") for number in range(20)]
        links = {who: bench.link(who) for who in others}
        bench.wait(1.2)
        for who in others[3:18]:
            bench.cut(who, links[who], Ending.BOOKKEEPING)
        for who in others[:3] + others[18:]:
            bench.heard(who, links[who])
        effects = bench.wait(6)
        asked = {who.name for who in others if sends(effects, Ping, who)}
        self.assertEqual(asked, {who.name for who in others[:3] + others[18:]})


class PeerTests(SynchronousTestCase):
    """What a peer's probe gets."""

    def test_ping_is_answered(self) -> None:
        """A ping is acked with its nonce, also while we leave."""
        bench = Bench().start()
        number = bench.link(BOB)
        self.assertEqual(sends(bench.receive(BOB, Ping(5, b"12345678"), number), Ack), [Ack(5)])
        bench.goodbye()
        self.assertEqual(sends(bench.receive(BOB, Ping(6, b"12345678"), number), Ack), [Ack(6)])

    def test_no_probe_after_a_goodbye(self) -> None:
        """A node that said goodbye probes and dials nobody."""
        bench = Bench(peers=("10.0.0.9:1",)).start()
        number = bench.link(BOB, dialled="10.0.0.2:7400")
        bench.goodbye()
        bench.cut(BOB, number)
        effects = bench.wait(60)
        self.assertEqual((sends(effects, Ping), dials(effects)), ([], []))

    def test_probe_of_a_peer_that_left(self) -> None:
        """A peer that said its leave stays left, however long it still answers."""
        bench = Bench().start()
        number = bench.link(BOB)
        bench.receive(BOB, Claims((BOB.leave().signed,)), number)
        answer(bench, 5, (BOB, number))
        self.assertIs(bench.state(BOB), Liveness.LEFT)
