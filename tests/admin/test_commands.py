"""The commands at a real node."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.grammar import jsonl, text
from securechat.admin.grammar.fitting import fitted
from securechat.admin.grammar.values import MAX_REPLY
from securechat.errors import LocalError
from securechat.settings import MAX_TEXT
from tests.admin.real import Alone

LONG = 200


class LongPages(SynchronousTestCase):
    """200 posts of 8 KiB do not fit one reply."""

    def setUp(self) -> None:
        """They were said."""
        self.alone = Alone()
        self.said = [
            self.alone.asks("say", text=f"{n} ".ljust(MAX_TEXT, "x"))["id"] for n in range(LONG)
        ]

    def ids(self, items: list[dict[str, Any]]) -> list[str]:
        """Of a page."""
        return [item["id"] for item in items]

    def test_a_snapshot_keeps_the_newest(self) -> None:
        """What the cursor says is included is: the oldest go, and can be had before ``next``."""
        found = self.alone.asks("snapshot")
        ids = self.ids(found["messages"])
        self.assertEqual((ids[-1], found["more"]), (self.said[-1], True))
        self.assertEqual(ids, self.said[-len(ids) :])
        self.assertEqual(found["next"], ids[0])
        older = self.alone.asks("messages", before=found["next"], limit=1000)
        self.assertEqual(self.ids(older["items"]) + ids, self.said)

    def test_pages_backwards_and_forwards_skip_nothing(self) -> None:
        """Going on with before=next, or after=next, gives each post once."""
        back: list[str] = []
        page = self.alone.asks("messages", limit=1000)
        while page["more"]:
            back[:0] = self.ids(page["items"])
            page = self.alone.asks("messages", limit=1000, before=page["next"])
        self.assertEqual(self.ids(page["items"]) + back, self.said)
        forth: list[str] = []
        page = self.alone.asks("messages", limit=1000, after="")
        while page["more"]:
            forth += self.ids(page["items"])
            page = self.alone.asks("messages", limit=1000, after=page["next"])
        self.assertEqual(forth + self.ids(page["items"]), self.said)


class Records(SynchronousTestCase):
    """Turn records."""

    def test_at_most_a_thousand(self) -> None:
        """More would keep the node from its peers; an export goes on with after=."""
        problem = self.assertRaises(LocalError, Alone().asks, "records", last=1001)
        self.assertEqual(problem.code, 503)

    def test_an_export_that_is_cut_goes_on_behind_next(self) -> None:
        """after=next gives the turns that follow, and the latest are kept without ``after``."""
        alone = Alone()
        for n in range(30):
            alone.asks("say", text=f"{n}")
        whole = [item["turn"] for item in alone.asks("records", last=1000)["items"]]
        for rendering in (jsonl, text):
            reply = alone.reply("records", last=1000, after=-1)
            size = len(fitted(reply, rendering))
            self.assertLess(size, MAX_REPLY)
            cut = fitted(reply, rendering, size // 2)
            reader = text.Reader()
            read = jsonl.read if rendering is jsonl else reader.line
            first: Any = [read(line) for line in cut.splitlines()][-1]
            turns = [item["turn"] for item in first.fields["items"]]
            rest = alone.asks("records", last=1000, after=first.fields["next"])
            self.assertEqual(turns + [item["turn"] for item in rest["items"]], whole)
