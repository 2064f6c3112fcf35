"""The commands that ask a running node: their exit statuses, --json, and errors of one line."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.client import ConversationError, DownError
from tests.cli.fakes import FakeNode, Fields, run

STATUS: Fields = {
    "code": 250, "name": "ada", "id": "a" * 52, "room": "lab", "room_id": "r" * 52, "epoch": 3,
    "incarnation": 0, "version": "0.1.0", "uptime_s": 3723.5, "preset": "lan", "faults": False,
    "read_only": False, "members": {"alive": 2, "suspect": 0, "unreachable": 1, "left": 0},
    "gaps": 0, "outbox": 1, "unknown": 0, "digest": "3fa91c07", "posts": 14,
}  # fmt: skip
MEMBER: Fields = {
    "name": "bob", "id": "b" * 52, "self": False, "state": "unreachable", "via": "none",
    "epoch": 2, "incarnation": 0, "since": "2026-11-21T13:05:12.000Z", "last_heard_s": 8.25,
    "rtt_ms": None, "address": "127.0.0.1:7400",
}  # fmt: skip
POST: Fields = {
    "kind": "post", "id": "ada/3/17", "author": "ada", "author_id": "a" * 52, "epoch": 3,
    "seq": 17, "hlc": 1, "time": "2026-11-21T13:05:12.000Z", "text": "hello", "state": "acked",
    "acked": 2, "of": 2, "late": False, "recovered": False, "mark": None,
}  # fmt: skip
GAP: Fields = {
    "kind": "gap", "author": "bob", "epoch": 2, "from": 17, "to": 18,
    "asked": {"carol": "never had"}, "not_asked": ["dave"], "verdict": "asking", "next_try_s": 4.0,
}  # fmt: skip
READINGS: dict[tuple[str, ...], Fields] = {
    ("status",): STATUS,
    ("health",): {"code": 250, "live": True, "ready": True, "joined": False},
    ("members",): {"code": 250, "items": [MEMBER]},
    ("who", "bob"): {"code": 250, **MEMBER, "evidence": [
        {"at": "2026-11-21T13:05:12.000Z", "by": "ada", "what": "two probes missed",
         "verdict": "unreachable", "counted": True, "why": "own row"},
    ]},
    ("links",): {"code": 250, "items": [
        {"peer": "bob", "direction": "dialled", "since": "2026-11-21T13:05:12.000Z",
         "bytes_in": 10, "bytes_out": 20, "queued_bytes": 0, "clock_offset_s": None,
         "last_refusal": None},
    ]},
    ("messages",): {"code": 250, "items": [POST, GAP]},
    ("delivery", "ada/3/17"): {"code": 250, "items": [
        {"member": "bob", "state": "acked", "at": "2026-11-21T13:05:12.000Z", "evidence": "r"},
    ]},
    ("explain", "ada/3/17"): {"code": 250, "summary": "acked by all", "items": [
        {"at": "2026-11-21T13:05:12.000Z", "turn": 4, "what": "said", "evidence": "#12",
         "cause": ""},
    ]},
    ("gaps",): {"code": 250, "items": [GAP]},
    ("outbox",): {"code": 250, "items": [
        {"id": "ada/3/d4", "kind": "dm", "to": "bob", "state": "unknown", "why": "deadline",
         "since": "2026-11-21T13:05:12.000Z", "acked": 0, "of": 1},
    ]},
    ("digest",): {"code": 250, "digest": "f" * 64, "streams": [
        {"author": "ada", "epoch": 3, "ranges": "1-17,20", "head": "ab12"},
    ]},
    ("diff", "bob"): {"code": 250, "items": [
        {"author": "ada", "epoch": 3, "from": 4, "to": 4, "here": "stored", "there": "missing"},
    ]},
    ("counters",): {"code": 250, "frames_in": 7, "refused": {"bad-signature": 2}},
}  # fmt: skip


def verb_node(words: tuple[str, ...], reply: Any) -> FakeNode:
    """A node that knows this one answer."""
    return FakeNode({words[0]: reply})


class TheReadingCommands(SynchronousTestCase):
    """status health members who links messages delivery explain gaps outbox digest diff counters."""

    def test_json_is_the_reply_as_one_object(self) -> None:
        """With --json every reading command prints the reply, whole, as one object on one line."""
        for words, reply in READINGS.items():
            done = run(verb_node(words, {**reply, "tag": "7"}), *words, "--json")
            self.assertEqual(done.stderr, "", words)
            self.assertEqual(done.stdout.count("\n"), 1, words)
            self.assertEqual(json.loads(done.stdout), reply, words)

    def test_words_for_people(self) -> None:
        """Without --json every fact of a reply is there in words, the state words unchanged."""
        expected = {
            "status": ["ada", "lab", "alive 2", "unreachable 1", "3fa91c07", "1 h 2 min"],
            "health": ["live    yes", "ready   yes", "joined  no"],
            "members": ["bob", "unreachable", "8.25"],
            "who": ["unreachable", "two probes missed", "own row", "8.25 s ago"],
            "links": ["bob", "dialled"],
            "messages": ["ada/3/17", "hello", "acked 2/2", "gap: bob/2 17-18", "carol: never had"],
            "delivery": ["bob", "acked"],
            "explain": ["acked by all", "turn 4", "evidence: #12"],
            "gaps": ["not asked dave", "next try in 4 s"],
            "outbox": ["ada/3/d4", "unknown", "deadline"],
            "digest": ["f" * 64, "1-17,20"],
            "diff": ["stored", "missing"],
            "counters": ["frames_in", "refused: bad-signature"],
        }
        for words, reply in READINGS.items():
            done = run(verb_node(words, reply), *words)
            self.assertEqual((done.exit_code, done.stderr), (0, ""), words)
            for word in expected[words[0]]:
                self.assertIn(word, done.stdout, words)

    def test_where_to_look_is_told_for_this_home(self) -> None:
        """status and links name the command that shows more, with the home it is for."""
        ours = "see: securechat --home /nonexistent/home"
        node = FakeNode({"status": {"code": 250, "gaps": 2, "unknown": 1}})
        told = run(node, "status").stdout
        self.assertIn(f"gaps 2; {ours} gaps\n", told)
        self.assertIn(f"unknown 1; {ours} outbox\n", told)
        node = FakeNode({"links": {"code": 250, "items": []}})
        self.assertEqual(run(node, "links").stdout, f"no links; {ours} members\n")

    def test_empty_lists_say_so(self) -> None:
        """A list without items is told in words, never by silence."""
        for verb in ("members", "links", "messages", "gaps", "outbox"):
            done = run(FakeNode({verb: {"code": 250, "items": []}}), verb)
            self.assertEqual(done.exit_code, 0)
            self.assertGreater(len(done.stdout.strip()), 5, verb)

    def test_health_ends_with_0_only_when_live_and_ready(self) -> None:
        """health: 0 when live and ready, joined or not; 1 otherwise."""
        for ready, joined, status in ((True, False, 0), (True, True, 0), (False, True, 1)):
            reply = {"code": 250, "live": True, "ready": ready, "joined": joined}
            for options in ((), ("--json",)):
                self.assertEqual(
                    run(FakeNode({"health": reply}), "health", *options).exit_code, status
                )

    def test_status_of_a_read_only_node_is_a_problem(self) -> None:
        """A journal that cannot be written is the first line of status, and exit status 1."""
        reply = {**STATUS, "read_only": True, "read_only_reason": "disk full"}
        done = run(FakeNode({"status": reply}), "status")
        self.assertEqual(done.exit_code, 1)
        self.assertRegex(done.stdout.splitlines()[0], "^problem .*disk full")

    def test_options_of_messages_reach_the_node(self) -> None:
        """messages passes its options on under the names of the admin port."""
        node = FakeNode({"messages": {"code": 250, "items": []}})
        run(
            node, "messages", "--kind", "dm", "--with", "bob", "--before", "ada/3/9", "--limit", "7"
        )
        run(node, "messages", "--after", "")
        (_, first), (_, second) = node.asked
        self.assertEqual(
            first, {"kind": "dm", "with": "bob", "before": "ada/3/9", "after": None, "limit": 7}
        )
        self.assertEqual((second["after"], second["before"], second["limit"]), ("", None, 50))

    def test_more_messages_tell_how_to_go_on(self) -> None:
        """A page that is not the last names the option for the next one."""
        reply = {"code": 250, "items": [POST], "more": True}
        node = FakeNode({"messages": reply})
        first = run(node, "messages", "--with", "bob", "--limit", "1").stdout.splitlines()[0]
        self.assertEqual(
            first,
            "-- more: securechat --home /nonexistent/home messages --with bob --limit 1"
            " --before ada/3/17 --",
        )
        self.assertIn(
            "--after ada/3/17", run(node, "messages", "--after", "").stdout.splitlines()[-1]
        )
        cut = FakeNode({"messages": {**reply, "next": "ada/3/17"}})
        self.assertIn("--before ada/3/17", run(cut, "messages").stdout.splitlines()[0])

    def test_before_and_after_exclude_each_other(self) -> None:
        """Both at once is a mistake of usage: status 2 and one line."""
        done = run(FakeNode(), "messages", "--before", "a", "--after", "b")
        self.assertEqual((done.exit_code, done.stderr.count("\n")), (2, 1))

    def test_no_text_moves_the_terminal(self) -> None:
        """Control, bidi and zero-width characters of others are shown as their code points."""
        text = "a\x1b[2Jb\r\nc\u202ed\u200be\x9b"
        done = run(
            FakeNode({"messages": {"code": 250, "items": [{**POST, "text": text}]}}), "messages"
        )
        for hostile in "\x1b\r\u202e\u200b\x9b":
            self.assertNotIn(hostile, done.stdout)
        for shown in ("<U+001B>[2Jb", "c<U+202E>d<U+200B>e<U+009B>"):
            self.assertIn(shown, done.stdout)
        as_json = run(
            FakeNode({"messages": {"code": 250, "items": [{**POST, "text": text}]}}),
            "messages",
            "--json",
        )
        self.assertEqual(json.loads(as_json.stdout)["items"][0]["text"], text)
        self.assertNotIn("\x1b", as_json.stdout)
        self.assertNotIn("\u202e", as_json.stdout)

    def test_hostile_names_of_fields_do_no_harm(self) -> None:
        """A refusal's text from elsewhere is one line without control characters."""
        refusal = {"code": 520, "text": "no member \x1b[2J\nforged"}
        done = run(FakeNode({"who": refusal}), "who", "x")
        self.assertEqual((done.exit_code, done.stderr.count("\n")), (1, 1))
        self.assertNotIn("\x1b", done.stderr)


