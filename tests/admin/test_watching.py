"""Watching: replay, live, ticks, and what happens to a watcher who does not read."""

from __future__ import annotations

import json
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.admin.fakes import Person, Port


class Watching(SynchronousTestCase):
    """A person watches."""

    def setUp(self) -> None:
        """A person at the unix socket, and two events before."""
        self.port = Port()
        self.person = self.port.person()
        self.port.ring.add("post", {"id": "ada/3/1", "text": "hi\x1b[2J"})
        self.port.ring.add("member", {"name": "bob", "from": "alive", "to": "suspect"})

    def test_from_now(self) -> None:
        """Without ``from`` it starts now; the reply comes first, and nothing stands inside it."""
        self.assertEqual(
            self.person.types("@w watch"), "@w 250 cursor=7f3a:2\n650 7f3a:2 replay-end\n"
        )
        self.port.ring.add("delivery", {"id": "ada/3/1", "member": "bob", "to": "acked"})
        self.assertEqual(
            self.person.heard(), "650 7f3a:3 delivery id=ada/3/1 member=bob to=acked\n"
        )

    def test_replay(self) -> None:
        """What came after the cursor, then ``replay-end``, then live."""
        self.assertEqual(
            self.person.types("watch from=7f3a:0"),
            "250 cursor=7f3a:0\n"
            '650 7f3a:1 post id=ada/3/1 text="hi\\u001b[2J"\n'
            "650 7f3a:2 member name=bob from=alive to=suspect\n"
            "650 7f3a:2 replay-end\n",
        )

    def test_json(self) -> None:
        """The same in JSON lines."""
        self.person.types("hello mode=json")
        self.person.protocol.dataReceived(b'{"cmd":"watch","from":"7f3a:1","tag":"1"}\n')
        self.assertEqual(
            self.person.objects(),
            [
                {"tag": "1", "code": 250, "cursor": "7f3a:1"},
                {"event": "member", "cursor": "7f3a:2", "name": "bob", "from": "alive",
                 "to": "suspect"},
                {"event": "replay-end", "cursor": "7f3a:2"},
            ],
        )  # fmt: skip

    def test_types(self) -> None:
        """Only the types asked for; a wrong one is refused with the nearest."""
        self.person.types("watch from=7f3a:0 types=member,link")
        self.port.ring.add("post", {})
        self.port.ring.add("link", {})
        self.assertEqual(self.person.heard(), "650 7f3a:4 link\n")
        reply = self.person.types("watch types=membr")
        self.assertTrue(reply.startswith("503 "))
        self.assertIn("nearest=member", reply)

    def test_cursors_that_do_not_serve(self) -> None:
        """450 with the oldest cursor that does."""
        reply = self.person.types("watch from=aaaa:1")
        self.assertTrue(reply.startswith("450 "))
        self.assertIn("first=7f3a:0", reply)
        self.port.ring.add("post", {})
        self.assertEqual(self.person.heard(), "")

    def test_unwatch(self) -> None:
        """No more events; twice is 251."""
        self.person.types("watch")
        self.assertEqual(self.person.types("unwatch"), "250 \n")
        self.port.ring.add("post", {})
        self.assertEqual(self.person.types("unwatch"), "251 \n")
        self.assertEqual(self.port.ring.listeners, [])

    def test_watching_again_replaces(self) -> None:
        """Events are not doubled."""
        self.person.types("watch", "watch types=post")
        self.port.ring.add("post", {})
        self.port.ring.add("link", {})
        self.assertEqual(self.person.heard(), "650 7f3a:3 post\n")

    def test_ticks(self) -> None:
        """One each 15 s proves life; none after the end."""
        self.person.types("watch")
        self.port.clock.advance(14.9)
        self.assertEqual(self.person.heard(), "")
        self.port.clock.advance(0.1)
        self.assertEqual(self.person.heard(), "650 7f3a:2 tick\n")
        self.person.types("quit")
        self.assertEqual(self.port.clock.getDelayedCalls(), [])

    def test_the_watcher_vanishes(self) -> None:
        """Nothing of it stays behind."""
        self.person.types("watch")
        self.person.protocol.connectionLost(Failure(ConnectionError()))
        self.assertEqual(self.port.ring.listeners, [])
        self.assertEqual(self.port.clock.getDelayedCalls(), [])

    def test_half_closed_watchers_go_on(self) -> None:
        """``echo watch | nc -N`` shows events until it is ended."""
        self.person.types("watch")
        self.person.protocol.readConnectionLost()
        self.port.ring.add("post", {})
        self.assertEqual(self.person.heard(), "650 7f3a:3 post\n")
        self.assertFalse(self.person.hung_up)

    def test_many_watchers(self) -> None:
        """Each gets every event, also when one of them ends within it."""
        other = self.port.person()
        for person in (self.person, other):
            person.types("watch")
        self.port.ring.add("post", {})
        self.assertEqual(self.person.heard(), other.heard())


