"""What is done after the commit: grouped, ordered, encoded once, checked before it is served."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from attrs import define, field, frozen
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Dial, Effect, Forget, Hangup, Record, Send
from securechat.ids import BootId, Hash, MemberId
from securechat.inputs import DialOutcome
from securechat.journal import store
from securechat.membership.messages import Ping
from securechat.messaging.messages import (
    Backfill,
    Digest,
    Directs,
    Frontiers,
    Posts,
    Receipts,
)
from securechat.node import door, links
from securechat.node.perform import Perform
from securechat.objects import Purpose, Signed
from securechat.settings import Settings
from securechat.signing import object_hash

BOB, CAROL = MemberId("b" * 52), MemberId("c" * 52)
PING, DIGEST = Ping(1, b"8" * 8), Digest(b"d" * 32, 0)
GOOD, ALTERED = Hash(b"good"), Hash(b"altered")
OBJECT = Signed(Purpose.ENVELOPE, b"s", bytes(64), b"posts")
FRESH = Signed(Purpose.DIRECT, b"fresh", bytes(64))


@define
class Links:
    """Remembers what was written, and to whom."""

    backlog: dict[MemberId, int | None] = field(factory=dict)
    writes: list[tuple[MemberId, list[Any]]] = field(factory=list)
    ended: list[tuple[MemberId, str]] = field(factory=list)
    failed: list[DialOutcome] = field(factory=list)

    def queued(self, peer: MemberId) -> int | None:
        """What waits on a link; None without one."""
        return self.backlog.get(peer, 0)

    def send(self, peer: MemberId, frames: list[Any]) -> bool:
        """One write."""
        self.writes.append((peer, frames))
        return True

    def hangup(self, peer: MemberId, reason: str) -> None:
        """Remember."""
        self.ended.append((peer, reason))

    def dial_failed(self, address: str, peer: Any, how: DialOutcome, why: str) -> None:
        """Remember."""
        self.failed.append(how)


@define
class Codec:
    """A frame is the message itself; counts how often one was made."""

    made: int = 0

    def frame(self, message: Any) -> Any:
        """Encode."""
        self.made += 1
        if message == "too long":
            raise ValueError("does not fit")
        return message


@define
class Door:
    """Finds one object altered; counts how often it was asked."""

    codec: Codec = field(factory=Codec)
    room: str = "room"
    asked: int = 0

    def authentic(self, signed: Signed) -> bool:
        """Whether its signature still holds."""
        self.asked += 1
        return signed is OBJECT


@frozen
class Store:
    """Two objects, one of them not what was signed."""

    def object(self, name: Hash) -> Signed | None:
        """An object by its hash."""
        return {GOOD: OBJECT, ALTERED: Signed(Purpose.ENVELOPE, b"x", bytes(64))}.get(name)


class PerformTests(SynchronousTestCase):
    """The effects of one turn."""

    def setUp(self) -> None:
        self.links, self.door = Links(), Door()
        self.dials: list[tuple[str, MemberId | None, bool]] = []
        self.counters: Counter[str] = Counter()
        self.perform = Perform(
            cast("links.Links", self.links),
            cast("door.Door", self.door),
            cast("store.Store", Store()),
            lambda address, peer, instead: self.dials.append((address, peer, instead)),
            Settings(),
            self.counters,
            Clock(),
        )

    def run_all(self, *effects: Effect) -> None:
        """Perform these."""
        self.perform(effects)

    def test_one_write_a_link(self) -> None:
        """All messages of a turn to one peer are one write, control first, in order otherwise."""
        posts = Posts()
        self.run_all(Send(BOB, posts), Send(BOB, DIGEST), Send(BOB, PING))
        self.assertEqual(self.links.writes, [(BOB, [PING, posts, DIGEST])])

    def test_encoded_once(self) -> None:
        """A message to many peers is encoded once."""
        self.run_all(Send(BOB, DIGEST), Send(CAROL, DIGEST))
        self.assertEqual(self.door.codec.made, 1)
        self.assertEqual(len(self.links.writes), 2)

    def test_without_link(self) -> None:
        """A send to a peer without link is counted, and lost."""
        self.links.backlog[BOB] = None
        self.run_all(Send(BOB, DIGEST))
        self.assertEqual(self.links.writes, [])
        self.assertEqual(self.counters["sends_without_link"], 1)

    def test_slow_link(self) -> None:
        """Live posts are not pushed on a slow link; what mends them is."""
        self.links.backlog[BOB] = 200_000
        posts = Posts()
        self.run_all(Send(BOB, posts), Send(CAROL, posts), Send(BOB, DIGEST))
        self.assertEqual(self.links.writes, [(BOB, [DIGEST]), (CAROL, [posts])])
        self.assertEqual(self.counters["posts_not_pushed"], 1)

    def test_stored_objects(self) -> None:
        """Objects named by hash are put in from the store; one that was altered is not served."""
        self.run_all(Send(BOB, Posts(), (GOOD, ALTERED, Hash(b"gone"))))
        self.assertEqual(self.links.writes, [(BOB, [Posts((OBJECT,))])])
        self.assertEqual(self.counters["damaged_objects"], 2)

    def test_nothing_left(self) -> None:
        """What would be empty, since none of its objects is what was written, is not sent at all."""
        for message in (Posts(), Directs(), Receipts(), Frontiers()):
            self.run_all(Send(BOB, message, (ALTERED,)))
            self.run_all(Send(BOB, message, (GOOD,)))
        self.assertEqual([len(frames) for _, frames in self.links.writes], [1, 1, 1, 1])
        self.assertEqual(self.counters["damaged_objects"], 4)
        ends = Backfill(BOB, 1, BootId("0" * 32), 1, 1, final=True)
        self.run_all(Send(BOB, ends, (ALTERED,)))
        self.assertEqual(self.links.writes[4:], [(BOB, [ends])], "it ends an answer")

    def test_heads(self) -> None:
        """Of an envelope that is told as a head the posts stay here."""
        self.run_all(Send(BOB, Frontiers(), (GOOD,)))
        head = Signed(OBJECT.purpose, OBJECT.statement, OBJECT.signature, b"")
        self.assertEqual(self.links.writes, [(BOB, [Frontiers((head,))])])

    def test_objects_of_this_turn(self) -> None:
        """What this turn has stored goes out as it was signed: neither read back nor checked again."""
        name = object_hash(self.door.room, FRESH)
        self.perform(
            [Send(BOB, Posts(), (name,))], [Record(Forget(())), Record(Forget(()), (FRESH,))]
        )
        self.assertEqual(self.links.writes, [(BOB, [Posts((FRESH,))])])
        self.assertEqual(self.door.asked, 0)

    def test_objects_of_the_turn_before(self) -> None:
        """In the next turn it is read from the disk like all others, and checked."""
        name = object_hash(self.door.room, FRESH)
        self.perform([], [Record(Forget(()), (FRESH,))])
        self.run_all(Send(BOB, Posts(), (name,)))
        self.assertEqual(self.counters["damaged_objects"], 1)

    def test_unsendable(self) -> None:
        """A message that fits no frame is our own fault: counted, and the others still go."""
        self.run_all(Send(BOB, "too long"), Send(BOB, DIGEST))
        self.assertEqual(self.links.writes, [(BOB, [DIGEST])])
        self.assertEqual(self.counters["unsendable"], 1)

    def test_hangups_and_dials(self) -> None:
        """A peer that is hung up gets what was sent in the same turn first."""
        self.run_all(Hangup(BOB, "why"), Send(BOB, DIGEST), Dial("192.0.2.7:7400", CAROL, True))
        self.assertEqual(self.links.writes, [(BOB, [DIGEST])])
        self.assertEqual(self.links.ended, [(BOB, "why")])
        self.assertEqual(self.dials, [("192.0.2.7:7400", CAROL, True)])