class HowCommandsEnd(SynchronousTestCase):
    """Exit statuses and the one line on stderr."""

    def test_refusals(self) -> None:
        """Arguments that cannot be are usage (2), every other refusal is a problem (1)."""
        for code in (500, 501, 502, 503, 504, 420, 421, 450, 510, 511, 512, 520, 521, 530):
            done = run(FakeNode({"who": {"code": code, "text": "because"}}), "who", "bob")
            self.assertEqual(done.exit_code, 2 if 500 <= code <= 504 else 1, code)
            self.assertEqual(done.stdout, "")
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertTrue(done.stderr.startswith("securechat: because"), done.stderr)

    def test_the_command_that_a_refusal_points_to(self) -> None:
        """A command of the port is told as one of ours, for this home, with what it is about."""
        ours = "securechat --home /nonexistent/home"
        for code, said, told in (
            (520, "nobody; see: members", f"nobody; see: {ours} members"),
            (520, "none; see: delivery ada/3/d4", f"none; see: {ours} delivery ada/3/d4"),
            (520, "none; see: delivery a; b", f"none; see: {ours} delivery 'a; b'"),
            (420, "not yet", f"not yet; try again; the state: {ours} status"),
            (450, "gone; take a snapshot", f"gone; begin anew, without --from: {ours} watch"),
        ):
            done = run(FakeNode({"who": {"code": code, "text": said}}), "who", "bob")
            self.assertEqual(done.stderr, f"securechat: {told}\n")

    def test_candidates_are_named(self) -> None:
        """An ambiguous name is answered with the names to choose from."""
        refusal = {"code": 521, "text": "two are called bob", "candidates": ["bob#aa", "bob#bb"]}
        done = run(FakeNode({"who": refusal}), "who", "bob")
        self.assertIn("bob#aa, bob#bb", done.stderr)

    def test_a_refusal_is_json_too(self) -> None:
        """With --json a refusal stands on stdout as an object, beside the line on stderr."""
        refusal = {"code": 520, "text": "nobody is called x"}
        done = run(FakeNode({"who": refusal}), "who", "x", "--json")
        self.assertEqual(json.loads(done.stdout), refusal)
        self.assertEqual((done.exit_code, done.stderr.count("\n")), (1, 1))

    def test_no_node_is_3_and_says_what_to_do(self) -> None:
        """Where no node runs every asking command ends with 3 and names the next step."""
        commands = [*READINGS, ("say", "hi"), ("dm", "bob", "hi"), ("retry", "x"), ("cancel", "x"),
                    ("watch",), ("receipt", "x"), ("token",), ("admin",)]  # fmt: skip
        for words in commands:
            done = run(None, *words)
            self.assertEqual(done.exit_code, 3, (words, done.stderr))
            self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), words)
            self.assertIn("securechat --home /nonexistent/home init --name", done.stderr)

    def test_a_lost_answer_is_4(self) -> None:
        """A node that hangs up or stays silent in mid-question leaves the answer unknown: 4."""
        for problem in (DownError("the node hung up"), ConversationError("garbage")):
            done = run(FakeNode({"status": problem}), "status")
            self.assertEqual((done.exit_code, done.stderr.count("\n")), (4, 1))
            self.assertIn("unknown", done.stderr)

    def test_usage_is_2(self) -> None:
        """A command that does not exist, or lacks its argument, is 2 and one line."""
        for words in (("who",), ("stauts",), ("say",), ("dm", "bob"), ("status", "--nope")):
            done = run(FakeNode(), *words)
            self.assertEqual((done.exit_code, done.stderr.count("\n")), (2, 1), words)
