"""The ring of events: cursors, bounds and replays."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.events import EventRing, Kept
from securechat.admin.grammar import jsonl
from securechat.admin.registry import RefusalError
from securechat.admin.sanitise import json_safe
from securechat.ids import BootId

BOOT = BootId("7f3a" + "0" * 28)


class Ring(SynchronousTestCase):
    """What is kept, and from where one may go on."""

    def refused(self, ring: EventRing, cursor: str) -> RefusalError:
        """Why a cursor does not serve."""
        problem: RefusalError = self.assertRaises(RefusalError, ring.place, cursor)
        return problem

    def test_cursors_number_the_events_of_a_process(self) -> None:
        """The first event is BOOT:1, and a snapshot taken now stands at the newest."""
        ring = EventRing(BOOT)
        self.assertEqual(ring.cursor, "7f3a:0")
        event = ring.add("post", {"id": "ada/3/17"})
        self.assertEqual(event.cursor, "7f3a:1")
        self.assertEqual(ring.cursor, "7f3a:1")

    def test_what_follows_a_cursor(self) -> None:
        """Every event after it, in order, and then nothing."""
        ring = EventRing(BOOT)
        for number in range(5):
            ring.add("post", {"n": number})
        place, seen = ring.place("7f3a:2"), []
        while (kept := ring.after(place)) is not None:
            seen.append(kept.event.fields["n"])
            place = kept.number
        self.assertEqual(seen, [2, 3, 4])
        self.assertEqual(ring.place(None), 5)

    def test_old_events_go_by_count(self) -> None:
        """A cursor older than what is kept is refused with the oldest that serves."""
        ring = EventRing(BOOT, max_events=3)
        for _ in range(5):
            ring.add("post", {})
        problem = self.refused(ring, "7f3a:1")
        self.assertEqual((problem.code, problem.fields["first"]), (450, "7f3a:2"))
        kept = ring.after(ring.place("7f3a:2"))
        assert kept is not None
        self.assertEqual(kept.number, 3)
        self.assertRaises(KeyError, ring.after, 1)

    def test_old_events_go_by_size(self) -> None:
        """The bytes kept stay under the bound, whatever comes."""
        ring = EventRing(BOOT, max_bytes=1000)
        for size in (10, 300, 400, 500, 10, 990):
            ring.add("post", {"text": "x" * size})
            self.assertLessEqual(ring.bytes, 1000)
        ring.add("post", {"text": "x" * 2000})
        self.assertEqual((ring.bytes, ring.floor), (0, 7))
        self.assertIsNone(ring.after(7))

    def test_bytes_are_bytes(self) -> None:
        """What is counted is what a watcher would be sent as JSON, whatever alphabet it is in."""
        ring = EventRing(BOOT, max_events=3)
        texts = ("x", "é" * 20, "語" * 30, "\x1b\u202e" * 10, '"\\' * 5, "👩\u200d👧")
        for text in texts:
            ring.add("post", {"text": text, "seq": 7, "late": False, "mark": None})
        kept = [ring.after(number) for number in range(ring.floor, ring.number)]
        lines = "".join(jsonl.event(one.event) for one in kept if one is not None)
        self.assertEqual(len(kept), 3)
        self.assertEqual(ring.bytes, len(lines.encode("utf-8")))

    def test_nothing_is_written_while_nobody_watches(self) -> None:
        """An event of plain words is counted and kept; its line is made for whoever reads it."""
        ring, written = EventRing(BOOT), 0
        ring.add("post", {"text": "x", "seq": 1, "late": False, "mark": None})

        def counted(value: Any) -> str:
            nonlocal written
            written += 1
            return json_safe(value)

        self.patch(jsonl, "json_safe", counted)
        for number in range(100):
            ring.add("post", {"text": f"post {number}", "seq": number, "late": True, "mark": None})
        self.assertEqual(written, 0)

    def test_cursors_of_elsewhere_are_refused(self) -> None:
        """Another process's, a future one, and what is no cursor."""
        ring = EventRing(BOOT)
        ring.add("post", {})
        for cursor in ("aaaa:1", "7f3a:2"):
            self.assertEqual(self.refused(ring, cursor).code, 450)
        for cursor in ("", "7f3a", "7f3a:", "7f3a:x", "7f3a:-1", "7f3a:" + "9" * 30, "7f3a:٣"):
            self.assertEqual(self.refused(ring, cursor).code, 503)

    def test_listeners_hear_each_event_and_may_leave_meanwhile(self) -> None:
        """A listener that leaves while it is told disturbs nobody."""
        ring, heard = EventRing(BOOT), []

        def once(kept: Kept) -> None:
            ring.listeners.remove(once)
            heard.append(("once", kept.number))

        ring.listeners += [once, lambda kept: heard.append(("always", kept.number))]
        ring.add("post", {})
        ring.add("post", {})
        self.assertEqual(heard, [("once", 1), ("always", 1), ("always", 2)])

    def test_what_cannot_be_said_is_refused_when_it_happens(self) -> None:
        """A field with a name of the grammar's raises, and no number is lost."""
        ring = EventRing(BOOT)
        self.assertRaises(ValueError, ring.add, "post", {"cursor": 1})
        self.assertEqual(ring.number, 0)
