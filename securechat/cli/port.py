"""
``admin`` and ``token``: the admin port itself, for hands and for programs.

``admin`` connects standard input and output with the node's own socket: what the node says comes out
as it is, and when the input ends, everything that was asked is still answered.
"""

from __future__ import annotations

import select
import socket
import sys
from typing import Any, BinaryIO

import click

from securechat.admin.blocking import dial, read_cookie
from securechat.admin.client import DownError
from securechat.cli.asking import Ended, Status, open_node
from securechat.cli.where import Where, pass_where

CHUNK = 64 * 1024
JSON_MODE = b"hello mode=json\n"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Begin in JSON mode: one object a line.")
@pass_where
def admin(where: Where, as_json: bool) -> None:
    """Type to the admin port, or pipe to it; begin with: help."""
    with open_node(where), _line(where) as line:
        if as_json:
            line.sendall(JSON_MODE)
        try:
            joined(line, sys.stdin.buffer, sys.stdout.buffer)
        except KeyboardInterrupt:
            return
        except ConnectionError:
            raise Ended("the node hung up", Status.UNKNOWN) from None


def _line(where: Where) -> socket.socket:
    """The bare socket, authenticated if it is not the home's own."""
    try:
        line, trusted = dial(where.home)
        line.settimeout(None)
        if not trusted:
            line.sendall(f"auth token={read_cookie(where.home)}\n".encode("ascii"))
    except (DownError, OSError) as problem:
        raise Ended(str(problem), Status.NOT_RUNNING) from None
    return line


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
    with open_node(where):
        click.echo(f"auth token={read_cookie(where.home)}")


COMMANDS: dict[str, click.Command] = {"admin": admin, "token": token}
