"""What a node keeps and forgets is held against its settings, read from the disk."""

from __future__ import annotations

from collections import Counter
from random import Random
from unittest import mock

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, Kind, MemberId, MessageId, Stream
from securechat.messaging.statements import Envelope, Opening, Start
from securechat.objects import Purpose, Signed
from securechat.settings import Settings
from securechat.simulation.faults import Fault, Trouble
from securechat.simulation.knobs import ages, narrow
from securechat.simulation.observed import Kept, Shown, View
from securechat.simulation.people import authority, person
from securechat.simulation.retained import LOOKS, Retained
from securechat.simulation.witness import Witness
from securechat.simulation.world import World
from securechat.wire import pack
from tests.simulation.planted_keeping import BUGS

ADA, BOB, CAROL = (person(index).signer.member for index in range(3))
BOOT = BootId("0" * 32)
UNANSWERED = 1000
"""A number of a post of which nobody was told that it is accepted."""
SHORT = evolve(Settings(), history_posts=3)
BRIEF = evolve(Settings(), history_days=30 / 86_400, nonce_hours=30 / 3600)


class Site:
    """A node."""

    member = CAROL

    def __init__(self, name: str = "carol", settings: Settings = SHORT) -> None:
        self.name, self.settings = name, settings

    def on_disk(self, name: Hash) -> Signed | None:
        """Nothing."""
        return None


def post(author: MemberId, seq: int, size: int = 100, posts: int = 1) -> Signed:
    """An envelope, as it lies on a disk."""
    opening = Opening(Start.FIRST) if seq == 1 else None
    before = b"" if seq == 1 else bytes(32)
    header = Envelope(author, 1, BOOT, seq, posts, before, seq << 16, bytes(32), opening)
    return Signed(Purpose.ENVELOPE, pack(header), bytes(64), bytes(size))


def letter(seq: int, state: str | None) -> Shown:
    """A direct message of carol's, or to her."""
    id = MessageId(Stream(CAROL if state else ADA, 1, BOOT), seq, Kind.DIRECT)
    return Shown(id, f"letter {seq}", ADA, state, None)


