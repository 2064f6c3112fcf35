"""
What is said in a room, by the thousand, and whether everybody shows the same of it.

Posts are said on one connection without waiting for each reply, as a bot does.  A transcript is read
page by page, so that it is compared whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any

from attrs import define, field
from twisted.python import log

from securechat.drills.rig import Member, Room, until
from tests.acceptance.port import Port

FAST = {"posts_per_second": "100000", "burst": "100000"}
"""Limits that a test which says much does not meet."""
CHUNK = 50
"""Posts said before their replies are read: less than a connection may have waiting."""
PATIENCE = 90.0
"""Seconds for what takes a few on a quiet machine."""
PAGE = 1000
LOST = "has since lost its disk"
"""What stands behind evidence whose signer has no word for it any more."""


def say_many(member: Member, texts: Iterable[str]) -> list[str]:
    """Say all of these; their ids, each after its 252."""
    port = Port(member).json_mode()
    waiting, ids = list(texts), []
    try:
        for start in range(0, len(waiting), CHUNK):
            lines = waiting[start : start + CHUNK]
            for text in lines:
                port.say(json.dumps({"tag": "t", "cmd": "say", "text": text}))
            for _ in lines:
                reply = port.next()
                assert reply["code"] == 252, reply
                ids.append(reply["id"])
    finally:
        port.close()
    return ids


def posts(member: Member) -> list[dict[str, Any]]:
    """Every post that a node shows, in the order in which it shows them."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = member.ask("messages", kind="post", after=after, limit=PAGE)
        found += page["items"]
        if not page.get("more"):
            return found
        after = found[-1]["id"]


def shown(member: Member) -> list[tuple[str, str, str | None]]:
    """
    Of every post what must be the same everywhere: its id, its text, its marks, in order.

    Whose clock differs is the view of each: who is an hour ahead finds nothing odd in its own posts.
    """
    return [(post["id"], post["text"], common(post["mark"])) for post in posts(member)]


def common(mark: str | None) -> str | None:
    """The marks that follow from the posts alone."""
    return ",".join(word for word in (mark or "").split(",") if word != "clock") or None


def counted(member: Member) -> int:
    """How many posts a node holds."""
    return int(member.ask("status")["posts"])


def holds(member: Member, count: int) -> None:
    """Wait until a node holds so many posts."""
    until(lambda: counted(member) == count, f"{member.name} holds {count} posts", PATIENCE)


def agreed(room: Room, *names: str) -> list[tuple[str, str, str | None]]:
    """Wait until these agree, then see that their transcripts are the same; the transcript."""

    def digests() -> bool:
        return len({room[name].ask("digest")["digest"] for name in names}) == 1

    until(digests, f"equal digests of {', '.join(names)}", PATIENCE)
    first, *others = [shown(room[name]) for name in names]
    for name, other in zip(names[1:], others, strict=True):
        assert other == first, (names[0], name, unlike(first, other))
    assert len({post for post, _, _ in first}) == len(first), "a post is shown twice"
    return first


def unlike(one: list[Any], other: list[Any]) -> list[Any]:
    """Where two transcripts part, for whoever reads why a test failed."""
    place = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), -1)
    return [len(one), len(other), place, one[place : place + 3], other[place : place + 3]]


def states(member: Member, message: str) -> dict[str, str]:
    """The state of a message at each recipient."""
    return {row["member"]: row["state"] for row in member.items("delivery", id=message)}


def evidence(member: Member, message: str, recipient: str) -> str:
    """On what the state of a message at a recipient rests."""
    rows = member.items("delivery", id=message)
    return str(next(row["evidence"] for row in rows if row["member"] == recipient))


def losses(member: Member, subject: str, whose: str = "bob") -> list[str]:
    """Where a node tells, of a message or of a member, that somebody lost what he had stored."""
    story = [line["what"] for line in member.items("explain", id=subject)]
    return [what for what in story if what.startswith(f"{whose} signed that it lost what")]


def cut(room: Room, one: Iterable[str], other: Iterable[str]) -> None:
    """No frame passes between these two sides any more; each link is cut at one of its ends."""
    names = list(other)
    for name in one:
        room[name].ask("fault", action="cut", names=names)


def heal(room: Room, names: Iterable[str], other: Iterable[str] = ()) -> None:
    """Every cable at these is whole again, or those to some."""
    some = {"names": list(other)} if other else {}
    for name in names:
        room[name].ask("fault", action="heal", **some)


def erase_journal(home: Path) -> None:
    """The disk of a node that does not run is replaced by an empty one; its keys were kept apart."""
    for path in home.glob("journal.db*"):
        path.unlink()


def backed_up(home: Path) -> Path:
    """A copy of the home of a node that does not run."""
    place = home.with_name(f"{home.name}.backup")
    shutil.copytree(home, place, ignore=shutil.ignore_patterns("admin.*", "node.lock"))
    return place


def restore(home: Path, copy: Path) -> None:
    """The home of a node that does not run is what it was when the copy was made."""
    shutil.rmtree(home)
    shutil.copytree(copy, home)


@define
class Stopwatch:
    """How long something took: told in the log of the tests, judged where a bound is promised."""

    what: str
    _start: float = field(factory=monotonic)

    def tell(self, *words: object) -> float:
        """The seconds until now."""
        took = monotonic() - self._start
        log.msg(f"figure: {self.what}: {took:.2f} s {' '.join(map(str, words))}")
        return took
