"""
``admin`` and ``token``: the admin port itself, for hands and for programs.

``admin`` connects standard input and output with the node's own socket: what the node says comes out
as it is, and when the input ends, everything that was asked is still answered.  With a command it asks
that one and ends as the reply says; a shell completes it from the node's own table of commands.
"""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Sequence
from itertools import islice
from typing import Any, BinaryIO

import click

from securechat.admin.blocking import dial, read_cookie
from securechat.admin.client import DownError
from securechat.admin.grammar import text
from securechat.admin.grammar.values import KEY, Code, Request
from securechat.cli.asking import USAGE_CODES, Ended, Status, asking
from securechat.cli.where import Where, pass_where

CHUNK = 64 * 1024
JSON_MODE = b"hello mode=json\n"
EVENT = b"650"


def completed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """What may follow on the command line: a verb, or an argument of the verb that stands there."""
    # The table comes with the whole node; only completion pays for that.
    from securechat.admin.commands import registry
    from securechat.admin.session import SESSION_COMMANDS

    table = registry()
    table.add(*SESSION_COMMANDS)
    known = table.completion()
    before = ctx.params.get("words") or ()
    found = known.get(before[0], ()) if before else known
    return [word for word in found if word.startswith(incomplete)]


@click.command()
@click.argument("words", nargs=-1, metavar="[COMMAND]...", shell_complete=completed)
@click.option("--json", "as_json", is_flag=True, help="Begin in JSON mode: one object a line.")
@pass_where
def admin(where: Where, words: tuple[str, ...], as_json: bool) -> int:
    """Type to the admin port, or pipe to it; begin with: help.  Or ask one COMMAND."""
    if words and as_json:
        raise click.UsageError("--json is for objects on standard input; a COMMAND is text")
    with asking(where):
        line, opening = _line(where)
    with line:
        try:
            if words:
                return asked(line, words, sys.stdout.buffer, opening)
            if as_json:
                line.sendall(JSON_MODE)
            joined(line, sys.stdin.buffer, sys.stdout.buffer)
        except KeyboardInterrupt:
            return Status.OK
        except ConnectionError:
            raise Ended("the node hung up", Status.UNKNOWN) from None
    return Status.OK


def _line(where: Where) -> tuple[socket.socket, int]:
    """The bare socket, authenticated if it is not the home's own, and how many lines it begins with."""
    try:
        line, trusted = dial(where.home)
        line.settimeout(None)
        if not trusted:
            line.sendall(f"auth token={read_cookie(where.home)}\n".encode("ascii"))
    except (DownError, OSError) as problem:
        raise Ended(str(problem), Status.NOT_RUNNING) from None
    return line, 1 if trusted else 2


def asked(line: socket.socket, words: Sequence[str], sink: BinaryIO, opening: int) -> Status:
    """Ask one command; its reply as the node says it, behind the ``opening`` lines, and its end."""
    line.sendall(f"{text.command(_request(words))}\n".encode())
    line.shutdown(socket.SHUT_WR)
    code = 0
    with line.makefile("rb") as heard:
        for said in islice(heard, opening, None):
            sink.write(said)
            sink.flush()
            code = int(said[:3]) if said[3:4] == b" " and said[:3] != EVENT else code
    if not code:
        raise Ended("the node hung up without an answer", Status.UNKNOWN)
    if code in USAGE_CODES:
        return Status.USAGE
    return Status.OK if code < Code.NOT_READY else Status.PROBLEM


def _request(words: Sequence[str]) -> Request:
    """The shell has taken the quotes away; the port wants them back."""
    args: dict[str, str] = {}
    values = []
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if equals and KEY.fullmatch(key):
            args[key] = value
        else:
            values.append(word)
    return Request(words[0], args, tuple(values))


def joined(line: socket.socket, source: BinaryIO, sink: BinaryIO) -> None:
    """Carry bytes both ways until the node closes; the end of the source is passed on."""
    waiting: list[Any] = [line, source]
    while True:
        ready, _, _ = select.select(waiting, [], [])
        if line in ready:
            heard = line.recv(CHUNK)
            if not heard:
                return
            sink.write(heard)
            sink.flush()
        if source in ready:
            said = source.read1(CHUNK)  # type: ignore[attr-defined]
            if said:
                line.sendall(said)
            else:
                waiting.remove(source)
                line.shutdown(socket.SHUT_WR)


@click.command()
@pass_where
def token(where: Where) -> None:
    """Print the auth line for telnet; it is a secret, and new at each start of the node."""
    with asking(where):
        click.echo(f"auth token={read_cookie(where.home)}")


COMMANDS: dict[str, click.Command] = {"admin": admin, "token": token}
