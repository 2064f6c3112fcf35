"""Of which processes something is kept: what it says, and what it costs to ask."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Forget
from securechat.ids import BootId, Hash, Kind, MemberId, Stream
from securechat.messaging.boots import Boots
from securechat.messaging.facts import DirectHeld
from securechat.settings import Settings
from tests.messaging.room import START_MS, Member, Room, member_of
from tests.messaging.test_many_streams import lives
from tests.steps import steps

ADA, BOB = MemberId("a" * 52), MemberId("b" * 52)
ONE, OTHER = BootId("01" * 16), BootId("02" * 16)


def letter(member: Member, author: MemberId, boot: BootId, number: int) -> DirectHeld:
    """A direct message to a member, as its journal has it."""
    name = Hash(author[:4].encode() + boot[:4].encode() + number.to_bytes(24, "big"))
    return DirectHeld(author, 1, boot, number, member.id, number * 65536, name, 300, START_MS)


class Counts(SynchronousTestCase):
    """The index by itself."""

    def test_what_is_kept_of_each(self) -> None:
        """A process is there as long as anything of it is, in its own epoch of its own author."""
        boots = Boots()
        for stream in (Stream(ADA, 1, ONE), Stream(ADA, 1, ONE), Stream(ADA, 1, OTHER)):
            boots.add(stream)
        boots.add(Stream(ADA, 2, OTHER))
        boots.add(Stream(BOB, 1, OTHER))
        self.assertEqual(set(boots.of(ADA, 1)), {ONE, OTHER})
        boots.take(Stream(ADA, 1, OTHER))
        boots.take(Stream(ADA, 1, ONE))
        self.assertEqual(set(boots.of(ADA, 1)), {ONE})
        boots.take(Stream(ADA, 1, ONE))
        self.assertEqual(set(boots.of(ADA, 1)), set())
        self.assertEqual(set(boots.of(BOB, 1)), {OTHER})

    def test_nothing_stays_of_what_went(self) -> None:
        """Epochs that nothing is kept of leave nothing behind."""
        boots = Boots()
        for epoch in range(1, 100):
            boots.add(Stream(ADA, epoch, ONE))
            boots.take(Stream(ADA, epoch, ONE))
        self.assertEqual(boots, Boots())


class Twins(SynchronousTestCase):
    """Ids that must say which."""

    def setUp(self) -> None:
        """Ada alone."""
        self.room = Room()
        self.ada = self.room.member(1, settings=Settings(burst=10_000, posts_per_second=10_000))
        self.bob = self.room.member(2)
        self.room.roster()

    def test_direct_messages_of_two_processes(self) -> None:
        """They are twins as long as one of each is kept."""
        core = self.ada.core
        facts = [letter(self.ada, self.bob.id, boot, 1) for boot in (ONE, OTHER)]
        for fact in facts:
            core.apply(fact)
        self.assertTrue(core.twins(self.bob.id, 1))
        self.assertEqual(core.find(self.bob.id, 1, "02", 1, Kind.DIRECT).stream.boot, OTHER)
        core.apply(Forget((facts[0].key,)))
        self.assertFalse(core.twins(self.bob.id, 1))
        self.assertEqual(core.find(self.bob.id, 1, "", 1, Kind.DIRECT).stream.boot, OTHER)

    def test_a_post_and_a_direct_message(self) -> None:
        """One process of which a post is kept, and another one of which a direct message is."""
        core = self.ada.core
        said = self.ada.say("x").id
        self.assertFalse(core.twins(self.ada.id, 1))
        core.apply(letter(self.ada, self.ada.id, said.stream.boot, 1))
        self.assertFalse(core.twins(self.ada.id, 1))
        core.apply(letter(self.ada, self.ada.id, ONE, 1))
        self.assertTrue(core.twins(self.ada.id, 1))

    def test_streams_that_went(self) -> None:
        """What is pruned is not kept: no index remembers the lives of which nothing is left."""
        self.ada.settings = Settings(history_posts=5, posts_per_second=10_000, burst=10_000)
        self.ada.begin()
        lives(self.ada, range(2, 40))
        streams = {state.stream for state in self.ada.core.parts.book.streams}
        boots = self.ada.core.parts.book.streams.boots
        kept = Boots()
        for stream in streams:
            kept.add(stream)
        self.assertLess(len(streams), 10)
        self.assertEqual(boots, kept)


class Work(SynchronousTestCase):
    """What it costs to say an id, whatever is kept: the node stands still meanwhile."""

    def costs(self, letters: int, epochs: int) -> list[int]:
        """To show the id of a direct message and of a post that we have, and to find the first."""
        room, author = Room(), member_of(4)
        ada, bob = (room.member(n, settings=Settings(burst=10_000)) for n in (1, 2))
        room.roster()
        lives(ada, range(2, 2 + epochs), turn=1000)
        for number in range(1, letters + 1):
            ada.core.apply(letter(ada, bob.id, ONE, number))
        return [
            steps(lambda: ada.core.twins(bob.id, 1)),
            steps(lambda: ada.core.twins(author, 3)),
            steps(lambda: ada.core.find(bob.id, 1, "", letters, Kind.DIRECT)),
        ]

    def test_it_does_not_grow_with_what_is_kept(self) -> None:
        """Ten direct messages or five thousand, two lives of an author or many: it costs the same."""
        self.assertEqual(self.costs(5000, 2), self.costs(10, 2))
        self.assertEqual(self.costs(10, 200), self.costs(10, 2))
