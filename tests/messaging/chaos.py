"""
A room under a random hand: talk, cuts, restarts, lost and restored disks; then the heal, and what must
hold after it.

``python -m tests.messaging.chaos FIRST LAST [lose] [damage]`` plays seeds by hand.
"""

from __future__ import annotations

import random
import sys
from collections import Counter

from attrs import define, field

from securechat.errors import LocalError
from securechat.inputs import Damaged, Ending, LinkDown
from securechat.messaging.core import Messaging
from securechat.messaging.views import GapLine
from securechat.notices import Delivery
from securechat.settings import Settings
from tests.messaging.room import Disk, Member, Room


@define
class Chaos:
    """One seed."""

    seed: int
    lose: bool = False
    """Whether disks are lost and set back."""
    damage: bool = False
    """Whether stored texts that somebody else has too are damaged."""
    count: int = 3
    settings: Settings = field(factory=Settings)
    room: Room = field(factory=Room)
    members: list[Member] = field(factory=list)
    damaged: int = 0
    """How often a text was."""
    spoiled: set[int] = field(factory=set)
    """Members that lost something."""
    _saved: dict[int, tuple[Disk, int]] = field(factory=dict)
    _rng: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        for number in range(1, self.count + 1):
            self.members.append(self.room.member(number, settings=self.settings))
        self.room.roster()

    def play(self, steps: int) -> None:
        """So many random steps."""
        for step in range(steps):
            try:
                self._step(step)
            except LocalError as problem:
                if problem.code != 421:
                    raise

    def heal(self, seconds: float = 45.0) -> None:
        """Everybody is linked to everybody, and has time."""
        self.room.wait(1)
        for index, one in enumerate(self.members):
            for other in self.members[index + 1 :]:
                if not self._linked(one, other):
                    self.room.link(one, other)
        self.room.wait(seconds, 0.1)

    def _linked(self, one: Member, other: Member) -> bool:
        return frozenset((one.id, other.id)) in self.room.links

    def _step(self, step: int) -> None:
        rng, kind = self._rng, self._rng.random()
        one, other = rng.sample(self.members, 2)
        if self.damage and rng.random() < 0.1:
            self._damage(one)
            return
        if kind < 0.3:
            one.say(f"post {step}")
        elif kind < 0.35:
            one.say_all([f"post {step}.{index}" for index in range(rng.randint(2, 70))])
        elif kind < 0.45:
            one.tell(other, f"direct {step}")
        elif kind < 0.6:
            (self.room.cut if self._linked(one, other) else self.room.link)(one, other)
        elif kind < 0.63:
            self._saved[one.number] = (one.disk.copy(), one.epoch)
        elif kind < 0.68:
            self._restart(one, step)
        else:
            self.room.wait(rng.choice([0.05, 0.2, 1, 6]), rng.choice([0.05, 0.25]))

    def _damage(self, member: Member) -> None:
        """A text of a member is not what was written; another one has it."""
        others = {
            line.hash for other in self.members if other is not member for line in other.lines()
        }
        names = sorted({line.hash for line in member.lines(kind="post")} & others)
        if names:
            owner = f"held/{self._rng.choice(names).hex()}"
            member.disk.objects[owner].clear()
            member.turn(member.core.damaged(Damaged(owner), member.now))
            self.damaged += 1

    def _restart(self, member: Member, step: int) -> None:
        for other in self.members:
            if other is not member and self._linked(member, other):
                self.room.unplug(member, other)
                down = LinkDown(member.id, 1, Ending.RST, "", None, linked=False)
                other.turn(other.core.link_down(down, self.room.now))
        mode, epoch, boot = self._rng.random(), member.epoch + 1, f"{member.number:02x}d{step:04x}"
        if self.lose and mode < 0.15:
            member.disk = Disk()
            self.spoiled.add(member.number)
            epoch, boot = self._rng.choice([1, 50 + step]), f"{member.number:02x}e{step:04x}"
        elif self.lose and mode < 0.3 and member.number in self._saved:
            disk, epoch = self._saved[member.number]
            member.disk = disk.copy()
            self.spoiled.add(member.number)
            epoch, boot = epoch + self._rng.choice([1, 60]), f"{member.number:02x}f{step:04x}"
        member.restart(epoch=epoch, boot=boot)
        self.room.seat(member, *self.members)

    # What must hold at the end.

    def faults(self) -> list[str]:
        """What does not hold; empty if all is well."""
        found = [f"{m.number}: errors {m.errors}" for m in self.members if m.errors]
        first = self.members[0]
        posts = [(line.id, line.hash) for line in first.lines(kind="post")]
        for member in self.members:
            mine = [(line.id, line.hash) for line in member.lines(kind="post")]
            all_ids = [line.id for line in member.lines()]
            found += [f"{member.number}: shown twice"] * (len(set(all_ids)) != len(all_ids))
            found += [f"{member.number}: other transcript"] * (mine != posts)
            found += [f"{member.number}: other digest"] * (member.digest != first.digest)
            found += [f"{member.number}: other gaps"] * (member.gaps() != first.gaps())
            found += [f"{member.number}: gaps {member.gaps()}"] * bool(
                member.gaps() and not self.lose
            )
            found += self._delivery(member)
            if shown(member.core) != shown(member.rebuilt()):
                found.append(f"{member.number}: replay gives another state")
        return found

    def _delivery(self, member: Member) -> list[str]:
        found = []
        for line in member.lines():
            if line.state is None:
                continue
            for row in member.core.delivery(line.id):
                there = self.room.members[row.member]
                whole = there.number not in self.spoiled
                has = any(other.hash == line.hash for other in there.lines())
                if row.state is Delivery.ACKED and whole and not has:
                    found.append(f"{member.number}: false ack of {line.id} by {there.number}")
                if row.state is not Delivery.ACKED and not self.lose:
                    found.append(f"{member.number}: {line.id} is {row.state} at {there.number}")
        return found

    def noise(self, seconds: float = 35.0) -> list[str]:
        """What is sent in a healed room besides digests; nothing, if recovery came to rest."""
        for member in self.members:
            member.sent.clear()
        self.room.wait(seconds, 0.25)
        kinds = Counter(type(s.message).__name__ for m in self.members for s in m.sent)
        del kinds["Digest"]
        return sorted(kinds)


