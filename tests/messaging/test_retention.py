"""What is forgotten, and that recovery does not bring it back."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Effect, Forget, Record
from securechat.ids import BootId, Hash, Stream
from securechat.inputs import Asked, Received, Say, Tick
from securechat.messaging.facts import Floor, ReceiptGiven
from securechat.messaging.held import Held, StreamState
from securechat.messaging.messages import Frontiers, Posts
from securechat.notices import Delivery
from securechat.objects import Signed
from securechat.settings import Settings
from tests.messaging.room import Member, Room, admit, three
from tests.messaging.test_taking import post, row

DAY = 86_400.0
FEW = Settings(history_posts=10, posts_per_second=10_000, burst=10_000)


def floors(member: Member) -> dict[str, int]:
    """The floors of a member, by author."""
    found = member.disk.facts.values()
    return {fact.author: fact.seq for fact in found if isinstance(fact, Floor)}


def talk(settings: Settings) -> tuple[Room, Member, Member, Member]:
    """Three members with these settings, all linked."""
    room = Room()
    members = [room.member(number, settings=settings) for number in (1, 2, 3)]
    room.roster()
    room.mesh()
    room.run()
    return room, members[0], members[1], members[2]


class Retention(SynchronousTestCase):
    """Count, bytes, age."""

    def test_count(self) -> None:
        """Above the count the oldest of who holds most go, with their objects, on every node alike."""
        room, ada, bob, carol = talk(FEW)
        bob.say("bob's only word")
        for number in range(30):
            ada.say(str(number))
        room.wait(2)
        self.assertEqual(len(ada.texts()), 10)
        self.assertIn("bob's only word", ada.texts())
        self.assertEqual(floors(ada), {ada.id: 21})
        self.assertEqual({ada.digest, bob.digest}, {carol.digest})
        self.assertEqual(sum(key.startswith("held/") for key in ada.disk.facts), 10)
        self.assertEqual(
            len(ada.core.rebuilt().streams()) if hasattr(ada.core, "rebuilt") else 2, 2
        )
        self.assertEqual(ada.gaps(), [])

    def test_comes_to_rest(self) -> None:
        """What one forgot and another kept is neither wanted nor sent again."""
        room = Room()
        ada, bob = room.member(1), room.member(2, settings=FEW)
        room.roster()
        room.mesh()
        for number in range(30):
            ada.say(str(number))
            room.wait(0.1)
        room.wait(5)
        for member in (ada, bob):
            member.sent.clear()
        room.wait(100, 0.25)
        kinds = {type(send.message).__name__ for m in (ada, bob) for send in m.sent}
        self.assertEqual(kinds, {"Digest"})
        self.assertEqual(ada.digest, bob.digest)
        self.assertEqual((len(ada.texts()), len(bob.texts()), bob.gaps()), (30, 10, []))
        self.assertEqual(ada.lines()[0].acked, 1)
        there = {(line.here, line.there) for line in ada.core.diff(bob.id)}
        self.assertEqual(there, {("stored", "pruned")})

    def test_flooder_evicts_itself(self) -> None:
        """Bytes count: who said much loses first."""
        room, ada, bob, carol = talk(Settings(history_bytes=60_000, burst=1000))
        for number in range(10):
            bob.say(f"short {number}")
        for _ in range(20):
            ada.say("x" * 8000)
        room.wait(1)
        self.assertEqual(len([line for line in carol.lines() if line.author == bob.id]), 10)
        self.assertLess(carol.core.snapshot(room.now).bytes, 60_001)

    def test_restarted_author(self) -> None:
        """A floor covers the author's older streams wholly; their facts go; numbering goes on."""
        room, ada, bob, _ = talk(FEW)
        for life in range(1, 6):
            for number in range(4):
                ada.say(f"{life}/{number}")
            room.wait(1)
            room.cut(ada, bob)
            ada.restart()
            room.seat(ada, *room.members.values())
            room.link(ada, bob)
        room.wait(3)
        self.assertLessEqual(len(ada.texts()), 10)
        floor = next(fact for fact in ada.disk.facts.values() if isinstance(fact, Floor))
        older = [
            key for key, fact in ada.disk.facts.items()
            if getattr(fact, "author", None) == ada.id and getattr(fact, "epoch", 99) < floor.epoch
            and not key.startswith("floor/")
        ]  # fmt: skip
        self.assertEqual(older, [])
        self.assertEqual(
            [line.stream.epoch >= floor.epoch for line in ada.core.streams()], [True] * 3
        )
        self.assertLessEqual(sum(key.startswith("audience/") for key in ada.disk.facts), 1)
        again = Room().member(1, disk=ada.disk, settings=FEW)
        self.assertEqual(again.core.streams(), ada.core.streams())
        self.assertEqual(again.texts(), ada.texts())

    def test_everything_of_a_stream(self) -> None:
        """A stream whose every post was pruned goes on with the next number and its hash."""
        room, ada, bob, carol = talk(Settings(history_days=1))
        ada.say("old")
        room.wait(1)
        room.wait(DAY + 120, 60)
        room.wait(2)
        self.assertEqual([m.texts() for m in (ada, bob, carol)], [[], [], []])
        ada.restart(epoch=1, boot=ada.boot)
        room.seat(ada, *room.members.values())
        self.assertEqual(ada.say("new").id.seq, 2)

    def test_age(self) -> None:
        """After its days a post goes, also one that was recovered late; its floor keeps it away."""
        room, ada, bob, carol = talk(Settings(history_days=2))
        room.cut(ada, carol)
        room.cut(bob, carol)
        ada.say("old")
        room.wait(1.5 * DAY, 600)
        ada.say("young")
        room.wait(1)
        room.wait(0.6 * DAY, 600)
        room.wait(2)
        self.assertEqual(ada.texts(), ["young"])
        room.link(ada, carol)
        room.wait(3)
        self.assertEqual(carol.texts(), ["[1-1]", "young"])
        self.assertEqual([a.answer for a in carol.core.gaps(room.now)[0].asked], ["pruned"])

    def test_much_that_is_too_old(self) -> None:
        """It goes in bites, one a turn, until nothing is: posts, direct messages, nonces."""
        room, ada, bob, _ = talk(Settings(history_days=1, burst=5000, outbox_messages=5000))
        for number in range(400):
            ada.say(f"post {number}", f"nonce {number}")
            ada.tell(bob, f"letter {number}")
        room.wait(DAY - 60, 60)
        self.assertEqual((len(ada.lines()), len(bob.lines())), (800, 800))
        room.wait(60, 1)
        book, left = ada.core.parts.book, [(800, 800, 400)]
        while left[-1] == left[0]:
            room.wait(1, 0.25)
            left.append((len(ada.lines()), len(bob.lines()), len(book.nonces)))
        room.wait(3, 0.25)
        # Her last letter stays, for its number.
        self.assertEqual((len(ada.lines()), len(bob.lines()), len(book.nonces)), (1, 0, 0), left)

    def test_clock_jump(self) -> None:
        """A wall clock that jumps a year ahead empties no history; an hour later ages count again."""
        room, ada, _, _ = talk(Settings(history_days=2))
        ada.say("precious")
        room.wait(120, 1)
        room.wall_ms += 365 * 86_400_000
        room.wait(3000, 5)
        self.assertEqual(ada.texts(), ["precious"])
        self.assertEqual(ada.core.parts.book.counters["clock_jumps"], 1)
        room.wait(1200, 5)
        self.assertEqual(ada.texts(), [])

    def test_lowered_limit(self) -> None:
        """However much a lowered limit leaves over, one turn takes a bounded bite, the next goes on."""
        room = Room()
        ada = room.member(1, settings=Settings(burst=5000))
        room.roster()
        for number in range(600):
            ada.say(str(number))
        ada.settings = Settings(history_posts=10, burst=5000)
        ada.restart()
        self.assertEqual(len(ada.lines()), 600)
        room.seat(ada, ada)
        self.assertEqual(len(ada.lines()), 600 - 256)
        room.wait(0.2)
        self.assertEqual(len(ada.lines()), 10)
        for number in range(600, 1000):
            ada.say(str(number))
            self.assertEqual(len(ada.lines()), 10)
        self.assertEqual(ada.texts(), [str(number) for number in range(990, 1000)])


