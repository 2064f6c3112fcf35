"""Carrying a nonce to a member that somebody else does not hear, and its signature back."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import RemoteError
from securechat.ids import MemberId
from securechat.membership.gobetween import FOR_ONE, MOST
from securechat.membership.messages import (
    AskVouch,
    Challenge,
    Claims,
    Nack,
    SignedAck,
    Vouch,
)
from securechat.objects import Purpose, Signed
from securechat.wire import pack, unpack
from tests.membership.bench import Bench, Someone, boot, sends, someone

LETTERS = str.maketrans("0123456789", "abcdefghij")
ADA, BOB, CAROL, DAVE = (someone(name) for name in ("ada", "bob", "carol", "dave"))


def signed(who: Someone, asker: MemberId, nonce: int, epoch: int = 1, word: str = "a") -> Signed:
    """A signed ack of this member."""
    return who.signer.sign(Purpose.ACK, pack(SignedAck(who.id, epoch, boot(word), asker, nonce)))


def count(bench: Bench, name: str) -> int:
    """A counter of the core."""
    return bench.core.snapshot(bench.now).counters.get(name, 0)


class CarryingTests(SynchronousTestCase):
    """Ada stands between bob, who asks, and carol, whom he does not hear."""

    def setUp(self) -> None:
        """Ada is linked to both."""
        self.bench = Bench().start()
        self.bob, self.carol = self.bench.link(BOB), self.bench.link(CAROL)

    def ask(self, nonce: int = 7, subject: Someone = CAROL) -> list[Any]:
        """Bob asks for a member."""
        return self.bench.receive(BOB, AskVouch(subject.id, nonce), self.bob)

    def test_there_and_back(self) -> None:
        """The nonce goes to the member, its signature to the asker, unchanged."""
        (challenge,) = sends(self.ask(), Challenge, CAROL)
        self.assertEqual(challenge, Challenge(BOB.id, 7))
        vouch = Vouch((signed(CAROL, BOB.id, 7),))
        self.assertEqual(sends(self.bench.receive(CAROL, vouch, self.carol), Vouch, BOB), [vouch])
        self.assertEqual(sends(self.bench.receive(CAROL, vouch, self.carol), Vouch), [])

    def test_no_answer(self) -> None:
        """What does not come back in time is said, once."""
        self.ask()
        effects = self.bench.wait(0.5)
        self.assertEqual(sends(effects, Nack, BOB), [Nack(CAROL.id, 7)])
        self.assertEqual(sends(self.bench.wait(5), Nack), [])
        vouch = Vouch((signed(CAROL, BOB.id, 7),))
        self.assertEqual(sends(self.bench.receive(CAROL, vouch, self.carol), Vouch), [])

    def test_no_link(self) -> None:
        """Who has no link to the member says so at once."""
        self.assertEqual(sends(self.ask(subject=DAVE), Nack, BOB), [Nack(DAVE.id, 7)])
        self.assertEqual(sends(self.ask(subject=BOB), Nack, BOB), [Nack(BOB.id, 7)])

    def test_the_link_ends(self) -> None:
        """Who waits for a member whose link ends is told at once; who asked and is gone is not."""
        self.ask()
        self.assertEqual(sends(self.bench.cut(CAROL, self.carol), Nack, BOB), [Nack(CAROL.id, 7)])
        self.carol = self.bench.link(CAROL)
        self.ask(8)
        self.bench.cut(BOB, self.bob)
        self.assertEqual(sends(self.bench.wait(3), Nack, BOB), [])

    def test_somebody_elses_words(self) -> None:
        """What was not asked for, or comes from another than it is about, is not passed on."""
        self.ask()
        for who, number, ack in (
            (CAROL, self.carol, signed(CAROL, BOB.id, 8)),
            (CAROL, self.carol, signed(CAROL, DAVE.id, 7)),
            (BOB, self.bob, signed(CAROL, BOB.id, 7)),
            (CAROL, self.carol, signed(BOB, BOB.id, 7)),
        ):
            effects = self.bench.receive(who, Vouch((ack,)), number)
            self.assertEqual(sends(effects, Vouch), [])
        self.assertEqual(count(self.bench, "refused.vouch-not-asked"), 4)

    def test_bounds(self) -> None:
        """One question at a time for each member; what is more is counted and gets nothing."""
        for nonce in range(100):
            self.ask(nonce)
        self.assertEqual(count(self.bench, "refused.asks-too-often"), 99)
        dave = self.bench.link(DAVE)
        effects = self.bench.receive(DAVE, AskVouch(CAROL.id, 5), dave)
        self.assertEqual(sends(effects, Challenge, CAROL), [Challenge(DAVE.id, 5)])
        self.assertEqual(sends(self.bench.wait(1), Nack, BOB), [Nack(CAROL.id, 0)])
        self.assertEqual(len(sends(self.ask(), Challenge, CAROL)), 1)

    def test_something_else_in_a_vouch(self) -> None:
        """A Vouch with another statement in it breaks the protocol."""
        for wrong in (Vouch((CAROL.leave().signed,)), Claims((signed(CAROL, ADA.id, 1),))):
            with self.assertRaises(RemoteError) as caught:
                self.bench.receive(CAROL, wrong, self.carol)
            self.assertEqual(caught.exception.reason, "wrong-object")
        with self.assertRaises(RemoteError):
            extra = Signed(Purpose.ACK, b"", bytes(64), b"x")
            self.bench.receive(CAROL, Vouch((extra,)), self.carol)


class ChallengedTests(SynchronousTestCase):
    """Ada is asked for her signature."""

    def setUp(self) -> None:
        """Ada is linked to bob."""
        self.bench = Bench().start()
        self.bob = self.bench.link(BOB)

    def test_signature(self) -> None:
        """Ada signs the asker and the nonce, with the epoch and boot id of her process."""
        effects = self.bench.receive(BOB, Challenge(CAROL.id, 9), self.bob)
        (vouch,) = sends(effects, Vouch, BOB)
        said = unpack(SignedAck, vouch.objects[0].statement)
        self.assertEqual(said, SignedAck(ADA.id, 1, boot("0"), CAROL.id, 9))

    def test_bounds(self) -> None:
        """She signs only so often in a period for one asker, and for one go-between in all."""

        def signed_for(asker: MemberId, times: int) -> int:
            challenge = Challenge(asker, 1)
            answers = [self.bench.receive(BOB, challenge, self.bob) for _ in range(times)]
            return sum(len(sends(effects, Vouch)) for effects in answers)

        self.assertEqual(signed_for(CAROL.id, 50), FOR_ONE)
        self.assertEqual(signed_for(DAVE.id, 1), 1)
        invented = [MemberId(f"{number:052}".translate(LETTERS)) for number in range(200)]
        self.assertEqual(sum(signed_for(asker, 2) for asker in invented), MOST - FOR_ONE - 1)
        self.bench.wait(1.2)
        self.assertEqual(signed_for(CAROL.id, 1), 1)

    def test_an_unknown_signer(self) -> None:
        """A signature of a member whose key is not known leads to a question, to nothing else."""
        effects = self.bench.receive(BOB, Vouch((signed(DAVE, ADA.id, 1),)), self.bob)
        self.assertEqual(sends(effects, Vouch) + sends(effects, Claims), [])
