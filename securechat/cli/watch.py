"""
``watch``: events as they come, for eyes or, with ``--json``, for a program, one object a line.

A reader that is too slow is stopped by the node; the watch goes on from where it was.  Ctrl-C ends it.
"""

from __future__ import annotations

import click

from securechat.admin.blocking import BlockingClient
from securechat.admin.client import OVERFLOW, DownError
from securechat.cli.asking import Ended, Fields, Status, asking, json_option, show_json
from securechat.cli.readings import marks
from securechat.cli.shown import word
from securechat.cli.where import Where, pass_where

SILENT = frozenset({"tick", "replay-end"})
"""Said for programs; a person need not see them."""
HEAD = frozenset({"event", "cursor"})


@click.command()
@click.option("--from", "from_", metavar="CURSOR", help="Replay from here, then go on live.")
@click.option("--types", metavar="TYPE,..", help="Only these: post, dm, delivery, member ...")
@json_option
@pass_where
def watch(where: Where, from_: str | None, types: str | None, as_json: bool) -> None:
    """Print events as they come, until Ctrl-C."""
    try:
        with asking(where, as_json) as node:
            _follow(where, node, from_, types, as_json)
    except KeyboardInterrupt:
        return


def _follow(
    where: Where, node: BlockingClient, cursor: str | None, types: str | None, as_json: bool
) -> None:
    while True:
        node.request("watch", **{"from": cursor, "types": types})
        cursor = _until_stopped(where, node, as_json)
        click.echo(f"securechat: too slow; going on from {word(cursor)}", err=True)


def _until_stopped(where: Where, node: BlockingClient, as_json: bool) -> str:
    """Print events until the node stops the watch; where to go on."""
    try:
        for event in node.events():
            if event["event"] == OVERFLOW:
                return str(event["cursor"])
            if as_json:
                show_json(event)
            elif event["event"] not in SILENT:
                click.echo(event_line(event))
    except DownError:
        pass
    again = where.command("up")
    raise Ended(f"the node stopped; the watch ends; start it with: {again}", Status.NOT_RUNNING)


def event_line(event: Fields) -> str:
    """``CURSOR  type`` and the message, or what happened, in words."""
    head = f"{word(event['cursor']):<12}  {word(event['event']):<9}"
    if "text" in event:
        who = f"{word(event.get('id'))}  {word(event.get('author'))}"
        return f"{head}  {who}: {word(event['text'])}{marks({**event, 'kind': event['event']})}"
    fields = [
        f"{key}: {word(value)}"
        for key, value in event.items()
        if key not in HEAD and value is not None
    ]
    return f"{head}  {', '.join(fields)}"


COMMANDS: dict[str, click.Command] = {"watch": watch}
