"""The turn: one commit, nothing before it, and what happens when it fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from attrs import define, field, frozen
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Answer, Effect, Fact, Hangup, Notify, Record, Send
from securechat.errors import LocalError, RemoteError
from securechat.ids import BootId, Hash, MemberId
from securechat.inputs import Disturb, Greeted, Heal, Instant, LinkUp, Received, Say, Tick
from securechat.journal.failures import DAMAGE
from securechat.journal.store import Store, StoreError
from securechat.node import dispatch, door, links
from securechat.node.faults import Cable, Fault, told
from securechat.node.turn import Turn
from securechat.node.wires import Arrived
from securechat.notices import FaultNoticed, Roster
from securechat.objects import Admitted, Purpose, Signed
from securechat.settings import Settings
from securechat.simulation.ill import TOLD, Connection, Ill

ROOM = "r" * 52
BOB = MemberId("b" * 52)


@frozen
class Noted(Fact):
    """A fact of these tests."""

    name: str

    @property
    def key(self) -> str:
        """One for each name."""
        return f"noted/{self.name}"

    @property
    def words(self) -> str:
        """What it says."""
        return f"noted {self.name}"


Rule = Callable[["Cores", Any, Instant], list[list[Effect]]]


@define
class Cores:
    """Both cores in one: remembers what was applied, does what the test's rule says."""

    rule: Rule
    names: list[str] = field(factory=list)
    started: list[bool] = field(factory=list)
    settled: list[Effect] = field(factory=list)
    rosters: list[Roster] = field(factory=list)

    def holds(self, name: bytes) -> bool:
        """Nothing is held."""
        return False

    def apply(self, fact: Noted) -> None:
        """Keep a name."""
        self.names.append(fact.name)

    def start(self, now: Instant, fresh: bool) -> Iterator[list[Effect]]:
        """A new epoch, if this is a start."""
        self.started.append(fresh)
        yield [Record(Noted("epoch"))] if fresh else [Notify(Roster(()))]

    def route(self, item: Any, now: Instant) -> Iterator[list[Effect]]:
        """Whatever the test says; a roster is only remembered."""
        if isinstance(item, Roster):
            self.rosters.append(item)
        else:
            yield from self.rule(self, item, now)

    def dropped(self, now: Instant) -> None:
        """Nothing volatile rests on facts here."""

    def settle(self, now: Instant) -> Iterator[list[Effect]]:
        """What was left for the end of the turn, once."""
        settled, self.settled = self.settled, []
        yield settled


class Links:
    """Remembers who was hung up."""

    def __init__(self) -> None:
        self.ups: tuple[LinkUp, ...] = ()
        self.ended: list[tuple[Any, str]] = []
        self.greeted: list[tuple[int, str]] = []
        self.cable = Cable(True, Random(1))

    def handled(self, link: Any) -> None:
        """There is no further slice."""

    def obey(self, command: Disturb | Heal) -> None:
        """What is asked of the cable."""
        self.cable.obey(command)

    def linked(self) -> tuple[LinkUp, ...]:
        """The links that are up."""
        return self.ups

    def hangup(self, peer: MemberId, reason: str) -> None:
        """Remember it."""
        self.ended.append((peer, reason))

    def kept(self, link: int) -> None:
        """Remember whom."""
        self.greeted.append((link, "welcome"))

    def not_kept(self, link: int) -> None:
        """Remember whom."""
        self.greeted.append((link, "read-only"))

    def offended(self, link: Any, problem: RemoteError) -> None:
        """Remember it."""
        self.ended.append((link, f"{problem.message}:{problem.reason}"))


class Door:
    """Lets everything in, but for one word."""

    room = ROOM

    def admit(self, peer: MemberId, link: int, message: Any) -> Received:
        """A received message, or a breach."""
        if message == "garbage":
            raise RemoteError("malformed")
        return Received(peer, link, message)


