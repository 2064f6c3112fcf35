"""
A reply that fits: at most 1 MiB, its longest list cut, ``more=true`` and ``next``.

``next`` is the ``id`` of the first item left out (its ``name``, or its place in the list, where items
have no id).
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from securechat.admin.grammar.values import MAX_REPLY, Code, Rendering, Reply


def fitted(reply: Reply, rendering: Rendering, limit: int = MAX_REPLY) -> str:
    """The reply as it is sent; ValueError or TypeError if it cannot be said."""
    whole = rendering.reply(reply)
    if len(whole.encode("utf-8")) <= limit:
        return whole
    lists = {key: value for key, value in reply.fields.items() if isinstance(value, list | tuple)}
    if not lists:
        return rendering.reply(Reply(Code.INTERNAL, {"text": "too long a reply"}, tag=reply.tag))
    key = max(lists, key=lambda name: len(lists[name]))
    return _cut(reply, key, list(lists[key]), rendering, limit)


def _cut(reply: Reply, key: str, items: list[Any], rendering: Rendering, limit: int) -> str:
    """The longest beginning of the list that fits, found by halving."""
    fits, beyond = 0, len(items)
    shown = _with(reply, key, items, 0, rendering)
    while beyond - fits > 1:
        middle = (fits + beyond) // 2
        attempt = _with(reply, key, items, middle, rendering)
        if len(attempt.encode("utf-8")) <= limit:
            fits, shown = middle, attempt
        else:
            beyond = middle
    return shown


def _with(reply: Reply, key: str, items: list[Any], count: int, rendering: Rendering) -> str:
    first = items[count]
    named = first if isinstance(first, dict) else {}
    following = named.get("id", named.get("name", count))
    fields = {**reply.fields, key: items[:count], "more": True, "next": following}
    return rendering.reply(evolve(reply, fields=fields))
