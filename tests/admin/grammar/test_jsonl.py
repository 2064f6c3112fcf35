"""The JSON rendering: strict in, safe out, and the way back."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.grammar import jsonl
from securechat.admin.grammar.values import Event, GrammarError, Reply, Request
from securechat.admin.sanitise import is_safe
from tests.admin import strategies


class Jsonl(SynchronousTestCase):
    """One object on a line."""

    def refused(self, line: str) -> GrammarError:
        """The error of a line."""
        problem: GrammarError = self.assertRaises(GrammarError, jsonl.request, line)
        self.assertEqual(problem.code, 500)
        return problem

    def test_the_example_of_the_contract(self) -> None:
        """The command and its reply, as the documents show them."""
        found = jsonl.request('{"tag": "1", "cmd": "say", "text": "hi", "nonce": "c17"}')
        self.assertEqual(found, Request("say", {"text": "hi", "nonce": "c17"}, tag="1"))
        reply = jsonl.reply(Reply(252, {"id": "ada/3/17", "state": "queued"}, tag="1"))
        self.assertEqual(
            json.loads(reply), {"tag": "1", "code": 252, "id": "ada/3/17", "state": "queued"}
        )
        event = jsonl.event(Event("7f3a:1042", "delivery", {"to": "acked"}))
        self.assertEqual(
            json.loads(event), {"event": "delivery", "cursor": "7f3a:1042", "to": "acked"}
        )

    def test_loose_json_is_refused(self) -> None:
        """Twice the same key, NaN, infinities, endless digits, endless nesting, other documents."""
        for line in (
            '{"cmd":"say","cmd":"stop"}', '{"cmd":"say","x":NaN}', '{"cmd":"say","x":1e999}',
            '{"cmd":"say","x":-Infinity}', '{"cmd":"say","x":' + "9" * 5000 + "}",
            '{"cmd":"say","x":' + "[" * 8000 + "]" * 8000 + "}", "[1]", "1", '"say"', "",
            '{"cmd":"say"', '{"cmd":"say"} x', '{"cmd":3}', "{}", '{"cmd":""}',
            '{"cmd":"say","tag":3}', '{"cmd":"say","tag":"a b"}', '{"cmd":"say","x":{"a":1,"a":2}}',
        ):  # fmt: skip
            self.refused(line)

    def test_errors_bear_the_tag_once_it_is_known(self) -> None:
        """An object without a command is answered under its tag."""
        self.assertEqual(self.refused('{"tag":"9"}').tag, "9")

    def test_a_text_line_in_json_mode_gets_a_hint(self) -> None:
        """Whoever forgot the mode is told."""
        self.assertIn("JSON mode", self.refused("status").text)

    @given(strategies.json_requests)
    def test_a_request_reads_back(self, request: Request) -> None:
        """What a client of ours writes is what the node reads."""
        line = jsonl.command(request)
        self.assertNotIn("\n", line)
        self.assertEqual(jsonl.request(line), request)

    def test_json_has_no_bare_values(self) -> None:
        """Every argument has a name."""
        self.assertRaises(ValueError, jsonl.command, Request("say", values=("hi",)))

    @given(strategies.replies())
    def test_a_reply_reads_back(self, reply: Reply) -> None:
        """One safe line; and the same reply comes out."""
        line = jsonl.reply(reply)
        self.assertTrue(line.endswith("\n"))
        self.assertTrue(is_safe(line[:-1]))
        self.assertEqual(jsonl.read(line), reply)

    @given(strategies.events)
    def test_an_event_reads_back(self, event: Event) -> None:
        """One safe line; and the same event comes out."""
        line = jsonl.event(event)
        self.assertTrue(is_safe(line[:-1]))
        self.assertEqual(jsonl.read(line), event)

    @given(strategies.events)
    def test_an_event_is_measured_without_being_written(self, event: Event) -> None:
        """To the byte, whatever stands in it; and what cannot be said cannot be measured."""
        self.assertEqual(jsonl.size(event), len(jsonl.event(event).encode("utf-8")))

    def test_what_cannot_be_said_cannot_be_measured(self) -> None:
        """A name that the grammar owns or cannot write, a value that JSON does not know."""
        for fields in ({"cursor": 1}, {"code": 1}, {"a b": 1}):
            for _ in range(2):
                self.assertRaises(ValueError, jsonl.size, Event("7f3a:1", "post", fields))
        self.assertRaises(TypeError, jsonl.size, Event("7f3a:1", "post", {"x": object()}))
        self.assertRaises(ValueError, jsonl.size, Event("7f3a:1", "no type", {}))

    def test_other_servers_are_refused(self) -> None:
        """What is no reply of ours is an error."""
        for line in ('{"a":1}', '{"event":1}', '{"event":"a"}', '{"code":true}', '{"code":"250"}',
                     '{"code":250,"tag":1}', '{"code":250,"word":1}', "[]"):  # fmt: skip
            self.assertRaises(GrammarError, jsonl.read, line)

    @given(st.text())
    def test_any_line_is_read_or_refused(self, line: str) -> None:
        """No line does anything but give a request or one error."""
        self.refused(line)
