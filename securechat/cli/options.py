"""
What the options of the commands that make a home may be; judged as ``config.toml`` is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from securechat.certificates import NAME
from securechat.home.config import Config, check_value
from securechat.settings import PRESETS

BASE32 = frozenset("abcdefghijklmnopqrstuvwxyz234567")
ID_LENGTH = 52


def name_option(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value[:40]!a}: a-z first, then a-z 0-9 . _ -, at most 32 characters"
        )
    return value


def room_id_option(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    """An id as it is written or read aloud; empty if none was given."""
    plain = "".join(each for each in (value or "").lower() if each not in " -")
    if value is not None and (len(plain) != ID_LENGTH or not BASE32.issuperset(plain)):
        raise click.BadParameter(f"a room id has {ID_LENGTH} characters of a-z 2-7")
    return plain


def checked(key: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """An option that becomes the value of a key of config.toml, judged as there."""

    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if value is None or value == ():
            return None
        try:
            return check_value(key, value)
        except ValueError as problem:
            raise click.BadParameter(str(problem)) from None

    return callback


_NODE_OPTIONS = (
    click.option(
        "--listen", metavar="HOST:PORT", callback=checked("listen"),
        help=f"Where peers link to us (default {Config().listen}).",
    ),
    click.option(
        "--admin", "tcp", metavar="HOST:PORT", callback=checked("tcp"),
        help=f"Where the admin port is, on loopback (default {Config().tcp}).",
    ),
    click.option(
        "--preset", type=click.Choice(list(PRESETS)),
        help="lan for a network (default), local for nodes on one machine.",
    ),
    click.option("--faults", "enabled", is_flag=True, default=None, help="Allow imitated faults."),
)  # fmt: skip


def node_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_NODE_OPTIONS):
        command = option(command)
    return command


def given(values: dict[str, Any]) -> dict[str, Any]:
    """The options that somebody gave."""
    return {key: value for key, value in values.items() if value is not None}
