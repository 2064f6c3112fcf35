"""A home is copied and started a second time: one member, two processes, and who of them is heard."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from signal import SIGCONT, SIGSTOP

from securechat.drills.rig import Member, Room, free_ports, until
from securechat.drills.story import NAMES
from securechat.membership.messages import Ping
from securechat.messaging.hlc import stamp_of
from securechat.messaging.messages import Posts
from securechat.messaging.statements import Envelope, Opening, Start, attachment_of
from securechat.node.handshake import Close, Hello, Welcome
from securechat.objects import Purpose
from tests.acceptance.netns import PORT, WiredCase, WiredRoom
from tests.acceptance.port import Port
from tests.acceptance.rogue import NAME, Rogue, rogue
from tests.acceptance.rooms import OwnRoomCase, change, scratch
from tests.acceptance.sightings import Sightings, let_in
from tests.acceptance.test_attacks import AttackCase

OTHERS = ("ada", "bob")
OLD_WORDS = "said by the older process"
LIVE = ("admin.sock", "admin.cookie", "node.lock")


def copied(member: Member) -> Room:
    """The same home at another place and on other ports, made while its process is stopped."""
    room = Room(scratch())
    port, admin = free_ports(2)
    home = room.folder / member.name
    shutil.copytree(member.home, home, ignore=shutil.ignore_patterns(*LIVE))
    change(home, listen=f'"127.0.0.1:{port}"', tcp=f'"127.0.0.1:{admin}"')
    room.members[member.name] = Member(member.name, home, port, admin)
    return room


def conflicts(member: Member) -> list[str]:
    """What a process said of another one with its key, oldest first."""
    lines = member.log.read_text().splitlines()
    return [line.partition("what=")[2] for line in lines if " conflict " in line]


def marks(member: Member, text: str) -> list[str | None]:
    """How a node marks the posts of this text; empty if it shows none."""
    posts = member.items("messages", kind="post", after="", limit=1000)
    return [post["mark"] for post in posts if post["text"] == text]


class CopiedHome(OwnRoomCase):
    """Carol's process is stopped, a copy of her home is started, then the older process wakes."""

    def setUp(self) -> None:
        """All have met; the copy is made and not started."""
        self.room = self.make(*NAMES)
        self.room.start(*NAMES)
        self.room.meet(*NAMES)
        self.carol = self.room["carol"]
        status = self.carol.ask("status")
        self.member, self.older = status["id"], status["epoch"]
        self.carol.ask("say", text="before")
        self.room.agree(*NAMES)
        self.room.signal("carol", SIGSTOP)
        self.twin = copied(self.carol)
        self.addCleanup(self.twin.close)
        self.copy = self.twin["carol"]
        self.room.signal("carol", SIGCONT)
        self.room.meet(*NAMES)

    def both_speak(self) -> None:
        """The copy speaks while the older process is stopped; that one speaks as soon as it wakes."""
        person = Port(self.carol).json_mode()
        self.addCleanup(person.close)
        self.room.signal("carol", SIGSTOP)
        person.say(json.dumps({"tag": "t", "cmd": "say", "text": OLD_WORDS}))
        self.twin.start("carol")
        for name in OTHERS:
            until(lambda n=name: self.shown(n) == (self.epoch(), "alive"), f"{name} lets it in")  # type: ignore[misc]
        self.copy.ask("say", text="said by the copy")
        for name in OTHERS:
            self.room.shows(name, "said by the copy")
        self.room.signal("carol", SIGCONT)
        self.assertEqual(person.next()["code"], 252)

    def shown(self, name: str) -> tuple[int, str]:
        """Carol's epoch and state as another node shows them."""
        seen = self.room[name].ask("who", name="carol")
        return seen["epoch"], seen["state"]

    def settled(self) -> None:
        """Wait until the older process has stopped speaking and the copy is let in by all."""
        until(lambda: "stopped speaking" in "".join(conflicts(self.carol)), "the older stops")
        for name in OTHERS:
            until(lambda n=name: self.shown(n) == (self.epoch(), "alive"), f"{name} sees the copy")  # type: ignore[misc]

    def epoch(self) -> int:
        """That of the copy now: it takes another one when it hears what the older one has used."""
        found: int = self.copy.ask("status")["epoch"]
        return found

    def let_in(self, name: str) -> list[int]:
        """The epochs that a node has let in, in that order."""
        return [epoch for epoch, _ in let_in(self.room[name], self.member)]

    def refused(self, name: str) -> list[str]:
        """The HELLOs of the older process that a node refused, as it logged them."""
        lines = self.room[name].log.read_text().splitlines()
        of = f"link-refused peer={self.member} "
        why = f'reason=stale-epoch text="epoch {self.older}"'
        return [line for line in lines if of in line and why in line]

    def test_the_older_process_is_refused_and_counted(self) -> None:
        """Its links were ended meanwhile; when it dials again, its epoch is stale: both count that."""
        self.both_speak()
        until(lambda: any(map(self.refused, OTHERS)), "a HELLO of its epoch is refused")
        for name in OTHERS:
            logged = len(self.refused(name))
            counted = self.room[name].ask("counters")["refused"].get("stale-epoch", 0)
            self.assertGreaterEqual(counted, logged)
        until(lambda: self.carol.ask("counters")["refused"].get("by-peer.stale-epoch"), "it counts")
        self.settled()

    def test_the_older_process_says_conflict_and_stops_speaking(self) -> None:
        """It and the copy each say that another process has their key; only the copy is heard on."""
        told = Sightings(self.room, ("carol",))
        self.both_speak()
        self.settled()
        words = [event["what"] for event in told.events("carol", "conflict")]
        self.assertTrue(all("another process with this key" in line for line in words), words)
        self.assertIn("stopped speaking", words[-1])
        self.assertNotIn("stopped speaking", "".join(conflicts(self.copy)))
        until(lambda: not self.carol.items("links"), "the older process has no link")
        self.copy.ask("say", text="the copy goes on")
        for name in OTHERS:
            self.room.shows(name, "the copy goes on")

    def test_chat_shows_nothing_of_the_older_process_as_new(self) -> None:
        """Its words are not there, or are marked as lying above the end that its successor declared."""
        told = Sightings(self.room, OTHERS)
        self.both_speak()
        self.settled()
        self.copy.ask("say", text="the last word")
        for name in OTHERS:
            self.room.shows(name, "said by the copy", "the last word")
            posts = [event for event in told.events(name, "post") if event["author"] == "carol"]
            found = [post["mark"] for post in posts if post["text"] == OLD_WORDS]
            found += marks(self.room[name], OLD_WORDS)
            self.assertTrue(all(mark and "after-end" in mark for mark in found), found)
            said = [post["text"] for post in posts if not post["mark"]]
            self.assertEqual(said, ["said by the copy", "the last word"])
            self.assertEqual(marks(self.room[name], "the last word"), [None])
            self.assertEqual(self.room[name].texts().count("before"), 1)

    def test_no_node_lets_the_older_process_in_after_the_newer(self) -> None:
        """At each node the epochs that were let in only rise, and the copy's is the last."""
        self.both_speak()
        self.settled()
        for name in OTHERS:
            until(lambda n=name: self.let_in(n)[-1] == self.epoch(), f"{name} lets the copy in")  # type: ignore[misc]
            epochs = self.let_in(name)
            self.assertEqual(epochs, sorted(epochs))
            self.assertEqual(self.room[name].ask("status")["members"]["alive"], 3)


