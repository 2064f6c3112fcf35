"""The commands at a real node."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.commands import registry
from securechat.admin.events import EventRing
from securechat.admin.grammar import jsonl, text
from securechat.admin.grammar.fitting import fitted
from securechat.admin.grammar.values import MAX_REPLY, Request
from securechat.admin.registry import Level
from securechat.admin.session import SESSION_COMMANDS, Session
from securechat.errors import LocalError
from securechat.notices import Delivery, DeliveryChanged, DirectShown, Event
from securechat.settings import MAX_TEXT, Settings
from securechat.simulation.people import person
from tests.admin.real import BOOT, Alone

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


class Faults(SynchronousTestCase):
    """The cable, at the admin port."""

    def setUp(self) -> None:
        """A node that knows one other member."""
        self.alone = Alone(knows=(1,))
        self.bob, self.member = person(1).name, person(1).signer.member

    def events(self) -> list[str]:
        """What watchers saw of it."""
        ring = self.alone.desk.ring
        kept = [ring.after(number) for number in range(ring.number)]
        return [one.event.fields["what"] for one in kept if one and one.event.type == "fault"]

    def test_a_cut_is_recorded_and_seen(self) -> None:
        """The turn's record names the order and the member; watchers read it in words."""
        rows = self.alone.asks("fault", action="cut", names=[self.bob])["items"]
        self.assertEqual([(row["peer"], row["cut"]) for row in rows], [(self.bob, True)])
        rows = self.alone.asks("fault", action="heal")["items"]
        self.assertEqual(rows, [])
        self.assertEqual(
            self.events(),
            [
                f"the cable to {self.bob} is cut, by the operator",
                "the cable to everybody was mended by the operator",
            ],
        )
        self.alone.clock.advance(1)
        records = self.alone.asks("records", about=f"member:{self.bob}", last=1000)["items"]
        causes = [cause for record in records for cause in record["causes"]]
        self.assertTrue(
            any(f"Disturb ticket=1 {self.member} cut" in cause for cause in causes), causes
        )
        self.assertTrue(any("Heal ticket=2 everybody," in cause for cause in causes), causes)

    def test_explain_tells_of_the_cut(self) -> None:
        """A member that cannot be reached because of a cut: the story has the cut in it."""
        self.alone.asks("fault", action="drop", percent=50, names=[self.bob])
        self.alone.clock.advance(1)
        story = self.alone.asks("explain", id=f"member:{self.bob}")["items"]
        told = [item for item in story if "drop=50" in item["what"]]
        self.assertEqual(len(told), 1)
        self.assertIn(self.bob, told[0]["what"])

    def test_refused(self) -> None:
        """A cut of nobody is 504; all is 420 where faults are not enabled."""
        problem = self.assertRaises(LocalError, self.alone.asks, "fault", action="cut")
        self.assertEqual(problem.code, 504)
        quiet = Alone(Settings())
        for action in ({"action": "heal"}, {"action": "list"}, {"action": "delay", "ms": 5}):
            problem = self.assertRaises(LocalError, quiet.asks, "fault", **action)
            self.assertEqual(problem.code, 420)


class Counters(SynchronousTestCase):
    """What is counted."""

    def test_turns_and_the_turn(self) -> None:
        """``turns`` are those since the start; ``turn`` is the number that records have."""
        alone = Alone(past=41)
        before = alone.asks("counters")
        self.assertEqual(before["turn"] - before["turns"], 42)
        alone.asks("say", text="x")
        after = alone.asks("counters")
        self.assertEqual(after["turns"] - before["turns"], 1)
        self.assertEqual(after["turn"] - before["turn"], 1)
        alone.clock.advance(1)
        (record,) = alone.asks("records", last=1)["items"]
        self.assertEqual(record["turn"], after["turn"])


class Ending(SynchronousTestCase):
    """leave and stop."""

    def test_the_first_request_wins(self) -> None:
        """A stop right behind a leave leaves the goodbye its words; a second leave is 251."""
        asked: list[bool] = []
        alone = Alone(stop=lambda goodbye: asked.append(goodbye))
        replies = [alone.asks(verb) for verb in ("leave", "stop", "leave")]
        self.assertEqual(
            replies,
            [{"code": 250, "leaving": True}] + [{"code": 251, "leaving": True}] * 2,
        )
        self.assertEqual(asked, [True])
        abrupt = Alone(stop=lambda goodbye: asked.append(goodbye))
        self.assertEqual(abrupt.asks("stop"), {"code": 250, "stopping": True})
        self.assertEqual(abrupt.asks("leave"), {"code": 251, "stopping": True})
        self.assertEqual(asked, [True, False])


