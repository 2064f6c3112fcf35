"""
What running nodes tell of each other: their events since a moment, and their evidence.

Nothing is missed between two looks: a node keeps its events, and ``watch from=CURSOR`` replays them.
"""

from __future__ import annotations

import re
import threading
import time
from datetime import datetime
from functools import partial
from typing import Any

from attrs import define, field

from securechat.admin.blocking import connect
from securechat.admin.naming import time_of
from securechat.drills.rig import Member, Room, until
from tests.acceptance.rooms import template

FIVE = ("ada", "bob", "carol", "dave", "eve")
LINK_UP = re.compile(r" direction=(?P<direction>in|out) .*\bepoch=(?P<epoch>\d+)")
ACCUSING = re.compile(r"(suspect|unreachable) for it|no answer to it either|it does not hear it")
"""What one node's word against a member reads like in ``who`` of another, counted or not."""
Step = tuple[str, str, str]
"""Of whom, from which state, to which."""


def made(*names: str) -> None:
    """See to it that the homes of these members exist, so that rooms can have copies of them."""
    room = template()
    for name in names:
        if name not in room.members:
            room.join(name, next(iter(room.members)))


def pause(seconds: float) -> None:
    """Let so long pass: what is shown is what does, or does not, happen meanwhile."""
    threading.Event().wait(seconds)


def moment(text: str) -> float:
    """A time of the admin port, in seconds of the wall clock."""
    return datetime.fromisoformat(text).timestamp()


def events_since(member: Member, cursor: str, *types: str) -> list[dict[str, Any]]:
    """All events of a node after a cursor, of these types."""
    found: list[dict[str, Any]] = []
    with connect(member.home) as node:
        node.request("watch", **{"from": cursor, "types": ",".join(types)})
        for event in node.events():
            if event["event"] == "replay-end":
                break
            found.append(event)
    return found


@define
class Sightings:
    """The changes of state that some nodes told since this was made."""

    room: Room
    observers: tuple[str, ...]
    since: str = field(init=False)
    """When this was made, as the admin port writes it."""
    cursors: dict[str, str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.since = time_of(time.time_ns() // 1_000_000)
        self.cursors = {name: self.room[name].ask("snapshot")["cursor"] for name in self.observers}

    def from_their_starts(self) -> Sightings:
        """The same since the processes began that run now."""
        for name, cursor in self.cursors.items():
            self.cursors[name] = f"{cursor.partition(':')[0]}:0"
        return self

    def events(self, observer: str, *types: str) -> list[dict[str, Any]]:
        """Events of these types as one node told them, oldest first."""
        return events_since(self.room[observer], self.cursors[observer], *types)

    def steps(self, observer: str) -> list[Step]:
        """Each change of state that one node told, oldest first."""
        return [(e["name"], e["from"], e["to"]) for e in self.events(observer, "member")]

    def of(self, observer: str, name: str) -> list[str]:
        """The states that one node saw a member come to."""
        return [to for whom, _, to in self.steps(observer) if whom == name]

    def called(self, state: str) -> list[tuple[str, str]]:
        """Who said it of whom, at any time."""
        return [
            (observer, whom)
            for observer in self.observers
            for whom, _, to in self.steps(observer)
            if to == state
        ]

    def told_of(self, name: str, state: str) -> None:
        """Wait until every observer has told that a member is in a state, and sees it so."""
        for observer in self.observers:
            until(partial(self._told, observer, name, state), f"{observer} tells {name} {state}")

    def _told(self, observer: str, name: str, state: str) -> bool:
        return state in self.of(observer, name)[-1:] and both_say(self.room[observer], name, state)


def both_say(member: Member, name: str, state: str) -> bool:
    """Whether ``members`` and ``who`` of one node both show this state."""
    return member.state_of(name) == state and member.ask("who", name=name)["state"] == state


def let_in(member: Member, peer: str) -> list[tuple[int, str]]:
    """The links to a peer (its id) in the order in which they came up: its epoch, and who dialled."""
    lines = member.log.read_text().splitlines()
    found = [LINK_UP.search(line) for line in lines if f"link-up peer={peer} " in line]
    return [(int(one["epoch"]), one["direction"]) for one in found if one]


def rules(member: Member, name: str, verdict: str, since: str) -> list[str]:
    """The rules by which evidence counted towards a verdict since a moment, oldest first."""
    lines = member.ask("who", name=name)["evidence"]
    found = [line for line in lines if line["counted"] and line["verdict"] == verdict]
    return [line["why"] for line in found if line["at"] >= since]


def accusations(member: Member, of: str, by: str, since: str) -> list[str]:
    """What one said against another since a moment, as a node lists it, whether it counted or not."""
    lines = member.ask("who", name=of)["evidence"]
    found = [line for line in lines if line["by"] == by and line["at"] >= since]
    return [line["what"] for line in found if ACCUSING.match(line["what"])]


def story(member: Member, name: str) -> str:
    """Every line of ``who``, for whoever reads why a test failed."""
    lines = member.ask("who", name=name)["evidence"]
    told = (
        f"{x['at'][14:]} {x['by']}: {x['what']} -> {x['verdict']}, {x['why']}"
        + " (not counted)" * (not x["counted"])
        for x in lines
    )
    return f"\n{member.name} of {name}:\n" + "\n".join(told)
