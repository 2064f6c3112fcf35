"""
One node: both cores, the journal and the links, put together around the turn.

The same object runs under twistd and in the simulation; it is handed its clock, its wall clock, its
chance, its store and a way to dial, and opens nothing by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from securechat.ids import BootId, MemberId
from securechat.inputs import Command, Damaged, Instant, Tick
from securechat.journal.store import Store
from securechat.keyring import Keyring
from securechat.membership import parts
from securechat.membership.core import Membership
from securechat.membership.presence import MembershipView
from securechat.messaging.core import Messaging
from securechat.messaging.views import MessagingView
from securechat.node.checking import Checking
from securechat.node.dispatch import CARRIES, Cores, codec
from securechat.node.door import Door
from securechat.node.faults import Cable, Fault
from securechat.node.handshake import PROTOCOL, Hello
from securechat.node.links import Links
from securechat.node.log import fault, note
from securechat.node.perform import Dialer, Perform
from securechat.node.turn import Turn
from securechat.node.wires import LinkView
from securechat.notices import (
    ClockNoticed,
    Conflict,
    Event,
    FaultNoticed,
    HealthChanged,
    Liveness,
    MemberChanged,
)
from securechat.objects import Signed
from securechat.settings import MAX_ENDS, Settings
from securechat.signing import Signer

DEADLINES_INTERVAL = 0.05
OF_HEALTH = (MemberChanged, FaultNoticed, Conflict)
"""Events after which live, ready or joined may not be what they were."""
LOGGED = (Conflict, ClockNoticed, FaultNoticed)


class Chance(Protocol):
    """What the node needs of a random.Random."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    def shuffle(self, x: Any) -> None:
        """Shuffle a list in place."""
        ...


@frozen
class Person:
    """Who runs the node, in which room."""

    name: str
    signer: Signer
    certificate: bytes
    room_name: str
    room_certificate: bytes


@frozen
class Places:
    """Where the node listens and whom it dials at first."""

    listen: str
    advertise: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()


@frozen
class NodeView:
    """Everything the admin port may show, at one moment."""

    at: Instant
    name: str
    room_name: str
    room: str
    uptime: float
    settings: Settings
    read_only: str
    ready: bool
    """Keys loaded, listening, journal writable, and no other process with our key speaks."""
    joined: bool
    """At least one other member is alive."""
    membership: MembershipView
    messaging: MessagingView
    keyring: Keyring
    links: tuple[LinkView, ...]
    refusals: dict[str, str]
    faults: tuple[Fault, ...]
    counters: dict[str, int]
    turn: int


