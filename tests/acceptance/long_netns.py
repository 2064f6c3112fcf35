"""
Hosts with the preset of a network: cables pulled, cut, lossy, for as long as the issue asks.

How long something took is read off the nodes' own ``since``, whose clock is this machine's.
"""

from __future__ import annotations

import time
from signal import SIGCONT, SIGSTOP

from twisted.python import log

from securechat.admin.naming import time_of
from tests.acceptance import test_netns
from tests.acceptance.netns import WiredCase
from tests.acceptance.sightings import (
    FIVE,
    Sightings,
    accusations,
    both_say,
    made,
    moment,
    pause,
    story,
)

LAN = '"lan"'
WORST = 14.0
"""Seconds from a pulled cable to unreachable, at worst, where at least one peer is still heard."""
PULLS = 3
MINUTE = 60.0
HALF = 30.0
AFTER = 5.0
"""Seconds after all see each other again in which nobody is accused either."""
ROUNDS = 50
"""Posts of each of three, 0.8 s apart: two minutes."""


class PulledInALan(WiredCase):
    """Five hosts; one cable is pulled, again and again."""

    timeout = 400

    def test_a_pulled_cable_is_seen_in_time(self) -> None:
        """The other four say unreachable within 14 s; plugged in again, it is the same process."""
        made(*FIVE)
        room = self.wire(*FIVE, preset=LAN)
        rest = tuple(name for name in FIVE if name != "carol")
        took: list[float] = []
        for _ in range(PULLS):
            told = Sightings(room, rest)
            cut = time.time()
            room.switch.pull("carol")
            told.told_of("carol", "unreachable")
            took += [self.seconds(told, observer, cut) for observer in rest]
            for observer in rest:
                for other in rest:
                    self.assertTrue(both_say(room[observer], other, "alive"))
            room.switch.plug("carol")
            room.meet(*FIVE)
            self.assertEqual({whom for one in rest for whom, *_ in told.steps(one)}, {"carol"})
        figure = "unreachable after " + " ".join(f"{one:.1f}" for one in sorted(took)) + " s"
        log.msg(f"figure: a pulled cable, lan, four observers: {figure}")
        self.assertLessEqual(max(took), WORST, figure)
        self.assertEqual(room["carol"].ask("status")["epoch"], 1)

    def seconds(self, told: Sightings, observer: str, cut: float) -> float:
        """From the cut to unreachable, as ``members`` of one observer says; ``who`` says the same."""
        self.assertEqual(told.of(observer, "carol"), ["suspect", "unreachable"])
        node = told.room[observer]
        row = next(row for row in node.items("members") if row["name"] == "carol")
        seen = node.ask("who", name="carol")
        self.assertEqual((row["state"], row["since"]), ("unreachable", seen["since"]))
        last = [line for line in seen["evidence"] if line["counted"] and line["at"] >= told.since]
        self.assertEqual(last[-1]["verdict"], "unreachable", story(node, "carol"))
        return moment(seen["since"]) - cut


class ApartInALan(test_netns.Apart):
    """The same ways to be apart on five hosts with ``lan``, looked at for a minute each."""

    timeout = 400
    names = FIVE
    config = {"preset": LAN}  # noqa: RUF012 - never changed
    steady = MINUTE


class TwoMinutesOfLoss(test_netns.Losses):
    """The same losses for two minutes."""

    timeout = 600
    rounds = ROUNDS


class AsleepInALan(WiredCase):
    """Five hosts; the process on one is stopped for half a minute."""

    timeout = 300

    def setUp(self) -> None:
        """All five have met."""
        super().setUp()
        made(*FIVE)
        self.room = self.wire(*FIVE, preset=LAN)
        self.rest = tuple(name for name in FIVE if name != "bob")

    def test_half_a_minute_of_sleep(self) -> None:
        """Unreachable, then alive, in the same epoch; who slept accuses nobody."""
        room = self.room
        epoch = room["bob"].ask("status")["epoch"]
        told, asleep = Sightings(room, self.rest), Sightings(room, ("bob",))
        room.signal("bob", SIGSTOP)
        stopped = time.time()
        pause(HALF)
        for observer in self.rest:
            self.assertEqual(told.of(observer, "bob"), ["suspect", "unreachable"])
        since = [room[observer].ask("who", name="bob")["since"] for observer in self.rest]
        took = " ".join(f"{moment(one) - stopped:.1f}" for one in since)
        log.msg(f"figure: SIGSTOP, lan, four observers: unreachable after {took} s")
        woken = time_of(time.time_ns() // 1_000_000)
        room.signal("bob", SIGCONT)
        told.told_of("bob", "alive")
        room.meet(*FIVE)
        pause(AFTER)
        for observer in self.rest:
            self.assertEqual(told.of(observer, "bob").count("unreachable"), 1)
            self.assertEqual({whom for whom, *_ in told.steps(observer)}, {"bob"})
            self.assertEqual(room[observer].ask("who", name="bob")["epoch"], epoch)
        self.assertEqual([step for step in asleep.steps("bob") if step[-1] != "alive"], [])
        for observer in self.rest:
            self.accuses_nobody(observer, woken)

    def accuses_nobody(self, observer: str, since: str) -> None:
        """Since he woke bob has told this node nothing against the others, not even what counts not."""
        for other in self.rest:
            if other != observer:
                said = accusations(self.room[observer], other, "bob", since)
                self.assertEqual(said, [], story(self.room[observer], other))
