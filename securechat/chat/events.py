"""
What each event of the admin port means to the chat: one function per type.

Presence is told in the room only if it lasts: a suspicion that is withdrawn within 2 s is not told.
Unknown types and missing fields are passed over; INTERFACE may grow.
"""

from __future__ import annotations

from collections.abc import Callable

from securechat.chat import intake
from securechat.chat.acts import Act, Ask, Purpose, Reply
from securechat.chat.intake import Manner
from securechat.chat.rows import number, words
from securechat.chat.state import ROOM, STATUS, State
from securechat.inputs import Instant

LASTING_S = 2.0

Reader = Callable[[State, Reply, Instant], list[Act]]


def said(state: State, event: Reply, now: Instant) -> list[Act]:
    """``post`` and ``dm``: a message was stored by our node."""
    if isinstance(event.get("text"), str) and event.get("author"):
        return intake.place(state, {**event, "kind": event["event"]}, Manner.NEW)
    late = bool(event.get("late") or event.get("recovered"))
    return intake.named(state, words(event.get("id")), late, now)


def delivery(state: State, event: Reply, now: Instant) -> list[Act]:
    """A recipient of one of our messages changed its state."""
    return intake.delivered(state, words(event.get("id")), words(event.get("to")))


def member(state: State, event: Reply, now: Instant) -> list[Act]:
    """A member changed its state in our node's view."""
    name, to = words(event.get("name")), words(event.get("to"))
    text = f"{name} is {to.upper()}"
    why = words(event.get("why"))
    text += f": {why}" if why else ""
    held = state.suspicions.pop(name, None)
    if to == "suspect":
        state.suspicions[name] = (now.mono, words(event.get("from")), text)
    elif held is None or held[1] != to:
        _tell_presence(state, name, text, now)
    return state.ask_once(Ask(Purpose.MEMBERS, "members"))


def lasting(state: State, now: Instant) -> None:
    """Tell the suspicions that were not withdrawn in time."""
    for name, (when, _, text) in list(state.suspicions.items()):
        if now.mono - when >= LASTING_S:
            del state.suspicions[name]
            _tell_presence(state, name, text, now)


def _tell_presence(state: State, name: str, text: str, now: Instant) -> None:
    state.tell(ROOM, f"{text}  (/who {name})", now, "presence")
    if f"@{name}" in state.buffers:
        state.buffers[f"@{name}"].note(now.wall_ms, text, "presence")


def incomplete(state: State, event: Reply, now: Instant) -> list[Act]:
    """``gap`` and ``recovered``: the transcript changed inside, the newest page tells how."""
    if event["event"] == "recovered":
        first, last = number(event.get("from")), number(event.get("to"))
        span = f"#{first}" if first == last else f"#{first}-#{last}"
        state.hint = f"recovered {words(event.get('author'))} {span} via {words(event.get('via'))}"
    acts = state.ask_once(Ask(Purpose.STATUS, "status"))
    return acts + intake.refresh(state, now)


def trouble(state: State, event: Reply, now: Instant) -> list[Act]:
    """``conflict`` ``clock`` ``fault``: told in the room, since the person must know."""
    state.tell(ROOM, f"{words(event['event']).upper()}: {details(event)}", now, "bad")
    return []


def overflow(state: State, event: Reply, now: Instant) -> list[Act]:
    """The node stopped the watch because we were slow: a new picture, and what lies between."""
    state.contact.move("cursor lost")
    return [Ask(Purpose.SNAPSHOT, "snapshot")]


def background(state: State, event: Reply, now: Instant) -> list[Act]:
    """``link`` ``health``: told on the status page."""
    state.tell(STATUS, f"{words(event['event'])}: {details(event)}", now)
    return []


def details(event: Reply) -> str:
    """What an event says, whatever its fields: the words if it has some, else all fields."""
    told = [words(event[key]) for key in ("member", "what", "text") if event.get(key)]
    if told:
        return ": ".join(told)
    fields = {k: v for k, v in event.items() if k not in ("event", "cursor", "at")}
    return " ".join(f"{key}={words(value)}" for key, value in fields.items() if value is not None)


EVENTS: dict[str, Reader] = {
    "post": said,
    "dm": said,
    "delivery": delivery,
    "member": member,
    "gap": incomplete,
    "recovered": incomplete,
    "conflict": trouble,
    "clock": trouble,
    "fault": trouble,
    "overflow": overflow,
    "link": background,
    "health": background,
}


def happened(state: State, event: Reply, now: Instant) -> list[Act]:
    """One event of the watch."""
    reader = EVENTS.get(words(event.get("event")))
    return [] if reader is None else reader(state, event, now)
