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
from pathlib import Path

from securechat.admin.client import AdminError, DownError
from securechat.drills.rig import DrillError, Room
from securechat.drills.story import NAMES, Story


def main(words: list[str] | None = None) -> int:
    """Run the demo; 0 if all is well, 1 if something is not as the story says."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--script", action="store_true", help="play the story and check it")
    parser.add_argument("--keep", metavar="DIR", help="keep the three homes in this folder")
    options = parser.parse_args(words)
    scripted = options.script or not (sys.stdin.isatty() and sys.stdout.isatty())
    with tempfile.TemporaryDirectory(prefix="securechat-demo-") as scratch:
        folder = Path(options.keep).resolve() if options.keep else Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            print(f"scripts/demo: {folder} is not empty; name a new folder", file=sys.stderr)
            return 1
        room = Room(folder)
        try:
            return _story(room) if scripted else _by_hand(room)
        except (DrillError, AdminError, DownError) as problem:
            print(f"scripts/demo: {problem}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        finally:
            room.close()


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
    others = threading.Thread(target=_join_others, args=(room,), daemon=True)
    others.start()
    try:
        return subprocess.call([room.python, "-m", "securechat", "--home", str(ada.home), "chat"])
    finally:
        others.join(60)
        print(f"to look inside: telnet 127.0.0.1 {ada.admin}  (while the demo runs)")


def _join_others(room: Room) -> None:
    for name in NAMES[1:]:
        room.join(name, "ada")
        room.start(name)


if __name__ == "__main__":
    sys.exit(main())
