"""One command for the admin port on the command line, and its completion in a shell."""

from __future__ import annotations

import io
import socket

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from securechat.cli.asking import Ended, Status
from securechat.cli.main import main
from securechat.cli.port import asked

GREETING = b"200 securechat-admin 1 node=ada\n"


class OneCommand(SynchronousTestCase):
    """``securechat admin COMMAND...``"""

    def asked(self, reply: bytes, *words: str, opening: int = 1) -> tuple[Status, bytes, bytes]:
        """The status, what was printed, and what the node was asked."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        theirs.sendall(reply)
        theirs.shutdown(socket.SHUT_WR)
        sink = io.BytesIO()
        status = asked(ours, words, sink, opening)
        return status, sink.getvalue(), theirs.recv(10_000)

    def test_the_reply_as_the_node_says_it(self) -> None:
        """Without the lines with which the conversation begins."""
        reply = b"250-name=ada\n250 end count=1\n"
        for opening, before in ((1, GREETING), (2, GREETING + b"250 level=admin\n")):
            self.assertEqual(
                self.asked(before + reply, "members", opening=opening),
                (Status.OK, reply, b"members\n"),
            )

    def test_the_words_of_the_shell_are_quoted_again(self) -> None:
        """Spaces and line breaks stay in the argument in which they were typed."""
        said = [
            (("say", "hi there"), b'say "hi there"\n'),
            (("dm", "bob", "text=a\nb=c"), b'dm bob text="a\\nb=c"\n'),
            (("fault", "cut", "bob", "carol"), b"fault cut bob carol\n"),
        ]
        for words, line in said:
            self.assertEqual(self.asked(GREETING + b"250 \n", *words)[2], line)

    def test_how_it_ends(self) -> None:
        """0, 2 for what cannot be asked so, 1 for other refusals; events decide nothing."""
        for code, status in ((252, 0), (504, 2), (502, 2), (420, 1), (520, 1)):
            reply = GREETING + f"{code} text=x\n650 7f3a:1 tick\n".encode()
            self.assertEqual(self.asked(reply, "x")[0], status)
        problem = self.assertRaises(Ended, self.asked, GREETING, "x")
        self.assertEqual(problem.status, Status.UNKNOWN)

    def test_a_command_in_json_mode(self) -> None:
        """A command is text: with --json it is refused before any node is asked."""
        done = CliRunner().invoke(main, ["--home", "/nonexistent", "admin", "--json", "status"])
        self.assertEqual((done.exit_code, done.stderr.count("\n")), (2, 1))


class Completion(SynchronousTestCase):
    """What a shell offers behind ``securechat admin``."""

    def offered(self, *words: str) -> set[str]:
        """The candidates for the last word."""
        done = CliRunner().invoke(
            main, [], env={
                "_SECURECHAT_COMPLETE": "bash_complete",
                "COMP_WORDS": " ".join(("securechat", *words)), "COMP_CWORD": str(len(words)),
            },
        )  # fmt: skip
        return {line.partition(",")[2] for line in done.stdout.splitlines() if line}

    def test_from_the_table_of_the_port(self) -> None:
        """Verbs, those of the connection too; then the verb's parameters and their choices."""
        self.assertEqual(self.offered("admin", "me"), {"members", "messages"})
        self.assertIn("hello", self.offered("admin", "h"))
        self.assertEqual(self.offered("admin", "fault", "d"), {"drop", "delay"})
        self.assertIn("limit=", self.offered("admin", "messages", "l"))
        self.assertEqual(self.offered("admin", "nonsense", "x"), set())

    def test_the_command_line_itself(self) -> None:
        """Its own verbs."""
        self.assertIn("status", self.offered("st"))