class Digests(SynchronousTestCase):
    """What retention took differs between nodes; people who compare are told of nothing by that."""

    def full(self, seed: int) -> tuple[Room, list[Member]]:
        """Three whose histories are full, of which one was away while all went on talking."""
        rng = random.Random(seed)
        room, *members = talk(Settings(posts_per_second=1e5, burst=1e5, history_posts=60))
        ada, bob, carol = members

        def chat(who: list[Member], posts: int) -> None:
            for _ in range(posts):
                rng.choice(who).say("x" * rng.choice((1, 5, 50, 400, 2000)))
                room.tick(0.1)

        chat(members, 200)
        for other in (ada, bob):
            room.cut(carol, other)
        chat([ada, bob], rng.randint(5, 80))
        chat([carol], rng.randint(0, 30))
        for other in (ada, bob):
            room.link(carol, other)
        room.wait(90, 0.25)
        return room, members

    def test_after_a_partition(self) -> None:
        """They agree again after the heal, though each has a floor of its own; and it is quiet."""
        for seed in range(1, 5):
            room, members = self.full(seed)
            self.assertGreater(len({str(sorted(floors(m).items())) for m in members}), 1)
            self.assertEqual(len({m.digest for m in members}), 1)
            for member in members:
                member.sent.clear()
            room.wait(60, 0.25)
            told = {type(x.message).__name__ for m in members for x in m.sent}
            self.assertEqual(told, {"Digest"})

    def test_wholly_pruned(self) -> None:
        """What one keeps of a stream that another forgot wholly makes a digest, but no frontiers."""
        room = Room()
        ada, bob = room.member(1), room.member(2, settings=FEW)
        room.roster()
        room.mesh()
        ada.say_all(str(number) for number in range(8))
        room.wait(1)
        ada.restart()
        room.seat(ada, ada, bob)
        room.mesh()
        for number in range(20):
            ada.say(f"again {number}")
        room.wait(40, 0.25)
        self.assertEqual((len(ada.texts()), len(bob.texts())), (28, 10))
        for member in (ada, bob):
            member.sent.clear()
        room.wait(120, 0.25)
        told = {type(x.message).__name__ for m in (ada, bob) for x in m.sent}
        self.assertEqual(told, {"Digest"})
        self.assertEqual(
            {(line.here, line.there) for line in ada.core.diff(bob.id)}, {("stored", "pruned")}
        )

    def test_a_hole_besides(self) -> None:
        """What is missing above both floors is told of for as long as it is."""
        room = Room()
        ada, bob = room.member(1), room.member(2, settings=FEW)
        room.roster()
        room.mesh()
        for number in range(30):
            ada.say(str(number))
            room.wait(0.1)
        room.wait(3)
        self.assertEqual(ada.digest, bob.digest)
        last = bob.lines()[-1]
        bob.core.apply(Forget((f"held/{last.hash.hex()}",)))
        self.assertNotEqual(ada.digest, bob.digest)
        room.wait(10, 0.25)
        self.assertEqual(bob.texts()[-1], "29")
        self.assertEqual(ada.digest, bob.digest)


