"""
The longer answers of the admin port: pages, stories, records, receipts.

Names are put in here: stories and records speak of members and messages by their ids.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from typing import Any

from securechat.admin.desk import Desk
from securechat.admin.naming import Names, time_of
from securechat.errors import LocalError
from securechat.ids import Kind, MemberId, MessageId
from securechat.journal.explain import Item, explain, first_told
from securechat.journal.records import TurnRecord
from securechat.messaging.views import GapLine, RecipientLine
from securechat.settings import MAX_TEXT
from securechat.wire import pack

LAST_TURNS = 10_000
CANONICAL = re.compile(r"[a-z2-7]{52}/\d+~[0-9a-f]{32}/d?\d+")
BARE_MEMBER = re.compile(r"\b[a-z2-7]{52}\b")


def place(names: Names, after: str | None) -> MessageId | str | None:
    """Where a page starts: None (the latest), "" (the first) or after a message."""
    return names.find_message(after) if after else after


def text(said: str) -> str:
    """A text that can be signed: 1 byte to 8 KiB of UTF-8; LocalError 503 or 501."""
    size = len(said.encode("utf-8", "surrogatepass"))
    if not size:
        raise LocalError(503, "text: must not be empty")
    if size > MAX_TEXT:
        raise LocalError(501, f"text: {size} bytes; at most {MAX_TEXT} fit one message")
    return said


def about(desk: Desk, word: str) -> str:
    """The canonical name of what a person asks about: a message, a member or a gap."""
    names = desk.names
    kind, _, rest = word.partition(":")
    if kind == "member" and rest:
        return f"member:{names.find_member(rest)}"
    if kind == "gap" and rest:
        return f"gap:{_gap(desk, rest).stream}"
    return str(names.find_message(word))


def _gap(desk: Desk, word: str) -> GapLine:
    """The gap that holds this place."""
    id_ = desk.names.read_id(word)
    for row in desk.read.gaps(desk.node.now()):
        stream = row.stream
        same = (stream.author, stream.epoch) == (id_.author, id_.epoch)
        if same and stream.boot.startswith(id_.boot) and row.first <= id_.seq <= row.last:
            return row
    raise LocalError(520, f"{word[:80]!r} is in no gap; see: gaps")


def story(desk: Desk, word: str) -> dict[str, Any]:
    """``explain``: the summary and the chain, oldest first."""
    names, store = desk.names, desk.node.store
    name = about(desk, word)
    turns = store.turns(LAST_TURNS, name)
    told = explain(name, store.facts_about(name), turns, _now(desk, name, turns))
    if not told.items:
        raise LocalError(520, f"nothing is known of {word[:80]!r}; see: messages")
    return {
        "summary": readable(names, summary(desk, name) or told.summary),
        "items": [
            {
                "at": time_of(item.at),
                "turn": item.turn,
                "what": readable(names, item.what),
                "evidence": readable(names, item.evidence),
                "cause": readable(names, item.cause),
            }
            for item in told.items
        ],
    }


def delivery(
    desk: Desk, message: MessageId, turns: Sequence[TurnRecord]
) -> tuple[RecipientLine, ...]:
    """What is known at each recipient, since when and by what, as these records about it tell."""

    def recorded(key: str, words: str) -> tuple[int, str] | None:
        found = first_told(turns, str(message), key, words)
        return None if found is None else (found[0], found[1].evidence)

    return desk.read.delivery(message, recorded)


def _now(desk: Desk, name: str, turns: Sequence[TurnRecord]) -> tuple[Item, ...]:
    """
    What is so at this moment and is nowhere on disk: a member's state, a gap, deliveries.

    Such a line says so, and is of now and of the latest turn; what a member's state rests on has the
    time at which it was seen, and no turn recorded it.
    """
    view = desk.view()
    kind, _, rest = name.partition(":")
    turn, at = view.turn, view.at.wall_ms
    if kind == "member":
        found = view.membership.get(MemberId(rest))
        if found is None:
            return ()
        lines = [Item(e.at, None, e.what, e.why, f"seen by {{{e.by}}}") for e in found.evidence]
        what = f"now: {{{found.member}}} is {found.state.value} since {time_of(found.since)}"
        return (*lines, Item(at, turn, what, "this node's view", ""))
    messaging = desk.read
    if kind == "gap":
        rows = [row for row in messaging.gaps(view.at) if str(row.stream) == rest]
        return tuple(
            Item(
                at, turn, f"now: {row.first} to {row.last} missing: {row.verdict}",
                ", ".join(f"{{{a.member}}}: {a.answer}" for a in row.asked) or "nobody asked yet",
                ", ".join(f"{{{member}}} not asked" for member in row.not_asked),
            )
            for row in rows
        )  # fmt: skip
    message = MessageId.parse(name)
    if message.author != view.membership.me:
        return ()
    known = sorted(delivery(desk, message, turns), key=lambda one: one.at)
    return tuple(
        Item(at, turn, f"now: {one.state.value} at {{{one.member}}} since {time_of(one.at)}",
             one.evidence, "")
        for one in known
    )  # fmt: skip


def summary(desk: Desk, name: str) -> str:
    """How it stands now, in one line; empty if only the journal knows."""
    kind, _, rest = name.partition(":")
    if kind == "member":
        found = desk.view().membership.get(MemberId(rest))
        said = "" if found is None else f"{found.state.value} since {time_of(found.since)}"
        return said and f"{{{rest}}} is {said}, in this node's view"
    if kind == "gap":
        return ""
    message = MessageId.parse(name)
    if message.author != desk.node.me:
        return f"{name} of {{{message.author}}} is stored here"
    rows = desk.read.delivery(message)
    counts = Counter(row.state.value for row in rows)
    return f"{name}: " + ", ".join(
        f"{state} at {', '.join(f'{{{r.member}}}' for r in rows if r.state.value == state)}"
        for state in counts
    )


def readable(names: Names, line: str) -> str:
    """A line of a story with messages and members by their names."""

    def message(found: re.Match[str]) -> str:
        return names.message(MessageId.parse(found[0]))

    named = names.words(CANONICAL.sub(message, line))
    return BARE_MEMBER.sub(lambda found: names.member(MemberId(found[0])), named)


def record(row: TurnRecord) -> dict[str, Any]:
    """One turn record, in the ids that the journal keeps, so that several can be merged."""
    return {
        "turn": row.turn,
        "at": time_of(row.wall_ms),
        "wall_ms": row.wall_ms,
        "mono": row.mono,
        "causes": list(row.causes),
        "about": list(row.about),
        "facts": [
            {
                "key": n.key,
                "words": n.words,
                "evidence": n.evidence,
                "cause": n.cause,
                "about": list(n.about),
            }
            for n in row.facts
        ],
        "effects": list(row.effects),
        "fault": row.fault,
    }


def receipt(desk: Desk, word: str, member: str | None) -> dict[str, Any]:
    """A signed receipt of one of our direct messages, with what is needed to check it."""
    names = desk.names
    message = names.find_message(word)
    if message.kind is not Kind.DIRECT:
        raise LocalError(503, "receipts are of direct messages; for posts see: delivery")
    rows = desk.read.delivery(message)
    recipient = names.find_member(member) if member else next((r.member for r in rows), None)
    found = None
    if recipient is not None:
        found = desk.read.receipt(message, recipient)
    signed = None if found is None else desk.node.store.object(found)
    if signed is None or recipient is None:
        raise LocalError(520, f"no receipt of {word[:80]!r} is held; see: delivery {word[:80]}")
    key = names.keyring.get(recipient)
    statement = desk.node.statement(signed)
    return {
        "receipt": b64encode(pack(signed)).decode("ascii"),
        "member": names.member(recipient),
        "member_id": recipient,
        "epoch": statement.epoch,
        "message": word,
        "hash": statement.hash.hex(),
        "stored": time_of(statement.at),
        "certificate": "" if key is None else b64encode(key.certificate).decode("ascii"),
    }
