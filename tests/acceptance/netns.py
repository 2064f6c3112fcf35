"""
Rooms whose nodes each live on a host of their own: network namespaces, joined by a switch.

The switch is a bridge in a namespace too, so the host itself is left as it is; what a node listens on
is reachable only over its cable.  The admin sockets are files, and are asked from outside.  A cable
can be pulled at the switch, and each host has a firewall of its own that loses, drops or rejects.

Every namespace's name holds the id of the process that made it.  They are removed after the test, at
the end of the process, and, if it was killed, by the next process that makes some.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
from contextlib import suppress
from functools import cache, partial
from itertools import count

from attrs import define, field
from twisted.trial.unittest import SkipTest

from securechat.drills.rig import DrillError, Member, Room, twistd, until
from tests.acceptance.posts import PATIENCE
from tests.acceptance.rooms import OwnRoomCase, change, end_rooms, scratch, template

PREFIX = "securechat"
PORT = 7400
OURS = re.compile(rf"^{PREFIX}-(\d+)-\d+-\S+")
REJECTIONS = {
    "reset": ("-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"),
    "icmp": ("-j", "REJECT", "--reject-with", "icmp-port-unreachable"),
}
"""A firewall's two ways to refuse: both make a dial fail with "connection refused"."""
_numbers = count()


