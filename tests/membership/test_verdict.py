"""What a node believes of a member: every state and every sign, and the clock of a suspicion."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from securechat.inputs import Instant
from securechat.membership.health import LocalHealth
from securechat.membership.ledger import Ledger
from securechat.membership.liveness import RENEWS, TRANSITIONS, Sign
from securechat.membership.verdict import NEVER, Verdicts
from securechat.notices import Liveness, MemberChanged, Roster
from securechat.settings import Settings
from tests.membership.bench import WALL, someone

A, S, U, L = Liveness.ALIVE, Liveness.SUSPECT, Liveness.UNREACHABLE, Liveness.LEFT
ME, BOB = someone("ada"), someone("bob")
STATES = (A, S, U, L)
# One row for each sign: what an alive, suspect, unreachable, left member becomes.
CELLS: dict[Sign, tuple[Liveness, ...]] = {
    Sign.CONTACT: (A, A, A, L),
    Sign.VOUCHED: (A, A, A, L),
    Sign.LINK_ENDED: (S, S, U, L),
    Sign.SILENCE: (S, S, U, L),
    Sign.CONFIRMED: (A, S, U, L),
    Sign.REFUSED: (A, U, U, L),
    Sign.TIME_IS_UP: (A, U, U, L),
    Sign.NEWS: (A, S, S, L),
    Sign.RESTARTED: (S, S, S, S),
    Sign.LEAVE: (L, L, L, L),
}
LAN_ALONE = Settings().suspicion_max(1)


def at(mono: float) -> Instant:
    """A moment."""
    return Instant(mono, WALL + int(mono * 1000))


def verdicts() -> Verdicts:
    """Verdicts on nobody yet."""
    settings = Settings()
    return Verdicts(Ledger(ME.id, ME.signer.room), settings, LocalHealth(settings))


REACH: dict[Liveness, tuple[Sign, ...]] = {
    A: (Sign.CONTACT,),
    S: (),
    U: (Sign.TIME_IS_UP,),
    L: (Sign.LEAVE,),
}


class TableTests(SynchronousTestCase):
    """The table, cell by cell."""

    def test_every_cell(self) -> None:
        """Each state answers each sign as written down here."""
        for sign, row in CELLS.items():
            for state, after in zip(STATES, row, strict=True):
                self.assertIs(TRANSITIONS[state][sign], after, f"{state} {sign}")
        self.assertEqual(set(CELLS), set(Sign))
        self.assertEqual(set(TRANSITIONS), set(STATES))

    def test_the_verdicts_follow_the_table(self) -> None:
        """Every state takes every sign, and only a suspicion has a clock."""
        for state, sign in product(STATES, Sign):
            subject = verdicts()
            subject.join(BOB.id, at(0), BOB.id, "claim")
            for reach in REACH[state]:
                subject.judge(BOB.id, reach, at(1), "so it was")
            self.assertIs(subject.state(BOB.id), state)
            subject.judge(BOB.id, sign, at(2), "now")
            seen = subject.seen[BOB.id]
            self.assertIs(seen.state, TRANSITIONS[state][sign])
            self.assertEqual(seen.until < NEVER, seen.state is S)
            self.assertIs(seen.ring.lines[-1].verdict, seen.state)
            renewed = seen.state is S and (state is not S or sign in RENEWS)
            if seen.state is S:
                self.assertEqual(seen.until, LAN_ALONE + (2 if renewed else 0))


class VerdictTests(SynchronousTestCase):
    """Timers, grace and what watchers are told."""

    def setUp(self) -> None:
        """Bob was heard of."""
        self.verdicts = verdicts()
        self.verdicts.join(BOB.id, at(0), BOB.id, "claim")

    def told(self) -> list[MemberChanged]:
        """What watchers are told now."""
        notices = [effect.notice for effect in self.verdicts.settle()]
        return [notice for notice in notices if isinstance(notice, MemberChanged)]

    def test_time_is_up(self) -> None:
        """A member that nobody reaches is unreachable when its suspicion ends, not before."""
        self.assertFalse(self.verdicts.due(LAN_ALONE - 0.01))
        self.assertEqual(self.verdicts.tick(at(LAN_ALONE - 0.01), 0.15), ())
        self.assertIs(self.verdicts.state(BOB.id), S)
        self.assertTrue(self.verdicts.due(LAN_ALONE))
        self.assertEqual(self.verdicts.tick(at(LAN_ALONE), 0.15), (BOB.id,))
        self.assertIs(self.verdicts.state(BOB.id), U)
        self.assertFalse(self.verdicts.due(LAN_ALONE + 1000))

    def test_a_nack_of_who_is_not_alive(self) -> None:
        """A go-between that is not alive itself confirms nothing, and its line says why."""
        self.verdicts.nack(BOB.id, someone("carol").id, at(1))
        line = self.verdicts.seen[BOB.id].ring.lines[-1]
        self.assertEqual((line.counted, line.why), (False, "its go-between is not alive"))

    def test_shortened_is_not_late(self) -> None:
        """A suspicion that is shortened into the past ends now, without grace: nobody was late."""
        health = LocalHealth(Settings())
        subject = Verdicts(Ledger(ME.id, ME.signer.room), Settings(), health)
        health.worse()
        subject.join(BOB.id, at(0), BOB.id, "claim")
        self.assertEqual(subject.seen[BOB.id].until, 2 * LAN_ALONE)
        health.better()
        subject.retime(lambda _: (), at(LAN_ALONE + 3))
        self.assertEqual(subject.tick(at(LAN_ALONE + 3), 0.15), (BOB.id,))

    def test_late_timer(self) -> None:
        """After a stall of ours a suspicion gets one more period, and only one."""
        late = LAN_ALONE + 30
        self.assertEqual(self.verdicts.tick(at(late), 0.15), ())
        self.assertIs(self.verdicts.state(BOB.id), S)
        self.assertEqual(self.verdicts.tick(at(late + 1), 0.15), (BOB.id,))

    def test_stalled_twice(self) -> None:
        """A node that stalls again and again still comes to a verdict."""
        self.verdicts.tick(at(LAN_ALONE + 30), 0.15)
        self.assertEqual(self.verdicts.tick(at(LAN_ALONE + 90), 0.15), (BOB.id,))

    def test_told_once(self) -> None:
        """Watchers hear of a change of state once, and of nothing else."""
        first = self.told()
        self.assertEqual([(n.before, n.to) for n in first], [(None, S)])
        self.verdicts.contact(BOB.id, at(1))
        self.verdicts.contact(BOB.id, at(2))
        self.assertEqual([(n.before, n.to) for n in self.told()], [(S, A)])
        self.verdicts.contact(BOB.id, at(3))
        self.assertEqual(self.told(), [])

    def test_no_blink(self) -> None:
        """A member that is suspect and alive again within one turn has not changed."""
        self.verdicts.contact(BOB.id, at(1))
        self.told()
        self.verdicts.judge(BOB.id, Sign.LINK_ENDED, at(2), "fin")
        self.verdicts.contact(BOB.id, at(2))
        self.assertEqual(self.told(), [])

    def test_roster_when_a_seat_changes(self) -> None:
        """Messaging gets the whole roster when a seat changes, and only then."""
        rosters = [e.notice for e in self.verdicts.settle() if isinstance(e.notice, Roster)]
        self.assertEqual([seat.state for seat in rosters[0].seats if seat.member == BOB.id], [S])
        self.verdicts.judge(BOB.id, Sign.SILENCE, at(1), "again")
        self.assertEqual(list(self.verdicts.settle()), [])

    def test_evidence_that_does_not_count(self) -> None:
        """A note changes no state and says why it did not count."""
        self.verdicts.note(BOB.id, at(1), "dial: tls", "identity evidence")
        line = self.verdicts.seen[BOB.id].ring.lines[-1]
        self.assertEqual((line.counted, line.why, line.verdict), (False, "identity evidence", S))

    def test_evidence_of_no_use(self) -> None:
        """Refused redials of a member that is alive, through others say, are shown and do not count."""
        self.verdicts.contact(BOB.id, at(1))
        self.verdicts.judge(BOB.id, Sign.REFUSED, at(2), "redials refused: two of ours")
        line = self.verdicts.seen[BOB.id].ring.lines[-1]
        told = (line.counted, line.why, line.verdict)
        self.assertEqual(told, (False, "it is alive: there is no suspicion", A))
        self.assertIs(self.verdicts.state(BOB.id), A)

    def test_no_more_confirmations_count_than_are_needed(self) -> None:
        """In a room of five two confirm; the third does not count before one of them is withdrawn."""
        subject = verdicts()
        others = [someone(name).id for name in ("carol", "dave", "eve")]
        for member in (BOB.id, *others):
            subject.join(member, at(0), member, "claim")
            subject.contact(member, at(0))
        subject.judge(BOB.id, Sign.SILENCE, at(1), "no ack")
        seen = subject.seen[BOB.id]
        with mock.patch.object(Ledger, "size", 5):
            for number, by in enumerate(others):
                subject.confirm(BOB.id, by, at(2 + number), "suspect for it")
            self.assertEqual(seen.confirmed, set(others[:2]))
            self.assertFalse(seen.ring.lines[-1].counted)
            subject.retime(lambda _: others[1:], at(6))
        self.assertEqual(seen.confirmed, set(others[1:]))
        said = {(line.by, line.counted, line.why) for line in seen.ring.lines}
        self.assertIn((others[0], False, "counts no longer"), said)
        self.assertNotIn((others[0], True, Sign.CONFIRMED.value), said)

    def test_strangers(self) -> None:
        """Nothing is believed of a member that is not in the roster."""
        calls: tuple[Callable[[], None], ...] = (
            lambda: self.verdicts.contact(ME.id, at(1)),
            lambda: self.verdicts.judge(ME.id, Sign.LEAVE, at(1), "x"),
            lambda: self.verdicts.note(ME.id, at(1), "x", "y"),
        )
        for call in calls:
            call()
        self.assertIsNone(self.verdicts.state(ME.id))
