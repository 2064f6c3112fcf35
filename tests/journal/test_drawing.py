"""A trace is told in words, drawn as a diagram and given to programs; whole or about one thing."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from securechat.journal.drawing import as_json, as_mermaid, as_text, narrowed
from securechat.journal.records import FactNote, TurnRecord
from securechat.journal.trace import Exported, merge
from tests.journal.kinds import ADA, BOB, BOOT, CAROL

POST = f"{ADA}/3~{BOOT}/17"
OBJECT = "00112233445566aa"
SAID = Exported(
    "ada",
    ADA,
    TurnRecord(
        1,
        10,
        0.1,
        ("Asked Say ticket=1",),
        (POST, f"gap:{ADA}/3~{BOOT}", f"member:{CAROL}"),
        (
            FactNote("held/x", "a post of ours; #1 <b>", f"envelope {OBJECT}", "", (0,)),
            FactNote("claim/y", f"{{{CAROL}}} takes part", "", "", (2,)),
        ),
        (f"Send {BOB},{CAROL} Posts #{OBJECT}", f"Dial {CAROL} h:1"),
    ),
)
STORED = Exported(
    "bob",
    BOB,
    TurnRecord(
        5,
        20,
        0.2,
        (f"Received {ADA} link=1 Posts #{OBJECT}",),
        (POST,),
        (FactNote("held/x", f"a post of {{{ADA}}} stored", f"envelope {OBJECT}", "", (0,)),),
    ),
)
UNRELATED = Exported("bob", BOB, TurnRecord(6, 30, 0.3, (f"LinkDown {CAROL} link=2 fin gone",)))
FAULTY = Exported("ada", ADA, TurnRecord(2, 30, 0.3, ("start",), fault="internal\x1b[2J fault\nx"))


class DrawingTests(SynchronousTestCase):
    """One trace in three forms."""

    trace = merge([STORED, SAID, UNRELATED, FAULTY])

    def test_text(self) -> None:
        """Each turn says why it ran, what it kept, what came and what left, by name."""
        text = as_text(self.trace)
        self.assertEqual(
            text,
            "ada turn 1\n"
            "    because Asked Say ticket=1\n"
            f"    a post of ours; #1 <b> [envelope {OBJECT}]\n"
            "    member cccccccc takes part\n"
            f"    sent to bob: Posts #{OBJECT}, came in bob turn 5\n"
            f"    sent to member cccccccc: Posts #{OBJECT}, not told there\n"
            "bob turn 5\n"
            f"    because Received ada link=1 Posts #{OBJECT}\n"
            f"    came from ada turn 1: Posts #{OBJECT}\n"
            f"    a post of ada stored [envelope {OBJECT}]\n"
            "ada turn 2\n"
            "    because start\n"
            "    fault: internal?[2J fault?x\n"
            "bob turn 6\n"
            "    because LinkDown member cccccccc link=2 fin gone\n",
        )

    def test_messages_are_called_as_people_write_them(self) -> None:
        """NAME/EPOCH/SEQ; which stream of an epoch is meant is said where there are two."""
        one, two = f"{ADA}/3~{BOOT}/d1", f"{ADA}/3~{'ee' * 16}/d1"
        asked = ("Asked Cancel ticket=15 {}", "Asked Retry ticket=16 {}")
        alone = Exported("ada", ADA, TurnRecord(1, 10, 0.1, (asked[0].format(one),)))
        both = tuple(form.format(name) for form, name in zip(asked, (one, two), strict=True))
        twins = Exported("ada", ADA, TurnRecord(1, 10, 0.1, both))
        self.assertIn("because Asked Cancel ticket=15 ada/3/d1\n", as_text(merge([alone])))
        told = as_text(merge([twins]))
        self.assertIn(f"Cancel ticket=15 ada/3~{BOOT[:2]}/d1\n", told)
        self.assertIn("Retry ticket=16 ada/3~ee/d1\n", told)
        strange = f"Asked Cancel ticket=1 {CAROL}/{'9' * 5000}~{BOOT}/d1"
        odd = Exported("ada", ADA, TurnRecord(1, 10, 0.1, (strange,)))
        self.assertIn("Asked Cancel", as_text(merge([odd])))

    def test_mermaid(self) -> None:
        """The diagram has a lane for each member, arrows for messages and notes for facts."""
        self.assertEqual(
            as_mermaid(self.trace),
            "sequenceDiagram\n"
            "    participant m0 as ada\n"
            "    participant m1 as bob\n"
            "    participant m2 as member cccccccc\n"
            "    Note over m0: a post of ours 1 b\n"
            "    Note over m0: member cccccccc takes part\n"
            f"    m0-xm2: Posts {OBJECT}\n"
            f"    m0->>m1: Posts {OBJECT}\n"
            "    Note over m1: a post of ada stored\n"
            "    Note over m0: start\n"
            "    Note over m1: LinkDown member cccccccc link=2 fin gone\n",
        )

    def test_json(self) -> None:
        """Programs get the turns in order, the messages between them and the cycle."""
        whole = json.loads(as_json(self.trace))
        self.assertEqual([turn["record"]["turn"] for turn in whole["turns"]], [1, 5, 2, 6])
        self.assertEqual(whole["messages"][0]["received"], [BOB, 5])
        self.assertEqual(whole["cycle"], [])

    def test_an_impossible_history_is_shown(self) -> None:
        """A cycle stands first in the text and as a comment in the diagram."""
        back = Exported("ada", ADA, TurnRecord(0, 5, 0.0, (f"Received {BOB} link=1 Posts #ff",)))
        forth = Exported("bob", BOB, TurnRecord(7, 5, 0.0, effects=(f"Send {ADA} Posts #ff",)))
        trace = merge([back, SAID, STORED, forth])
        self.assertTrue(as_text(trace).startswith("impossible history"))
        self.assertIn("%% impossible history", as_mermaid(trace))
        self.assertIn("bob turn 5", as_text(trace).splitlines()[0])

    def test_an_empty_trace(self) -> None:
        """Of nothing there is nothing to tell, and a diagram without lanes."""
        self.assertEqual(as_text(merge([])), "")
        self.assertEqual(as_mermaid(merge([])), "sequenceDiagram\n")


class NarrowedTests(SynchronousTestCase):
    """A trace about one id."""

    trace = merge([STORED, SAID, UNRELATED, FAULTY])

    def kept(self, about: str) -> list[tuple[str, int]]:
        """The turns left."""
        return [(turn.node, turn.record.turn) for turn in narrowed(self.trace, about).turns]

    def test_as_people_write_ids(self) -> None:
        """A post is found by its canonical id, by NAME/EPOCH/SEQ and with the mark of a twin."""
        for about in (POST, "ada/3/17", f"ada/3~{BOOT[:2]}/17"):
            self.assertEqual(self.kept(about), [("ada", 1), ("bob", 5)])
        for about in ("ada/3/18", "bob/3/17", "ada/3/d17", "", "nonsense"):
            self.assertEqual(self.kept(about), [])

    def test_members_and_gaps(self) -> None:
        """Members are found by id or name, gaps by NAME/EPOCH."""
        self.assertEqual(self.kept(f"member:{CAROL}"), [("ada", 1)])
        self.assertEqual(self.kept("gap:ada/3"), [("ada", 1)])
        self.assertEqual(self.kept("gap:ada/4"), [])
        self.assertEqual(self.kept("member:bob"), [])

    def test_who_only_carried_it_is_kept(self) -> None:
        """A node that received the object without a fact about the id is part of its story."""
        silent = Exported(
            "bob", BOB, TurnRecord(9, 0, 0.0, (f"Received {ADA} link=1 X #{OBJECT}",))
        )
        trace = narrowed(merge([SAID, silent, UNRELATED]), POST)
        self.assertEqual([turn.record.turn for turn in trace.turns], [1, 9])
        self.assertEqual([arrow.to for arrow in trace.arrows], [BOB, CAROL])
