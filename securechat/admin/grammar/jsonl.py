"""
The JSON rendering: one object on a line, the same commands and the same data (INTERFACE 4).

Strict where JSON is loose: an object with a key twice, NaN, an infinity, a number that is not finite
or a document nested too deeply is refused.  What could move a cursor is escaped on output.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NoReturn

from securechat.admin.grammar.values import (
    TAG,
    Code,
    Event,
    GrammarError,
    Reply,
    Request,
    checked_event,
    checked_reply,
    plain,
)
from securechat.admin.sanitise import json_safe

name = "json"

NUMBERS = frozenset({int, bool, type(None)})
QUOTED = json.JSONEncoder().encode
DEL = "\x7f"
"""Of ASCII the one character that is escaped here and that JSON leaves alone."""


def request(line: str) -> Request:
    """``{"tag": .., "cmd": .., ...}``; the other keys are the arguments."""
    said = _object(line)
    tag = said.pop("tag", None)
    if tag is not None and not (isinstance(tag, str) and TAG.fullmatch(tag)):
        raise GrammarError(Code.SYNTAX, "tag is text of 1 to 64 printable ASCII characters")
    verb = said.pop("cmd", None)
    if not isinstance(verb, str) or not verb:
        raise GrammarError(Code.SYNTAX, 'an object needs "cmd", the name of a command', tag)
    return Request(verb.lower(), said, tag=tag, native=True)


def command(asked: Request) -> str:
    """A request as a JSON line; unlike replies it is not escaped, to fit long texts in a line."""
    said = {} if asked.tag is None else {"tag": asked.tag}
    if asked.values or asked.rest is not None:
        raise ValueError("in JSON every argument has a name")
    said.update({"cmd": asked.verb, **asked.args})
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def reply(said: Reply) -> str:
    """``{"tag": .., "code": .., ...}``."""
    fields = checked_reply(said)
    head: dict[str, Any] = {} if said.tag is None else {"tag": said.tag}
    head["code"] = int(said.code)
    if said.word:
        head["word"] = said.word
    return json_safe({**head, **fields}) + "\n"


def event(happened: Event) -> str:
    """``{"event": .., "cursor": .., ...}``."""
    fields = checked_event(happened)
    return json_safe({"event": happened.type, "cursor": happened.cursor, **fields}) + "\n"


def size(happened: Event) -> int:
    """
    The bytes of such a line, without writing it; ValueError or TypeError if its fields cannot be said.
    """
    head = _head(happened.type, tuple(happened.fields))
    return head + len(happened.cursor) + _sizes(happened.fields.values())


@lru_cache(maxsize=256)
def _head(kind: str, names: tuple[str, ...]) -> int:
    """The bytes of an event of these fields, but for the values; events have few shapes."""
    line = event(Event("-", kind, dict.fromkeys(names, 0)))
    return len(line) - 1 - len(names)


def _sizes(values: Iterable[Any]) -> int:
    """The bytes of values.  Most are plain words and numbers: those are counted all at once."""
    words = [value for value in values if type(value) is str]
    others = [value for value in values if type(value) is not str]
    text = "".join(words)
    if text.isascii() and DEL not in text:
        size = len(QUOTED(text)) - 2 + 2 * len(words)
    else:
        size = sum(map(_size, words))
    if others and NUMBERS.issuperset(map(type, others)):
        # As Python writes them they are as long as in JSON; between two of them stand two characters.
        return size + len(repr(others)) - 2 * len(others)
    return size + sum(map(_size, others))


def _size(value: Any) -> int:
    """The bytes of a value as it is written."""
    return len(json_safe(plain(value)).encode("utf-8"))


def read(line: str) -> Reply | Event:
    """A reply or an event; GrammarError for what no server of ours says."""
    said = _object(line)
    if "event" in said:
        kind, cursor = said.pop("event"), said.pop("cursor", None)
        if not isinstance(kind, str) or not isinstance(cursor, str):
            raise GrammarError(Code.SYNTAX, "not an event")
        return Event(cursor, kind, said)
    code, word, tag = said.pop("code", None), said.pop("word", ""), said.pop("tag", None)
    if type(code) is not int or not isinstance(word, str) or not isinstance(tag, str | None):
        raise GrammarError(Code.SYNTAX, "not a reply")
    return Reply(code, said, word, tag)


def _object(line: str) -> dict[str, Any]:
    try:
        said = json.loads(
            line, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite
        )
    except GrammarError:
        raise
    except RecursionError:
        raise GrammarError(Code.SYNTAX, "the JSON is nested too deeply") from None
    except ValueError as problem:
        where = f" at character {problem.pos + 1}" if hasattr(problem, "pos") else ""
        hint = "" if line.lstrip().startswith("{") else "; this connection is in JSON mode"
        raise GrammarError(Code.SYNTAX, f"not a JSON object{where}{hint}") from None
    if not isinstance(said, dict):
        raise GrammarError(Code.SYNTAX, "a line is one JSON object")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise GrammarError(Code.SYNTAX, "an object has a key twice")
    return fields


def _no_constant(word: str) -> NoReturn:
    raise GrammarError(Code.SYNTAX, f"{word} is not a number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise GrammarError(Code.SYNTAX, "a number is too large")
    return number
