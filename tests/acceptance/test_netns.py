"""Real nodes on hosts of their own: pulled cables, lossy ones, firewalls, and who still says what."""

from __future__ import annotations

from securechat.drills.story import NAMES
from tests.acceptance.netns import WiredCase
from tests.acceptance.sightings import Sightings, both_say, pause

LAN = '"lan"'
POSTS = 6
"""What each says while packets are lost, and ..."""
BETWEEN = 0.8
"""... seconds between two posts: long enough for many rounds of probes."""


class Cables(WiredCase):
    """What a pulled plug does, and that it is mended by plugging it in."""

    def test_a_pulled_cable(self) -> None:
        """Carol's cable is pulled: unreachable at both ends of it, alive again when plugged in."""
        room = self.wire(*NAMES)
        told = Sightings(room, NAMES)
        room.switch.pull("carol")
        room.sees("ada", "unreachable", "carol")
        room.sees("bob", "unreachable", "carol")
        room.sees("carol", "unreachable", "ada", "bob")
        for name in ("ada", "carol"):
            room[name].ask("say", text=f"{name} on her side")
        room.shows("bob", "ada on her side")
        self.assertTrue(both_say(room["ada"], "bob", "alive"))
        room.switch.plug("carol")
        room.meet(*NAMES)
        room.agree(*NAMES)
        for name in NAMES:
            room.shows(name, "ada on her side", "carol on her side")
            self.assertEqual(room[name].ask("status")["epoch"], 1)
        for name in ("ada", "bob"):
            self.assertEqual({whom for whom, *_ in told.steps(name)}, {"carol"})
            self.assertEqual(told.of(name, "carol"), ["suspect", "unreachable", "alive"])


class Losses(WiredCase):
    """Cables that lose packets, with the preset of a network."""

    def loses(self, percent: float) -> None:
        """While so many packets are lost on the way to each host, everybody keeps talking."""
        room = self.wire(*NAMES, preset=LAN)
        told = Sightings(room, NAMES)
        for name in NAMES:
            room.switch.lose(name, percent)
        said = [f"{name} {number}" for number in range(POSTS) for name in NAMES]
        for text in said:
            room[text.split()[0]].ask("say", text=text)
            pause(BETWEEN)
        for name in NAMES:
            room.shows(name, *said)
        self.assertEqual(told.called("unreachable"), [])
        room.switch.mend()
        room.meet(*NAMES)
        room.agree(*NAMES)
        self.assertEqual(told.called("unreachable"), [])

    def test_ten_of_a_hundred_packets_lost(self) -> None:
        """Every post arrives everywhere, and nobody is called unreachable."""
        self.loses(10)

    def test_thirty_of_a_hundred_packets_lost(self) -> None:
        """Every post arrives everywhere, and nobody is called unreachable."""
        self.loses(30)
