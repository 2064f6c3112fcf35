"""Five real nodes, one of which is killed, restarted, stopped, ended: ``members`` and ``who``."""

from __future__ import annotations

import time
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

from attrs import frozen

from securechat.admin.naming import time_of
from securechat.drills.rig import Member, Room, until
from securechat.ids import MemberId
from securechat.membership.liveness import Sign
from securechat.simulation.grounds import unfounded
from tests.acceptance.rooms import RoomCase
from tests.acceptance.sightings import (
    FIVE,
    Sightings,
    accusations,
    both_say,
    let_in,
    made,
    moment,
    pause,
    rules,
    story,
)

OTHERS = tuple(name for name in FIVE if name != "bob")
NAP = 3.0
"""Seconds that a stopped process may be away, with ``lan``, before anybody calls it unreachable."""


@frozen
class Line:
    """One line of ``who``, as the judge of evidence reads it."""

    at: int
    by: MemberId
    what: str
    verdict: str
    counted: bool
    why: str


def uncarried(reply: dict[str, Any]) -> str:
    """P16: why the state that ``who`` says does not follow from its own lines; empty if it does."""
    lines = [
        Line(
            round(1000 * moment(line["at"])), MemberId(line["by"]), line["what"], line["verdict"],
            line["counted"], line["why"],
        )
        for line in reply["evidence"]
    ]  # fmt: skip
    return unfounded(reply["state"], lines)


def uncarried_at(member: Member) -> dict[str, str]:
    """Whose state does not follow from what ``who`` of this node lists, and why."""
    replies = {name: member.ask("who", name=name) for name in FIVE if name != member.name}
    return {name: why for name, reply in replies.items() if (why := uncarried(reply))}


def agreed(room: Room) -> None:
    """Wait until every node shows all five alive, in ``members`` and in ``who``."""
    room.meet(*FIVE)
    for name in FIVE:
        for other in FIVE:
            until(lambda n=name, o=other: both_say(room[n], o, "alive"), f"{name}: {other} alive")  # type: ignore[misc]


def reached(room: Room) -> None:
    """Wait until a dial of each other node has reached bob's process: only then refusals tell much."""
    bob = room["bob"].ask("status")
    wanted = (bob["epoch"], "out")
    for name in OTHERS:
        until(lambda n=name: wanted in let_in(room[n], bob["id"]), f"{name} has dialled bob")  # type: ignore[misc]