class Slow(SynchronousTestCase):
    """A watcher that does not read."""

    def setUp(self) -> None:
        """A watcher whose transport is full."""
        self.port = Port()
        self.person = self.port.person()
        self.person.types("hello mode=json", '{"cmd":"watch"}')

    def event(self, size: int = 1000) -> None:
        """Something happens."""
        self.port.ring.add("post", {"text": "x" * size})

    def cursors(self, person: Person) -> list[Any]:
        """The cursors of the events that came."""
        return [row["cursor"] for row in person.objects() if row.get("event") == "post"]

    def test_a_short_pause_loses_nothing(self) -> None:
        """What came meanwhile follows, once, in order."""
        self.event()
        self.person.line.fill()
        self.event()
        self.event()
        self.assertEqual(self.cursors(self.person), ["7f3a:1"])
        self.person.line.drain()
        self.event()
        self.assertEqual(self.cursors(self.person), ["7f3a:2", "7f3a:3", "7f3a:4"])

    def test_a_mebibyte_behind_is_stopped(self) -> None:
        """550 with the cursor from which it can go on; nothing is held for it any more."""
        self.event()
        self.person.heard()
        self.person.line.fill()
        for _ in range(1100):
            self.event()
        overflow = json.loads(self.person.heard())
        self.assertEqual((overflow["code"], overflow["word"]), (550, "overflow"))
        self.assertEqual(overflow["at"], "7f3a:1")
        self.assertEqual(self.port.ring.listeners, [])
        self.assertEqual(self.port.factory.counted["overflow"], 1)
        self.person.line.drain()
        again = json.dumps({"cmd": "watch", "from": overflow["at"]})
        self.person.protocol.dataReceived(f"{again}\n".encode())
        self.assertEqual(self.cursors(self.person), [f"7f3a:{n}" for n in range(2, 1102)])

    def test_overflow_in_text(self) -> None:
        """As the contract writes it."""
        self.person.types('{"cmd":"hello","mode":"text"}')
        self.person.line.fill()
        for _ in range(1100):
            self.event()
        self.assertTrue(self.person.heard().startswith("550 overflow at=7f3a:0 "))

    def test_types_not_watched_do_not_count(self) -> None:
        """Only what would be shown is behind."""
        self.person.types('{"cmd":"watch","types":"link"}')
        self.person.line.fill()
        for _ in range(3000):
            self.event()
        self.person.line.drain()
        self.assertEqual(self.port.factory.counted["overflow"], 0)

    def test_a_slow_replay_goes_on_where_it_stood(self) -> None:
        """A replay is read from the ring as the reader takes it."""
        for _ in range(3000):
            self.event()
        reader = self.port.person()
        reader.types("hello mode=json")
        original = reader.line.write

        def write(data: bytes) -> None:
            original(data)
            if len(reader.line.value()) > 65536:
                reader.line.fill()

        self.patch(reader.line, "write", write)
        reader.protocol.dataReceived(b'{"cmd":"watch","from":"7f3a:0"}\n')
        found = self.cursors(reader)
        self.assertLess(len(found), 100)
        for _ in range(100):
            reader.line.drain()
            found += self.cursors(reader)
        self.assertEqual(found, [f"7f3a:{n}" for n in range(1, 3001)])

    def test_a_replay_that_the_ring_overtakes_is_stopped(self) -> None:
        """Its place is no longer kept: 550, not a hole."""
        self.person.types('{"cmd":"unwatch"}')
        self.port.ring.max_events = 2
        self.event()
        self.event()
        reader = self.port.person()
        self.patch(reader.line, "write", lambda data: self.full(reader, data))
        reader.types("watch from=7f3a:0")
        for _ in range(3):
            self.event()
        self.assertIn("650 7f3a:1 post", self.written)
        self.assertIn("550 overflow at=7f3a:1", self.written)
        self.assertEqual(self.port.ring.listeners, [])

    written = ""

    def full(self, reader: Person, data: bytes) -> None:
        """Full after each event."""
        self.written += data.decode()
        if data.startswith(b"650"):
            reader.line.fill()

    def test_a_live_watch_that_the_ring_overtakes_is_stopped(self) -> None:
        """Even of other types: what is no longer kept may have been its own."""
        self.person.types('{"cmd":"watch","types":"link"}')
        self.port.ring.max_events = 2
        self.person.line.fill()
        for _ in range(5):
            self.event()
        self.person.line.drain()
        self.assertEqual(json.loads(self.person.heard())["at"], "7f3a:0")
        self.assertEqual(self.port.ring.listeners, [])

    def test_no_ticks_while_it_does_not_read(self) -> None:
        """A tick would only add to what waits."""
        self.person.line.fill()
        self.port.clock.advance(45)
        self.assertEqual(self.person.heard(), "")
        self.person.line.drain()
        self.port.clock.advance(15)
        self.assertEqual(self.person.objects(), [{"event": "tick", "cursor": "7f3a:0"}])

    def test_a_tick_that_fails_does_not_end_the_ticks(self) -> None:
        """It is logged, and the next one comes."""
        write = self.person.line.write
        self.patch(self.person.line, "write", lambda data: 1 / 0)
        self.port.clock.advance(15)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.patch(self.person.line, "write", write)
        self.port.clock.advance(15)
        self.assertEqual(self.person.objects(), [{"event": "tick", "cursor": "7f3a:0"}])
