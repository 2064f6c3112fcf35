"""The scenes of words said alone tell of a node that takes them for forgotten."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import Stream
from securechat.messaging.heads import Heads
from securechat.messaging.streams import Streams
from securechat.simulation.scenarios import SCENARIOS, perform


def by_place(self: Streams, stream: Stream, last: int, hlc: int) -> bool:
    """What lies below a floor by its place alone."""
    return last <= self.floor(stream)


class Broken(SynchronousTestCase):
    """What each scene says of a product that lacks something."""

    def broken(self) -> list[list[str]]:
        """The promises that either scene finds broken."""
        scenes = [scene for scene in SCENARIOS if scene.name.startswith("said alone")]
        self.assertEqual(len(scenes), 2)
        return [[f"{v.rule}: {v.text}" for v in perform(scene, 1)] for scene in scenes]

    def told(self) -> None:
        """Both scenes tell that the others show nothing of it, before its author speaks again."""
        for lines in self.broken():
            self.assertIn("G2: the others show what was said alone: not within 33 s", lines)

    def test_by_place_alone(self) -> None:
        """A floor that knows no time hides it for good."""
        self.patch(Streams, "below", by_place)
        self.patch(Streams, "overtaken", lambda *what: None)
        self.told()

    def test_headers_are_not_given(self) -> None:
        """Whose floor lies above it asks for nothing of which he has seen no header."""
        self.patch(Heads, "passed", lambda *what: [])
        self.told()
