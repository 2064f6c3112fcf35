"""
The text rendering: lines for hands, and the way back for programs (INTERFACE 4).

Rules of a value: a word of safe characters stands bare; anything else, all that could be taken for a
number or a constant, and every field named ``text`` is a JSON string of printable ASCII; null is
``null``; an object of one level is dotted; anything deeper, and a list of anything but objects, is one
JSON string that starts with ``[`` or ``{``.  A text that begins and ends like such a one has its
first character escaped, so that no text can pass for a list.

A list of objects is one ``CODE-`` line for each, and ``CODE end count=N`` with the other fields;
lines of a list that is not ``items`` begin with its name.  An empty list is ``name="[]"``; an empty
``items`` alone is just ``end count=0``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field

from securechat.admin.grammar.values import (
    END,
    KEY,
    TAG,
    Code,
    Event,
    GrammarError,
    Reply,
    Request,
    checked_event,
    checked_reply,
)
from securechat.admin.sanitise import printable_ascii

name = "text"

ITEMS = "items"
QUOTED = frozenset({"text"})
"""Fields that are always JSON strings: what people wrote."""

_ATOM = re.compile(r"[A-Za-z0-9_.:/#~+@,-]+")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_CONSTANTS = {"true": True, "false": False, "null": None}
_STRING = r'"(?:[^"\\\x00-\x1f]|\\.)*"'
_ARGUMENT = re.compile(rf'(?:([A-Za-z_][A-Za-z0-9_-]*)=)?+({_STRING}|[^" ][^ ]*|(?<==))(?= |$)')
_FIELD = re.compile(rf'(?:([A-Za-z_][A-Za-z0-9_.-]*)=)?+({_STRING}|[^" ][^ ]*)(?= |$)')
_REPLY = re.compile(r"(?:@(\S{1,64}) )?([1-9][0-9][0-9])([ -])(.*)")


# Values.


def show(value: Any, quoted: bool = False) -> str:
    """A plain value as one token."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        if not quoted and _ATOM.fullmatch(value) and not _is_literal(value):
            return value
        token = printable_ascii(value)
        return f'"\\u{ord(value[0]):04x}{token[2:]}' if _is_container(value) else token
    return printable_ascii(json.dumps(value, separators=(",", ":")))


def read(token: str) -> Any:
    """The value of a token of a reply."""
    if not token.startswith('"'):
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        return _number(token) if _NUMBER.fullmatch(token) else token
    text = _unquoted(token)
    if token[1:2] in "[{" and _is_container(text):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _is_literal(word: str) -> bool:
    return word in _CONSTANTS or _NUMBER.fullmatch(word) is not None


def _is_container(text: str) -> bool:
    return text[:1] + text[-1:] in ("[]", "{}") and len(text) > 1


def _number(token: str) -> int | float:
    return float(token) if any(mark in token for mark in ".eE") else int(token)


def _unquoted(token: str) -> str:
    try:
        text: str = json.loads(token)
    except ValueError:
        raise GrammarError(Code.SYNTAX, "a quoted value is not a JSON string") from None
    return text


# Requests.


def request(line: str) -> Request:
    """A command as a person types it."""
    tag, body = _tagged(line)
    verb, _, rest = body.lstrip(" ").partition(" ")
    if not verb:
        raise GrammarError(Code.SYNTAX, "a line needs a command; type help", tag)
    args: dict[str, str] = {}
    values: list[str] = []
    position = _skip(rest, 0)
    while position < len(rest):
        if rest[position] == ":":
            return Request(verb.lower(), args, tuple(values), rest[position + 1 :], tag)
        found = _ARGUMENT.match(rest, position)
        if found is None:
            raise GrammarError(Code.SYNTAX, _complaint(rest[position:]), tag)
        key, value = found[1], _argument(found[2], tag)
        if key is None:
            values.append(value)
        elif key in args:
            raise GrammarError(Code.SYNTAX, f"{key} is given twice", tag)
        else:
            args[key] = value
        position = _skip(rest, found.end())
    return Request(verb.lower(), args, tuple(values), None, tag)


def command(asked: Request) -> str:
    """A request as a text line; ValueError if one of its values has no text form."""
    if asked.tag is not None and not TAG.fullmatch(asked.tag):
        raise ValueError(f"no tag: {asked.tag!r}")
    parts = [] if asked.tag is None else [f"@{asked.tag}"]
    parts.append(asked.verb)
    parts += [_spoken(value) for value in asked.values]
    for key, value in asked.args.items():
        if not KEY.fullmatch(key):
            raise ValueError(f"no name for an argument: {key!r}")
        parts.append(f"{key}={_spoken(value)}")
    if asked.rest is not None:
        if any(mark in asked.rest for mark in "\n\r\0"):
            raise ValueError("a line break cannot stand after a colon")
        parts.append(f":{asked.rest}")
    return " ".join(parts)