@define(eq=False)
class Node:
    """The running node; ``start`` before any socket opens, ``stop`` after the last."""

    person: Person
    places: Places
    settings: Settings
    boot: BootId
    store: Store
    _clock: IReactorTime
    _wall: Callable[[], int]
    _rng: Chance
    _dial: Dialer
    _fatal: Callable[[str], None]
    listening: bool = False
    me: MemberId = field(init=False)
    counters: Counter[str] = field(factory=Counter, init=False)
    links: Links = field(init=False)
    cable: Cable = field(init=False)
    watchers: list[Callable[[Event], None]] = field(factory=list, init=False)
    _turn: Turn = field(init=False)
    _perform: Perform = field(init=False)
    _door: Door = field(init=False)
    _ticks: list[LoopingCall] = field(factory=list, init=False)
    _checking: Checking = field(init=False)
    _health: HealthChanged = field(default=HealthChanged(True, False, False), init=False)
    _started: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        signer = self.person.signer
        self.me = signer.member
        self._door = Door(
            codec(), signer.room, self.person.room_certificate, self._keyring, self._holds, CARRIES
        )
        self._turn = Turn(
            self._clock, self.now, self._make_cores, self.store, self._door, self.settings,
            self.counters, self.tell, self._fatal,
        )  # fmt: skip
        self.cable = Cable(self.settings.faults, self._rng)
        self.links = Links(
            self, self._door, self._clock, self._wall, self.settings, self.cable, self.counters
        )
        self.store.noticed = self._damaged
        self._checking = Checking(self.store, self._clock)
        self._turn.links = self.links
        self._perform = Perform(
            self.links, self._door, self.store, self._dial, self.settings, self.counters,
            self._clock,
        )  # fmt: skip
        self._turn.perform = self._perform

    # Life.

    def start(self) -> None:
        """Replay the journal, raise the epoch and commit it; StoreError if that cannot be done."""
        self._started = self._clock.seconds()
        self._turn.start()
        self.store.broken = self._turn.damaged
        note("node-started", name=self.person.name, epoch=self.cores.membership.epoch)

    def tick(self) -> None:
        """Start the two LoopingCalls, ``probing`` and ``deadlines``, and the check of the disk."""
        intervals = {
            "probing": self.settings.probing_interval,
            "deadlines": DEADLINES_INTERVAL,
        }
        for name, interval in intervals.items():
            call = LoopingCall(self._ticked, Tick(name))
            call.clock = self._clock
            call.start(interval, now=False)
            self._ticks.append(call)
        self._checking.start()

    def stop(self) -> None:
        """Close the links with a goodbye, write what waits; the store stays open."""
        for call in self._ticks:
            if call.running:
                call.stop()
        self._checking.stop()
        self.links.stop()
        self._turn.stop()
        self._perform.stop()
        note("node-stopped", name=self.person.name, turn=self._turn.number)

    # Questions and commands.

    def input(self, command: Command) -> Deferred[Any]:
        """Ask the cores for something; fires after the commit, or fails with a LocalError."""
        return self._turn.ask(command)

    @property
    def cores(self) -> Cores:
        """Both cores, for reading only."""
        return self._turn.cores

    def now(self) -> Instant:
        """This moment."""
        return Instant(self._clock.seconds(), self._wall())

    def snapshot(self) -> NodeView:
        """A frozen view of everything at this moment."""
        now = self.now()
        return NodeView(
            at=now,
            name=self.person.name,
            room_name=self.person.room_name,
            room=self.person.signer.room,
            uptime=now.mono - self._started,
            settings=self.settings,
            read_only=self._turn.read_only,
            ready=self.ready,
            joined=self.joined,
            membership=self.cores.membership.snapshot(now),
            messaging=self.cores.messaging.snapshot(now),
            keyring=self._keyring(),
            links=self.links.view(),
            refusals={**self.links.refusals.strangers, **self.links.refusals.known},
            faults=self.cable.active(),
            counters=dict(self.counters),
            turn=self._turn.number,
        )

    def statement(self, signed: Signed) -> Any:
        """What a stored object says."""
        return self._door.codec.statement(signed.purpose, signed.statement)

    # What the links ask of their node (links.Home).

    def hello(self, peer: MemberId) -> Hello:
        """What we say first: who we are now, and what we hold of you."""
        membership = self.cores.membership
        yours = membership.alive_of(peer)
        return Hello(
            protocol=PROTOCOL,
            epoch=membership.epoch,
            boot=self.boot,
            addresses=self.places.advertise[:4],
            objects=(membership.alive, yours) if yours is not None else (membership.alive,),
            ends=self.cores.messaging.ends_of(peer)[:MAX_ENDS],
        )

    def held(self, peer: MemberId) -> tuple[int, BootId, Signed] | None:
        """The newest incarnation of a peer that we hold, with its proof."""
        proof = self.cores.membership.alive_of(peer)
        if proof is None:
            return None
        statement = self.statement(proof)
        return statement.epoch, BootId(statement.boot), proof

    def put(self, item: Any) -> None:
        """An input for the next turn."""
        self._turn.put(item)

    def tell(self, event: Any) -> None:
        """Log an event and show it to whoever watches; a change of health follows its cause."""
        if not isinstance(event, Event):
            return
        self._show(event)
        if isinstance(event, OF_HEALTH):
            self.check_health()

    def check_health(self) -> None:
        """Tell watchers if live, ready or joined are not what they were."""
        health = HealthChanged(True, self.ready, self.joined)
        if health != self._health:
            self._health = health
            self._show(health)

    @property
    def ready(self) -> bool:
        """Keys loaded, listening, journal writable, and no other process with our key speaks."""
        return self.listening and not self._turn.read_only and not self.cores.membership.silent

    @property
    def joined(self) -> bool:
        """Whether at least one other member is alive."""
        members = self.cores.membership.snapshot(self.now()).members
        return any(seen.state is Liveness.ALIVE and seen.member != self.me for seen in members)

    def _show(self, event: Event) -> None:
        self.counters[f"events.{event.event}"] += 1
        self._log_event(event)
        for watcher in tuple(self.watchers):
            try:
                watcher(event)
            except Exception as problem:  # noqa: BLE001 - who looks on must not stop what happens
                fault("watcher-fault", problem, type=event.event)

    # Parts.

    def _make_cores(self) -> Cores:
        person, places = self.person, self.places
        member = parts.Person(
            person.signer, person.name, person.certificate, self.boot, places.listen,
            places.advertise, places.peers,
        )  # fmt: skip
        membership = Membership(member, self.settings, self._rng)
        messaging = Messaging(person.signer, self.boot, self.settings, self._rng)
        return Cores(membership, messaging)

    def _keyring(self) -> Keyring:
        return self.cores.membership.keyring

    def _holds(self, name: Any) -> bool:
        return self.cores.holds(name)

    def _damaged(self, owner: str) -> None:
        self.put(Damaged(owner))

    def _ticked(self, tick: Tick) -> None:
        """An exception would stop a LoopingCall for good, so none gets out."""
        try:
            now = self.now()
            if self.cores.membership.due(tick, now) or self.cores.messaging.due(tick, now):
                self.put(tick)
        except Exception as problem:  # noqa: BLE001
            fault("tick-fault", problem, tick=tick.name)

    def _log_event(self, event: Event) -> None:
        if isinstance(event, MemberChanged):
            name = self._keyring().named(event.member)
            note(
                "member-changed", name=name, before=event.before, to=event.to, why=event.why,
                turn=self._turn.number,
            )  # fmt: skip
        elif isinstance(event, LOGGED):
            note(event.event, what=event.what, turn=self._turn.number)
