"""
``up`` and ``chat``: the node and its client, each a program of its own.

``up`` becomes ``twistd -n securechat``; ``up --detach`` has twistd put the node in the background,
waits until it answers, and says in one line why if it does not.  What a node in the foreground tells
the terminal as it starts is read from the log then, and told here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from securechat.cli.asking import Ended, Status, open_node
from securechat.cli.detached import LOG
from securechat.cli.where import Where, pass_where, printable
from securechat.home.identity import check_complete

OBSERVER = "securechat.cli.detached.json_log"
SAYS = "securechat: "
REFUSED = "refused-to-start"
WARNED = "config-warning"
SET_ASIDE = "journal-set-aside"


def twistd() -> list[str]:
    """The twistd of this interpreter's environment."""
    script = Path(sys.executable).with_name("twistd")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]


def service(where: Where) -> list[str]:
    """What stands behind twistd's own options."""
    words = ["securechat", "--home", str(where.home.absolute())]
    if where.passphrase_file:
        words += ["--passphrase-file", where.passphrase_file]
    return words


@click.command()
@click.option("--detach", is_flag=True, help=f"In the background; the log is {LOG} of the home.")
@pass_where
def up(where: Where, detach: bool) -> None:
    """Run the node until Ctrl-C or SIGTERM, which say goodbye; or in the background."""
    check_complete(where.home)
    if detach:
        _detach(where)
        return
    command = [*twistd(), "-n", *service(where)]
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def _detach(where: Where) -> None:
    log = where.home / LOG
    before = log.stat().st_size if log.exists() else 0
    done = subprocess.run(  # noqa: S603 - our own twistd
        [*twistd(), "--logger", OBSERVER, *service(where)],
        env={**os.environ, "SECURECHAT_HOME": str(where.home.absolute())},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        raise Ended(_reason(done.stderr, log, before), Status.PROBLEM)
    for line in _warnings(_logged(log, before)):
        click.echo(f"{SAYS}{printable(line)}", err=True)
    with open_node(where) as node:
        name = node.greeting.get("node", "the node")
    click.echo(f"{name} runs; to end it: {where.command('admin')}, then: leave")
    click.echo(f"next: {printable(where.command('chat'))}")


def _reason(said: str, log: Path, before: int) -> str:
    """Why it did not start: its own line, on stderr before it left the terminal, else in the log."""
    for line in said.splitlines():
        if line.startswith(SAYS):
            return line.removeprefix(SAYS)
    for event in _logged(log, before):
        if event.get("event") == REFUSED:
            return str(event.get("why"))
    return f"the node did not start; see {log}"


def _logged(log: Path, before: int) -> list[dict[str, Any]]:
    """What the log says since it had so many bytes; all of it, if it was begun anew since."""
    try:
        with log.open("rb") as file:
            file.seek(before if before <= log.stat().st_size else 0)
            return [json.loads(line) for line in file]
    except (OSError, ValueError):
        return []


def _warnings(events: list[dict[str, Any]]) -> list[str]:
    return [
        str(event.get("text"))
        for event in events
        if event.get("event") == WARNED or event.get("what") == SET_ASIDE
    ]


@click.command()
@click.option("--plain", is_flag=True, help="Line by line: for screen readers, pipes, slow links.")
@pass_where
def chat(where: Where, plain: bool) -> int | None:
    """Chat; the node of this home runs apart, and goes on when the chat ends."""
    check_complete(where.home)
    from securechat.chat.app import run_chat

    return run_chat(where.home, plain, command=where.command)


COMMANDS: dict[str, click.Command] = {"up": up, "chat": chat}
