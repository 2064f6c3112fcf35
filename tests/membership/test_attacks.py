"""The published attacks at the core: of each member only its own words count (P17)."""

from __future__ import annotations

import contextlib
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import RemoteError
from securechat.ids import MAX_INT, BootId, MemberId, Version
from securechat.inputs import Ending
from securechat.membership.claims import Claim, merge
from securechat.membership.liveness import Sign
from securechat.membership.messages import (
    FIRST_ID,
    LAST_ID,
    Ack,
    Alive,
    AskClaims,
    AskVouch,
    Challenge,
    Claims,
    Leave,
    Nack,
    Observation,
    Ping,
    Rows,
    SignedAck,
    Vouch,
)
from securechat.notices import Conflict, Liveness
from securechat.objects import Purpose, Signed
from securechat.wire import pack
from tests.membership.bench import Bench, Someone, boot, notices, objects, sends, someone

ADA, BOB, CAROL, MALLORY = map(someone, ("ada", "bob", "carol", "mallory"))
CERTIFICATES = {who.name: who.certificate for who in (ADA, BOB, MALLORY)}
VERSIONS = st.sampled_from((0, 1, 2, 2**31, 2**32 - 1, 2**62, MAX_INT, MAX_INT + 1, 2**64 - 1))
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def stranger(number: int) -> MemberId:
    """The id of nobody."""
    digits = "".join(BASE32[number >> shift & 31] for shift in (10, 5, 0))
    return MemberId(digits.rjust(52, "a"))


def forged_alive(
    victim: Someone, epoch: int, incarnation: int, word: str, address: str, under: str
) -> Signed:
    """An Alive in a victim's name, signed by mallory under somebody's certificate."""
    said = Alive(victim.id, epoch, incarnation, boot(word), (address,))
    return MALLORY.signer.sign(Purpose.ALIVE, pack(said), CERTIFICATES[under])


def forged_leave(victim: Someone, epoch: int, incarnation: int) -> Signed:
    """A Leave in a victim's name, signed by mallory."""
    return MALLORY.signer.sign(Purpose.LEAVE, pack(Leave(victim.id, epoch, incarnation)))


FORGED = st.one_of(
    st.builds(
        forged_alive,
        st.sampled_from((ADA, BOB)),
        VERSIONS,
        VERSIONS,
        st.sampled_from("0ab"),
        st.sampled_from(("127.0.0.9:9", "[::1]:80")),
        st.sampled_from(sorted(CERTIFICATES)),
    ),
    st.builds(forged_leave, st.sampled_from((ADA, BOB)), VERSIONS, VERSIONS),
)
TRUE = tuple(
    claim
    for who in (BOB, CAROL)
    for claim in (
        who.alive(1, 0, "a"),
        who.alive(1, 1, "a"),
        who.alive(1, 1, "b"),
        who.alive(2, 0, "c"),
        who.alive(2, 3, "c", "10.0.0.9:7400"),
        who.leave(1, 1),
        who.leave(2, 0),
    )
)
"""What bob and carol did sign: restarts, refutations, goodbyes, and a twin each."""


def room() -> Bench:
    """Ada, linked to bob and to mallory, with bob alive."""
    bench = Bench(boot=boot("0")).start()
    bench.link(MALLORY)
    bench.link(BOB, BOB.alive(1, 0, "b"))
    bench.effects.clear()
    return bench


def believed(bench: Bench, who: Someone) -> tuple[Any, ...]:
    """What ada believes of a member."""
    view = bench.member(who)
    return (view.state, view.epoch, view.incarnation, view.boot, view.address, view.evidence)


