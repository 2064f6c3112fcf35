"""
One world: real nodes on virtual machines, from a seed to a verdict.

Everything that happens follows from the seed: the plan of faults, what people say, every delay and
every random choice of every node.  Faults strike until ``quiet``; then all is mended, and in the time
that is left rosters, transcripts and digests must become equal and stay so.  The trace is a hash over
everything that arrives anywhere, is answered or ends, with its time.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from attrs import define, field, frozen
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from securechat.ids import MemberId
from securechat.notices import DeliveryChanged, FaultNoticed, GapChanged, LinkChanged, PostShown
from securechat.settings import Settings
from securechat.simulation import faults, knobs, marks, workload
from securechat.simulation.arrivals import Lasting
from securechat.simulation.bounds import Bounds
from securechat.simulation.calm import Calm
from securechat.simulation.chaos import Chaos
from securechat.simulation.chatter import Chatter
from securechat.simulation.checker import Checker
from securechat.simulation.clock import SimClock
from securechat.simulation.complaints import Complaints
from securechat.simulation.crowd import Crowd
from securechat.simulation.host import Host
from securechat.simulation.impostor import Impostor
from securechat.simulation.membership import Judge
from securechat.simulation.network import PORT, Machine, SimNetwork
from securechat.simulation.observed import Violation
from securechat.simulation.people import authority
from securechat.simulation.retained import Retained
from securechat.simulation.verdicts import Span
from securechat.simulation.workload import Act

HOUR = 3600.0
SETTLE = 45.0
"""Seconds at the end without faults; the bound for a heal, not judged where there are fewer."""
LOOK = 5.0
"""Seconds between looks at what each node shows,"""
SOON = 0.3
"""and before what it was told of has come,"""
CALM_LOOK = 0.25
"""and at who could reach whom."""
IDLE = 10.0
"""Seconds at the end in which nobody has anything to say (P14)."""


@frozen
class Outcome:
    """What became of one world."""

    seed: int
    nodes: int
    seconds: float
    violations: tuple[Violation, ...]
    trace: str
    healed: float | None
    """Seconds after the last fault until all were equal."""
    kinds: tuple[str, ...]
    marks: Counter[str]
    plan: tuple[str, ...]
    said: int
    mode: str = ""


@define(eq=False)
class World:
    """Runs one seed."""

    seed: int
    nodes: int
    seconds: float = 120.0
    settings: Settings = field(factory=Settings)
    prunes: bool = False
    """Whether histories are so short that posts are forgotten."""
    forgets: bool = False
    """Whether anything is forgotten by itself."""
    mode: str = ""
    """How it is judged (``modes``)."""
    script: tuple[faults.Fault, ...] | None = None
    """The faults, where they are not to be drawn from the seed."""
    tell: Callable[[str], None] | None = None
    """Told what happens, line by line, if somebody wants to read it."""
    clock: SimClock = field(factory=SimClock)
    hosts: list[Host] = field(factory=list)
    network: SimNetwork = field(init=False)
    checker: Checker = field(init=False)
    chatter: Chatter = field(init=False)
    crowd: Crowd = field(init=False)
    chaos: Chaos = field(init=False)
    impostor: Impostor = field(init=False)
    calm: Calm = field(init=False)
    bounds: Bounds = field(init=False)
    retained: Retained = field(init=False)
    judge: Judge = field(init=False)
    marks: Counter[str] = field(factory=Counter)
    healed: float | None = None
    _hash: Any = field(factory=hashlib.sha256)

    @property
    def quiet(self) -> float:
        """When the last fault is over."""
        return max(self.seconds / 4, self.seconds - SETTLE)

    def run(self) -> Outcome:
        """Let the world go by."""
        plan = self._prepare()
        with self.watched():
            self.clock.run_until(self.quiet)
            self.chaos.heal()
            self.clock.run_until(self.seconds)
            self._last_look()
        kinds = tuple(sorted({fault.what for fault in plan} - {faults.COPY}))
        return Outcome(
            self.seed, self.nodes, self.seconds, tuple(self.checker.violations),
            self._hash.hexdigest(), self.healed, kinds, self.marks,
            tuple(str(fault) for fault in plan), self.crowd.said, self.mode,
        )  # fmt: skip

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While it goes by: what the log tells is judged, and nothing runs on afterwards."""
        watcher = Complaints(lambda text: self.checker.report("I13", "log", text))
        globalLogPublisher.addObserver(watcher)
        try:
            yield
        finally:
            globalLogPublisher.removeObserver(watcher)
            for host in self.hosts:
                host.crash()

    # Before it begins.

    def _rng(self, purpose: str) -> Random:
        return Random(f"{self.seed} {purpose}")  # noqa: S311 - chance, not secrets

    def _prepare(self) -> tuple[faults.Fault, ...]:
        people = self._rng("people")
        plan = self.script
        if plan is None:
            plan = faults.plan(self._rng("faults"), self.nodes, self.quiet)
        usual, drawn = self.settings, None if self.script is not None else plan
        self.settings = knobs.turned(people, self._rng, usual, drawn, self.marks)
        self.prunes |= knobs.histories_differ(self.settings, usual)
        self.forgets = self.prunes or self.marks["a world of short ages"] > 0
        knows = workload.acquaintances(people, self.nodes)
        for index in range(self.nodes):
            peers = tuple(f"10.0.0.{known + 1}:{PORT}" for known in knows[index])
            self.hosts.append(Host(index, self, self._rng(f"host {index}"), peers))
        knobs.reader(self._rng("limits"), self.hosts, self.marks)
        publics = {host.member: host.person.signer.public for host in self.hosts}
        self.checker = Checker(authority().room, self.clock.seconds, publics)
        self.checker.keeps(self.settings.keep_hours * HOUR, self.settings.nonce_hours * HOUR)
        self.checker.mended = self.quiet
        self.chatter = Chatter(self.checker.report)
        self.retained = Retained(
            self.checker.witness, self.checker.report, self.clock.seconds, self.checker.said_at,
            self.marks,
        )  # fmt: skip
        self.crowd = Crowd(self.hosts, self.checker, self.marks, self.trace)
        self.network = SimNetwork(self.clock, self._rng("network"), self.trace, self._written)
        rng = self._rng("chaos")
        self.impostor = Impostor(self, rng, self._rng("gossip"))
        self.chaos = Chaos(self, rng, self.impostor)
        self.calm = Calm(self.clock, self.network, self.hosts)
        self.bounds = Bounds(self.network, self.hosts, self.checker.report)
        self.judge = Judge(
            authority().room, self.clock.seconds, publics, self.checker.report, self.calm.lasted,
            self.calm.awake, {host.member: host.index for host in self.hosts}, self.settings.period,
        )  # fmt: skip
        for host in self.hosts:
            self.network.attach(host)
        acts = self._acts(people, plan)
        self._schedule(plan, acts, workload.arrivals(people, self.nodes, self.quiet))
        return plan

    def _acts(self, people: Random, plan: tuple[faults.Fault, ...]) -> tuple[Act, ...]:
        until = self.quiet + 5.0
        acts = workload.acts(people, self.nodes, plan, until)
        return workload.in_two(
            self._rng("in two"), workload.doubts(self._rng("doubts"), acts, until)
        )

    def _schedule(
        self, plan: tuple[faults.Fault, ...], acts: tuple[Act, ...], arrivals: tuple[float, ...]
    ) -> None:
        later = self.clock.callLater
        for host, at in zip(self.hosts, arrivals, strict=True):
            later(at, self.revive, host)
        for fault in plan:
            later(fault.at, self._strike, fault)
        for act in acts:
            later(act.at, self.crowd.act, act)
        for index, host in enumerate(self.hosts):
            later(LOOK * (1 + index / self.nodes), self._look, host)
        later(self.quiet + 0.5, self._compare)
        later(self.seconds - IDLE, self._idle)
        self.calm.watch(CALM_LOOK)

    # What the parts ask of the world.

    def trace(self, *what: Any) -> None:
        """Something happened: part of the hash."""
        line = repr((round(self.clock.now, 9), *what))
        self._hash.update(line.encode())
        if self.tell is not None:
            self.tell(line[:200])

    def dialled(
        self, host: Host, address: str, expected: MemberId | None, instead: bool = False
    ) -> None:
        """A process dials."""
        self.trace("dial", host.index, address)
        self.network.dial(host, address, expected, instead)

    def died(self, host: Host) -> None:
        """A process was killed at a step."""
        self.end(host)

    def stepped(self, host: Host, name: str) -> None:
        """A process is about to take a step (``sweeps``)."""
        if name == "committed" and self.prunes:
            texts = host.texts()
            self.checker.witness.kept(host, texts)
            self.retained.committed(host, texts, host.settings)

    def gave_up(self, host: Host, reason: str) -> None:
        """A node ends itself (I13): no disk is so ill here that it may."""
        self.failed(host, RuntimeError(f"the node gave up: {reason}"))

    def failed(self, host: Host, problem: BaseException) -> None:
        """Something came out of the product that should not have (I13)."""
        self.checker.report("I13", host.name, Failure(problem).getTraceback())

    def heard(self, host: Host, wire: Lasting, body: bytes) -> None:
        """A whole frame has reached a process."""
        if self.checker.heard(host, wire, body):
            self.clock.callLater(SOON, self._look_soon, host)

    def happened(self, host: Host, event: Any) -> None:
        """A node tells its watchers."""
        if isinstance(event, DeliveryChanged):
            self.checker.changed(host, event.id, event.member, (event.before, event.to))
        elif isinstance(event, PostShown):
            self.checker.verdicts.posted(host, event.id.stream, event.id.seq)
            self.checker.sequence.posted(host, event.id, event.late)
        elif isinstance(event, GapChanged):
            self._gap(host, event)
        elif isinstance(event, LinkChanged):
            self.clock.callLater(0, self.bounds.processes, host)
        elif isinstance(event, FaultNoticed):
            self.checker.faulted(host, event.what)
        if host.shows:
            self.judge.told(host, event, host.presence)
        if mark := marks.of_event(event):
            self.marks[mark] += 1
        if self.tell is not None:
            self.tell(f"{self.clock.now:.3f} {host.name} {event}")

    def end(self, host: Host) -> None:
        """A process ends; sometimes the whole machine does."""
        self._count(host)
        if host.settled:
            self.checker.ends(host, host.view())
        host.crash()
        host.powered = host.rng.random() < 0.7
        self.trace("end", host.index, host.powered)
        self.network.died(host, host.powered)

    def revive(self, host: Host) -> None:
        """Start a process if none runs."""
        if not host.up:
            self.trace("start", host.index)
            self.checker.starts(host)
            host.start()
            if host.shows:
                self.checker.begins(host, host.view())
            self.network.flow()

    def disk_replaced(self, host: Host, to: float | None) -> None:
        """Another disk is in: none, or that of then."""
        self.checker.set_back(host, to)
        self.judge.set_back(host)
        self.retained.disk_changed(host)

    # What happens.

    def _strike(self, fault: faults.Fault) -> None:
        self.trace("fault", str(fault))
        self.marks[f"fault: {fault.what}"] += 1
        self.calm.struck(fault.what, fault.who, fault.other)
        for host in (self.hosts[fault.who], self.hosts[fault.other]):
            self.judge.troubled(host)
        self.chaos.strike(fault)

    def _written(self, source: Machine, target: Machine, data: bytes) -> None:
        assert isinstance(source, Host)
        assert isinstance(target, Host)
        self.checker.witness.written(source, target.member, data)
        self.chatter.written(source.name, data)
        self.judge.written(source, target, data)
        self.impostor.passed(source, target, data)

    # What is looked at.

    def _look(self, host: Host) -> None:
        self.clock.callLater(LOOK, self._look, host)
        if host.node is not None and not host.clock.paused:
            view = host.view()
            self.checker.shown(host, view)
            self.judge.shown(host, host.presence())
            self.bounds.links(host)
            self.bounds.processes(host)
            self.bounds.kept(host, view, self.retained, self.calm)

    def _gap(self, host: Host, event: GapChanged) -> None:
        span = (event.stream, event.first, event.last)
        if event.state == "open":
            self.checker.verdicts.opened(host, *span)
        elif event.state == "closed":
            self.clock.callLater(0, self._gave_up, host, span)

    def _gave_up(self, host: Host, span: Span) -> None:
        views = {other.member: other.view() for other in self.hosts if other.settled}
        if host.member in views:
            self.checker.verdicts.gave_up(host, span, views[host.member], views)

    def _look_soon(self, host: Host) -> None:
        if host.node is not None and not host.clock.paused:
            self.checker.shown(host, host.view())

    def _compare(self) -> None:
        """Have all become equal?  Once they are, they must be so at the end, too."""
        if self._compared(fresh=False):
            self.clock.callLater(0.5, self._compare)
        else:
            self.healed = self.clock.now - self.quiet

    def _idle(self) -> None:
        """All have long been equal, if they are: from now on only probes are sent."""
        if self.healed is not None and self.clock.now - self.quiet - self.healed > IDLE:
            self.judge.count()
            if not self.forgets:
                self.chatter.begin(self.clock.now, self._commits())

    def _commits(self) -> dict[str, int]:
        return {host.name: host.node.counters["commits"] for host in self.hosts if host.node}

    def _compared(self, fresh: bool) -> str:
        down = [host.name for host in self.hosts if host.node is None]
        if down:
            return f"{down} do not run"
        views = {host.name: host.view(fresh) for host in self.hosts}
        if fresh:
            for host in self.hosts:
                self.checker.shown(host, views[host.name])
                self.judge.shown(host, host.presence())
                self.judge.passed(host, host.presence(), self.hosts)
            if self.healed is not None:
                self.checker.verdicts.healed(views)
            self.judge.restless(IDLE, self.settings.period)
            self.chatter.judge(self.clock.now, self.settings.period, self._commits())
        return self.checker.difference(views, self.hosts) or self.retained.lacking(self.hosts)

    def _last_look(self) -> None:
        different = self._compared(fresh=True)
        settled = self.seconds - self.quiet
        if different and settled >= SETTLE:
            self.checker.report("L", "all", f"{settled:g} s after the last fault: {different}")
        self.marks["a letter was offered again"] += self.checker.witness.again
        for host in self.hosts:
            self.bounds.calls(host)
            self._count(host)
            self.trace("disk", host.index, hashlib.sha256(host.copy()).hexdigest())

    def _count(self, host: Host) -> None:
        if (node := host.node) is None:
            return
        counters = node.counters
        self.marks.update(marks.of_counters(counters))
        if counters["commits"]:  # until the first one there are no cores
            for core in (node.cores.membership, node.cores.messaging):
                self.marks.update(marks.of_counters(core.snapshot(node.now()).counters))
        if counters["faults"]:
            self.checker.report("I13", host.name, f"{counters['faults']} turns ended in a fault")
        self.marks.update({f"killed at: {step}": times for step, times in host.steps.items()})
        host.steps.clear()