class DirectEvents(SynchronousTestCase):
    """The events of one direct message, read one after another."""

    def test_each_goes_on_from_the_one_before(self) -> None:
        """Told and sent in one turn: it is shown as queued, and then goes from queued to sent."""
        alone = Alone(knows=(1,))
        alone.asks("dm", to=person(1).name, text="hi")
        letters = alone.node.cores.messaging.parts.book.letters
        (letter,) = letters.open[person(1).signer.member].values()
        letter.state = Delivery.ACKED
        alone.desk.ring = EventRing(BOOT)
        steps = [Delivery.QUEUED, Delivery.SENT, Delivery.ACKED]
        told: list[Event] = [DirectShown(letter.id, letter.to)]
        told += [DeliveryChanged(letter.id, letter.to, a, b, "") for a, b in pairwise(steps)]
        for notice in told:
            alone.desk._happened(notice)
        kept = [alone.desk.ring.after(number) for number in range(3)]
        fields = [one.event.fields for one in kept if one is not None]
        self.assertEqual([f["state"] for f in fields], [state.value for state in steps])
        self.assertEqual([f["acked"] for f in fields], [0, 0, 1])
        self.assertEqual([f["from"] for f in fields[1:]], [f["state"] for f in fields[:-1]])


class Pages(SynchronousTestCase):
    """Pages that their limit cuts."""

    def setUp(self) -> None:
        """Five posts."""
        self.alone = Alone()
        self.said = [self.alone.asks("say", text=f"{n}")["id"] for n in range(5)]

    def test_next_leads_through_all_of_them(self) -> None:
        """Backwards from the latest, and forwards from the first; the last page has no next."""
        for start, direction in (({}, "before"), ({"after": ""}, "after")):
            page = self.alone.asks("messages", limit=2, **start)
            found = [page]
            while page["more"]:
                page = self.alone.asks("messages", limit=2, **{direction: page["next"]})
                found.append(page)
            self.assertEqual([len(page["items"]) for page in found], [2, 2, 1])
            self.assertNotIn("next", found[-1])
            pages = found if start else found[::-1]
            ids = [item["id"] for page in pages for item in page["items"]]
            self.assertEqual(ids, self.said)
        snapshot = self.alone.asks("snapshot", limit=2)
        self.assertEqual((snapshot["more"], snapshot["next"]), (True, self.said[3]))
        self.assertNotIn("next", self.alone.asks("snapshot"))

    def test_one_direction_at_a_time(self) -> None:
        """before= and after= together are refused: neither is ignored."""
        for after in ("", self.said[0]):
            problem = self.assertRaises(
                LocalError, self.alone.asks, "messages", before=self.said[3], after=after
            )
            self.assertEqual(problem.code, 503)
            self.assertIn("not both", problem.text)


class Observing(SynchronousTestCase):
    """What an observer may ask at a real node."""

    def test_snapshots_have_no_text(self) -> None:
        """States, counts and ids of posts and direct messages, and nothing that was written."""
        alone = Alone(knows=(1,))
        alone.asks("say", text="CANARY")
        alone.asks("dm", to=person(1).name, text="CANARY too")
        table = registry()
        table.add(*SESSION_COMMANDS)
        connection: Any = None
        session = Session(
            table, alone.desk.ring, "", {}, Level.OBSERVER, True, connection, connection
        )
        command, args = table.prepare(Request("snapshot"), session)
        reply = session.shown(command.answer(alone.desk, args, session))
        rows = reply.fields["messages"]
        self.assertEqual([row["kind"] for row in rows], ["post", "dm"])
        self.assertEqual({row["state"] for row in rows}, {"queued"})
        self.assertEqual([row for row in rows if "text" in row], [])
        self.assertNotIn("CANARY", jsonl.reply(reply))
        for verb in ("messages", "say", "dm", "receipt", "fault", "stop"):
            problem = self.assertRaises(LocalError, table.prepare, Request(verb), session)
            self.assertEqual(problem.code, 512)
