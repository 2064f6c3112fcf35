"""The text rendering: what people type, what they read, and the way back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.grammar import text
from securechat.admin.grammar.values import Event, GrammarError, Reply, Request, decode
from tests.admin import strategies


def read(lines: str) -> Reply | Event | None:
    """The reply or event that these lines make."""
    reader = text.Reader()
    *before, last = lines.removesuffix("\n").split("\n")
    for line in before:
        if reader.line(line) is not None:
            raise AssertionError(f"complete before its end: {line}")
    return reader.line(last)


class Requests(SynchronousTestCase):
    """What a person types."""

    def refused(self, line: str, code: int = 500) -> GrammarError:
        """The error of a line."""
        problem: GrammarError = self.assertRaises(GrammarError, text.request, line)
        self.assertEqual(problem.code, code)
        return problem

    def test_all_forms_of_arguments(self) -> None:
        """Names, bare values, quoted values and a rest can stand in one line."""
        found = text.request('@a1 dm bob nonce=c17 note="a \\"b\\"\\n" :hi there: x=1 ')
        self.assertEqual(
            found,
            Request("dm", {"nonce": "c17", "note": 'a "b"\n'}, ("bob",), "hi there: x=1 ", "a1"),
        )

    def test_a_verb_is_written_as_one_likes(self) -> None:
        """Capitals and spaces around do not matter."""
        self.assertEqual(text.request("  STATUS  "), Request("status"))

    def test_a_colon_alone_is_an_empty_rest(self) -> None:
        """The rest may be empty; that is not the same as none."""
        self.assertEqual(text.request("say :").rest, "")
        self.assertIsNone(text.request("say").rest)

    def test_an_empty_value_has_two_forms(self) -> None:
        """``after=`` and ``after=""`` are the same."""
        self.assertEqual(text.request("messages after="), text.request('messages after=""'))

    def test_what_looks_like_an_option_or_an_address_is_a_value(self) -> None:
        """``--help`` and ``https://x?a=b`` are bare values."""
        found = text.request("say --help https://x?a=b")
        self.assertEqual(found.values, ("--help", "https://x?a=b"))

    def test_a_broken_string_says_what_a_string_is(self) -> None:
        """Quotes left open, glued or with a raw tab are refused with a hint, under the tag."""
        for line in ('@7 say "hi', '@7 say "hi"there', '@7 say text="a\tb"', '@7 say "\\x"'):
            self.assertEqual(self.refused(line).tag, "7")
        self.assertIn("JSON string", self.refused('say "hi').text)

    def test_an_argument_given_twice_is_refused(self) -> None:
        """Which one was meant is not guessed."""
        self.assertIn("twice", self.refused("say text=a text=b").text)

    def test_a_tag_without_a_command_is_refused(self) -> None:
        """A line needs a command."""
        self.assertEqual(self.refused("@1").tag, "1")
        self.refused("@ help")
        self.refused("@" + "x" * 65 + " help")

    def test_bad_bytes_are_refused(self) -> None:
        """Bytes that are not UTF-8, a NUL, and a line of over 16 KiB have their codes."""
        for line, code in ((b"say \xff", 500), (b"say \xc0\xaf", 500), (b"say \xed\xa0\x80", 500),
                           (b"say a\0b", 500), (b"x" * 16385, 501)):  # fmt: skip
            problem = self.assertRaises(GrammarError, decode, line)
            self.assertEqual(problem.code, code)
        self.assertEqual(decode(b"x" * 16384), "x" * 16384)
        self.assertEqual(decode(b"he\rlp\r"), "help")

    @given(strategies.text_requests)
    def test_a_request_reads_back(self, request: Request) -> None:
        """What a client of ours writes is what the node reads."""
        line = text.command(request)
        self.assertNotIn("\n", line)
        self.assertEqual(text.request(decode(line.encode())), request)

    def test_native_values_have_text_forms(self) -> None:
        """Numbers, truths and lists are written so that the table can read them."""
        line = text.command(Request("fault", {"percent": 5, "on": True, "names": ["a", "b"]}))
        self.assertEqual(line, 'fault percent=5 on=true names="[\\"a\\",\\"b\\"]"')

    def test_what_has_no_text_form_is_refused(self) -> None:
        """A line break in a rest, a bad tag and a bad name raise."""
        for request in (
            Request("say", rest="a\nb"),
            Request("say", {"a b": "c"}),
            Request("say", tag="a b"),
        ):
            self.assertRaises(ValueError, text.command, request)

    @given(st.text())
    def test_any_line_is_read_or_refused(self, line: str) -> None:
        """No line does anything but give a request or one error."""
        try:
            self.assertIsInstance(text.request(line), Request)
        except GrammarError as problem:
            self.assertEqual(problem.code, 500)


