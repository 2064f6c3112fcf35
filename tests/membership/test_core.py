"""The core as the turn uses it: starts, replay, ticks, and what it offers."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Forget
from securechat.ids import Version
from securechat.inputs import DialOutcome, Ending
from securechat.membership.facts import EpochRaised
from securechat.membership.messages import Ack, AskClaims, Claims, Ping
from securechat.notices import Liveness, Roster
from tests.membership.bench import NAMES, PROBING, Bench, notices, sends, someone

BOB, CAROL = someone("bob"), someone("carol")


def durable(bench: Bench) -> tuple[Any, ...]:
    """Everything that the facts of a bench decide."""
    ledger = bench.core._parts.ledger
    return (
        ledger.epoch, ledger.boot, ledger.held, ledger.reached, ledger.conflict, ledger.keyring,
        ledger.told_by, ledger.digest,
    )  # fmt: skip


def replayed(bench: Bench) -> tuple[Any, ...]:
    """The same, of a core that was given the latest fact of each key, as the store does."""
    latest: dict[str, Any] = {}
    for record in bench.facts:
        assert not isinstance(record.fact, Forget)
        latest.pop(record.fact.key, None)
        latest[record.fact.key] = record.fact
    other = Bench(bench.name, boot=bench.boot)
    for fact in latest.values():
        other.core.apply(fact)
    return durable(other)


class CoreTests(SynchronousTestCase):
    """One core on a bench."""

    def test_first_start(self) -> None:
        """A fresh start raises the epoch, signs its Alive and shows the roster, in this order."""
        bench = Bench().start()
        kinds = [record.fact.__class__.__name__ for record in bench.facts]
        self.assertEqual(kinds, ["EpochRaised", "ClaimHeld"])
        self.assertEqual(bench.core.epoch, 1)
        (roster,) = notices(bench.effects, Roster)
        self.assertEqual([(s.member, s.state, s.epoch) for s in roster.seats],
                         [(bench.me.id, Liveness.ALIVE, 1)])  # fmt: skip

    def test_every_start_is_a_later_epoch(self) -> None:
        """Each start of the same home raises the epoch by one."""
        bench = Bench().start()
        for number in range(2, 6):
            bench.restart(f"{number}")
            self.assertEqual(bench.core.epoch, number)
            self.assertEqual(bench.core.version_of(bench.me.id), Version(number, 0))

    def test_crash_between_the_two_facts(self) -> None:
        """A start of which only the epoch reached the disk is followed by a later epoch still."""
        bench = Bench().start()
        del bench.facts[1:]
        bench.restart("2")
        self.assertEqual(bench.core.epoch, 2)

    def test_rebuild(self) -> None:
        """A core that is rebuilt inside one process keeps epoch, incarnation and claims."""
        bench = Bench().start()
        bench.link(BOB)
        before, alive = durable(bench), bench.core.alive
        bench.effects.clear()
        bench.start(fresh=False)
        self.assertEqual(durable(bench), before)
        self.assertEqual(bench.core.alive, alive)
        (roster,) = notices(bench.effects, Roster)
        self.assertEqual(len(roster.seats), 2)
        bench.link(BOB)
        self.assertIs(bench.state(BOB), Liveness.ALIVE)

    def test_known_members_after_a_start(self) -> None:
        """Members known from disk are suspect until reached, and those who left have left."""
        bench = Bench().start()
        number = bench.link(BOB)
        bench.receive(BOB, Claims((CAROL.alive().signed,)), number)
        bench.receive(BOB, Claims((CAROL.leave().signed,)), number)
        bench.restart("2")
        self.assertIs(bench.state(BOB), Liveness.SUSPECT)
        self.assertIs(bench.state(CAROL), Liveness.LEFT)

    def test_nothing_is_due_between(self) -> None:
        """A tick is due when a round, a dial or a suspicion is, and not otherwise."""
        bench = Bench().start()
        bench.wait(2)
        fired = 0
        for _ in range(100):
            bench.mono += 0.1
            if bench.core.due(PROBING, bench.now):
                fired += 1
                bench.turn(bench.core.tick(PROBING, bench.now))
        self.assertLess(fired, 30)

    def test_holds(self) -> None:
        """The door is told which claims are held; one that was replaced is not."""
        bench = Bench().start()
        old, new = BOB.alive(1, 0, "b"), BOB.alive(1, 1, "b")
        bench.link(BOB, old)
        self.assertTrue(bench.core.holds(old.hash))
        bench.receive(BOB, Claims((new.signed,)))
        self.assertEqual((bench.core.holds(old.hash), bench.core.holds(new.hash)), (False, True))
        self.assertEqual(bench.core.alive_of(BOB.id), new.signed)

    def test_unknown(self) -> None:
        """Who sends objects of a stranger is asked for the stranger's claims, not at each one."""
        bench = Bench().start()
        bench.link(BOB)
        for count in (1, 0):
            asks = sends(bench.receive(BOB, Claims((CAROL.leave().signed,))), AskClaims, BOB)
            self.assertEqual(len(asks), count)
        bench.wait(2)
        (ask,) = sends(bench.receive(BOB, Claims((CAROL.leave().signed,))), AskClaims, BOB)
        self.assertEqual((ask.first, ask.last), (CAROL.id, CAROL.id))

    def test_keyring(self) -> None:
        """The keyring is replaced when a key comes, and at no other time."""
        bench = Bench().start()
        bench.link(BOB)
        ring = bench.core.keyring
        self.assertEqual(ring.find("bob"), BOB.id)
        bench.receive(BOB, Claims((BOB.alive(1, 7).signed,)))
        self.assertIs(bench.core.keyring, ring)
        bench.receive(BOB, Claims((CAROL.alive().signed,)))
        self.assertEqual(bench.core.keyring.named(CAROL.id), "carol")
        self.assertIsNone(ring.get(CAROL.id))

    def test_notices_of_messaging(self) -> None:
        """Nothing that messaging says concerns membership."""
        bench = Bench().start()
        self.assertEqual(bench.core.noticed("anything", bench.now), [])

    def test_not_started(self) -> None:
        """A core that was never started has no Alive to show."""
        with self.assertRaises(RuntimeError):
            _ = Bench().core.alive

    def test_foreign_facts(self) -> None:
        """What is forgotten elsewhere changes nothing here."""
        bench = Bench().start()
        before = durable(bench)
        bench.core.apply(Forget(("held/x",)))
        self.assertEqual(durable(bench), before)


