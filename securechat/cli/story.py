"""
``export`` and ``trace``: a node's turn records as JSON lines, and several exports as one story.

Records hold no message text.  An export is asked for in pages, oldest first; with ``--json`` it is one
object, as the node's reply would be.  ``trace`` trusts no clock and ends with 1 if the exports
contradict each other.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
import msgspec

from securechat.cli.asking import Ended, Fields, Status, asking, json_option, show_json
from securechat.cli.where import Where, hand_over, pass_where
from securechat.errors import RemoteError
from securechat.home.files import naming
from securechat.journal.drawing import as_json, as_mermaid, as_text, narrowed
from securechat.journal.records import TurnRecord
from securechat.journal.trace import export_line, merge, read_lines

PAGE = 1000
BEGINNING = -1


def exported(where: Where, as_json: bool = False) -> Fields:
    """The reply to ``records`` with every record there is."""
    items: list[Fields] = []
    with asking(where, as_json) as node:
        after = BEGINNING
        while True:
            reply = node.request("records", last=PAGE, after=after)
            if not reply["items"]:
                return {**reply, "items": items}
            items += reply["items"]
            after = items[-1]["turn"]


def _lines(reply: Fields) -> list[str]:
    name, member = str(reply["name"]), str(reply["id"])
    return [export_line(name, member, _record(item)) for item in reply["items"]]


def _record(item: dict[str, Any]) -> TurnRecord:
    try:
        return msgspec.convert(item, TurnRecord)
    except msgspec.ValidationError as problem:
        raise RemoteError("malformed", f"turn record: {problem}") from None


@click.command()
@click.option("--out", metavar="FILE", help="Write there, not to standard output.")
@json_option
@pass_where
def export(where: Where, out: str | None, as_json: bool) -> None:
    """This node's turn records as JSON lines: what happened and why, without any text."""
    reply = exported(where, as_json)
    lines = _lines(reply)
    if as_json:
        show_json(reply)
        if out is not None:
            hand_over("".join(f"{line}\n" for line in lines), out)
    elif not hand_over("".join(f"{line}\n" for line in lines), out):
        click.echo(
            f"{out}: {len(lines)} turns; to see them: securechat trace {shlex.quote(str(out))}"
        )


FORMS = {"text": as_text, "mermaid": as_mermaid, "json": as_json}


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="text", show_default=True)
@click.option("--about", metavar="ID", help="Only the story of this message, or of member:NAME.")
def trace(files: tuple[str, ...], form: str, about: str | None) -> int:
    """Merge the exports of several nodes into one causal story or diagram; no node is needed."""
    turns = []
    for name in files:
        with naming(name):
            content = Path(name).read_bytes()
        turns += read_lines(content.splitlines(), name)
    story = merge(turns)
    if about is not None:
        story = narrowed(story, about)
        if not story.turns:
            raise Ended(f"no turn in these files is about {about}", Status.PROBLEM)
    click.echo(FORMS[form](story), nl=False)
    if story.cycle:
        raise Ended("the exports contradict each other, as told above", Status.PROBLEM)
    return Status.OK


COMMANDS: dict[str, click.Command] = {"export": export, "trace": trace}
