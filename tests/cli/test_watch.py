"""watch: events for eyes and for programs."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.cli.fakes import FakeNode, Fields, run

MEMBER: Fields = {
    "event": "member", "cursor": "7f3a:9", "name": "bob", "from": "alive", "to": "suspect",
    "why": "silent",
}  # fmt: skip
TICK: Fields = {"event": "tick", "cursor": "7f3a:9"}
OVERFLOW: Fields = {"event": "overflow", "cursor": "7f3a:12", "code": 550}


class Watching(SynchronousTestCase):
    """A node that stops ends the watch with 3."""

    def test_events_in_words(self) -> None:
        """Each event is one line; the sign of life is not shown to people."""
        done = run(FakeNode({"watch": {"code": 250}}, [MEMBER, TICK]), "watch")
        (line,) = done.stdout.splitlines()
        for word in ("7f3a:9", "member", "name: bob", "from: alive", "to: suspect", "why: silent"):
            self.assertIn(word, line)
        self.assertEqual((done.exit_code, done.stderr.count("\n")), (3, 1))

    def test_a_message_in_words(self) -> None:
        """A post is told by its author, text and state, on one line whatever the text holds."""
        post = {
            "event": "post", "cursor": "7f3a:9", "id": "ada/1/1", "author": "ada",
            "author_id": "a" * 52, "text": "one\ntwo\x1b[2J", "state": "sent", "acked": 1, "of": 2,
            "late": True,
        }  # fmt: skip
        done = run(FakeNode({"watch": {"code": 250}}, [post]), "watch")
        self.assertEqual(
            done.stdout,
            "7f3a:9        post       ada/1/1  ada: one<U+000A>two<U+001B>[2J   (sent 1/2, late)\n",
        )

    def test_events_as_json_lines(self) -> None:
        """With --json every event is one object on one line, as the admin port said it."""
        done = run(FakeNode({"watch": {"code": 250}}, [MEMBER, TICK]), "watch", "--json")
        self.assertEqual(done.exit_code, 3)
        self.assertIn("start it with: securechat --home /nonexistent/home up", done.stderr)
        self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], [MEMBER, TICK])

    def test_a_watch_that_was_stopped_goes_on(self) -> None:
        """After an overflow the watch is asked for again, from where it was stopped."""
        node = FakeNode({"watch": {"code": 250}}, [OVERFLOW])

        def then(args: Fields) -> Fields:
            if args["from"] is not None:
                node.happening = [MEMBER]
            return {"code": 250}

        node.replies["watch"] = then
        done = run(node, "watch", "--types", "member", "--json")
        self.assertEqual(
            [args for _, args in node.asked],
            [{"from": None, "types": "member"}, {"from": "7f3a:12", "types": "member"}],
        )
        self.assertEqual(json.loads(done.stdout), MEMBER)

    def test_an_old_cursor_is_a_problem(self) -> None:
        """450 ends with 1 and says how to begin anew."""
        done = run(FakeNode({"watch": {"code": 450, "text": "not kept"}}), "watch", "--from", "1:2")
        self.assertEqual(done.exit_code, 1)
        self.assertIn("without --from", done.stderr)