class CopiedHost(WiredCase):
    """The copy runs on another host, and the older process never stopped: it only hears nothing."""

    def test_who_hears_nothing_is_nobodys_news(self) -> None:
        """What the older process goes on sending is nobody's news; when it hears again, it stops."""
        room = self.wire(*NAMES, preset='"lan"')
        carol, copy = room["carol"], self.copy_of(room)
        room.switch.pull("copy")
        room.start("copy")
        for name in OTHERS:
            room.switch.drop("carol", name)
        room.switch.plug("copy")
        for name in OTHERS:
            until(lambda n=name: self.newer(room[n], copy), f"{name} is linked to the copy")  # type: ignore[misc]
        carol.ask("say", text=OLD_WORDS)
        copy.ask("say", text="said by the copy")
        for name in OTHERS:
            room.shows(name, "said by the copy")
            self.assertEqual(marks(room[name], OLD_WORDS), [])
        room.switch.mend()
        until(lambda: "stopped speaking" in "".join(conflicts(carol)), "the older process stops")
        for name in OTHERS:
            self.assertTrue(all(mark for mark in marks(room[name], OLD_WORDS)))

    def copy_of(self, room: WiredRoom) -> Member:
        """Carol's home on another host; not started."""
        home, address = room.folder / "copy", room.switch.host("copy")
        room.signal("carol", SIGSTOP)
        shutil.copytree(room["carol"].home, home, ignore=shutil.ignore_patterns(*LIVE))
        room.signal("carol", SIGCONT)
        change(home, listen=f'"{address}:{PORT}"')
        room.members["copy"] = Member("copy", home, PORT, PORT + 1)
        return room["copy"]

    def newer(self, member: Member, copy: Member) -> bool:
        """Whether a node holds the copy's process for the newest, and is linked to it."""
        rows = [row for row in member.items("members") if row["name"] == "carol"]
        epoch = copy.ask("status")["epoch"]
        return bool(rows) and rows[0]["epoch"] == epoch and rows[0]["via"] == "direct"


