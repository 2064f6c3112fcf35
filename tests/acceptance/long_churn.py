"""Three of five nodes restart again and again; the two that stay are none the worse for it."""

from __future__ import annotations

import os
from pathlib import Path
from signal import SIGKILL, SIGTERM

from twisted.python import log

from securechat.drills.rig import Member, Room, until
from securechat.membership.evidence import RING
from tests.acceptance.posts import PATIENCE, states
from tests.acceptance.rooms import OwnRoomCase
from tests.acceptance.sightings import FIVE, Sightings, made, story

TIMES = 64
LOOK = 8
"""Every so many restarts all five meet, and what was told meanwhile is looked at."""
STAY, GO = ("ada", "eve"), ("bob", "carol", "dave")


def opened(member: Member) -> int:
    """How many files and sockets a process has open, the connection that asks it not counted."""
    member.hang_up()
    assert member.process is not None
    return len(os.listdir(f"/proc/{member.process.pid}/fd"))


def resident(member: Member) -> int:
    """KiB of memory of a process."""
    assert member.process is not None
    pages = int(Path(f"/proc/{member.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def linked(member: Member) -> list[str]:
    """To whom a node has links, each as often as it has one."""
    return sorted(row["peer"] for row in member.items("links"))


class Churn(OwnRoomCase):
    """Killed and ended by turns, and started anew before anybody has waited."""

    timeout = 1500

    def test_restarts_in_a_row(self) -> None:
        """Each restart is an epoch, none leaves a link, a file or a line behind, and all goes on."""
        made(*FIVE)
        room = self.make(*FIVE)
        room.patience = PATIENCE
        room.start(*FIVE)
        self.settled(room)
        files = {name: until(lambda n=name: self.steady(room, n), "steady") for name in STAY}  # type: ignore[misc]
        memory = {name: resident(room[name]) for name in STAY}
        epochs = {name: room[name].ask("status")["epoch"] for name in FIVE}
        for first in range(0, TIMES, LOOK):
            told = Sightings(room, STAY)
            for number in range(first, first + LOOK):
                for name in GO:
                    room.end(name, (SIGKILL, SIGTERM)[number % 2])
                room.start(*GO)
            self.settled(room)
            for observer, whom in told.called("unreachable"):
                self.assertIn(whom, GO, story(room[observer], whom))
        for name in FIVE:
            now = epochs[name] + (TIMES if name in GO else 0)
            for observer in FIVE:
                self.assertEqual(room[observer].ask("who", name=name)["epoch"], now)
        for name in STAY:
            self.nothing_left(room[name], files[name])
            log.msg(
                f"figure: {name}: {memory[name]} KiB, after {TIMES} x 3: {resident(room[name])}"
            )
        self.goes_on(room)

    def settled(self, room: Room) -> None:
        """Wait until all see each other alive, over one link to each."""
        room.meet(*FIVE)
        for name in STAY:
            others = sorted(other for other in FIVE if other != name)
            until(
                lambda n=name, o=others: linked(room[n]) == o,  # type: ignore[misc]
                f"{name} has one link to each", PATIENCE,
            )  # fmt: skip

    def steady(self, room: Room, name: str) -> int:
        """How many files a node has open, once two looks in a row find as many."""
        first = opened(room[name])
        linked(room[name])
        return first if first == opened(room[name]) else 0

    def nothing_left(self, member: Member, files: int) -> None:
        """As many files are open as before, five members are known, and the evidence is bounded."""
        until(lambda: opened(member) <= files, f"{member.name} has {files} files open", PATIENCE)
        self.assertEqual(sorted(row["name"] for row in member.items("members")), sorted(FIVE))
        for name in GO:
            self.assertLessEqual(len(member.ask("who", name=name)["evidence"]), RING)
        status = member.ask("status")
        self.assertEqual((status["gaps"], status["outbox"], status["unknown"]), (0, 0, 0))

    def goes_on(self, room: Room) -> None:
        """What is said now is acked by all, under one digest."""
        for name in FIVE:
            post = room[name].ask("say", text=f"{name} after all that")["id"]
            until(
                lambda n=name, p=post: set(states(room[n], p).values()) == {"acked"},  # type: ignore[misc]
                f"{post} is acked by all",
            )
        room.agree(*FIVE)