class ForgeryTests(SynchronousTestCase):
    """Statements in the name of others."""

    @settings(max_examples=150, deadline=None)
    @given(FORGED)
    def test_no_forgery_passes(self, forged: Signed) -> None:
        """At no version, under no certificate, for ada or for bob: refused, and nothing changes."""
        bench = room()
        before = (bench.core.snapshot(bench.now), len(bench.facts))
        with self.assertRaises(RemoteError) as caught:
            bench.receive(MALLORY, Claims((forged,)))
        self.assertIn(caught.exception.reason, ("bad-signature", "key-mismatch", "malformed"))
        self.assertEqual((bench.core.snapshot(bench.now), len(bench.facts)), before)

    def test_the_versions_that_overflowed_elsewhere(self) -> None:
        """Incarnations 2^32-1 and 2^63-1 and epoch 2^62 are said well, and signed by the wrong one."""
        for epoch, incarnation in ((1, 2**32 - 1), (1, MAX_INT), (2**62, 0)):
            for forged in (
                forged_alive(BOB, epoch, incarnation, "b", "127.0.0.9:9", "bob"),
                forged_leave(BOB, epoch, incarnation),
            ):
                with self.assertRaises(RemoteError) as caught:
                    room().receive(MALLORY, Claims((forged,)))
                self.assertEqual(caught.exception.reason, "bad-signature")

    def test_own_highest_version(self) -> None:
        """Of itself a member may say 2^63-1: others and ada's own version are as before."""
        bench = room()
        before, mine = believed(bench, BOB), bench.core.version_of(ADA.id)
        for epoch, incarnation in ((1, 2**32 - 1), (1, MAX_INT), (MAX_INT, MAX_INT)):
            bench.receive(MALLORY, Claims((MALLORY.alive(epoch, incarnation).signed,)))
            self.assertEqual(bench.core.version_of(MALLORY.id), Version(epoch, incarnation))
        self.assertEqual(believed(bench, BOB), before)
        self.assertEqual(bench.core.version_of(ADA.id), mine)

    def test_a_held_claim_in_another_wrapping_changes_nothing(self) -> None:
        """Bob's Alive again, with a signature and a certificate that are none: known already."""
        bench = room()
        his = BOB.alive(1, 0, "b").signed
        facts = len(bench.facts)
        bench.receive(MALLORY, Claims((evolve(his, signature=bytes(64), attachment=b"none"),)))
        self.assertEqual(len(bench.facts), facts)
        self.assertEqual(bench.core.alive_of(BOB.id), his)

    def test_the_boot_id_of_another(self) -> None:
        """Mallory takes bob's boot id for itself: its own affair."""
        bench = room()
        before = believed(bench, BOB)
        bench.receive(MALLORY, Claims((MALLORY.alive(2, 0, "b").signed,)))
        self.assertEqual(believed(bench, BOB), before)
        self.assertEqual(notices(bench.effects, Conflict), [])


class ReplayTests(SynchronousTestCase):
    """What others did sign, in mallory's hands."""

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.sampled_from(TRUE), min_size=1, max_size=8, unique=True),
        st.randoms(use_true_random=False),
        st.lists(FORGED, max_size=2),
    )
    def test_any_order_gives_the_same(
        self, claims: list[Any], rng: Any, forgeries: list[Signed]
    ) -> None:
        """Two nodes told the same in any order, with lies between, hold the same (P4, P17)."""
        views = []
        for _ in range(2):
            bench = Bench(boot=boot("0")).start()
            bench.link(MALLORY)
            rng.shuffle(claims)
            # A Leave that precedes the key which checks it is dropped, and asked for again.
            for claim in (*claims, *claims):
                bench.receive(MALLORY, Claims((claim.signed,)))
            for forged in forgeries:
                # A Leave of somebody whose key is not held yet is dropped without a reason.
                with contextlib.suppress(RemoteError):
                    bench.receive(MALLORY, Claims((forged,)))
            views.append(bench.core.snapshot(bench.now))
            self.assertEqual(self.versions(bench), self.expected(claims))
        self.assertEqual(views[0].digest, views[1].digest)

    def versions(self, bench: Bench) -> dict[MemberId, Version]:
        """What ada holds of bob and carol."""
        found = {who.id: bench.core.version_of(who.id) for who in (BOB, CAROL)}
        return {member: version for member, version in found.items() if version is not None}

    def expected(self, claims: list[Any]) -> dict[MemberId, Version]:
        """What follows from the set of claims alone."""
        held = merge(Claim.of(claim) for claim in claims)
        return {m: one.alive.version for m, one in held.items() if one.alive is not None}

    def test_an_old_leave_and_an_old_alive(self) -> None:
        """Bob is back in epoch 2: his leave of epoch 1 does nothing, his old Alive is answered once."""
        bench = room()
        bench.link(BOB, BOB.alive(2, 0, "c"))
        before = believed(bench, BOB)
        for _ in range(5):
            bench.receive(MALLORY, Claims((BOB.leave(1).signed,)))
        self.assertEqual(sends(bench.effects, Claims, MALLORY)[1:], [])
        bench.effects.clear()
        for _ in range(5):
            bench.receive(MALLORY, Claims((BOB.alive(1, 0, "b").signed,)))
        (answer,) = objects(sends(bench.effects, Claims, MALLORY))
        self.assertEqual(answer, BOB.alive(2, 0, "c").signed)
        self.assertEqual(believed(bench, BOB), before)

    def test_a_leave_is_not_undone_within_its_epoch(self) -> None:
        """Bob left: no later incarnation of that epoch returns him, a higher epoch does (P5)."""
        bench = room()
        bench.receive(MALLORY, Claims((BOB.leave(1, 0).signed,)))
        for incarnation in (1, MAX_INT):
            bench.receive(MALLORY, Claims((BOB.alive(1, incarnation, "b").signed,)))
            self.assertIs(bench.state(BOB), Liveness.LEFT)
        bench.receive(MALLORY, Claims((BOB.alive(2, 0, "c").signed,)))
        self.assertIsNot(bench.state(BOB), Liveness.LEFT)

    def test_our_own_past(self) -> None:
        """Ada's own words of this process, from mallory's hands, neither jump nor conflict."""
        bench = room()
        for claim in (ADA.alive(1, 0, "0"), ADA.alive(1, 9, "0")):
            bench.receive(MALLORY, Claims((claim.signed,)))
            bench.refused(MALLORY, claim, live=True)
        self.assertEqual(bench.core.epoch, 1)
        self.assertEqual(notices(bench.effects, Conflict), [])