class RetainedTests(SynchronousTestCase):
    """One disk, commit by commit and look by look."""

    def setUp(self) -> None:
        self.broken: list[tuple[str, str]] = []
        self.now = 100.0
        self.site, self.marks = Site(), Counter[str]()

        def report(rule: str, node: str, text: str) -> None:
            self.broken.append((rule, text))

        self.judge = Retained(
            Witness(authority().room, report, lambda: self.now),
            report,
            lambda: self.now,
            # Each post was said in the second of its number.
            lambda id: float(id.seq) if id.seq < UNANSWERED else None,
            self.marks,
        )

    def commits(self, *disks: list[Signed], settings: Settings = SHORT) -> list[str]:
        """The rules that these disks break, one commit after the other."""
        self.broken.clear()
        for disk in disks:
            self.judge.committed(self.site, disk, settings)
        return [rule for rule, _ in self.broken]

    def test_sound(self) -> None:
        """The oldest of the author of whom there is most goes for what comes: nothing is broken."""
        ada, bob = [post(ADA, seq) for seq in (1, 2, 3)], post(BOB, 1)
        self.assertEqual(self.commits([ada[0]], ada, [*ada[1:], bob]), [])

    def test_too_many(self) -> None:
        """A commit that leaves more posts or bytes than may be kept is told, unless we said them."""
        ada = [post(ADA, seq) for seq in range(1, 5)]
        self.assertEqual(self.commits([], ada), ["I10"])
        large = [post(BOB, 1, 5000), post(BOB, 2, 5000)]
        self.judge.disk_changed(self.site)
        self.assertEqual(self.commits([], large, settings=Settings(history_bytes=6000)), ["I10"])
        self.judge.disk_changed(self.site)
        self.assertEqual(self.commits([], [post(CAROL, seq) for seq in range(1, 6)]), [])

    def test_needless(self) -> None:
        """What is forgotten although there is room for it is told."""
        ada = [post(ADA, seq) for seq in (1, 2, 3)]
        self.assertEqual(self.commits(ada, ada[1:]), ["G2"])
        self.assertIn("were not too much", self.broken[0][1])

    def test_unfair(self) -> None:
        """A small author whose post goes while a flooder has more is told, and not the other way."""
        bob, ada = post(BOB, 1), [post(ADA, seq) for seq in (1, 2, 3)]
        self.assertEqual(self.commits([bob, *ada[:2]], ada), ["G2"])
        self.assertIn("it held", self.broken[0][1])
        self.judge.disk_changed(self.site)
        self.assertEqual(self.commits([bob, *ada[:2]], [bob, *ada[1:]]), [])

    def test_came_and_went(self) -> None:
        """Of a flood what came and went in one commit counts: its author had most."""
        bob, flood = post(BOB, 1, 300), [post(ADA, seq, 1000) for seq in (1, 2, 3, 4)]
        # Somebody else has had them all.
        self.judge.committed(Site("bob"), flood, Settings())
        first = post(ADA, 1, 1000)
        self.assertEqual(self.commits([first, bob, post(BOB, 2)], [bob, post(BOB, 2)]), ["G2"])
        self.judge.disk_changed(self.site)
        # Above what it had of ada, two larger ones came and went.
        self.assertEqual(self.commits([first, bob], [bob, flood[3], post(BOB, 2)]), [])

    def lacks(self, *disks: list[Signed], settings: Settings = SHORT) -> str:
        """What is said of carol, who had these disks one after the other; bob has two posts more."""
        bob, carol = Site("bob"), Site(settings=settings)
        self.judge.disk_changed(carol)
        every = [post(ADA, 60), post(ADA, 90), *(one for disk in disks for one in disk)]
        self.judge.committed(bob, every, Settings())
        for disk in disks:
            self.judge.committed(carol, disk, settings)
        return self.judge.lacking([bob, carol])

    def test_lacking(self) -> None:
        """Who never had to forget anything has what others keep, but for what is too old."""
        both = [post(ADA, 60), post(ADA, 90)]
        self.assertRegex(self.lacks(), r"carol forgot nothing of its author and lacks .* [69]0$")
        self.assertRegex(self.lacks(both[:1]), r"carol .* 90$")
        self.assertEqual(self.lacks(both), "")
        self.assertRegex(self.lacks(both[1:], settings=Settings()), " 60$")
        self.assertEqual(self.lacks(both[1:], settings=BRIEF), "")

    def test_unanswered(self) -> None:
        """Nobody must have what its author never was told to be accepted."""
        self.assertEqual(self.lacks([post(ADA, 60), post(ADA, 90)]), "")
        self.judge.committed(Site("bob"), [post(ADA, UNANSWERED)], Settings())
        self.assertEqual(self.judge.lacking([Site("bob"), Site()]), "")

    def test_forgot(self) -> None:
        """Who forgot something of an author may lack more of him from then on, and of nobody else."""
        self.assertEqual(self.lacks([post(ADA, 1)], []), "")
        self.assertEqual(self.lacks(), "")
        self.assertRegex(self.lacks([post(BOB, 1)]), "^carol|^$")
        self.judge.committed(Site("bob"), [post(BOB, 2)], Settings())
        self.assertRegex(self.judge.lacking([Site("bob"), Site()]), "carol .* 2$")

    def test_full(self) -> None:
        """Who could not take one envelope more may have forgotten of him of whom there is most."""
        room = [post(BOB, seq) for seq in (2, 3)]
        self.assertIn("carol", self.lacks(room))
        self.assertEqual(self.lacks([*room, post(CAROL, 3)]), "", "bob has no more than ada")
        self.setUp()
        flood = [post(BOB, seq, 1000) for seq in (1, 2, 3)]
        self.assertIn("carol", self.lacks(flood), "bob is who loses first")

    def test_nearly_full(self) -> None:
        """What counts is the largest envelope anybody knows of, in posts and in bytes."""
        own = post(CAROL, 1, 900)
        self.assertIn("carol", self.lacks([own, post(CAROL, 2)]))
        self.assertEqual(self.lacks([own, post(BOB, 80, posts=2)]), "")
        for spare, lacks in ((0, "carol"), (-1, "^$")):
            self.setUp()
            self.judge.committed(Site("bob"), [own, post(ADA, 60)], Settings())
            narrow = evolve(Settings(), history_bytes=2 * own.size + spare)
            self.judge.committed(Site(), [own], narrow)
            self.assertRegex(self.judge.lacking([Site("bob"), Site()]), lacks)

    def test_age(self) -> None:
        """What is too old may go, and is marked; what is not may not."""
        ada = [post(ADA, seq) for seq in (1, 69, 71)]
        self.assertEqual(self.commits(ada, ada[1:], [ada[2]], settings=BRIEF), [])
        self.assertEqual(self.marks["a post was forgotten by age"], 2)
        self.assertEqual(self.commits(ada, [ada[0], ada[1]], settings=BRIEF), ["G2"])

    def test_too_old(self) -> None:
        """What is too old is gone some time after a process has looked, from its author's oldest on."""
        old = [post(ADA, 55), post(BOB, 90), post(BOB, 91)]
        self.commits(old, settings=BRIEF)
        self.judge.aged(self.site, Kept({}, 0), 70.0, BRIEF)
        self.assertEqual(self.broken, [], "it came since then")
        self.now = 87.0
        self.judge.disk_changed(self.site)
        self.commits(old, settings=BRIEF)
        self.now = 100.0
        for age, rules in ((59.0, []), (61.0, []), (70.0, ["G2"]), (119.0, [])):
            self.broken.clear()
            self.judge.aged(self.site, Kept({}, 0), age, BRIEF)
            self.assertEqual([rule for rule, _ in self.broken], rules, age)
        for age, rules in ((43.0, ["G2"]), (41.0, [])):
            self.commits([])
            self.broken.clear()
            self.judge.aged(self.site, Kept({}, 0, nonce_age=age), 70.0, BRIEF)
            self.assertEqual([rule for rule, _ in self.broken], rules, age)

    def looks(self, times: int, *letters: Shown, **kept: int) -> list[str]:
        """What is broken by that many looks at letters and rows."""
        self.broken.clear()
        self.judge.disk_changed(self.site)
        view = View((), "", letters)
        for _ in range(times):
            self.judge.looked(self.site, view, Kept(kept, 0), SHORT)
        return [text for _, text in self.broken]

    def test_letters(self) -> None:
        """Letters above the limit are told after some looks, if they do not wait."""
        acked = [letter(seq, "acked") for seq in range(1, 6)]
        self.assertEqual(self.looks(LOOKS - 1, *acked), [])
        self.assertIn("5 direct messages of 3", self.looks(LOOKS, *acked)[0])
        waiting = [letter(seq, "unknown") for seq in range(1, 6)]
        self.assertEqual(self.looks(LOOKS, *waiting), [])
        theirs = [letter(seq, None) for seq in range(1, 6)]
        self.assertIn("5 direct messages of 3", self.looks(LOOKS, *theirs)[0])

    def test_rows(self) -> None:
        """What is written down about texts goes with them."""
        self.assertEqual(self.looks(LOOKS, held=2, audience=2), [])
        self.assertIn("3 audiences of 2", self.looks(LOOKS, held=2, audience=3)[0])
        self.assertIn("facts of floor", self.looks(LOOKS, floor=100)[0])

    def test_nonces(self) -> None:
        """A nonce that is not there any more is marked."""
        for count in (4, 5, 2):
            self.judge.looked(self.site, View((), "", ()), Kept({"nonce": count}, 0), SHORT)
        self.assertEqual(self.marks["a nonce was forgotten"], 3)


