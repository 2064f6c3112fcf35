"""Links: the handshake on the wire, duplicates, old incarnations, garbage, and the cable."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random
from typing import Any, cast

from attrs import define, field, frozen
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, MemberId
from securechat.inputs import (
    EVERYBODY,
    DialFailed,
    DialOutcome,
    Disturb,
    Ending,
    Greeted,
    Heal,
    Heard,
    LinkDown,
    LinkUp,
    Refused,
)
from securechat.membership.messages import Rows
from securechat.node import door as node_door
from securechat.node import handshake
from securechat.node.faults import Cable
from securechat.node.handshake import Close, Hello
from securechat.node.links import Links
from securechat.node.wires import Arrived, stale
from securechat.objects import Admitted, Purpose, Signed
from securechat.settings import Settings
from securechat.wire import Codec, pack, unpack

ADA, BOB, CAROL = (MemberId(letter * 52) for letter in "abc")


@frozen
class Word:
    """A message of no core."""

    text: str


@frozen
class Life:
    """What stands for an Alive here."""

    author: MemberId
    epoch: int
    boot: str


CODEC = Codec({**handshake.MESSAGES, 24: Rows, 40: Word}, {Purpose.ALIVE: Life})


def alive(member: MemberId, epoch: int, boot: str) -> Signed:
    """An Alive that this test's door believes."""
    return Signed(Purpose.ALIVE, pack(Life(member, epoch, boot)), bytes(64))


class Door:
    """Believes every object; decodes for real."""

    codec = CODEC

    def object(self, signed: Signed) -> Admitted[Any]:
        """Admitted, whatever it is."""
        life = unpack(Life, signed.statement)
        return Admitted(Hash(signed.statement), life.author, life, signed)


@define(eq=False)
class Side:
    """One node's links, and everything that they said to their node."""

    me: MemberId
    clock: Clock
    epoch: int = 1
    boot: BootId = BootId("0" * 32)
    known: dict[MemberId, Signed] = field(factory=dict)
    inputs: list[Any] = field(factory=list)
    events: list[Any] = field(factory=list)
    links: Links = field(init=False)
    writes: bool = True
    """Whether what a HELLO says is on disk at once."""
    turns: bool = True
    """Whether a turn handles at once what comes."""

    def __attrs_post_init__(self) -> None:
        settings = Settings()
        door = cast("node_door.Door", Door())
        self.links = Links(
            self, door, self.clock, lambda: 0, settings, Cable(True, Random(1)), Counter()
        )

    def hello(self, peer: MemberId) -> Hello:
        """Who we are."""
        mine = alive(self.me, self.epoch, self.boot)
        yours = self.known.get(peer)
        objects = (mine,) if yours is None else (mine, yours)
        return Hello(1, self.epoch, self.boot, (), objects)

    def held(self, peer: MemberId) -> tuple[int, BootId, Signed] | None:
        """What was told to this side."""
        signed = self.known.get(peer)
        if signed is None:
            return None
        life = unpack(Life, signed.statement)
        return life.epoch, BootId(life.boot), signed

    def put(self, item: Any) -> None:
        """Keep an input; a HELLO makes its Alive known, as membership does, and is welcome then."""
        self.inputs.append(item)
        if isinstance(item, Arrived) and self.turns:
            self.links.handled(item.link)
        if isinstance(item, Greeted) and self.writes:
            self.known[item.peer] = item.alive.signed
            self.links.kept(item.link)

    def tell(self, event: Any) -> None:
        """Keep an event."""
        self.events.append(event)

    def got(self, kind: type[Any]) -> list[Any]:
        """The inputs of one kind."""
        return [item for item in self.inputs if isinstance(item, kind)]


@define(eq=False)
class Wire:
    """One end of a stream that carries whole writes."""

    owner: Side
    peer: MemberId
    dialled: str | None
    address: str = "192.0.2.1:7400"
    local: str = "192.0.2.2:7400"
    queued: int = 0
    other: Wire | None = None
    sent: list[bytes] = field(factory=list)
    closed: bool = False
    reads: bool = True

    def write(self, data: bytes) -> None:
        """Kept until pumped."""
        self.sent.append(data)

    def pause(self) -> None:
        """Remembered."""
        self.reads = False

    def resume(self) -> None:
        """Remembered."""
        self.reads = True

    def close(self) -> None:
        """Closed once what was written has been pumped."""
        self.closed = True

    abort = close


