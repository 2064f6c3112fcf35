"""A story says what the records say: all of it, in order, with evidence and causes, and no more."""

from __future__ import annotations

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Effect, Fact, Forget, Record, Send
from securechat.inputs import Asked, Instant, Received, Say
from securechat.journal.explain import Item, Story, explain, spoken
from securechat.journal.records import StoredFact, TurnRecord, turn_record
from securechat.objects import Admitted, Signed
from securechat.signing import object_hash
from tests.journal.kinds import ADA, BOB, BOOT, ROOM, Held, signed

POST = f"{ADA}/3~{BOOT}/17"
ENVELOPE = signed(b"the envelope")
RECEIPT = signed(b"the receipt")
HASH = object_hash(ROOM, ENVELOPE)
PROOF = object_hash(ROOM, RECEIPT)


@frozen
class Posts:
    """A message."""

    objects: tuple[Signed, ...] = ()


def made(
    turn: int, inputs: list[object], facts: list[Fact], effects: list[Effect] | None = None
) -> TurnRecord:
    """The record of a turn at a time of its own."""
    records = [Record(fact) for fact in facts]
    return turn_record(turn, Instant(turn, turn * 10), inputs, records, effects or [])


def got(sender: str, item: Signed) -> Received:
    """A message with one object."""
    admitted = Admitted(object_hash(ROOM, item), ADA, None, item)
    return Received(type(ADA)(sender), 1, Posts(), (admitted,))


SAID = Held("said", 1, (POST,), "", f"envelope {HASH.hex()[:16]}")
ACKED = Held("acked", 1, (POST,), "held/receipt", f"receipt {PROOF.hex()[:16]}")
PROVED = Held("receipt", 1, (), "", f"receipt {PROOF.hex()[:16]}")
OTHER = Held("other", 1, ("elsewhere",))


class ExplainTests(SynchronousTestCase):
    """The story of an id."""

    turns = (
        made(
            4, [Asked(1, Say("x")), got(BOB, RECEIPT)], [OTHER, SAID], [Send(BOB, Posts(), (HASH,))]
        ),
        made(6, [got(BOB, RECEIPT), "start"], [PROVED]),
        made(7, ["start", got(BOB, RECEIPT)], [ACKED]),
    )

    def test_the_causal_chain_oldest_first(self) -> None:
        """A post is explained by its storing, its sending, and the receipt that led to its state."""
        story = explain(POST, (), self.turns)
        self.assertEqual(
            [(item.turn, item.what) for item in story.items],
            [
                (4, SAID.words),
                (4, f"Send {{{BOB}}} Posts #{HASH.hex()[:16]}"),
                (6, PROVED.words),
                (7, ACKED.words),
            ],
        )
        self.assertEqual(story.summary, ACKED.words)
        said, sent, proved, acked = story.items
        self.assertEqual((said.at, said.evidence), (40, SAID.evidence))
        self.assertEqual(sent.evidence, "record of turn 4")
        self.assertEqual(acked.cause, "held/receipt")
        self.assertEqual(proved.evidence, PROVED.evidence)

    def test_the_input_that_brought_it_is_the_cause(self) -> None:
        """A fact that names no cause has the only input of its turn, or the one with its object."""
        alone = made(1, [got(BOB, ENVELOPE)], [SAID])
        among = made(1, ["start", got(BOB, ENVELOPE)], [SAID])
        brought = f"Received {{{BOB}}} link=1 Posts #{HASH.hex()[:16]}"
        for record in (alone, among):
            (item,) = explain(POST, (), [record]).items
            self.assertEqual(item.cause, brought)
        (item,) = explain(POST, (), [made(1, ["start", "rebuild"], [SAID])]).items
        self.assertEqual(item.cause, "")

    def test_facts_outlive_their_records(self) -> None:
        """When the records were pruned, the facts still tell the story, with turn and time."""
        facts = [StoredFact(ACKED, 7, 70), StoredFact(SAID, 4, 40), StoredFact(PROVED, 6, 60)]
        story = explain(POST, facts, ())
        self.assertEqual([item.turn for item in story.items], [4, 6, 7])
        self.assertEqual([item.at for item in story.items], [40, 60, 70])
        self.assertEqual(story.items[2].cause, "held/receipt")

    def test_a_fact_and_its_record_are_one_line(self) -> None:
        """What both the journal's facts and its records tell is told once."""
        facts = [StoredFact(SAID, 4, 40)]
        self.assertEqual(explain(POST, facts, self.turns), explain(POST, (), self.turns))

    def test_replaced_facts_stay_in_the_story(self) -> None:
        """A fact that another replaced is still told by the record of its turn."""
        first, second = Held("state", 1, (POST,)), Held("state", 2, (POST,))
        turns = [made(1, [], [first]), made(2, [], [second])]
        story = explain(POST, [StoredFact(second, 2, 20)], turns)
        self.assertEqual([item.what for item in story.items], [first.words, second.words])

    def test_live_lines_come_last(self) -> None:
        """What is so just now follows what is recorded, as it was given."""
        now = Item(99, 0, "waits for {bob}", "link 3", "")
        story = explain(POST, (), self.turns, [now])
        self.assertEqual(story.items[-1], now)
        self.assertEqual(story.summary, ACKED.words)
        self.assertEqual(explain("nothing", (), (), [now]), Story(now.what, (now,)))

    def test_nothing_known(self) -> None:
        """Of an id that nothing is recorded about, just that is said."""
        story = explain("nothing", (), self.turns)
        self.assertEqual(story, Story("nothing is recorded about nothing", ()))

    def test_causes_that_go_round(self) -> None:
        """Facts that name each other as cause end the walk, and are each told once."""
        one = Held("one", 1, (POST,), "held/two")
        two = Held("two", 1, (), "held/one")
        story = explain(POST, (), [made(1, [], [one]), made(2, [], [two])])
        self.assertEqual([item.what for item in story.items], [one.words, two.words])

    def test_forgetting_is_not_part_of_a_story(self) -> None:
        """Deletion of other facts is not told as if it were about the id."""
        records = [Record(SAID), Record(Forget(("held/x",)))]
        record = turn_record(1, Instant(0, 0), [], records)
        self.assertEqual(len(explain(POST, (), [record]).items), 1)

    def test_members_are_marked_for_naming(self) -> None:
        """The ids of members in short forms are put in braces, other words are not."""
        self.assertEqual(spoken(f"Send {ADA},{BOB} x"), f"Send {{{ADA}}},{{{BOB}}} x")
        self.assertEqual(spoken("a" * 53), "a" * 53)

    @given(st.permutations(range(3)), st.sets(st.integers(0, 2)))
    def test_order_of_giving_does_not_matter(self, order: list[int], facts: set[int]) -> None:
        """However records and facts are handed over, the story is the same."""
        stored = [StoredFact(SAID, 4, 40), StoredFact(PROVED, 6, 60), StoredFact(ACKED, 7, 70)]
        given_facts = [stored[place] for place in facts]
        turns = [self.turns[place] for place in order]
        self.assertEqual(explain(POST, given_facts, turns), explain(POST, (), self.turns))
