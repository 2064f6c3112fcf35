"""Real nodes on hosts of their own: cables, firewalls, a dead process, and who still says what."""

from __future__ import annotations

from signal import SIGKILL

from securechat.drills.rig import Room, until
from securechat.drills.story import NAMES
from securechat.membership.liveness import Sign
from tests.acceptance.netns import WiredCase
from tests.acceptance.sightings import FIVE, Sightings, both_say, made, pause, rules, story
from tests.acceptance.test_members import OTHERS, reached

PAIR = ("ada", "bob")
STEADY = 4.0
"""Seconds in which nothing may change: twenty rounds of probes of ``local``."""
STEADY_LAN = 13.0
"""The same with ``lan``: thirteen rounds, and longer than any suspicion of five lasts there."""
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


class Killed(WiredCase):
    """A process dies by itself; its host goes on, and its kernel refuses who dials it."""

    def test_kill_9(self) -> None:
        """All suspect it, and its refused redials make it unreachable; nobody else is accused."""
        made(*FIVE)
        room = self.wire(*FIVE, preset=LAN)
        reached(room)
        told = Sightings(room, OTHERS)
        room.end("bob", SIGKILL)
        told.told_of("bob", "unreachable")
        for observer in OTHERS:
            self.assertEqual(told.of(observer, "bob"), ["suspect", "unreachable"])
            why = rules(room[observer], "bob", "unreachable", told.since)
            self.assertNotIn(Sign.TIME_IS_UP.value, why, story(room[observer], "bob"))
        room.start("bob")
        told.told_of("bob", "alive")
        for observer in OTHERS:
            self.assertEqual(room[observer].ask("who", name="bob")["epoch"], 2)
            self.assertEqual({whom for whom, *_ in told.steps(observer)}, {"bob"})


class ApartCase(WiredCase):
    """Ada and bob have no way to each other; who is between them has one to both."""

    names: tuple[str, ...] = NAMES
    config: dict[str, str] = {}  # noqa: RUF012 - never changed
    steady = STEADY

    def setUp(self) -> None:
        """All have met and dialled each other; what they tell from here on is kept."""
        super().setUp()
        made(*self.names)
        self.room = self.wire(*self.names, **self.config)
        self.told = Sightings(self.room, self.names)
        self.waiting: list[tuple[str, str]] = []

    def sees_indirectly(self, observer: str, name: str) -> None:
        """Wait until one node sees a member alive through others, in ``members`` and in ``who``."""

        def seen() -> bool:
            rows = [m for m in self.room[observer].items("members") if m["name"] == name]
            rows.append(self.room[observer].ask("who", name=name))
            return all((row["state"], row["via"]) == ("alive", "indirect") for row in rows)

        until(seen, f"{observer} sees {name} alive, indirectly")

    def see_each_other_indirectly(self) -> None:
        """Wait until the pair does."""
        for observer, name in (PAIR, PAIR[::-1]):
            self.sees_indirectly(observer, name)

    def stays(self) -> None:
        """For a while nothing changes at anybody; then the pair is alive through others, as before."""
        quiet = Sightings(self.room, self.names)
        pause(self.steady)
        for observer in self.names:
            said = quiet.steps(observer)
            self.assertEqual(said, [], "".join(story(self.room[observer], one) for one, *_ in said))
        self.see_each_other_indirectly()

    def one_doubt_at_most(self) -> None:
        """No flapping, ever since all had met: each of the pair doubted the other once, or never."""
        for observer, name in (PAIR, PAIR[::-1]):
            said = self.told.of(observer, name)
            self.assertIn(said, ([], ["suspect", "alive"]), story(self.room[observer], name))
        for observer in set(self.names) - set(PAIR):
            self.assertEqual(self.told.steps(observer), [], observer)

    def nobody_unreachable(self) -> None:
        """At no time did anybody call anybody unreachable."""
        for observer, whom in self.told.called("unreachable"):
            self.fail(story(self.room[observer], whom))

    def talk_through_others(self) -> None:
        """
        Posts of both reach everybody, and every recipient's word for it comes back.

        What is between the two alone waits for a way between them.
        """
        room, others = self.room, len(self.names) - 1
        for name, other in (PAIR, PAIR[::-1]):
            post = room[name].ask("say", text=f"{name} in spite of it")["id"]
            self.waiting.append((name, room[name].ask("dm", to=other, text="for you alone")["id"]))
            until(lambda n=name, p=post: acked(room, n, p) == others, f"{post} is acked by all")  # type: ignore[misc]
        for name in self.names:
            room.shows(name, *(f"{one} in spite of it" for one in PAIR))
        room.agree(*self.names)

    def heals(self) -> None:
        """Once the firewalls let all pass, the pair hears each other directly again."""
        self.room.switch.mend()
        for observer, name in (PAIR, PAIR[::-1]):
            until(
                lambda o=observer, n=name: self.room[o].ask("who", name=n)["via"] == "direct",  # type: ignore[misc]
                f"{observer} sees {name} directly",
            )
        self.room.meet(*self.names)
        for name, letter in self.waiting:
            until(lambda n=name, m=letter: acked(self.room, n, m) == 1, f"{letter} is acked")  # type: ignore[misc]

    def lives_with_it(self, *, talking: bool = True) -> None:
        """The pair is alive to each other through others, steadily, until it is mended and after."""
        self.see_each_other_indirectly()
        if talking:
            self.talk_through_others()
        self.stays()
        self.one_doubt_at_most()
        self.heals()
        self.nobody_unreachable()


class Apart(ApartCase):
    """What can stand between two, with one host between them."""

    def test_a_cut_between_two(self) -> None:
        """Alive through carol at both, steadily, and never unreachable; posts get through."""
        self.room.switch.cut(*PAIR)
        self.lives_with_it()

    def test_a_cut_in_one_direction(self) -> None:
        """Bob hears nothing of ada, she would hear him: each has the other alive through carol."""
        self.room.switch.drop("bob", "ada")
        self.lives_with_it()

    def test_a_firewall_that_resets(self) -> None:
        """The link is reset and every redial is refused, and still bob is never unreachable."""
        self.room.switch.reject("bob", "ada", "reset")
        self.lives_with_it(talking=False)

    def test_a_firewall_that_says_port_unreachable(self) -> None:
        """Every redial is refused, and still bob is never unreachable."""
        self.room.switch.reject("bob", "ada", "icmp")
        self.lives_with_it(talking=False)


class ApartOfFive(ApartCase):
    """Two of five, with the preset of a network."""

    names = FIVE
    config = {"preset": LAN}  # noqa: RUF012 - never changed
    steady = STEADY_LAN

    def test_a_cut_between_two(self) -> None:
        """Alive through the others at both, doubted at most once, and never unreachable."""
        self.room.switch.cut(*PAIR)
        self.lives_with_it()
