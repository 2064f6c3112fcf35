"""
The commands that speak: say, dm, retry, cancel.

Each message carries a nonce, so that a command repeated after a lost connection says nothing twice:
it is repeated once by itself, and ``--nonce`` repeats it by hand.  ``dm --wait`` ends with 0 for acked,
1 for rejected or expired, 4 for anything else: no evidence is not a failure.
"""

from __future__ import annotations

import secrets
import sys
from typing import Any

import click

from securechat.admin.blocking import BlockingClient
from securechat.admin.client import AdminError, DownError
from securechat.admin.grammar.values import Code
from securechat.cli.asking import (
    Ended,
    Fields,
    Status,
    ask,
    asking,
    json_option,
    refusal,
    show,
    show_json,
)
from securechat.cli.shown import word
from securechat.cli.where import Where, pass_where
from securechat.settings import MAX_TEXT

STDIN = "-"
FINAL = {"acked": Status.OK, "rejected": Status.PROBLEM, "expired": Status.PROBLEM}
"""States after which nothing more is waited for, and how the command ends."""

text_argument = click.argument("text", metavar="TEXT", nargs=-1, required=True)
nonce_option = click.option(
    "--nonce", metavar="WORD", help="The same nonce and text are never said twice."
)


def _text(where: Where, words: tuple[str, ...], as_json: bool) -> str:
    """The words as one text; ``-`` alone is standard input without its last line break."""
    text = " ".join(words)
    if words == (STDIN,):
        text = sys.stdin.read(MAX_TEXT + 2).removesuffix("\n")
    if not text:
        raise click.UsageError("there is nothing to say")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT:
        raise _too_long(where, as_json)
    return text


def _too_long(where: Where, as_json: bool) -> Ended:
    """As the node would refuse it, without a word on how much of it was read."""
    said = f"too long: a text has at most {MAX_TEXT} bytes; say it in parts"
    problem = AdminError({"code": int(Code.TOO_LONG), "text": said})
    if as_json:
        show_json(problem.reply)
    return refusal(where, problem)


def speak(where: Where, cmd: str, as_json: bool, nonce: str | None, **args: Any) -> Fields:
    """Say it; once more under the same nonce if the connection is lost on the way."""
    nonce = nonce or secrets.token_hex(8)
    try:
        with asking(where, as_json) as node:
            return _asked(node, cmd, nonce=nonce, **args)
    except _Lost:
        pass
    try:
        with asking(where, as_json) as node:
            return _asked(node, cmd, nonce=nonce, **args)
    except (_Lost, Ended) as problem:
        if isinstance(problem, Ended) and problem.exit_code != Status.NOT_RUNNING:
            raise
        raise Ended(
            "the node hung up; whether it took the message is unknown;"
            f" repeat it safely with --nonce {nonce}",
            Status.UNKNOWN,
        ) from None


class _Lost(Exception):  # noqa: N818 - no error: it is tried once more
    """The connection was lost after something was asked."""


def _asked(node: BlockingClient, cmd: str, **args: Any) -> Fields:
    try:
        return node.request(cmd, **args)
    except DownError:
        raise _Lost from None


@click.command()
@text_argument
@nonce_option
@json_option
@pass_where
def say(where: Where, text: tuple[str, ...], nonce: str | None, as_json: bool) -> None:
    """Post TEXT to the room; - reads it from standard input."""
    reply = speak(where, "say", as_json, nonce, text=_text(where, text, as_json))
    if as_json:
        show_json(reply)
    else:
        show([_accepted(where, reply)])


def _accepted(where: Where, reply: Fields) -> str:
    """What acceptance means, and what it does not."""
    if reply["code"] == Code.ALREADY:
        return f"{word(reply.get('id'))}  {word(reply.get('state'))}  (said before)"
    look = where.command(f"delivery {word(reply.get('id'))}")
    return f"{word(reply.get('id'))}  {word(reply.get('state'))}  (on this disk; see: {look})"


@click.command()
@click.argument("name", metavar="NAME")
@text_argument
@click.option(
    "--wait", type=click.FloatRange(min=0), metavar="SECONDS",
    help="Wait for evidence: ends with 0 acked, 1 rejected or expired, 4 anything else.",
)  # fmt: skip
@nonce_option
@json_option
@pass_where
def dm(
    where: Where,
    name: str,
    text: tuple[str, ...],
    wait: float | None,
    nonce: str | None,
    as_json: bool,
) -> int:
    """Send TEXT to the member NAME alone; - reads it from standard input."""
    reply = speak(where, "dm", as_json, nonce, to=name, text=_text(where, text, as_json))
    row: Fields = {}
    if wait is not None:
        row = _awaited(where, str(reply["id"]), wait)
        reply = {**reply, "state": row["state"], "evidence": row.get("evidence")}
    if as_json:
        show_json(reply)
    elif wait is None:
        show([_accepted(where, reply)])
    else:
        show([f"{word(reply['id'])}  {word(row['state'])}  {word(row.get('evidence'))}"])
    return Status.OK if wait is None else FINAL.get(row["state"], Status.UNKNOWN)


def _awaited(where: Where, message: str, seconds: float) -> Fields:
    """The row of ``delivery`` once it is final, or as it is when the time is over."""
    with asking(where) as node:
        node.request("watch", types="delivery")
        row = _row(node, message)
        if row["state"] in FINAL:
            return row
        for event in node.events(seconds):
            final = event.get("to") in FINAL
            if event.get("event") == "delivery" and event.get("id") == message and final:
                break
        return _row(node, message)


def _row(node: BlockingClient, message: str) -> Fields:
    row: Fields = node.request("delivery", id=message)["items"][0]
    return row


def _tried(cmd: str, about: str) -> click.Command:
    """retry and cancel: the answer is the state."""

    @click.command(cmd, help=about)
    @click.argument("message", metavar="ID")
    @json_option
    @pass_where
    def command(where: Where, message: str, as_json: bool) -> None:
        reply = ask(where, cmd, as_json, id=message)
        if as_json:
            show_json(reply)
        else:
            show([f"{word(message)}  {word(reply.get('state'))}"])

    return command


COMMANDS: dict[str, click.Command] = {
    "say": say,
    "dm": dm,
    "retry": _tried("retry", "Offer a message again, under the same id, so never twice."),
    "cancel": _tried("cancel", "Offer a message no more; what has left cannot be called back."),
}
