"""
The drills: scenarios on real processes, each of which checks what it shows.

A drill gets a room without members and a way to tell; it makes the homes, starts the nodes, and
stops with DrillError at the first thing that is not as it should be.  Afterwards its evidence is
gathered: the transcript, every node's turn records, and the causal story drawn from them.  Where it
is to go is tried before anything is played, and no node outlives its drill, whatever goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

from securechat.admin.client import AdminError, DownError
from securechat.drills.rig import DrillError, Room
from securechat.drills.story import NAMES, Story
from securechat.errors import HomeError

Tell = Callable[[str], None]
FAILURES = (DrillError, AdminError, DownError)
"""What can go wrong in a drill."""


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
    """
    Play a drill in a room of its own; one of FAILURES if something is not as it should be.

    HomeError if its evidence could not be kept; then nothing is played.
    """
    if out is not None:
        _try(_transcript(drill, out))
    with (
        TemporaryDirectory(prefix="securechat-drill-") as folder,
        closing(Room(Path(folder))) as room,
    ):
        _play(drill, room, tell, out)


def _try(transcript: Path) -> None:
    """Begin the transcript; HomeError if it cannot be written."""
    try:
        transcript.parent.mkdir(parents=True, exist_ok=True)
        transcript.write_text("", "utf-8")
    except OSError as problem:
        raise HomeError(
            f"{transcript.parent} cannot be written ({problem.strerror}); choose another --out"
        ) from None


def _play(drill: Drill, room: Room, tell: Tell, out: Path | None) -> None:
    """Play it and gather its evidence; what goes wrong first is what is told as wrong."""
    lines: list[str] = []

    def told(line: str) -> None:
        lines.append(line)
        tell(line)

    try:
        drill.play(room, told)
    except FAILURES:
        try:
            _gather(drill, room, lines, out)
        except (*FAILURES, OSError) as problem:
            tell(f"its evidence is not whole: {problem}")
        raise
    _gather(drill, room, lines, out)


def _transcript(drill: Drill, out: Path) -> Path:
    return out / f"{drill.name}.txt"


def _gather(drill: Drill, room: Room, lines: list[str], out: Path | None) -> None:
    """Write what was told, and what the nodes that still run have on record."""
    if out is None:
        return
    _transcript(drill, out).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    exports = []
    for member in room.members.values():
        if member.running:
            path = out / f"{drill.name}-{member.name}.jsonl"
            room.cli("--home", str(member.home), "export", "--out", str(path.resolve()))
            exports.append(str(path.resolve()))
    if exports:
        diagram = room.cli("trace", *exports, "--format", "mermaid")
        (out / f"{drill.name}.mmd").write_text(diagram, "utf-8")
