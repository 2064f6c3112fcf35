"""
A world under direction: what befalls whom is told step by step, and what nodes then show is asked for.

Real nodes, network, clocks and judges as in every world (``world``); only the plan of faults and the
people are missing.  Members are called by their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from attrs import define, field, frozen

from securechat.ids import MemberId, MessageId
from securechat.inputs import Ending
from securechat.membership.messages import MESSAGES, STATEMENTS, Rows
from securechat.membership.presence import MembershipView, MemberView
from securechat.notices import Conflict, Liveness, MemberChanged, PostShown
from securechat.simulation import faults
from securechat.simulation.faults import Fault, Trouble
from securechat.simulation.host import Host
from securechat.simulation.observed import Violation
from securechat.simulation.streams import Phase, SimLink
from securechat.simulation.workload import Act
from securechat.simulation.world import CALM_LOOK, LOOK, World
from securechat.wire import Codec

STEP = 0.05
"""Seconds between two looks while something is awaited."""
FOREVER = 1e9


@frozen
class Told:
    """A node told its watchers that a member is not what it was, or that two have one key."""

    at: float
    by: int
    of: MemberId
    before: Liveness | None
    to: Liveness | None
    """None: a conflict."""


@frozen
class Came:
    """A node shows a post."""

    by: int
    id: MessageId
    recovered: bool


@define(eq=False)
class Stage(World):
    """One directed world; ``_prepare`` has been called."""

    script: tuple[faults.Fault, ...] | None = ()
    told: list[Told] = field(factory=list)
    posts: list[Came] = field(factory=list)
    codec: Codec = field(factory=lambda: Codec(MESSAGES, STATEMENTS))

    def __attrs_post_init__(self) -> None:
        self._prepare()

    def _schedule(
        self, plan: tuple[Fault, ...], acts: tuple[Act, ...], arrivals: tuple[float, ...]
    ) -> None:
        del plan, acts, arrivals
        for index, host in enumerate(self.hosts):
            self.clock.callLater(LOOK * (1 + index / self.nodes), self._look, host)
        self.calm.watch(CALM_LOOK)

    def happened(self, host: Host, event: Any) -> None:
        """A node tells its watchers."""
        super(Stage, self).happened(host, event)  # noqa: UP008 - attrs makes the class anew
        if isinstance(event, MemberChanged):
            told = Told(self.clock.now, host.index, event.member, event.before, event.to)
            self.told.append(told)
        elif isinstance(event, PostShown):
            self.posts.append(Came(host.index, event.id, event.recovered))
        elif isinstance(event, Conflict):
            self.told.append(Told(self.clock.now, host.index, event.member, None, None))

    # What is asked.

    @property
    def now(self) -> float:
        """Virtual seconds since it began."""
        return self.clock.now

    @property
    def violations(self) -> list[Violation]:
        """What was broken so far."""
        return self.checker.violations

    def expect(self, rule: str, kept: object, text: str) -> None:
        """A promise that is kept, or a violation."""
        if not kept:
            self.checker.report(rule, "stage", text)

    def view(self, who: int) -> MembershipView:
        """What a node shows of membership."""
        return self.hosts[who].presence()

    def row(self, who: int, of: int) -> MemberView:
        """What a node shows of a member."""
        found = self.view(who).get(self.hosts[of].member)
        assert found is not None, f"node{who + 1} does not know node{of + 1}"
        return found

    def state(self, who: int, of: int) -> str:
        """In one word; empty if it does not know it."""
        found = self.view(who).get(self.hosts[of].member)
        return "" if found is None else found.state

    def counter(self, who: int, name: str) -> int:
        """How often something was counted at a node since its start."""
        node = self.hosts[who].node
        return 0 if node is None else node.counters[name]

    @property
    def running(self) -> list[int]:
        """Who is up and not stopped."""
        return [h.index for h in self.hosts if h.node is not None and not h.clock.paused]

    def agreed(self, among: Iterable[int] | None = None) -> bool:
        """Whether these see each other alive and hold the same of everybody."""
        who = self.running if among is None else list(among)
        views = [self.view(index) for index in who]
        alive = all(self.state(a, b) == Liveness.ALIVE for a in who for b in who)
        return alive and len({view.digest for view in views}) == 1

    def tells(self, since: float, by: int | None = None, of: int | None = None) -> list[Told]:
        """What was told since then."""
        return [
            told
            for told in self.told
            if told.at >= since
            and by in (None, told.by)
            and (of is None or told.of == self.hosts[of].member)
        ]

    def weight(self, who: int) -> int:
        """How many values a node keeps in its membership core (P22)."""
        node = self.hosts[who].node
        return 0 if node is None else weigh(node.cores.membership)

    # Time.

    def run_for(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def await_(self, condition: Callable[[], bool], most: float) -> float | None:
        """Seconds until something is so; None if it was not so in time."""
        began = self.now
        while not condition():
            if self.now - began > most:
                return None
            self.clock.advance(STEP)
        return self.now - began

    def must(self, rule: str, condition: Callable[[], bool], most: float, text: str) -> float:
        """Seconds until something is so, which it must be in time."""
        took = self.await_(condition, most)
        self.expect(rule, took is not None, f"{text}: not within {most:g} s")
        return most if took is None else took

    # What befalls machines.

    def start(self, *who: int) -> None:
        """Start these processes; all if none is named."""
        for index in who or range(len(self.hosts)):
            self.revive(self.hosts[index])

    def kill(self, *who: int, powered: bool = True) -> None:
        """The process is killed; without power its machine says nothing of it."""
        for index in who:
            host = self.hosts[index]
            self._count(host)
            host.crash()
            host.powered = powered
            self.network.died(host, powered)
            self.calm.disturbed(index)

    def pause(self, *who: int) -> None:
        """SIGSTOP."""
        for index in who:
            self.hosts[index].clock.stand_still()
            self.calm.disturbed(index)

    def go_on(self, *who: int) -> None:
        """SIGCONT."""
        for index in who:
            self.calm.disturbed(index)
            self.hosts[index].clock.go_on()
        self.network.flow()

    def goodbye(self, who: int) -> None:
        """SIGTERM: it leaves, and is not started again by itself."""
        self.chaos.strike(Fault(self.now, Trouble.LEAVE, who, who, FOREVER, 0.0))

    def fill(self, who: int, seconds: float) -> None:
        """Its disk is full for so long."""
        self.chaos.strike(Fault(self.now, Trouble.DISK_FULL, who, who, seconds, 0.0))

    def wipe(self, who: int, disk: bytes = b"", powered: bool = True) -> None:
        """It dies, and has lost its disk, or has this old one, when it starts again."""
        self.kill(who, powered=powered)
        self.hosts[who].disk = disk
        self.disk_replaced(self.hosts[who], None)

    def copy(self, who: int) -> int:
        """A copy of its home on a further machine, which does not run yet; its number."""
        twin, index = self.hosts[who], len(self.hosts)
        host = Host(index, self, self._rng(f"host {index}"), tuple(self.addresses(who)))
        host.person, host.member, host.disk = twin.person, twin.member, twin.copy()
        host.name = f"{twin.name} again"
        self.hosts.append(host)
        self.network.attach(host)
        for one in (host, twin):
            self.judge.copied(one)
        return index

    def addresses(self, but: int) -> Iterable[str]:
        """Where all others listen."""
        return (host.address for host in self.hosts if host.index != but)

    def say(self, who: int, text: str) -> None:
        """It posts to the room."""
        self.act(Act(self.now, who, None, text))

    def act(self, act: Act) -> None:
        """Somebody says something, or does something about what he said."""
        self.crowd.act(act)

    # What befalls the network.

    def cut(self, *ways: tuple[int, int]) -> None:
        """Nothing passes this way any more; the other way is another way."""
        for way in ways:
            self.network.cut(*way)

    def mend(self, *ways: tuple[int, int]) -> None:
        """It passes again."""
        for way in ways:
            self.network.mend(*way)

    @staticmethod
    def both(*pairs: tuple[int, int]) -> list[tuple[int, int]]:
        """Both ways of each pair."""
        return [way for a, b in pairs for way in ((a, b), (b, a))]

    def between(self, side: Iterable[int]) -> list[tuple[int, int]]:
        """All ways between these and the others."""
        ours = set(side)
        rest = [host.index for host in self.hosts if host.index not in ours]
        return self.both(*((a, b) for a in sorted(ours) for b in rest))

    def ends(self, who: int, to: int) -> list[SimLink]:
        """Its ends of the connections to another."""
        a, b = self.hosts[who], self.hosts[to]
        return [
            end
            for ends in self.network.connections
            for end in ends
            if end.machine is a and end.other.machine is b and end.phase is Phase.OPEN
        ]

    def speak(self, who: int, to: int, *messages: Any) -> None:
        """A member that runs another program says this on its true link."""
        for message in messages:
            if isinstance(message, Rows):
                self.judge.accused(message)
        frames = b"".join(self.codec.frame(message) for message in messages)
        for end in self.ends(who, to)[:1]:
            if Ending.FIN not in end.pipe.items:
                self.network.inject(end, frames)


def weigh(thing: object) -> int:
    """How many values can be reached from this one, each counted once."""
    seen: set[int] = set()
    waiting, kept = [thing], []
    while waiting:
        one = waiting.pop()
        if id(one) in seen or callable(one):
            continue
        seen.add(id(one))
        kept.append(one)
        waiting += _parts(one)
    return len(kept)


def _parts(one: object) -> Iterable[object]:
    if isinstance(one, dict):
        return [*one.keys(), *one.values()]
    if isinstance(one, list | tuple | set | frozenset | deque):
        return list(one)
    if isinstance(one, str | bytes | int | float | Enum):
        return []
    names = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
    names += list(getattr(one, "__dict__", {}))
    return [getattr(one, name) for name in names if hasattr(one, name) and name != "__weakref__"]
