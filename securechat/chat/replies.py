"""
Replies to a person's questions, in lines.

Each command of the table has a presenter; one that is not known prints its fields.  Errors say the
code, the node's words and the candidates, if it offers some.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from securechat.chat.acts import Ask, Reply
from securechat.chat.clock import Clock
from securechat.chat.rows import Gap, number, wall_ms, words

QUIET = ("tag", "code", "items", "count", "more", "next")


def present(clock: Clock, ask: Ask, reply: Reply) -> str:
    """The reply to one question, as one text of several lines."""
    code = number(reply.get("code"))
    if code >= 400:
        return _error(ask, code, reply)
    found = reply.get("items")
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    lines = PRESENTERS.get(ask.cmd, _fields)(reply, items, clock)
    asked = " ".join([ask.cmd, *(words(value) for value in ask.args.values())])
    return "\n".join([f"{asked}:", *(f"  {line}" for line in lines)])


def _error(ask: Ask, code: int, reply: Reply) -> str:
    candidates = words(reply.get("candidates") or reply.get("nearest"))
    offer = f"; did you mean {candidates}?" if candidates else ""
    return f"{ask.cmd}: {code} {words(reply.get('text'))}{offer}"


def _pairs(fields: Reply) -> str:
    shown = {k: v for k, v in fields.items() if k not in QUIET and v not in (None, "", [], {})}
    return "  ".join(f"{key} {_value(value)}" for key, value in shown.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(one)}" for key, one in value.items())
    return words(value)


def _status(reply: Reply, items: Sequence[Reply], clock: Clock) -> list[str]:
    return [f"{key:<12} {_value(reply[key])}" for key in STATUS if reply.get(key) is not None]


def _fields(reply: Reply, items: Sequence[Reply], clock: Clock) -> list[str]:
    own = _pairs(reply)
    return ([own] if own else []) + [_pairs(item) for item in items] or ["nothing"]


def _members(reply: Reply, items: Sequence[Reply], clock: Clock) -> list[str]:
    return [member_line(item, clock) for item in items]


def member_line(item: Reply, clock: Clock) -> str:
    """One member: name, state, how it is reached, when it was heard."""
    name = f"{words(item.get('name')):<12} {words(item.get('state')):<11}"
    since = clock.second(wall_ms(item.get("since")))
    if item.get("self"):
        return f"{name} this node"
    last, rtt = item.get("last_heard_s"), item.get("rtt_ms")
    ago = f"heard {last:.1f}s ago" if isinstance(last, int | float) else "not heard yet"
    trip = f", {rtt:.0f} ms" if isinstance(rtt, int | float) else ""
    return f"{name} {words(item.get('via'))}, since {since}, {ago}{trip}"


def _who(reply: Reply, items: Sequence[Reply], clock: Clock) -> list[str]:
    evidence = reply.get("evidence")
    lines = [member_line(reply, clock)]
    for one in evidence if isinstance(evidence, list) else []:
        counted = "" if one.get("counted", True) else ", not counted"
        why = f" ({words(one.get('why'))})" if one.get("why") else ""
        at = clock.second(wall_ms(one.get("at")))
        seen = f"{words(one.get('by'))}: {words(one.get('what'))}"
        lines.append(f"{at} {seen}: {words(one.get('verdict'))}{counted}{why}")
    return lines


def _gaps(reply: Reply, items: Sequence[Reply], clock: Clock) -> list[str]:
    return [Gap.read(item, (), 0).line for item in items] or ["nothing is known to be missing"]


def _outbox(reply: Reply, items: Sequence[Reply], clock: Clock) -> list[str]:
    lines = []
    for item in items:
        to = f" to {item['to']}" if item.get("to") else ""
        count = f" {number(item.get('acked'))}/{number(item.get('of'))}" if item.get("of") else ""
        why = f": {words(item.get('why'))}" if item.get("why") else ""
        lines.append(f"{words(item.get('id'))}{to} {words(item.get('state'))}{count}{why}")
    return lines or ["every message of yours has its receipts"]


def _delivery(reply: Reply, items: Sequence[Reply], clock: Clock) -> list[str]:
    lines = []
    for item in items:
        at = clock.second(wall_ms(item.get("at")))
        head = f"{at} {words(item.get('member')):<12} {words(item.get('state'))}"
        lines.append(f"{head}: {words(item.get('evidence'))}".rstrip(": "))
    return lines or ["it has no recipients"]


def _explain(reply: Reply, items: Sequence[Reply], clock: Clock) -> list[str]:
    lines = [words(reply.get("summary"))] if reply.get("summary") else []
    for item in items:
        at = clock.second(wall_ms(item.get("at")))
        why = f"  [{words(item.get('evidence'))}]" if item.get("evidence") else ""
        lines.append(f"{at} {words(item.get('what'))}{why}")
    return lines or ["nothing is known of it"]


def _digest(reply: Reply, items: Sequence[Reply], clock: Clock) -> list[str]:
    return [f"{words(reply.get('digest'))[:8]}   (equal on every node: equal transcripts)"]


STATUS = (
    "name", "id", "room", "room_id", "members", "posts", "digest", "gaps", "outbox", "unknown",
    "epoch", "uptime_s", "read_only", "read_only_reason", "version",
)  # fmt: skip

PRESENTERS: dict[str, Callable[[Reply, Sequence[Reply], Clock], list[str]]] = {
    "status": _status,
    "members": _members,
    "who": _who,
    "gaps": _gaps,
    "outbox": _outbox,
    "delivery": _delivery,
    "explain": _explain,
    "digest": _digest,
}
