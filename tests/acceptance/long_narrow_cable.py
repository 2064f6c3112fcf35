"""Real nodes on narrow cables, 100 KB/s a link: what is said fits at first, then it is too much."""

from __future__ import annotations

from time import monotonic
from typing import Any

from securechat.drills.rig import Member, until
from securechat.drills.story import NAMES
from tests.acceptance.port import Port
from tests.acceptance.posts import FAST, PATIENCE, Stopwatch, agreed, counted, states
from tests.acceptance.sightings import Sightings, pause, story
from tests.acceptance.test_slow_cable import CableCase

RATE = 100_000.0
"""Bytes per second, each way, of each link."""
POSTS = 50
"""Per second."""
SMALL, LARGE = 150, 4000
"""Bytes of a text: with what goes around it less than half of the rate, and twice the rate."""
SIDE, SURGE = 5, 10
"""Seconds of small posts, and of large ones."""


class NarrowCables(CableCase):
    """Every node is reached over a narrow cable only."""

    timeout = 300

    def test_more_is_said_than_the_cables_take(self) -> None:
        """The links stay up, nobody is suspected; a letter comes, and in the end all have all of it."""
        room = self.far_apart(0.0, RATE, **FAST)
        ada = room["ada"]
        self.talk(ada, SIDE, SMALL)
        for name in ("bob", "carol"):
            until(lambda n=name: counted(room[n]) == SIDE * POSTS, f"{name} is in step")  # type: ignore[misc]
        told = Sightings(room, NAMES)  # Whoever had two links to one peer has closed one by now.
        self.talk(ada, SURGE, LARGE)
        total = (SIDE + SURGE) * POSTS
        lacking = {name: total - counted(room[name]) for name in ("bob", "carol")}
        self.assertGreater(min(lacking.values()), POSTS, "the cables were not overrun")
        letter = ada.ask("dm", to="bob", text="over a full cable")["id"]
        watch = Stopwatch(f"{total} posts at {POSTS}/s over {RATE / 1000:g} KB/s")
        for name in ("bob", "carol"):
            until(lambda n=name: counted(room[n]) == total, f"{name} has caught up", PATIENCE)  # type: ignore[misc]
        watch.tell(f"until all was there, of which {lacking} were not when the last was said")
        until(lambda: states(ada, letter) == {"bob": "acked"}, "the letter is acked", PATIENCE)
        agreed(room, *NAMES)
        for observer in NAMES:
            self.assertEqual(self.lost_links(told, observer), [])
            for state in ("suspect", "unreachable"):
                for who, whom in told.called(state):
                    self.fail(story(room[who], whom))

    def talk(self, member: Member, seconds: float, size: int) -> None:
        """So many posts a second, by the clock."""
        port = Port(member).json_mode()
        start = monotonic()
        try:
            for number in range(round(seconds * POSTS)):
                pause(max(0.0, start + number / POSTS - monotonic()))
                self.assertEqual(port.get("say", text=f"{number} ".ljust(size, "x"))["code"], 252)
        finally:
            port.close()

    def lost_links(self, told: Sightings, observer: str) -> list[dict[str, Any]]:
        """The links that went down meanwhile, as a node told it."""
        return [event for event in told.events(observer, "link") if event["state"] == "down"]
