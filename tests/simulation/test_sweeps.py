"""
A process may die at any step and any call of its store may fail: nothing that was promised is broken.

Here are the places of some stories, a few of each; all places of all stories are in ``long_sweeps``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Answer
from securechat.journal.store import Store, StoreError
from securechat.messaging.recovery import Recovery
from securechat.node.turn import Turn
from securechat.simulation import run, sweeps
from securechat.simulation.host import Host
from securechat.simulation.ill import Ill
from securechat.simulation.stories import STORIES, TOGETHER
from securechat.simulation.sweeps import (
    COMPARED,
    CRASH,
    DOWN,
    STEADY,
    STORE,
    STRUCK,
    Crash,
    Place,
    perform,
    places,
)
from securechat.simulation.world import SETTLE
from tests.simulation.planting import early

SEED = 3
STORY = {story.name: story for story in STORIES}
FEW = {
    CRASH: {"first words": 67, "letters": 97},
    STORE: {"first words": 97, "an old disk": 173},
}
"""Every so-manieth place; primes, so that all kinds of step are among them."""


class SweepTests(SynchronousTestCase):
    """Some places of some stories."""

    def swept(self, what: str) -> Counter[str]:
        """Nothing is broken at any; what they went through."""
        marks: Counter[str] = Counter()
        for story, every in FEW[what].items():
            for place in places(STORY[story], SEED, what)[::every]:
                found = perform(place)
                self.assertEqual([str(one) for one in found.violations], [], str(found.place))
                marks.update(found.marks)
        return marks

    def test_crash(self) -> None:
        """A process that dies at a step takes nothing with it that was accepted, acked or shown."""
        struck = {mark for mark in self.swept(CRASH) if mark.startswith(STRUCK)}
        self.assertGreaterEqual(len(struck), 5)

    def test_store(self) -> None:
        """A store call that fails costs nothing: the node says so, or ends, and records again."""
        marks = self.swept(STORE)
        for ill in set(Ill) - {Ill.LATE}:
            self.assertGreater(marks[f"a store call failed: {ill.value}"], 0, ill)
        self.assertGreater(marks["a node ended itself"], 0)

    def test_stories(self) -> None:
        """Each story is sound where nothing befalls it, and is about another part of a node's life."""
        self.assertEqual(len(STORY), len(STORIES))
        for story in STORIES:
            world = sweeps.played(Place(story.name, SEED, CRASH, 0))
            self.assertEqual([str(one) for one in world.violations], [], story.name)
            self.assertGreater(world.places, 1000, story.name)
        self.assertIn("a gap: closed", world.marks)


class PlaceTests(SynchronousTestCase):
    """What the places of a story are."""

    def test_crash(self) -> None:
        """Every call, every statement, after commits, every write; at its place a process dies once."""
        world = sweeps.played(Place("first words", SEED, CRASH, 0))
        steps = {step.split()[-1] for step in world.seen[: world.places]}
        wanted = {"call", "committed", "write", "PRAGMA", "CREATE", "SELECT", "BEGIN", "COMMIT"}
        self.assertEqual(steps, wanted | {"INSERT", "UPDATE", "DELETE"})
        at = world.seen.index("node2 COMMIT") + 1
        marks = perform(Place("first words", SEED, CRASH, at)).marks
        self.assertEqual([mark for mark in marks if "killed" in mark], ["killed at: COMMIT"])

    def test_back(self) -> None:
        """Who was killed runs again after a while, and not only when all is mended."""
        seen = sweeps.played(Place("first words", SEED, CRASH, 0)).seen
        early = seen.index("node2 COMMIT") + 1
        for at in range(early, early + len(DOWN)):
            died, back = self.lives(Place("first words", SEED, CRASH, at))
            if DOWN[at % len(DOWN)] < TOGETHER:
                self.assertIn(died[0] + DOWN[at % len(DOWN)], back)

    def lives(self, place: Place) -> tuple[list[float], list[float]]:
        """When processes were killed, and when any were started."""
        died: list[float] = []
        back: list[float] = []
        true_died, true_revive = Crash.died, Crash.revive

        def dies(self: Crash, host: Host) -> None:
            died.append(self.now)
            true_died(self, host)

        def revives(self: Crash, host: Host) -> None:
            back.append(self.now)
            true_revive(self, host)

        with mock.patch.multiple(Crash, died=dies, revive=revives):
            perform(place)
        return died, back

    def test_opening(self) -> None:
        """Who is killed while it opens a new journal leaves there what it has committed."""
        world = sweeps.played(Place("first words", SEED, CRASH, 0))
        first = world.seen.index("node1 COMMIT") + 1
        disks: list[bytes] = []
        true_died = Crash.died

        def died(self: Crash, host: Host) -> None:
            true_died(self, host)
            disks.append(host.disk)

        with mock.patch.object(Crash, "died", died):
            found = [perform(Place("first words", SEED, CRASH, at)) for at in (first, first + 1)]
        self.assertEqual([one.violations for one in found], [(), ()])
        self.assertEqual([b"CREATE TABLE" in disk for disk in disks], [False, True])

    def test_store(self) -> None:
        """Every statement of an open, a commit and a probe, in each way in which it can fail."""
        found = places(STORY["first words"], SEED, STORE)
        everywhere = set(range(1, found[-1].at + 1))
        for ill in (Ill.FULL, Ill.ERROR, Ill.FAILING, Ill.LOCKED, Ill.CORRUPT):
            self.assertEqual({place.at for place in found if place.ill is ill}, everywhere, ill)
        self.assertEqual({place.ill for place in found}, set(Ill))
        seen = sweeps.played(Place("first words", SEED, STORE, 0)).seen
        rotten = {seen[place.at - 1].split()[-1] for place in found if place.ill is Ill.ROTTEN}
        self.assertEqual(rotten, {"INSERT", "UPDATE", "DELETE", "CREATE", "COMMIT"})

    def test_late(self) -> None:
        """A commit that is told as failed and is on disk all the same is not lost and not doubled."""
        late = [place for place in places(STORY["letters"], SEED, STORE) if place.ill is Ill.LATE]
        self.assertGreater(len(late), 30)
        for place in late[::5]:
            self.assertEqual([str(one) for one in perform(place).violations], [], str(place))

    def test_told(self) -> None:
        """A failure is told with its story, its place and the first thing that broke."""
        lines: list[str] = []
        self.patch(run, "quiet_log", lambda: None)
        self.patch(run, "spread", map)
        self.patch(sweeps.Failing, "_must_say", _broken)
        status = sweeps.sweep(STORE, SEED, lines.append, 211, ["letters"])
        self.assertEqual(status, 1)
        self.assertRegex(
            "\n".join(lines), r"  letters, seed 3, store \d+, .*: R8 at .* it is broken"
        )
        self.assertRegex(lines[-1], r"^\d+ places, [1-9]\d* failed$")