def pump(*wires: Wire) -> None:
    """Carry bytes both ways until nothing moves, then deliver ends."""
    moved = True
    while moved:
        moved = False
        for wire in wires:
            assert wire.other is not None
            sent, wire.sent = wire.sent, []
            for data in sent:
                moved = True
                wire.other.owner.links.bytes_in(wire.other, data)
    for wire in wires:
        assert wire.other is not None
        if wire.closed or wire.other.closed:
            wire.owner.links.lost(wire, Ending.FIN, "closed")


def connect(dialler: Side, acceptor: Side, address: str = "192.0.2.9:7400") -> tuple[Wire, Wire]:
    """A stream between two sides, opened at both ends."""
    near, far = Wire(dialler, acceptor.me, address), Wire(acceptor, dialler.me, None)
    near.other, far.other = far, near
    acceptor.links.opened(far)
    dialler.links.opened(near)
    return near, far


class LinksTests(SynchronousTestCase):
    """Two nodes' links over wires in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ada, self.bob = Side(ADA, self.clock), Side(BOB, self.clock)

    def test_up(self) -> None:
        """HELLO and WELCOME cross, and both sides know whom they are linked to."""
        pump(*connect(self.ada, self.bob))
        (up,) = self.ada.got(LinkUp)
        self.assertEqual((up.peer, up.epoch, up.dialled), (BOB, 1, "192.0.2.9:7400"))
        (up,) = self.bob.got(LinkUp)
        self.assertEqual((up.peer, up.dialled), (ADA, None))
        self.assertEqual([view.peer for view in self.ada.links.view()], [BOB])
        self.clock.advance(60)
        self.assertEqual(len(self.ada.links.view()), 1)

    def test_frames(self) -> None:
        """Messages written together arrive together, in order, after the link is up."""
        pump(*(wires := connect(self.ada, self.bob)))
        self.ada.links.send(BOB, [CODEC.frame(Word("one")), CODEC.frame(Word("two"))])
        pump(*wires)
        (arrived,) = self.bob.got(Arrived)
        self.assertEqual(arrived.messages, (Word("one"), Word("two")))

    def test_no_link(self) -> None:
        """Sending to a peer without a link says so and does nothing."""
        self.assertFalse(self.ada.links.send(BOB, [b"x"]))
        self.assertIsNone(self.ada.links.queued(BOB))

    def test_unfinished_frame_is_contact(self) -> None:
        """Bytes of an unfinished frame prove that the peer lives."""
        near, far = connect(self.ada, self.bob)
        pump(near, far)
        self.bob.links.bytes_in(far, b"\0\0\1\0abc")
        self.assertEqual(len(self.bob.got(Heard)), 1)

    def test_silent(self) -> None:
        """A peer that says nothing after TLS is hung up when the handshake times out."""
        far = Wire(self.bob, ADA, None)
        self.bob.links.opened(far)
        self.clock.advance(10.1)
        self.assertTrue(far.closed)
        self.assertEqual(self.bob.links.counters["refused.silent"], 1)

    def test_dialled_and_mute(self) -> None:
        """Where we dialled and no HELLO came, the dial has failed in the handshake."""
        near = Wire(self.ada, BOB, "192.0.2.9:7400")
        self.ada.links.opened(near)
        self.clock.advance(10.1)
        self.ada.links.lost(near, Ending.FIN, "closed")
        (failed,) = self.ada.got(DialFailed)
        self.assertIs(failed.how, DialOutcome.HANDSHAKE)

    def test_garbage(self) -> None:
        """Garbage, a huge length, or a message before WELCOME costs the peer this link only."""
        for data, reason in (
            (b"\0\0\0\5hello", "malformed"),
            (b"\x80\0\0\0", "bad-length"),
            (CODEC.frame(Word("early")), "out-of-order"),
            ((5000).to_bytes(4, "big"), "bad-length"),
        ):
            far = Wire(self.bob, ADA, None)
            self.bob.links.opened(far)
            self.bob.links.bytes_in(far, data)
            self.assertTrue(far.closed, reason)
            self.assertIn(reason, self.bob.links.refusals.known[ADA])
            self.bob.links.lost(far, Ending.FIN, "")
        self.assertEqual(self.bob.inputs, [])
        pump(*connect(self.ada, self.bob))
        self.assertEqual(len(self.bob.got(LinkUp)), 1)

    def test_large_frames_once_up(self) -> None:
        """After HELLO the frame limit is that of a member."""
        pump(*(wires := connect(self.ada, self.bob)))
        self.ada.links.send(BOB, [CODEC.frame(Word("x" * 60_000))])
        pump(*wires)
        self.assertEqual(len(self.bob.got(Arrived)), 1)

    def test_old_incarnation(self) -> None:
        """An earlier epoch is refused with its own newer Alive; it learns whether that one is live."""
        proof = alive(ADA, 5, "1" * 32)
        self.bob.known[ADA] = proof
        pump(*connect(self.ada, self.bob))
        self.assertEqual(self.bob.got(LinkUp), [])
        (refused,) = self.ada.got(Refused)
        self.assertEqual((refused.reason, refused.live), ("stale-epoch", False))
        self.assertEqual(refused.proof.signed, proof)
        self.assertEqual(self.bob.links.counters["refused.stale-epoch"], 1)

    def test_restarted_peer_supersedes(self) -> None:
        """A higher epoch replaces the old link at once, as bookkeeping; old frames are ignored."""
        near, far = connect(self.ada, self.bob)
        pump(near, far)
        reborn = Side(ADA, self.clock, epoch=2, boot=BootId("2" * 32))
        wires = connect(reborn, self.bob)
        pump(*wires)
        self.assertTrue(far.closed)
        self.bob.links.bytes_in(far, CODEC.frame(Word("from the past")))
        self.assertEqual(self.bob.got(Arrived), [])
        self.assertEqual(self.bob.links.counters["ignored.superseded"], 1)
        self.bob.links.lost(far, Ending.FIN, "")
        (down,) = self.bob.got(LinkDown)
        self.assertEqual((down.how, down.linked), (Ending.BOOKKEEPING, True))

    def test_both_dial(self) -> None:
        """Two nodes that dial each other at once end with one link at once, decided by the lower id."""
        first = connect(self.ada, self.bob)
        second = connect(self.bob, self.ada)
        pump(*first, *second)
        for side in (self.ada, self.bob):
            self.assertEqual(len(side.links.view()), 1)
            (down,) = side.got(LinkDown)
            self.assertEqual((down.how, down.linked), (Ending.BOOKKEEPING, True))

    def test_goodbye(self) -> None:
        """Stopping says goodbye on every link, and takes no new one."""
        wires = connect(self.ada, self.bob)
        pump(*wires)
        self.ada.links.stop()
        pump(*wires)
        (down,) = self.bob.got(LinkDown)
        self.assertIs(down.how, Ending.GOODBYE)
        (own,) = self.ada.got(LinkDown)
        self.assertIs(own.how, Ending.SHUTDOWN)
        late = Wire(self.ada, BOB, None)
        self.ada.links.opened(late)
        self.assertTrue(late.closed)

    def test_on_its_way_up(self) -> None:
        """A link is settled once it is up, or ended; until then its peer may count on it."""
        self.assertTrue(self.ada.links.settled)
        wires = connect(self.ada, self.bob)
        self.assertFalse(self.ada.links.settled)
        pump(*wires)
        self.assertTrue(self.ada.links.settled)
        connect(self.ada, self.bob)
        self.ada.links.stop()
        self.assertTrue(self.ada.links.settled)

    def test_by_which_message(self) -> None:
        """A link that a peer loses by a message tells by which; the peer is told of no offence."""
        good = CODEC.frame(Word("fine"))
        bad = good.replace(b"fine", b"fin\xff")
        for frame, offence in ((bad, "Word"), (b"\0\0\0\5hello", "")):
            ada, bob = Side(ADA, self.clock), Side(BOB, self.clock)
            near, far = connect(ada, bob)
            pump(near, far)
            bob.links.bytes_in(far, frame)
            pump(near, far)
            for side, said in ((bob, offence), (ada, "")):
                (down,) = side.got(LinkDown)
                self.assertEqual((down.how, down.offence), (Ending.PROTOCOL, said))

    def test_old_incarnation_on_its_way_up(self) -> None:
        """An old process that was welcomed before the new one came is refused at its WELCOME."""
        near, far = connect(self.ada, self.bob)
        self.bob.links.bytes_in(far, near.sent.pop())
        reborn = Side(ADA, self.clock, epoch=2, boot=BootId("2" * 32))
        pump(*connect(reborn, self.bob))
        pump(near, far)
        self.assertTrue(far.closed)
        self.assertEqual([up.epoch for up in self.bob.got(LinkUp)], [2])
        self.assertEqual(self.bob.links.linked()[0].epoch, 2)
        self.assertEqual(self.bob.got(LinkDown), [])

    def test_no_welcome_before_the_disk(self) -> None:
        """Nobody is welcomed while what its HELLO says is not on disk; its own WELCOME may wait."""
        self.bob.writes = False
        near, far = connect(self.ada, self.bob)
        pump(near, far)
        self.assertEqual(self.ada.got(LinkUp) + self.bob.got(LinkUp), [])
        self.bob.links.kept(self.bob.got(Greeted)[0].link)
        pump(near, far)
        self.assertEqual(len(self.ada.got(LinkUp) + self.bob.got(LinkUp)), 2)

    def test_no_welcome_without_a_disk(self) -> None:
        """Who cannot be written down is told so, and that is no word about anybody's liveness."""
        self.bob.writes = False
        near, far = connect(self.ada, self.bob)
        pump(near, far)
        self.bob.links.not_kept(self.bob.got(Greeted)[0].link)
        pump(near, far)
        (failed,) = self.ada.got(DialFailed)
        self.assertEqual(failed.reason, "read-only")
        self.bob.links.kept(self.bob.got(Greeted)[0].link)
        self.assertEqual(self.bob.links.view(), ())

    def test_the_newest_process_is_not_superseded(self) -> None:
        """Links of earlier processes are closed while the one that replaces them is on its way up."""
        old = connect(self.ada, self.bob)
        pump(*old)
        reborn = Side(ADA, self.clock, epoch=2, boot=BootId("2" * 32))
        near, far = connect(reborn, self.bob)
        self.bob.links.bytes_in(far, near.sent.pop())
        self.bob.links.hangup(ADA, "superseded")
        pump(*old)
        pump(near, far)
        self.assertEqual([up.epoch for up in self.bob.links.linked()], [2])
        self.assertEqual(len(self.bob.got(LinkDown)), 1)

    def test_opposite_orders(self) -> None:
        """Where the two see their links come up in opposite orders, one link is still left."""
        first, second = connect(self.ada, self.bob), connect(self.bob, self.ada)
        for wire in (first[0], second[0], second[1], first[1]):
            for data in wire.sent:
                assert wire.other is not None
                wire.other.owner.links.bytes_in(wire.other, data)
            wire.sent = []
        for wire in (second[1], first[0], first[1], second[0]):
            for data in wire.sent:
                assert wire.other is not None
                wire.other.owner.links.bytes_in(wire.other, data)
            wire.sent = []
        pump(*first)
        pump(*second)
        self.clock.advance(11)
        pump(*first)
        pump(*second)
        for side in (self.ada, self.bob):
            self.assertEqual(len(side.links.view()), 1)

    def test_something_else_in_the_handshake(self) -> None:
        """Whatever else a member signed proves nothing of its past, in HELLO as in CLOSE."""
        post = Signed(Purpose.ENVELOPE, pack(Life(BOB, 9, "9" * 32)), bytes(64))
        mine = alive(ADA, 1, BootId("1" * 32))
        for message in (
            Hello(1, 1, BootId("1" * 32), (), (post,)),
            Hello(1, 1, BootId("1" * 32), (), (mine, post)),
            Close("stale-epoch", True, (post,)),
        ):
            far = Wire(self.bob, ADA, None)
            self.bob.links.opened(far)
            self.bob.links.bytes_in(far, CODEC.frame(message))
            self.assertTrue(far.closed)
            self.assertIn("wrong-object", self.bob.links.refusals.known[ADA])
        self.assertEqual(self.bob.inputs, [])

    def test_close_with_a_foreign_proof(self) -> None:
        """A CLOSE that carries garbage ends the link all the same, and takes no place for ever."""
        wires = connect(self.ada, self.bob)
        pump(*wires)
        close = Close("stale-epoch", True, (alive(BOB, 9, "9" * 32),))
        self.bob.links.bytes_in(wires[1], CODEC.frame(close))
        self.assertTrue(wires[1].closed)
        pump(*wires)
        self.assertEqual(self.bob.links.view(), ())
        self.assertTrue(self.bob.links.ended)

    def test_reasons_of_a_peer_make_no_counters(self) -> None:
        """A peer cannot fill our counters with reasons of its own."""
        for number in range(50):
            far = Wire(self.bob, ADA, None)
            self.bob.links.opened(far)
            self.bob.links.bytes_in(far, CODEC.frame(Close(f"reason {number}")))
            self.bob.links.bytes_in(far, b"more")
            self.bob.links.lost(far, Ending.FIN, "")
        self.assertEqual(self.bob.links.counters["refused.by-peer.other"], 50)
        self.assertLess(len(self.bob.links.counters), 10)

    def test_lost_on_the_way_up(self) -> None:
        """A link that was welcomed but never came up is a failed dial, not a link that went down."""
        near, far = connect(self.ada, self.bob)
        self.ada.links.bytes_in(near, far.sent.pop())
        self.ada.links.lost(near, Ending.RST, "gone")
        self.assertEqual(self.ada.got(LinkDown), [])
        self.assertEqual(len(self.ada.got(DialFailed)), 1)

    def test_last_words(self) -> None:
        """What a peer said before its CLOSE still counts, also when both come at once."""
        near, far = connect(self.ada, self.bob)
        pump(near, far)
        self.ada.links.send(BOB, [CODEC.frame(Word("I leave"))])
        self.ada.links.stop()
        near.sent = [b"".join(near.sent)]
        pump(near, far)
        (arrived,) = self.bob.got(Arrived)
        self.assertEqual(arrived.messages, (Word("I leave"),))
        self.assertFalse(stale(arrived.link))
        order = [type(item) for item in self.bob.inputs]
        self.assertLess(order.index(Arrived), order.index(LinkDown))

    def test_words_of_a_revoked_link(self) -> None:
        """What waits of a link that we ended ourselves is void."""
        wires = connect(self.ada, self.bob)
        pump(*wires)
        self.ada.links.send(BOB, [CODEC.frame(Word("late"))])
        pump(*wires)
        self.bob.links.hangup(ADA, "epoch-raised")
        (arrived,) = self.bob.got(Arrived)
        self.assertTrue(stale(arrived.link))

    def test_cut_cable(self) -> None:
        """A cut closes no link, swallows frames both ways, and leaves new links mute."""
        wires = connect(self.ada, self.bob)
        pump(*wires)
        self.bob.links.cable.obey(Disturb((ADA,), cut=True))
        self.ada.links.send(BOB, [CODEC.frame(Word("lost"))])
        self.bob.links.send(ADA, [CODEC.frame(Word("lost"))])
        pump(*wires)
        self.assertEqual((self.ada.got(Arrived), self.bob.got(Arrived)), ([], []))
        self.assertEqual(len(self.bob.links.view()), 1)
        pump(*connect(self.ada, self.bob))
        self.assertEqual(len(self.ada.got(LinkUp)), 1)
        self.bob.links.cable.obey(Heal())
        self.ada.links.send(BOB, [CODEC.frame(Word("heard"))])
        pump(*wires)
        self.assertEqual(len(self.bob.got(Arrived)), 1)

    def test_a_heal_breaks_off_what_is_half_made(self) -> None:
        """Its HELLOs are gone: at the heal both ends know at once that the dial has failed."""
        for peers, whose in product(((), (EVERYBODY,), (ADA,)), (1, -1)):
            self.setUp()
            dialler, acceptor = (self.ada, self.bob)[::whose]
            self.bob.links.obey(Disturb((ADA,), cut=True))
            wires = connect(dialler, acceptor)
            pump(*wires)
            self.bob.links.obey(Heal(peers))
            pump(*wires)
            self.assertTrue(self.ada.links.ended and self.bob.links.ended)
            (failed,) = dialler.got(DialFailed)
            self.assertEqual((failed.how, failed.reason), (DialOutcome.HANDSHAKE, "mended"))
            pump(*connect(dialler, acceptor))
            self.assertEqual((len(self.ada.got(LinkUp)), len(self.bob.got(LinkUp))), (1, 1))

    def test_a_heal_leaves_alone_what_is_up_and_who_is_not_healed(self) -> None:
        """Links that are up go on, and so does the handshake with anybody else."""
        wires = connect(self.ada, self.bob)
        pump(*wires)
        self.bob.links.obey(Disturb((ADA, CAROL), cut=True))
        stranger = Wire(self.bob, CAROL, None)
        self.bob.links.opened(stranger)
        self.bob.links.obey(Heal((ADA,)))
        pump(*wires)
        self.assertEqual(len(self.bob.links.view()), 1)
        self.assertFalse(wires[0].closed or wires[1].closed or stranger.closed)
        self.bob.links.obey(Heal((CAROL,)))
        self.assertTrue(stranger.closed)

    def test_what_is_closing_is_left_alone_by_a_heal(self) -> None:
        """A link that was told why it ends is told once."""
        near = Wire(self.ada, BOB, "192.0.2.9:7400")
        self.ada.links.opened(near)
        self.ada.links.hangup(BOB, "full")
        said = len(near.sent)
        self.ada.links.obey(Heal())
        self.assertEqual(len(near.sent), said)

    def test_delayed_cable(self) -> None:
        """A delay holds frames back and keeps their order."""
        wires = connect(self.ada, self.bob)
        pump(*wires)
        self.ada.links.cable.obey(Disturb((BOB,), delay_ms=300))
        self.ada.links.send(BOB, [CODEC.frame(Word("one")), CODEC.frame(Word("two"))])
        pump(*wires)
        self.assertEqual(self.bob.got(Arrived), [])
        self.clock.advance(0.3)
        pump(*wires)
        words = [message for item in self.bob.got(Arrived) for message in item.messages]
        self.assertEqual(words, [Word("one"), Word("two")])

    def end_over(self, slow: str) -> None:
        """Ada hangs up over a cable that one side delays by 0.3 s."""
        wires = connect(self.ada, self.bob)
        pump(*wires)
        side, peer = (self.ada, BOB) if slow == "ada" else (self.bob, ADA)
        side.links.cable.obey(Disturb((peer,), delay_ms=300))
        self.ada.links.hangup(BOB, "duplicate")
        near, far = wires
        for data in near.sent:
            self.bob.links.bytes_in(far, data)
        near.sent.clear()
        if near.closed:
            self.bob.links.lost(far, Ending.FIN, "closed")
        self.assertEqual(self.bob.got(LinkDown), [])
        self.clock.advance(0.4)
        for data in near.sent:
            self.bob.links.bytes_in(far, data)
        if near.sent:
            self.assertTrue(near.closed)
            self.bob.links.lost(far, Ending.FIN, "closed")
        (down,) = self.bob.got(LinkDown)
        self.assertEqual((down.how, down.reason), (Ending.BOOKKEEPING, "duplicate"))

    def test_an_end_said_late(self) -> None:
        """What is said last goes out before the stream is closed, however slow the cable is."""
        self.end_over("ada")

    def test_an_end_heard_late(self) -> None:
        """The end of a stream comes after what was said before it."""
        self.end_over("bob")

    def test_a_delay_that_became_shorter(self) -> None:
        """Frames said after the delay was lowered, or mended, do not overtake those before them."""
        wires = connect(self.ada, self.bob)
        pump(*wires)
        for side, peer in ((self.ada, BOB), (self.bob, ADA)):
            for word, delay in (("one", 300), ("two", 10), ("three", 0)):
                side.links.cable.obey(Disturb((peer,), delay_ms=delay))
                self.ada.links.send(BOB, [CODEC.frame(Word(f"{word} {peer}"))])
                pump(*wires)
            self.clock.advance(0.1)
            pump(*wires)
            self.assertEqual(len(self.bob.got(Arrived)), 3 * (side is self.bob))
            self.clock.advance(0.2)
            pump(*wires)
        words = [message for item in self.bob.got(Arrived) for message in item.messages]
        self.assertEqual([word.text.split()[0] for word in words], ["one", "two", "three"] * 2)

    def test_one_peer_takes_three_places(self) -> None:
        """A member that opens link after link keeps three places; its oldest unfinished one goes."""
        wires = [Wire(self.bob, ADA, None) for _ in range(70)]
        for wire in wires:
            self.bob.links.opened(wire)
        self.assertEqual([wire.closed for wire in wires], [True] * 67 + [False] * 3)
        self.bob.links.opened(other := Wire(self.bob, MemberId("c" * 52), None))
        for wire in wires[:67]:
            self.bob.links.lost(wire, Ending.RST, "broken off")
        self.assertFalse(other.closed)
        pump(*connect(self.ada, self.bob))
        self.assertEqual([up.peer for up in self.bob.got(LinkUp)], [ADA])

    def test_places_in_all(self) -> None:
        """Of 64 members each has a place, and one more is told that it is full here."""
        names = ["".join(pair) for pair in product("abcdefgh", repeat=2)]
        wires = [Wire(self.bob, MemberId(name * 26), None) for name in names]
        for wire in (*wires, last := Wire(self.bob, MemberId("z" * 52), None)):
            self.bob.links.opened(wire)
        self.assertFalse(any(wire.closed for wire in wires))
        self.assertEqual(CODEC.message(last.sent[-1][4:]), handshake.Close("full"))
        self.bob.links.opened(again := Wire(self.bob, wires[0].peer, None))
        self.assertTrue(again.closed)

    def test_links_that_are_up_make_no_room(self) -> None:
        """Three links of a peer that are up are kept, and a fourth is told that it is full here."""
        pairs = [connect(self.ada, self.bob) for _ in range(3)]
        for near, far in pairs:
            far.owner.links.bytes_in(far, b"".join(near.sent))
            near.owner.links.bytes_in(near, b"".join(far.sent))
            near.sent.clear()
            far.owner.links.bytes_in(far, CODEC.frame(handshake.Welcome(1)))
        self.assertEqual(len(self.bob.links.view()), 3)
        self.bob.links.opened(fourth := Wire(self.bob, ADA, None))
        self.assertTrue(fourth.closed)
        self.assertEqual(CODEC.message(fourth.sent[-1][4:]), handshake.Close("full"))
        self.assertFalse(any(far.closed for _, far in pairs))

    def test_strangers_stand_apart(self) -> None:
        """However many strangers knock: why a peer and a dial were refused stays known."""
        far = Wire(self.bob, ADA, None)
        self.bob.links.opened(far)
        self.bob.links.bytes_in(far, b"\x80\0\0\0")
        self.bob.links.refused("192.0.2.9:7400", True, "wrong-room", "")
        before = dict(self.bob.links.refusals.known)
        for port in range(500):
            self.bob.links.refused(f"198.51.100.1:{port}", False, "plaintext", "a browser", 2)
        self.assertEqual(self.bob.links.refusals.known, before)
        self.assertEqual(set(before), {ADA, "192.0.2.9:7400"})
        self.assertEqual(self.bob.links.counters["refused.plaintext"], 1000)
        self.assertEqual(len(self.bob.links.refusals.strangers), 16)
        self.assertIn("198.51.100.1:499", self.bob.links.refusals.strangers)

    def test_stuck_link(self) -> None:
        """A link that takes nothing is closed at its limit; recovery mends the rest."""
        near, _ = wires = connect(self.ada, self.bob)
        pump(*wires)
        near.queued = 2 * 1024 * 1024
        self.ada.links.send(BOB, [CODEC.frame(Word("x"))])
        self.assertTrue(near.closed)