def signed_ack(
    author: Someone, asker: Someone, nonce: int, epoch: int = 1, word: str = "b", by: str = ""
) -> Vouch:
    """What a subject signs for an asker, or what somebody else signs in its name."""
    said = SignedAck(author.id, epoch, boot(word), asker.id, nonce)
    return Vouch((someone(by or author.name).signer.sign(Purpose.ACK, pack(said)),))


def refused(bench: Bench, reason: str) -> int:
    """How often ada refused something for this reason."""
    return bench.core.snapshot(bench.now).counters.get(f"refused.{reason}", 0)


class ContactTests(SynchronousTestCase):
    """Only a member's own link, or its own signature, shows that it is there."""

    def wait(self, bench: Bench, chatter: Any, seconds: float = 60) -> Liveness:
        """What ada thinks of bob, who is silent, while mallory answers pings and talks."""
        for _ in range(round(seconds * 10)):
            effects = bench.wait(0.1)
            for ping in sends(effects, Ping, MALLORY):
                bench.receive(MALLORY, Ack(ping.nonce))
            for message in chatter(effects):
                with contextlib.suppress(RemoteError):
                    bench.receive(MALLORY, message)
        return bench.state(BOB)

    def test_neither_claims_nor_acks_of_a_third_keep_a_member_alive(self) -> None:
        """Mallory repeats bob's Alive and acks the very nonces that bob was sent."""
        bench = room()

        def chatter(effects: list[Any]) -> list[Any]:
            acks = [Ack(ping.nonce) for ping in sends(effects, Ping, BOB)]
            nacks = [Nack(BOB.id, asked.nonce) for asked in sends(effects, AskVouch, MALLORY)]
            return [Claims((BOB.alive(1, 0, "b").signed,)), *acks, *nacks]

        self.assertIs(self.wait(bench, chatter), Liveness.UNREACHABLE)

    def test_nor_do_vouches_that_he_did_not_sign_for_this_question(self) -> None:
        """Signed by mallory, for another asker, for another nonce, or by his earlier process."""
        for forge in (
            lambda nonce: signed_ack(BOB, ADA, nonce, by="mallory"),
            lambda nonce: signed_ack(BOB, CAROL, nonce),
            lambda nonce: signed_ack(BOB, ADA, nonce + 1),
            lambda nonce: signed_ack(BOB, ADA, nonce, word="9"),
            lambda nonce: signed_ack(MALLORY, ADA, nonce, word="a"),
        ):

            def chatter(effects: list[Any], forge: Any = forge) -> list[Any]:
                asked = sends(effects, AskVouch, MALLORY)
                return [m for a in asked for m in (forge(a.nonce), Nack(BOB.id, a.nonce))]

            self.assertIs(self.wait(room(), chatter), Liveness.UNREACHABLE)

    def test_the_true_vouch_counts_once(self) -> None:
        """What bob did sign for this nonce counts; the same again, later, does not."""
        bench = room()
        kept: list[Vouch] = []

        def chatter(effects: list[Any]) -> list[Any]:
            for asked in sends(effects, AskVouch, MALLORY):
                if not kept:
                    kept.append(signed_ack(BOB, ADA, asked.nonce))
                    return [kept[0]]
                return [kept[0], Nack(BOB.id, asked.nonce)]
            return []

        self.assertIs(self.wait(bench, chatter), Liveness.UNREACHABLE)
        counted = [one.why for one in bench.member(BOB).evidence if one.by == MALLORY.id]
        self.assertEqual(counted.count(Sign.VOUCHED.value), 1)
        self.assertGreater(refused(bench, "vouch-not-asked"), 2)

    def test_nor_does_a_third_end_him(self) -> None:
        """Mallory's own link ends in every way: bob, who answers, stays alive."""
        for how in Ending:
            bench = room()
            bench.cut(MALLORY, 1, how)
            for _ in range(40):
                bench.wait(0.1)
                bench.heard(BOB, 2)
            self.assertIs(bench.state(BOB), Liveness.ALIVE)


