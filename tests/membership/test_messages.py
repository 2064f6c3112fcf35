"""What members may say about members, and within which bounds."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import RemoteError
from securechat.ids import MAX_INT, BootId, MemberId
from securechat.membership.messages import (
    FIRST_ID,
    LAST_ID,
    MAX_ROWS,
    Ack,
    Alive,
    AskClaims,
    Claims,
    Leave,
    Ping,
    Row,
    is_address,
)
from securechat.objects import Purpose, Signed
from securechat.settings import MAX_FRAME
from securechat.wire import pack
from tests.membership.bench import CODEC, boot, someone

WHO = someone("bob").id
ALIVE = Alive(WHO, 3, 1, boot("a"), ("10.0.0.2:7400", "[fe80::1]:7400"))


class MessageTests(SynchronousTestCase):
    """Messages and statements on the wire."""

    def test_every_message_comes_back(self) -> None:
        """What one node says is what another reads."""
        row = Row(WHO, 3, 1, False)
        signed = Signed(Purpose.LEAVE, b"x", b"s" * 64)
        for message in (
            Ping(5, b"12345678"),
            Ack(5),
            Claims((signed,)),
            AskClaims(WHO, WHO, (row,)),
        ):
            self.assertEqual(CODEC.message(CODEC.frame(message)[4:]), message)

    def test_every_statement_comes_back(self) -> None:
        """What a member signs is what another reads."""
        for purpose, said in ((Purpose.ALIVE, ALIVE), (Purpose.LEAVE, Leave(WHO, 3, 1))):
            self.assertEqual(CODEC.statement(purpose, pack(said)), said)

    def test_largest_question_fits_a_frame(self) -> None:
        """A full AskClaims never exceeds what a frame may hold."""
        row = Row(WHO, MAX_INT, MAX_INT, True)
        frame = CODEC.frame(AskClaims(FIRST_ID, LAST_ID, (row,) * MAX_ROWS))
        self.assertLess(len(frame), MAX_FRAME)

    def test_fields_out_of_bounds(self) -> None:
        """A version below its floor or above 63 bits, a bad id, boot id or digest is refused."""
        wrong = (
            evolve(ALIVE, epoch=0),
            evolve(ALIVE, epoch=MAX_INT + 1),
            evolve(ALIVE, incarnation=-1),
            evolve(ALIVE, boot=BootId("short")),
            evolve(ALIVE, author=MemberId("ADA")),
            evolve(ALIVE, addresses=("10.0.0.1:1",) * 5),
        )
        for said in wrong:
            with self.assertRaises(RemoteError):
                CODEC.statement(Purpose.ALIVE, pack(said))
        with self.assertRaises(RemoteError):
            CODEC.message(CODEC.frame(Ping(1, b"short"))[4:])

    def test_an_alive_carries_a_certificate(self) -> None:
        """An Alive without a certificate, or with an overlong one, is malformed."""
        ALIVE.check(b"der")
        for attachment in (b"", b"x" * 2049):
            with self.assertRaises(RemoteError):
                ALIVE.check(attachment)

    def test_addresses_are_places(self) -> None:
        """An Alive with something else than HOST:PORT, or one address twice, is malformed."""
        for addresses in (
            ("10.0.0.1:0",),
            ("nowhere",),
            ("a\x1b:1",),
            ("h:70000",),
            ("h:1", "h:1"),
        ):
            with self.assertRaises(RemoteError):
                evolve(ALIVE, addresses=addresses).check(b"der")

    def test_a_leave_stands_alone(self) -> None:
        """A Leave with an attachment is malformed."""
        Leave(WHO, 1, 0).check(b"")
        with self.assertRaises(RemoteError):
            Leave(WHO, 1, 0).check(b"x")

    @given(st.text(max_size=120))
    def test_addresses_of_any_text(self, text: str) -> None:
        """Whatever is called an address is short, printable ASCII with a port."""
        if is_address(text):
            self.assertTrue(text.isascii() and text.isprintable() and len(text) <= 100)
            self.assertTrue(0 < int(text.rpartition(":")[2]) < 65536)
