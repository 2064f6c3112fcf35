"""What a member's word through others changes: its refusals, and when it is dialled."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Dial, Effect
from securechat.inputs import DialOutcome, Ending
from securechat.membership.liveness import recomputed
from securechat.membership.messages import Ack, AskVouch, Nack, Ping, SignedAck, Vouch
from securechat.notices import Liveness, MemberChanged, Via
from securechat.objects import Purpose
from securechat.settings import Settings
from securechat.wire import pack
from tests.membership.bench import Bench, boot, dials, notices, sends, someone

BOB, CAROL = someone("bob"), someone("carol")
PLACE = "10.0.0.2:7400"
A, S, U = Liveness.ALIVE, Liveness.SUSPECT, Liveness.UNREACHABLE


class VouchTests(SynchronousTestCase):
    """Ada lost her link to bob; carol is linked to both."""

    def setUp(self) -> None:
        """Ada dialled bob."""
        self.bench = Bench(listen="10.0.0.1:7400").start()
        self.carol = self.bench.link(CAROL)
        self.bob = self.bench.link(BOB, BOB.alive(1, 0, "a", PLACE), dialled=PLACE)
        self.word: str = "yes"
        """What carol does: has his word, nacks, or sleeps."""
        self.how = DialOutcome.REFUSED
        self.dials: list[tuple[float, Dial]] = []

    def lose(self) -> None:
        """Bob's link breaks."""
        self.follow(self.bench.cut(BOB, self.bob, Ending.RST))

    def wait(self, seconds: float, step: float = 0.05) -> list[Liveness]:
        """Time passes; what watchers are told of bob."""
        effects: list[Effect] = []
        for _ in range(round(seconds / step)):
            effects += self.follow(self.bench.wait(step))
        return [n.to for n in notices(effects, MemberChanged) if n.member == BOB.id]

    def follow(self, effects: list[Effect]) -> list[Effect]:
        """Carol answers, and dials to bob fail."""
        out = list(effects)
        for dial in dials(effects):
            self.dials.append((self.bench.mono, dial))
            out += self.follow(self.bench.dial_failed(BOB, dial.address, self.how))
        if self.word == "sleeps":
            return out
        for ping in sends(effects, Ping, CAROL):
            out += self.bench.receive(CAROL, Ack(ping.nonce), self.carol)
        for ask in sends(effects, AskVouch, CAROL):
            out += self.bench.receive(CAROL, self.answer(ask), self.carol)
        return out

    def answer(self, ask: AskVouch) -> Any:
        """What carol brings."""
        if self.word != "yes":
            return Nack(ask.subject, ask.nonce)
        said = SignedAck(BOB.id, 1, boot("a"), self.bench.me.id, ask.nonce)
        return Vouch((BOB.signer.sign(Purpose.ACK, pack(said)),))

    def shown(self) -> tuple[Liveness, Via]:
        """How ada shows bob, and his evidence gives it."""
        view = self.bench.member(BOB)
        self.assertIs(recomputed(view.evidence), view.state)
        return view.state, view.via

    # A firewall that refuses.

    def test_a_firewall_and_a_sleeper(self) -> None:
        """A member behind a firewall that refuses is not lost while its only go-between sleeps 3 s."""
        self.lose()
        self.wait(20)
        self.assertGreater(len(self.dials), 3)
        self.assertEqual(self.shown(), (A, Via.INDIRECT))
        self.word = "sleeps"
        self.assertEqual(self.wait(3), [S])
        self.word = "yes"
        self.assertEqual(self.wait(3), [A])
        self.assertEqual(self.shown(), (A, Via.INDIRECT))

    def test_refusals_before_the_word(self) -> None:
        """Refusals that were read before the member's word came are disproved by it."""
        self.word = "sleeps"
        self.lose()
        self.wait(0.35)
        self.bench.dial_failed(BOB, PLACE, DialOutcome.REFUSED)
        self.word = "yes"
        while self.shown() != (A, Via.INDIRECT):
            self.assertLess(self.bench.mono, 1030)
            self.wait(0.05)
        self.word = "sleeps"
        self.assertEqual(self.wait(6), [S])

    def test_killed_behind_a_firewall(self) -> None:
        """Killed after that, it is unreachable when its suspicion ends, and not before."""
        self.lose()
        self.wait(20)
        self.word = "nacks"
        began = self.bench.mono
        while self.shown()[0] is not S:
            self.wait(0.05)
        self.assertLess(self.bench.mono - began, 3.0)
        confirmed = Settings().suspicion(3, 1, 1, 0)
        self.assertEqual(self.wait(confirmed - 0.2), [])
        self.assertEqual(self.wait(0.4), [U])
        self.assertEqual(self.shown(), (U, Via.NONE))

    def test_killed_after_a_link(self) -> None:
        """A link that comes up again makes refusals count again: a kill is seen within a second."""
        self.lose()
        self.wait(5)
        self.bob = self.bench.link(BOB, BOB.alive(1, 0, "a", PLACE))
        self.word = "nacks"
        self.lose()
        self.wait(1)
        self.assertEqual(self.shown(), (U, Via.NONE))

    # Who was lost, and is heard of.

    def test_dialled_on_word_of_it(self) -> None:
        """A member that was unreachable for more than an hour is dialled once others bring its word."""
        self.word, self.how = "nacks", DialOutcome.TIMEOUT
        self.lose()
        self.wait(3700)
        self.assertEqual(self.shown(), (U, Via.NONE))
        self.word = "yes"
        while self.shown()[0] is not A:
            self.wait(0.05)
        self.dials.clear()
        self.wait(Settings().herd(3) + 0.1)
        self.assertEqual([dial.address for _, dial in self.dials], [PLACE])

    def test_steady_word_wakes_nothing(self) -> None:
        """While others go on bringing its word the steps between dials double as ever."""
        self.how = DialOutcome.TIMEOUT
        self.lose()
        self.wait(60)
        self.dials.clear()
        self.wait(60)
        self.assertLess(len(self.dials), 40)