@define
class OneLink:
    """A link that is up, as the turn sees it."""

    number: int = 1
    peer: MemberId = BOB
    revoked: bool = False

    @property
    def wire(self) -> OneLink:
        """It is its own wire."""
        return self


HELLO = Admitted(
    Hash(bytes(32)), BOB, SimpleNamespace(epoch=1), Signed(Purpose.ALIVE, b"alive", bytes(64))
)


def ignore(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
    """A rule without effects."""
    return []


class TurnTests(SynchronousTestCase):
    """A turn over a real journal in memory, with cores made of rules."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = Store.open(":memory:", {"noted": Noted}, ROOM)
        self.rule: Rule = ignore
        self.performed: list[Effect] = []
        self.events: list[Any] = []
        self.made: list[Cores] = []
        self.links = Links()
        self.fatal: list[str] = []
        self.turn = Turn(
            self.clock,
            lambda: Instant(self.clock.seconds(), 1000),
            self.make_cores,
            self.store,
            cast("door.Door", Door()),
            Settings(),
            Counter(),
            self.events.append,
            self.fatal.append,
        )
        self.turn.links = cast("links.Links", self.links)
        self.turn.perform = self.perform
        self.turn.start()
        self.performed.clear()

    def make_cores(self) -> dispatch.Cores:
        """New cores, remembered."""
        self.made.append(Cores(lambda cores, item, now: self.rule(cores, item, now)))
        return cast("dispatch.Cores", self.made[-1])

    def perform(self, effects: Any, written: Any = ()) -> None:
        """Remember effects with the number of facts that were on disk by then."""
        self.performed.extend(effects)
        self.on_disk = len(list(self.store.replay()))

    def break_store(self, at: str = "commit") -> None:
        """The disk is full from this step on."""

        def step(name: str) -> None:
            if name == at or at == "all":
                raise StoreError("disk full")

        self.store.before = step

    def facts(self) -> list[str]:
        """The names on disk."""
        return [cast(Noted, fact).name for fact in self.store.replay()]

    def test_epoch_before_anything(self) -> None:
        """A start commits its epoch at once, before any socket could open."""
        self.assertEqual(self.facts(), ["epoch"])
        self.assertEqual(self.made[0].started, [True])

    def test_commit_before_send(self) -> None:
        """When a message is performed, the facts of its turn are on disk (G6)."""
        self.rule = lambda cores, item, now: [[Record(Noted("post")), Send(BOB, "post")]]
        self.turn.put("say")
        self.assertEqual(self.performed, [])
        self.clock.advance(0)
        self.assertEqual(self.performed, [Send(BOB, "post")])
        self.assertEqual(self.on_disk, 2)

    def test_the_cable(self) -> None:
        """A cut is put in force, told and answered by a turn of its own, and recorded."""
        order = Disturb((BOB,), cut=True)
        answer = self.turn.ask(order)
        self.assertEqual(self.links.cable.active(), ())
        self.clock.advance(0)
        self.successResultOf(answer)
        self.assertEqual(self.links.cable.active(), (Fault(BOB, cut=True),))
        self.assertEqual(self.events, [FaultNoticed(told(order))])
        self.clock.advance(1)
        (record,) = self.store.turns(last=1)
        self.assertEqual(record.causes, (f"Asked Disturb ticket=1 {BOB} cut",))
        self.assertEqual(record.about, (f"member:{BOB}",))

    def test_the_cable_of_a_turn_that_fails(self) -> None:
        """A cut whose turn could not be committed is not in force, and who asked is told."""
        self.rule = lambda cores, item, now: [[Record(Noted("post"))]]
        self.break_store()
        self.turn.put("say")
        answer = self.turn.ask(Disturb((BOB,), cut=True))
        self.clock.advance(0)
        self.assertEqual(self.failureResultOf(answer, LocalError).value.code, 420)
        self.assertEqual(self.links.cable.active(), ())

    def test_the_cable_where_faults_are_off(self) -> None:
        """It is refused, and the turn goes on."""
        self.links.cable = Cable(False, Random(1))
        answer = self.turn.ask(Heal())
        self.clock.advance(0)
        self.assertEqual(self.failureResultOf(answer, LocalError).value.code, 420)

    def test_one_transaction(self) -> None:
        """All inputs that wait share one commit; the later see the facts of the earlier."""
        seen: list[int] = []

        def rule(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            seen.append(len(cores.names))
            return [[Record(Noted(item))]]

        self.rule = rule
        commits = self.store.commits
        for name in "abc":
            self.turn.put(name)
        self.clock.advance(0)
        self.assertEqual(self.store.commits, commits + 1)
        self.assertEqual(seen, [1, 2, 3])
        self.assertEqual(self.facts(), ["epoch", "a", "b", "c"])

    def test_settle_ends_the_turn(self) -> None:
        """What cores left for the end of the turn is committed in the same transaction."""

        def rule(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            cores.settled = [Record(Noted("envelope")), Send(BOB, "envelope")]
            return []

        self.rule = rule
        self.turn.put("say")
        self.turn.put("say")
        self.clock.advance(0)
        self.assertEqual(self.facts(), ["epoch", "envelope"])
        self.assertEqual(self.performed, [Send(BOB, "envelope")])

    def test_idle_costs_no_disk(self) -> None:
        """A turn of routine writes nothing, not even later."""
        self.rule = lambda cores, item, now: [[Send(BOB, "ping")]]
        commits = self.store.commits
        for _ in range(5):
            self.turn.put(Tick("probing"))
            self.clock.advance(1)
        self.assertEqual(self.store.commits, commits)

    def test_record_without_facts_waits(self) -> None:
        """The record of a turn without facts goes to disk within a second, or with the next commit."""
        self.rule = lambda cores, item, now: [[Hangup(BOB, "x")]]
        commits = self.store.commits
        self.turn.put("a")
        self.clock.advance(0)
        self.assertEqual(self.store.commits, commits)
        self.clock.advance(1)
        self.assertEqual(self.store.commits, commits + 1)
        self.assertEqual(self.store.turns(last=1)[0].causes, ("a",))

    def test_notices_come_next(self) -> None:
        """A roster is an input of the next turn; an event goes to watchers after the commit."""
        seen: list[Any] = []

        def rule(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            seen.append(item)
            event = FaultNoticed("x")
            return [[Notify(Roster(())), Notify(event)]] if item == "go" else []

        self.rule = rule
        self.turn.put("go")
        self.clock.advance(0)
        self.assertEqual((seen, self.events), (["go"], [FaultNoticed("x")]))
        self.assertEqual(self.made[0].rosters, [Roster(())])
        self.assertEqual(self.turn.number, 2)

    def test_answers(self) -> None:
        """A command is answered after its commit; a LocalError reaches whoever asked."""
        self.rule = lambda cores, item, now: [[Record(Noted("say")), Answer(item.ticket, "id")]]
        answer = self.turn.ask(Say("hi"))
        self.assertNoResult(answer)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(answer), "id")

        def refuse(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            raise LocalError(503, "too long")

        self.rule = refuse
        answer = self.turn.ask(Say("hi"))
        self.clock.advance(0)
        self.assertEqual(self.failureResultOf(answer, LocalError).value.code, 503)

    def test_bounds(self) -> None:
        """A turn takes a bounded number of inputs; the rest has the next one."""
        self.rule = lambda cores, item, now: [[Record(Noted(str(item)))]]
        for number in range(600):
            self.turn.put(number)
        self.clock.advance(0)
        self.assertEqual(len(self.facts()), 601)
        sizes = [len(record.facts) for record in self.store.turns(last=2)]
        self.assertEqual(sizes, [512, 88])

    def test_failed_commit(self) -> None:
        """If the commit fails nothing leaves, who asked is told why, and the cores are rebuilt."""
        self.rule = lambda cores, item, now: [[Record(Noted("lost")), Send(BOB, "x")]]
        self.break_store()
        answer = self.turn.ask(Say("hi"))
        self.clock.advance(0)
        problem = self.failureResultOf(answer, LocalError).value
        self.assertEqual(problem.code, 420)
        self.assertIn("disk full", problem.text)
        self.assertEqual(self.performed, [])
        self.assertEqual(self.turn.read_only, "disk full")
        self.assertEqual(self.made[-1].names, ["epoch"])
        self.assertEqual(self.made[-1].started, [False])

    def test_read_only(self) -> None:
        """Read-only, what would record is refused and everything else goes on; then it heals."""
        self.rule = lambda cores, item, now: (
            [[Send(BOB, "ack")]] if item == "ping" else [[Record(Noted("new")), Send(BOB, "new")]]
        )
        self.break_store("all")
        self.turn.put("post")
        self.clock.advance(0)
        self.turn.put("ping")
        answer = self.turn.ask(Say("hi"))
        self.clock.advance(0)
        sent = [effect for effect in self.performed if isinstance(effect, Send)]
        self.assertEqual(sent, [Send(BOB, "ack")])
        self.assertEqual(self.failureResultOf(answer, LocalError).value.code, 420)
        self.clock.advance(1.1)
        self.assertEqual(self.turn.read_only, "disk full")
        self.store.before = None
        self.clock.advance(1.1)
        self.assertEqual(self.turn.read_only, "")
        self.turn.put("post")
        self.clock.advance(0)
        self.assertEqual(self.facts(), ["epoch", "new"])

    def test_told_again_once_it_can_write(self) -> None:
        """What peers said while nothing could be written was dropped: their links are made anew."""
        self.rule = lambda cores, item, now: [[Record(Noted("new"))] if item == "post" else []]
        up = LinkUp(BOB, 1, 1, BootId("0" * 32), "x:1", None, "y:1", HELLO)
        self.links.ups = (up,)
        self.break_store("all")
        self.turn.put("post")
        self.clock.advance(0)
        self.assertEqual(self.links.ended, [])
        self.store.before = None
        self.clock.advance(1.1)
        self.assertEqual(self.links.ended, [(BOB, "read-only")])

    def test_read_only_answers_everybody(self) -> None:
        """Read-only, every say of a turn is refused at once, also those answered when it settles."""
        tickets: list[int] = []

        def rule(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            if item == "x":
                return [[Record(Noted("x"))]]
            if item == "ping":
                return []
            tickets.append(item.ticket)
            cores.settled = [Record(Noted("envelope")), *(Answer(t, "id") for t in tickets)]
            return []

        self.rule = rule
        self.break_store("all")
        self.turn.put("x")
        self.clock.advance(0)
        answers = [self.turn.ask(Say("hi")) for _ in range(3)]
        self.turn.put("ping")
        self.clock.advance(0)
        for answer in answers:
            self.assertEqual(self.failureResultOf(answer, LocalError).value.code, 420)

    def test_a_welcome_follows_the_commit(self) -> None:
        """Who says HELLO is welcome once that is on disk, and is turned away where it cannot be."""

        def rule(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            return [[]] if item.link == 4 else [[Record(Noted(f"hello {item.link}"))]]

        def greet(link: int) -> None:
            self.turn.put(Greeted(BOB, link, HELLO))
            self.clock.advance(0)

        self.rule = rule
        self.store.before = lambda step: self.assertEqual(self.links.greeted, [])
        greet(1)
        self.assertEqual(self.links.greeted, [(1, "welcome")])
        self.break_store("all")
        for link in (2, 3, 4):
            greet(link)
        told = [(2, "read-only"), (3, "read-only"), (4, "welcome")]
        self.assertEqual(self.links.greeted[1:], told)

    def test_records_that_wait_are_bounded(self) -> None:
        """While nothing can be written, memory stays bounded; what gave way is counted."""
        self.rule = lambda cores, item, now: [
            [Record(Noted("x"))] if item == "x" else [Hangup(BOB, "why")]
        ]
        self.break_store("all")
        self.turn.put("x")
        self.clock.advance(0)
        for number in range(1200):
            self.turn.put(number)
            self.clock.advance(0)
        self.assertEqual(len(self.turn._unwritten), 1000)
        self.assertGreaterEqual(self.turn.counters["records_dropped"], 200)

    def test_failure_while_performing(self) -> None:
        """If performing fails, the facts are on disk and who asked is answered all the same."""

        def broken(effects: Any, written: Any = ()) -> None:
            raise ZeroDivisionError

        self.turn.perform = broken
        self.rule = lambda cores, item, now: [[Record(Noted("say")), Answer(item.ticket, "id")]]
        answer = self.turn.ask(Say("hi"))
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(answer), "id")
        self.assertEqual(self.facts(), ["epoch", "say"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_links_are_told_again(self) -> None:
        """Rebuilt cores hear of every link that is up."""
        seen: list[Any] = []

        def rule(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            seen.append(item)
            if item == "bug":
                raise ZeroDivisionError
            return []

        self.rule = rule
        up = cast("LinkUp", "a link that is up")
        self.links.ups = (up,)
        self.turn.put("bug")
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual(seen[-1], up)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_bug_in_a_core(self) -> None:
        """A bug drops its turn, is recorded as a fault, and the node lives on what is on disk."""

        def rule(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            if item == "bug":
                raise ZeroDivisionError("text of a message")
            return [[Record(Noted(str(item)))]]

        self.rule = rule
        self.turn.put("good")
        self.turn.put("bug")
        self.turn.put("later")
        self.clock.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.facts(), ["epoch", "later"])
        self.assertEqual(self.made[-1].names, ["epoch", "later"])
        self.assertEqual(self.turn.read_only, "")
        self.clock.advance(1)
        (record,) = [record for record in self.store.turns() if record.fault]
        self.assertIn("ZeroDivisionError", record.fault)
        self.assertNotIn("text", record.fault)

    def test_bug_while_asked(self) -> None:
        """Who asked for something in a turn that failed is told that it failed."""

        def rule(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            raise ZeroDivisionError

        self.rule = rule
        answer = self.turn.ask(Say("hi"))
        self.clock.advance(0)
        self.assertEqual(self.failureResultOf(answer, LocalError).value.code, 530)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_breach_costs_the_link(self) -> None:
        """A breach ends the rest of that link's messages; what came before it counts."""
        self.rule = lambda cores, item, now: [[Record(Noted(str(item.message)))]]
        link = cast(Any, OneLink())
        self.turn.put(Arrived(link, ("one", "garbage", "two")))
        self.clock.advance(0)
        self.assertEqual(self.facts(), ["epoch", "one"])
        self.assertEqual(self.links.ended, [(link, "str:malformed")])

    def test_frames_of_an_old_incarnation(self) -> None:
        """Messages of a link that was superseded meanwhile are dropped and counted (G5)."""
        self.rule = lambda cores, item, now: [[Record(Noted(str(item.message)))]]
        link = cast(Any, OneLink(revoked=True))
        self.turn.put(Arrived(link, ("late",)))
        self.clock.advance(0)
        self.assertEqual(self.facts(), ["epoch"])
        self.assertEqual(self.turn.counters["refused.stale-frames"], 1)

    def test_slices_take_turns(self) -> None:
        """Once a slice is handled the next of its link comes, behind what waits of others."""
        self.rule = lambda cores, item, now: [[Record(Noted(str(item.message)))]]
        greedy, other = cast(Any, OneLink(1)), cast(Any, OneLink(2))
        rest = [("two",), ("three",)]

        def handled(link: Any) -> None:
            if link is greedy and rest:
                self.turn.put(Arrived(greedy, rest.pop(0)))

        self.links.handled = handled  # type: ignore[method-assign]
        self.turn.put(Arrived(greedy, ("one",)))
        self.turn.put(Arrived(other, ("mine",)))
        self.clock.advance(0)
        self.assertEqual(self.facts(), ["epoch", "one", "mine", "two", "three"])

    def test_poison(self) -> None:
        """A message that makes a core fail costs its sender the link: it cannot do so for ever."""

        def rule(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            raise ZeroDivisionError

        self.rule = rule
        link = cast(Any, OneLink())
        self.turn.put(Arrived(link, ("poison",)))
        self.clock.advance(0)
        self.assertEqual(self.links.ended, [(link, ":internal")])
        self.flushLoggedErrors(ZeroDivisionError)

    def test_bug_in_the_rebuild(self) -> None:
        """A node whose cores cannot be rebuilt ends with the reason; it does not limp on."""

        def rule(cores: Cores, item: Any, now: Instant) -> list[list[Effect]]:
            raise ZeroDivisionError

        def start(cores: Cores, now: Instant, fresh: bool) -> Iterator[list[Effect]]:
            raise ZeroDivisionError

        self.rule = rule
        self.patch(Cores, "start", start)
        self.turn.put("x")
        self.clock.advance(0)
        self.assertEqual(self.fatal, ["the cores cannot be rebuilt: ZeroDivisionError"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_damage_under_way(self) -> None:
        """A journal that cannot be replayed any more ends the node with the reason."""
        self.break_store()
        self.rule = lambda cores, item, now: [[Record(Noted("x"))]]

        def unreadable() -> Iterator[Fact]:
            raise StoreError("the journal is damaged")

        self.patch(Store, "replay", lambda store: unreadable())
        self.turn.put("x")
        self.clock.advance(0)
        self.assertEqual(self.fatal, ["the journal is damaged"])

    def test_damage_that_no_probe_finds(self) -> None:
        """A commit or a reading that finds the file damaged ends the node at once, for good."""
        self.store.broken = self.turn.damaged
        self.rule = lambda cores, item, now: [[Record(Noted("new")), Send(BOB, "new")]]
        self.links.ups = (LinkUp(BOB, 1, 1, BootId("0" * 32), "x:1", None, "y:1", HELLO),)
        rotten = Connection(
            self.store._connection, lambda sql: Ill.ROTTEN if TOLD[Ill.ROTTEN].lasts(sql) else None
        )
        self.store._connection = cast(Any, rotten)
        answer = self.turn.ask(Say("hi"))
        self.clock.advance(0)
        problem = self.failureResultOf(answer, LocalError).value
        self.assertEqual((problem.code, problem.text), (420, f"cannot record: {DAMAGE}"))
        words = f"{DAMAGE}: the next start checks it, and sets it aside"
        self.assertEqual((self.fatal, self.performed), ([words], []))
        for _ in range(5):
            self.turn.put("x")
            self.turn.damaged(DAMAGE)
            self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual((self.turn.read_only, self.links.ended), (DAMAGE, []))
        told = [FaultNoticed(f"read-only: {DAMAGE}"), FaultNoticed(DAMAGE)]
        self.assertEqual((self.events, len(self.fatal)), (told, 1))
        self.store.probe()

    def test_stop(self) -> None:
        """Stopping writes what waited in memory, answers who waits, and takes nothing more."""
        self.rule = lambda cores, item, now: [[Hangup(BOB, "x")]]
        self.turn.put("a")
        self.clock.advance(0)
        answer = self.turn.ask(Say("hi"))
        self.turn.stop()
        self.assertEqual(self.failureResultOf(answer, LocalError).value.code, 420)
        self.assertEqual(self.store.turns(last=1)[0].causes, ("a",))
        late = self.turn.ask(Say("hi"))
        self.assertEqual(self.failureResultOf(late, LocalError).value.code, 420)
        self.turn.put("b")
        self.clock.advance(1)
        self.assertNotIn(("b",), [record.causes for record in self.store.turns()])
