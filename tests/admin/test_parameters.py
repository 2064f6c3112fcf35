"""Arguments: what each kind takes, in text and in JSON, and what is said about the rest."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.parameters import Kind, Parameter, convert
from securechat.ids import MAX_INT
from tests.admin import strategies


class Convert(SynchronousTestCase):
    """One argument of each kind."""

    def refused(self, parameter: Parameter, raw: Any, words: str) -> None:
        """The complaint contains these words."""
        problem = self.assertRaises(ValueError, convert, parameter, raw)
        self.assertIn(words, str(problem))

    def test_text(self) -> None:
        """Any text without half pairs; a number in JSON is no text."""
        text = Parameter("text", low=1)
        self.assertEqual(convert(text, "\x1b[2J\n"), "\x1b[2J\n")
        self.refused(text, 5, "must be text")
        self.refused(text, "\ud800", "surrogate")
        self.refused(text, "", "empty")

    def test_ids_are_short(self) -> None:
        """An id has 1 to 256 characters."""
        self.assertEqual(convert(Parameter("id", Kind.ID), "ada/3/17"), "ada/3/17")
        self.refused(Parameter("id", Kind.ID), "", "1 to 256")
        self.refused(Parameter("id", Kind.ID), "x" * 257, "1 to 256")

    def test_whole_numbers(self) -> None:
        """Native in JSON, digits in text; nothing else, and at most 63 bits."""
        limit = Parameter("limit", Kind.INT, low=1, high=1000)
        self.assertEqual(convert(limit, 50), 50)
        self.assertEqual(convert(limit, "50"), 50)
        for raw in ("x", "5.0", 5.0, True, "٣", "+5", " 5", "9" * 5000, [5]):
            self.refused(limit, raw, "whole number")
        self.refused(limit, 0, "from 1 to 1000")
        self.refused(Parameter("n", Kind.INT), 2**63, "63 bits")
        self.refused(Parameter("n", Kind.INT), -1, "at least 0")
        self.assertEqual(convert(Parameter("n", Kind.INT), str(MAX_INT)), MAX_INT)

    def test_numbers(self) -> None:
        """A percentage may have a fraction; it is finite."""
        percent = Parameter("percent", Kind.FLOAT, low=0, high=100)
        self.assertEqual(convert(percent, "12.5"), 12.5)
        self.assertEqual(convert(percent, 5), 5.0)
        for raw in ("1e5", "nan", float("nan"), float("inf"), False, None):
            self.refused(percent, raw, "must be a number")
        self.refused(percent, 101, "from 0 to 100")

    def test_truths(self) -> None:
        """true or false, native or as a word."""
        flag = Parameter("flag", Kind.BOOL)
        self.assertIs(convert(flag, True), True)
        self.assertIs(convert(flag, "Off"), False)
        self.assertIs(convert(flag, "yes"), True)
        problem = self.assertRaises(ValueError, convert, flag, "true", native=True)
        self.assertEqual(str(problem), "must be true or false in JSON, without quotes")
        self.assertIs(convert(flag, True, native=True), True)
        self.refused(flag, 1, "true or false")
        self.refused(flag, "maybe", "true or false")

    def test_lists(self) -> None:
        """Names with commas between, a JSON list in text, or a native list."""
        names = Parameter("names", Kind.LIST)
        for raw in ("ada,bob", "ada, bob,", '["ada","bob"]', ["ada", "bob"]):
            self.assertEqual(convert(names, raw), ("ada", "bob"))
        self.assertEqual(convert(names, ""), ())
        self.refused(names, 3, "list of names")
        self.refused(names, {"a": 1}, "list of names")
        self.refused(names, ["a", 3], "must be text")
        self.refused(names, "[1", "not a JSON list")
        self.refused(names, "[" * 9000, "not a JSON list")

    def test_choices(self) -> None:
        """A wrong word is shown with the right ones, escaped."""
        kind = Parameter("kind", choices=("post", "dm"))
        self.assertEqual(convert(kind, "dm"), "dm")
        self.refused(kind, "pots\x1b", r"'pots\x1b' is none of post, dm")
        several = Parameter("types", Kind.LIST, choices=("a", "b"))
        self.assertEqual(convert(several, "a,b"), ("a", "b"))
        self.refused(several, "a,c", "'c' is none of a, b")

    @given(strategies.deep)
    def test_anything_is_taken_or_refused(self, raw: Any) -> None:
        """Whatever JSON can hold, an argument is converted or refused with words."""
        for kind in Kind:
            try:
                convert(Parameter("x", kind), raw)
            except ValueError as problem:
                self.assertTrue(str(problem))

    def test_it_describes_itself(self) -> None:
        """Usage, help and documentation name kind, need, default and choices."""
        self.assertEqual(Parameter("text", required=True).usage, "text=")
        self.assertEqual(Parameter("kind", choices=("post", "dm")).usage, "[kind=post|dm]")
        limit = Parameter("limit", Kind.INT, default=50, help="how many")
        self.assertEqual(limit.documented, "`limit=` int, optional, 50 if not given. how many.")
        percent = Parameter("percent", Kind.FLOAT, required=True, only=("drop",))
        self.assertIn("needed with drop", percent.documented)
        self.assertEqual(limit.described["default"], 50)
