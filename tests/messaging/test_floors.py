"""A floor only ever rises."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.messaging.facts import Floor
from tests.messaging.room import Member, Room
from tests.messaging.test_closing import FEW


def place(floor: Floor | None) -> tuple[int, int]:
    """Epoch and seq of a floor."""
    return (floor.epoch, floor.seq) if floor is not None else (0, 0)


class Floors(SynchronousTestCase):
    """What was pruned stays pruned."""

    def pruned(self) -> tuple[Room, Member]:
        """Ada in her epoch 2, whose first six posts are pruned, begins again at her epoch 1."""
        room = Room()
        ada = room.member(1, settings=FEW, epoch=2)
        room.roster()
        for number in range(10):
            ada.say(str(number))
        author = ada.core.parts.book.streams.authors[ada.id]
        self.assertEqual(place(author.floor), (2, 6))
        ada.restart(epoch=1)
        room.seat(ada, ada)
        return room, ada

    def test_older_process(self) -> None:
        """
        What goes of a process whose number is below the floor does not pull that down; it goes as it
        was said, after what is older, and has a floor of its own.
        """
        room, ada = self.pruned()
        for number in range(7):
            ada.say(f"later {number}")
            room.wait(1)
            self.assertEqual(ada.gaps(), [])
            self.assertEqual(
                ada.texts(), [*"6789", *(f"later {n}" for n in range(7))][number + 1 :][:4]
            )
        for core in (ada.core, ada.rebuilt()):
            author = core.parts.book.streams.authors[ada.id]
            self.assertEqual(place(author.floor), (2, 10))
            self.assertEqual([(f.epoch, f.seq) for f in author.aside.values()], [(1, 3)])
        (kept,) = [fact for fact in ada.disk.facts.values() if isinstance(fact, Floor)]
        self.assertEqual(place(kept), (2, 10))

    def test_looked_at(self) -> None:
        """Where it rises the gaps below it are looked at again, also if nothing else of it changed."""
        _, ada = self.pruned()
        streams = ada.core.parts.book.streams
        floor = streams.authors[ada.id].floor
        assert floor is not None
        streams.changed.clear()
        streams.raise_floor(Floor(ada.id, 2, floor.boot, 7, floor.hash, floor.hlc))
        self.assertIn(floor.stream, streams.changed)
        streams.raise_floor(floor)
        self.assertEqual(streams.floor(floor.stream), 7)
