"""
The state of a home, said to a person, with the one next step.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

import click

from securechat.certificates import check_dates, shown_date
from securechat.cli.where import Where, grouped, printable
from securechat.errors import HomeError, RemoteError
from securechat.home.identity import Stage, check_complete, load_config, load_member, stage
from securechat.home.joining import pending
from securechat.home.passphrase import is_protected
from securechat.home.places import IDENTITY_KEY, SOCKET

SOON_MS = 30 * 24 * 3600 * 1000
"""A certificate that ends within this is spoken of."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def show_state(where: Where) -> int:
    """The state of the home and the one next step; 1 if something is wrong with it."""
    found_stage = stage(where.home)
    if found_stage is Stage.NONE:
        click.echo(f"There is no home in {printable(str(where.home))} yet.")
        click.echo(f"next, to found a room: {where.command('init --name YOU --room ROOM')}")
        click.echo(f"or, to join one: {where.command('request --name YOU')}")
        return 0
    if found_stage is Stage.REQUESTED:
        asked = pending(where.home)
        who = f"{asked.name} ({asked.member[:8]})" if asked else "An identity"
        click.echo(f"{who} waits for admission to a room.")
        show_next(where, "install ADMISSION")
        return 0
    return _show_complete(where)


def _show_complete(where: Where) -> int:
    check_complete(where.home)
    config = load_config(where.home)
    member, room = load_member(where.home)
    running = _is_running(where.home)
    state = "runs" if running else "is not running"
    click.echo(f"{member.name} in the room {room.name}; the node {state}.")
    show_facts(
        ("home", str(where.home)),
        ("room", grouped(room.room)),
        (member.name, member.member),
        ("listen", config.listen),
        ("keys", protection(where.home)),
    )
    for warning in config.warnings:
        click.echo(f"securechat: {printable(warning)}", err=True)
    try:
        check_dates(member, now_ms())
    except RemoteError as problem:
        raise HomeError(
            f"the certificate of {member.name} cannot be used: {problem}; to renew it:"
            f" {where.command(f'request --name {member.name}')}"
        ) from None
    if member.not_after_ms < now_ms() + SOON_MS:
        click.echo(f"The certificate ends {shown_date(member.not_after_ms)}: request a new one.")
    show_next(where, "chat" if running else "up")
    return 0


def _is_running(home: Path) -> bool:
    """Whether something answers on the admin socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(home / SOCKET))
        except OSError:
            return False
    return True


def protection(home: Path) -> str:
    if is_protected(home / IDENTITY_KEY):
        return "encrypted under the passphrase, and readable by you alone"
    return "readable by you alone (mode 0600), under no passphrase"


def show_facts(*facts: tuple[str, str], err: bool = False) -> None:
    wide = max(len(word) for word, _ in facts)
    for word, value in facts:
        click.echo(f"  {word:<{wide}}  {printable(value)}", err=err)


def show_next(where: Where, words: str, err: bool = False) -> None:
    click.echo(f"next: {printable(where.command(words))}", err=err)
