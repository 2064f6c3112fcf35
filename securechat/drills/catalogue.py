"""
The drills: scenarios on real processes, each of which checks what it shows.

A drill gets a room without members and a way to tell; it makes the homes, starts the nodes, and
stops with DrillError at the first thing that is not as it should be.  Afterwards its evidence is
gathered: the transcript, every node's turn records, and the causal story drawn from them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

from securechat.drills.rig import Room
from securechat.drills.story import NAMES, Story

Tell = Callable[[str], None]


@frozen
class Drill:
    """A scenario by name."""

    name: str
    about: str
    play: Callable[[Room, Tell], None]


def _story(room: Room, tell: Tell) -> None:
    room.found(NAMES[0])
    for name in NAMES[1:]:
        room.join(name, NAMES[0])
    room.start(*NAMES)
    Story(room, tell).play()


DRILLS = {
    drill.name: drill
    for drill in (
        Drill(
            "story",
            "join, post, direct message, kill, detect, restart, recover, cut, heal, explain",
            _story,
        ),
    )
}


def run(drill: Drill, tell: Tell, out: Path | None = None) -> None:
    """Play a drill in a room of its own; DrillError if something is not as it should be."""
    lines: list[str] = []

    def told(line: str) -> None:
        lines.append(line)
        tell(line)

    with TemporaryDirectory(prefix="securechat-drill-") as folder:
        room = Room(Path(folder))
        try:
            drill.play(room, told)
        finally:
            if out is not None:
                _gather(drill, room, lines, out)
            room.close()


def _gather(drill: Drill, room: Room, lines: list[str], out: Path) -> None:
    """Write what was told, and what the nodes that still run have on record."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{drill.name}.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    exports = []
    for member in room.members.values():
        if member.running:
            path = out / f"{drill.name}-{member.name}.jsonl"
            room.cli("--home", str(member.home), "export", "--out", str(path.resolve()))
            exports.append(str(path.resolve()))
    if exports:
        diagram = room.cli("trace", *exports, "--format", "mermaid")
        (out / f"{drill.name}.mmd").write_text(diagram, "utf-8")