class OldLink(AttackCase):
    """A process that does not know yet that a later one has its key speaks on the link it had."""

    def post(self, process: Rogue, text: str) -> Posts:
        """The first post of a process."""
        body = attachment_of((text,))
        said = Envelope(
            process.id, process.epoch, process.boot, 1, 1, b"", stamp_of(int(time.time() * 1000)),
            hashlib.sha256(body).digest(), Opening(Start.FIRST),
        )  # fmt: skip
        return Posts((process.sign(said, Purpose.ENVELOPE, body),))

    def later(self) -> Rogue:
        """A later process with the same key."""
        made = rogue(asked=self.asked)
        self.addCleanup(made.hang_up)
        return made

    def ignored(self) -> int:
        """How often ada counted bytes on a link that she had closed as superseded."""
        return int(self.room["ada"].ask("counters").get("ignored", {}).get("superseded", 0))

    def epochs(self) -> set[int]:
        """Of the process, as the nodes hold it."""
        found = [row for name in NAMES for row in self.room[name].items("members")]
        return {row["epoch"] for row in found if row["name"] == NAME}

    def test_frames_of_the_older_process_are_refused_and_counted(self) -> None:
        """Its posts are shown by nobody, its end is told, and its HELLO is refused: one is live."""
        before = self.ignored()
        old = self.link()
        old.hears(False)
        newer = self.later()
        live = newer.dial(self.port, "ada")
        live.say(newer.hello())

        def counted() -> bool:
            old.say(Ping(4711, b"12345678"))
            return self.ignored() > before

        until(counted, "bytes on the superseded link are counted")
        old.say(self.post(self.rogue, "said on the superseded link"))
        theirs: Hello = live.gets(Hello)
        live.say(Welcome(theirs.epoch))
        live.gets(Welcome)
        live.say(self.post(newer, "said on the link of the newer process"))
        for name in NAMES:
            self.room.shows(name, "said on the link of the newer process")
        self.witness.serves()
        for name in NAMES:
            self.assertNotIn("said on the superseded link", self.room[name].texts())
        until(lambda: self.epochs() == {newer.epoch}, "all hold the newer process")
        self.assertEqual(self.room["ada"].state_of(NAME), "alive")
        self.assertFalse(live.closed)
        old.hears(True)
        self.assertEqual(old.gets(Close).reason, "superseded")
        self.refused_as_stale()

    def refused_as_stale(self) -> None:
        """The older process dials again."""
        line = self.rogue.dial(self.port, "ada")
        line.say(self.rogue.hello())
        self.assertEqual(line.refused(), "stale-epoch")
        self.assertTrue(line.gets(Close).live, "it is told that a link of the newer one is live")