class Caps(SynchronousTestCase):
    """In a flood no commit leaves more than the limits allow."""

    def flood(self, settings: Settings) -> list[tuple[int, int]]:
        """Posts and bytes that bob keeps after each turn, of two who flood beside an honest one."""
        room, ada, bob, carol = talk(settings)
        kept: list[tuple[int, int]] = []
        end = Member.end

        def watched(one: Member) -> list[Effect]:
            found = end(one)
            if one is not bob:
                return found
            streams = bob.core.parts.book.streams
            held = [x for s in streams for x in s.envelopes]
            self.assertEqual(streams.size, sum(x.size for x in held))
            kept.append((sum(x.count for x in held), sum(x.size for x in held)))
            return found

        self.patch(Member, "end", watched)
        carol.say("honest")
        for number in range(60):
            ada.say_all(f"{number}/{part} " + "x" * 90 for part in range(number % 64 + 1))
            if number % 7 == 0:
                bob.say_all(f"bob {number}/{part}" for part in range(40))
            room.tick()
        self.assertIn("honest", bob.texts())
        self.assertEqual(bob.gaps(), [])
        return kept

    def test_count(self) -> None:
        """Never more posts than may be kept, however many one turn brings."""
        kept = self.flood(Settings(history_posts=150, posts_per_second=100_000, burst=100_000))
        self.assertLessEqual(max(posts for posts, _ in kept), 150)
        self.assertGreater(max(posts for posts, _ in kept), 140)

    def test_bytes(self) -> None:
        """Never more bytes."""
        limit = 30_000
        kept = self.flood(Settings(history_bytes=limit, posts_per_second=100_000, burst=100_000))
        self.assertLessEqual(max(size for _, size in kept), limit)
        self.assertGreater(max(size for _, size in kept), 0.8 * limit)

    def test_one_for_one(self) -> None:
        """What a post costs at the limit does not grow with what is kept: one comes, one goes."""
        room = Room()
        ada = room.member(1, settings=Settings(history_posts=2000, burst=100_000))
        room.roster()
        for _ in range(40):
            ada.say_all("x" for _ in range(64))
        looked: list[int] = []
        before = StreamState.by_end

        def counted(state: StreamState) -> Iterator[Held]:
            for held in before(state):
                looked.append(held.first)
                yield held

        self.patch(StreamState, "by_end", counted)
        for _ in range(100):
            ada.say("y")
        self.assertLessEqual(len(looked), 101)

    def test_directs(self) -> None:
        """Of direct messages neither, but for those that still wait."""
        room, ada, bob, _ = talk(Settings(history_posts=20))
        for number in range(60):
            ada.tell(bob, str(number))
            room.run()
            self.assertLessEqual(len(bob.core.parts.book.letters), 20)
            self.assertLessEqual(len(ada.core.parts.book.letters), 21)
        self.assertEqual(bob.texts(), [str(number) for number in range(40, 60)])

    def test_what_leaves_is_on_disk(self) -> None:
        """What is said is kept by its own commit, however much; the next turn is within limits."""
        room, ada, bob, _ = talk(Settings(history_posts=10, posts_per_second=1000, burst=1000))
        for part in range(3):
            bob.say_all(f"{part}/{number} " + "x" * 99 for number in range(10))
            room.tick()
        first = ada.tickets + 1
        for number in range(25):
            ada.tickets += 1
            ada.do(ada.core.asked(Asked(ada.tickets, Say(f"ada {number} " + "y" * 999)), ada.now))
        ada.receive(bob.id, Posts((post(room, bob, "z"),)))
        said = {ada.answers.pop(ticket).id for ticket in range(first, ada.tickets + 1)}
        self.assertEqual(len(said), 25)
        self.assertLessEqual(said, {line.id for line in ada.lines()})
        ada.end()
        self.assertEqual([text[:6] for text in ada.texts()], [f"ada {n}" for n in range(20, 25)])
        ada.say("after")
        self.assertEqual(ada.texts()[-1], "after")
        self.assertLessEqual(len(ada.texts()), 10)

    def test_what_is_signed_for_is_on_disk(self) -> None:
        """Nobody is told of posts that go in the turn that brought them, whatever else it did."""
        room, ada, bob, _ = talk(Settings(history_posts=10))
        many = row(room, bob, 30)
        ada.sent.clear()
        for part in (many[:5], many[5:]):
            admitted = tuple(map(admit, part))
            ada.do(ada.core.received(Received(bob.id, 1, Posts(tuple(part)), admitted), ada.now))
        room.mono += 10
        for name in ("deadlines", "probing"):
            ada.do(ada.core.tick(Tick(name), ada.now))
        ada.end()
        parts = [
            x
            for send in ada.sent
            if isinstance(send.message, Frontiers)
            for x in send.message.objects
        ]
        told = [entry for part in parts for entry in getattr(admit(part).statement, "streams", ())]
        kept = {(line.id.stream, line.id.seq) for line in ada.lines()}
        claimed = {(e.stream, n) for e in told for a, b, _ in e.stored for n in range(a, b + 1)}
        self.assertTrue(claimed)
        self.assertLessEqual(claimed, kept)

    def test_receipted_letters_are_on_disk(self) -> None:
        """What is given a receipt is kept by the commit of that, and by the next turn within limits."""
        room, ada, bob, _ = talk(Settings(history_posts=10))
        room.cut(ada, bob)
        for number in range(25):
            ada.tell(bob, str(number))
        turn = Member.turn
        over: list[int] = []

        def watched(one: Member, effects: Iterable[Effect]) -> list[Effect]:
            found = turn(one, effects)
            if one is bob:
                kept = {str(line.id) for line in bob.lines()}
                over.append(len(kept))
                facts = [effect.fact for effect in found if isinstance(effect, Record)]
                given = [fact.id for fact in facts if isinstance(fact, ReceiptGiven)]
                self.assertLessEqual(set(given), kept)
                self.assertLessEqual(len(kept), max(10, len(given)))
            return found

        self.patch(Member, "turn", watched)
        room.link(ada, bob)
        room.wait(1)
        self.assertEqual((max(over), over[-1]), (25, 10))
        self.assertEqual(len(bob.core.parts.book.letters.given), 25)
        self.assertEqual({line.state for line in ada.lines()}, {Delivery.ACKED})

    def test_twins(self) -> None:
        """Envelopes of a forked stream are found in the order of their ends as well."""
        stream = Stream(Room().member(1).id, 1, BootId("0" * 32))
        state = StreamState(stream)
        spans = [(1, 4), (2, 2), (2, 3), (3, 3), (5, 5), (5, 9), (6, 7), (6, 6), (12, 12)]
        for number, (first, last) in enumerate(spans):
            name = Hash(bytes([number]) * 32)
            state.put(
                Held(stream, first, last - first + 1, b"", 1, name, 1, 1, False, False, False,
                     "", (), None, 0)
            )  # fmt: skip
        found = [(held.last, held.first) for held in state.by_end()]
        self.assertEqual(found, sorted((last, first) for first, last in spans))