class ObserverTests(SynchronousTestCase):
    """A liar's rows, nacks and questions (S13)."""

    def rows(self, *accused: tuple[Someone, int, int]) -> Rows:
        """Mallory's row: all of these are gone, and refused its dials."""
        return Rows(0, tuple(Observation(w.id, e, i, "unreachable", True) for w, e, i in accused))

    def test_an_accuser_never_begins_a_suspicion(self) -> None:
        """Bob is accused for a minute at the version that is held: he answers, and stays alive."""
        bench = room()
        bench.effects.clear()
        for _ in range(600):
            bench.receive(MALLORY, self.rows((BOB, 1, 0)))
            bench.wait(0.1)
            effects, bench.effects = bench.effects, []
            for number, who in ((1, MALLORY), (2, BOB)):
                for ping in sends(effects, Ping, who):
                    bench.receive(who, Ack(ping.nonce), number)
            self.assertIs(bench.state(BOB), Liveness.ALIVE)
        self.assertFalse(
            [e for e in bench.member(BOB).evidence if e.counted and e.by == MALLORY.id]
        )

    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, MAX_INT), st.integers(0, MAX_INT))
    def test_invented_versions_say_nothing(self, epoch: int, incarnation: int) -> None:
        """Of bob or of ada herself, at any version that they did not sign: nothing rises."""
        bench = room()
        mine = bench.core.version_of(ADA.id)
        if Version(epoch, incarnation) in (mine, Version(1, 0)):
            return
        bench.receive(MALLORY, self.rows((BOB, epoch, incarnation), (ADA, epoch, incarnation)))
        self.assertEqual(bench.core.version_of(ADA.id), mine)
        self.assertIs(bench.state(BOB), Liveness.ALIVE)
        self.assertFalse(bench.member(BOB).evidence[-1].counted)

    def test_the_same_accusation_of_ourselves_is_refuted_once(self) -> None:
        """A hundred rows against ada's version: one incarnation, and no more."""
        bench = room()
        mine = bench.core.version_of(ADA.id)
        assert mine is not None
        for _ in range(100):
            bench.receive(MALLORY, self.rows((ADA, mine.epoch, mine.incarnation)))
        after = bench.core.version_of(ADA.id)
        self.assertEqual(after, Version(mine.epoch, mine.incarnation + 1))

    def test_a_row_of_one_who_is_not_well_or_not_heard(self) -> None:
        """Bob is suspect: what mallory says does not count once it is ill, or gone itself."""
        for ill in (True, False):
            bench = room()
            bench.cut(BOB, 2, Ending.RST)
            if not ill:
                bench.cut(MALLORY, 1, Ending.RST)
            rows = evolve(self.rows((BOB, 1, 0)), health=7 * ill)
            bench.receive(MALLORY, rows, 1 if ill else 99)
            self.assertFalse(bench.member(BOB).evidence[-1].counted)

    def test_nacks_that_were_not_asked_for(self) -> None:
        """A thousand nacks of bob: none counts, each is counted."""
        bench = room()
        before = believed(bench, BOB)
        for nonce in range(1000):
            bench.receive(MALLORY, Nack(BOB.id, nonce))
        self.assertEqual((believed(bench, BOB), refused(bench, "nack-not-asked")), (before, 1000))

    def test_what_may_be_asked_is_bounded(self) -> None:
        """Signatures of ada's, and questions put to bob through ada: the excess is counted."""
        for question, wanted in (
            (lambda nonce: Challenge(CAROL.id, nonce), Vouch),
            (lambda nonce: AskVouch(BOB.id, nonce), Challenge),
        ):
            bench = room()
            for nonce in range(2000):
                bench.receive(MALLORY, question(nonce))
            answered = len(sends(bench.effects, wanted))
            self.assertLessEqual(answered, 256)
            self.assertEqual(refused(bench, "asks-too-often"), 2000 - answered)


