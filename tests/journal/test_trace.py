"""Several nodes' records become one story in causal order, whatever their clocks say."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import LocalError
from securechat.journal.records import TurnRecord
from securechat.journal.trace import Exported, export_line, merge, read_lines
from tests.journal.kinds import ADA, BOB, CAROL

NAMES = {ADA: "ada", BOB: "bob", CAROL: "carol"}
LINK = "at=h:1-h:2"


def told(
    member: str,
    turn: int,
    causes: tuple[str, ...] = (),
    effects: tuple[str, ...] = (),
    wall_ms: int = 0,
) -> Exported:
    """One turn of one node."""
    return Exported(NAMES[member], member, TurnRecord(turn, wall_ms, 0.0, causes, effects=effects))  # type: ignore[index]


def places(turns: tuple[Exported, ...]) -> list[tuple[str, int]]:
    """The order, by name."""
    return [(entry.node, entry.record.turn) for entry in turns]


class MergeTests(SynchronousTestCase):
    """The order of a merged story."""

    def test_a_sending_precedes_its_receipt(self) -> None:
        """A message left before it came, though the receiver's clock is a day behind."""
        story = merge(
            [
                told(BOB, 1, (f"Received {ADA} link=1 Posts #aa",), wall_ms=5),
                told(ADA, 9, effects=(f"Send {CAROL},{BOB} Posts #aa #bb",), wall_ms=86_400_000),
            ]
        )
        self.assertEqual(places(story.turns), [("ada", 9), ("bob", 1)])
        arrived, lost = story.arrows
        self.assertEqual((arrived.sent, arrived.received), ((ADA, 9), (BOB, 1)))
        self.assertEqual(arrived.what, "Posts #aa")
        self.assertEqual((lost.to, lost.received, lost.what), (CAROL, None, "Posts #aa #bb"))
        self.assertEqual(story.cycle, ())

    def test_turns_of_a_node_are_ordered_by_number(self) -> None:
        """A clock that was set back does not turn a node's own history round."""
        story = merge([told(ADA, 2, wall_ms=1), told(ADA, 10, wall_ms=0), told(ADA, 1, wall_ms=9)])
        self.assertEqual(places(story.turns), [("ada", 1), ("ada", 2), ("ada", 10)])

    def test_a_chain_over_three_nodes(self) -> None:
        """What carol got from bob, who got it from ada, stands after both."""
        story = merge(
            [
                told(CAROL, 1, (f"Received {BOB} link=1 Posts #aa",), wall_ms=1),
                told(BOB, 1, (f"Received {ADA} link=1 Posts #aa",), wall_ms=2),
                told(BOB, 2, (), (f"Send {CAROL} Posts #aa",), wall_ms=2),
                told(ADA, 1, (), (f"Send {BOB} Posts #aa",), wall_ms=3),
            ]
        )
        expected = [("ada", 1), ("bob", 1), ("bob", 2), ("carol", 1)]
        self.assertEqual(places(story.turns), expected)

    def test_the_first_sending_is_the_one(self) -> None:
        """Of a message sent again and again, only the first surely precedes a receipt."""
        story = merge(
            [
                told(ADA, 1, (), (f"Send {BOB} Posts #aa",), wall_ms=1),
                told(ADA, 5, (f"Received {BOB} link=1 Receipt #ff",), wall_ms=9),
                told(ADA, 7, (), (f"Send {BOB} Posts #aa",), wall_ms=9),
                told(BOB, 1, (f"Received {ADA} link=1 Posts #aa",), wall_ms=9),
                told(BOB, 2, (), (f"Send {ADA} Receipt #ff",), wall_ms=9),
            ]
        )
        self.assertEqual(story.cycle, ())
        order = places(story.turns)
        self.assertLess(order.index(("bob", 2)), order.index(("ada", 5)))

    def test_a_sending_on_an_earlier_link_is_not_the_source(self) -> None:
        """Where both tell of a link, what came on it was sent after it came up."""
        up = told(ADA, 5, (f"LinkUp {BOB} link=2 epoch=1 {LINK}",))
        story = merge(
            [
                told(ADA, 1, (), (f"Send {BOB} Posts #aa",)),
                up,
                told(ADA, 6, (), (f"Send {BOB} Posts #aa",)),
                told(BOB, 1, (f"LinkUp {ADA} link=4 epoch=1 {LINK}",)),
                told(BOB, 2, (f"Received {ADA} link=4 Posts #aa",)),
            ]
        )
        self.assertEqual(story.arrows[0].sent, (ADA, 6))
        self.assertEqual([arrow.sent for arrow in story.arrows if not arrow.received], [(ADA, 1)])

    def test_link_numbers_begin_anew_with_each_start(self) -> None:
        """Link 1 of one process is not link 1 of the next: after a start nothing is known of it."""
        story = merge(
            [
                told(ADA, 1, (), (f"Send {BOB} Posts #aa",)),
                told(ADA, 5, (f"LinkUp {BOB} link=2 epoch=1 {LINK}",)),
                told(BOB, 1, (f"LinkUp {ADA} link=4 epoch=1 {LINK}",)),
                told(BOB, 2, ("start",)),
                told(BOB, 3, (f"Received {ADA} link=4 Posts #aa",)),
            ]
        )
        self.assertEqual(story.arrows[0].sent, (ADA, 1))

    def test_a_link_is_up_before_anything_comes_of_it(self) -> None:
        """What a node receives on a link comes after the other end saw it come up."""
        story = merge(
            [
                told(BOB, 1, (f"LinkUp {ADA} link=4 epoch=1 {LINK}",), wall_ms=1),
                told(BOB, 2, (f"Received {ADA} link=4 Ping",), wall_ms=2),
                told(ADA, 3, (f"LinkUp {BOB} link=2 epoch=1 {LINK}",), wall_ms=50),
            ]
        )
        self.assertEqual(places(story.turns), [("bob", 1), ("ada", 3), ("bob", 2)])

    def test_a_message_of_nobody_here(self) -> None:
        """Receipts from nodes whose export is missing, or of messages not told, order nothing."""
        story = merge(
            [
                told(BOB, 1, (f"Received {CAROL} link=1 Posts #aa",)),
                told(BOB, 2, (f"Received {ADA} link=1 Posts #cc",)),
                told(ADA, 1, (), (f"Send {BOB} Posts #dd", f"Dial {BOB} h:1")),
            ]
        )
        self.assertEqual(len(story.turns), 3)
        self.assertEqual([arrow.received for arrow in story.arrows], [None])

    def test_an_impossible_history_is_reported(self) -> None:
        """Two messages that each came before the other left are named, and all turns are shown."""
        story = merge(
            [
                told(ADA, 1, (f"Received {BOB} link=1 Posts #bb",)),
                told(ADA, 2, (), (f"Send {BOB} Posts #aa",)),
                told(BOB, 1, (f"Received {ADA} link=1 Posts #aa",)),
                told(BOB, 2, (), (f"Send {ADA} Posts #bb",)),
                told(CAROL, 1),
            ]
        )
        self.assertEqual(set(story.cycle), {(ADA, 1), (ADA, 2), (BOB, 1), (BOB, 2)})
        start = story.cycle.index((ADA, 1))
        turned = story.cycle[start:] + story.cycle[:start]
        self.assertEqual(turned, ((ADA, 1), (ADA, 2), (BOB, 1), (BOB, 2)))
        self.assertEqual(len(story.turns), 5)

    def test_the_same_turn_twice_is_one(self) -> None:
        """An export given twice changes nothing."""
        entries = [told(ADA, 1), told(ADA, 2)]
        self.assertEqual(merge(entries + entries), merge(entries))

    @settings(deadline=None)
    @given(st.data())
    def test_any_true_history_is_ordered(self, data: st.DataObject) -> None:
        """Records of a history that happened merge without a cycle, no effect before its cause."""
        happened: list[Exported] = []
        sent: list[tuple[str, str, str]] = []
        turn = dict.fromkeys(NAMES, 0)
        for number in range(data.draw(st.integers(1, 25))):
            member = data.draw(st.sampled_from(list(NAMES)))
            mine = [item for item in sent if item[1] == member]
            came = data.draw(st.lists(st.sampled_from(mine), max_size=2)) if mine else []
            others = [other for other in NAMES if other != member]
            receiver = data.draw(st.sampled_from(others))
            again = [item[2] for item in sent if item[0] == member]
            name = data.draw(st.sampled_from([*again, f"#{number:04x}"]))
            turn[member] += 1
            causes = tuple(f"Received {who} link=1 Posts {what}" for who, _, what in came)
            effects = (f"Send {receiver} Posts {name}",)
            clock = data.draw(st.integers(0, 9))
            happened.append(told(member, turn[member], causes, effects, clock))
            sent.append((member, receiver, name))
        story = merge(data.draw(st.permutations(happened)))
        self.assertEqual(story.cycle, ())
        order = [entry.place for entry in story.turns]
        self.assertEqual(sorted(order), sorted(entry.place for entry in happened))
        for arrow in story.arrows:
            if arrow.received is not None:
                self.assertLess(order.index(arrow.sent), order.index(arrow.received))
        for member in NAMES:
            numbers = [number for who, number in order if who == member]
            self.assertEqual(numbers, sorted(numbers))


class LinesTests(SynchronousTestCase):
    """Exports as JSON lines."""

    def test_round_trip(self) -> None:
        """A line gives back the turn it was made of; empty lines are skipped."""
        entry = told(ADA, 3, ("start",), wall_ms=7)
        line = export_line(entry.node, entry.member, entry.record)
        self.assertNotIn("\n", line)
        self.assertEqual(read_lines([line, "", line.encode() + b"\n"], "x"), [entry, entry])

    def test_what_is_no_export_is_named(self) -> None:
        """A line that is no turn record is refused with file and line, without a traceback."""
        good = export_line("ada", ADA, evolve(told(ADA, 1).record))
        for bad in ("{", "[]", '{"node": 1}', "\ud800", b"\xff", "[" * 5000, good[:-2]):
            problem = self.assertRaises(LocalError, read_lines, [good, bad], "ada.jsonl")
            self.assertEqual(problem.code, 503)
            self.assertIn("ada.jsonl, line 2", str(problem))
