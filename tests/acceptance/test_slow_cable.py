"""Real nodes that are far from each other: every byte takes its time."""

from __future__ import annotations

from securechat.drills.rig import Room, free_ports, until
from securechat.drills.story import NAMES
from tests.acceptance.rooms import OwnRoomCase, change, end_rooms, room_of
from tests.acceptance.sightings import Sightings, pause, story
from tests.acceptance.slow_cable import SlowCable

SLOW = 0.2
"""Seconds one way: there and back it is a little less than a probe waits with ``lan`` (0.5 s)."""
SLOWER = 0.4
"""There and back it is more than that."""
STEADY = 8.0
"""Seconds that are watched: eight rounds of probes."""


class CableCase(OwnRoomCase):
    """Every node is reached over a bad cable only."""

    def far_apart(self, delay: float, rate: float = 0.0, **config: str) -> Room:
        """A running room of the preset ``lan``; each node says that it lives where its cable begins."""
        end_rooms()
        room = room_of(*NAMES, preset='"lan"', **config)
        self.addCleanup(room.close)
        ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
        for name in NAMES:
            cable = SlowCable(ports[name], room[name].port, delay, rate)
            self.addCleanup(cable.close)
            peers = "[]" if name == "ada" else f'["127.0.0.1:{ports["ada"]}"]'
            change(room[name].home, advertise=f'["127.0.0.1:{ports[name]}"]', peers=peers)
        room.start(*NAMES)
        room.meet(*NAMES)
        return room


class SlowCables(CableCase):
    """Cables that are long."""

    def watched(self, room: Room) -> Sightings:
        """All speak, a while passes, everything has arrived; what was told meanwhile."""
        told = Sightings(room, NAMES)
        for name in NAMES:
            room[name].ask("say", text=f"{name}, from afar")
        letter = room["bob"].ask("dm", to="carol", text="by slow mail")["id"]
        pause(STEADY)
        for name in NAMES:
            room.shows(name, *(f"{other}, from afar" for other in NAMES))
        rows = room["bob"].items
        until(lambda: rows("delivery", id=letter)[0]["state"] == "acked", "the letter is acked")
        for observer, whom in told.called("unreachable"):
            self.fail(story(room[observer], whom))
        return told

    def test_slow_cables(self) -> None:
        """The way there and back is measured, nobody is called unreachable, everything arrives."""
        room = self.far_apart(SLOW)
        self.watched(room)
        for observer in NAMES:
            until(lambda o=observer: self.measured(room, o), f"{observer} has measured its ways")  # type: ignore[misc]

    def measured(self, room: Room, observer: str) -> bool:
        """Whether a node has measured as much as its cable takes, to both others."""
        times = [m["rtt_ms"] for m in room[observer].items("members") if not m["self"]]
        return all(time is not None and time >= 2 * SLOW * 1000 for time in times)

    def test_cables_slower_than_a_probe_waits(self) -> None:
        """Acks come late, and still nobody is called unreachable and everything arrives."""
        self.watched(self.far_apart(SLOWER))
