"""
What one argument of a command may be, and how what was said becomes it.

Arguments arrive as words from a text line, and as JSON says from a JSON line: there numbers, true and
false are native, and text where one of them belongs is refused.  Integers have at most 63 bits; no
argument holds half of a surrogate pair.
"""

from __future__ import annotations

import json
import math
import re
from enum import StrEnum
from typing import Any

from attrs import frozen

from securechat.admin.sanitise import has_surrogate
from securechat.ids import MAX_INT

_INT = re.compile(r"-?[0-9]{1,19}")
_FLOAT = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19})?")
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
MAX_NAME = 256
"""Characters of an id or of one name in a list."""


class Kind(StrEnum):
    """The kinds of arguments."""

    TEXT = "text"
    ID = "id"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    LIST = "list"


NATIVE = {
    Kind.INT: "a whole number",
    Kind.FLOAT: "a number",
    Kind.BOOL: "true or false",
}
"""The kinds that JSON has itself, and how they are called."""


@frozen
class Parameter:
    """One argument; bare values fill them in table order."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    help: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None
    low: float = 0
    """The least value of a number; for a text or id, its least length."""
    high: float = MAX_INT
    only: tuple[str, ...] = ()
    """The values of the first parameter with which this one is used; empty: with all."""

    @property
    def is_list(self) -> bool:
        """Whether it takes all bare values that remain."""
        return self.kind is Kind.LIST

    @property
    def usage(self) -> str:
        """``text=``, ``[nonce=]``, ``[kind=post|dm]``."""
        said = f"{self.name}={'|'.join(self.choices)}"
        return said if self.required and not self.only else f"[{said}]"

    @property
    def described(self) -> dict[str, Any]:
        """For ``help VERB``."""
        return {
            "name": self.name,
            "kind": self.kind,
            "required": self.required,
            "default": self.default,
            "choices": ",".join(self.choices) or None,
            "help": self.help,
        }

    @property
    def documented(self) -> str:
        """For the page."""
        how = "needed" if self.required else "optional"
        if self.only:
            how += f" with {', '.join(self.only)}"
        default = "" if self.default is None else f", {self.default} if not given"
        choices = f"; one of {', '.join(self.choices)}" if self.choices else ""
        return (
            f"`{self.name}=` {self.kind}, {how}{default}{choices}. {self.help}".rstrip(". ") + "."
        )


def convert(parameter: Parameter, raw: Any, native: bool = False) -> Any:
    """
    The argument; ValueError with words that follow the parameter's name.

    ``native``: it comes from JSON, so a number, true or false is itself and no word for it.
    """
    if native and isinstance(raw, str) and parameter.kind in NATIVE:
        raise ValueError(f"must be {NATIVE[parameter.kind]} in JSON, without quotes")
    value = _CONVERTERS[parameter.kind](parameter, raw)
    if parameter.choices:
        for one in value if isinstance(value, tuple) else (value,):
            if one not in parameter.choices:
                raise ValueError(f"{_shown(one)} is none of {', '.join(parameter.choices)}")
    return value


def _text(parameter: Parameter, raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError("must be text")  # noqa: TRY004 - one kind of refusal leaves
    if has_surrogate(raw):
        raise ValueError("holds half of a surrogate pair, which is no character")
    if len(raw) < parameter.low:
        raise ValueError("must not be empty")
    return raw


def _id(parameter: Parameter, raw: Any) -> str:
    text = _text(parameter, raw)
    if not text or len(text) > MAX_NAME:
        raise ValueError(f"must have 1 to {MAX_NAME} characters")
    return text


def _int(parameter: Parameter, raw: Any) -> int:
    if isinstance(raw, str) and _INT.fullmatch(raw):
        raw = _native(raw, int)
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise ValueError("must be a whole number")  # noqa: TRY004
    return int(_bounded(parameter, raw))


def _float(parameter: Parameter, raw: Any) -> float:
    if isinstance(raw, str) and _FLOAT.fullmatch(raw):
        raw = _native(raw, float)
    if not isinstance(raw, int | float) or isinstance(raw, bool) or not math.isfinite(raw):
        raise ValueError("must be a number")
    return float(_bounded(parameter, raw))


def _native(raw: str, kind: type[int] | type[float]) -> int | float:
    return kind(raw)


def _bounded(parameter: Parameter, number: float) -> float:
    if not parameter.low <= number <= parameter.high:
        if parameter.high < MAX_INT:
            raise ValueError(f"must be from {parameter.low:g} to {parameter.high:g}")
        raise ValueError(f"must be at least {parameter.low:g}, and fit 63 bits")
    return number


def _bool(parameter: Parameter, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in _TRUE + _FALSE:
        return raw.lower() in _TRUE
    raise ValueError("must be true or false")


def _list(parameter: Parameter, raw: Any) -> tuple[str, ...]:
    if isinstance(raw, str):
        raw = _written_list(raw)
    if not isinstance(raw, list):
        raise ValueError("must be a list of names")  # noqa: TRY004
    return tuple(_id(parameter, one) for one in raw)


def _written_list(raw: str) -> Any:
    if raw.startswith("["):
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise ValueError("is not a JSON list") from None
    return [part.strip() for part in raw.split(",") if part.strip()]


_CONVERTERS = {
    Kind.TEXT: _text,
    Kind.ID: _id,
    Kind.INT: _int,
    Kind.FLOAT: _float,
    Kind.BOOL: _bool,
    Kind.LIST: _list,
}


def _shown(word: Any) -> str:
    return ascii(word)[:64]