class FiveNodes(RoomCase):
    """What happens to bob, as the other four see it; the preset is ``local``."""

    names = FIVE

    def setUp(self) -> None:
        """All five are there, and what the four tell from here on is kept."""
        made(*FIVE)
        super().setUp()
        self.addCleanup(self.whole_again)
        self.epoch = self.room["bob"].ask("status")["epoch"]
        self.told = Sightings(self.room, OTHERS)

    def whole_again(self) -> None:
        """Whatever a test did, the next one finds five nodes that see each other."""
        if not self.room["bob"].running:
            self.room["bob"].process = None
            self.room.start("bob")
        self.room.signal("bob", SIGCONT)
        agreed(self.room)

    def all_told(self, state: str) -> None:
        """All four tell this of bob; what each lists of the others carries what it says of them."""
        self.told.told_of("bob", state)
        for observer in OTHERS:
            self.assertEqual(uncarried_at(self.room[observer]), {}, observer)

    def only_bob(self) -> None:
        """Nobody told anything of the other four."""
        for observer in OTHERS:
            self.assertEqual({whom for whom, *_ in self.told.steps(observer)}, {"bob"})

    def test_kill_9_is_seen_by_refused_redials_and_nobody_else_is_accused(self) -> None:
        """Suspect, then unreachable because the redial was refused, not because time went by."""
        reached(self.room)
        self.room.end("bob", SIGKILL)
        self.all_told("unreachable")
        for observer in OTHERS:
            self.assertEqual(self.told.of(observer, "bob"), ["suspect", "unreachable"])
            why = rules(self.room[observer], "bob", "unreachable", self.told.since)
            self.assertNotIn(Sign.TIME_IS_UP.value, why, story(self.room[observer], "bob"))
            self.assertTrue(any("refused" in rule for rule in why), why)
            said = [
                accusations(self.room[observer], "bob", other, self.told.since) for other in OTHERS
            ]
            self.assertTrue(any(said), story(self.room[observer], "bob"))
        self.only_bob()

    def test_a_restart_is_seen_alive_in_the_next_epoch(self) -> None:
        """After kill -9 the same member comes back, one epoch further, everywhere."""
        self.room.end("bob", SIGKILL)
        self.all_told("unreachable")
        self.room.start("bob")
        self.all_told("alive")
        for observer in OTHERS:
            self.assertEqual(self.room[observer].ask("who", name="bob")["epoch"], self.epoch + 1)
            self.assertEqual(self.told.of(observer, "bob").count("unreachable"), 1)
        self.only_bob()

    def test_a_leave_is_seen_by_all_and_never_unreachable_first(self) -> None:
        """SIGTERM is a goodbye: alive, then left, and nothing in between; it comes back alive."""
        self.room.end("bob")
        self.all_told("left")
        for observer in OTHERS:
            self.assertEqual(self.told.of(observer, "bob"), ["left"])
        self.room.start("bob")
        self.all_told("alive")
        for observer in OTHERS:
            self.assertEqual(self.room[observer].ask("who", name="bob")["epoch"], self.epoch + 1)
            self.assertNotIn("unreachable", self.told.of(observer, "bob"))
        self.only_bob()

    def test_who_was_cut_off_learns_a_leave_at_the_heal(self) -> None:
        """Carol hears nobody while bob says goodbye; when the cable is mended, she says left too."""
        carol = self.room["carol"]
        self.addCleanup(carol.ask, "fault", action="heal")
        carol.ask("fault", action="cut", names=[name for name in FIVE if name != "carol"])
        for other in ("bob", "ada"):
            self.room.sees("carol", "unreachable", other)
        self.room.end("bob")
        for observer in ("ada", "dave", "eve"):
            until(lambda o=observer: both_say(self.room[o], "bob", "left"), f"{observer}: left")  # type: ignore[misc]
            self.assertEqual(self.told.of(observer, "bob"), ["left"])
        self.assertTrue(both_say(carol, "bob", "unreachable"))
        carol.ask("fault", action="heal")
        self.all_told("left")

    def test_a_long_stop_is_unreachable_then_alive_in_the_same_epoch(self) -> None:
        """It comes back as itself and refutes what was said of it; when it wakes it accuses nobody."""
        asleep, said = Sightings(self.room, ("bob",)), self.room["bob"].ask("status")["incarnation"]
        self.room.signal("bob", SIGSTOP)
        self.all_told("unreachable")
        woken = time_of(time.time_ns() // 1_000_000)
        self.room.signal("bob", SIGCONT)
        self.all_told("alive")
        agreed(self.room)
        for observer in OTHERS:
            seen = self.room[observer].ask("who", name="bob")
            self.assertEqual(seen["epoch"], self.epoch)
            self.assertGreater(seen["incarnation"], said)
            for other in OTHERS:
                told = accusations(self.room[observer], other, "bob", woken)
                self.assertEqual(told, [], story(self.room[observer], other))
        self.assertEqual([step for step in asleep.steps("bob") if step[-1] != "alive"], [])
        self.only_bob()

    def test_a_line_that_is_missing_or_wrong_gives_another_state(self) -> None:
        """What ``who`` says follows from all of its lines, and not from a list that was changed."""
        self.room.end("bob", SIGKILL)
        self.all_told("unreachable")
        reply = self.room["ada"].ask("who", name="bob")
        lines = reply["evidence"]
        last = max(n for n, line in enumerate(lines) if line["counted"])
        self.assertEqual(uncarried(reply), "")
        ignored = {**lines[last], "counted": False}
        for changed in (lines[:last], [*lines[:last], ignored], [{**lines[0], "why": "so"}], []):
            self.assertNotEqual(uncarried({**reply, "evidence": changed}), "")
        self.assertNotEqual(uncarried({**reply, "state": "suspect"}), "")


class FiveNodesOfALan(RoomCase):
    """The same with the preset ``lan``, whose period is a second."""

    names = FIVE
    config = {"preset": '"lan"'}  # noqa: RUF012 - never changed

    def setUp(self) -> None:
        """All five are there, and what they tell from here on is kept."""
        made(*FIVE)
        super().setUp()

    def test_a_short_stop_makes_nobody_unreachable(self) -> None:
        """Three seconds of SIGSTOP: neither the sleeper nor anybody else is called unreachable."""
        told = Sightings(self.room, FIVE)
        self.room.signal("bob", SIGSTOP)
        pause(NAP)
        self.room.signal("bob", SIGCONT)
        agreed(self.room)
        self.assertEqual(told.called("unreachable"), [])
        for name in FIVE:
            self.assertEqual(uncarried_at(self.room[name]), {}, name)

    def test_kill_9_is_seen_by_refused_redials(self) -> None:
        """Also with ``lan`` it takes no timer: the kernel refuses the redials."""
        reached(self.room)
        told = Sightings(self.room, OTHERS)
        self.room.end("bob", SIGKILL)
        told.told_of("bob", "unreachable")
        for observer in OTHERS:
            why = rules(self.room[observer], "bob", "unreachable", told.since)
            self.assertNotIn(Sign.TIME_IS_UP.value, why, story(self.room[observer], "bob"))
            self.assertEqual({whom for whom, *_ in told.steps(observer)}, {"bob"})
            self.assertEqual(uncarried_at(self.room[observer]), {}, observer)
        self.room.start("bob")
        agreed(self.room)
