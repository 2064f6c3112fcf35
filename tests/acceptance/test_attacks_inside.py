"""Attacks by a member with a valid certificate that once worked: wrong objects, chasing, starving."""

from __future__ import annotations

from typing import Any

from securechat.drills.rig import until
from securechat.membership.messages import AskVouch, Claims, Observation, Rows, SignedAck
from securechat.messaging.messages import Posts
from securechat.messaging.statements import Envelope, Opening, Start
from securechat.node.handshake import Close, Hello, Welcome
from securechat.objects import Purpose, Signed
from tests.acceptance.rogue import rogue
from tests.acceptance.rooms import OwnRoomCase
from tests.acceptance.test_attacks import NAMES, AttackCase


class WrongObjects(AttackCase):
    """A statement of another kind where an Alive or a Leave belongs."""

    def post_of_ada(self) -> Signed:
        """An envelope that ada signed, as every peer gets it."""
        line = self.link()
        self.room["ada"].ask("say", text=f"for the rogue {len(self.room['ada'].texts())}")
        post: Posts = line.gets(Posts)
        line.end()
        return post.objects[0]

    def own_post(self) -> Signed:
        """An envelope of the rogue's own."""
        said = Envelope(
            self.rogue.id, self.rogue.epoch, self.rogue.boot, 1, 1, b"", 1, bytes(32),
            Opening(Start.FIRST),
        )  # fmt: skip
        return self.rogue.sign(said, Purpose.ENVELOPE)

    def test_adas_post_as_a_proof_against_her(self) -> None:
        """Two of ada's own posts, sent back as proofs in CLOSE: she neither jumps nor stops."""
        for _ in range(2):
            post = self.post_of_ada()
            with self.witness.nothing_changes():
                line = self.rogue.dial(self.port, "ada")
                line.say(self.rogue.hello())
                line.gets(Hello)
                line.say(Close("stale-epoch", True, (post,)))
                line.refused()
            self.assertNotIn("conflict what=", self.room["ada"].log.read_text())

    def test_adas_post_in_a_hello(self) -> None:
        """The same as what the rogue holds of her."""
        post = self.post_of_ada()
        with self.witness.nothing_changes():
            line = self.rogue.dial(self.port, "ada")
            line.say(self.rogue.hello(self.rogue.alive(), post))
            theirs: Hello = line.gets(Hello)
            line.say(Welcome(theirs.epoch))
            line.refused()

    def test_a_post_or_a_leave_in_place_of_the_alive(self) -> None:
        """HELLO shows the rogue's own post, or its own leave: refused, no fault of ada's."""
        for shown in (self.own_post(), self.rogue.leave(self.rogue.id, self.rogue.epoch)):
            with self.witness.nothing_changes():
                line = self.rogue.dial(self.port, "ada")
                line.say(self.rogue.hello(shown))
                theirs: Hello = line.gets(Hello)
                line.say(Welcome(theirs.epoch))
                line.refused()
            self.assertEqual(self.room["ada"].ask("counters").get("faults", 0), 0)

    def test_other_statements_as_claims(self) -> None:
        """A post and a signed ack as claims: refused, and no turn of ada's is lost."""
        ack = SignedAck(self.rogue.id, self.rogue.epoch, self.rogue.boot, self.bob, 1)
        for signed in (self.own_post(), self.rogue.sign(ack, Purpose.ACK)):
            with self.witness.nothing_changes():
                line = self.link()
                line.say(Claims((signed,)))
                self.assertNotEqual(line.refused(), "internal")
            self.assertEqual(self.room["ada"].ask("counters").get("faults", 0), 0)


class Chased(OwnRoomCase):
    """Accusing ada at each new version, as soon as it is told."""

    def test_refutations_are_bounded(self) -> None:
        """She refutes now and then, and stays healthy."""
        room = self.make(*NAMES, preset='"lan"')
        room.start(*NAMES)
        room.meet(*NAMES)
        one = rogue()
        self.addCleanup(one.hang_up)
        line = one.link(room["ada"].port, "ada")
        me = room["ada"].ask("status")
        said = -1
        start = len(line.pings)
        while len(line.pings) < start + 5:
            now = room["ada"].ask("status")["incarnation"]
            if now != said:
                line.say(Rows(0, (Observation(me["id"], me["epoch"], now, "suspect", False),)))
                said = now
        after = room["ada"].ask("status")
        self.assertLess(after["incarnation"], 10)
        self.assertLessEqual(after["local_health"], 1)


class Starved(OwnRoomCase):
    """Asking through the only go-between without end."""

    def test_others_are_still_asked_for(self) -> None:
        """
        Ada and bob are cut from each other: through carol, ada has word of bob in each period.

        The flood begins once the mute link has ended.  That end makes a suspect for as long as a
        question through carol takes, with a rogue or without: bob's process might have ended.
        """
        room = self.make(*NAMES, preset='"lan"')
        room.start(*NAMES)
        room.meet(*NAMES)
        one = rogue()
        self.addCleanup(one.hang_up)
        line = one.link(room["carol"].port, "carol")
        bob = room["bob"].ask("status")["id"]
        room["ada"].ask("fault", action="cut", names=["bob"])
        until(lambda: self.unlinked(room), "the mute link has ended")
        until(lambda: self.via(room) == ("alive", "indirect"), "alive through carol")
        seen: set[Any] = set()
        start, nonce = len(line.pings), 0
        while len(line.pings) < start + 6:
            line.say(*(AskVouch(bob, nonce + number) for number in range(100)))
            nonce += 100
            seen.add(self.via(room))
        self.assertEqual(seen, {("alive", "indirect")})

    def via(self, room: Any) -> tuple[str, str]:
        """How ada sees bob."""
        (row,) = [row for row in room["ada"].items("members") if row["name"] == "bob"]
        return row["state"], row["via"]

    def unlinked(self, room: Any) -> bool:
        """Whether neither ada nor bob has a link to the other."""
        pairs = (("ada", "bob"), ("bob", "ada"))
        return not any(
            link["peer"] == peer for name, peer in pairs for link in room[name].items("links")
        )
