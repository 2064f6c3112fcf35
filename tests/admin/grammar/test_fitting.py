"""Replies that are too long are cut where a list can be cut."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.grammar import jsonl, text
from securechat.admin.grammar.fitting import fitted
from securechat.admin.grammar.values import Reply


class Fitting(SynchronousTestCase):
    """At most so many bytes."""

    def test_what_fits_is_left_alone(self) -> None:
        """Not a word about more."""
        reply = Reply(fields={"items": [{"id": "a"}]}, tag="1")
        self.assertEqual(fitted(reply, text), text.reply(reply))

    @given(st.integers(150, 2000), st.sampled_from([text, jsonl]))
    def test_as_much_as_fits(self, limit: int, rendering: object) -> None:
        """The items kept are the first ones, and one more would be too many."""
        assert rendering is text or rendering is jsonl
        items = [{"id": f"ada/3/{n}", "text": "é" * 20} for n in range(100)]
        lines = fitted(Reply(fields={"items": items}), rendering, limit)
        self.assertLessEqual(len(lines.encode()), limit)
        reader = text.Reader()
        read = [jsonl.read(line) if rendering is jsonl else reader.line(line)
                for line in lines.splitlines()][-1]  # fmt: skip
        assert isinstance(read, Reply)
        kept = read.fields["items"]
        self.assertEqual(kept, items[: len(kept)])
        self.assertEqual((read.fields["more"], read.fields["next"]), (True, f"ada/3/{len(kept)}"))
        longer = Reply(fields={"items": items[: len(kept) + 1], "more": True, "next": "ada/3/1"})
        self.assertGreater(len(rendering.reply(longer).encode()), limit - 2)

    def test_the_longest_list_is_cut(self) -> None:
        """In a snapshot the messages go, not the members; items without ids have a place."""
        reply = Reply(fields={"members": [{"name": "bob"}], "rows": [{"n": n} for n in range(999)]})
        found = json.loads(fitted(reply, jsonl, 1000))
        self.assertEqual(found["members"], [{"name": "bob"}])
        self.assertEqual(found["next"], len(found["rows"]))
        names = Reply(fields={"items": [{"name": f"n{n}"} for n in range(999)]})
        found = json.loads(fitted(names, jsonl, 1000))
        self.assertEqual(found["next"], f"n{len(found['items'])}")

    def test_one_enormous_field(self) -> None:
        """Where nothing can be cut, the reply says so."""
        found = json.loads(fitted(Reply(fields={"text": "x" * 999}, tag="7"), jsonl, 500))
        self.assertEqual((found["tag"], found["code"]), ("7", 530))
