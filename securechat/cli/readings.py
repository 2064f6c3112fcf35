"""
The reading commands in words: one function for each, from the fields of a reply to lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from securechat.cli.shown import (
    Fields,
    count,
    lines_of,
    moment,
    pairs,
    rows_of,
    span,
    table,
    word,
)

Reading = Callable[[Fields], list[str]]
Command = Callable[[str], str]
"""Writes a command as the person would type it for this home."""
FOR_NO_HOME: Command = "securechat {}".format
SYSTEM = "--"
"""Stands where an author would; no member can be called so."""


def status(reply: Fields, command: Command = FOR_NO_HOME) -> list[str]:
    """Problems first, then who, where, and how much of what."""
    fields: list[tuple[str, Any]] = []
    if reply.get("read_only"):
        why = word(reply.get("read_only_reason"))
        fields.append(("problem", f"the journal cannot be written ({why}): read-only until it can"))
    if reply.get("conflict"):
        fields.append(("problem", word(reply["conflict"])))
    if reply.get("cut_off"):
        fields.append(("problem", "cut off: no other member is heard"))
    for what, verb in (("gaps", "gaps"), ("unknown", "outbox")):
        if reply.get(what):
            fields.append(("look at", f"{what} {word(reply[what])}; see: {command(verb)}"))
    members = reply.get("members") or {}
    counts = "  ".join(f"{state} {word(number)}" for state, number in members.items())
    fields += [
        ("node", f"{word(reply.get('name'))}, up {_age(reply.get('uptime_s'))}"),
        ("id", reply.get("id")),
        ("room", reply.get("room")),
        ("fingerprint", reply.get("room_id")),
        ("members", counts),
        ("posts", f"{word(reply.get('posts'))}, digest {word(reply.get('digest'))}"),
        ("gaps", reply.get("gaps")),
        ("outbox", f"{word(reply.get('outbox'))}, of these unknown {word(reply.get('unknown'))}"),
        (
            "start",
            f"epoch {word(reply.get('epoch'))}, incarnation {word(reply.get('incarnation'))}",
        ),
        ("version", f"{word(reply.get('version'))}, preset {word(reply.get('preset'))}"),
    ]
    if reply.get("faults"):
        fields.append(("faults", "enabled: the admin port may imitate a bad cable"))
    return pairs(fields)


def _age(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return word(seconds)
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    shown = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(shown[:2]) or "0 s"


def health(reply: Fields) -> list[str]:
    """Three answers, not one."""
    meaning = {
        "live": "the process answers",
        "ready": "keys loaded, listening, journal writable",
        "joined": "at least one peer is alive",
    }
    return [f"{name:<6}  {word(reply.get(name)):<3}  {text}" for name, text in meaning.items()]


def members(reply: Fields) -> list[str]:
    """Everybody in the roster, as this node sees them."""
    items = [
        {**item, "name": f"{item.get('name')} (you)" if item.get("self") else item.get("name")}
        for item in reply["items"]
    ]
    keys = ("name", "state", "via", "epoch", "since", "last_heard_s", "rtt_ms", "address")
    heads = ("name", "state", "via", "epoch", "since", "heard s ago", "rtt ms", "address")
    return table(heads, rows_of(items, *keys), "no members")


def who(reply: Fields) -> list[str]:
    """One member, with every line of evidence."""
    keys = ("name", "id", "state", "via", "epoch", "incarnation", "since", "address")
    fields = [(key, reply.get(key)) for key in keys]
    fields.insert(7, ("last heard", _ago(reply.get("last_heard_s"))))
    lines = pairs(fields)
    rows = rows_of(reply.get("evidence") or (), "at", "by", "what", "verdict", "counted", "why")
    heads = ("at", "by", "what", "verdict", "counted", "why")
    return [*lines, "", *table(heads, rows, "no evidence yet")]


def _ago(seconds: Any) -> str:
    return word(seconds) if seconds is None else f"{word(seconds)} s ago"


def links(reply: Fields, command: Command = FOR_NO_HOME) -> list[str]:
    """The links that are up."""
    keys = (
        "peer", "direction", "since", "bytes_in", "bytes_out", "queued_bytes", "clock_offset_s",
        "last_refusal", "address",
    )  # fmt: skip
    heads = (
        "peer", "direction", "since", "bytes in", "bytes out", "queued", "clock s", "last refusal",
        "address",
    )  # fmt: skip
    return table(heads, rows_of(reply["items"], *keys), f"no links; see: {command('members')}")


def messages(reply: Fields) -> list[str]:
    """The transcript; days apart, gaps at their place."""
    items = list(reply["items"])
    ids = max((len(word(item["id"])) for item in items if "id" in item), default=0)
    names = max((len(word(item.get("author"))) for item in items), default=0)
    lines: list[str] = []
    day = ""
    for item in items:
        if item.get("kind") == "gap":
            lines.append(f"{'':8}  {'':{ids}}  {SYSTEM:>{names}}  {gap_line(item)}")
            continue
        at = moment(str(item.get("time")))
        today = "" if at is None else at.strftime("%a %d %b %Y, UTC%z")
        if today != day:
            day = today
            lines.append(f"{SYSTEM} {day} {SYSTEM}")
        clock = "" if at is None else at.strftime("%H:%M:%S")
        head = f"{clock:8}  {word(item.get('id')):<{ids}}  {word(item.get('author')):>{names}}  "
        first, *others = lines_of(str(item.get("text")))
        lines.append(f"{head}{first}{marks(item)}")
        lines += [f"{'':{len(head)}}{line}" for line in others]
    return lines or ["no messages"]


def marks(item: Fields) -> str:
    """What else is to be said of a message, in words."""
    found = [f"to {word(item['to'])}"] if item.get("kind") == "dm" and item.get("to") else []
    if item.get("state"):
        found.append(f"{word(item['state'])} {count(item)}")
    found += [name for name in ("late", "recovered") if item.get(name)]
    if item.get("mark"):
        found.append(word(item["mark"]))
    return f"   ({', '.join(found)})" if found else ""


def gap_line(item: Fields) -> str:
    """A gap, with who was asked for it and who could not be."""
    asked = word(item.get("asked")) if item.get("asked") else "nobody"
    said = f"gap: {word(item.get('author'))}/{word(item.get('epoch'))} {span(item)}, "
    said += f"{word(item.get('verdict'))}; asked {asked}"
    if item.get("not_asked"):
        said += f"; not asked {word(item['not_asked'])}"
    if item.get("next_try_s") is not None:
        said += f"; next try in {word(item['next_try_s'])} s"
    return said


def delivery(reply: Fields) -> list[str]:
    """One message at each of its recipients."""
    rows = rows_of(reply["items"], "member", "state", "at", "evidence")
    return table(("member", "state", "at", "evidence"), rows, "no recipients")


def explain(reply: Fields) -> list[str]:
    """The causal story, oldest first."""
    lines = [word(reply.get("summary")), ""]
    for item in reply["items"]:
        turn = "" if item.get("turn") is None else f"turn {word(item['turn'])}  "
        lines.append(f"{word(item.get('at'))}  {turn}{word(item.get('what'))}")
        for key in ("evidence", "cause"):
            if item.get(key):
                lines.append(f"{'':19}  {key}: {word(item[key])}")
    return lines


def gaps(reply: Fields) -> list[str]:
    """What is known to exist and is not here."""
    return [gap_line(item) for item in reply["items"]] or ["no gaps"]


def outbox(reply: Fields) -> list[str]:
    """Own messages that lack evidence."""
    rows = [
        [item.get("id"), item.get("to") or "everybody", item.get("state"), count(item),
         item.get("since"), item.get("why")]
        for item in reply["items"]
    ]  # fmt: skip
    heads = ("id", "to", "state", "acked", "since", "why")
    return table(heads, rows, "nothing waits: every recipient is known to have every message")


def digest(reply: Fields) -> list[str]:
    """The digest, and the streams it counts."""
    rows = rows_of(reply.get("streams") or (), "author", "epoch", "ranges", "head")
    shown = table(("author", "epoch", "posts", "head"), rows, "no posts")
    return [f"digest {word(reply.get('digest'))}", "", *shown]


def diff(reply: Fields) -> list[str]:
    """Where this node and a peer differ."""
    rows = [
        [item.get("author"), item.get("epoch"), span(item), item.get("here"), item.get("there")]
        for item in reply["items"]
    ]
    return table(("author", "epoch", "posts", "here", "there"), rows, "no difference is known")


def counters(reply: Fields) -> list[str]:
    """Every counter by name."""
    fields = {key: value for key, value in reply.items() if key not in ("code", "refused")}
    for reason, number in (reply.get("refused") or {}).items():
        fields[f"refused: {reason}"] = number
    return pairs(sorted(fields.items()))
