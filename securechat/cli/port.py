"""
``admin`` and ``token``: the admin port itself, for hands and for programs.

``admin`` connects standard input and output with the node's own socket: what the node says comes out
as it is, and at the end of the input it is asked to ``quit``, which it does once all is answered.
"""

from __future__ import annotations

import select
import socket
import sys
from typing import BinaryIO

import click

from securechat.admin.blocking import dial, read_cookie
from securechat.admin.client import DownError
from securechat.cli.asking import Ended, Status, open_node
from securechat.cli.where import Where, pass_where

CHUNK = 64 * 1024
JSON_MODE = b"hello mode=json\n"
QUIT = {False: b"quit\n", True: b'{"cmd":"quit"}\n'}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Begin in JSON mode: one object a line.")
@pass_where
def admin(where: Where, as_json: bool) -> None:
    """Type to the admin port, or pipe to it; begin with: help."""
    try:
        line, trusted = dial(where.home)
        token = None if trusted else read_cookie(where.home)
    except DownError:
        with open_node(where):
            return
    with line:
        line.settimeout(None)
        if token is not None:
            line.sendall(f"auth token={token}\n".encode("ascii"))
        if as_json:
            line.sendall(JSON_MODE)
        try:
            joined(line, sys.stdin.buffer, sys.stdout.buffer, QUIT[as_json])
        except KeyboardInterrupt:
            return
        except ConnectionError:
            raise Ended("the node hung up", Status.UNKNOWN) from None


def joined(line: socket.socket, source: BinaryIO, sink: BinaryIO, last: bytes) -> None:
    """Carry bytes both ways until the node closes; ``last`` is said when the source ends."""
    waiting: list[socket.socket | BinaryIO] = [line, source]
    ended = b"\n"
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
                ended = said
            else:
                waiting.remove(source)
                line.sendall(last if ended.endswith(b"\n") else b"\n" + last)


@click.command()
@pass_where
def token(where: Where) -> None:
    """Print the auth line for telnet; it is a secret, and new at each start of the node."""
    with open_node(where):
        click.echo(f"auth token={read_cookie(where.home)}")


COMMANDS: dict[str, click.Command] = {"admin": admin, "token": token}