class Directs(SynchronousTestCase):
    """Direct messages have limits of their own."""

    def test_age(self) -> None:
        """Texts go after their days; the receipt stays two more, so a duplicate is still known."""
        room, ada, bob, _ = talk(Settings(history_days=1))
        ada.tell(bob, "secret")
        room.wait(1)
        room.wait(1.1 * DAY, 600)
        self.assertEqual((ada.texts(), bob.texts()), (["secret"], []))
        self.assertEqual(bob.core.parts.book.letters.parties, {})
        self.assertEqual(len(bob.core.parts.book.letters.given), 1)
        room.wait(1.8 * DAY, 600)
        self.assertEqual(len(bob.core.parts.book.letters.given), 1)
        room.wait(0.2 * DAY, 600)
        self.assertEqual(len(bob.core.parts.book.letters.given), 0)
        ada.restart()
        room.seat(ada, *room.members.values())
        room.wait(125)
        self.assertEqual(ada.texts(), [])
        self.assertFalse([key for key in ada.disk.facts if key.startswith(("dm", "receipt"))])

    def test_exactly(self) -> None:
        """No more is forgotten than is over: the last hundred texts stay, and no byte too many goes."""
        room, ada, bob, _ = talk(Settings(history_posts=100))
        texts = [str(number) for number in range(130)]
        for text in texts:
            ada.tell(bob, text)
            room.tick()
        room.wait(1)
        self.assertEqual(bob.texts(), texts[-100:])
        self.assertEqual(ada.texts(), texts[-100:])
        room, ada, bob, _ = talk(Settings(history_bytes=50_000))
        for _ in range(60):
            ada.tell(bob, "x" * 1000)
            room.tick()
        room.wait(1)
        kept = bob.core.parts.book.letters
        size = kept.size // len(kept)
        self.assertEqual(len(kept), 50_000 // size)
        self.assertEqual(kept.parties, {ada.id: kept.size})

    def test_biggest_first(self) -> None:
        """Who holds more bytes loses texts until both hold as many, also in one look."""
        room, ada, bob, carol = talk(Settings())
        for _ in range(30):
            ada.tell(bob, "x" * 3000)
            carol.tell(bob, "x" * 1000)
            room.tick()
        bob.settings = Settings(history_bytes=40_000)
        bob.restart()
        room.seat(bob, *room.members.values())
        bob.turn(bob.core.tick(Tick("deadlines"), bob.now))
        sizes = bob.core.parts.book.letters.parties
        self.assertLess(abs(sizes[ada.id] - sizes[carol.id]), 4000)
        self.assertLessEqual(sum(sizes.values()), 40_000)
        self.assertGreater(sum(sizes.values()), 40_000 - 3500)

    def test_clock_wrong_at_a_start(self) -> None:
        """A node whose clock is years ahead when it starts has not emptied itself once peers tell."""
        room, ada, bob, carol = talk(Settings())
        ada.tell(bob, "secret")
        ada.say("precious")
        room.wait(1)
        for other in (bob, carol):
            room.cut(ada, other)
        ada.skew_ms = 3 * 365 * 86_400_000
        ada.restart()
        room.seat(ada, *room.members.values())
        for other in (bob, carol):
            room.link(ada, other)
        room.wait(1800, 1)
        self.assertEqual(ada.texts(), ["secret", "precious"])

    def test_flood(self) -> None:
        """A flood of direct messages evicts itself, not what others wrote."""
        room, ada, bob, carol = talk(Settings(history_posts=100))
        carol.tell(bob, "hello")
        for number in range(130):
            ada.tell(bob, f"spam {number} " + "x" * 100)
        room.wait(2)
        self.assertIn("hello", bob.texts())
        self.assertLessEqual(len(bob.texts()), 100)
        self.assertEqual({line.state for line in ada.lines()}, {ada.lines()[0].state})

    def test_receipts_are_bounded(self) -> None:
        """Of one author no more receipts outlive their texts than an outbox can hold, the newest."""
        room, ada, bob, carol = talk(Settings(history_posts=10, outbox_messages=20))
        carol.tell(bob, "hello")
        for number in range(600):
            ada.tell(bob, f"spam {number} " + "x" * 100)
            room.tick()
        room.wait(65)
        letters = bob.core.parts.book.letters
        kept = [given for name, given in letters.given.items() if letters.get(name) is None]
        self.assertEqual(len([given for given in kept if given.id.startswith(ada.id)]), 20)
        self.assertEqual(len(letters.given), 20 + len(letters))
        newest = max(line.id.seq for line in ada.lines())
        self.assertIn(f"d{newest}", {x.id.rpartition("/")[2] for x in letters.given.values()})
        self.assertIn("hello", bob.texts())

    def test_open_ones_stay(self) -> None:
        """What still waits to be delivered is not forgotten."""
        room, ada, bob, _ = talk(Settings(history_posts=10))
        room.cut(ada, bob)
        for number in range(20):
            ada.tell(bob, str(number))
        room.wait(2)
        self.assertEqual(len(ada.lines()), 20)
        room.link(ada, bob)
        room.wait(1)
        self.assertEqual(len(bob.core.parts.book.letters.given), 20)
        self.assertEqual(bob.texts(), [str(number) for number in range(10, 20)])

    def test_open_ones_do_not_protect_others(self) -> None:
        """Many bytes that wait for one member do not keep what others wrote for ever."""
        room, ada, bob, carol = talk(Settings(history_posts=100))
        room.cut(bob, carol)
        for _ in range(50):
            bob.tell(carol, "x" * 8000)
        for number in range(130):
            ada.tell(bob, str(number))
            room.run()
        room.wait(1)
        self.assertLessEqual(len(bob.lines()), 100)
        self.assertEqual(len([line for line in bob.lines() if line.author == bob.id]), 50)
        self.assertIn("129", bob.texts())

    def test_nothing_may_go(self) -> None:
        """While all that is over a limit still waits, it is looked at only now and then."""
        room, ada, bob, _ = talk(Settings(history_posts=10))
        room.cut(ada, bob)
        for number in range(20):
            ada.tell(bob, str(number))
        room.wait(1)
        retention = ada.core.parts.retention
        self.assertFalse(retention.due(room.mono))
        self.assertTrue(retention.due(room.mono + 5))
        room.link(ada, bob)
        room.wait(6)
        self.assertLessEqual(len(ada.lines()), 10)

    def test_nonces(self) -> None:
        """A nonce is remembered for a day."""
        room, ada, _, _ = three()
        first = ada.say("x", "n")
        room.wait(0.9 * DAY, 600)
        self.assertEqual(ada.say("x", "n").id, first.id)
        room.wait(0.2 * DAY, 600)
        self.assertNotEqual(ada.say("x", "n").id, first.id)


class Forks(SynchronousTestCase):
    """A forked stream ages as any other."""

    def test_goes_wholly(self) -> None:
        """Once its author's floor is above it, a forked stream leaves with its proof."""
        room, ada, bob, _ = talk(FEW)
        one, two = post(room, ada, "one"), post(room, ada, "two")
        bob.receive(ada.id, Posts((one, two)))
        self.assertTrue([key for key in bob.disk.facts if key.startswith("fork/")])
        room.cut(ada, bob)
        ada.restart(epoch=5)
        room.seat(ada, *room.members.values())
        room.link(ada, bob)
        for number in range(30):
            ada.say(str(number))
            room.run()
        room.wait(1)
        self.assertEqual(bob.texts(), [str(number) for number in range(20, 30)])
        self.assertFalse([key for key in bob.disk.facts if key.startswith("fork/")])
        self.assertEqual(len(bob.core.streams()), 1)
        bob.receive(ada.id, Posts((one,)))
        self.assertEqual(bob.core.parts.book.counters["refused.pruned"], 1)

    def test_heads_go_too(self) -> None:
        """A head below the floor is forgotten, and not taken again."""
        room, ada, bob, _ = talk(FEW)
        signed = post(room, ada, "never seen")
        head = Signed(signed.purpose, signed.statement, signed.signature)
        bob.receive(ada.id, Posts((head,)))
        self.assertEqual(bob.gaps(), [(1, 1)])
        room.cut(ada, bob)
        ada.restart(epoch=5)
        room.seat(ada, *room.members.values())
        room.link(ada, bob)
        for number in range(30):
            ada.say(str(number))
            room.run()
        room.wait(1)
        self.assertEqual(bob.gaps(), [])
        self.assertFalse([key for key in bob.disk.facts if key.startswith("head/")])
        bob.receive(ada.id, Posts((head,)))
        self.assertEqual(bob.gaps(), [])
