"""
The story of the demo: join, post, direct message, kill, detect, restart, recover, cut, heal, explain.

Each step says what it is about to show, shows what the nodes answer, and checks it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from attrs import define, field

from securechat.drills.rig import DrillError, Room, until

NAMES = ("ada", "bob", "carol")


@define
class Story:
    """Plays in a room whose homes are made and whose nodes run."""

    room: Room
    say: Callable[[str], None]
    steps: int = field(default=0, init=False)
    waiting: str = field(default="", init=False)
    """The direct message that waited for bob."""
    inside: str = field(default="", init=False)
    """What ada said on her side of the cut."""

    def play(self) -> None:
        """All of it; DrillError at the first thing that is not as it should be."""
        self.join()
        self.post()
        self.direct()
        self.kill()
        self.restart()
        self.cut()
        self.heal()
        self.explain()

    # Telling.

    def chapter(self, title: str) -> None:
        """A new step."""
        self.steps += 1
        self.say("")
        self.say(f"{self.steps}. {title}")

    def tell(self, line: str) -> None:
        """What a node answered."""
        self.say(f"   {line}")

    def check(self, holds: Any, what: str) -> None:
        """Say that something holds, or stop."""
        if not holds:
            raise DrillError(f"not so: {what}")
        self.tell(f"ok: {what}")

    def members(self, name: str) -> None:
        """How one node sees the room."""
        rows = self.room[name].items("members")
        seen = "  ".join(f"{row['name']}={row['state']}" for row in rows)
        self.tell(f"{name} sees: {seen}")

    def transcript(self, name: str) -> None:
        """What one node shows."""
        for item in self.room[name].items("messages", kind="post", after="", limit=1000):
            late = " (recovered)" if item["recovered"] else ""
            count = f"  {item['acked']}/{item['of']}" if item["of"] is not None else ""
            self.tell(f"{item['author']:>6}  {item['text']}{late}{count}")

    # The steps.

    def join(self) -> None:
        """Three nodes that were told one address find each other."""
        self.chapter("three nodes join: each was told one address, and comes to know all")
        self.room.meet(*NAMES)
        for name in NAMES:
            self.members(name)
        status = self.room["ada"].ask("status")
        self.tell(f"room {status['room']}, fingerprint {status['room_id']}")
        self.check(status["members"]["alive"] == 3, "ada counts three alive members")

    def post(self) -> None:
        """A post is stored by everybody, and everybody's node says so."""
        self.chapter("ada, bob and carol post to the room")
        said = [
            ("ada", "deploy at three?"),
            ("bob", "fine by me"),
            ("carol", "give me ten minutes"),
        ]
        ids = []
        for name, text in said:
            answer = self.room[name].ask("say", text=text)
            ids.append(answer["id"])
            self.tell(f"{name} says {text!r}: {answer['code']} {answer['id']} {answer['state']}")
            self.delivered(name, answer["id"], 2)
        for name in NAMES:
            self.room.shows(name, *(text for _, text in said))
        self.room.agree(*NAMES)
        texts = {name: self.room[name].texts() for name in NAMES}
        self.check(texts["ada"] == texts["bob"] == texts["carol"], "all three show the same order")
        self.check(True, f"equal digests: {self.room['ada'].ask('digest')['digest'][:8]}")

    def delivered(self, name: str, message: str, count: int) -> None:
        """Wait until so many recipients have acknowledged a message."""

        def acked() -> bool:
            rows = self.room[name].items("delivery", id=message)
            return len([row for row in rows if row["state"] == "acked"]) >= count

        until(acked, f"{message} acked by {count}")
        self.tell(f"{message} is stored by {count} of {count}")

    def direct(self) -> None:
        """A direct message is acked by a signed receipt, and nobody else has a trace of it."""
        self.chapter("ada sends bob a direct message")
        text = "between us: the key is under the mat"
        answer = self.room["ada"].ask("dm", to="bob", text=text)
        self.delivered("ada", answer["id"], 1)
        (row,) = self.room["ada"].items("delivery", id=answer["id"])
        self.tell(f"{answer['id']}: {row['state']}, evidence: {row['evidence']}")
        shown = [item["text"] for item in self.room["bob"].items("messages", kind="dm")]
        self.check(text in shown, "bob's node shows it")
        files = [path for path in self.room["carol"].home.rglob("*") if path.is_file()]
        traces = [path.name for path in files if text.encode() in path.read_bytes()]
        self.check(not traces, "no file of carol's home holds a trace of it")

    def kill(self) -> None:
        """A killed node is noticed; what is said meanwhile is kept for it."""
        self.chapter("bob's node is killed (SIGKILL), and a direct message waits for it")
        self.room.end("bob", signal.SIGKILL)
        for name in ("ada", "carol"):
            self.room.sees(name, "unreachable", "bob")
            self.members(name)
        who = self.room["ada"].ask("who", name="bob")
        for line in who["evidence"][-3:]:
            self.tell(f"evidence: {line['at']} {line['by']}: {line['what']} ({line['why']})")
        posted = self.room["ada"].ask("say", text="bob is away, we go on")
        self.tell(f"ada says it to who is there: {posted['id']} {posted['state']}")
        waiting = self.room["ada"].ask("dm", to="bob", text="call me when you are back")
        self.check(waiting["state"] == "queued", f"{waiting['id']} is queued, not claimed as sent")
        self.waiting = waiting["id"]

    def restart(self) -> None:
        """The killed node comes back with the next epoch and gets what it missed."""
        self.chapter("bob's node starts again")
        self.room.start("bob")
        self.room.meet(*NAMES)
        self.members("ada")
        self.delivered("ada", self.waiting, 1)
        self.room.agree(*NAMES)
        self.room.shows("bob", "bob is away, we go on")
        self.transcript("bob")
        row = next(m for m in self.room["ada"].items("members") if m["name"] == "bob")
        self.check(row["epoch"] == 2, "bob is the same member, in epoch 2")

    def cut(self) -> None:
        """A partition: both sides go on."""
        self.chapter("the cable to carol is cut: both sides go on")
        self.room["carol"].ask("fault", action="cut", names=["ada", "bob"])
        for name, other in (("ada", "carol"), ("carol", "ada"), ("carol", "bob")):
            self.room.sees(name, "unreachable", other)
        self.members("ada")
        self.members("carol")
        self.inside = self.room["ada"].ask("say", text="said on ada's side")["id"]
        self.room["carol"].ask("say", text="said on carol's side")
        self.room.shows("bob", "said on ada's side")
        self.check(
            "said on ada's side" not in self.room["carol"].texts(), "carol does not hear ada"
        )
        digests = {name: self.room[name].ask("digest")["digest"][:8] for name in NAMES}
        self.tell(f"digests: {digests}")
        self.check(digests["ada"] != digests["carol"], "the transcripts differ while it lasts")

    def heal(self) -> None:
        """The heal: views, transcripts and digests are equal again, with no operator."""
        self.chapter("the cable is mended")
        self.room["carol"].ask("fault", action="heal")
        self.room.meet(*NAMES)
        digest = self.room.agree(*NAMES)
        self.transcript("carol")
        texts = [self.room[name].texts() for name in NAMES]
        self.check(texts[0] == texts[1] == texts[2], "all three show the same posts in one order")
        self.check(True, f"equal digests: {digest[:8]}")
        self.delivered("ada", self.inside, 2)

    def explain(self) -> None:
        """Why it is so, with the evidence."""
        self.chapter(f"ada asks why {self.inside} is delivered")
        story = self.room["ada"].ask("explain", id=self.inside)
        self.tell(story["summary"])
        for item in story["items"]:
            evidence = f"  [{item['evidence']}]" if item["evidence"] else ""
            self.tell(f"{item['at']} turn {item['turn']}: {item['what']}{evidence}")
        self.check(len(story["items"]) >= 2, "every line names its turn and its evidence")
