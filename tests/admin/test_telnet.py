"""What telnet mixes in, and how lines are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.telnet import LineCutter, TelnetFilter, TooLong


def filtered(data: bytes, size: int | None = None) -> tuple[bytes, bytes]:
    """Text and answers, fed in pieces of this size."""
    telnet, text, answers = TelnetFilter(), b"", b""
    step = size or max(1, len(data))
    for start in range(0, len(data), step):
        more, answer = telnet.feed(data[start : start + step])
        text, answers = text + more, answers + answer
    return text, answers


class Filter(SynchronousTestCase):
    """Telnet's own bytes."""

    def both(self, data: bytes, text: bytes, answers: bytes) -> None:
        """Whole and byte by byte it comes to the same."""
        self.assertEqual(filtered(data), (text, answers))
        self.assertEqual(filtered(data, 1), (text, answers))

    def test_ctrl_c_is_answered_and_the_line_survives(self) -> None:
        """After one Ctrl-C telnet drops all output until its timing mark is answered."""
        self.both(b"\xff\xf4\xff\xfd\x06status\r\n", b"status\r\n", b"\xff\xfb\x06")

    def test_options_are_declined(self) -> None:
        """DO gets WONT, WILL gets DONT; WONT and DONT get nothing, so no loop begins."""
        self.both(b"a\xff\xfd\x01b\xff\xfb\x18c", b"abc", b"\xff\xfc\x01\xff\xfe\x18")
        self.both(b"a\xff\xfc\x01b\xff\xfe\x06c", b"abc", b"")

    def test_are_you_there(self) -> None:
        """Yes."""
        self.both(b"\xff\xf6", b"", b"[yes]\r\n")

    def test_sub_negotiations_are_skipped(self) -> None:
        """Also with an escaped IAC inside."""
        self.both(b"a\xff\xfa\x18\x00x\xff\xffy\xff\xf0b", b"ab", b"")

    def test_a_doubled_byte_is_one(self) -> None:
        """FF FF is the byte FF."""
        self.both(b"\xff\xff", b"\xff", b"")

    def test_end_of_file_is_ctrl_d(self) -> None:
        """Telnet's EOF command ends the session as Ctrl-D does."""
        self.both(b"\xff\xec", b"\x04", b"")

    def test_a_storm_is_bounded(self) -> None:
        """A megabyte of options costs answers of the same size and no text."""
        text, answers = filtered(b"\xff\xfd\x01" * 300_000)
        self.assertEqual((text, len(answers)), (b"", 900_000))

    @given(st.binary(max_size=64))
    def test_pieces_do_not_matter(self, data: bytes) -> None:
        """However bytes arrive, the outcome is the same."""
        self.assertEqual(filtered(data), filtered(data, 1))

    @given(st.text())
    def test_text_passes(self, text: str) -> None:
        """UTF-8 has no byte FF, so what people write is untouched."""
        data = text.encode("utf-8", "ignore")
        self.assertEqual(filtered(data), (data, b""))


class Lines(SynchronousTestCase):
    """Cutting."""

    def test_lines_end_with_a_line_feed(self) -> None:
        """Whatever the pieces."""
        cutter = LineCutter()
        self.assertEqual(cutter.feed(b"a\r\nb"), [b"a\r"])
        self.assertEqual(cutter.begun, b"b")
        self.assertEqual(cutter.feed(b"c\n\n"), [b"bc", b""])

    def test_a_long_line_is_given_up_at_once_and_skipped(self) -> None:
        """One report, bounded memory, and the next line is whole."""
        cutter = LineCutter(8)
        self.assertEqual(cutter.feed(b"12345678"), [])
        self.assertEqual(cutter.feed(b"9"), [TooLong.LINE])
        self.assertEqual(cutter.feed(b"x" * 100), [])
        self.assertEqual(cutter.begun, b"")
        self.assertEqual(cutter.feed(b"x\nok\n"), [b"ok"])
        self.assertEqual(cutter.feed(b"123456789\nok\n"), [TooLong.LINE, b"ok"])

    def test_the_carriage_return_does_not_count(self) -> None:
        """The longest line may end with CR LF."""
        self.assertEqual(LineCutter(8).feed(b"12345678\r\n"), [b"12345678\r"])

    @given(st.binary(max_size=80), st.integers(1, 9))
    def test_pieces_do_not_matter(self, data: bytes, size: int) -> None:
        """However bytes arrive, the same lines come out."""
        whole, pieces = LineCutter(8), LineCutter(8)
        expected = whole.feed(data + b"\n")
        found = []
        for start in range(0, len(data) + 1, size):
            found += pieces.feed((data + b"\n")[start : start + size])
        self.assertEqual(found, expected)
