"""The one sanitiser: no remote byte moves a cursor, hides or forges anything."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.sanitise import (
    for_terminal,
    has_surrogate,
    is_safe,
    json_safe,
    printable_ascii,
)
from tests.admin import strategies

DANGEROUS = [
    *range(0x20), *range(0x7F, 0xA0), 0x61C, *range(0x200B, 0x2010), *range(0x2028, 0x202F),
    *range(0x2060, 0x2070), 0xFEFF, 0xFFF9, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE0001, 0xE0020,
    0xE007F, 0xAD, 0x180E,
]  # fmt: skip


class Sanitise(SynchronousTestCase):
    """Text mode, JSON mode, terminals."""

    @given(strategies.texts)
    def test_text_mode_is_printable_ascii(self, text: str) -> None:
        """Whatever was said, text mode prints bytes from 0x20 to 0x7e, and it reads back."""
        shown = printable_ascii(text)
        self.assertTrue(all(" " <= mark <= "~" for mark in shown))
        self.assertEqual(json.loads(shown), text)

    @given(strategies.deep)
    def test_json_mode_reads_back(self, value: object) -> None:
        """JSON mode changes no value."""
        shown = json_safe(value)
        self.assertTrue(is_safe(shown))
        self.assertEqual(json.loads(shown), value)
        shown.encode("utf-8")

    def test_every_dangerous_character_is_caught(self) -> None:
        """Each control, bidi, invisible and tag character is escaped in all three forms."""
        for point in DANGEROUS:
            text = f"a{chr(point)}b"
            self.assertFalse(is_safe(text))
            self.assertEqual(json.loads(json_safe(text)), text)
            self.assertNotIn(chr(point), json_safe(text))
            self.assertNotIn(chr(point), printable_ascii(text))
            if point != 9:
                self.assertEqual(for_terminal(text), f"a<U+{point:04X}>b")

    def test_no_control_character_of_unicode_is_forgotten(self) -> None:
        """All of Unicode's categories Cc and Cs, and the bidi classes that reorder, are unsafe."""
        reorder = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
        for point in range(0x110000):
            mark = chr(point)
            if unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp") or (
                unicodedata.bidirectional(mark) in reorder
            ):
                self.assertFalse(is_safe(mark), hex(point))

    def test_words_of_people_stay_as_they_are(self) -> None:
        """Letters of any script, emoji and combining marks are shown untouched."""
        for text in ("grüß dich", "שלום", "你好", "👍🏽", "e\u0301", "a ~ b"):
            self.assertTrue(is_safe(text))
            self.assertEqual(for_terminal(text), text)
            self.assertEqual(json_safe(text), f'"{text}"')

    def test_a_tab_becomes_spaces_on_a_terminal(self) -> None:
        """A pasted tab does not move the cursor."""
        self.assertEqual(for_terminal("a\tb"), "a    b")

    @given(strategies.texts)
    def test_a_terminal_gets_nothing_unsafe(self, text: str) -> None:
        """What is shown is safe, whatever it was."""
        self.assertTrue(is_safe(for_terminal(text)))

    def test_half_of_a_pair_is_recognised(self) -> None:
        """Half of a surrogate pair is no character; a whole one is."""
        self.assertTrue(has_surrogate("a\ud83d"))
        self.assertFalse(has_surrogate("👍"))
