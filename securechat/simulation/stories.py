"""
Short stories of a room, for the sweeps: whatever a node does with its disk happens in one of them.

A story tells what befalls whom and says nothing of what must be seen: in the middle of it a process
may die or its disk may fail (``sweeps``).  Members are called by their number.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from securechat.settings import KIB, Settings
from securechat.simulation.stage import Stage
from securechat.simulation.workload import Act, What

TOGETHER = 3.0
"""Seconds in which three that start together find each other."""


@frozen
class Story:
    """One of them."""

    name: str
    tell: Callable[[Stage], None]
    nodes: int = 3
    settings: Settings = field(factory=Settings)
    prunes: bool = False


def _write(stage: Stage, who: int, to: int, text: str, nonce: str | None = None) -> Act:
    act = Act(stage.now, who, to, text, nonce)
    stage.act(act)
    return act


def _again(stage: Stage, act: Act, what: What) -> None:
    stage.act(Act(stage.now, act.who, act.to, act.text, act.nonce, what))


def _all_say(stage: Stage, words: str, *who: int) -> None:
    for index in who or range(len(stage.hosts)):
        stage.say(index, f"{words}, says node{index + 1}")


def first_words(stage: Stage) -> None:
    """They start with empty disks, find each other, post, and write to each other."""
    stage.start()
    stage.run_for(TOGETHER)
    _all_say(stage, "hello")
    _write(stage, 0, 1, "hello node2")
    stage.run_for(1.0)
    for part in range(5):
        stage.say(2, f"part {part} of what node3 has to say")
    _write(stage, 1, 0, "hello node1")
    stage.run_for(2.0)


def absent(stage: Stage) -> None:
    """One is down while another says something and dies; it gets that from the third."""
    stage.start()
    stage.run_for(TOGETHER)
    _all_say(stage, "before")
    stage.run_for(0.5)
    stage.kill(2)
    for part in range(4):
        stage.say(0, f"part {part} of what node3 does not hear")
    _write(stage, 1, 2, "for later")
    stage.run_for(1.0)
    stage.kill(0)
    stage.start(2)
    stage.run_for(4.0)
    _all_say(stage, "after", 1, 2)
    stage.start(0)
    stage.run_for(3.0)


def apart(stage: Stage) -> None:
    """Both sides of a partition go on, and then are one room again."""
    stage.start()
    stage.run_for(TOGETHER)
    ways = stage.between([0])
    stage.cut(*ways)
    _all_say(stage, "apart")
    _write(stage, 0, 1, "across")
    _write(stage, 2, 0, "across, the other way")
    stage.run_for(4.0)
    _all_say(stage, "still apart")
    stage.mend(*ways)
    stage.run_for(6.0)


def letters(stage: Stage) -> None:
    """Direct messages that wait, are repeated, cancelled and tried again; a receipt that is late."""
    stage.start(0, 1)
    stage.run_for(TOGETHER)
    first = _write(stage, 0, 1, "the first", "nonce")
    stage.run_for(0.3)
    _again(stage, first, What.AGAIN)
    stage.kill(1)
    kept, dropped = (_write(stage, 0, 1, words) for words in ("kept", "dropped"))
    stage.run_for(0.5)
    _again(stage, dropped, What.CANCEL)
    _again(stage, kept, What.RETRY)
    stage.kill(0)
    stage.start()
    stage.run_for(4.0)
    _again(stage, first, What.AGAIN)
    _again(stage, first, What.RETRY)
    _write(stage, 2, 1, "from node3")
    stage.run_for(2.0)


def goodbyes(stage: Stage) -> None:
    """One leaves, the others go on, and it returns."""
    stage.start()
    stage.run_for(TOGETHER)
    _all_say(stage, "before")
    stage.goodbye(1)
    stage.run_for(3.0)
    _all_say(stage, "meanwhile", 0, 2)
    _write(stage, 0, 1, "you have left")
    stage.run_for(1.0)
    stage.start(1)
    stage.run_for(2.0)
    _all_say(stage, "again")
    stage.run_for(2.0)


def lost_disk(stage: Stage) -> None:
    """One loses its disk and speaks again."""
    stage.start()
    stage.run_for(TOGETHER)
    _all_say(stage, "before")
    _write(stage, 0, 1, "kept by node2, for now")
    stage.run_for(1.0)
    stage.wipe(1)
    stage.run_for(0.5)
    stage.start(1)
    stage.run_for(3.0)
    _all_say(stage, "after")
    _write(stage, 1, 2, "on a new disk")
    stage.run_for(2.0)


def old_disk(stage: Stage) -> None:
    """One gets an old copy of its disk back, which knows less than the others do of it."""
    stage.start()
    stage.run_for(TOGETHER)
    _all_say(stage, "copied")
    stage.run_for(1.0)
    at, disk = stage.now, stage.hosts[1].copy()
    stage.run_for(0.1)
    _all_say(stage, "not copied")
    _write(stage, 1, 0, "not copied")
    stage.run_for(1.0)
    stage.kill(1)
    stage.hosts[1].disk = disk
    stage.disk_replaced(stage.hosts[1], at)
    stage.start(1)
    stage.run_for(3.0)
    _all_say(stage, "after")
    stage.run_for(2.0)


def short_histories(stage: Stage) -> None:
    """More is said than is kept, in posts and in records, while one is down that then wants it."""
    stage.start()
    stage.run_for(TOGETHER)
    stage.kill(2)
    for part in range(24):
        stage.say(part % 2, f"part {part} of too much")
        stage.run_for(0.1)
    stage.start(2)
    stage.run_for(4.0)
    _all_say(stage, "the end")
    stage.run_for(2.0)


def full_disk(stage: Stage) -> None:
    """One cannot write for a while, says so, and goes on."""
    stage.start()
    stage.run_for(TOGETHER)
    stage.fill(1, 1.5)
    _all_say(stage, "meanwhile")
    _write(stage, 0, 1, "not taken yet")
    stage.run_for(4.0)
    _all_say(stage, "after")
    stage.run_for(2.0)


STORIES: tuple[Story, ...] = (
    Story("first words", first_words),
    Story("absent", absent),
    Story("apart", apart),
    Story("letters", letters),
    Story("goodbyes", goodbyes),
    Story("a lost disk", lost_disk),
    Story("an old disk", old_disk),
    Story("a full disk", full_disk),
    Story(
        "short histories", short_histories, prunes=True,
        settings=Settings(history_posts=15, record_bytes=32 * KIB),
    ),
)  # fmt: skip
