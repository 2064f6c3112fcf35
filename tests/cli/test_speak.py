"""The commands that speak: what they ask, and what dm --wait ends with."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.client import DownError
from tests.cli.fakes import FakeNode, Fields, run

SAID: Fields = {"code": 252, "id": "ada/3/17", "state": "queued"}
TOLD: Fields = {"code": 252, "id": "ada/3/d4", "to": "bob", "state": "queued"}


def row(state: str) -> Fields:
    """The delivery of one direct message."""
    return {"member": "bob", "state": state, "at": "2026-11-21T13:05:12.000Z", "evidence": "why"}


def delivery(*states: str) -> FakeNode:
    """A node that takes a dm, whose state is this when asked for the first time, the second ..."""
    left = list(states)

    def answer(args: Fields) -> Fields:
        return {"code": 250, "items": [row(left.pop(0) if len(left) > 1 else left[0])]}

    return FakeNode({"dm": TOLD, "watch": {"code": 250}, "delivery": answer})


class Saying(SynchronousTestCase):
    """say and dm without waiting."""

    def test_say_posts_the_text_under_a_nonce(self) -> None:
        """say prints the id and the state, and asks once, with the text and a nonce."""
        node = FakeNode({"say": SAID})
        done = run(node, "say", "hello there")
        self.assertEqual(done.exit_code, 0)
        self.assertTrue(done.stdout.startswith("ada/3/17  queued"), done.stdout)
        ((verb, args),) = node.asked
        self.assertEqual((verb, args["text"]), ("say", "hello there"))
        self.assertGreaterEqual(len(args["nonce"]), 16)

    def test_words_are_one_text(self) -> None:
        """Words without quotes are joined by one space; behind -- nothing is an option."""
        node = FakeNode({"say": SAID})
        run(node, "say", "hello", "there")
        run(node, "say", "--", "--json", "is", "text")
        self.assertEqual(
            [args["text"] for _, args in node.asked], ["hello there", "--json is text"]
        )

    def test_a_dash_reads_standard_input(self) -> None:
        """say - takes the text from standard input, without its last line break."""
        node = FakeNode({"say": SAID})
        run(node, "say", "-", stdin="two\nlines\n")
        self.assertEqual(node.asked[0][1]["text"], "two\nlines")
        self.assertEqual(run(node, "say", "-", stdin="").exit_code, 2)

    def test_a_text_that_is_too_long(self) -> None:
        """The limit is told, however the text came and however much of it was read."""
        told = "too long: a text has at most 8192 bytes; say it in parts"
        for words, stdin in (
            (("say", "-"), "x" * 8193),
            (("say", "-"), "x" * 100_000),
            (("dm", "bob", "\u20ac" * 2731), ""),
        ):
            node = FakeNode()
            done = run(node, *words, stdin=stdin)
            self.assertEqual((done.exit_code, done.stderr), (2, f"securechat: {told}\n"))
            done = run(node, *words, "--json", stdin=stdin)
            self.assertEqual(json.loads(done.stdout), {"code": 501, "text": told})
            self.assertEqual(node.asked, [])
        node = FakeNode({"say": SAID})
        self.assertEqual(run(node, "say", "-", stdin="x" * 8192 + "\n").exit_code, 0)

    def test_a_lost_connection_is_tried_once_more_under_the_same_nonce(self) -> None:
        """Nothing is said twice: the second attempt has the first one's nonce."""
        answers: list[Fields | None] = [None, {**SAID, "code": 251}]

        def answer(args: Fields) -> Fields:
            found = answers.pop(0)
            if found is None:
                raise DownError("the node hung up")
            return found

        node = FakeNode({"say": answer})
        done = run(node, "say", "hello")
        self.assertEqual((done.exit_code, node.opened), (0, 2))
        self.assertEqual(node.asked[0][1]["nonce"], node.asked[1][1]["nonce"])
        self.assertIn("said before", done.stdout)

    def test_an_unknown_outcome_says_how_to_repeat_it(self) -> None:
        """If the second attempt is lost too, the status is 4 and the line has the nonce."""
        node = FakeNode({"say": DownError("the node hung up")})
        done = run(node, "say", "hello")
        self.assertEqual((done.exit_code, done.stderr.count("\n")), (4, 1))
        self.assertIn(f"--nonce {node.asked[0][1]['nonce']}", done.stderr)

    def test_json_is_the_reply(self) -> None:
        """say, dm, retry and cancel print the reply with --json."""
        tried = {"code": 250, "state": "queued"}
        node = FakeNode({"say": SAID, "dm": TOLD, "retry": tried, "cancel": tried})
        commands = {("say", "hi"): SAID, ("dm", "bob", "hi"): TOLD, ("retry", "x"): tried,
                    ("cancel", "x"): tried}  # fmt: skip
        for words, reply in commands.items():
            done = run(node, *words, "--json")
            self.assertEqual((done.exit_code, json.loads(done.stdout)), (0, reply))

    def test_the_rate_limit_is_a_problem_that_passes(self) -> None:
        """421 ends with 1 and says to try again."""
        done = run(FakeNode({"say": {"code": 421, "text": "too fast"}}), "say", "hi")
        self.assertEqual(done.exit_code, 1)
        self.assertIn("try again", done.stderr)


class Waiting(SynchronousTestCase):
    """dm --wait: 0 acked, 1 rejected or expired, 4 anything else."""

    def test_each_state_has_its_status(self) -> None:
        """No evidence is not a failure: queued, sent and unknown end with 4."""
        expected = {"acked": 0, "rejected": 1, "expired": 1, "queued": 4, "sent": 4, "unknown": 4}
        for state, status in expected.items():
            done = run(delivery(state), "dm", "bob", "hi", "--wait", "0")
            self.assertEqual(done.exit_code, status, state)
            self.assertTrue(done.stdout.startswith(f"ada/3/d4  {state}  why"), done.stdout)

    def test_it_waits_for_the_event(self) -> None:
        """The state that ends the wait comes as an event; other messages' events do not count."""
        node = delivery("sent", "acked")
        node.happening = [
            {
                "event": "delivery",
                "cursor": "a:1",
                "id": "ada/3/d3",
                "member": "bob",
                "to": "acked",
            },
            {
                "event": "delivery",
                "cursor": "a:2",
                "id": "ada/3/d4",
                "member": "bob",
                "to": "acked",
            },
        ]
        done = run(node, "dm", "bob", "hi", "--wait", "5", "--json")
        self.assertEqual(done.exit_code, 0)
        self.assertEqual(json.loads(done.stdout), {**TOLD, "state": "acked", "evidence": "why"})
        self.assertIn(("watch", {"types": "delivery"}), node.asked)

    def test_a_node_that_goes_away_meanwhile_is_4(self) -> None:
        """What became of the message is unknown, and the line says so."""
        node = delivery("sent")
        node.replies["watch"] = DownError("the node hung up")
        done = run(node, "dm", "bob", "hi", "--wait", "5")
        self.assertEqual((done.exit_code, done.stderr.count("\n")), (4, 1))
