"""The scene of a slow link tells of a node that pushes too much, recovers nothing or hangs up."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.messaging.recovery import Recovery
from securechat.node import perform as performing
from securechat.settings import KIB, MIB
from securechat.simulation.scenarios import SCENARIOS, perform


class Broken(SynchronousTestCase):
    """What the scene says of a product that lacks something."""

    def broken(self, stuck_link: int = MIB) -> list[str]:
        """The promises that it finds broken."""
        (scene,) = [scene for scene in SCENARIOS if scene.name == "a slow link, overrun"]
        scene = evolve(scene, settings=evolve(scene.settings, stuck_link=stuck_link))
        return [f"{violation.rule}: {violation.text}" for violation in perform(scene, 1)]

    def told(self, found: list[str], text: str) -> None:
        """This is among what it found."""
        self.assertTrue(any(text in line for line in found), found[:5])

    def test_pushes_whatever_waits(self) -> None:
        """Live posts on top of all that waits fill the link until it is closed."""
        self.patch(performing, "Posts", type(None))
        found = self.broken()
        self.told(found, "bytes waited on the slow link")
        self.told(found, "the slow link did not stay up")

    def test_recovers_nothing(self) -> None:
        """What was not pushed never comes."""
        self.patch(Recovery, "settle", lambda *what: [])
        self.assertEqual(self.broken()[:1], ["G2: all is there in the end: not within 15 s"])

    def test_hangs_up(self) -> None:
        """A link that is closed because it is slow is told, though all comes on the next one."""
        self.told(self.broken(stuck_link=64 * KIB), "the slow link did not stay up")