class Replies(SynchronousTestCase):
    """What a person reads."""

    def shows(self, reply: Reply, lines: str) -> None:
        """A reply prints so, and reads back."""
        self.assertEqual(text.reply(reply), lines)
        self.assertEqual(read(lines), reply)

    def test_scalars(self) -> None:
        """Bare words, numbers, truths and null; anything doubtful is quoted."""
        self.shows(
            Reply(250, {"name": "ada", "n": 3, "f": 0.5, "ok": True, "no": None}, tag="1"),
            "@1 250 name=ada n=3 f=0.5 ok=true no=null\n",
        )
        self.shows(
            Reply(250, {"a": "3", "b": "true", "c": "null", "d": "", "e": "x y"}),
            '250 a="3" b="true" c="null" d="" e="x y"\n',
        )

    def test_what_people_wrote_is_always_a_string(self) -> None:
        """``text`` is quoted even where it need not be."""
        self.shows(Reply(250, {"text": "hi"}), '250 text="hi"\n')

    def test_objects_are_dotted_and_what_is_deeper_is_one_string(self) -> None:
        """``members.alive=3``."""
        self.shows(
            Reply(250, {"members": {"alive": 3, "deep": {"x": [1]}}, "names": ["a"], "none": {}}),
            '250 members.alive=3 members.deep="{\\"x\\":[1]}" names="[\\"a\\"]" none="{}"\n',
        )

    def test_keys_from_elsewhere_cannot_forge_a_field(self) -> None:
        """An object whose keys are not words is one string."""
        self.shows(
            Reply(250, {"refused": {"a b\n250 x=": 1}}),
            '250 refused="{\\"a b\\\\n250 x=\\":1}"\n',
        )

    def test_a_list_is_a_line_for_each_item(self) -> None:
        """And a last line with the count and the other fields."""
        self.shows(
            Reply(250, {"items": [{"a": 1}, {"a": 2}], "more": True}, tag="7"),
            "@7 250-a=1\n@7 250-a=2\n@7 250 end count=2 more=true\n",
        )
        self.shows(Reply(250, {"items": []}), "250 end count=0\n")

    def test_named_lists_have_their_name_on_each_line(self) -> None:
        """As in ``who`` and ``snapshot``; an empty one is a field."""
        self.shows(
            Reply(250, {"name": "bob", "evidence": [{"by": "ada"}], "other": []}),
            '250-evidence by=ada\n250 end count=1 name=bob other="[]"\n',
        )

    def test_a_text_cannot_pass_for_a_list(self) -> None:
        """A message that looks like JSON stays a text."""
        for hostile in ("[1]", "{}", '{"a":1}', "[x]"):
            self.shows(
                Reply(250, {"text": hostile}),
                text.reply(Reply(250, {"text": hostile})),
            )
        self.assertEqual(text.reply(Reply(250, {"text": "[1]"})), '250 text="\\u005b1]"\n')

    def test_words(self) -> None:
        """``bye`` and the greeting."""
        self.shows(Reply(221, {}, "bye"), "221 bye\n")
        greeting = {"node": "ada", "room": "lab", "version": "0.1.0", "level": "none"}
        self.shows(
            Reply(200, {**greeting, "auth": "token", "help": "type help"}, "securechat-admin 1"),
            "200 securechat-admin 1 node=ada room=lab version=0.1.0 level=none auth=token "
            'help="type help"\n',
        )

    def test_what_cannot_be_said_is_a_bug_of_who_says_it(self) -> None:
        """Reserved and impossible names, codes, tags and words raise."""
        for reply in (
            Reply(250, {"code": 1}), Reply(250, {"a b": 1}), Reply(650), Reply(99),
            Reply(250, word="end"), Reply(250, word="a\nb"), Reply(250, tag="a b"),
        ):  # fmt: skip
            self.assertRaises(ValueError, text.reply, reply)
        self.assertRaises(TypeError, text.reply, Reply(250, {"a": b"x"}))
        for event in (Event("a b", "post"), Event("a", "A"), Event("a", "post", {"cursor": 1})):
            self.assertRaises(ValueError, text.event, event)

    def test_enums_tuples_and_infinities_become_plain(self) -> None:
        """What has no JSON of its own prints as what it means."""
        from securechat.notices import Liveness

        shown = text.reply(Reply(250, {"state": Liveness.ALIVE, "t": (1,), "x": float("inf")}))
        self.assertEqual(shown, '250 state=alive t="[1]" x=null\n')

    @given(strategies.replies())
    def test_a_reply_reads_back(self, reply: Reply) -> None:
        """Printable ASCII and line feeds only; and the same reply comes out."""
        lines = text.reply(reply)
        self.assertTrue(all(" " <= mark <= "~" or mark == "\n" for mark in lines))
        self.assertEqual(read(lines), reply)

    @given(strategies.events)
    def test_an_event_reads_back(self, event: Event) -> None:
        """One line, printable ASCII; and the same event comes out."""
        line = text.event(event)
        self.assertTrue(all(" " <= mark <= "~" for mark in line[:-1]))
        self.assertEqual(read(line), event)

    def test_other_servers_are_refused(self) -> None:
        """What is no reply of ours is an error, not a guess."""
        for line in ("HTTP/1.1 400 Bad Request", "", "25", "650 x", '250 a="', "250 a= b"):
            self.assertRaises(GrammarError, text.Reader().line, line)

    def test_what_looks_like_json_and_is_not_stays_text(self) -> None:
        """A reader takes a string for a list only if it is one."""
        self.assertEqual(read('250 a="[x]"'), Reply(250, {"a": "[x]"}))

    def test_unknown_words_are_kept(self) -> None:
        """Later nodes may say more."""
        self.assertEqual(read("250 fine a=1"), Reply(250, {"a": 1}, "fine"))
        self.assertEqual(read("250"), Reply(250))
