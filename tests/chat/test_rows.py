"""What the node says becomes rows, whatever is missing in it."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.chat.rows import Gap, Said, age, number, wall_ms, words
from tests.chat.scene import NOON, gap, post

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["id", "kind", "author", "author_id", "hlc", "time", "at", "text", "state", "late", "mark"]
)


class TimeTests(SynchronousTestCase):
    """Times in the forms a node may use."""

    def test_forms(self) -> None:
        """Milliseconds, UTC text and text with a zone name the same moment."""
        table = {
            1795258800000: NOON,
            "2026-11-21T11:00:00Z": NOON,
            "2026-11-21T11:00:00.250Z": NOON + 250,
            "2026-11-21T12:00:00+01:00": NOON,
            "2026-11-21T05:30:00-0530": NOON,
            "1970-01-01T00:00:00Z": 0,
            "2024-02-29T00:00:00Z": 1709164800000,
        }
        self.assertEqual({form: wall_ms(form) for form in table}, table)
        self.assertEqual(wall_ms(float(NOON)), NOON)

    def test_nonsense(self) -> None:
        """What is no time is not known, and stops nothing."""
        endless = float("inf")
        nonsense: tuple[object, ...] = (None, "yesterday", [], True, {}, "2026-11-21", endless)
        for value in nonsense:
            self.assertIsNone(wall_ms(value))

    def test_ages(self) -> None:
        """An age is one short word."""
        table = {-3: "0s", 9.9: "9s", 60: "1m", 3599: "59m", 7200: "2h", 200000: "2d"}
        self.assertEqual({seconds: age(seconds) for seconds in table}, table)


class ReadTests(SynchronousTestCase):
    """Items of the admin port."""

    def test_numbers_and_words(self) -> None:
        """Numbers come as numbers or as text; lists and answers become words."""
        self.assertEqual([number(v) for v in (True, 2.7, "-3", "x", None)], [1, 2, -3, 0, 0])
        self.assertEqual([number(v, 7) for v in (float("inf"), float("nan"), "--3", "²")], [7] * 4)
        told = words(["bob", {"carol": "never had", "dave": ""}])
        self.assertEqual(told, "bob, carol (never had), dave")

    def test_late(self) -> None:
        """A late post says how late, and that it was recovered; one on time says nothing."""
        late = Said.read(post("bob", 1, "x", late=True, recovered=True, at=NOON + 180000))
        self.assertEqual(late.late, "late 3m, recovered")
        self.assertEqual(Said.read(post("bob", 1, "x", late=True)).late, "late")
        self.assertEqual(Said.read(post("bob", 1, "x")).late, "")

    def test_order(self) -> None:
        """Rows sort by HLC, then author, then place in the stream, also beyond 53 bits."""
        first, second = post("bob", 1, "a"), post("bob", 2, "b", hlc=(NOON << 16) + 1)
        other = post("ada", 9, "c", hlc=(NOON << 16) + 1)
        keys = [Said.read(item).key for item in (second, first, other)]
        self.assertEqual(sorted(keys), [keys[1], keys[2], keys[0]])

    def test_gap_words(self) -> None:
        """A gap names its range, who was asked, each answer, who was not, and the next try."""
        told = Gap.read(gap(asked={"bob": "asked", "eve": "never had"}), (), 0).line
        expected = (
            "GAP: dave #17-#18; asking; asked bob, eve (never had); "
            "carol could not be asked; next try 4s"
        )
        self.assertEqual(told, expected)
        bare = Gap.read({"author": "dave", "from": 5, "to": 5}, (), 0).line
        self.assertEqual(bare, "GAP: dave #5; nobody asked yet")

    @given(st.dictionaries(FIELDS, JSON))
    @example({"time": float("inf")})
    @example({"hlc": float("-inf"), "acked": "²"})
    def test_any_item(self, item: dict[str, object]) -> None:
        """No field of any type stops the reader, and every key can be compared."""
        said = Said.read(item)
        self.assertTrue(said.key < (((float("inf"),), "", 0, "", 0), 1, 0) or said.key)
        Gap.read(item, (), 0).line.encode("utf-8", "surrogatepass")
