"""
``config.toml``: what a node may be told, and what each value may be (INTERFACE 3).

Key names are unique across sections, so ``Config`` is flat.  A missing key has its default; an
unknown one is a warning that names the nearest, or what there is if none is near; a value that cannot
be is a HomeError that names the key, the value, and what is allowed.  The file as written shows every
key on a line of its own with a comment above it.
"""

from __future__ import annotations

import difflib
import json
import math
import tomllib
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from attrs import evolve, field, frozen

from securechat.addresses import check_told, is_loopback, is_wildcard, split
from securechat.errors import HomeError
from securechat.home.places import CONFIG
from securechat.settings import KIB, MAX_ADDRESSES, MAX_MEMBERS, MIB, PRESETS, Settings

LEAST_BYTES = 64 * KIB
MOST_BYTES = 1024 * 1024 * MIB


@frozen
class Config:
    """What ``config.toml`` says; the names are its keys."""

    listen: str = "0.0.0.0:7400"
    advertise: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    preset: str = "lan"
    tcp: str = "127.0.0.1:7401"
    open_observer: bool = False
    posts: int = 10_000
    bytes: int = 64 * MIB
    days: float = 30
    record_days: float = 7
    record_bytes: int = 32 * MIB
    deadline_s: float = 10
    keep_h: float = 24
    posts_per_second: float = 20
    burst: float = 100
    enabled: bool = False
    """Whether the admin command ``fault`` may imitate a bad cable."""
    warnings: tuple[str, ...] = field(default=(), eq=False)
    """One line for each thing in the file that is not understood."""

    def settings(self) -> Settings:
        """The knobs of a node."""
        return Settings(
            preset=self.preset,
            history_posts=self.posts,
            history_bytes=self.bytes,
            history_days=self.days,
            record_days=self.record_days,
            record_bytes=self.record_bytes,
            direct_deadline=self.deadline_s,
            keep_hours=self.keep_h,
            posts_per_second=self.posts_per_second,
            burst=self.burst,
            faults=self.enabled,
        )


@frozen
class Key:
    """One key of the file: where it stands, what it is for, what it may be."""

    section: str
    name: str
    comment: str
    allowed: str
    take: Callable[[Any], Any]
    """The value as it is kept; ValueError, with what is wrong or without, if it cannot be."""


