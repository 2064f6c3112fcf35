"""
What every command is told: which home, and where its passphrase comes from.

Also what every command prints by: one printable line for a problem, ids in groups for reading.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from attrs import frozen

from securechat.errors import HomeError
from securechat.home.files import MAX_FILE, read_given, write_given
from securechat.home.passphrase import STDIN, read_passphrase
from securechat.home.places import IDENTITY_KEY, command

GROUP = 4


@frozen
class Where:
    """The options of ``securechat`` itself."""

    home: Path
    passphrase_file: str | None = None

    def passphrase(self, key: str = IDENTITY_KEY) -> bytes | None:
        """The passphrase of a key of this home: from its file, or asked for on a terminal."""
        return read_passphrase(self.passphrase_file, self.home / key)

    def new_passphrase(self) -> bytes | None:
        """The passphrase for a new key: only from a file."""
        return read_passphrase(self.passphrase_file)

    def command(self, words: str) -> str:
        """A command as the person would type it for this home."""
        return command(self.home, words)

    def read(self, source: str) -> str:
        """The text of FILE, or of standard input."""
        if source != STDIN:
            return read_given(Path(source)).decode("utf-8", "replace")
        if self.passphrase_file == STDIN:
            raise HomeError("standard input cannot be both the passphrase and the file")
        return sys.stdin.read(MAX_FILE)


pass_where = click.make_pass_decorator(Where)


def hand_over(text: str, out: str | None) -> bool:
    """Write to FILE, or to standard output; whether the latter is now taken."""
    if out is None or out == STDIN:
        click.echo(text, nl=False)
        return True
    write_given(Path(out), text.encode())
    return False


def grouped(identifier: str) -> str:
    """An id in groups of four, to be compared aloud."""
    return " ".join(identifier[at : at + GROUP] for at in range(0, len(identifier), GROUP))


def printable(text: str) -> str:
    """One line that no character of it can break or turn around."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def on_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
