"""The table of commands: binding, errors that help, levels, and what is generated from it."""

from __future__ import annotations

from typing import Any

from attrs import define
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.grammar import jsonl, text
from securechat.admin.grammar.values import Reply
from securechat.admin.parameters import Kind, Parameter
from securechat.admin.registry import Command, Level, RefusalError, Registry
from securechat.errors import LocalError


def answer(node: Any, args: Any, session: Any) -> Reply:
    """Any answer."""
    return Reply(fields=dict(args))


@define
class Caller:
    """Somebody who asks."""

    level: Level = Level.ADMIN
    authenticated: bool = True


def table() -> Registry:
    """A small table with every sort of parameter."""
    registry = Registry()
    registry.add(
        Command("status", answer, "who and where", level=Level.OBSERVER),
        Command("health", answer, "three answers", level=Level.NONE),
        Command("say", answer, "posts", (Parameter("text", required=True), Parameter("nonce"))),
        Command("dm", answer, "to one", (
            Parameter("to", Kind.ID, required=True),
            Parameter("text", required=True, help="what to say"),
            Parameter("nonce"),
        )),
        Command("messages", answer, "a page", (
            Parameter("kind", choices=("post", "dm")),
            Parameter("limit", Kind.INT, default=50, low=1, high=1000),
        ), Level.OBSERVER),
        Command("fault", answer, "a cable", (
            Parameter("action", required=True, choices=("cut", "drop", "list")),
            Parameter("percent", Kind.FLOAT, required=True, only=("drop",), high=100),
            Parameter("names", Kind.LIST, only=("cut", "drop"), default=()),
        )),
    )  # fmt: skip
    return registry


