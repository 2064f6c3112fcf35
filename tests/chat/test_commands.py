"""What a line of input means: speech, a command, or a mistake that is never sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.chat.commands import (
    COMMANDS,
    TABLE,
    Mistake,
    Nothing,
    Order,
    Speech,
    help_page,
    help_text,
    read,
)
from securechat.chat.keys import KEYS


class ReadTests(SynchronousTestCase):
    """Lines and their meaning."""

    def test_table(self) -> None:
        """Speech, slashes, commands and mistakes."""
        table = {
            "": Nothing(),
            "  \n ": Nothing(),
            "hello": Speech("hello"),
            "and/or": Speech("and/or"),
            "//etc/passwd": Speech("/etc/passwd"),
            "  //x": Speech("  /x"),
            "/dm bob  two  words": Order(COMMANDS["dm"], ("bob", "two  words")),
            "/DM bob a\nb": Order(COMMANDS["dm"], ("bob", "a\nb")),
            "  /members": Order(COMMANDS["members"]),
            "/explain ada/3/1": Order(COMMANDS["explain"], ("ada/3/1",)),
        }
        self.assertEqual({line: read(line) for line in table}, table)

    def test_mistakes(self) -> None:
        """A mistyped command names the nearest one; one without its words shows its usage."""
        table = {
            "/mebers": "/members?",
            " /quti": "/quit?",
            "/zzzz": "/help lists them",
            "/": "/help lists them",
            "/usr/bin/env\npython": "is no command",
            "/dm": "/dm NAME [TEXT]",
            "/who": "/who NAME",
        }
        for line, told in table.items():
            meaning = read(line)
            assert isinstance(meaning, Mistake), line
            self.assertIn(told, meaning.why)

    @given(st.text())
    def test_a_slash_never_leaves(self, rest: str) -> None:
        """No line that begins with one slash is ever speech."""
        if not rest.startswith("/"):
            self.assertNotIsInstance(read(f" /{rest}"), Speech)


class HelpTests(SynchronousTestCase):
    """Help comes from the same tables."""

    def test_everything_is_there(self) -> None:
        """F1 and the page of the documentation name every command and every key."""
        for text in (help_text(), help_page()):
            for command in TABLE:
                self.assertIn(f"/{command.name}", text)
            for key in KEYS:
                self.assertIn(key.shown, text)

    def test_one(self) -> None:
        """/help with a command tells its usage, and offers the nearest to a mistyped one."""
        self.assertIn("/dm NAME [TEXT]", help_text("/dm"))
        self.assertIn("/members?", help_text("membrs"))

    def test_keys_once(self) -> None:
        """No key means two things."""
        names = [name for key in KEYS for name in key.names]
        self.assertEqual(len(names), len(set(names)))
