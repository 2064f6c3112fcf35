"""
Authors that lie, and one that is framed, on real nodes: a rogue with a valid certificate signs posts.

Whatever it says, all nodes show the same, tell it as what it was, and harm nobody else for it.
"""

from __future__ import annotations

import hashlib
from typing import Any

from securechat.drills.rig import Member, until
from securechat.ids import MAX_INT, BootId, Hash, MemberId
from securechat.messaging.messages import Frontiers, Posts
from securechat.messaging.statements import (
    Envelope,
    Frontier,
    Opening,
    Start,
    StreamEntry,
    attachment_of,
)
from securechat.objects import Purpose, Signed
from securechat.signing import object_hash
from tests.acceptance.posts import PATIENCE, agreed, posts
from tests.acceptance.rogue import CODEC, NAME, Line, rogue
from tests.acceptance.rooms import OwnRoomCase
from tests.acceptance.sightings import Sightings

NAMES = ("ada", "bob", "carol")
FAR = 20_000
"""A seq up to which the rogue says that it has posts of ada."""
NEVER = Hash(b"\7" * 32)
"""The hash of no header that was ever signed."""

Stream = tuple[MemberId, int, BootId]


class AuthorCase(OwnRoomCase):
    """Three nodes that have met, and a rogue that is linked to all of them."""

    def setUp(self) -> None:
        """Ada has said something; the rogue was told it, as everybody."""
        self.room = self.make(*NAMES, preset='"lan"')
        self.room.start(*NAMES)
        self.room.meet(*NAMES)
        self.rogue = rogue()
        self.addCleanup(self.rogue.hang_up)
        self.lines = {name: self.rogue.link(self.room[name].port, name) for name in NAMES}
        self.room["ada"].ask("say", text="before the lie")
        self.first = self.pushed(self.lines["ada"])

    def pushed(self, line: Line) -> Signed:
        """The envelope that a node pushes."""
        posts: Posts = line.gets(Posts)
        return posts.objects[0]

    def name_of(self, signed: Signed) -> bytes:
        """The hash of what was signed."""
        return bytes(object_hash(self.rogue.identity.signer.room, signed))

    def post(self, text: str, stream: Stream, seq: int, previous: bytes) -> Signed:
        """A post for any place, stamped after ada's first one, under the rogue's signature."""
        body = attachment_of((text,))
        opening = None if previous else Opening(Start.FIRST)
        stamp = self.header(self.first).hlc + seq
        digest = hashlib.sha256(body).digest()
        said = Envelope(*stream, seq, 1, previous, stamp, digest, opening)
        return self.rogue.sign(said, Purpose.ENVELOPE, body)

    @staticmethod
    def header(signed: Signed) -> Any:
        """What an envelope says."""
        return CODEC.statement(signed.purpose, signed.statement)

    def marks(self, member: Member) -> dict[str, str | None]:
        """How a node marks each post, by its text."""
        found = member.items("messages", kind="post", limit=1000)
        return {post["text"]: post["mark"] for post in found}


class Framed(AuthorCase):
    """Lies about ada, who said nothing wrong."""

    def test_a_false_end_and_a_forged_post(self) -> None:
        """She is shown as before and marked by nobody; no gap is left, and the forger is cut off."""
        header = self.header(self.first)
        stream = (header.author, header.epoch, header.boot)
        entry = StreamEntry(*stream, ((1, FAR, NEVER),))
        claim = Frontier(
            self.rogue.id, self.rogue.epoch, self.rogue.boot, MAX_INT, True, 1, 1, (), (entry,)
        )
        forged = self.post("never said", stream, 2, self.name_of(self.first))
        for name in ("bob", "carol"):
            self.lines[name].say(Frontiers((self.rogue.sign(claim, Purpose.FRONTIER),)))
        self.room["ada"].ask("say", text="she goes on")
        for name in ("bob", "carol"):
            self.room.shows(name, "she goes on")
            self.lines[name].say(Posts((forged,)))
            self.assertEqual(self.lines[name].refused(), "bad-signature")
        self.room["ada"].ask("say", text="and on")
        texts = ["before the lie", "she goes on", "and on"]
        for name in NAMES:
            self.room.shows(name, "and on")
        found = agreed(self.room, *NAMES)
        self.assertEqual([(text, mark) for _, text, mark in found], [(t, None) for t in texts])
        for name in NAMES:
            member = self.room[name]
            until(lambda m=member: not m.items("gaps"), f"{name} has no gap", PATIENCE)  # type: ignore[misc]
            self.assertEqual(member.ask("who", name="ada")["state"], "alive")
        for name in ("bob", "carol"):
            refused = self.room[name].ask("counters")["refused"]
            self.assertEqual(refused.get("bad-signature"), 1, name)


class Forked(AuthorCase):
    """The rogue signs two posts for one place in its own stream."""

    def test_each_side_gets_one_of_two(self) -> None:
        """All come to hold both, mark the place, tell of the conflict, and mark nobody else."""
        stream = (self.rogue.id, self.rogue.epoch, self.rogue.boot)
        true = self.post("true one", stream, 1, b"")
        sides = {
            "bob": self.post("to bob", stream, 2, self.name_of(true)),
            "carol": self.post("to carol", stream, 2, self.name_of(true)),
        }
        told = Sightings(self.room, NAMES)
        for name, other in sides.items():
            self.lines[name].say(Posts((true,)), Posts((other,)))
        for name in NAMES:
            until(lambda n=name: self.forked(n), f"{name} shows both, marked", PATIENCE)  # type: ignore[misc]
        agreed(self.room, *NAMES)
        for name in NAMES:
            self.paged(self.room[name])
            story = str(self.room[name].ask("explain", id=f"{NAME}/{stream[1]}/2")["items"])
            for side in sides.values():
                self.assertIn(self.name_of(side).hex()[:8], story, name)
            (conflict,) = told.events(name, "conflict")
            self.assertIn(NAME, str(conflict))
            self.assertEqual(self.marks(self.room[name])["before the lie"], None)
        self.room["bob"].ask("say", text="talk goes on")
        for name in NAMES:
            self.room.shows(name, "talk goes on")

    def paged(self, member: Member) -> None:
        """A client that reads one line a time comes to the end, and each post has its own id."""
        whole = [post["id"] for post in posts(member)]
        found: list[str] = []
        while len(found) < len(whole):
            after = found[-1] if found else ""
            (line,) = member.ask("messages", kind="post", after=after, limit=1)["items"]
            found.append(line["id"])
        self.assertEqual(found, whole)
        for post in whole:
            self.assertIn(" stored", str(member.ask("explain", id=post)["items"]))

    def forked(self, name: str) -> bool:
        """Whether a node shows both, and marks both."""
        marks = self.marks(self.room[name])
        return {text for text, mark in marks.items() if mark == "forked"} == {"to bob", "to carol"}
