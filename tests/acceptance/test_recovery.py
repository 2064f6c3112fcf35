"""What a node missed it gets from whoever has it, in everyone's order; what stays missing is told."""

from __future__ import annotations

from signal import SIGKILL
from typing import Any

from twisted.python import log

from securechat.drills.rig import Member, Room, until
from tests.acceptance.bare import transfer
from tests.acceptance.posts import (
    FAST,
    PATIENCE,
    Stopwatch,
    agreed,
    counted,
    cut,
    heal,
    holds,
    posts,
    say_many,
    shown,
    states,
)
from tests.acceptance.rooms import OwnRoomCase, change
from tests.acceptance.sightings import FIVE, Sightings, made

FOUR = FIVE[:4]
THOUSAND = 1000


class RecoveryCase(OwnRoomCase):
    """Rooms in which much is said."""

    timeout = 240

    def met(self, *names: str) -> Room:
        """A running room without a limit on what is said; all have met."""
        made(*names)
        room = self.make(*names, **FAST)
        room.patience = PATIENCE
        room.start(*names)
        room.meet(*names)
        return room


class AuthorAbsent(RecoveryCase):
    """Who said it is gone; what was said is not."""

    def test_a_thousand_posts_of_a_dead_author_reach_who_was_away(self) -> None:
        """The others have them all: marked as recovered, in everyone's order, under one digest."""
        room = self.met(*FIVE)
        room.end("eve", SIGKILL)
        ids = say_many(room["ada"], (f"of ada {n}" for n in range(THOUSAND)))
        rest = ("bob", "carol", "dave")
        for name in rest:
            holds(room[name], THOUSAND)
        room.end("ada", SIGKILL)
        watch = Stopwatch("1,000 posts of a dead author recovered")
        room.start("eve")
        started = watch.tell("until it answers")
        holds(room["eve"], THOUSAND)
        watch.tell(f"from the start of its process, which took {started:.2f} s")
        size = room["eve"].ask("counters")["bytes_in"]
        log.msg(f"figure: bare TLS of {size} bytes: {transfer(room['eve'].home, size):.3f} s")
        found = posts(room["eve"])
        self.assertEqual([post["id"] for post in found], ids)
        unmarked = [post["id"] for post in found if not post["recovered"]]
        self.assertEqual(unmarked, [], room["eve"].ask("counters"))
        told = Sightings(room, ("eve",)).from_their_starts().events("eve", "recovered")
        self.assertLessEqual({event["via"] for event in told}, set(rest))
        brought = [seq for event in told for seq in range(event["from"], event["to"] + 1)]
        self.assertEqual(sorted(brought), [post["seq"] for post in found])
        agreed(room, *rest, "eve")
        self.assertEqual(room["eve"].items("gaps"), [])
        room.start("ada")
        agreed(room, *FIVE)

    def test_a_fan_out_that_is_killed_half_way_is_ended_by_the_others(self) -> None:
        """Bob has it, carol and dave do not; then carol does, dave does not; then all have it, once."""
        room = self.met(*FOUR)
        near, far = ("ada", "bob"), ("carol", "dave")
        cut(room, near, far)
        cut(room, ("carol",), ("dave",))
        message = room["ada"].ask("say", text="half way")["id"]
        room.shows("bob", "half way")
        until(lambda: states(room["ada"], message)["bob"] == "acked", "acked by bob")
        known = states(room["ada"], message)
        self.assertTrue({known["carol"], known["dave"]} <= {"queued", "sent", "unknown"}, known)
        self.assertEqual(room["ada"].items("outbox")[0]["acked"], 1)
        room.end("ada", SIGKILL)
        self.assertEqual([shown(room[name]) for name in far], [[], []])
        heal(room, ("bob",), ("carol",))
        room.shows("carol", "half way")
        until(lambda: not room["bob"].items("diff", peer="carol"), "bob knows that carol has it")
        (lacks,) = room["bob"].items("diff", peer="dave")
        place = (lacks["author"], lacks["from"], lacks["to"], lacks["here"], lacks["there"])
        self.assertEqual(place, ("ada", 1, 1, "stored", "missing"))
        self.assertEqual(shown(room["dave"]), [])
        heal(room, ("bob", "carol"))
        for name in far:
            room.shows(name, "half way")
            self.assertTrue(posts(room[name])[0]["recovered"])
        self.assertEqual([text for _, text, _ in agreed(room, "bob", *far)], ["half way"])
        room.start("ada")
        agreed(room, *FOUR)
        until(lambda: set(states(room["ada"], message).values()) == {"acked"}, "acked by all")

    def test_a_kill_in_the_middle_of_a_burst_loses_nothing_that_was_accepted(self) -> None:
        """Some had more of it than dave; they come to hold the same part; ada's disk has all, once."""
        room = self.met(*FOUR)
        said, rest = [f"burst {n}" for n in range(300)], FOUR[1:]
        room["ada"].ask("fault", action="delay", ms=1000, names=["dave"])
        cut(room, ("dave",), ("bob", "carol"))
        last = say_many(room["ada"], said)[-1]
        known = states(room["ada"], last)
        self.assertIn(known["dave"], ("queued", "sent"), known)
        room.end("ada", SIGKILL)
        room.sees("dave", "unreachable", "ada")
        self.assertLess(counted(room["dave"]), counted(room["bob"]))
        heal(room, ("dave",))
        part = [text for _, text, _ in agreed(room, *rest)]
        self.assertGreater(len(part), 0)
        self.assertEqual(part, said[: len(part)])
        room.start("ada")
        for name in FOUR:
            holds(room[name], len(said))
        self.assertEqual([text for _, text, _ in agreed(room, *FOUR)], said)
        until(lambda: set(states(room["ada"], last).values()) == {"acked"}, "acked by all")


