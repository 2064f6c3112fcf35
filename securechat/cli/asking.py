"""
One question to the running node: how it is asked, and how a command ends.

Exit status: 0 ok, 1 a problem was found, 2 usage, 3 the node is not running, 4 unknown.  Whatever goes
wrong is one line on stderr that says what to do next.  With ``--json`` the reply stands on stdout as
one object on one line, refusals too.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, TypeVar

import click

from securechat.admin.blocking import BlockingClient, converse, dial
from securechat.admin.client import AdminError, ConversationError, DownError
from securechat.admin.grammar.values import Code
from securechat.admin.sanitise import json_safe
from securechat.cli.where import Where
from securechat.errors import HomeError
from securechat.home.identity import check_complete

Fields = dict[str, Any]
Command = TypeVar("Command", bound=Callable[..., Any])


class Status(IntEnum):
    """How a command ends; a contract."""

    OK = 0
    PROBLEM = 1
    USAGE = 2
    NOT_RUNNING = 3
    UNKNOWN = 4


USAGE_CODES = frozenset(
    {Code.SYNTAX, Code.TOO_LONG, Code.UNKNOWN_VERB, Code.BAD_ARGUMENT, Code.MISSING_ARGUMENT}
)
NEXT = {
    int(Code.NOT_READY): "try again; the state: {status}",
    int(Code.SLOW_DOWN): "wait a moment and try again",
    int(Code.CURSOR_GONE): "begin anew, without --from: {watch}",
    int(Code.LEVEL_TOO_LOW): "this needs the owner's own access",
    int(Code.INTERNAL): "please report it",
}
"""What to do about a refusal whose text does not say it; commands stand for themselves."""
POINTER = re.compile(r"\bsee: (?P<verb>[a-z]+)(?: (?P<what>.+))?$")
"""How the port names one of its commands at the end of a refusal; ours are called the same."""
SNAPSHOT = "; take a snapshot"
"""What a program does about a cursor that is gone; a person watches anew."""


class Ended(click.ClickException):
    """A command ends with this line and this status."""

    def __init__(self, text: str, status: Status) -> None:
        super().__init__(text)
        self.status = status

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """What click calls the status."""
        return int(self.status)


def open_node(where: Where) -> BlockingClient:
    """A conversation with the node of this home; Ended if there is none."""
    try:
        line, trusted = dial(where.home)
    except DownError as problem:
        raise Ended(_why_down(where, problem), Status.NOT_RUNNING) from None
    return converse(line, trusted, where.home)


def _why_down(where: Where, problem: DownError) -> str:
    """A home that is not there, or not complete, is the nearer reason."""
    try:
        check_complete(where.home)
    except HomeError as nearer:
        return str(nearer)
    return str(problem)


@contextmanager
def asking(where: Where, as_json: bool = False) -> Iterator[BlockingClient]:
    """A conversation; whatever ends it early becomes one line and a status."""
    try:
        with open_node(where) as node:
            yield node
    except AdminError as problem:
        if as_json:
            show_json(problem.reply)
        raise refusal(where, problem) from None
    except (DownError, ConversationError) as problem:
        look = where.command("status")
        raise Ended(f"{problem}; the answer is unknown; see: {look}", Status.UNKNOWN) from None


def refusal(where: Where, problem: AdminError) -> Ended:
    """How a refused command ends."""
    text = _in_our_words(where, problem.text.rstrip("."))
    if problem.candidates:
        text += f"; one of: {', '.join(problem.candidates)}"
    elif problem.code in NEXT:
        commands = {verb: where.command(verb) for verb in ("status", "watch")}
        text += f"; {NEXT[problem.code].format(**commands)}"
    status = Status.USAGE if problem.code in USAGE_CODES else Status.PROBLEM
    return Ended(text, status)


def _in_our_words(where: Where, text: str) -> str:
    """A refusal of the port, the command that it points to as a person would type it here."""

    def ours(found: re.Match[str]) -> str:
        words = (found["verb"], *((shlex.quote(found["what"]),) if found["what"] else ()))
        return f"see: {where.command(' '.join(words))}"

    return POINTER.sub(ours, text.removesuffix(SNAPSHOT))


def ask(where: Where, cmd: str, as_json: bool = False, **args: Any) -> Fields:
    """The reply to one question; Ended if there is none or it is a refusal."""
    with asking(where, as_json) as node:
        return node.request(cmd, **args)


def show_json(reply: Mapping[str, Any]) -> None:
    """A reply, or an event, as one object on one line."""
    click.echo(json_safe({key: value for key, value in reply.items() if key != "tag"}))


def show(lines: Sequence[str]) -> None:
    """Lines for a person."""
    click.echo("\n".join(lines))


json_option = click.option("--json", "as_json", is_flag=True, help="The reply as one JSON object.")
