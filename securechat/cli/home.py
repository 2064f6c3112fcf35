"""
The commands that make a home and bring members into a room: init, request, admit, install.

What is handed over goes to standard output unless ``--out`` names a file; then the words for people
go to standard error, so that both can be redirected.
"""

from __future__ import annotations

from typing import Any

import click

from securechat.certificates import MEMBER_DAYS, shown_date
from securechat.cli.options import checked, given, name_option, node_options, room_id_option
from securechat.cli.state import now_ms, protection, show_facts, show_next
from securechat.cli.where import Where, grouped, hand_over, on_terminal, pass_where
from securechat.home.admission import Grant, consider, found, grant
from securechat.home.config import make_config
from securechat.home.identity import Stage, check_complete, load_config, load_member, stage
from securechat.home.joining import install as install_admission
from securechat.home.joining import request as make_request
from securechat.home.joining import request_text
from securechat.home.places import AUTHORITY_KEY
from securechat.signing import member_id


@click.command()
@click.option("--name", required=True, callback=name_option, help="Your name in the room.")
@click.option(
    "--room", required=True, callback=name_option, metavar="NAME", help="The room's name."
)
@node_options
@pass_where
def init(where: Where, /, name: str, room: str, **values: Any) -> None:
    """Found a room: its authority, your identity, your home."""
    config = make_config(**given(values))
    founder = found(where.home, name, room, config, where.new_passphrase(), now_ms())
    _, made = load_member(where.home)
    click.echo(f"The room {room} is founded, and {name} is its first member.")
    show_facts(
        ("home", str(where.home)),
        ("room", grouped(made.room)),
        ("", made.room),
        (name, founder.member),
        ("keys", protection(where.home)),
    )
    click.echo("Anybody who holds authority.key can admit members; keep a copy in a safe place.")
    show_next(where, "up")


@click.command()
@click.option("--name", required=True, callback=name_option, help="Your name in the room.")
@click.option("--room", metavar="ID", callback=room_id_option, help="Only this room may admit you.")
@click.option("--out", metavar="FILE", help="Write the request there, not to standard output.")
@pass_where
def request(where: Where, name: str, room: str, out: str | None) -> None:
    """Make an identity and a signed request; the private key never leaves the home."""
    fresh = stage(where.home) is Stage.NONE
    passphrase = where.new_passphrase() if fresh else where.passphrase()
    asked = make_request(where.home, name, room, passphrase)
    err = hand_over(request_text(where.home), out)
    click.echo(f"This is the request of {name}; hand it to whoever can admit you.", err=err)
    show_facts(
        ("home", str(where.home)),
        (name, grouped(asked.member)),
        ("", asked.member),
        ("keys", protection(where.home)),
        err=err,
    )
    show_next(where, "install ADMISSION", err=err)


@click.command()
@click.argument("request", metavar="REQUEST")
@click.option("--out", metavar="FILE", help="Write the admission there, not to standard output.")
@click.option(
    "--days", type=click.IntRange(min=1), default=MEMBER_DAYS, show_default=True,
    help="How long the certificate can be used for new links.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_where
def admit(where: Where, request: str, out: str | None, days: int, yes: bool) -> None:
    """Admit whoever made REQUEST (a file, or -): needs the room's authority.key."""
    check_complete(where.home)
    text = where.read(request)
    granted = consider(where.home, text, days, where.passphrase(AUTHORITY_KEY), now_ms())
    _show_grant(granted)
    if not yes and on_terminal():
        click.confirm("Is that who you mean to admit?", abort=True, err=True)
    err = hand_over(grant(granted, now_ms()), out)
    click.echo(f"{granted.request.name} is admitted to {granted.room.name}.", err=err)
    click.echo("next, at the newcomer's: securechat install ADMISSION", err=err)


@click.command()
@click.argument("admission", metavar="ADMISSION")
@click.option(
    "--room", metavar="ID", callback=room_id_option, help="The id that the room must have."
)
@node_options
@click.option(
    "--peer", "peers", metavar="HOST:PORT", multiple=True, callback=checked("peers"),
    help="One more to dial; repeatable.",
)  # fmt: skip
@pass_where
def install(where: Where, /, admission: str, room: str, **values: Any) -> None:
    """Complete the home with ADMISSION (a file, or -)."""
    text = where.read(admission)
    told = given(values)
    config = make_config(**told) if told else None
    renewed = stage(where.home) is Stage.COMPLETE
    passphrase = where.passphrase()
    admitted = install_admission(where.home, text, room, config, passphrase, now_ms())
    member, home = admitted.member, admitted.room
    done = "has a new certificate in" if renewed else "is a member of"
    click.echo(f"{member.name} {done} the room {home.name}.")
    show_facts(
        ("home", str(where.home)),
        ("room", grouped(home.room)),
        ("", home.room),
        (member.name, member.member),
        ("until", shown_date(member.not_after_ms)),
        ("peers", ", ".join(load_config(where.home).peers) or "none"),
    )
    if not room:
        click.echo("Compare the room's id with the one that its founder tells you.")
    show_next(where, "up")


COMMANDS: dict[str, click.Command] = {
    "init": init,
    "request": request,
    "admit": admit,
    "install": install,
}


def _show_grant(granted: Grant) -> None:
    """What a person should compare before saying yes; on standard error."""
    asked = granted.request
    click.echo(f"{asked.name} asks to be admitted to the room {granted.room.name}.", err=True)
    show_facts(
        (asked.name, grouped(member_id(asked.public_key))),
        ("room", grouped(granted.room.room)),
        ("dials", ", ".join(granted.addresses)),
        err=True,
    )
    if granted.only_here:
        click.echo("These addresses are of this machine alone; see listen and advertise.", err=True)
    click.echo("A newcomer may read what the members still keep.", err=True)