class LastHolder(RecoveryCase):
    """Who alone has a range is down."""

    def test_a_gap_stays_and_tells_its_story_until_its_holder_returns(self) -> None:
        """Who was asked, what each answered, who could not be asked; it fills when he is back."""
        room = self.met(*FOUR)
        away, count = ("carol", "dave"), 600
        for name in away:
            room.end(name, SIGKILL)
        say_many(room["ada"], (f"kept by bob {n}" for n in range(count)))
        holds(room["bob"], count)
        room.end("ada", SIGKILL)
        room["bob"].ask("fault", action="cut", names=["dave"])
        room["bob"].ask("fault", action="delay", ms=400, names=["carol"])
        room.start(*away)
        until(lambda: self.partly(room["carol"], count), "carol has some of it", PATIENCE)
        room.end("bob", SIGKILL)
        agreed(room, *away)
        for name, other in (("carol", "dave"), ("dave", "carol")):
            self.gap_told(room[name], other)
        room["carol"].ask("say", text="talk goes on over a gap")
        room.shows("dave", "talk goes on over a gap")
        room.start("bob")
        for name in away:
            holds(room[name], count + 1)
            until(lambda n=name: not room[n].items("gaps"), f"{name} has no gap")  # type: ignore[misc]
            filled = [post for post in posts(room[name]) if post["author"] == "ada"]
            self.assertEqual([post["id"] for post in filled if not post["recovered"]], [])
        agreed(room, "bob", *away)

    def partly(self, member: Member, count: int) -> bool:
        """Whether a node lacks some of what it knows of."""
        return bool(member.items("gaps")) and counted(member) < count

    def gap_told(self, member: Member, other: str) -> None:
        """A node shows its gap with the answer of who is there, and who cannot be asked."""

        def answered() -> list[dict[str, Any]]:
            gaps = member.items("gaps")
            return gaps if gaps and all(gap["asked"].get(other) for gap in gaps) else []

        gaps = until(answered, f"{other} has answered {member.name}", PATIENCE)
        for gap in gaps:
            self.assertEqual(gap["asked"][other], "never had")
            self.assertIn("ada", gap["not_asked"])
            self.assertIn("bob", [*gap["not_asked"], *gap["asked"]])
            if member.name == "dave":  # He never heard bob; carol may have asked him for this too.
                self.assertEqual(set(gap["asked"]), {other})
            self.assertEqual(gap["verdict"], "waiting")
            told = member.ask("explain", id=f"gap:ada/{gap['epoch']}/{gap['from']}")
            self.assertIn("never had", str(told["items"]))
        items = member.items("messages", after="", limit=1000)
        lines = [item for item in items if item["kind"] == "gap"]
        self.assertEqual([line["from"] for line in lines], [gap["from"] for gap in gaps])
        self.assertEqual([line["asked"] for line in lines], [gap["asked"] for gap in gaps])