class WorldTests(SynchronousTestCase):
    """Whole worlds."""

    def test_waiting(self) -> None:
        """Letters that wait are never forgotten, however few may be kept: planted, and caught."""
        (bug,) = (bug for bug in BUGS if bug.name == "letters that wait are forgotten")
        few = evolve(Settings(), history_posts=4)
        worlds = [World(19, 4, 60.0, settings=few, prunes=True) for _ in range(2)]
        sound = worlds[0].run()
        self.assertEqual(sound.violations, ())
        self.assertGreater(sound.marks["direct messages were pruned"], 0)
        with bug.plant():
            self.assertIn("I9", [one.rule for one in worlds[1].run().violations])


class KnobTests(SynchronousTestCase):
    """Limits that are smaller in some worlds."""

    def test_ages(self) -> None:
        """Where a clock goes wrong nothing is kept for seconds only; elsewhere sometimes."""
        clock = Fault(1.0, Trouble.CLOCK, 0, 1, 0.0, 0.5)
        marks: Counter[str] = Counter()
        for seed in range(40):
            rng = Random(seed)
            self.assertEqual(ages(rng, Settings(), [clock], marks), Settings())
        self.assertEqual(marks, {})
        found = {ages(Random(seed), Settings(), [], marks) for seed in range(40)}
        self.assertGreater(len(found), 5)
        self.assertIn(Settings(), found)
        self.assertGreater(marks["a world of short ages"], 5)

    def test_narrow(self) -> None:
        """In a part of the worlds of short histories so little is kept that letters go."""
        rng = mock.Mock(random=lambda: 0.0, randint=lambda low, high: low)
        found = narrow(rng, evolve(Settings(), history_posts=40), Counter())
        self.assertLess(found.history_posts, 10)
        self.assertLess(found.history_bytes, Settings().history_bytes)
