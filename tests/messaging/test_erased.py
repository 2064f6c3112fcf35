"""Expired text is gone from the disk: file, log, and the space that was given back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Record
from securechat.inputs import Cancel
from securechat.journal.store import Store
from securechat.messaging.facts import FACTS, ReceiptHeld
from securechat.settings import Settings
from tests.messaging.room import ROOM, Disk, Member, Room

DAY = 86_400.0
CANARY = "canary-text "


@define
class RealDisk(Disk):
    """A disk that is also a journal in a file."""

    path: Path = field(default=Path())
    store: Any = None

    def record(self, record: Record) -> None:
        """Committed at once, each by itself."""
        super().record(record)
        self.store.commit([record], [])

    def prune(self, wall_ms: int) -> None:
        """As the node does from time to time."""
        while self.store.prune(wall_ms, 7.0, 2**25):
            pass

    def content(self) -> bytes:
        """Every byte of the file and of what stands beside it."""
        return b"".join(part.read_bytes() for part in self.path.parent.glob(self.path.name + "*"))


class Erased(SynchronousTestCase):
    """What retention forgets, nobody finds by reading the disk."""

    def member(self, room: Room, number: int, settings: Settings) -> Member:
        """A member with a journal of its own."""
        path = Path(self.mktemp())
        store = Store.open(path, FACTS, ROOM)
        self.addCleanup(store.close)
        return room.member(number, settings=settings, disk=RealDisk(path=path, store=store))

    def pair(self, settings: Settings) -> tuple[Room, Member, Member]:
        """Two of them, linked."""
        room = Room()
        ada, bob = (self.member(room, number, settings) for number in (1, 2))
        room.roster()
        room.mesh()
        room.run()
        return room, ada, bob

    def traces(self, member: Member) -> int:
        """How often the canary stands on a member's disk, after a prune."""
        disk = member.disk
        assert isinstance(disk, RealDisk)
        disk.prune(member.now.wall_ms)
        return disk.content().count(CANARY.encode())

    def test_direct_messages_by_age(self) -> None:
        """Texts of direct messages, whatever became of them, at both ends, past their days."""
        room, ada, bob = self.pair(Settings(history_days=1))
        ada.tell(bob, CANARY + "acked")
        room.run()
        room.cut(ada, bob)
        ada.tell(bob, CANARY + "expires")
        ada.ask(Cancel(ada.tell(bob, CANARY + "cancelled").id))
        room.wait(1.3 * DAY, 600)
        room.link(ada, bob)
        ada.tell(bob, "kept")
        room.wait(180, 1)
        self.assertEqual((ada.texts(), bob.texts()), (["kept"], ["kept"]))
        for member in (ada, bob):
            self.assertEqual(self.traces(member), 0)
            assert isinstance(member.disk, RealDisk)
            self.assertIn(b"kept", member.disk.content())

    def test_posts_and_direct_messages_by_count(self) -> None:
        """The same above a limit, at the next prune after it went."""
        room, ada, bob = self.pair(Settings(history_posts=5))
        for number in range(10):
            ada.say(CANARY + str(number))
            ada.tell(bob, CANARY + str(number))
            room.tick()
        for number in range(5):
            ada.say(str(number))
            ada.tell(bob, str(number))
            room.tick()
        room.wait(70)
        for member in (ada, bob):
            self.assertEqual(self.traces(member), 0)

    def test_space_that_is_given_back(self) -> None:
        """After megabytes were forgotten the file has shrunk, and nothing of them is left in it."""
        room, settings = Room(), Settings(history_days=1)
        ada, bob = room.member(1, settings=settings), self.member(room, 2, settings)
        room.roster()
        room.mesh()
        for _ in range(2):
            for _ in range(800):
                ada.tell(bob, CANARY + "x" * 8000)
            room.run()
            room.wait(60, 5)
        assert isinstance(bob.disk, RealDisk)
        self.assertEqual(bob.core.snapshot(bob.now).directs, 1600)
        self.assertGreater(self.traces(bob), 1000)
        large = bob.disk.path.stat().st_size
        room.wait(1.2 * DAY, 600)
        self.assertEqual(bob.core.snapshot(bob.now).directs, 0)
        self.assertEqual(self.traces(bob), 0)
        self.assertLess(bob.disk.path.stat().st_size, 0.8 * large)

    def test_lost_and_offered_again(self) -> None:
        """A receipt that took the place of another leaves nothing of the first."""
        room, ada, bob = self.pair(Settings())
        ada.tell(bob, "x")
        room.run()
        (before,) = (fact.hash for fact in ada.disk.facts.values() if isinstance(fact, ReceiptHeld))
        room.cut(ada, bob)
        bob.disk = self.member(Room(), 2, Settings()).disk
        bob.restart(epoch=1, boot="f0")
        room.seat(bob, ada)
        bob.epoch = 9
        room.seat(bob, ada)
        signature = ada.disk.object(before).signature
        assert isinstance(ada.disk, RealDisk)
        self.assertIn(signature, ada.disk.content())
        room.link(ada, bob)
        room.run()
        self.traces(ada)
        self.assertNotIn(signature, ada.disk.content())