class FloodTests(SynchronousTestCase):
    """What one peer may cost."""

    def test_strangers(self) -> None:
        """Leaves of 256 invented members: each is asked for once in two seconds, nobody joins."""
        bench = room()
        leaves = [
            MALLORY.signer.sign(Purpose.LEAVE, pack(Leave(stranger(number), 1, 0)))
            for number in range(256)
        ]
        asked = [len(sends(bench.receive(MALLORY, Claims(tuple(leaves))), AskClaims)) for _ in "12"]
        self.assertEqual(asked, [256, 0])
        self.assertEqual(len(bench.core.snapshot(bench.now).members), 3)

    def test_the_same_question(self) -> None:
        """It is answered once in a second; the rest is counted."""
        bench = room()
        ask = AskClaims(FIRST_ID, LAST_ID)
        for _ in range(50):
            bench.receive(MALLORY, ask)
        self.assertEqual(len(objects(sends(bench.effects, Claims, MALLORY))), 3)
        counters = bench.core.snapshot(bench.now).counters
        self.assertEqual(counters["refused.asks-too-often"], 49)

    def test_acks_and_pings(self) -> None:
        """Acks of invented nonces leave no trace; pings of a foreign view ask back once."""
        bench = room()
        bench.wait(0.1)
        bench.effects.clear()
        facts = len(bench.facts)
        for nonce in range(200):
            bench.receive(MALLORY, Ack(nonce))
            bench.receive(MALLORY, Ping(nonce, b"12345678"))
        self.assertEqual(len(sends(bench.effects, Ack, MALLORY)), 200)
        self.assertLessEqual(len(sends(bench.effects, AskClaims, MALLORY)), 1)
        self.assertEqual(len(bench.facts), facts)

    def test_two_processes_of_one_member(self) -> None:
        """Mallory says a hundred boot ids of one epoch: one conflict is told, of mallory."""
        bench = room()
        before = believed(bench, BOB)
        for number in range(100):
            said = Alive(MALLORY.id, 1, 1, BootId(f"{number:032x}"))
            signed = MALLORY.signer.sign(Purpose.ALIVE, pack(said), MALLORY.certificate)
            bench.receive(MALLORY, Claims((signed,)))
        told = [notice.member for notice in notices(bench.effects, Conflict)]
        self.assertEqual(told, [MALLORY.id])
        self.assertEqual(believed(bench, BOB), before)

    def test_a_version_a_moment(self) -> None:
        """Mallory raises its incarnation without end: few are taken and passed on, the rest counted."""
        bench = room()
        bench.link(CAROL)
        bench.effects.clear()
        for incarnation in range(1, 501):
            bench.receive(MALLORY, Claims((MALLORY.alive(1, incarnation).signed,)))
            bench.sleep(0.001)
        self.assertLessEqual(len(objects(sends(bench.effects, Claims, CAROL))), 25)
        counters = bench.core.snapshot(bench.now).counters
        self.assertGreaterEqual(counters["claims.too-often"], 475)
        bench.receive(MALLORY, Claims((CAROL.alive(1, 1).signed,)))
        self.assertEqual(bench.core.version_of(CAROL.id), Version(1, 1))