def _broken(self: Any, host: Any, starts: int) -> None:
    self.checker.report("R8", host.name, "it is broken")


class FinishTests(SynchronousTestCase):
    """When a world of a sweep is over."""

    def finished(self, *differences: str) -> Crash:
        """A world in which these are seen one after the other, the last one for ever."""
        world = Crash(SEED, 3, place=Place("first words", SEED, CRASH, 0))
        left = list(differences)

        def compared(fresh: bool) -> str:
            return left.pop(0) if left[1:] else left[0]

        with mock.patch.object(Crash, "_compared", side_effect=compared):
            world.finish()
        return world

    def test_late(self) -> None:
        """Who was linked late is waited for: all must have been equal for a while."""
        world = self.finished("", "who came back is told", "and again", "")
        self.assertEqual(world.now, 3 * COMPARED + STEADY)
        self.assertEqual(world.violations, [])

    def test_never(self) -> None:
        """What never becomes equal is told when the time to settle is over."""
        world = self.finished("", "two differ")
        self.assertEqual(world.now, SETTLE)
        self.assertIn("two differ", str(world.violations[0]))


class PlantedTests(SynchronousTestCase):
    """A sweep sees what it is for."""

    def rules(self, bug: AbstractContextManager[object], found: Sequence[Place]) -> set[str]:
        """The promises that are broken with a bug."""
        with bug:
            return {one.rule for place in found for one in perform(place).violations}

    def test_answered_early(self) -> None:
        """A post that is answered before it is on disk is gone after a crash in between."""
        world = sweeps.played(Place("first words", SEED, CRASH, 0))
        begins = [at for at, step in enumerate(world.seen, 1) if step == "node3 BEGIN"]
        bug = early(lambda effect: isinstance(effect, Answer))
        found = [Place("first words", SEED, CRASH, at) for at in begins]
        self.assertIn("I9", self.rules(bug, found))

    def test_never_mended(self) -> None:
        """Where histories are short, who asks for nothing that it missed is not taken for equal."""
        bug = mock.patch.object(Recovery, "_missing", return_value=[])
        self.assertEqual(self.rules(bug, [Place("short histories", SEED, CRASH, 0)]), {"L"})

    def test_damage_ignored(self) -> None:
        """A node that goes on with a journal to which no fact can be added any more is seen."""
        bug = mock.patch.object(Turn, "damaged")
        ill = Ill.ROTTEN
        found = [place for place in places(STORY["letters"], SEED, STORE) if place.ill is ill]
        self.assertIn("R8", self.rules(bug, found[160::60]))

    def test_never_resumed(self) -> None:
        """A node that never finds out that its disk is well is seen at the end of a story too."""
        bug = mock.patch.object(Turn, "_probe")
        full = [p for p in places(STORY["first words"], SEED, STORE) if p.ill is Ill.FULL]
        for place in full[-80::4]:
            self.assertIn("R8", self.rules(bug, [place]), str(place))

    def test_failure_ignored(self) -> None:
        """A commit that fails and is taken for done is seen at once."""
        true_commit = Store.commit

        def commit(self: Any, records: Any, turns: Any) -> None:
            try:
                true_commit(self, records, turns)
            except StoreError:
                return

        bug = mock.patch.object(Store, "commit", commit)
        found = [place for place in places(STORY["letters"], SEED, STORE) if place.ill is Ill.FULL]
        self.assertIn("R8", self.rules(bug, found[::40]))
