"""
One machine: a disk, a clock on the wall, and the process of a real node that may crash at any step.

The node is the one that runs under twistd.  What is put in its place is its clock, its chance, its
boot id and the network; its journal is SQLite in memory, copied as a disk would be.  A crash raises
``Killed`` at a step (of a commit, or before bytes are written), which no ``except Exception`` of the
product can stop; the process never runs again, and its open transaction is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from attrs import define, field

from securechat.errors import HomeError
from securechat.ids import BootId, Hash, MemberId
from securechat.journal.store import Store, StoreError
from securechat.membership.presence import MembershipView
from securechat.messaging.statements import texts_of
from securechat.messaging.views import DirectLine, GapLine
from securechat.node.dispatch import FACTS
from securechat.node.node import Node, Person, Places
from securechat.node.pruning import Pruning
from securechat.objects import Purpose, Signed
from securechat.settings import Settings
from securechat.simulation.arrivals import Ears, Lasting
from securechat.simulation.clock import HostClock, SimClock
from securechat.simulation.network import PORT
from securechat.simulation.observed import Kept, Line, Missing, Seat, Shown, View
from securechat.simulation.people import FOUNDED_MS, person

ALL_LINES = 1_000_000
CALL = "call"
"""The step that every call of the process begins with."""
TEXTS = """SELECT purpose, statement, signature, attachment FROM objects
    WHERE purpose IN ('envelope', 'direct')"""
FACT_COUNTS = "SELECT word, count(*) FROM facts GROUP BY word"
RECORDS = """SELECT (SELECT sum(length(body)) FROM turns),
    (SELECT min(at_ms) FROM facts WHERE word = 'nonce')"""
RETRY_START = 1.0
"""Seconds after which a node that could not start is started again."""


class Killed(BaseException):
    """The process ends here; not an Exception, so that nothing handles it."""


class Around(Protocol):
    """The world, as a host sees it."""

    clock: SimClock
    settings: Settings
    prunes: bool
    """Whether histories are so short that posts are forgotten."""

    def dialled(
        self, host: Host, address: str, expected: MemberId | None, instead: bool = False
    ) -> None:
        """A process dials."""
        ...

    def died(self, host: Host) -> None:
        """A process has ended at a step."""
        ...

    def stepped(self, host: Host, name: str) -> None:
        """A process is about to take a step; may raise ``Killed``."""
        ...

    def failed(self, host: Host, problem: BaseException) -> None:
        """Something came out of the product that should not have."""
        ...

    def disk_replaced(self, host: Host, to: float | None) -> None:
        """Another disk is in: none, or that of then."""
        ...

    def gave_up(self, host: Host, reason: str) -> None:
        """A node ends itself, because its journal cannot be read any more."""
        ...

    def heard(self, host: Host, wire: Lasting, body: bytes) -> None:
        """A whole frame has reached a process."""
        ...

    def happened(self, host: Host, event: Any) -> None:
        """A node tells its watchers."""
        ...


@define(eq=False)
class Host:
    """One machine with its process."""

    index: int
    world: Around
    rng: Random
    peers: tuple[str, ...]
    person: Person = field(init=False)
    name: str = field(init=False)
    member: MemberId = field(init=False)
    address: str = field(init=False)
    powered: bool = True
    clock: HostClock = field(init=False)
    node: Node | None = None
    ears: Ears | None = None
    settings: Settings = field(init=False)
    store: Store | None = None
    disk: bytes = b""
    """What is on the disk while no process runs."""
    wall_offset: float = 0.0
    rate: float = 1.0
    countdown: int = 0
    """Steps until the process is killed; 0 for never."""
    kind: type[Store] = Store
    """What opens the disk: another one has its connections fail (``ill``)."""
    inside: bool = False
    """Whether the process is at work now, and not somebody who looks at its disk."""
    disk_full: bool = False
    full_until: float = 0.0
    """Until then what arrives may be lost, since it could not be written."""
    gave_up: bool = False
    """The process has ended itself, and is not gone yet."""
    starts: int = 0
    started: float = 0.0
    """When the process began."""
    steps: Counter[str] = field(factory=Counter)
    """At which steps processes were killed."""
    _texts: dict[Hash, tuple[str, ...]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.person = person(self.index)
        self.name, self.member = self.person.name, self.person.signer.member
        self.address = f"10.0.0.{self.index + 1}:{PORT}"
        self.settings = self.world.settings
        self.clock = HostClock(self.world.clock, self.guard)
        self.clock.die()

    # Life and death.

    @property
    def up(self) -> bool:
        """Whether a process runs."""
        return self.clock.alive

    @property
    def owner(self) -> Any:
        """The Links of the process that listens."""
        node = self.node
        return self.ears if node is not None and node.listening and self.up else None

    def start(self) -> None:
        """Start a process on what is on the disk."""
        self.powered, self.gave_up = True, False
        self.starts, self.started = self.starts + 1, self.world.clock.now
        self.clock = HostClock(self.world.clock, self.guard)
        self.clock.rate, self.clock.offset = self.rate, self.rng.uniform(0, 1000)
        self.clock.run(self._start)

    def _start(self) -> None:
        try:
            self._run_node()
        except (StoreError, HomeError):
            self.crash()
            self.world.clock.callLater(RETRY_START, self._start_again, self.starts)

    def _run_node(self) -> None:
        self.store = self.kind.deserialize(self.disk, FACTS, self.person.signer.room)
        self.store.before = self._store_step
        if self.store.set_aside:
            self.world.disk_replaced(self, None)
        boot = BootId(f"{self.rng.getrandbits(128):032x}")
        places = Places(f"0.0.0.0:{PORT}", (), self.peers)
        self.node = Node(
            self.person, places, self.settings, boot, self.store, self.clock, self.wall_ms,
            self.rng, self._dial, self._fatal,
        )  # fmt: skip
        self.ears = Ears(self.node.links, self._heard)
        self.node.watchers.append(lambda event: self.world.happened(self, event))
        self.node.start()
        self.node.listening = True
        self.node.tick()
        Pruning(self.store, self.clock, self.wall_ms, self.settings).start()

    def _start_again(self, starts: int) -> None:
        if self.starts == starts and not self.up:
            self.start()

    def crash(self) -> None:
        """The process ends now, wherever it is; its disk is as the last commit left it."""
        self.countdown = 0
        self.clock.die()
        if self.store is not None:
            self.disk = self.store.serialize()
            self.store.crash()
        self.node = self.store = None

    def copy(self) -> bytes:
        """A copy of the disk as it is now."""
        return self.disk if self.store is None else self.store.serialize()

    def wall_ms(self) -> int:
        """The clock on the wall."""
        now = self.world.clock.now * self.rate + self.wall_offset
        return FOUNDED_MS + 86_400_000 + int(now * 1000)

    # Where it can be killed, and where unexpected errors end.

    def guard(self, func: Callable[..., Any], args: tuple[Any, ...], kw: dict[str, Any]) -> None:
        """Make a call of the process."""
        self.inside = True
        try:
            self.world.stepped(self, CALL)
            func(*args, **kw)
        except Killed:
            self.world.died(self)
        except Exception as problem:  # noqa: BLE001 - I13: whatever gets out is a violation
            self.world.failed(self, problem)
        finally:
            self.inside = False

    def step(self, name: str) -> None:
        """One step further; the process may be killed here."""
        if not self.clock.alive:
            raise Killed
        self.world.stepped(self, name)
        if self.countdown:
            self.countdown -= 1
            if not self.countdown:
                self.steps[name] += 1
                raise Killed

    def _store_step(self, name: str) -> None:
        self.step(name)
        if self.disk_full and name != "committed":
            raise StoreError("disk full")

    def _heard(self, wire: Lasting, body: bytes) -> None:
        if self.world.clock.now > self.full_until:
            self.world.heard(self, wire, body)

    def _fatal(self, reason: str) -> None:
        self.gave_up = True
        self.world.gave_up(self, reason)

    def _dial(self, address: str, expected: MemberId | None, instead: bool) -> None:
        self.world.dialled(self, address, expected, instead)

    # What it shows.

    def accepted(self) -> dict[MemberId, set[BootId]]:
        """The processes of each other member from whose links it takes what comes."""
        peers = {} if self.node is None else self.node.links._peers
        return {
            peer: {link.up.boot for link in links if link.up is not None and link.closing is None}
            for peer, links in peers.items()
        }

    def texts(self) -> list[Signed]:
        """All envelopes and direct messages on the disk."""
        return [Signed(Purpose(word), *parts) for word, *parts in self._rows(TEXTS)]

    def kept(self) -> Kept:
        """How much is on the disk."""
        rows = {str(word): int(count) for word, count in self._rows(FACT_COUNTS)}
        (records, nonce), now = self._rows(RECORDS)[0], self.wall_ms()
        return Kept(rows, int(records or 0), (now - int(nonce or now)) / 1000)

    def _rows(self, sql: str) -> list[Any]:
        inside, self.inside = self.inside, False
        try:
            return [] if self.store is None else self.store._connection.execute(sql).fetchall()
        finally:
            self.inside = inside

    def on_disk(self, name: Hash) -> Signed | None:
        """
        The object of this hash that is on the disk now.

        While a transaction is open its connection reads what may never be there: nothing counts then.
        """
        if self.store is None or self.store._connection.in_transaction:
            return None
        inside, self.inside = self.inside, False
        try:
            return self.store.object(name)
        finally:
            self.inside = inside

    @property
    def settled(self) -> bool:
        """Whether it runs, is between two calls, and so shows what it has committed."""
        return self.shows and not self.inside and not self.gave_up

    @property
    def shows(self) -> bool:
        """Whether it runs, and so shows something."""
        return self.node is not None

    def presence(self) -> MembershipView:
        """What the node shows of membership."""
        assert self.node is not None
        return self.node.cores.membership.snapshot(self.node.now())

    def view(self, fresh: bool = False) -> View:
        """What the node shows; with ``fresh`` every text is read from its disk again."""
        node = self.node
        assert node is not None
        membership = self.presence()
        messaging = node.cores.messaging
        lines: list[Line] = []
        for line in messaging.transcript(after="", limit=ALL_LINES).lines:
            if isinstance(line, GapLine):
                told = tuple((answered.member, answered.answer) for answered in line.asked)
                lines.append(Missing(line.stream, line.first, line.last, line.verdict, told))
                continue
            signed = self.on_disk(line.hash) if fresh else None
            to = line.to if isinstance(line, DirectLine) else None
            own = () if line.state is None else messaging.delivery(line.id)
            lines.append(
                Shown(line.id, self._text(line.hash, line.index, signed), to, line.state,
                      line.acked, signed, line.of, tuple((one.member, one.state) for one in own),
                      own[0].evidence if to is not None and own else "", line.late)
            )  # fmt: skip
        seats = tuple(
            Seat(member.member, member.state, member.epoch, member.incarnation)
            for member in membership.members
        )
        digest = messaging.snapshot(node.now()).digest
        links = frozenset(link.peer for link in node.links.view())
        return View(seats, digest, tuple(lines), self.world.prunes, links)

    def _text(self, name: Hash, index: int, signed: Signed | None) -> str:
        texts = self._texts.get(name)
        if texts is None or signed is not None:
            found = signed or self.on_disk(name)
            texts = texts_of(found) if found is not None else ()
            self._texts[name] = texts
        return texts[index] if index < len(texts) else f"(text {index} is not on disk)"
