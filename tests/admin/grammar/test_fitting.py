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
        last = kept[-1]["id"] if kept else None
        self.assertEqual((read.fields["more"], read.fields["next"]), (True, last))
        longer = Reply(fields={"items": items[: len(kept) + 1], "more": True, "next": "ada/3/1"})
        self.assertGreater(len(rendering.reply(longer).encode()), limit - 2)

    def test_the_longest_list_is_cut(self) -> None:
        """In a snapshot the messages go, not the members; items without ids are counted."""
        reply = Reply(fields={"members": [{"name": "bob"}], "rows": [{"n": n} for n in range(999)]})
        found = json.loads(fitted(reply, jsonl, 1000))
        self.assertEqual(found["members"], [{"name": "bob"}])
        self.assertEqual(found["next"], len(found["rows"]))
        names = Reply(fields={"items": [{"name": f"n{n}"} for n in range(999)]})
        found = json.loads(fitted(names, jsonl, 1000))
        self.assertEqual(found["next"], f"n{len(found['items']) - 1}")

    def test_the_largest_list_is_cut(self) -> None:
        """By its bytes: many members do not go because of a few long messages."""
        members = [{"name": f"n{n}"} for n in range(20)]
        messages = [{"id": f"a/1/{n}", "text": "x" * 500} for n in range(5)]
        found = json.loads(fitted(Reply(fields={"members": members, "messages": messages}), jsonl,
                                  2000))  # fmt: skip
        self.assertEqual((found["members"], found["messages"]), (members, messages[:3]))

    @given(st.integers(150, 3000), st.sampled_from([text, jsonl]), st.booleans(),
           st.lists(st.booleans(), min_size=60, max_size=60))  # fmt: skip
    def test_nothing_lies_between_what_is_sent_and_what_next_gives(
        self, limit: int, rendering: object, newest: bool, gaps: list[bool]
    ) -> None:
        """The item at the cut has an id and is ``next``; a gap beside it comes with the rest."""
        assert rendering is text or rendering is jsonl
        items = [
            {"kind": "gap", "from": n} if gap else {"id": f"ada/3/{n}", "text": "x" * 50}
            for n, gap in enumerate(gaps)
        ]
        lines = fitted(Reply(fields={"items": items}, newest=newest), rendering, limit)
        reader = text.Reader()
        read = [jsonl.read(line) if rendering is jsonl else reader.line(line)
                for line in lines.splitlines()][-1]  # fmt: skip
        assert isinstance(read, Reply)
        if "more" not in read.fields:
            self.assertEqual(read.fields["items"], items)
            return
        kept = read.fields["items"]
        self.assertEqual(kept, items[len(items) - len(kept) :] if newest else items[: len(kept)])
        marks = [item["id"] for item in kept if "id" in item]
        if marks:
            cut = kept[0] if newest else kept[-1]
            self.assertEqual(read.fields["next"], cut["id"])
        else:
            self.assertIsNone(read.fields["next"])

    def test_what_does_not_fit_is_not_rendered(self) -> None:
        """A list of 100 times the limit costs a few times the limit, not a hundred."""
        rendered = 0

        class Counting:
            """JSON, its bytes counted."""

            name = jsonl.name
            request, event = staticmethod(jsonl.request), staticmethod(jsonl.event)

            @staticmethod
            def reply(said: Reply) -> str:
                """As JSON does it."""
                nonlocal rendered
                lines = jsonl.reply(said)
                rendered += len(lines)
                return lines

        items = [{"id": f"ada/3/{n}", "text": "x" * 1000} for n in range(1000)]
        for newest in (False, True):
            rendered = 0
            lines = fitted(Reply(fields={"items": items}, newest=newest), Counting(), 10_000)
            self.assertGreater(len(lines), 9000)
            self.assertLess(rendered, 60_000)

    def test_one_enormous_field(self) -> None:
        """Where nothing can be cut, the reply says so."""
        found = json.loads(fitted(Reply(fields={"text": "x" * 999}, tag="7"), jsonl, 500))
        self.assertEqual((found["tag"], found["code"]), ("7", 530))
