"""The rows of one page: order, gaps, scrolling, reading, history."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.chat.buffers import Buffer
from securechat.chat.rows import LAST, Gap, Note, Said
from tests.chat.scene import NOON, gap, post


def filled(*minutes: float) -> Buffer:
    """A buffer with one post of bob for each minute, in this order of arrival."""
    buffer = Buffer("room", "room")
    for minute in minutes:
        buffer.put(Said.read(post("bob", int(minute * 10), f"at {minute}", minute)))
    return buffer


def texts(buffer: Buffer) -> list[str]:
    """The rows in words."""
    return [row.text or "" if isinstance(row, Said | Note) else "gap" for row in buffer.rows]


def noon(minute: int) -> int:
    """Minutes after noon, in ms."""
    return NOON + minute * 60_000


class OrderTests(SynchronousTestCase):
    """Rows stand in the node's order."""

    @given(st.permutations(range(8)))
    def test_any_arrival(self, order: list[int]) -> None:
        """In whatever order posts arrive, they stand in the same order."""
        self.assertEqual(texts(filled(*order)), [f"at {n}" for n in range(8)])

    def test_once(self) -> None:
        """An id stands once; newer words about it replace it, a missing text is kept."""
        buffer = filled(1)
        item = {**post("bob", 10, "", 1, state="sent"), "text": None}
        former, index = buffer.put(Said.read(item))
        self.assertEqual((former and former.state, index, len(buffer.rows)), ("", 0, 1))
        self.assertEqual(buffer.find("bob/3/10").state, "sent")  # type: ignore[union-attr]
        self.assertEqual(texts(buffer), ["at 1"])

    def test_moved(self) -> None:
        """If the node gives a message another place, it moves there."""
        buffer = filled(1, 2)
        buffer.put(Said.read(post("bob", 10, "at 1", 3)))
        self.assertEqual(texts(buffer), ["at 2", "at 1"])

    def test_notes_stay(self) -> None:
        """A system row stays behind the row after which it was said."""
        buffer = filled(1)
        buffer.note(0, "first")
        buffer.note(0, "second")
        buffer.put(Said.read(post("bob", 30, "at 3", 3)))
        self.assertEqual(texts(buffer), ["at 1", "first", "second", "at 3"])

    def test_notes_in_an_empty_room_stay(self) -> None:
        """What was noted before the first message stands above those that are said later."""
        buffer = filled()
        buffer.note(noon(1), "ada is alive")
        buffer.note(noon(2), "bob is alive")
        buffer.put(Said.read(post("bob", 30, "at 3", 3)))
        buffer.note(noon(4), "carol is alive")
        buffer.put(Said.read(post("bob", 50, "at 5", 5)))
        rows = ["ada is alive", "bob is alive", "at 3", "carol is alive", "at 5"]
        self.assertEqual(texts(buffer), rows)

    def test_notes_before_the_history_is_read(self) -> None:
        """History that is read after a note was made stands above it, whatever comes below."""
        buffer = filled()
        buffer.note(noon(3), "connected")
        for minute in (1, 2, 4):
            buffer.put(Said.read(post("bob", 10 * minute, f"at {minute}", minute)))
        self.assertEqual(texts(buffer), ["at 1", "at 2", "connected", "at 4"])

    def test_gaps_are_replaced(self) -> None:
        """A newer page decides the gaps of its part; the same gap never stands twice."""
        buffer = filled(1, 2, 3)
        places = [row.key[0] for row in buffer.rows]
        buffer.regap([Gap.read(gap(), places[1], 0)], None, None)
        self.assertEqual(texts(buffer), ["at 1", "gap", "at 2", "at 3"])
        buffer.regap([Gap.read(gap(), LAST, 3)], places[2], None)
        self.assertEqual(texts(buffer), ["at 1", "at 2", "at 3", "gap"])
        buffer.regap([], None, places[2])
        self.assertEqual(texts(buffer)[-1], "gap", "a page of the past leaves the rest alone")
        buffer.regap([], None, None)
        self.assertEqual(texts(buffer), ["at 1", "at 2", "at 3"])

    def test_note_before_a_tail_gap(self) -> None:
        """A gap at the end stays at the end."""
        buffer = filled(1)
        buffer.regap([Gap.read(gap(), LAST, 0)], None, None)
        buffer.note(0, "note")
        self.assertEqual(texts(buffer), ["at 1", "note", "gap"])

    def test_successor(self) -> None:
        """The place after a row is that of the next message, or the end."""
        buffer = filled(1, 2)
        one, two = (row.key[0] for row in buffer.rows)
        buffer.note(0, "between is no message")
        self.assertEqual([buffer.successor(one), buffer.successor(two)], [two, LAST])


class ReadingTests(SynchronousTestCase):
    """Nobody who reads is moved."""

    def test_scrolled_reader_stays(self) -> None:
        """Rows that come above or below leave the row at the bottom where it is."""
        buffer = filled(1, 2, 3)
        buffer.scroll = 1
        buffer.put(Said.read(post("bob", 40, "at 4", 4)))
        self.assertEqual((buffer.scroll, buffer.below), (1, 2))
        buffer.put(Said.read(post("bob", 5, "at 0.5", 0.5)))
        self.assertEqual((buffer.scroll, texts(buffer)[2], buffer.below), (2, "at 2", 2))

    def test_unread_line(self) -> None:
        """The line stands before the first unread row until the page is left after reading."""
        buffer = filled(1, 2)
        buffer.arrived(1, seen=False, mention=True)
        buffer.put(Said.read(post("bob", 5, "at 0.5", 0.5)))
        self.assertEqual((buffer.line, buffer.unread, buffer.mentions), (2, 1, 1))
        buffer.leave()
        self.assertEqual(buffer.line, 2)
        buffer.read()
        self.assertEqual((buffer.line, buffer.unread, buffer.mentions), (2, 0, 0))
        buffer.leave()
        self.assertIsNone(buffer.line)

    def test_history(self) -> None:
        """Up walks back through what was sent, down returns to the draft."""
        buffer = Buffer("room", "room")
        for line in ("one", "two", "two"):
            buffer.remember(line)
        self.assertEqual(
            [buffer.recall(step, "draft") for step in (1, 1, 1, -1, -1, -1)],
            ["two", "one", None, "two", "draft", None],
        )
