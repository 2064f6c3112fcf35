"""
A reply that fits: at most 1 MiB, its largest list cut, ``more=true`` and ``next``.

The list is cut where the reply says: at its end, or, of a page of the latest, at its beginning
(``Reply.newest``).  ``next`` is the item at the cut that was still sent, by its ``id`` (``turn``,
``name``, or how many were sent, where items have none): what was left out lies behind it, or before
it, and nothing is skipped.  So that this holds, items without an id (gaps) do not stand at a cut among
others that have one.

Items are measured one by one, up to the limit; what does not fit is never rendered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from securechat.admin.grammar.values import MAX_REPLY, Code, Rendering, Reply

MARKS = ("id", "turn", "name")
TRIES = 4
"""How often one more item is tried beyond what was reckoned to fit."""


def fitted(reply: Reply, rendering: Rendering, limit: int = MAX_REPLY) -> str:
    """The reply as it is sent; ValueError or TypeError if it cannot be said."""
    lists = {key: value for key, value in reply.fields.items() if isinstance(value, list | tuple)}
    sizes = {key: _sizes(reply, key, items, rendering, limit) for key, items in lists.items()}
    if sum(map(sum, sizes.values())) <= limit:
        whole = rendering.reply(reply)
        if _size(whole) <= limit:
            return whole
    shown = ""
    if lists:
        key = max(lists, key=lambda name: sum(sizes[name]))
        shown = _cut(reply, key, sizes[key], rendering, limit)
    return shown or rendering.reply(
        Reply(Code.INTERNAL, {"text": "too long a reply"}, tag=reply.tag)
    )


def _sizes(
    reply: Reply, key: str, items: Sequence[Any], rendering: Rendering, limit: int
) -> list[int]:
    """What each item adds, from the end that is kept, until the limit is passed."""

    def alone(*some: Any) -> int:
        return _size(rendering.reply(Reply(reply.code, {key: some}, tag=reply.tag)))

    sizes: list[int] = []
    total, one, two = 0, alone({}), alone({}, {})
    for item in reversed(items) if reply.newest else items:
        sizes.append(alone(item) + two - 2 * one)
        total += sizes[-1]
        if total > limit:
            break
    return sizes


def _cut(reply: Reply, key: str, sizes: Sequence[int], rendering: Rendering, limit: int) -> str:
    """With as many items as fit; empty if it is too long without any."""
    room = limit - _size(_with(reply, key, 0, rendering))
    count = 0
    while count < len(sizes) and sizes[count] <= room:
        room -= sizes[count]
        count += 1
    shown = _with(reply, key, count, rendering)
    while _size(shown) > limit:
        if not count:
            return ""
        count -= max(1, count * (_size(shown) - limit) // _size(shown))
        shown = _with(reply, key, count, rendering)
    for more in range(count + 1, min(count + TRIES, len(reply.fields[key]))):
        longer = _with(reply, key, more, rendering)
        if _size(longer) > limit:
            break
        shown = longer
    return shown


def _with(reply: Reply, key: str, count: int, rendering: Rendering) -> str:
    """The reply with so many items from the end that is kept."""
    items = reply.fields[key]
    kept, following = cut(
        items[len(items) - count :] if reply.newest else items[:count], reply.newest
    )
    if following is None and count and not any(_mark(item) is not None for item in items):
        following = count
    fields = {**reply.fields, key: kept, "more": True, "next": following}
    return rendering.reply(evolve(reply, fields=fields))


def cut(items: Sequence[Any], newest: bool) -> tuple[list[Any], Any]:
    """Items that more are before, or behind, so that none is skipped from ``next`` on; and ``next``."""
    kept, at = list(items), 0 if newest else -1
    if not any(_mark(item) is not None for item in kept):
        return kept, None
    while _mark(kept[at]) is None:
        kept.pop(at)
    return kept, _mark(kept[at])


def _mark(item: Any) -> Any:
    """How an item is named in ``next``."""
    if not isinstance(item, dict):
        return None
    return next((item[name] for name in MARKS if item.get(name) is not None), None)


def _size(lines: str) -> int:
    return len(lines.encode("utf-8"))
