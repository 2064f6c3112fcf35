"""A room as the node tells it, and a client that answers from a table: shared by the chat's tests."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import urwid
from attrs import define, field

from securechat.chat import replies
from securechat.chat.acts import Act, Ask, Purpose, Tell
from securechat.chat.clock import Clock
from securechat.chat.desk import Desk
from securechat.chat.model import Model
from securechat.chat.outgoing import Outgoing
from securechat.chat.state import State
from securechat.chat.view import Screen
from securechat.inputs import Instant

NOON = 1795258800000
"""Sat 21 Nov 2026, 11:00 UTC: noon in the zone of the tests."""
ZONE = timezone(timedelta(hours=1))


def post(author: str, seq: int, text: str, minute: float = 0, **fields: Any) -> dict[str, Any]:
    """One post as an item of ``messages``; ``state`` makes it our own."""
    at = NOON + int(minute * 60000)
    return {
        "kind": "post", "id": f"{author}/3/{seq}", "author": author, "author_id": author * 3,
        "epoch": 3, "seq": seq, "hlc": at << 16, "time": at, "text": text,
        "state": None, "acked": None, "of": None, "late": False, "recovered": False, "mark": None,
        **fields,
    }  # fmt: skip


def direct(author: str, to: str, seq: int, text: str, minute: float = 0, **fields: Any) -> Any:
    """One direct message."""
    item = post(author, seq, text, minute, **fields)
    return {**item, "kind": "dm", "id": f"{author}/3/d{seq}", "to": to}


def gap(author: str = "dave", first: int = 17, last: int = 18, **fields: Any) -> dict[str, Any]:
    """A missing range."""
    return {
        "kind": "gap", "author": author, "epoch": 3, "from": first, "to": last,
        "asked": {"bob": "asked"}, "not_asked": ["carol"], "verdict": "asking", "next_try_s": 4.2,
        **fields,
    }  # fmt: skip


def member(name: str, state: str = "alive", **fields: Any) -> dict[str, Any]:
    """One row of ``members``."""
    return {
        "name": name, "id": name * 3, "self": name == "ada", "state": state, "via": "direct",
        "epoch": 3, "incarnation": 0, "since": "2026-11-21T11:00:00.000Z", "last_heard_s": 1.2,
        "rtt_ms": 12.3, "address": "127.0.0.1:7400", **fields,
    }  # fmt: skip


def status(**fields: Any) -> dict[str, Any]:
    """The counts of our node."""
    return {
        "name": "ada", "id": "adaadaada", "room": "lab", "epoch": 3, "read_only": False,
        "members": {"alive": 3, "suspect": 0, "unreachable": 1, "left": 0}, "gaps": 0,
        "outbox": 0, "unknown": 0, **fields,
    }  # fmt: skip


MEMBERS = [
    member("ada"),
    member("bob"),
    member("carol"),
    member("dave", "unreachable", last_heard_s=420.0, rtt_ms=None),
]


@define
class Scene:
    """A model with a screen, driven by hand; ``acts`` is what it wanted since the last look."""

    clock: Clock = field(factory=lambda: Clock(ZONE))
    mono: float = 100.0
    wall: int = NOON + 10 * 60000
    acts: list[Act] = field(factory=list)
    model: Model = field(init=False)
    desk: Desk = field(init=False)
    screen: Screen = field(init=False)

    def __attrs_post_init__(self) -> None:
        urwid.set_encoding("utf-8")
        clock = self.clock
        self.model = Model(
            State(Outgoing("n")), lambda state, ask, reply: replies.present(clock, ask, reply)
        )
        self.desk = Desk(self.model, clock.minute)
        self.screen = Screen(self.desk, clock, self.acts.extend, self.now)

    @property
    def state(self) -> State:
        """What is known."""
        return self.model.state

    def now(self) -> Instant:
        """The scene's time, which moves by hand."""
        return Instant(self.mono, self.wall)

    def enter(self, *items: dict[str, Any], **counts: Any) -> Scene:
        """The node lets us in, and shows its picture."""
        self.model.up(self.now())
        reply = {
            "code": 250, "status": status(**counts), "members": MEMBERS, "cursor": "7f3a:1",
            "messages": list(items), "more": False,
        }  # fmt: skip
        self.acts.extend(self.model.answered(Ask(Purpose.SNAPSHOT, "snapshot"), reply, self.now()))
        return self

    def event(self, kind: str, /, **fields: Any) -> None:
        """Something happened at the node."""
        event = {"event": kind, "cursor": "7f3a:2", **fields}
        self.acts.extend(self.model.event(event, self.now()))

    def tick(self, seconds: float = 0.5) -> None:
        """Time passes."""
        self.mono += seconds
        self.wall += int(seconds * 1000)
        self.acts.extend(self.model.tick(self.now()))

    def taken(self, *purposes: Purpose) -> list[Ask]:
        """The questions asked since the last look, of these purposes or of all."""
        found = [act for act in self.acts if isinstance(act, Ask)]
        told = [act for act in self.acts if isinstance(act, Tell)]
        self.acts[:] = list(told)
        return [ask for ask in found if not purposes or ask.purpose in purposes]

    def answer(self, ask: Ask, **reply: Any) -> None:
        """The node's reply."""
        self.acts.extend(self.model.answered(ask, {"code": 250, **reply}, self.now()))

    def rows(self, page: str = "room") -> list[str]:
        """Ids of messages, ``gap`` and texts of notes, in order."""
        return [
            getattr(row, "id", "") or getattr(row, "text", "") or "gap"
            for row in self.state.buffers[page].rows
        ]

    def drawn(self, width: int = 80, height: int = 24) -> list[str]:
        """The lines of the screen."""
        canvas = self.screen.render((width, height), True)
        assert (canvas.cols(), canvas.rows()) == (width, height)
        return [line.decode("utf-8").rstrip() for line in canvas.text]

    def press(self, *keys: str) -> None:
        """Keys, by urwid's names; text is typed letter by letter."""
        for key in keys:
            for one in [key] if key in NAMED or (" " in key and key.split()[0] in MODS) else key:
                self.screen.keypress((80, 24), one)


MODS = ("meta", "ctrl", "shift", "page")
NAMED = ("enter", "tab", "up", "down", "left", "right", "home", "end", "backspace", "f1", "f2")