def _address(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - one kind of refusal for all that cannot be
    split(value)
    return value


def _dialled(value: Any) -> str:
    if is_wildcard(split(_address(value))[0]):
        raise ValueError("nobody can dial every interface at once")
    return str(value)


def _loopback(value: Any) -> str:
    if not is_loopback(split(_address(value))[0]):
        raise ValueError("the admin port listens on loopback only")
    return str(value)


def _told(value: Any) -> str:
    check_told(_dialled(value))
    return str(value)


class OneOfList(ValueError):  # noqa: N818 - which one, not what
    """The address of a list that cannot be, and why."""

    def __init__(self, value: Any, why: str) -> None:
        super().__init__(why)
        self.value = value


def _each(take_one: Callable[[Any], str], value: Any) -> str:
    try:
        return take_one(value)
    except ValueError as problem:
        raise OneOfList(value, str(problem)) from None


def _list_of(take_one: Callable[[Any], str], most: int) -> Callable[[Any], tuple[str, ...]]:
    def take(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or len(value) > most:
            raise ValueError
        return tuple(_each(take_one, each) for each in value)

    return take


def _preset(value: Any) -> str:
    if value not in tuple(PRESETS):
        raise ValueError
    return str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004
    return value


def _number(least: float, most: float, whole: bool = False) -> Callable[[Any], float]:
    def take(value: Any) -> float:
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
            raise ValueError
        if not least <= value <= most:
            raise ValueError
        return value

    return take


def _counted(
    section: str, name: str, comment: str, least: float, most: float, whole: bool = False
) -> Key:
    kind = "a whole number" if whole else "a number"
    allowed = f"{kind} from {least} to {most}"
    return Key(section, name, comment, allowed, _number(least, most, whole))


ADDRESS = "HOST:PORT"
DIALLED = "a list of at most {} addresses, HOST:PORT"
FLAG = "true or false"

KEYS = (
    Key("node", "listen", "Where links of peers are accepted.", ADDRESS, _address),
    Key(
        "node", "advertise",
        "What peers are told to dial; empty: the address of each link, and our port.",
        DIALLED.format(MAX_ADDRESSES), _list_of(_told, MAX_ADDRESSES),
    ),
    Key(
        "node", "peers", "Whom to dial first; one that answers is enough, the rest is learned.",
        DIALLED.format(MAX_MEMBERS), _list_of(_dialled, MAX_MEMBERS),
    ),
    Key(
        "node", "preset", "lan: for a network.  local: faster, for nodes on one machine.",
        " or ".join(f'"{name}"' for name in PRESETS), _preset,
    ),
    Key("admin", "tcp", "The admin port; on loopback, or not at all.", ADDRESS, _loopback),
    Key(
        "admin", "open_observer", "Whether states and counts can be read there without the token.",
        FLAG, _flag,
    ),
    _counted("history", "posts", "How many posts are kept ...", 1, 10_000_000, whole=True),
    _counted("history", "bytes", "... how many bytes ...", LEAST_BYTES, MOST_BYTES, whole=True),
    _counted("history", "days", "... and for how long; the first limit reached prunes.", 0.01, 36500),
    _counted("records", "record_days", "How long the records of turns are kept ...", 0.01, 36500),
    _counted("records", "record_bytes", "... and how many bytes.", LEAST_BYTES, MOST_BYTES, whole=True),
    _counted(
        "direct", "deadline_s", "Seconds without evidence until a sent message is unknown.",
        0.1, 86400,
    ),
    _counted(
        "direct", "keep_h", "Hours for which an unacknowledged message is offered again.",
        0.01, 8760,
    ),
    _counted(
        "limits", "posts_per_second", "What one author may post live, on average ...", 0.1, 100_000
    ),
    _counted("limits", "burst", "... and at once.", 1, 1_000_000),
    Key("faults", "enabled", "Whether the admin port may imitate a bad cable.", FLAG, _flag),
)  # fmt: skip

BY_NAME = {key.name: key for key in KEYS}
SECTIONS = tuple(dict.fromkeys(key.section for key in KEYS))


def make_config(**values: Any) -> Config:
    """A configuration of these values, each judged; HomeError names the one that cannot be."""
    return evolve(
        Config(), **{name: _taken(BY_NAME[name], value) for name, value in values.items()}
    )


def check_value(name: str, value: Any) -> Any:
    """The value of one key as it is kept; ValueError says what is allowed."""
    key = BY_NAME[name]
    try:
        return key.take(value)
    except ValueError as problem:
        because = f" ({problem})" if str(problem) else ""
        wrong, allowed = value, key.allowed
        if isinstance(problem, OneOfList):
            wrong, allowed = problem.value, ADDRESS
        raise ValueError(f"{_shown(wrong)} cannot be: {allowed} is wanted{because}") from None


def parse_config(content: bytes) -> Config:
    """What a file says, with warnings; HomeError if it cannot be."""
    try:
        said = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as problem:
        raise HomeError(f"{CONFIG} is not TOML: {_line(problem)}") from None
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for section, name, value in _entries(said):
        key = BY_NAME.get(name)
        if key is None or key.section != section:
            warnings.append(_unknown(section, name))
        else:
            values[name] = _taken(key, value)
    return evolve(Config(), warnings=tuple(warnings), **values)


def render_config(config: Config) -> str:
    """The file of a configuration, for people to change."""
    lines = ["# securechat: how this node runs.  It is read when the node starts."]
    for section, keys in groupby(KEYS, key=lambda key: key.section):
        lines += ["", f"[{section}]"]
        for key in keys:
            lines += [f"# {key.comment}", f"{key.name} = {_toml(getattr(config, key.name))}"]
    return "\n".join(lines) + "\n"


def _entries(said: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(section, key, value); the section of a key that stands in none is empty."""
    for section, inside in said.items():
        if isinstance(inside, dict) and section not in BY_NAME:
            if section not in SECTIONS:
                yield section, "", None
                continue
            for name, value in inside.items():
                table = isinstance(value, dict) and name not in BY_NAME
                yield (f"{section}.{name}", "", None) if table else (section, name, value)
        else:
            yield "", section, inside


def _unknown(section: str, name: str) -> str:
    """What to say of a key or section that is not understood."""
    if not name:
        nearest = difflib.get_close_matches(section, SECTIONS, n=1)
        hint = f"the nearest is [{nearest[0]}]" if nearest else f"there are {_listed(SECTIONS)}"
        return f"{CONFIG}: unknown section [{_line(section)}]; {hint}"
    where = f"[{section}] " if section else ""
    return f"{CONFIG}: unknown key {where}{_line(name)}; {_hint(section, name)}"


def _hint(section: str, name: str) -> str:
    """The nearest key; where none is near, all that may stand there."""
    nearest = [name] if name in BY_NAME else difflib.get_close_matches(name, BY_NAME, n=1)
    if nearest:
        return f"the nearest is [{BY_NAME[nearest[0]].section}] {nearest[0]}"
    if not section:
        return f"every key stands in a section: {_listed(SECTIONS)}"
    return f"[{section}] has {', '.join(key.name for key in KEYS if key.section == section)}"


def _listed(sections: tuple[str, ...]) -> str:
    return ", ".join(f"[{section}]" for section in sections)


def _taken(key: Key, value: Any) -> Any:
    try:
        return check_value(key.name, value)
    except ValueError as problem:
        raise HomeError(f"{CONFIG}: [{key.section}] {key.name} = {problem}") from None


def _shown(value: Any) -> str:
    shown = ascii(list(value) if isinstance(value, tuple) else value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _line(text: object) -> str:
    """One printable line."""
    return ascii(str(text)[:120])[1:-1]


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
