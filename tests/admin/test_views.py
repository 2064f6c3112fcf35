"""What the commands print, made of what the cores show."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin import views, wording
from securechat.ids import BootId, Hash, Kind, MemberId, MessageId, Stream
from securechat.messaging.facts import DirectHeld
from securechat.node.wires import LinkView
from securechat.notices import DirectShown, LinkChanged
from securechat.simulation.people import person
from tests.admin.real import Alone
from tests.steps import steps

BOB: MemberId = person(1).signer.member


class Links(SynchronousTestCase):
    """Links and refusals."""

    def setUp(self) -> None:
        """A node that knows another member."""
        self.alone = Alone(knows=(1,))

    def test_an_offset_of_nothing_has_no_sign(self) -> None:
        """A clock a hair behind ours is 0.0 s ahead, not -0.0; one that is off keeps its sign."""
        view = self.alone.desk.view()
        row = LinkView(BOB, "out", 0, 0, 0, 0, "127.0.0.1:1")
        for offset, shown in ((-0.0002, "0.0"), (-0.5, "-0.5"), (0.25, "0.25")):
            seen = evolve(view, messaging=evolve(view.messaging, offsets={BOB: offset}))
            found = views.link(self.alone.desk.names, seen, row)["clock_offset_s"]
            self.assertEqual(repr(found), shown)

    def test_what_a_peer_refuses_is_said_in_words(self) -> None:
        """Its word is kept in brackets, for the counters; ours stay as they are."""
        said = "refused by the peer: a fault was healed, and what was half made in it is made anew"
        told = LinkChanged(BOB, "refused", "", "by-peer.mended")
        event = wording.event(self.alone.desk.names, told)
        self.assertEqual(event["why"], f"{said} [mended]")
        self.assertEqual(views.refusal("by-peer.self"), "refused by the peer: self [self]")
        detail = "by-peer.other: something new"
        self.assertEqual(views.refusal(detail), "refused by the peer: something new [other]")
        self.assertEqual(views.refusal("key-mismatch: not bob"), "key-mismatch: not bob")
        self.assertIsNone(views.refusal(None))


class Work(SynchronousTestCase):
    """What it costs to show something, counted: the node stands still meanwhile."""

    def costs(self, letters: int) -> list[int]:
        """With so many direct messages kept: the event of one, a page of five, a snapshot with five."""
        alone = Alone(knows=(1,))
        stream = Stream(BOB, 1, BootId("1" * 32))
        for number in range(1, letters + 1):
            name = Hash(number.to_bytes(32, "big"))
            fact = DirectHeld(
                BOB, 1, stream.boot, number, alone.node.me, number * 65536, name, 300, 1
            )
            alone.node.cores.apply(fact)
        shown = DirectShown(MessageId(stream, letters, Kind.DIRECT), alone.node.me)
        return [
            steps(lambda: alone.node.tell(shown)),
            steps(lambda: alone.reply("messages", limit=5)),
            steps(lambda: alone.reply("snapshot", limit=5)),
        ]

    def test_it_does_not_grow_with_the_direct_messages_kept(self) -> None:
        """Three thousand of them cost no more than thirty, whoever sent them and how fast."""
        for few, many in zip(self.costs(30), self.costs(3000), strict=True):
            self.assertLess(many, few * 1.05)
