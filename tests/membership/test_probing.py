"""Probes: rounds, acks, silence, and what a stall of ours must not do to others."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Effect
from securechat.inputs import Ending
from securechat.membership.messages import Ack, AskVouch, Claims, Nack, Ping, SignedAck, Vouch
from securechat.membership.roundtrips import PINGS
from securechat.notices import FaultNoticed, Liveness, MemberChanged, Via
from securechat.objects import Purpose
from securechat.wire import pack
from tests.membership.bench import Bench, Someone, boot, dials, hangups, notices, sends, someone

BOB, CAROL, DAVE = someone("bob"), someone("carol"), someone("dave")


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


class FarTests(SynchronousTestCase):
    """A peer that answers later than it is pinged again."""

    def setUp(self) -> None:
        """No ack is on its way."""
        self.acks: list[tuple[float, Ack]] = []

    def far(self, bench: Bench, number: int, trip: float, seconds: float) -> list[MemberChanged]:
        """Time passes in which every ping is acked one round trip later; what watchers are told."""
        effects: list[Effect] = []
        for _ in range(round(seconds / 0.05)):
            came = bench.wait(0.05)
            at = bench.mono + trip - 1e-6
            self.acks += [(at, Ack(ping.nonce)) for ping in sends(came, Ping, BOB)]
            while self.acks and self.acks[0][0] <= bench.mono:
                came += bench.receive(BOB, self.acks.pop(0)[1], number)
            effects += came
        return notices(effects, MemberChanged)

    def test_longer_than_a_period(self) -> None:
        """A path of more than a period, both ways, is measured: nobody is suspected for it again."""
        for preset, trip in (("lan", 1.7), ("lan", 3.0), ("local", 0.35), ("local", 1.0)):
            self.setUp()
            bench = Bench(preset=preset).start()
            number = bench.link(BOB)
            told = self.far(bench, number, trip, 60)
            self.assertLessEqual(len(told), 2, f"{preset}, {trip} s")
            view = bench.member(BOB)
            self.assertIs(view.state, Liveness.ALIVE)
            self.assertAlmostEqual((view.rtt_ms or 0) / 1000, trip, places=3)
            self.assertEqual(bench.core.snapshot(bench.now).health, 0)

    def test_becomes_longer(self) -> None:
        """A path that becomes that long is known to be so after a few suspicions."""
        bench = Bench().start()
        number = bench.link(BOB)
        answer(bench, 20, (BOB, number))
        self.assertLess(len(self.far(bench, number, 1.7, 30)), 12)
        self.assertEqual(self.far(bench, number, 1.7, 60), [])

    def test_after_its_stop(self) -> None:
        """Acks that come all at once, after a stop of the peer, do not make us wait longer for it."""
        bench = Bench().start()
        number = bench.link(BOB)
        answer(bench, 20, (BOB, number))
        pings = sends(bench.wait(7), Ping, BOB)
        for ping in pings:
            bench.receive(BOB, Ack(ping.nonce), number)
        self.assertLess(bench.member(BOB).rtt_ms or 0, 300)

    def test_after_our_stop(self) -> None:
        """What waited unread while we stood still measures our stop, and not the path."""
        bench = Bench().start()
        number = bench.link(BOB)
        answer(bench, 20, (BOB, number))
        before = bench.member(BOB).rtt_ms
        ping = next(p for _ in range(40) for p in sends(bench.wait(0.05), Ping))
        bench.sleep(30)
        bench.receive(BOB, Ack(ping.nonce), number)
        self.assertEqual(bench.member(BOB).rtt_ms, before)

    def test_the_last_few(self) -> None:
        """Of pings that nobody acks the last few are remembered; an ack measures once."""
        bench = Bench().start()
        number = bench.link(BOB)
        pings: list[Ping] = []
        while len(pings) < PINGS + 1:
            bench.heard(BOB, number)
            pings += sends(bench.wait(0.05), Ping, BOB)
        bench.receive(BOB, Ack(pings[0].nonce), number)
        self.assertIsNone(bench.member(BOB).rtt_ms)
        bench.receive(BOB, Ack(pings[1].nonce), number)
        self.assertIsNotNone(bench.member(BOB).rtt_ms)
        ignored = "ignored.acks"
        before = bench.core.snapshot(bench.now).counters[ignored]
        bench.receive(BOB, Ack(pings[1].nonce), number)
        self.assertEqual(bench.core.snapshot(bench.now).counters[ignored], before + 1)


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


class IndirectTests(SynchronousTestCase):
    """Bob is linked and mute; carol and dave answer and may have word of him."""

    def setUp(self) -> None:
        """All three are linked to ada."""
        self.bench = Bench(listen="10.0.0.1:7400").start()
        self.links = {who: self.bench.link(who) for who in (BOB, CAROL, DAVE)}
        self.answers: dict[Someone, str] = {CAROL: "nack", DAVE: "nack"}
        self.asked: list[Someone] = []

    def wait(self, seconds: float) -> list[Effect]:
        """Time passes; go-betweens answer what they are told to."""
        out: list[Effect] = []
        for _ in range(round(seconds / 0.05)):
            effects = self.bench.wait(0.05)
            out += effects
            for who in self.answers:
                for ping in sends(effects, Ping, who):
                    self.bench.receive(who, Ack(ping.nonce), self.links[who])
                for ask in sends(effects, AskVouch, who):
                    self.asked.append(who)
                    out += self.answer(who, ask)
        return out

    def answer(self, who: Someone, ask: AskVouch) -> list[Effect]:
        """One go-between answers one question."""
        how = self.answers[who]
        if how == "nothing":
            return []
        message: Any = Nack(ask.subject, ask.nonce)
        if how != "nack":
            epoch, word, nonce = {"late": (1, "a", 1), "old": (1, "b", 0), "yes": (1, "a", 0)}[how]
            said = SignedAck(BOB.id, epoch, boot(word), self.bench.me.id, ask.nonce + nonce)
            message = Vouch((BOB.signer.sign(Purpose.ACK, pack(said)),))
        return self.bench.receive(who, message, self.links[who])

    def health(self) -> int:
        """Ada's local health score."""
        return self.bench.core.snapshot(self.bench.now).health

    def test_nobody_has_word(self) -> None:
        """A member that does not answer, and of whom go-betweens have no word, is suspect."""
        effects = self.wait(2)
        self.assertEqual({CAROL, DAVE}, set(self.asked))
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)
        self.assertEqual([n.to for n in notices(effects, MemberChanged)], [Liveness.SUSPECT])
        self.assertEqual(self.health(), 0)

    def test_vouched(self) -> None:
        """One go-between that brings its signature keeps it alive, period for period."""
        self.answers[DAVE] = "yes"
        effects = self.wait(3.9)
        view = self.bench.member(BOB)
        self.assertEqual((view.state, view.via), (Liveness.ALIVE, Via.INDIRECT))
        self.assertEqual(notices(effects, MemberChanged), [])
        self.answers[DAVE] = "nack"
        self.wait(3)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)

    def test_a_mute_link_is_closed(self) -> None:
        """A link on which nothing comes is closed, to dial anew, while others vouch; no flapping."""
        self.answers[DAVE] = "yes"
        effects = self.wait(6)
        self.assertEqual(hangups(effects)[:1], [(BOB.id, "silent")])
        effects = self.bench.cut(BOB, self.links.pop(BOB), Ending.TIMEOUT)
        for who in (CAROL, DAVE):
            for ask in sends(effects, AskVouch, who):
                self.answer(who, ask)
        effects += self.wait(20)
        self.assertEqual(notices(effects, MemberChanged), [])
        self.assertEqual(self.bench.member(BOB).via, Via.INDIRECT)

    def test_a_link_ends_amid_a_question(self) -> None:
        """A question that is open when the link ends stays open, and is not asked a second time."""
        self.answers[CAROL] = self.answers[DAVE] = "nothing"
        asks: list[AskVouch] = []
        while not asks:
            asks = sends(self.wait(0.05), AskVouch, DAVE)
        effects = self.bench.cut(BOB, self.links[BOB], Ending.PROTOCOL)
        self.assertEqual(sends(effects, AskVouch), [])
        self.answers[DAVE] = "yes"
        self.answer(DAVE, asks[0])
        view = self.bench.member(BOB)
        self.assertEqual((view.state, view.via), (Liveness.ALIVE, Via.INDIRECT))

    def test_late_vouch(self) -> None:
        """A vouch that comes after bytes of its own changes nothing: it is heard directly."""
        self.answers[DAVE] = "nothing"
        asks: list[AskVouch] = []
        while not asks:
            asks = sends(self.wait(0.05), AskVouch, DAVE)
        self.bench.heard(BOB, self.links[BOB])
        self.answers[DAVE] = "yes"
        self.answer(DAVE, asks[0])
        self.assertEqual(self.bench.member(BOB).via, Via.DIRECT)

    def test_direct_again(self) -> None:
        """Bytes of its own make it alive directly again."""
        self.answers[DAVE] = "yes"
        self.wait(3)
        self.bench.heard(BOB, self.links[BOB])
        self.assertEqual(self.bench.member(BOB).via, Via.DIRECT)

    def test_words_that_do_not_count(self) -> None:
        """A signature over another nonce, or of an earlier process, vouches for nothing."""
        for how in ("late", "old"):
            self.answers[CAROL] = self.answers[DAVE] = how
            self.wait(6)
            self.assertIs(self.bench.state(BOB), Liveness.SUSPECT, how)
            self.bench.heard(BOB, self.links[BOB])

    def test_missing_nacks_are_our_own_trouble(self) -> None:
        """Go-betweens that were just heard and yet answer nothing speak against ourselves, once."""
        self.answers[CAROL] = self.answers[DAVE] = "nothing"
        scores = [0]
        while len(scores) < 600:
            self.wait(0.05)
            scores.append(self.health())
        self.assertEqual(max(scores), 1)
        self.assertEqual(scores[-1], 0)
        self.assertIs(self.bench.state(BOB), Liveness.UNREACHABLE)

    def test_one_that_never_nacks(self) -> None:
        """A go-between that never answers slows nobody down while another does."""
        self.answers[CAROL] = "nothing"
        self.wait(3)
        self.assertEqual(self.health(), 0)
        self.wait(9)
        self.assertIs(self.bench.state(BOB), Liveness.UNREACHABLE)

    def test_answers_that_nobody_asked_for(self) -> None:
        """Acks, nacks and vouchers out of the blue are counted and change nothing."""
        self.bench.receive(CAROL, Nack(BOB.id, 5), self.links[CAROL])
        said = SignedAck(BOB.id, 1, boot("a"), self.bench.me.id, 5)
        vouch = Vouch((BOB.signer.sign(Purpose.ACK, pack(said)),))
        self.bench.receive(CAROL, vouch, self.links[CAROL])
        counters = self.bench.core.snapshot(self.bench.now).counters
        self.assertEqual(counters["refused.nack-not-asked"], 1)
        self.assertEqual(counters["refused.vouch-not-asked"], 1)
        self.assertEqual(self.bench.member(BOB).via, Via.DIRECT)

    def test_heard_of_only(self) -> None:
        """A member that was only heard of is asked for, and alive once its signature comes."""
        eve = someone("eve")
        self.bench.receive(CAROL, Claims((eve.alive().signed,)), self.links[CAROL])
        for _ in range(40):
            effects = self.bench.wait(0.05)
            for who in (CAROL, DAVE):
                for ask in sends(effects, AskVouch, who):
                    if ask.subject == eve.id:
                        said = SignedAck(eve.id, 1, boot("a"), self.bench.me.id, ask.nonce)
                        vouch = Vouch((eve.signer.sign(Purpose.ACK, pack(said)),))
                        self.bench.receive(who, vouch, self.links[who])
        self.assertEqual(self.bench.member(eve).via, Via.INDIRECT)

    def test_the_lost_cost_nothing(self) -> None:
        """Of many members that nobody reaches, one is asked for in a period."""
        lost = [someone(f"peer{number:02}") for number in range(8)]
        claims = tuple(who.alive().signed for who in lost)
        self.bench.receive(CAROL, Claims(claims), self.links[CAROL])
        self.bench.heard(BOB, self.links[BOB])
        self.answers[BOB] = "nack"
        self.wait(60)
        self.assertEqual({self.bench.state(who) for who in lost}, {Liveness.UNREACHABLE})
        asked = sends(self.wait(20), AskVouch)
        self.assertLess(len(asked), 3 * 25)
        self.assertEqual({ask.subject for ask in asked}, {who.id for who in lost})

    def test_cut_off(self) -> None:
        """Who hears nobody for two periods says so once, and once when that is over."""
        self.answers.clear()
        effects = self.wait(8)
        told = [notice.what for notice in notices(effects, FaultNoticed)]
        self.assertEqual(told, ["cut off: nobody is heard"])
        self.assertTrue(self.bench.core.snapshot(self.bench.now).cut_off)
        self.assertEqual(self.health(), 0)
        told = notices(self.bench.heard(CAROL, self.links[CAROL]), FaultNoticed)
        self.assertEqual([notice.what for notice in told], ["no longer cut off"])

    def test_a_late_ack(self) -> None:
        """An ack that comes after its probe was given up still measures the path."""
        ping = next(p for _ in range(40) for p in sends(self.bench.wait(0.05), Ping, BOB))
        self.bench.wait(0.6)
        self.bench.receive(BOB, Ack(ping.nonce), self.links[BOB])
        rtt = self.bench.member(BOB).rtt_ms
        assert rtt is not None
        self.assertGreater(rtt, 550)

    def test_alone(self) -> None:
        """Who knows nobody, or only members that left, is not cut off."""
        alone = Bench().start()
        self.assertEqual(notices(alone.wait(10), FaultNoticed), [])
