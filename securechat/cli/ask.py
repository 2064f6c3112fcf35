"""
The commands that ask the running node and change nothing.

A list is shown whole or with the word how to go on; ``health`` ends with 0 when the node is live and
ready, ``status`` with 1 when its journal cannot be written.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import partial
from typing import Any

import click

from securechat.cli import readings
from securechat.cli.asking import Fields, Status, ask, json_option, show, show_json
from securechat.cli.readings import Reading
from securechat.cli.shown import word
from securechat.cli.where import Where, pass_where

MAX_LIMIT = 1000


def answer(where: Where, as_json: bool, reading: Reading, cmd: str, **args: Any) -> Fields:
    """Ask, and show the reply."""
    reply = ask(where, cmd, as_json, **args)
    if as_json:
        show_json(reply)
    else:
        show(reading(reply))
    return reply


def _plain(cmd: str, reading: Reading, about: str) -> click.Command:
    """A command without arguments."""

    @click.command(cmd, help=about)
    @json_option
    @pass_where
    def command(where: Where, as_json: bool) -> None:
        answer(where, as_json, reading, cmd)

    return command


def _named(cmd: str, reading: Reading, key: str, metavar: str, about: str) -> click.Command:
    """A command about one thing."""

    @click.command(cmd, help=about)
    @click.argument("what", metavar=metavar)
    @json_option
    @pass_where
    def command(where: Where, what: str, as_json: bool) -> None:
        answer(where, as_json, reading, cmd, **{key: what})

    return command


@click.command()
@json_option
@pass_where
def status(where: Where, as_json: bool) -> int:
    """Who and where this node is, and how much it has; problems first."""
    reading = partial(readings.status, command=where.command)
    reply = answer(where, as_json, reading, "status")
    return Status.PROBLEM if reply.get("read_only") else Status.OK


@click.command()
@json_option
@pass_where
def health(where: Where, as_json: bool) -> int:
    """Live, ready, joined; ends with 0 when the node is live and ready."""
    reply = answer(where, as_json, readings.health, "health")
    return Status.OK if reply.get("live") and reply.get("ready") else Status.PROBLEM


@click.command()
@json_option
@pass_where
def links(where: Where, as_json: bool) -> None:
    """The links that are up."""
    answer(where, as_json, partial(readings.links, command=where.command), "links")


@click.command()
@click.option("--kind", type=click.Choice(["post", "dm"]), help="Only posts, or direct messages.")
@click.option("--with", "with_", metavar="NAME", help="Only direct messages with this member.")
@click.option("--before", metavar="ID", help="The latest before this message.")
@click.option("--after", metavar="ID", help='The next after this message; "" from the first.')
@click.option(
    "--limit", type=click.IntRange(1, MAX_LIMIT), default=50, show_default=True, help="How many."
)
@json_option
@pass_where
def messages(
    where: Where,
    kind: str | None,
    with_: str | None,
    before: str | None,
    after: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """The transcript: posts, direct messages, and gaps at their place."""
    if before is not None and after is not None:
        raise click.UsageError("--before and --after exclude each other")
    chosen = {"kind": kind, "with": with_, "limit": limit}
    words = "".join(f" --{key} {shlex.quote(str(value))}" for key, value in chosen.items() if value)
    reading = _paged(where.command(f"messages{words}"), after is not None)
    answer(where, as_json, reading, "messages", **chosen, before=before, after=after)


def _paged(again: str, forward: bool) -> Reading:
    """The transcript, and the command that shows the rest in the same direction."""

    def reading(reply: Mapping[str, Any]) -> list[str]:
        lines = readings.messages(reply)
        ids = [word(item["id"]) for item in reply["items"] if item.get("id")]
        if reply.get("more") and ids:
            if forward:
                return [*lines, f"-- more: {again} --after {ids[-1]} --"]
            return [f"-- more: {again} --before {ids[0]} --", *lines]
        return lines

    return reading


COMMANDS: dict[str, click.Command] = {
    "status": status,
    "health": health,
    "members": _plain("members", readings.members, "Everybody in the roster, and how they seem."),
    "who": _named("who", readings.who, "name", "NAME", "One member, with all evidence."),
    "links": links,
    "messages": messages,
    "delivery": _named(
        "delivery", readings.delivery, "id", "ID", "What is known of a message at each recipient."
    ),
    "explain": _named(
        "explain", readings.explain, "id", "ID",
        "Why it is so: of a message, of member:NAME, or of gap:NAME/EPOCH/SEQ.",
    ),
    "gaps": _plain("gaps", readings.gaps, "Posts that are known to exist and are not here."),
    "outbox": _plain("outbox", readings.outbox, "Own messages that some recipient may not have."),
    "digest": _plain("digest", readings.digest, "The digest of what this node has, by streams."),
    "diff": _named("diff", readings.diff, "peer", "PEER", "Where this node and a peer differ."),
    "counters": _plain("counters", readings.counters, "Every counter by name."),
}  # fmt: skip