class Binding(SynchronousTestCase):
    """Arguments meet parameters."""

    def setUp(self) -> None:
        """A table."""
        self.registry = table()

    def bound(self, line: str) -> dict[str, Any]:
        """What a line gives."""
        request = jsonl.request(line) if line.startswith("{") else text.request(line)
        return self.registry.prepare(request, Caller())[1]

    def refused(self, line: str, code: int, words: str) -> RefusalError:
        """The refusal of a line."""
        problem: RefusalError = self.assertRaises(RefusalError, self.bound, line)
        self.assertEqual(problem.code, code)
        self.assertIn(words, problem.text)
        return problem

    def test_all_ways_to_say_the_same(self) -> None:
        """Bare, named, after a colon, mixed, and in JSON."""
        for line in (
            'dm bob "hi there"', "dm bob :hi there", "dm to=bob :hi there",
            'dm text="hi there" bob', 'dm to=bob text="hi there"',
            '{"cmd":"dm","to":"bob","text":"hi there"}',
            '{"cmd":"dm","to":"bob","text":"hi there","nonce":null}',
        ):  # fmt: skip
            self.assertEqual(self.bound(line), {"to": "bob", "text": "hi there", "nonce": None})

    def test_bare_values_follow_the_table(self) -> None:
        """They fill what is not named; the first that finds no place is refused."""
        self.assertEqual(self.bound("messages dm 5"), {"kind": "dm", "limit": 5})
        self.refused("messages dm 5 6", 503, "too many values; messages takes at most 2")
        self.refused("status now", 503, "too many values; status takes none")

    def test_a_text_without_quotes(self) -> None:
        """The second bare value is the nonce, as the table says; with a third, what to do is said."""
        for line in ("say hi nonce=c17", "say hi c17"):
            self.assertEqual(self.bound(line), {"text": "hi", "nonce": "c17"})
        for line in ("say hello dear world", "say hello dear :world"):
            problem = self.refused(line, 503, 'put the text in quotes, say "...", or after a colon')
            self.assertEqual(problem.fields["usage"], "say text= [nonce=]")
        self.refused("dm bob a b c", 503, 'put the text in quotes, dm TO "...", or after a colon')

    def test_numbers_of_json_are_native(self) -> None:
        """In JSON a number in quotes is no number; on a text line there are only words."""
        self.assertEqual(self.bound('{"cmd":"messages","limit":5}')["limit"], 5)
        self.assertEqual(self.bound('messages limit="5"')["limit"], 5)
        line = '{"cmd":"messages","limit":"5"}'
        problem = self.refused(line, 503, "limit: must be a whole number in JSON, without quotes")
        self.assertEqual(problem.fields["argument"], "limit")
        line = '{"cmd":"fault","action":"drop","percent":"5"}'
        self.refused(line, 503, "percent: must be a number in JSON, without quotes")

    def test_defaults(self) -> None:
        """What is not given has its default."""
        self.assertEqual(self.bound("messages"), {"kind": None, "limit": 50})

    def test_a_missing_argument(self) -> None:
        """504 names it and shows the usage."""
        problem = self.refused("dm bob", 504, "dm needs text= (what to say)")
        self.assertEqual(problem.fields, {"argument": "text", "usage": "dm to= text= [nonce=]"})

    def test_a_wrong_argument(self) -> None:
        """503 says what is wrong; an unknown name has a nearest."""
        self.refused("messages limit=0", 503, "limit: must be from 1 to 1000")
        problem = self.refused("messages limt=3", 503, "no argument limt=")
        self.assertEqual(problem.fields["nearest"], "limit")

    def test_parameters_of_one_action_only(self) -> None:
        """``fault drop 5 bob carol``, ``fault cut bob``, ``fault list`` share a table row."""
        self.assertEqual(
            self.bound("fault drop 5 bob carol"),
            {"action": "drop", "percent": 5.0, "names": ("bob", "carol")},
        )
        self.assertEqual(self.bound("fault cut bob")["names"], ("bob",))
        self.assertEqual(self.bound("fault list"), {"action": "list", "percent": None, "names": ()})
        self.assertEqual(
            self.bound('{"cmd":"fault","action":"cut","names":["bob"]}')["names"], ("bob",)
        )
        self.refused("fault drop", 504, "needs percent=")
        self.refused("fault cut percent=5", 503, "fault cut has no argument percent=")
        self.refused("fault list bob", 503, "too many values")

    def test_an_unknown_verb(self) -> None:
        """502 with the nearest, and no repetition of endless words."""
        problem = self.refused("mesages", 502, "did you mean messages?")
        self.assertEqual(problem.fields["nearest"], "messages")
        problem = self.refused("x" * 9000, 502, "type help")
        self.assertEqual(len(problem.fields["verb"]), 64)
        self.assertNotIn("nearest", problem.fields)

    def test_levels(self) -> None:
        """510 before authentication, 512 for an observer, and what is open is open."""
        nobody, observer = Caller(Level.NONE, False), Caller(Level.OBSERVER, True)
        open_port = Caller(Level.OBSERVER, False)
        for line, caller, code in (
            ("status", nobody, 510), ("say :x", nobody, 510), ("say :x", observer, 512),
            ("say :x", open_port, 510),
        ):  # fmt: skip
            problem = self.assertRaises(
                LocalError, self.registry.prepare, text.request(line), caller
            )
            self.assertEqual(problem.code, code)
        for line, caller in (("health", nobody), ("status", observer), ("status", open_port)):
            self.registry.prepare(text.request(line), caller)

    def test_two_rows_of_one_verb_are_a_bug(self) -> None:
        """A table that could not be told apart is refused."""
        self.assertRaises(ValueError, self.registry.add, Command("say", answer, "again"))


class Generated(SynchronousTestCase):
    """Help, documentation and completion."""

    def test_help(self) -> None:
        """All commands in table order, or one with its parameters."""
        items = table().help(None).fields["items"]
        self.assertEqual(
            [item["verb"] for item in items],
            ["status", "health", "say", "dm", "messages", "fault"],
        )
        one = table().help("DM").fields
        self.assertEqual(one["usage"], "dm to= text= [nonce=]")
        self.assertEqual([p["name"] for p in one["parameters"]], ["to", "text", "nonce"])
        self.assertEqual(self.assertRaises(LocalError, table().help, "dmm").code, 502)

    def test_the_page(self) -> None:
        """Every verb and every parameter is on the page; bars do not break its table."""
        page = table().markdown()
        for command in table().commands:
            self.assertIn(f"| `{command.verb}", page)
            for parameter in command.parameters:
                self.assertIn(f"`{parameter.name}=`", page)
        self.assertIn("[kind=post\\|dm]", page)

    def test_completion(self) -> None:
        """What may follow a verb."""
        self.assertEqual(table().completion()["messages"], ("kind=", "post", "dm", "limit="))