class LifeMachine(RuleBasedStateMachine):
    """Anything that can happen to a core, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(peers=("10.0.0.2:7400",)).start()
        self.links: dict[int, str] = {}
        self.boots = 0
        self.versions: dict[str, Version] = {}

    who = st.sampled_from(NAMES[1:])
    small = st.integers(min_value=0, max_value=3)

    @rule(who=who, epoch=small, incarnation=small, dialled=st.booleans())
    def link(self, who: str, epoch: int, incarnation: int, dialled: bool) -> None:
        """A link comes up, perhaps with an old claim."""
        place = f"10.0.0.{len(who)}:7400" if dialled else None
        alive = someone(who).alive(epoch + 1, incarnation, str(epoch))
        self.links[self.bench.link(someone(who), alive, place)] = who

    @rule(how=st.sampled_from(Ending))
    def cut(self, how: Ending) -> None:
        """The oldest link ends."""
        if self.links:
            number = min(self.links)
            who = self.links.pop(number)
            self.bench.cut(someone(who), number, how, who in self.links.values())

    @rule(who=who, how=st.sampled_from(DialOutcome))
    def dial_failed(self, who: str, how: DialOutcome) -> None:
        """A dial fails."""
        self.bench.dial_failed(someone(who), f"10.0.0.{len(who)}:7400", how)

    @rule(
        teller=who,
        who=st.sampled_from(NAMES),
        epoch=small,
        leave=st.booleans(),
        word=st.sampled_from("12"),
    )
    def told(self, teller: str, who: str, epoch: int, leave: bool, word: str) -> None:
        """A claim is told, of ourselves too."""
        member = someone(who)
        claim = member.leave(epoch + 1) if leave else member.alive(epoch + 1, 0, word)
        number = next((n for n, peer in self.links.items() if peer == teller), 0)
        self.bench.receive(someone(teller), Claims((claim.signed,)), number)

    @rule(teller=who, nonce=small)
    def talk(self, teller: str, nonce: int) -> None:
        """A peer probes, answers and asks."""
        self.bench.receive(someone(teller), Ping(nonce, b"12345678"))
        self.bench.receive(someone(teller), Ack(nonce))
        self.bench.receive(someone(teller), AskClaims(BOB.id, BOB.id))

    @rule(seconds=st.sampled_from((0.05, 0.5, 3.0)))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.bench.wait(seconds)

    @rule(seconds=st.sampled_from((1.0, 100.0)))
    def sleep(self, seconds: float) -> None:
        """The process is stopped for a while."""
        self.bench.sleep(seconds)
        self.bench.ticks()

    @rule(live=st.booleans(), ahead=st.integers(min_value=-1, max_value=2))
    def refused(self, live: bool, ahead: int) -> None:
        """A peer proves another process of ours."""
        epoch = max(1, self.bench.core.epoch + ahead)
        self.bench.refused(BOB, self.bench.me.alive(epoch, 0, "e"), live)

    @rule()
    def goodbye(self) -> None:
        """We leave, and start again."""
        self.bench.goodbye()
        self.restart()

    @rule()
    def restart(self) -> None:
        """Another process on the same disk."""
        before = self.bench.core.epoch
        self.boots += 1
        self.links.clear()
        self.bench.restart(f"{self.boots % 10}f")
        assert self.bench.core.epoch > before

    @invariant()
    def replay(self) -> None:
        """What is on disk gives what is in memory."""
        assert replayed(self.bench) == durable(self.bench)

    @invariant()
    def never_back(self) -> None:
        """No version ever decreases, nor does our epoch."""
        for member in self.bench.core.keyring.keys:
            version = self.bench.core.version_of(member)
            assert version is not None
            assert version >= self.versions.get(member, Version(0))
            self.versions[member] = version
        raised = [f.epoch for f in self.bench.signed_facts(EpochRaised.__name__)]
        assert raised == sorted(set(raised))

    @invariant()
    def shown(self) -> None:
        """The view names every member once, with bounded evidence that ends in its state."""
        view = self.bench.core.snapshot(self.bench.now)
        assert {m.member for m in view.members} == set(self.bench.core.keyring.keys)
        for member in view.members:
            assert len(member.evidence) <= 32
            if member.evidence:
                assert member.evidence[-1].verdict is member.state
            assert attrs.asdict(member)


LifeMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


class LifeTests(SynchronousTestCase):
    """Random lives of a core."""

    def test_any_life(self) -> None:
        """Whatever happens, replay equals memory, versions never fall and the view is whole."""
        case = LifeMachine.TestCase()
        case.runTest()
