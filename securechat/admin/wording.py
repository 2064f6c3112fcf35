"""
What happened, in the fields of its event (INTERFACE section 4): one table, by the types of attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, get_args

import attrs

from securechat.admin.naming import Names
from securechat.admin.views import Fields, refusal, stream_of
from securechat.ids import MemberId, MessageId, Stream
from securechat.notices import Event


def event(names: Names, found: Event) -> Fields:
    """The fields of an event; ids and members by their names."""
    fields: Fields = {}
    for attribute, name, word in FIELDS[type(found)]:
        word(fields, names, name, getattr(found, attribute))
    return fields


Word = Callable[[Fields, Names, str, Any], None]
"""Words a value into the field of that name."""


def _as_it_is(fields: Fields, names: Names, name: str, value: Any) -> None:
    fields[name] = value.value if isinstance(value, Enum) else value


def _words(fields: Fields, names: Names, name: str, value: Any) -> None:
    fields[name] = names.words(value)


def _refused(fields: Fields, names: Names, name: str, value: Any) -> None:
    fields[name] = names.words(str(refusal(value)))


def _message(fields: Fields, names: Names, name: str, value: Any) -> None:
    fields[name] = names.message(value)


def _member(fields: Fields, names: Names, name: str, value: Any) -> None:
    fields[name] = None if value is None else names.member(value)


def _subject(fields: Fields, names: Names, name: str, value: Any) -> None:
    fields[name], fields["id"] = names.member(value), value


def _stream(fields: Fields, names: Names, name: str, value: Any) -> None:
    fields.update(stream_of(names, value))


RENAMED = {
    ("member", "member"): "name",
    ("member", "before"): "from",
    ("delivery", "before"): "from",
    ("gap", "first"): "from",
    ("gap", "last"): "to",
    ("recovered", "first"): "from",
    ("recovered", "last"): "to",
}
WORDED: Mapping[tuple[str, str], Word] = {
    ("member", "member"): _subject,
    ("link", "why"): _refused,
}
"""Attributes of some events that are worded in a way of their own;"""
TYPES: Mapping[Any, Word] = {
    MessageId: _message, Stream: _stream, MemberId: _member, MemberId | None: _member,
}  # fmt: skip
"""else their type tells it,"""
SAID: Mapping[str, Word] = {"why": _words, "what": _words}
"""or that they are lines of facts."""


def _worded(kind: type[Any]) -> tuple[tuple[str, str, Word], ...]:
    attrs.resolve_types(kind)
    return tuple(
        (
            a.name,
            RENAMED.get((kind.event, a.name), a.name),
            WORDED.get((kind.event, a.name)) or TYPES.get(a.type) or SAID.get(a.name, _as_it_is),
        )
        for a in attrs.fields(kind)
    )


FIELDS = {kind: _worded(kind) for kind in get_args(Event)}
"""The attributes of each kind of event, what they are called as its fields, and how they are worded."""
