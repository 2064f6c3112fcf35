"""
Nodes are killed at random while all of them talk; a checker compares what was said with what is shown.
"""

from __future__ import annotations

import threading
from collections import Counter
from random import Random
from signal import SIGKILL
from time import monotonic
from typing import Any

from attrs import define, field
from twisted.python import log

from securechat.admin.blocking import BlockingClient, connect
from securechat.admin.client import DownError
from securechat.drills.rig import Member, Room, until
from tests.acceptance.posts import FAST, PATIENCE, agreed, holds, posts, states
from tests.acceptance.rooms import OwnRoomCase
from tests.acceptance.sightings import FIVE, made, pause
from tests.acceptance.test_crash import damage

PACE = 0.05
"""Seconds between two messages of the talk."""
CYCLE = 3.5
"""Seconds from one kill to the next, where starts do not take longer: 150 in ten minutes."""
SEED = 4


@define
class Talk:
    """Everybody speaks in turn, and says again, under the same nonce, what a kill left in doubt."""

    room: Room
    chance: Random = field(factory=lambda: Random(SEED))
    said: list[str] = field(factory=list)
    told: dict[str, tuple[str, str, str]] = field(factory=dict)
    """Direct messages by their text: of whom, to whom, and the id once it is known."""
    doubts: list[tuple[str, dict[str, Any]]] = field(factory=list)
    wrong: list[str] = field(factory=list)
    """Replies that nobody should get."""
    taken: int = 0
    """Requests that a node said it had taken."""
    ended: bool = False
    """Whether it was ended by who began it, and by nothing else."""
    _lines: dict[str, BlockingClient] = field(factory=dict)
    _over: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="talk", daemon=True)

    def begin(self) -> None:
        """From now on, beside whatever else is done."""
        self._thread.start()

    def end(self) -> None:
        """No more; what is in doubt is said once more, now that all are there."""
        self._over.set()
        self._thread.join(PATIENCE)
        for name, request in list(self.doubts):
            until(lambda n=name, r=request: self._ask(n, r), "said again", PATIENCE)  # type: ignore[misc]
        for line in self._lines.values():
            line.close()

    def _run(self) -> None:
        number = 0
        while not self._over.wait(PACE):
            number += 1
            name = self.chance.choice(FIVE)
            again = [row for row in self.doubts if row[0] == name]
            if again:
                if self._ask(*again[0]):
                    self.doubts.remove(again[0])
                continue
            request = self._request(name, number)
            if not self._ask(name, request):
                self.doubts.append((name, request))
        self.ended = True

    def _request(self, name: str, number: int) -> dict[str, Any]:
        text = f"{name} {number}"
        if number % 10:
            self.said.append(text)
            return {"cmd": "say", "text": text, "nonce": f"n{number}"}
        to = self.chance.choice([other for other in FIVE if other != name])
        self.told[text] = (name, to, "")
        return {"cmd": "dm", "to": to, "text": text, "nonce": f"n{number}"}

    def _ask(self, name: str, request: dict[str, Any]) -> bool:
        """Whether the node took it; what it did not answer stays in doubt."""
        args = {key: value for key, value in request.items() if key != "cmd"}
        try:
            if name not in self._lines:
                self._lines[name] = connect(self.room[name].home)
            reply = self._lines[name].ask(request["cmd"], **args)
        except (DownError, OSError):
            line = self._lines.pop(name, None)
            if line is not None:
                line.close()
            return False
        if reply["code"] not in (251, 252, 420, 520):
            self.wrong.append(f"{name}: {request} -> {reply}")
        if reply["code"] in (251, 252) and request["cmd"] == "dm":
            self.told[request["text"]] = (name, request["to"], reply["id"])
        self.taken += reply["code"] in (251, 252)
        return reply["code"] in (251, 252)


