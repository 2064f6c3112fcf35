"""Real nodes on hosts of their own: pulled cables, lossy ones, firewalls, and who still says what."""

from __future__ import annotations

from securechat.drills.rig import Room, until
from securechat.drills.story import NAMES
from tests.acceptance.netns import WiredCase
from tests.acceptance.sightings import Sightings, both_say, pause, story

PAIR = ("ada", "bob")
STEADY = 4.0
"""Seconds in which nothing may change: twenty rounds of probes of ``local``."""
LAN = '"lan"'
POSTS = 6
"""What each says while packets are lost, and ..."""
BETWEEN = 0.8
"""... seconds between two posts: long enough for many rounds of probes."""


def acked(room: Room, name: str, message: str) -> int:
    """How many recipients have acknowledged a message."""
    rows = room[name].items("delivery", id=message)
    return sum(row["state"] == "acked" for row in rows)


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
        self.assertTrue(room["carol"].ask("status")["cut_off"])
        self.assertFalse(room["ada"].ask("status")["cut_off"])
        for name in ("ada", "carol"):
            room[name].ask("say", text=f"{name} on her side")
        room.shows("bob", "ada on her side")
        self.assertTrue(both_say(room["ada"], "bob", "alive"))
        room.switch.plug("carol")
        room.meet(*NAMES)
        until(lambda: not room["carol"].ask("status")["cut_off"], "carol is not cut off any more")
        room.agree(*NAMES)
        for name in NAMES:
            room.shows(name, "ada on her side", "carol on her side")
            self.assertEqual(room[name].ask("status")["epoch"], 1)
        for name in ("ada", "bob"):
            states = told.of(name, "carol")
            self.assertEqual(states[:2], ["suspect", "unreachable"], story(room[name], "carol"))
            self.assertNotIn("unreachable", states[2:], story(room[name], "carol"))
            self.assertEqual({whom for whom, *_ in told.steps(name)}, {"carol"})


class Losses(WiredCase):
    """Cables that lose packets, with the preset of a network."""

    rounds = POSTS

    def loses(self, percent: float) -> None:
        """While so many packets are lost on the way to each host, everybody keeps talking."""
        room = self.wire(*NAMES, preset=LAN)
        told = Sightings(room, NAMES)
        for name in NAMES:
            room.switch.lose(name, percent)
        said = [f"{name} {number}" for number in range(self.rounds) for name in NAMES]
        for text in said:
            room[text.split()[0]].ask("say", text=text)
            pause(BETWEEN)
        for name in NAMES:
            room.shows(name, *said)
        for observer, whom in told.called("unreachable"):
            self.fail(story(room[observer], whom))
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


class Apart(WiredCase):
    """Ada and bob have no way to each other; carol, between them, has one to both."""

    config: dict[str, str] = {}  # noqa: RUF012 - never changed
    steady = STEADY

    def setUp(self) -> None:
        """All have met and dialled each other."""
        super().setUp()
        self.room = self.wire(*NAMES, **self.config)
        self.told = Sightings(self.room, NAMES)
        self.waiting: list[tuple[str, str]] = []

    def sees_indirectly(self, observer: str, name: str) -> None:
        """Wait until one node sees a member alive through others, in ``members`` and in ``who``."""

        def seen() -> bool:
            rows = [m for m in self.room[observer].items("members") if m["name"] == name]
            rows.append(self.room[observer].ask("who", name=name))
            return all((row["state"], row["via"]) == ("alive", "indirect") for row in rows)

        until(seen, f"{observer} sees {name} alive, indirectly")

    def stays(self, *pairs: tuple[str, str]) -> None:
        """For a while nothing changes at anybody: no flapping; then these are alive through others."""
        quiet = Sightings(self.room, NAMES)
        pause(self.steady)
        for observer in NAMES:
            said = quiet.steps(observer)
            self.assertEqual(said, [], "".join(story(self.room[observer], one) for one, *_ in said))
        for observer, name in pairs:
            self.sees_indirectly(observer, name)

    def nobody_unreachable(self) -> None:
        """At no time did anybody call anybody unreachable."""
        for observer, whom in self.told.called("unreachable"):
            self.fail(story(self.room[observer], whom))

    def talk_through_carol(self) -> None:
        """
        Posts of both reach everybody, and both recipients' word for it comes back through carol.

        What is between the two alone waits for a way between them.
        """
        room = self.room
        for name, other in (PAIR, PAIR[::-1]):
            post = room[name].ask("say", text=f"{name} in spite of it")["id"]
            self.waiting.append((name, room[name].ask("dm", to=other, text="for you alone")["id"]))
            until(lambda n=name, p=post: acked(room, n, p) == 2, f"{post} is acked by both")  # type: ignore[misc]
        for name in NAMES:
            room.shows(name, *(f"{one} in spite of it" for one in PAIR))
        room.agree(*NAMES)

    def heals(self) -> None:
        """Once the firewalls let all pass, the pair hears each other directly again."""
        self.room.switch.mend()
        for observer, name in (PAIR, PAIR[::-1]):
            until(
                lambda o=observer, n=name: self.room[o].ask("who", name=n)["via"] == "direct",  # type: ignore[misc]
                f"{observer} sees {name} directly",
            )
        self.room.meet(*NAMES)
        for name, letter in self.waiting:
            until(lambda n=name, m=letter: acked(self.room, n, m) == 1, f"{letter} is acked")  # type: ignore[misc]

    def test_a_cut_between_two(self) -> None:
        """Alive through carol at both, steadily, and never unreachable; posts get through."""
        self.room.switch.cut(*PAIR)
        self.sees_indirectly("ada", "bob")
        self.sees_indirectly("bob", "ada")
        self.talk_through_carol()
        self.stays(PAIR, PAIR[::-1])
        self.assertEqual(self.told.steps("carol"), [])
        self.heals()
        self.nobody_unreachable()

    def test_a_cut_in_one_direction(self) -> None:
        """Bob hears nothing of ada, she would hear him: each has the other alive through carol."""
        self.room.switch.drop("bob", "ada")
        self.sees_indirectly("ada", "bob")
        self.sees_indirectly("bob", "ada")
        self.talk_through_carol()
        self.stays(PAIR, PAIR[::-1])
        self.assertEqual(self.told.steps("carol"), [])
        self.heals()
        self.nobody_unreachable()

    def rejects(self, how: str) -> None:
        """Bob's firewall refuses ada as if no process were there."""
        self.room.switch.reject("bob", "ada", how)
        self.sees_indirectly("ada", "bob")
        self.sees_indirectly("bob", "ada")
        self.stays(PAIR, PAIR[::-1])
        self.assertEqual(self.told.steps("carol"), [])
        self.heals()
        self.nobody_unreachable()

    def test_a_firewall_that_resets(self) -> None:
        """The link is reset and every redial is refused, and still bob is never unreachable."""
        self.rejects("reset")

    def test_a_firewall_that_says_port_unreachable(self) -> None:
        """Every redial is refused, and still bob is never unreachable."""
        self.rejects("icmp")
