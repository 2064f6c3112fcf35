"""
``scripts/demo``: three real nodes on loopback, and the chat client as ada; or the story, checked.

By hand, ada's node runs first and the chat opens at once; bob and carol join while you look.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

from securechat.drills.catalogue import FAILURES
from securechat.drills.rig import DrillError, Room
from securechat.drills.story import NAMES, Story


def main(words: list[str] | None = None) -> int:
    """Run the demo; 0 if all is well, 1 if something is not as the story says."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--script", action="store_true", help="play the story and check it")
    parser.add_argument("--keep", metavar="DIR", help="keep the three homes in this folder")
    options = parser.parse_args(words)
    scripted = options.script or not (sys.stdin.isatty() and sys.stdout.isatty())
    try:
        with tempfile.TemporaryDirectory(prefix="securechat-demo-") as scratch:
            room = Room(_folder(options.keep, scratch))
            with closing(room):
                return _story(room) if scripted else _by_hand(room)
    except (*FAILURES, OSError) as problem:
        return _failed(problem)
    except KeyboardInterrupt:
        return 130


def _folder(keep: str | None, scratch: str) -> Path:
    """Where the homes go; DrillError unless it is a folder that is empty, or can be made."""
    if keep is None:
        return Path(scratch)
    folder = Path(keep).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as problem:
        raise DrillError(f"--keep {keep}: {problem.strerror}; name a new folder") from None
    if taken:
        raise DrillError(f"{folder} is not empty; name a new folder")
    return folder


def _failed(problem: Exception) -> int:
    print(f"scripts/demo: {problem}", file=sys.stderr)
    return 1


def _story(room: Room) -> int:
    print("making three homes ...", flush=True)
    room.found("ada")
    for name in NAMES[1:]:
        room.join(name, "ada")
    room.start(*NAMES)
    story = Story(room, lambda line: print(line, flush=True))
    story.play()
    print(f"\nthe whole story in {story.steps} steps, all of it as it should be")
    return 0


def _by_hand(room: Room) -> int:
    ada = room.found("ada")
    room.start("ada")
    failed: list[Exception] = []
    others = threading.Thread(target=_join_others, args=(room, failed), daemon=True)
    others.start()
    try:
        ended = subprocess.call([room.python, "-m", "securechat", "--home", str(ada.home), "chat"])
    finally:
        others.join()
        print(f"to look inside: telnet 127.0.0.1 {ada.admin}  (while the demo runs)")
    return _failed(failed[0]) if failed else ended


def _join_others(room: Room, failed: list[Exception]) -> None:
    """Beside the chat, whose screen is not ours to write on: what goes wrong is kept for its end."""
    try:
        for name in NAMES[1:]:
            room.join(name, "ada")
            room.start(name)
    except (*FAILURES, OSError) as problem:
        failed.append(problem)


if __name__ == "__main__":
    sys.exit(main())