class ChaosCase(OwnRoomCase):
    """Five nodes, kill -9 every few seconds."""

    def survives(self, seconds: float, least: int = 0) -> int:
        """
        Kill at random for this long, and as often at least, and count the kills.

        Then everything accepted is everywhere, once, in one order; receipts hold; disks are sound.
        """
        made(*FIVE)
        self.seen = 0
        self.room = self.make(*FIVE, **FAST, deadline_s="1.0", posts="100000")
        self.room.start(*FIVE)
        self.room.meet(*FIVE)
        self.talk = Talk(self.room)
        self.talk.begin()
        kills = self.kill(monotonic() + seconds, least)
        self.talk.end()
        self.assertTrue(self.talk.ended, "the talk ended before the kills did")
        letters = f"{len(self.talk.told)} letters, {self.seen} acked ones looked for at a restart"
        log.msg(f"figure: {kills} kills, {len(self.talk.said)} posts, {letters}")
        self.assertGreater(self.seen, 0)
        self.assertEqual(self.talk.wrong, [])
        for name in FIVE:
            holds(self.room[name], len(self.talk.said))
        order = [text for _, text, _ in agreed(self.room, *FIVE)]
        self.assertEqual(Counter(order), Counter(self.talk.said))
        self.letters()
        for name in FIVE:
            until(lambda n=name: not self.room[n].items("gaps"), f"{name} has no gap")  # type: ignore[misc]
            until(lambda n=name: not self.room[n].items("outbox"), "acked by all", PATIENCE)  # type: ignore[misc]
            self.in_order([text for text in order if text.startswith(f"{name} ")])
            self.room.end(name)
            self.assertEqual(damage(self.room[name]), [])
        return kills

    def kill(self, end: float, least: int) -> int:
        """Kill one or two of them, again and again, and start them; how many kills there were."""
        chance, kills = Random(SEED), 0
        while monotonic() < end or kills < least:
            began, taken = monotonic(), self.talk.taken
            victims = chance.sample(FIVE, chance.choice((1, 1, 1, 2)))
            for name in victims:
                self.room.end(name, SIGKILL)
            kills += len(victims)
            pause(chance.random() * 1.5)
            self.room.start(*victims)
            self.acked(victims)
            self.look(self.room[chance.choice(FIVE)])
            until(lambda n=taken: self.talk.taken > n, "somebody is heard between two kills")  # type: ignore[misc]
            pause(max(0.0, CYCLE - (monotonic() - began)) * chance.random())
        return kills

    def directs(self, name: str) -> list[dict[str, Any]]:
        """The direct messages that a member shows."""
        return self.room[name].items("messages", kind="dm", limit=1000)

    def acked(self, victims: list[str]) -> None:
        """What is acked by then at its author, its recipient has at once when it runs again (G1)."""
        known = [item["text"] for n in FIVE for item in self.directs(n) if item["state"] == "acked"]
        for name in victims:
            held = {item["text"] for item in self.directs(name)}
            lost = [text for text in known if self.talk.told[text][1] == name and text not in held]
            self.assertEqual(lost, [], name)
            self.seen += sum(self.talk.told[text][1] == name for text in known)

    def look(self, member: Member) -> None:
        """At no time is anything shown twice, or that nobody said."""
        found = posts(member)
        self.assertEqual(len({post["id"] for post in found}), len(found))
        self.assertLessEqual({post["text"] for post in found}, set(self.talk.said))
        letters = [item["text"] for item in self.directs(member.name)]
        self.assertEqual(len(letters), len(set(letters)))
        self.assertLessEqual(set(letters), set(self.talk.told))

    def in_order(self, texts: list[str]) -> None:
        """What one author says at one node stands in the order in which it was said."""
        said = [text for text in self.talk.said if text in set(texts)]
        self.assertEqual(texts, said)

    def letters(self) -> None:
        """Each direct message comes to be acked, and its recipient, nobody else, has it once."""
        for text, (name, to, message) in self.talk.told.items():
            until(
                lambda n=name, t=to, i=message: states(self.room[n], i) == {t: "acked"},  # type: ignore[misc]
                f"{text} is acked by {to}",
                PATIENCE,
            )
        for name in FIVE:
            items = self.room[name].items("messages", kind="dm", after="", limit=1000)
            mine = [text for text, (of, to, _) in self.talk.told.items() if name in (of, to)]
            self.assertEqual(Counter(item["text"] for item in items), Counter(mine))