def ip(*words: str, check: bool = True) -> str:
    """One ``ip`` command; DrillError with what it said if it fails."""
    done = subprocess.run(
        ["ip", *words], capture_output=True, text=True, check=False, timeout=60
    )  # fmt: skip
    if check and done.returncode:
        raise DrillError(f"ip {' '.join(words)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


@cache
def lacking() -> str:
    """What this machine lacks for such rooms, by name; empty if it has all."""
    for program in ("ip", "iptables"):
        if shutil.which(program) is None:
            return program
    if os.geteuid() != 0:
        return "root"
    name = f"{PREFIX}-{os.getpid()}-{next(_numbers)}-try"
    try:
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
    except DrillError as problem:
        return f"network namespaces ({problem})"
    finally:
        ip("netns", "del", name, check=False)
    return ""


def sweep() -> None:
    """Remove the namespaces of processes that were killed before they could."""
    for line in ip("netns", "list").splitlines():
        found = OURS.match(line)
        if found is not None and not os.path.exists(f"/proc/{found[1]}"):
            ip("netns", "del", found[0], check=False)


@define(eq=False)
class Switch:
    """A bridge, one cable to each host, and what can go wrong with them."""

    name: str = field(factory=lambda: f"{PREFIX}-{os.getpid()}-{next(_numbers)}")
    addresses: dict[str, str] = field(factory=dict, init=False)
    _namespaces: list[str] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        sweep()
        atexit.register(self.close)
        self._namespace(self._bridge)
        ip("-n", self._bridge, "link", "add", "br0", "type", "bridge")
        ip("-n", self._bridge, "link", "set", "br0", "up")

    def host(self, name: str) -> str:
        """A host of this name on the switch; its address."""
        host, port, address = self.at(name), f"p-{name}", f"10.77.0.{len(self.addresses) + 1}"
        self._namespace(host)
        ip(
            "-n", self._bridge, "link", "add", port, "type", "veth",
            "peer", "name", "eth0", "netns", host,
        )  # fmt: skip
        ip("-n", self._bridge, "link", "set", port, "master", "br0", "up")
        ip("-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
        ip("-n", host, "link", "set", "lo", "up")
        ip("-n", host, "link", "set", "eth0", "up")
        self.addresses[name] = address
        return address

    def at(self, name: str) -> str:
        """The namespace of a host."""
        return f"{self.name}-{name}"

    def inside(self, name: str, *command: str) -> list[str]:
        """A command, to be run on a host; the process that it becomes has the same id."""
        return ["ip", "netns", "exec", self.at(name), *command]

    def close(self) -> None:
        """Remove everything; what still runs inside is not ended by it."""
        while self._namespaces:
            ip("netns", "del", self._namespaces.pop(), check=False)
        atexit.unregister(self.close)

    # What goes wrong.

    def pull(self, name: str) -> None:
        """Pull a host's cable out of the switch."""
        ip("-n", self._bridge, "link", "set", f"p-{name}", "down")

    def plug(self, name: str) -> None:
        """Plug it in again."""
        ip("-n", self._bridge, "link", "set", f"p-{name}", "up")

    def drop(self, name: str, sender: str) -> None:
        """What a host is sent by another vanishes; the other way all passes."""
        self._firewall(name, "-s", self.addresses[sender], "-j", "DROP")

    def cut(self, name: str, other: str) -> None:
        """These two hear nothing of each other."""
        self.drop(name, other)
        self.drop(other, name)

    def lose(self, name: str, percent: float) -> None:
        """So many of a hundred packets to a host are lost."""
        chance = ("--mode", "random", "--probability", f"{percent / 100:g}")
        self._firewall(name, "-i", "eth0", "-m", "statistic", *chance, "-j", "DROP")

    def reject(self, name: str, sender: str, how: str) -> None:
        """A host's firewall answers another's packets as if no process were there."""
        self._firewall(name, "-s", self.addresses[sender], *REJECTIONS[how])

    def mend(self) -> None:
        """Every firewall lets all pass."""
        for name in self.addresses:
            self._run(name, "iptables", "-w", "-F", "INPUT")

    def _firewall(self, name: str, *rule: str) -> None:
        self._run(name, "iptables", "-w", "-A", "INPUT", *rule)

    def _run(self, name: str, *command: str) -> None:
        ip(*self.inside(name, *command)[1:])

    @property
    def _bridge(self) -> str:
        return f"{self.name}-switch"

    def _namespace(self, name: str) -> None:
        ip("netns", "add", name)
        self._namespaces.append(name)


@define
class WiredRoom(Room):
    """A room whose nodes run on the hosts of a switch."""

    switch: Switch = field(factory=Switch)

    def start(self, *names: str) -> None:
        """Run these nodes, each on its host; returns once each answers on its socket."""
        for name in names:
            member = self.members[name]
            with member.log.open("ab") as log:
                node = (*twistd(self.python), "-n", "securechat", "--home", str(member.home))
                member.process = subprocess.Popen(
                    self.switch.inside(name, *node), cwd=self.folder,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
        for name in names:
            member = self.members[name]
            until(partial(self._answers, member), f"{name} answers", self.patience)

    def close(self) -> None:
        """End the nodes, then remove their hosts."""
        with suppress(DrillError):
            self.switch.mend()
        super().close()
        self.switch.close()
        atexit.unregister(self.close)


def wired(*names: str, **config: str) -> WiredRoom:
    """A room of these members, each told the first one's address; nothing runs yet."""
    made = template()
    room = WiredRoom(scratch())
    atexit.register(room.close)
    for name in names:
        address = room.switch.host(name)
        home = room.folder / name
        shutil.copytree(made[name].home, home)
        room.members[name] = Member(name, home, PORT, PORT + 1)
        peers = "[]" if name == names[0] else f'["{room.switch.addresses[names[0]]}:{PORT}"]'
        listen, tcp = f'"{address}:{PORT}"', f'"127.0.0.1:{PORT + 1}"'
        change(home, listen=listen, tcp=tcp, peers=peers, **config)
    return room


class WiredCase(OwnRoomCase):
    """Tests that each have hosts of their own, and remove them."""

    def setUp(self) -> None:
        """Skip where there can be no hosts, and say what is lacking."""
        if lacking():
            raise SkipTest(f"needs {lacking()}")

    def wire(self, *names: str, **config: str) -> WiredRoom:
        """A running room on a switch; all have met."""
        end_rooms()
        room = wired(*names, **config)
        room.patience = PATIENCE
        self.addCleanup(room.close)
        room.start(*names)
        room.meet(*names)
        return room
