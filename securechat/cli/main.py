"""
``securechat``: the group of all commands, and how any of them ends.

Exit status: 0 ok, 1 a problem was found, 2 usage, 3 the node is not running, 4 unknown.  A command
ends with a status by returning it, or by ``ctx.exit(N)``; a problem is raised as one of
``securechat.errors`` and becomes one line on standard error.  No traceback leaves, except where
SECURECHAT_DEBUG asks for it.

A family of commands is a module with ``COMMANDS``, a mapping of verbs to click commands; it is
imported when one of its verbs is used.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import click

import securechat
from securechat.cli.where import Where, printable
from securechat.errors import SecurechatError
from securechat.home.files import advised, cause
from securechat.home.places import default_home

PROBLEM = 1
USAGE = 2
DEBUG = "SECURECHAT_DEBUG"

FAMILIES = {
    "securechat.cli.home": ("init", "request", "admit", "install"),
    "securechat.cli.run": ("up", "chat"),
    "securechat.cli.ask": (
        "status", "health", "members", "who", "links", "messages", "delivery", "explain", "gaps",
        "outbox", "digest", "diff", "counters",
    ),
    "securechat.cli.speak": ("say", "dm", "retry", "cancel"),
    "securechat.cli.watch": ("watch",),
    "securechat.cli.proof": ("receipt", "verify"),
    "securechat.cli.story": ("export", "trace"),
    "securechat.cli.port": ("admin", "token"),
    "securechat.cli.drill": ("drill",),
    "securechat.cli.simulate": ("simulate",),
}  # fmt: skip
"""Verbs of each module, in the order of the help."""

ANYWHERE = ("--home", "--passphrase-file")
"""Options of the group that people also write behind the command."""


class Commands(click.Group):
    """All commands, by name; what goes wrong in one ends as one line and a status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs whose module is there."""
        return [verb for module, verbs in FAMILIES.items() if find_spec(module) for verb in verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command of a family, imported now."""
        for module, verbs in FAMILIES.items():
            if cmd_name in verbs and find_spec(module):
                command: click.Command | None = import_module(module).COMMANDS.get(cmd_name)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words name; the nearest is told if none is."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            nearest = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f"; did you mean: {nearest[0]}" if nearest else ""
            raise click.UsageError(f"there is no command {args[0][:40]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Its own options are understood before and behind the command."""
        return super().parse_args(ctx, [*_hoisted(args)])

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command that the arguments name, and exit."""
        extra["standalone_mode"] = False
        try:
            ended = super().main(args, "securechat", **extra)
        except Exception as problem:  # noqa: BLE001 - the last line of defence: one line, no traceback
            sys.exit(_told(problem))
        sys.exit(ended if isinstance(ended, int) else 0)


def _hoisted(args: list[str]) -> Iterator[str]:
    """The same words with the options of the group first; nothing behind ``--`` is touched."""
    end = args.index("--") if "--" in args else len(args)
    words, first, rest = iter(args[:end]), [], []
    for word in words:
        if word in ANYWHERE:
            first += [word, *[value for value in (next(words, None),) if value is not None]]
        elif word.startswith(tuple(f"{option}=" for option in ANYWHERE)):
            first.append(word)
        else:
            rest.append(word)
    yield from (*first, *rest, *args[end:])


def _told(problem: Exception) -> int:
    """Say what went wrong, in one line; the exit status."""
    if os.environ.get(DEBUG):
        raise problem
    if isinstance(problem, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PROBLEM
    if isinstance(problem, click.exceptions.NoArgsIsHelpError):
        problem.show()
        return USAGE
    text, status = _judged(problem)
    click.echo(f"securechat: {printable(text)}", err=True)
    return status


def _judged(problem: Exception) -> tuple[str, int]:
    """The line and the status of each kind of problem."""
    if isinstance(problem, click.UsageError):
        path = problem.ctx.command_path if problem.ctx else "securechat"
        text = problem.format_message().rstrip(".").replace("\n", " ")
        return f"{text}; see: {path} --help", USAGE
    if isinstance(problem, click.Abort):
        return "stopped", PROBLEM
    if isinstance(problem, click.ClickException):
        return problem.format_message(), problem.exit_code
    if isinstance(problem, SecurechatError):
        return str(problem), PROBLEM
    if isinstance(problem, OSError):
        name = problem.filename
        return advised(name, problem) if name else cause(problem), PROBLEM
    kind = type(problem).__name__
    return (
        f"a mistake of ours ({kind}: {problem}); {DEBUG}=1 shows where; please report it",
        PROBLEM,
    )


@click.group(cls=Commands, invoke_without_command=True, no_args_is_help=False)
@click.option(
    "--home", envvar="SECURECHAT_HOME", metavar="DIR", help="The home folder (SECURECHAT_HOME)."
)
@click.option(
    "--passphrase-file", envvar="SECURECHAT_PASSPHRASE_FILE", metavar="FILE|-",
    help="Where the passphrase of the keys is; - is standard input (SECURECHAT_PASSPHRASE_FILE).",
)  # fmt: skip
@click.version_option(securechat.__version__, prog_name="securechat")
@click.pass_context
def main(ctx: click.Context, home: str | None, passphrase_file: str | None) -> int:
    """A secure group chat room with no server.  Without a command: the state, and the next step."""
    if sys.platform == "win32":
        raise click.ClickException("Windows is not supported; run it on Linux")
    path = Path(home).expanduser() if home else default_home()
    ctx.obj = Where(path, passphrase_file or None)
    if ctx.invoked_subcommand is not None:
        return 0
    from securechat.cli.state import show_state

    return show_state(ctx.obj)
