"""
How messages and pages of the transcript come into the buffers.

Rules: a page of ``messages`` is the truth about its part of the transcript, gaps included; an id is
placed once, whatever brought it; the first page after the start and older pages are history (nothing is
unread, nobody is called), everything else is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from attrs import evolve

from securechat.chat.acts import Act, Ask, Purpose, Reply, Tell
from securechat.chat.buffers import Buffer
from securechat.chat.contact import LATEST_EVERY_S
from securechat.chat.rows import FINAL, LAST, Gap, Key, Said, words
from securechat.chat.state import ROOM, News, State
from securechat.inputs import Instant

PAGE, LARGE = 200, 1000
ORDER = ("queued", "sent", "unknown", "rejected", "expired", "acked")
"""Weakest first: the state of a post is the weakest of its recipients (DESIGN 6)."""


class Manner(Enum):
    """What brought a message."""

    HISTORY = "a page of the past"
    NEW = "an event, or a page that catches up"


def place(state: State, item: Reply, manner: Manner, partner: str = "") -> list[Act]:
    """Put one message where it belongs; what else must be asked or done because of it."""
    said = Said.read(item)
    if not said.id:
        return []
    state.wanted.discard(said.id)
    buffer = state.buffers[ROOM]
    if said.kind == "dm":
        own = said.own or said.author == state.me
        partner = partner or (said.to if own else said.author)
        if not partner:
            return _ask_partners(state)
        buffer = state.direct(partner)
    return _put(state, buffer, said, manner)


def named(state: State, message: str, late: bool, now: Instant) -> list[Act]:
    """An event named a message without showing it: fetch it."""
    newest = state.newest()
    if late or newest is None:
        return refresh(state, now)
    state.wanted.add(message)
    args = {"limit": PAGE, "after": newest.id}
    return state.ask_once(Ask(Purpose.NEWER, "messages", args))


def _ask_partners(state: State) -> list[Act]:
    """An own direct message that does not name its recipient: each partner's list tells."""
    acts: list[Act] = []
    for name in state.members:
        if name != state.me:
            args = {"kind": "dm", "with": name, "limit": PAGE}
            acts += state.ask_once(Ask(Purpose.DIRECT, "messages", args, name))
    return acts


def _put(state: State, buffer: Buffer, said: Said, manner: Manner) -> list[Act]:
    former, index = buffer.put(said)
    if said.own:
        state.outgoing.seen(said.id)
        if state.hint.startswith(f"{said.id} ") and said.state in FINAL:
            state.hint = ""
    if former is not None:
        if (former.state, former.acked) != (said.state, said.acked) and said.own:
            state.news.append(News(buffer.name, said, former))
        return []
    if manner is Manner.HISTORY:
        return []
    state.news.append(News(buffer.name, said))
    buffer.recovered += bool(said.late)
    if said.own:
        return []
    mention = state.mentions(said)
    buffer.arrived(index, state.watched(buffer), mention)
    return [Tell.BELL] if (said.kind == "dm" or mention) and not state.focused else []


def refresh(state: State, now: Instant) -> list[Act]:
    """
    Something inside the transcript changed: read it again as far back as it is held here.

    At most once a second, and never while a former reading goes on; the tick makes up for it.
    """
    reading = any(purpose is Purpose.LATEST for purpose, _ in state.looking)
    state.behind = reading or now.mono - state.contact.asked_latest < LATEST_EVERY_S
    if state.behind:
        return []
    state.wanted.clear()
    state.contact.asked_latest = now.mono
    return state.ask_once(Ask(Purpose.LATEST, "messages", {"limit": PAGE}))


def page(
    state: State,
    items: Sequence[Reply],
    manner: Manner,
    partner: str = "",
    newest: bool = True,
) -> list[Act]:
    """Take a page of ``messages``; it decides the room's gaps in its part of the transcript."""
    acts: list[Act] = []
    for item in items:
        if item.get("kind") != "gap":
            acts += place(state, item, manner, partner)
    if not partner:
        _gaps(state.buffers[ROOM], items, newest)
    return acts


def _gaps(room: Buffer, items: Sequence[Reply], newest: bool) -> None:
    posts = [Said.read(item).key[0] if item.get("kind") == "post" else None for item in items]
    first = next((key for key in posts if key is not None), LAST if room.ids else None)
    found = []
    for nth, item in enumerate(items):
        if item.get("kind") == "gap":
            follower = next((key for key in posts[nth + 1 :] if key is not None), None)
            place = follower or (LAST if newest else _after(room, posts[:nth]))
            found.append(Gap.read(item, place, nth))
    end = None if newest else _after(room, posts)
    room.regap(found, first if first != room.first_place() else None, end)


def _after(room: Buffer, posts: Sequence[Key | None]) -> Key:
    """The place right after the last post of a page: its successor's in the buffer, or the end."""
    last = next((key for key in reversed(posts) if key is not None), None)
    if last is None:
        return LAST
    return room.successor(last)


def delivered(state: State, message: str, to: str) -> list[Act]:
    """One recipient's state changed: direct messages have one, of posts the node counts them."""
    found = state.find(message)
    if found is None:
        return []
    buffer, said = found
    if said.kind == "dm":
        _put(state, buffer, evolve(said, state=to, acked=int(to == "acked")), Manner.NEW)
        return []
    return state.ask_once(Ask(Purpose.DELIVERY, "delivery", {"id": message}, message))


def counted(state: State, message: str, recipients: Sequence[Reply]) -> None:
    """The node's list of recipients of one post: k of n, and the weakest state."""
    found = state.find(message)
    states = [words(one["state"]) for one in recipients if one.get("state")]
    if found is None or not states:
        return
    weakest = min(states, key=lambda word: ORDER.index(word) if word in ORDER else 0)
    buffer, said = found
    acked = states.count("acked")
    _put(state, buffer, evolve(said, state=weakest, acked=acked, of=len(states)), Manner.NEW)


def oldest(items: Sequence[Reply]) -> Said | None:
    """Where the page before this one ends."""
    return next((Said.read(item) for item in items if item.get("id")), None)


def more(reply: Reply, items: Sequence[Reply]) -> bool:
    """Whether the transcript goes on above this page."""
    found = reply.get("more")
    return found if isinstance(found, bool) else len(items) >= PAGE