def shown(core: Messaging) -> list[object]:
    """The durable state as people see it: transcript, states, marks, streams."""
    found: list[object] = [core.streams()]
    for line in core.transcript(limit=100_000).lines:
        found.append((line.stream, line.first, line.last) if isinstance(line, GapLine) else line)
    return found


def pruning(seed: int, steps: int = 120) -> list[str]:
    """One seed with a short history: no floor brings anything back, replay agrees, it comes to rest."""
    few = Settings(history_posts=40 + seed % 40, history_bytes=9000 + 100 * (seed % 50))
    chaos = Chaos(seed, lose=bool(seed % 2), damage=True, settings=few)
    chaos.play(steps)
    chaos.heal()
    kinds = ("errors", "shown twice", "replay")
    found = [fault for fault in chaos.faults() if any(kind in fault for kind in kinds)]
    for member in chaos.members:
        size = member.core.snapshot(chaos.room.now)
        if size.posts > few.history_posts or size.bytes > 2 * few.history_bytes:
            found.append(f"{member.number}: keeps too much")
    noise = [kind for kind in chaos.noise() if kind != "Frontiers"]
    return found + noise


def play(
    seed: int, lose: bool, steps: int = 120, count: int = 3, damage: bool = False
) -> list[str]:
    """One seed from begin to end; what went wrong."""
    chaos = Chaos(seed, lose, damage, count)
    chaos.play(steps)
    chaos.heal()
    faults = chaos.faults()
    return faults or chaos.noise()


if __name__ == "__main__":
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        prune = "prune" in sys.argv
        if (
            wrong := pruning(number)
            if prune
            else play(number, "lose" in sys.argv, 120, 3 + number % 2, "damage" in sys.argv)
        ):
            print(number, wrong[:5])
    print("done")
