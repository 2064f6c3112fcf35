"""Deliveries and stories at a real node: every line has the time at which it became so."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.naming import time_of
from securechat.effects import Record
from securechat.ids import Hash, MessageId
from securechat.inputs import Instant
from securechat.journal.records import turn_record
from securechat.membership.evidence import Evidence
from securechat.messaging.facts import PostsOffered, PostsStored
from securechat.notices import Liveness
from securechat.simulation.people import FOUNDED_MS, person
from tests.admin.real import Alone

BOB = person(1).signer.member
START = FOUNDED_MS + 86_400_000


class OfPosts(SynchronousTestCase):
    """A node whose only peer comes and goes, and three posts a minute apart."""

    def setUp(self) -> None:
        """They were said while bob was away."""
        self.alone = Alone(knows=(1,))
        self.ids = [self.say(text) for text in ("one", "two", "three")]
        self.stream = self.message(0).stream

    def say(self, text: str) -> str:
        """One of them."""
        said: str = self.alone.asks("say", text=text)["id"]
        self.alone.clock.advance(60)
        return said

    def message(self, index: int) -> MessageId:
        """One of them by its canonical id."""
        return self.alone.desk.names.find_message(self.ids[index])

    def learns(
        self, fact: PostsOffered | PostsStored, recorded: bool = True, at: int | None = None
    ) -> None:
        """The node learns something in a turn of its own, of which a record may be kept."""
        self.alone.node.cores.messaging.apply(fact)
        if recorded:
            store = self.alone.node.store
            turn, now = store.last_turn() + 1, Instant(0.0, fact.at if at is None else at)
            store.commit([], [turn_record(turn, now, ["test"], [Record(fact)])])

    def sent(self, seq: int, upto: int, at: int, silence: bool = False) -> PostsOffered:
        """Posts up to one were given to bob, or were overdue; the last of them just now."""
        spans = ((1, upto),)
        s = self.stream
        return PostsOffered(
            s.author, s.epoch, s.boot, BOB, spans, spans if silence else (), ((seq, upto),), at,
            silence,
        )  # fmt: skip

    def stored(self, seq: int, upto: int, at: int, byte: int) -> PostsStored:
        """Bob's frontier lists posts up to one; those from another on are news."""
        s, name = self.stream, Hash(bytes([byte]) * 32)
        return PostsStored(
            s.author, s.epoch, s.boot, BOB, 1, ((1, upto),), ((seq, upto),), name, at
        )

    def row(self, index: int) -> dict[str, Any]:
        """The delivery of one of them at bob."""
        (row,) = self.alone.asks("delivery", id=self.ids[index])["items"]
        found: dict[str, Any] = row
        return found

    def said_at(self, index: int) -> str:
        """When one of them was said."""
        return time_of(self.alone.desk.read.line(self.message(index)).at)

    def test_nothing_is_known_of_a_post_before_it_was_said(self) -> None:
        """What was sent to bob before it is no news of it: it is queued since it was said."""
        self.learns(self.sent(1, 1, START + 30_000))
        row = self.row(2)
        self.assertEqual((row["state"], row["at"]), ("queued", self.said_at(2)))

    def test_sent_and_overdue_each_have_their_time(self) -> None:
        """Not that of the last that was sent to that member, whatever post it was."""
        self.learns(self.sent(1, 1, START + 200_000))
        self.learns(self.sent(2, 2, START + 300_000))
        self.assertEqual(self.row(0)["at"], time_of(START + 200_000))
        self.learns(self.sent(1, 2, START + 310_000, silence=True))
        self.learns(self.sent(3, 3, START + 400_000))
        self.learns(self.sent(3, 3, START + 410_000, silence=True))
        row = self.row(1)
        self.assertEqual((row["state"], row["at"]), ("unknown", time_of(START + 310_000)))

    def test_the_first_frontier_that_lists_it_is_the_evidence(self) -> None:
        """Later frontiers list it too; when it was acknowledged, and by which, stays."""
        self.learns(self.stored(1, 1, START + 200_000, 0xAA))
        first = self.row(0)
        self.assertEqual((first["state"], first["at"]), ("acked", time_of(START + 200_000)))
        self.assertEqual(first["evidence"], "frontier aaaaaaaaaaaaaaaa")
        self.learns(self.stored(2, 3, START + 300_000, 0xBB))
        self.assertEqual(self.row(0), first)
        self.assertEqual(self.row(1)["evidence"], "frontier bbbbbbbbbbbbbbbb")

    def test_what_no_record_tells_is_not_made_up(self) -> None:
        """Once the records are pruned, the evidence says that it is not the first, or not known."""
        self.learns(self.sent(1, 1, START + 200_000), recorded=False)
        self.learns(self.sent(2, 2, START + 210_000), recorded=False)
        row = self.row(0)
        self.assertEqual((row["state"], row["at"]), ("sent", self.said_at(0)))
        self.assertIn("since when is in no record that is kept", row["evidence"])
        self.assertEqual(self.row(1)["at"], time_of(START + 210_000))
        self.learns(self.stored(1, 1, START + 220_000, 0xAA), recorded=False)
        self.assertEqual(self.row(0)["evidence"], "frontier aaaaaaaaaaaaaaaa")
        self.learns(self.stored(2, 2, START + 300_000, 0xBB), recorded=False)
        row = self.row(0)
        self.assertEqual(row["at"], time_of(START + 300_000))
        self.assertEqual(row["evidence"], "frontier bbbbbbbbbbbbbbbb; an earlier one is not kept")

    def test_no_room_for_the_frontier(self) -> None:
        """When a frontier had to go is not when the post was acknowledged; the story tells of both."""
        stored = self.stored(1, 1, START + 200_000, 0xAA)
        gone = evolve(stored, kept=False)
        self.learns(stored, recorded=False)
        self.learns(gone, at=START + 900_000)
        row = self.row(0)
        self.assertEqual((row["state"], row["at"]), ("acked", time_of(START + 200_000)))
        self.assertEqual(row["evidence"], "frontier aaaaaaaaaaaaaaaa, not kept any more")
        items = self.alone.asks("explain", id=self.ids[0])["items"]
        told = f"no room for the frontier in which {person(1).name} signed that it has our posts 1"
        self.assertIn((told, row["evidence"]), [(item["what"], item["evidence"]) for item in items])

    def test_explain_is_oldest_first(self) -> None:
        """What is so now stands last, says so, and tells since when."""
        self.learns(self.stored(1, 1, START + 190_000, 0xAA))
        self.learns(self.stored(2, 2, START + 200_000, 0xBB))
        self.alone.clock.advance(60)
        for index, since in ((0, time_of(START + 190_000)), (2, self.said_at(2))):
            items = self.alone.asks("explain", id=self.ids[index])["items"]
            times = [item["at"] for item in items]
            self.assertEqual(times, sorted(times))
            state = "acked" if index == 0 else "queued"
            name = person(1).name
            self.assertEqual(items[-1]["what"], f"now: {state} at {name} since {since}")
            self.assertEqual(items[-1]["at"], time_of(self.alone.desk.view().at.wall_ms))

    def test_what_a_state_rests_on_stands_at_its_time(self) -> None:
        """Evidence about a member is told where it was seen, and of no turn that it was not of."""
        view = self.alone.desk.view
        found = view().membership.get(BOB)
        assert found is not None
        line = Evidence(START + 5, BOB, "silent for 2 s", Liveness.SUSPECT, True, "no answer")
        seen = evolve(found, evidence=(line,))
        shown = evolve(view(), membership=evolve(view().membership, members=(seen,)))
        self.patch(type(self.alone.desk.node), "snapshot", lambda node: shown)
        items = self.alone.asks("explain", id=f"member:{person(1).name}")["items"]
        times = [item["at"] for item in items]
        self.assertEqual(times, sorted(times))
        (old,) = [item for item in items if item["what"] == "silent for 2 s"]
        self.assertEqual((old["at"], old["turn"]), (time_of(START + 5), None))
        self.assertTrue(items[-1]["what"].startswith(f"now: {person(1).name} is "))