class Partition(RecoveryCase):
    """Two sides that do not hear each other."""

    count = 300
    """Posts of each side while they are apart."""

    def test_both_sides_go_on_and_are_one_room_again_after_the_heal(self) -> None:
        """Two talk, three talk, direct messages cross late; then one order, one digest, all acked."""
        room = self.met(*FIVE)
        two, three, count = FIVE[:2], FIVE[2:], self.count
        cut(room, two, three)
        for name in ("ada", "eve"):
            say_many(room[name], (f"{name} {n}" for n in range(count)))
        for name in FIVE:
            holds(room[name], count)
        self.assertNotEqual(
            room["ada"].ask("digest")["digest"], room["eve"].ask("digest")["digest"]
        )
        letters = [
            (name, to, room[name].ask("dm", to=to, text=f"{name} to {to}")["id"])
            for name, to in (("ada", "carol"), ("carol", "ada"), ("bob", "eve"), ("ada", "bob"))
        ]
        until(lambda: states(room["ada"], letters[3][2]) == {"bob": "acked"}, "acked on one side")
        for name, to, letter in letters[:3]:
            self.assertIn(states(room[name], letter)[to], ("queued", "sent", "unknown"))
        watch = Stopwatch(f"2 x {count:,} posts exchanged after a partition")
        heal(room, two)
        for name in FIVE:
            holds(room[name], 2 * count)
        watch.tell("from the heal")
        room.agree(*FIVE)
        self.healed_in(watch.tell("until the digests were equal"))
        agreed(room, *FIVE)
        for name, to, letter in letters:
            until(lambda n=name, t=to, i=letter: states(room[n], i) == {t: "acked"}, "acked")  # type: ignore[misc]
            texts = [item["text"] for item in room[to].items("messages", kind="dm")]
            self.assertEqual(texts.count(f"{name} to {to}"), 1)
        watch.tell("until all direct messages across were acked")

    def healed_in(self, seconds: float) -> None:
        """How long it took until all had the same digest; a figure."""


class Pruned(RecoveryCase):
    """What nobody keeps any more is told as that."""

    keep, total, portion = 20, 60, 10
    """Posts that a node may keep, posts said, and how many of them at a time."""

    def test_a_post_pruned_on_every_holder_closes_as_a_gap_with_that_cause(self) -> None:
        """Ada and bob keep few; carol, who keeps all, shows what she will never get, and why."""
        made("ada", "bob", "carol")
        room = self.make("ada", "bob", "carol", **FAST)
        room.patience = PATIENCE
        for name in ("ada", "bob"):
            change(room[name].home, posts=str(self.keep))
        room.start("ada", "bob", "carol")
        room.meet("ada", "bob", "carol")
        room.end("carol", SIGKILL)
        texts = [f"soon gone {n}" for n in range(self.total)]
        last = texts[-1]
        for start in range(0, self.total, self.portion):
            # Ada has them no more after so many others: who missed one then would never have had it.
            ids = set(say_many(room["ada"], texts[start : start + self.portion]))
            until(lambda i=ids: i <= {post["id"] for post in posts(room["bob"])}, "bob has them")  # type: ignore[misc]
        for name in ("ada", "bob"):
            until(lambda n=name: counted(room[n]) <= self.keep, f"{name} has pruned", PATIENCE)  # type: ignore[misc]
            room.shows(name, last)
        room.start("carol")
        room.shows("carol", last)
        carol = room["carol"]
        gap = until(lambda: closed(carol), "the gap is closed", PATIENCE)
        self.assertEqual((gap["from"], gap["verdict"]), (1, "closed: pruned by all"))
        self.assertEqual(gap["to"], self.total - counted(carol))
        self.assertEqual(gap["asked"], {"ada": "pruned", "bob": "pruned"})
        first = carol.items("messages", after="", limit=5)[0]
        self.assertEqual((first["kind"], first["verdict"]), ("gap", gap["verdict"]))


def closed(member: Member) -> dict[str, Any] | None:
    """The first gap that a node has given up."""
    gaps = member.items("gaps")
    return next((gap for gap in gaps if gap["verdict"].startswith("closed")), None)
