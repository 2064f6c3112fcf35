"""What we say: limits, nonces, envelopes, and where a new stream begins."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import LocalError
from securechat.ids import Hash
from securechat.inputs import StreamEnd
from securechat.messaging.hlc import stamp_of, wall_of
from securechat.messaging.messages import Posts
from securechat.messaging.statements import Envelope, Start
from securechat.notices import Delivery, PostShown
from securechat.settings import Settings
from securechat.wire import unpack
from tests.messaging.room import Disk, Member, Room, three


def refused(
    case: SynchronousTestCase, code: int, member: Member, text: str, nonce: str | None = None
) -> None:
    """Saying this is answered with this code."""
    with case.assertRaises(LocalError) as caught:
        member.say(text, nonce)
    case.assertEqual(caught.exception.code, code)


def headers(member: Member) -> list[Envelope]:
    """The headers of all envelopes of a member, as pushed."""
    return [
        unpack(Envelope, signed.statement)
        for owned in member.disk.objects.values()
        for signed in owned.values()
        if signed.purpose == "envelope" and unpack(Envelope, signed.statement).author == member.id
    ]


class Saying(SynchronousTestCase):
    """Say, and its answers."""

    def test_texts(self) -> None:
        """One byte to 8 KiB of valid Unicode, control characters and line breaks included."""
        _, ada, _, _ = three()
        for text in ("", "\ud800"):
            refused(self, 503, ada, text)
        refused(self, 501, ada, "é" * 4097)
        for text in ("x", "é" * 4096, "a\r\nb\x1b[2J\u202e\x00"):
            ada.say(text)
            self.assertEqual(ada.texts()[-1], text)

    def test_nonce(self) -> None:
        """The same nonce and text give the same id and nothing new, also after a restart."""
        room, ada, bob, _ = three()
        first = ada.say("once", "n1")
        again = ada.say("once", "n1")
        self.assertEqual((again.id, again.fresh, first.fresh), (first.id, False, True))
        refused(self, 503, ada, "other", "n1")
        for nonce in ("", "x" * 129, "a\nb"):
            refused(self, 503, ada, "once", nonce)
        ada.restart()
        room.seat(ada, *room.members.values())
        self.assertEqual(ada.say("once", "n1").id, first.id)
        room.run()
        self.assertEqual(bob.texts(), ["once"])

    def test_nonce_within_a_turn(self) -> None:
        """Two commands of one turn with one nonce are one post."""
        room, ada, _, _ = three()
        from securechat.inputs import Asked, Say

        for ticket in (51, 52):
            ada.do(ada.core.asked(Asked(ticket, Say("once", "n")), room.now))
        ada.do(ada.core.asked(Asked(53, Say("twice", "n")), room.now))
        ada.end()
        self.assertEqual(ada.answers[51].id, ada.answers[52].id)
        self.assertFalse(ada.answers[52].fresh)
        self.assertEqual(ada.answers[53].code, 503)
        self.assertEqual(ada.texts(), ["once"])

    def test_the_pause_is_never_none(self) -> None:
        """Refused a hair before it may be said, the pause to wait is 0.1 s and not 0.0."""
        room = Room()
        ada = room.member(1, settings=Settings(posts_per_second=20, burst=1))
        room.roster()
        ada.say("a")
        room.mono += 0.049
        with self.assertRaises(LocalError) as caught:
            ada.say("b")
        self.assertIn("in 0.1 s", caught.exception.text)

    def test_slow_down(self) -> None:
        """Above the burst we are told to slow down, and for how long; later it goes on."""
        room, ada, _, _ = three()
        ada.say_all(str(n) for n in range(100))
        refused(self, 421, ada, "too much")
        room.wait(0.1)
        ada.say("now it may")

    def test_one_envelope_a_turn(self) -> None:
        """The posts of a turn share one signature: up to 64 of them, up to 48 KiB."""
        room, ada, bob, _ = three()
        said = ada.say_all(str(n) for n in range(70))
        self.assertEqual([answer.id.seq for answer in said], list(range(1, 71)))
        self.assertEqual([header.count for header in headers(ada)], [64, 6])
        ada.say_all(["x" * 8192] * 7)
        self.assertEqual([header.count for header in headers(ada)], [64, 6, 6, 1])
        pushed = [send for send in ada.sent if isinstance(send.message, Posts)]
        self.assertEqual(len(pushed), 8)
        self.assertIs(pushed[0].message, pushed[1].message)
        room.run()
        self.assertEqual(len(bob.texts()), 77)
        shown = [notice for notice in ada.notices if isinstance(notice, PostShown)]
        self.assertEqual(len(shown), 77)

    def test_stamps_rise(self) -> None:
        """Within a stream the stamps rise, also when the wall clock is set back an hour."""
        room, ada, _, _ = three()
        ada.say("one")
        room.wall_ms -= 3_600_000
        ada.say("two")
        self.assertEqual(ada.texts(), ["one", "two"])
        first, second = sorted(headers(ada), key=lambda header: header.first)
        self.assertGreater(second.hlc, first.hlc)


class Streams(SynchronousTestCase):
    """How a new stream names the one before it."""

    def opening(self, member: Member) -> tuple[Start, int]:
        """What the newest stream of a member says of the one before it."""
        found = [header for header in headers(member) if header.epoch == member.epoch]
        opening = min(found, key=lambda header: header.first).opening
        assert opening is not None
        return opening.start, opening.seq

    def test_first(self) -> None:
        """The first epoch of all has nothing before it."""
        _, ada, _, _ = three()
        ada.say("hello")
        self.assertEqual(self.opening(ada), (Start.FIRST, 0))

    def test_after(self) -> None:
        """After a restart the new stream names the last post of the old, and goes on above it."""
        room, ada, _, _ = three()
        ada.say("one")
        ada.say("two")
        room.wall_ms -= 10_000_000
        ada.restart()
        room.seat(ada, *room.members.values())
        ada.say("three")
        self.assertEqual(self.opening(ada), (Start.AFTER, 2))
        self.assertEqual(ada.texts(), ["one", "two", "three"])

    def test_silent_epochs(self) -> None:
        """An epoch in which nothing was said is no loss."""
        room, ada, _, _ = three()
        for _ in range(3):
            ada.restart()
            room.seat(ada, *room.members.values())
        ada.say("at last")
        self.assertEqual(self.opening(ada), (Start.FIRST, 0))

    def test_lost(self) -> None:
        """An epoch beyond the next tells that there was a past, and that this disk lost it."""
        room, ada, _, _ = three()
        ada.say("gone")
        ada.disk = Disk()
        ada.restart(epoch=7)
        room.seat(ada, *room.members.values())
        ada.restart(epoch=8)
        room.seat(ada, *room.members.values())
        ada.say("where was I")
        self.assertEqual(self.opening(ada), (Start.LOST, 0))

    def test_told_by_a_peer(self) -> None:
        """A peer that holds our past gives it back, and then we name its end."""
        room, ada, bob, _ = three()
        ada.say("one")
        room.run()
        for other in (bob, *[m for m in room.members.values() if m.number == 3]):
            room.cut(ada, other)
        ada.disk = Disk()
        ada.restart(epoch=5)
        room.seat(ada, *room.members.values())
        room.link(ada, bob)
        room.wait(2)
        ada.say("two")
        self.assertEqual(self.opening(ada), (Start.AFTER, 1))
        room.wait(2)
        self.assertEqual(ada.texts(), ["one", "two"])
        self.assertEqual(ada.digest, bob.digest)

    def test_liar(self) -> None:
        """A peer's word for our past moves neither our clock nor our stream beyond reason."""
        room, ada, bob, _ = three()
        for seq, hlc in ((5, stamp_of(room.wall_ms + 90_000_000)), (2**62, 5), (0, 5)):
            end = StreamEnd(1, bob.boot, seq, bob.disk and b"\1" * 32, hlc)  # type: ignore[arg-type]
            room.told(ada, bob, end)
        ada.say("hello")
        self.assertEqual(self.opening(ada), (Start.FIRST, 0))
        self.assertLess(abs(wall_of(headers(ada)[0].hlc) - room.wall_ms), 60_000)

    def test_hearsay(self) -> None:
        """A peer's unsigned word for more of our past is no end, no loss and no far stamp."""
        for said_before in (False, True):
            room, ada, bob, carol = three()
            if said_before:
                ada.say("one")
                room.run()
            ada.restart()
            room.seat(ada, ada, bob, carol)
            hlc = stamp_of(room.wall_ms + 86_000_000)
            room.told(ada, bob, StreamEnd(7, bob.boot, 1_000_000, Hash(b"x" * 32), hlc))
            ada.say("hello")
            wanted = (Start.AFTER, 1) if said_before else (Start.FIRST, 0)
            self.assertEqual(self.opening(ada), wanted)
            said = next(header for header in headers(ada) if header.epoch == ada.epoch)
            self.assertLessEqual(wall_of(said.hlc) - room.wall_ms, 60_000)
            room.link(ada, carol)
            room.wait(2)
            self.assertEqual((carol.gaps(), carol.core.parts.book.losses), ([], {}))

    def test_epoch_raised_in_the_process(self) -> None:
        """An epoch raised without a restart begins a new stream, named after the one before."""
        room, ada, bob, _ = three()
        ada.say("one")
        ada.epoch = 9
        room.seat(ada, *room.members.values())
        ada.say("two")
        self.assertEqual(self.opening(ada), (Start.AFTER, 1))
        room.wait(0.2)
        self.assertEqual(bob.texts(), ["one", "two"])
        self.assertEqual(ada.lines()[1].state, Delivery.ACKED)

    def test_settings(self) -> None:
        """The burst is a setting."""
        room = Room()
        ada = room.member(1, settings=Settings(posts_per_second=1, burst=2))
        room.roster()
        ada.say_all(["a", "b"])
        refused(self, 421, ada, "c")
