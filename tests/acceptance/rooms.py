"""
Rooms of real nodes for the acceptance tests.

The homes are made by the commands once in a test process; each test class gets copies of them, with
ports of their own, and its nodes are started once and shared by its tests.
"""

from __future__ import annotations

import atexit
import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from twisted.trial.unittest import TestCase

from securechat.drills.rig import Member, Room, free_ports
from securechat.drills.story import NAMES

TIMEOUT = 120


def scratch() -> Path:
    """A folder with a short path (a socket's is limited), gone when the process ends."""
    folder = Path(mkdtemp(prefix="securechat-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def template() -> Room:
    """The three homes as ``init``, ``request``, ``admit`` and ``install`` make them."""
    room = Room(scratch())
    room.found(NAMES[0])
    for name in NAMES[1:]:
        room.join(name, NAMES[0])
    return room


def change(home: Path, **values: str) -> None:
    """Write other values into ``config.toml``, as a person with an editor."""
    path = home / "config.toml"
    text = path.read_text()
    for key, value in values.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert count == 1, f"{key} in {path}"
    path.write_text(text)


def room_of(*names: str, **config: str) -> Room:
    """A room of these members, each told the first one's address; nothing runs yet."""
    made = template()
    room = Room(scratch())
    atexit.register(room.close)
    for name in names:
        port, admin = free_ports(2)
        home = room.folder / name
        shutil.copytree(made[name].home, home)
        room.members[name] = Member(name, home, port, admin)
        first = room[names[0]].port
        peers = "[]" if name == names[0] else f'["127.0.0.1:{first}"]'
        listen, tcp = f'"127.0.0.1:{port}"', f'"127.0.0.1:{admin}"'
        change(home, listen=listen, tcp=tcp, peers=peers, **config)
    return room


_rooms: dict[str, Room] = {}


def running(case: RoomCase) -> Room:
    """The room of a test class, its nodes started and met."""
    key = f"{type(case).__module__}.{type(case).__qualname__}"
    end_rooms(but=key)
    if key not in _rooms:
        room = _rooms[key] = room_of(*case.names, **case.config)
        room.start(*case.names)
        room.meet(*case.names)
    return _rooms[key]


def end_rooms(but: str = "") -> None:
    """End the rooms of the classes before: nodes that nobody asks any more cost time."""
    for key in [key for key in _rooms if key != but]:
        _rooms.pop(key).close()


class RoomCase(TestCase):
    """Tests that share one room of running nodes and leave it as they found it."""

    timeout = TIMEOUT
    names: tuple[str, ...] = NAMES
    config: dict[str, str] = {}  # noqa: RUF012 - never changed

    def setUp(self) -> None:
        """The shared room."""
        self.room = running(self)

    def cli(self, name: str, *words: str, stdin: str = "") -> Any:
        """One securechat command for a member's home: its output and exit status."""
        return self.room.run("--home", str(self.room[name].home), *words, stdin=stdin)


class OwnRoomCase(TestCase):
    """Tests that each make a room of their own and end it."""

    timeout = TIMEOUT

    def make(self, *names: str, **config: str) -> Room:
        """A room whose nodes are ended after the test."""
        end_rooms()
        room = room_of(*names, **config)
        self.addCleanup(room.close)
        return room
