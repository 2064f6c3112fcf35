"""Claims are asked for when views differ, answered, and then nothing more is sent."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.membership import questions as questions_module
from securechat.membership.claims import Claim
from securechat.membership.messages import (
    FIRST_ID,
    LAST_ID,
    MAX_ROWS,
    AskClaims,
    Claims,
    Leave,
    Ping,
    Row,
)
from securechat.membership.questions import PART, parts_of, questions
from securechat.objects import Purpose
from tests.membership.bench import Bench, boot, objects, sends, someone

BOB, CAROL, DAVE = someone("bob"), someone("carol"), someone("dave")


class AskTests(SynchronousTestCase):
    """Views that differ are mended by asking."""

    def setUp(self) -> None:
        """Ada is linked to bob and knows carol."""
        self.bench = Bench().start()
        self.bob = self.bench.link(BOB)
        self.bench.receive(BOB, Claims((CAROL.alive(3, 1, "c").signed,)), self.bob)
        self.bench.mono += 2

    def ask(self, *rows: Row, first: str = FIRST_ID, last: str = LAST_ID) -> list[bytes]:
        """Bob asks; the statements he gets."""
        self.bench.mono += 2
        message = AskClaims(type(BOB.id)(first), type(BOB.id)(last), rows)
        effects = self.bench.receive(BOB, message, self.bob)
        return [signed.statement for signed in objects(sends(effects, Claims, BOB))]

    def test_differing_digest(self) -> None:
        """A ping with another digest is answered with a question, at most once in 2 s."""
        ping = Ping(1, b"otherone")
        (ask,) = sends(self.bench.receive(BOB, ping, self.bob), AskClaims, BOB)
        self.assertEqual((ask.first, ask.last, len(ask.held)), (FIRST_ID, LAST_ID, 3))
        self.assertEqual(sends(self.bench.receive(BOB, ping, self.bob), AskClaims), [])
        self.bench.mono += 2
        self.assertEqual(len(sends(self.bench.receive(BOB, ping, self.bob), AskClaims)), 1)

    def test_equal_digest(self) -> None:
        """A ping with our own digest is acked and nothing more."""
        digest = bytes.fromhex(self.bench.core.snapshot(self.bench.now).digest)
        self.assertEqual(len(self.bench.receive(BOB, Ping(1, digest), self.bob)), 1)

    def test_what_is_newer(self) -> None:
        """Who asks gets exactly what is newer than what it holds."""
        all_three = self.ask()
        self.assertEqual(len(all_three), 3)
        me = self.bench.core.version_of(self.bench.me.id)
        assert me is not None
        known = (Row(BOB.id, 1, 0, False), Row(self.bench.me.id, me.epoch, me.incarnation, False))
        newer = CAROL.alive(3, 1, "c").signed.statement
        self.assertEqual(self.ask(*known), [newer])
        self.assertEqual(self.ask(*known, Row(CAROL.id, 3, 0, False)), [newer])
        self.assertEqual(self.ask(*known, Row(CAROL.id, 3, 1, False)), [])
        self.assertEqual(self.ask(*known, Row(CAROL.id, 4, 0, False)), [])

    def test_leaves(self) -> None:
        """A leave is sent to who does not know of it."""
        leave = CAROL.leave(3, 1)
        self.bench.receive(BOB, Claims((leave.signed,)), self.bob)
        row = Row(CAROL.id, 3, 1, False)
        span = {"first": CAROL.id, "last": CAROL.id}
        self.assertEqual(self.ask(row, **span), [leave.signed.statement])
        self.assertEqual(self.ask(evolve(row, left=True), **span), [])
        self.assertEqual(len(self.ask(evolve(row, epoch=2, left=True), **span)), 2)

    def test_a_span(self) -> None:
        """A question about one member is answered with that member."""
        statements = self.ask(first=BOB.id, last=BOB.id)
        self.assertEqual(statements, [BOB.alive().signed.statement])

    def test_too_often(self) -> None:
        """A peer that repeats its question at once is not answered, and counted."""
        message = AskClaims(FIRST_ID, LAST_ID)
        self.bench.receive(BOB, message, self.bob)
        self.assertEqual(self.bench.receive(BOB, message, self.bob), [])
        counters = self.bench.core.snapshot(self.bench.now).counters
        self.assertEqual(counters["refused.asks-too-often"], 1)

    def test_many_spans(self) -> None:
        """Ever new spans of one peer get no more answers than a whole roster needs."""
        answers = 0
        for number in range(200):
            span = AskClaims(FIRST_ID, someone(f"peer{number:03}").id)
            answers += bool(sends(self.bench.receive(BOB, span, self.bob), Claims))
        self.assertLessEqual(answers, 64)
        counters = self.bench.core.snapshot(self.bench.now).counters
        self.assertGreaterEqual(counters["refused.asks-too-often"], 136)

    def test_asked_again_on_the_next_link(self) -> None:
        """Who comes back at once may ask at once."""
        ask = AskClaims(FIRST_ID, LAST_ID)
        self.assertTrue(sends(self.bench.receive(BOB, ask, self.bob), Claims))
        self.bench.cut(BOB, self.bob)
        self.bob = self.bench.link(BOB)
        self.assertTrue(sends(self.bench.receive(BOB, ask, self.bob), Claims))

    def test_bounded_memory(self) -> None:
        """A peer that asks for ever new spans, or names ever new strangers, fills no memory."""
        self.patch(questions_module, "MAX_OBJECTS", 4)
        for number in range(40):
            member = someone(f"peer{number:02}")
            self.bench.receive(BOB, AskClaims(member.id, member.id), self.bob)
            self.bench.receive(BOB, Claims((member.leave().signed,)), self.bob)
        claims = self.bench.core._parts.questions
        self.assertLessEqual(len(claims._answered), 16)
        self.assertLessEqual(len(claims._asked), 16)

    def test_two_nodes_converge(self) -> None:
        """Two nodes whose views differ both ways hold the same after one question each."""
        other = Bench("bob", boot=boot("9")).start()
        other.link(someone("ada"))
        other.receive(someone("ada"), Claims((DAVE.alive(7, 0, "d").signed,)))
        ada, bob = someone("ada"), someone("bob")
        nodes = {"ada": self.bench, "bob": other}
        nodes["bob"].mono += 100
        nodes["ada"].mono += 100
        nodes["ada"].link(bob, bob.alive(1, 0, "9"))
        for _ in range(3):
            for name, peer in (("ada", bob), ("bob", ada)):
                there = nodes["bob" if name == "ada" else "ada"]
                here = nodes[name]
                here.mono += 3
                there.mono += 3
                digest = bytes.fromhex(there.core.snapshot(there.now).digest)
                for ask in sends(here.receive(peer, Ping(1, digest), 1), AskClaims):
                    for claims in sends(there.receive(someone(name), ask, 1), Claims):
                        here.receive(peer, claims, 1)
        held = [set(node.core.keyring.keys) for node in nodes.values()]
        self.assertEqual(held[0], held[1])
        self.assertEqual(len(held[0]), 4)


class PartTests(SynchronousTestCase):
    """Large rooms are told in parts."""

    def test_parts(self) -> None:
        """Parts stay within 32 KiB, every Alive precedes every Leave, and nothing is lost."""
        people = [someone(f"peer{number:02}") for number in range(90)]
        claims = [Claim.of(c) for who in people for c in (who.leave(), who.alive())]
        parts = parts_of(claims)
        told = objects(list(parts))
        self.assertEqual(len(told), len(claims))
        kinds = [signed.purpose for signed in told]
        self.assertEqual(kinds, sorted(kinds))
        for part in parts:
            self.assertLessEqual(sum(signed.size for signed in part.objects), PART)
            self.assertEqual(len({signed.purpose for signed in part.objects}), 1)
        self.assertIs(told[-1].purpose, Purpose.LEAVE)

    def test_leaves_only(self) -> None:
        """Leaves alone make parts too; nothing makes none."""
        claims = [Claim.of(BOB.leave())]
        self.assertIsInstance(claims[0].statement, Leave)
        self.assertEqual(len(parts_of(claims)), 1)
        self.assertEqual(parts_of([]), ())

    def test_questions(self) -> None:
        """A question in parts leaves no gap between them, and names every row."""
        ids = sorted(type(BOB.id)(("234567abcdefghijklmnopqrstuvwxyz"[n // 32]
                     + "234567abcdefghijklmnopqrstuvwxyz"[n % 32]) + "2" * 50)
                     for n in range(1000))  # fmt: skip
        rows = tuple(Row(member, 1, 0, False) for member in ids)
        for count in (0, 1, MAX_ROWS, MAX_ROWS + 1, 1000):
            asked = list(questions(rows[:count]))
            self.assertEqual((asked[0].first, asked[-1].last), (FIRST_ID, LAST_ID))
            for one, two in pairwise(asked):
                self.assertEqual(one.last, two.first)
            self.assertEqual({row for ask in asked for row in ask.held}, set(rows[:count]))
            self.assertTrue(all(len(ask.held) <= MAX_ROWS for ask in asked))
