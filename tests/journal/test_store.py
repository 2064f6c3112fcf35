"""What was committed is there after anything; what was not is not, and nothing altered comes back."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Fact, Forget, Record
from securechat.errors import HomeError
from securechat.ids import Hash
from securechat.journal import rows
from securechat.journal.failures import DAMAGE, reason
from securechat.journal.store import Store, StoreError
from securechat.objects import Signed
from securechat.signing import object_hash
from securechat.simulation.ill import Ill, failing
from tests.journal.kinds import FACTS, ROOM, Count, Held, record, signed, turn

STEPS = ("begin", "fact", "object", "turn", "commit", "committed")


class Crash(BaseException):
    """The process ends here."""


def name_of(item: Signed) -> Hash:
    """How the store calls an object."""
    return object_hash(ROOM, item)


def memory(content: bytes = b"") -> Store:
    """A journal in memory."""
    return Store.deserialize(content, FACTS, ROOM)


class CommitTests(SynchronousTestCase):
    """Facts, objects and turns in one transaction."""

    def setUp(self) -> None:
        """A journal in memory."""
        self.store = memory()

    def facts(self) -> list[Fact]:
        """What a start would replay."""
        return list(self.store.replay())

    def test_replay_is_in_commit_order(self) -> None:
        """A fact that replaces another is replayed at its new place, not at the old one."""
        self.store.commit([record("a", 1), record("b", 1)], [turn(1)])
        self.store.commit([record("a", 2)], [turn(2)])
        self.assertEqual(self.facts(), [Held("b", 1), Held("a", 2)])

    def test_after_a_commit_that_was_told_as_failed(self) -> None:
        """What is on disk all the same keeps its number: the next commit takes a later one."""
        late = False

        def answer(sql: str) -> Ill | None:
            return Ill.LATE if sql == "COMMIT" and late else None

        self.store = failing(answer).deserialize(b"", FACTS, ROOM)
        self.store.commit([record("a", 1)], [turn(1)])
        late = True
        self.assertRaises(StoreError, self.store.commit, [record("b", 1)], [turn(2)])
        late = False
        self.assertEqual(self.facts(), [Held("a", 1), Held("b", 1)])
        self.store.commit([record("c", 1)], [turn(3)])
        self.assertEqual(self.facts(), [Held("a", 1), Held("b", 1), Held("c", 1)])

    def test_the_last_of_a_commit_counts(self) -> None:
        """Within one turn a later fact of a key replaces the earlier, as two commits would."""
        self.store.commit([record("a", 1), record("b", 1), record("a", 2)], [turn(1)])
        self.assertEqual(self.facts(), [Held("b", 1), Held("a", 2)])

    def test_forgotten_and_kept_again(self) -> None:
        """A key forgotten and recorded in one turn is there; recorded and forgotten, it is gone."""
        one, two = signed(b"one"), signed(b"two")
        forget = Record(Forget(("held/a", "held/never")))
        self.store.commit([record("a", 1, one), forget, record("a", 2)], [turn(1)])
        self.assertEqual(self.facts(), [Held("a", 2)])
        self.assertIsNone(self.store.object(name_of(one)))
        self.store.commit([record("a", 3, two), forget], [turn(2)])
        self.assertEqual(self.facts(), [])
        self.assertIsNone(self.store.object(name_of(two)))

    def test_objects_follow_their_owner(self) -> None:
        """Objects stay with a fact that names none, are replaced by named ones, go when forgotten."""
        one, two = signed(b"one", b"rides"), signed(b"two")
        self.store.commit([record("a", 1, one)], [turn(1)])
        self.store.commit([record("a", 2)], [turn(2)])
        self.assertEqual(self.store.object(name_of(one)), one)
        self.store.commit([record("a", 3, two)], [turn(3)])
        self.assertIsNone(self.store.object(name_of(one)))
        self.assertEqual(self.store.object(name_of(two)), two)
        self.store.commit([Record(Forget(("held/a",)))], [turn(4)])
        self.assertIsNone(self.store.object(name_of(two)))
        self.assertEqual(self.store.damaged, 0)

    def test_an_object_of_two_owners(self) -> None:
        """An object that two facts own is there until both have let it go; named twice is once."""
        shared = signed(b"shared")
        self.store.commit([record("a", 1, shared, shared), record("b", 1, shared)], [turn(1)])
        self.store.commit([Record(Forget(("held/a",)))], [turn(2)])
        self.assertEqual(self.store.object(name_of(shared)), shared)
        self.store.commit([Record(Forget(("held/b",)))], [turn(3)])
        self.assertIsNone(self.store.object(name_of(shared)))

    def test_nothing_to_commit_costs_no_disk(self) -> None:
        """A commit of nothing is none; the others are counted."""
        self.store.commit([], [])
        self.assertEqual(self.store.commits, 0)
        self.store.commit([], [turn(1)])
        self.store.commit([record("a")], [])
        self.assertEqual(self.store.commits, 2)

    def test_a_fact_that_cannot_be_kept_fails_the_commit(self) -> None:
        """A fact that could not be read again is refused whole, in one line, and nothing is kept."""
        bad = Record(Held("b", -5))
        problem = self.assertRaises(StoreError, self.store.commit, [record("a"), bad], [turn(1)])
        self.assertIn("cannot be stored", str(problem))
        self.assertEqual(self.facts(), [])
        self.assertEqual(self.store.turns(), ())

    def test_too_many_objects(self) -> None:
        """A fact that owns more objects than can be numbered is refused, and nothing is kept."""
        self.patch(rows, "OWNER_BITS", 1)
        items = [signed(b"%d" % number) for number in range(3)]
        self.store.commit([record("a", 1, *items[:2])], [])
        problem = self.assertRaises(StoreError, self.store.commit, [record("b", 1, *items)], [])
        self.assertIn("too many objects", str(problem))
        self.assertEqual(self.facts(), [Held("a", 1)])

    def test_an_altered_fact_gives_way(self) -> None:
        """A fact whose row was altered is replaced, and its objects go, as those of any other."""
        one, two = signed(b"one"), signed(b"two")
        self.store.commit([record("a", 1, one, about=("x/1",))], [])
        self.store._connection.execute("UPDATE facts SET body = x'00'")
        self.store.commit([record("a", 2, two, about=("x/2",))], [])
        self.assertEqual(self.facts(), [Held("a", 2, ("x/2",))])
        self.assertEqual(self.store.facts_about("x/1"), ())
        self.assertIsNone(self.store.object(name_of(one)))
        self.assertEqual(self.store.object(name_of(two)), two)

    def test_facts_about_an_id(self) -> None:
        """The facts kept about an id come in commit order with their turn, until they are gone."""
        first = record("a", 1, about=("x/1", "x/2"))
        second = record("b", 1, about=("x/2",))
        self.store.commit([first], [turn(5, first, wall_ms=50)])
        self.store.commit([second], [turn(6, second, wall_ms=60)])
        found = self.store.facts_about("x/2")
        self.assertEqual([stored.fact for stored in found], [first.fact, second.fact])
        self.assertEqual([(stored.turn, stored.at_ms) for stored in found], [(5, 50), (6, 60)])
        self.store.commit([record("a", 2, about=("x/1",))], [turn(7)])
        self.assertEqual([s.fact for s in self.store.facts_about("x/2")], [second.fact])
        self.store.commit([Record(Forget(("held/a", "held/b")))], [turn(8)])
        self.assertEqual(self.store.facts_about("x/1"), ())
        self.assertEqual(self.store.facts_about("x/2"), ())

    def test_ids_that_share_a_number_are_kept_apart(self) -> None:
        """Ids that differ only in leading zeros or beyond nine digits are not taken for each other."""
        names = ("x/1", "x/01", "x/1000000001", "x/", "x", "1", "")
        self.store.commit([record(n or "none", 1, about=(n,)) for n in names], [turn(1)])
        for name in names:
            (found,) = self.store.facts_about(name)
            self.assertEqual(found.fact.about, (name,))

    def test_turn_records(self) -> None:
        """The last turns, and those about an id, oldest first."""
        kept = [turn(n, record("a", n, about=(f"x/{n % 2}",)), wall_ms=n) for n in range(1, 8)]
        self.store.commit([], kept)
        self.assertEqual(self.store.turns(), tuple(kept))
        self.assertEqual(self.store.turns(last=2), tuple(kept[-2:]))
        self.assertEqual(self.store.turns(about="x/0"), tuple(kept[1::2]))
        self.assertEqual(self.store.turns(last=1, about="x/0"), (kept[5],))
        self.assertEqual(self.store.turns(about="nobody"), ())
        self.assertEqual(tuple(self.store.export()), tuple(kept))

    def test_export_of_many_while_commits_go_on(self) -> None:
        """An export gives every record once, though turns are committed while it is read."""
        self.store.commit([], [turn(n) for n in range(1, 1200)])
        numbers = []
        for made in self.store.export():
            numbers.append(made.turn)
            if made.turn == 3:
                self.store.commit([record("new")], [turn(1200)])
        self.assertEqual(numbers, list(range(1, 1201)))

    def test_the_last_turn(self) -> None:
        """Turns go on counting after a restart, even if all records were pruned."""
        self.assertEqual(self.store.last_turn(), 0)
        self.store.commit([record("a")], [turn(6), turn(7)])
        self.assertEqual(self.store.last_turn(), 7)
        self.store.prune(10**15, 1, 0)
        self.assertEqual(self.store.turns(), ())
        self.assertEqual(self.store.last_turn(), 7)

    def test_a_record_may_come_again(self) -> None:
        """A record that was kept although its commit was reported as failed does no harm later."""

        def late(step: str) -> None:
            if step == "committed":
                raise StoreError("too late")

        waiting = [turn(1)]
        self.store.before = late
        self.assertRaises(StoreError, self.store.commit, [record("a")], waiting)
        self.store.before = None
        self.store.commit([record("b")], [*waiting, turn(2)])
        self.assertEqual([made.turn for made in self.store.turns()], [1, 2])
        self.assertEqual(self.facts(), [Held("a", 0), Held("b", 0)])


class CrashTests(SynchronousTestCase):
    """A commit is whole or not at all, wherever it is interrupted."""

    first = (record("a", 1, signed(b"one")), record("b", 1))
    second = (record("a", 2, signed(b"two")), Record(Forget(("held/b",))), record("c", 1))

    def state(self, store: Store) -> tuple[object, ...]:
        """All that can be asked of a journal."""
        objects = [store.object(name_of(signed(text))) for text in (b"one", b"two")]
        return list(store.replay()), objects, store.turns(), store.last_turn()

    def states(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """Before the second commit and after it."""
        store = memory()
        store.commit(self.first, [turn(1)])
        before = self.state(store)
        store.commit(self.second, [turn(2)])
        return before, self.state(store)

    def test_crash_at_any_step(self) -> None:
        """Killed before any step of a commit, the journal reads as before it; after it, as whole."""
        before, after = self.states()
        for step, on_disk in itertools.product(STEPS, (False, True)):
            path = Path(self.mktemp())
            store = Store.open(path if on_disk else ":memory:", FACTS, ROOM)
            store.commit(self.first, [turn(1)])

            def crash(name: str, at: str = step) -> None:
                if name == at:
                    raise Crash

            store.before = crash
            self.assertRaises(Crash, store.commit, self.second, [turn(2)])
            if on_disk:
                store.crash()
                again = Store.open(path, FACTS, ROOM)
            else:
                again = memory(store.serialize())
            self.assertEqual(self.state(again), after if step == "committed" else before, step)
            self.assertEqual(again.set_aside, "")
            again.close()

    def test_failure_at_any_step_leaves_a_usable_journal(self) -> None:
        """A step that fails costs that commit alone: it may be tried again on the same journal."""
        before, after = self.states()
        for step in STEPS[:-1]:
            store = memory()
            store.commit(self.first, [turn(1)])

            def fail(name: str, at: str = step) -> None:
                if name == at:
                    raise StoreError("disk full")

            store.before = fail
            self.assertRaises(StoreError, store.commit, self.second, [turn(2)])
            self.assertEqual(self.state(store), before, step)
            store.before = None
            store.commit(self.second, [turn(2)])
            self.assertEqual(self.state(store), after, step)

    def test_the_nth_step_fails_for_every_n(self) -> None:
        """Whichever step of a longer life fails, what is on disk is what was acknowledged."""
        script = [
            [record("a", 1, signed(b"one"))],
            [record("b", 1), record("a", 2)],
            [Record(Forget(("held/a",)))],
            [record("c", 1, signed(b"two")), Record(Count(4))],
        ]
        for limit in range(1, 21):
            store = memory()
            steps = itertools.count(1)

            def fail(name: str, steps: itertools.count[int] = steps, limit: int = limit) -> None:
                if next(steps) == limit and name != "committed":
                    raise StoreError("disk error")

            store.before = fail
            expected = memory()
            for number, records in enumerate(script, 1):
                try:
                    store.commit(records, [turn(number)])
                except StoreError:
                    continue
                expected.commit(records, [turn(number)])
            store.before = None
            self.assertEqual(list(memory(store.serialize()).replay()), list(expected.replay()))

    def test_the_disk_itself_fails(self) -> None:
        """A full disk, or one that fails, is named in one line, and nothing of the turn is kept."""
        for limit in range(3, 12):
            path = Path(self.mktemp())
            store = Store.open(path, FACTS, ROOM)
            store.commit(self.first, [turn(1)])
            pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
            store._connection.execute(f"PRAGMA max_page_count = {pages}")
            big = [record(f"n{n}", 1, signed(bytes([n]) * 9000)) for n in range(limit)]
            problem = self.assertRaises(StoreError, store.commit, big, [turn(2)])
            self.assertEqual(str(problem), "disk full")
            self.assertEqual(list(store.replay()), [Held("a", 1), Held("b", 1)])
            problem = self.assertRaises(StoreError, store.probe)
            self.assertEqual(str(problem), "disk full")
            store._connection.execute("PRAGMA max_page_count = 100000")
            store.probe()
            store.commit(big, [turn(2)])
            self.assertEqual(len(list(store.replay())), 2 + limit)
            store.close()

    def test_locked_by_another_program(self) -> None:
        """While another program writes, commit and probe fail in one line; later they work again."""
        path = Path(self.mktemp())
        store = Store.open(path, FACTS, ROOM)
        self.addCleanup(store.close)
        other = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        for call in (lambda: store.commit([record("a")], [turn(1)]), store.probe):
            problem = self.assertRaises(StoreError, call)
            self.assertIn("locked", str(problem))
        other.execute("ROLLBACK")
        store.probe()
        store.commit([record("a")], [turn(1)])

    def test_a_closed_journal_says_so(self) -> None:
        """Whatever is asked of a closed journal gives one typed error."""
        store = memory()
        store.close()
        for call in (
            lambda: store.commit([record("a")], [turn(1)]),
            store.probe,
            store.last_turn,
            store.turns,
            store.serialize,
            store.size,
            lambda: store.facts_about("x"),
            lambda: store.prune(0, 1, 1),
            lambda: list(store.export()),
        ):
            self.assertRaises(StoreError, call)
        self.assertIsNone(store.object(Hash(b"h" * 32)))
        store.close()

    def test_no_copy_in_the_midst_of_a_commit(self) -> None:
        """A copy of the disk holds what is committed, so it is refused inside a commit."""
        store = memory()
        refused: list[str] = []

        def copy(step: str) -> None:
            if step == "turn":
                problem = self.assertRaises(StoreError, store.serialize)
                refused.append(str(problem))

        store.before = copy
        store.commit([record("a")], [turn(1)])
        self.assertEqual(len(refused), 1)


keys = st.sampled_from(["a", "b", "c", "d/1", "d/2"])
bodies = st.binary(max_size=12)
kept = st.builds(
    lambda name, count, texts, ids: record(name, count, *map(signed, texts), about=tuple(ids)),
    keys,
    st.integers(0, 99),
    st.lists(bodies, max_size=3),
    st.lists(st.sampled_from(["x/1", "x/2", "y"]), max_size=2, unique=True),
)
gone = st.builds(
    lambda names: Record(Forget(tuple(f"held/{name}" for name in names))),
    st.lists(keys, max_size=3),
)
commits = st.lists(st.lists(kept | gone, max_size=6), max_size=6)


class Model:
    """What a journal is, said with two dicts."""

    def __init__(self) -> None:
        """Empty."""
        self.facts: dict[str, Fact] = {}
        self.objects: dict[str, set[Signed]] = {}

    def commit(self, records: Sequence[Record]) -> None:
        """Apply one after the other."""
        for item in records:
            if isinstance(item.fact, Forget):
                for key in item.fact.keys:
                    self.facts.pop(key, None)
                    self.objects.pop(key, None)
                continue
            self.facts.pop(item.fact.key, None)
            self.facts[item.fact.key] = item.fact
            if item.objects:
                self.objects[item.fact.key] = set(item.objects)


class ModelTests(SynchronousTestCase):
    """The journal equals its model, whatever was recorded."""

    @settings(max_examples=150, deadline=None)
    @given(commits, st.sets(st.integers(0, 5)))
    def test_any_history(self, history: list[list[Record]], failing: set[int]) -> None:
        """After any records, forgets and failed commits a copy reads as a plain dict would."""
        model = Model()
        store = memory()
        seen: set[Signed] = set()
        for number, records in enumerate(history):
            seen.update(item for record in records for item in record.objects)

            def fail(step: str, number: int = number) -> None:
                if step == "commit" and number in failing:
                    raise StoreError("disk full")

            store.before = fail
            try:
                store.commit(records, [turn(number + 1, *records)])
            except StoreError:
                continue
            model.commit(records)
        self.compare(memory(store.serialize()), model, seen)

    def compare(self, store: Store, model: Model, seen: set[Signed]) -> None:
        """Everything that can be asked."""
        self.assertEqual(list(store.replay()), list(model.facts.values()))
        owned = set().union(*model.objects.values())
        for item in seen:
            self.assertEqual(store.object(name_of(item)), item if item in owned else None)
        for name in ("x/1", "x/2", "y"):
            about = [fact for fact in model.facts.values() if name in fact.about]
            self.assertEqual([stored.fact for stored in store.facts_about(name)], about)
        self.assertEqual(store.damaged, 0)
        count = store._connection.execute("SELECT count(*) FROM facts_about").fetchone()[0]
        self.assertEqual(count, sum(len(fact.about) for fact in model.facts.values()))


class PruneTests(SynchronousTestCase):
    """Turn records are bounded by age and by bytes; what is gone is gone from the disk."""

    def test_by_age(self) -> None:
        """Records older than the days given go, the younger stay, facts are not touched."""
        day = 86_400_000
        store = memory()
        made = [turn(n, record("a", 0, about=("x/1",)), wall_ms=n * day) for n in range(1, 6)]
        store.commit([record("a")], made)
        self.assertEqual(store.prune(6 * day, 2.5, 10**9), 3)
        self.assertEqual([made.turn for made in store.turns()], [4, 5])
        self.assertEqual([made.turn for made in store.turns(about="x/1")], [4, 5])
        count = store._connection.execute("SELECT count(*) FROM turns_about").fetchone()[0]
        self.assertEqual(count, 2)
        self.assertEqual(len(list(store.replay())), 1)
        self.assertEqual(store.prune(6 * day, 2.5, 10**9), 0)

    def test_by_bytes(self) -> None:
        """The oldest go until the others fit the bytes given."""
        store = memory()
        store.commit([], [turn(n, causes=("x" * 1000,)) for n in range(1, 11)])
        store.prune(0, 1, 3500)
        self.assertEqual([made.turn for made in store.turns()], [8, 9, 10])
        store.prune(0, 1, 0)
        self.assertEqual(store.turns(), ())

    def test_by_steps(self) -> None:
        """However much is too much: one step is short, and the last one says so."""
        store = memory()
        store.commit([], [turn(n, causes=("x" * 100,)) for n in range(1, 2001)])
        dropped = [store.prune(0, 1, 0) for _ in range(12)]
        self.assertEqual(dropped, [200] * 10 + [0, 0])
        store.commit([], [turn(n, causes=("x" * 1_500_000,)) for n in range(1, 9)])
        self.assertEqual([store.prune(0, 1, 0) for _ in range(3)], [3, 3, 2])

    def test_bytes_are_counted_on(self) -> None:
        """The bytes of the records are right after commits, failed ones included, and prunes."""
        store = memory()
        for number in range(1, 40):
            if number % 7 == 0:
                store.before = self.broken
                self.assertRaises(StoreError, store.commit, [], [turn(number)])
                store.before = None
            store.commit([], [turn(number, causes=("x" * number * 10,))])
            store.prune(0, 1, 4000)
            rows = store._connection.execute("SELECT sum(length(body)) FROM turns").fetchone()
            self.assertLessEqual(rows[0], 4000)
            self.assertIn(store._turn_bytes, (None, rows[0]))
        self.assertGreater(store.turn_bytes_written, rows[0])

    def broken(self, step: str) -> None:
        """The disk fails at the end of a commit."""
        if step == "commit":
            raise sqlite3.OperationalError("disk I/O error")

    def test_space_is_given_back(self) -> None:
        """A file that was much too large becomes small again, by steps; little is left as it is."""
        path = Path(self.mktemp())
        store = Store.open(path, FACTS, ROOM)
        self.addCleanup(store.close)
        for first in range(1, 300, 10):
            store.commit([record(str(first))], [turn(first, causes=("x" * 80_000,))])
            made = [turn(first + n, causes=("x" * 80_000,)) for n in range(1, 10)]
            store.commit([], made)
        large = store.size()
        self.assertGreater(large, 20 * 2**20)
        steps = 0
        while store.prune(0, 1, 100_000):
            steps += 1
        self.assertGreater(steps, 15)
        self.assertLess(steps, 100, "a step gives back more than a page")
        self.assertLess(store.size(), large // 2)
        self.assertLess(path.stat().st_size, large // 2)
        self.assertEqual(len(list(store.replay())), 30)
        self.assertEqual([made.turn for made in store.turns()], [300])
        store.close()
        self.assertEqual(Store.open(path, FACTS, ROOM).set_aside, "")

    def test_deleted_content_leaves_the_disk(self) -> None:
        """After a forget and a prune neither the file nor its log holds a trace of the content."""
        path = Path(self.mktemp())
        store = Store.open(path, FACTS, ROOM)
        self.addCleanup(store.close)
        held = [record(f"canary-fact-{n}", n, signed(b"canary-object" * 40)) for n in range(50)]
        store.commit(held, [turn(1, causes=("canary-turn",), wall_ms=1)])
        store.commit([record("kept")], [turn(2, wall_ms=10**15)])
        self.assertIn(b"canary", self.bytes_of(path))
        keys = tuple(item.fact.key for item in held if isinstance(item.fact, Fact))
        store.commit([Record(Forget(keys))], [turn(3, wall_ms=10**15)])
        store.prune(10**15, 1, 10**9)
        for canary in (b"canary-object", b"canary-turn"):
            self.assertNotIn(canary, self.bytes_of(path))
        # Only the record of the forgetting still names the first keys.
        self.assertEqual(len(list(store.replay())), 1)

    def test_deleted_content_of_a_process_that_was_killed(self) -> None:
        """What it deleted and did not wipe is wiped by the first prune of the next one."""
        path = Path(self.mktemp())
        child = os.fork()
        if not child:
            with contextlib.suppress(Exception):
                store = Store.open(path, FACTS, ROOM)
                store.commit([record("a", 1, signed(b"canary-object" * 40))], [turn(1)])
                store.commit([Record(Forget(("held/a",)))], [turn(2)])
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        store = Store.open(path, FACTS, ROOM)
        self.addCleanup(store.close)
        self.assertEqual((list(store.replay()), store.erased), ([], True))
        self.assertIn(b"canary-object", self.bytes_of(path))
        store.prune(0, 1, 10**9)
        self.assertNotIn(b"canary-object", self.bytes_of(path))
        self.assertFalse(store.erased)

    def test_deleted_content_while_somebody_reads(self) -> None:
        """A reader, as a backup is, keeps it on the disk; it is wiped once he has gone."""
        path = Path(self.mktemp())
        store = Store.open(path, FACTS, ROOM)
        self.addCleanup(store.close)
        store.commit([record("a", 1, signed(b"canary-object" * 40))], [turn(1)])
        with contextlib.closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM facts").fetchone()
            store.commit([Record(Forget(("held/a",)))], [turn(2)])
            self.assertEqual(store.prune(0, 1, 10**9), 0)
            self.assertIn(b"canary-object", self.bytes_of(path))
            self.assertTrue(store.erased)
        store.prune(0, 1, 10**9)
        self.assertNotIn(b"canary-object", self.bytes_of(path))
        self.assertFalse(store.erased)

    def test_replaced_objects_leave_the_disk(self) -> None:
        """Objects that others took the place of are wiped by the next prune as well."""
        path = Path(self.mktemp())
        store = Store.open(path, FACTS, ROOM)
        self.addCleanup(store.close)
        store.commit([record("a", 1, signed(b"canary-object" * 40))], [turn(1)])
        store.commit([record("a", 1, signed(b"other"))], [turn(2)])
        store.prune(0, 1, 10**9)
        self.assertNotIn(b"canary-object", self.bytes_of(path))

    def bytes_of(self, path: Path) -> bytes:
        """The file and its log."""
        return b"".join(part.read_bytes() for part in path.parent.glob(path.name + "*"))

    def test_size(self) -> None:
        """The size counts the file and its log, and in memory the pages."""
        path = Path(self.mktemp())
        store = Store.open(path, FACTS, ROOM)
        self.addCleanup(store.close)
        store.commit([record("a", 1, signed(b"x" * 50_000))], [turn(1)])
        self.assertEqual(store.size(), len(self.bytes_of(path)) - self.size_of_shm(path))
        self.assertGreater(store.size(), 50_000)
        inside = memory(store.serialize())
        self.assertGreater(inside.size(), 50_000)

    def size_of_shm(self, path: Path) -> int:
        """The index of the log, which is not content."""
        return path.with_name(path.name + "-shm").stat().st_size

    def test_long_life_is_bounded(self) -> None:
        """Replacing and forgetting for long does not make the journal grow."""
        store = memory()
        sizes = []
        for number in range(1, 600):
            fresh = record(f"m/{number}", 1, signed(b"%d" % number * 20), about=(f"x/{number}",))
            old = Record(Forget((f"held/m/{number - 20}",)))
            store.commit(
                [fresh, record("same", number, about=(f"x/{number}",)), old], [turn(number)]
            )
            store.prune(0, 1, 4000)
            sizes.append(store.size())
        self.assertEqual(max(sizes[100:]), max(sizes))
        self.assertLess(sizes[-1], 1.3 * sizes[100])


class ReasonTests(SynchronousTestCase):
    """Every failure of the disk is one line for people."""

    def test_reasons(self) -> None:
        """Known failures have words of their own, unknown ones what SQLite says, in one line."""
        problem = sqlite3.OperationalError("odd\nthing")
        self.assertEqual(reason(problem), "the journal failed: odd thing")
        problem.sqlite_errorname = "SQLITE_IOERR_WRITE"
        self.assertEqual(reason(problem), "disk error")

    def test_a_text_that_is_none(self) -> None:
        """Bytes where a text should be are damage, and are not repeated in the reason."""
        connection = sqlite3.connect(":memory:")
        with self.assertRaises(sqlite3.OperationalError) as raised:
            connection.execute("SELECT CAST(x'ff61' AS TEXT)").fetchone()
        self.assertEqual(reason(raised.exception), DAMAGE)

    def test_no_connection_is_a_home_error(self) -> None:
        """If SQLite cannot open at all, that is said in one line."""

        def cannot(*args: object, **kwargs: object) -> None:
            raise sqlite3.OperationalError("unable to open")

        self.patch(sqlite3, "connect", cannot)
        self.assertRaises(HomeError, Store.open, ":memory:", FACTS, ROOM)