def _spoken(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return printable_ascii(json.dumps(list(value), separators=(",", ":")))
    text = str(value)
    bare = _ATOM.fullmatch(text) and not text.startswith(":")
    return text if bare else printable_ascii(text)


def _tagged(line: str) -> tuple[str | None, str]:
    line = line.lstrip(" ")
    if not line.startswith("@"):
        return None, line
    tag, _, body = line[1:].partition(" ")
    if not TAG.fullmatch(tag):
        raise GrammarError(Code.SYNTAX, "a tag is 1 to 64 printable ASCII characters")
    return tag, body


def _argument(token: str, tag: str | None) -> str:
    if not token.startswith('"'):
        return token
    try:
        return _unquoted(token)
    except GrammarError as problem:
        raise GrammarError(problem.code, problem.text, tag) from None


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] == " ":
        position += 1
    return position


def _complaint(rest: str) -> str:
    key, equals, _ = rest.partition("=")
    where = f" after {key}=" if equals and KEY.fullmatch(key) else ""
    return (
        f'a quoted value{where} is a JSON string, "like \\"this\\"", and a space follows it; '
        "the last value may also stand after a colon, as it is"
    )


# Replies and events, written.


def reply(said: Reply) -> str:
    """All lines of a reply."""
    fields = checked_reply(said)
    mark = "" if said.tag is None else f"@{said.tag} "
    lists = {key: value for key, value in fields.items() if _is_list(value)}
    ended = bool(lists) or fields.get(ITEMS) == []
    lines = [
        _line(mark, said.code, "-", "" if key == ITEMS else key, item)
        for key, items in lists.items()
        for item in items
    ]
    scalars = {key: value for key, value in fields.items() if key not in lists}
    if ended:
        if not lists:
            del scalars[ITEMS]
        word = f"{END} {said.word}" if said.word else END
        scalars = {"count": len(lines), **scalars}
    else:
        word = said.word
    return "".join([*lines, _line(mark, said.code, " ", word, scalars)])


def event(happened: Event) -> str:
    """The one line of an event."""
    fields = checked_event(happened)
    return _line("", Code.EVENT, " ", f"{happened.cursor} {happened.type}", fields)


def _line(mark: str, code: int, separator: str, word: str, fields: Mapping[str, Any]) -> str:
    words = [word] if word else []
    words += [f"{key}={show(value, key in QUOTED)}" for key, value in _dotted(fields)]
    return f"{mark}{int(code)}{separator}{' '.join(words)}\n"


def _dotted(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in fields.items():
        if isinstance(value, dict) and _is_object(value):
            for inner, deep in value.items():
                yield f"{key}.{inner}", deep
        else:
            yield key, value


def _is_object(value: Mapping[str, Any]) -> bool:
    return bool(value) and all(KEY.fullmatch(key) for key in value)


def _is_list(value: Any) -> bool:
    """Whether it is told line by line."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and all(map(KEY.fullmatch, item)) for item in value)
    )


# Replies and events, read.


@define
class Reader:
    """Puts the lines of replies together; GrammarError for what no server of ours says."""

    _lists: dict[str, list[dict[str, Any]]] = field(factory=dict, init=False)

    def line(self, line: str) -> Reply | Event | None:
        """The reply or event that this line completes, if it does."""
        found = _REPLY.fullmatch(line if len(line) > 3 else f"{line} ")
        if found is None:
            raise GrammarError(Code.SYNTAX, "not a line of a reply")
        tag, code, body = found[1], int(found[2]), found[4]
        words, fields = _body(body)
        if code == Code.EVENT:
            if len(words) != 2:
                raise GrammarError(Code.SYNTAX, "not an event")
            return Event(words[0], words[1], fields)
        if found[3] == "-":
            self._lists.setdefault(words[0] if words else ITEMS, []).append(fields)
            return None
        lists, self._lists = self._lists, {}
        if words[:1] == [END]:
            del words[0]
            fields.pop("count", None)
            fields.update(lists or {ITEMS: []})
        return Reply(code, fields, " ".join(words), tag)


def _body(body: str) -> tuple[list[str], dict[str, Any]]:
    words: list[str] = []
    fields: dict[str, Any] = {}
    position = _skip(body, 0)
    while position < len(body):
        found = _FIELD.match(body, position)
        if found is None:
            raise GrammarError(Code.SYNTAX, "not the body of a reply")
        if found[1] is None:
            words.append(found[2])
        else:
            outer, dot, inner = found[1].partition(".")
            value = read(found[2])
            if dot:
                fields.setdefault(outer, {})[inner] = value
            else:
                fields[outer] = value
        position = _skip(body, found.end())
    return words, fields
