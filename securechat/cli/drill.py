"""
``drill``: scenarios on real processes, played and checked on this machine.
"""

from __future__ import annotations

from pathlib import Path

import click

from securechat.cli.asking import Status, json_option, show, show_json
from securechat.cli.shown import table
from securechat.drills.catalogue import DRILLS, FAILURES, Drill
from securechat.drills.catalogue import run as play


@click.group()
def drill() -> None:
    """Scenarios on real processes: what they show is checked, and can be kept as evidence."""


@drill.command("list")
@json_option
def list_(as_json: bool) -> None:
    """The drills there are."""
    if as_json:
        show_json({"items": [{"name": d.name, "about": d.about} for d in DRILLS.values()]})
        return
    show(
        table(("drill", "what happens"), [[d.name, d.about] for d in DRILLS.values()], "no drills")
    )


@drill.command()
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="All of them, one after the other.")
@click.option("--out", metavar="DIR", help="Keep transcript, records and diagram here.")
def run(name: str | None, every: bool, out: str | None) -> int:
    """Play a drill; ends with 0 if everything was as it should be."""
    if every == (name is not None):
        raise click.UsageError("name one drill, or give --all")
    if name is not None and name not in DRILLS:
        raise click.UsageError(f"there is no drill {name[:40]!r}; there are: {', '.join(DRILLS)}")
    chosen = list(DRILLS.values()) if name is None else [DRILLS[name]]
    folder = None if out is None else Path(out)
    return max(_played(each, folder) for each in chosen)


def _played(each: Drill, out: Path | None) -> Status:
    """One drill; a problem is told, and the next drill goes on."""
    click.echo(f"drill {each.name}: {each.about}")
    try:
        play(each, click.echo, out)
    except FAILURES as problem:
        click.echo(f"securechat: drill {each.name}: {problem}", err=True)
        return Status.PROBLEM
    click.echo(f"drill {each.name}: all of it as it should be")
    return Status.OK


COMMANDS: dict[str, click.Command] = {"drill": drill}
