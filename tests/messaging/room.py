"""
A room without nodes: messaging cores joined by wires in memory, with a store of their own each.

Objects are signed and checked as the door does it; what a core records is applied and kept as the
journal would, so that a core can be made anew from its facts at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import attrs
from attrs import define, field

from securechat.effects import Answer, Effect, Fact, Forget, Notify, Record, Send
from securechat.errors import LocalError, RemoteError
from securechat.ids import BootId, Hash, MemberId
from securechat.inputs import (
    Asked,
    Ending,
    Instant,
    LinkDown,
    LinkUp,
    Received,
    Say,
    StreamEnd,
    Tell,
    Tick,
)
from securechat.membership.messages import Alive
from securechat.messaging.core import Messaging
from securechat.messaging.facts import FACTS
from securechat.messaging.messages import MESSAGES, Frontiers
from securechat.messaging.statements import STATEMENTS, texts_of
from securechat.messaging.views import DirectLine, GapLine, Page, PostLine
from securechat.notices import Liveness, Roster, Seat
from securechat.objects import Admitted, Purpose, Signed
from securechat.settings import Settings
from securechat.signing import Signer, object_hash, verify
from securechat.wire import LENGTH, Codec, pack, unpack

ROOM = "r" * 52
CODEC = Codec(MESSAGES, STATEMENTS)
START_MS = 1_700_000_000_000


@cache
def signer(number: int) -> Signer:
    """The signer of the member with this number."""
    return Signer.from_seed(ROOM, bytes([number]) * 32)


@cache
def member_of(number: int) -> MemberId:
    """The id of the member with this number."""
    return signer(number).member


PUBLIC = {signer(number).member: signer(number).public for number in range(1, 18)}


def admit(signed: Signed, seen: bool = False) -> Admitted[Any]:
    """What the door makes of an object; RemoteError if it is not in order."""
    statement = CODEC.statement(signed.purpose, signed.statement)
    statement.check(signed.attachment)
    if not verify(ROOM, PUBLIC[statement.author], signed):
        raise RemoteError("bad-signature")
    return Admitted(object_hash(ROOM, signed), statement.author, statement, signed, seen)


def sign(number: int, statement: Any, attachment: bytes = b"") -> Signed:
    """A statement signed by a member."""
    purpose = next(p for p, kind in STATEMENTS.items() if kind is type(statement))
    return signer(number).sign(purpose, pack(statement), attachment)


@define
class Disk:
    """What a store keeps: facts by key in commit order, and the objects that each key owns."""

    facts: dict[str, Fact] = field(factory=dict)
    objects: dict[str, dict[Hash, Signed]] = field(factory=dict)

    def record(self, record: Record) -> None:
        """One record of a turn."""
        if isinstance(record.fact, Forget):
            for key in record.fact.keys:
                self.facts.pop(key, None)
                self.objects.pop(key, None)
            return
        key = record.fact.key
        assert FACTS[key.partition("/")[0]] is type(record.fact), key
        assert unpack(type(record.fact), pack(record.fact)) == record.fact
        assert record.fact.words
        self.facts.pop(key, None)
        self.facts[key] = record.fact
        if record.objects:
            self.objects[key] = {object_hash(ROOM, signed): signed for signed in record.objects}

    def object(self, name: Hash) -> Signed:
        """A stored object."""
        return next(owned[name] for owned in self.objects.values() if name in owned)

    def copy(self) -> Disk:
        """The same disk at another place."""
        return Disk(dict(self.facts), {key: dict(row) for key, row in self.objects.items()})


@define(eq=False)
class Member:
    """One member: a core, its disk, what it told."""

    number: int
    room: Room
    disk: Disk = field(factory=Disk)
    epoch: int = 1
    settings: Settings = field(factory=Settings)
    core: Messaging = field(init=False)
    boot: BootId = field(init=False)
    answers: dict[int, Any] = field(factory=dict)
    notices: list[Any] = field(factory=list)
    errors: list[str] = field(factory=list)
    sent: list[Send] = field(factory=list)
    tickets: int = 0
    frozen: bool = False
    """A process that is stopped: frames wait for it."""
    skew_ms: int = 0
    """How far its clock on the wall is ahead."""

    def __attrs_post_init__(self) -> None:
        self.boot = BootId(f"{self.number:02x}{self.epoch:04x}".ljust(32, "0"))
        self.begin()

    @property
    def now(self) -> Instant:
        """The time, as it reads its clocks."""
        return Instant(self.room.mono, self.room.wall_ms + self.skew_ms)

    @property
    def id(self) -> MemberId:
        """Its member id."""
        return member_of(self.number)

    def begin(self, fresh: bool = True) -> None:
        """A core made from the disk."""
        self.core = Messaging(signer(self.number), self.boot, self.settings, None)
        for fact in self.disk.facts.values():
            self.core.apply(fact)
        self.do(self.core.start(self.now, fresh))

    def restart(self, epoch: int | None = None, boot: str | None = None) -> None:
        """A new process on the same disk."""
        self.epoch = self.epoch + 1 if epoch is None else epoch
        self.boot = BootId((boot or f"{self.number:02x}{self.epoch:04x}").ljust(32, "0"))
        self.begin()

    def rebuilt(self) -> Messaging:
        """Another core from the same facts, to be compared."""
        core = Messaging(signer(self.number), self.boot, self.settings, None)
        for fact in self.disk.facts.values():
            core.apply(fact)
        return core

    def do(self, effects: Iterable[Effect]) -> list[Effect]:
        """Apply facts at once; the rest is performed as it comes."""
        found = list(effects)
        for effect in found:
            if isinstance(effect, Record):
                self.core.apply(effect.fact)
                self.disk.record(effect)
        for effect in found:
            if isinstance(effect, Send):
                self.sent.append(effect)
                self.room.carry(self, effect)
            elif isinstance(effect, Answer):
                self.answers[effect.ticket] = effect.value
            elif isinstance(effect, Notify):
                self.notices.append(effect.notice)
        return found

    def turn(self, effects: Iterable[Effect]) -> list[Effect]:
        """One turn of one input."""
        found = self.do(effects)
        return found + self.end()

    def end(self) -> list[Effect]:
        """The end of a turn."""
        return [effect for part in self.core.settle(self.now) for effect in self.do(part)]

    def ask(self, command: Any) -> Any:
        """A command and its answer; a LocalError is raised."""
        self.tickets += 1
        ticket = self.tickets
        self.turn(self.core.asked(Asked(ticket, command), self.now))
        answer = self.answers.pop(ticket)
        if isinstance(answer, LocalError):
            raise answer
        return answer

    def say(self, text: str, nonce: str | None = None) -> Any:
        """Post to the room."""
        return self.ask(Say(text, nonce))

    def tell(self, other: Member, text: str, nonce: str | None = None) -> Any:
        """Send a direct message."""
        return self.ask(Tell(other.id, text, nonce))

    def say_all(self, texts: Iterable[str]) -> list[Any]:
        """Several posts in one turn."""
        first = self.tickets + 1
        for text in texts:
            self.tickets += 1
            self.do(self.core.asked(Asked(self.tickets, Say(text)), self.now))
        self.end()
        return [self.answers.pop(ticket) for ticket in range(first, self.tickets + 1)]

    def receive(self, peer: MemberId, message: Any) -> None:
        """A message of a peer, through the door."""
        admitted = tuple(
            admit(signed, seen=self.core.holds(object_hash(ROOM, signed)))
            for signed in getattr(message, "objects", ())
        )
        try:
            self.turn(self.core.received(Received(peer, 1, message, admitted), self.now))
        except RemoteError as problem:
            self.errors.append(problem.reason)
            self.turn([])

    def page(self, **how: Any) -> Page:
        """A page of the transcript."""
        return self.core.transcript(**{"limit": 1000, **how})

    def lines(self, **how: Any) -> list[PostLine | DirectLine]:
        """The messages of the transcript."""
        return [line for line in self.page(**how).lines if not isinstance(line, GapLine)]

    def gaps(self) -> list[tuple[int, int]]:
        """The gaps of the transcript, as ranges."""
        return [(x.first, x.last) for x in self.page().lines if isinstance(x, GapLine)]

    def texts(self, **how: Any) -> list[str]:
        """The transcript as texts; a gap as its range."""
        found = []
        for line in self.page(**how).lines:
            if isinstance(line, GapLine):
                found.append(f"[{line.first}-{line.last}]")
            else:
                found.append(texts_of(self.disk.object(line.hash))[line.index])
        return found

    @property
    def digest(self) -> str:
        """The digest, in hex."""
        return self.core.snapshot(self.now).digest


@define(eq=False)
class Room:
    """Members, links between them, and a clock."""

    mono: float = 1000.0
    wall_ms: int = START_MS
    members: dict[MemberId, Member] = field(factory=dict)
    links: set[frozenset[MemberId]] = field(factory=set)
    _frames: deque[tuple[MemberId, MemberId, bytes]] = field(factory=deque)

    @property
    def now(self) -> Instant:
        """The time."""
        return Instant(self.mono, self.wall_ms)

    def member(self, number: int, **how: Any) -> Member:
        """A new member, in nobody's roster yet."""
        made = Member(number, self, **how)
        self.members[made.id] = made
        return made

    def roster(self, *members: Member) -> None:
        """Everybody knows these (all, if none is named)."""
        known = members or tuple(self.members.values())
        for member in members or self.members.values():
            self.seat(member, *known)

    def seat(self, member: Member, *known: Member) -> None:
        """One member's roster."""
        seats = {other.id: Seat(other.id, Liveness.ALIVE, other.epoch) for other in known}
        seats[member.id] = Seat(member.id, Liveness.ALIVE, member.epoch)
        notice = Roster(tuple(seats[name] for name in sorted(seats)))
        member.turn(member.core.noticed(notice, member.now))

    def link(self, one: Member, other: Member) -> None:
        """A link comes up."""
        self.links.add(frozenset((one.id, other.id)))
        for a, b in ((one, other), (other, one)):
            a.turn(a.core.link_up(_up(b, b.core.ends_of(a.id)), a.now))

    def unplug(self, one: Member, other: Member) -> None:
        """Nothing passes any more, what was on its way is lost, and nobody is told."""
        self.links.discard(frozenset((one.id, other.id)))
        pair = {one.id, other.id}
        self._frames = deque(frame for frame in self._frames if {*frame[:2]} != pair)

    def told(
        self, member: Member, peer: Member, *ends: StreamEnd, ours: Alive | None = None
    ) -> None:
        """A link on which the peer says what it holds of the member: ends of streams, its Alive."""
        self.links.add(frozenset((member.id, peer.id)))
        up = _up(peer, ends)
        if ours is not None:
            signed = signer(member.number).sign(Purpose.ALIVE, pack(ours))
            held = Admitted(object_hash(ROOM, signed), member.id, ours, signed, False)
            up = attrs.evolve(up, ours=held)
        member.turn(member.core.link_up(up, member.now))

    def cut(self, one: Member, other: Member) -> None:
        """A link ends; what was on its way is lost."""
        self.unplug(one, other)
        for a, b in ((one, other), (other, one)):
            a.turn(a.core.link_down(LinkDown(b.id, 1, Ending.RST, "", None, False), a.now))

    def mesh(self, *members: Member) -> None:
        """Everybody is linked to everybody."""
        them = members or tuple(self.members.values())
        for index, one in enumerate(them):
            for other in them[index + 1 :]:
                self.link(one, other)

    def carry(self, sender: Member, send: Send) -> None:
        """Put a message on its link, as bytes."""
        if frozenset((sender.id, send.peer)) not in self.links:
            return
        message = send.message
        if send.objects:
            served = tuple(sender.disk.object(name) for name in send.objects)
            if isinstance(message, Frontiers):
                served = tuple(attrs.evolve(signed, attachment=b"") for signed in served)
            message = attrs.evolve(message, objects=message.objects + served)
        self._frames.append((sender.id, send.peer, CODEC.frame(message)))

    def run(self) -> None:
        """Carry everything that is on its way."""
        waiting: list[tuple[MemberId, MemberId, bytes]] = []
        while self._frames:
            frame = self._frames.popleft()
            if self.members[frame[1]].frozen:
                waiting.append(frame)
                continue
            message = CODEC.message(frame[2][LENGTH:])
            try:
                self.members[frame[1]].receive(frame[0], message)
            except RemoteError as problem:
                problem.message = type(message).__name__
                self._refused(self.members[frame[1]], self.members[frame[0]], problem)
        self._frames.extend(waiting)

    def _refused(self, member: Member, peer: Member, problem: RemoteError) -> None:
        """What the door does with a peer that breaks the protocol: it loses its link."""
        member.errors.append(problem.reason)
        self.unplug(member, peer)
        for a, b in ((member, peer), (peer, member)):
            offence = problem.message if a is member else ""
            down = LinkDown(b.id, 1, Ending.PROTOCOL, problem.reason, None, False, offence)
            a.turn(a.core.link_down(down, self.now))

    def tick(self, step: float = 0.05) -> None:
        """Time passes by one step; both LoopingCalls fire."""
        self.run()
        self.mono += step
        self.wall_ms += round(step * 1000)
        for member in self.members.values():
            if member.frozen:
                continue
            for name in ("deadlines", "probing"):
                if member.core.due(Tick(name), member.now):
                    member.turn(member.core.tick(Tick(name), member.now))
        self.run()

    def wait(self, seconds: float, step: float = 0.05) -> None:
        """Time passes."""
        for _ in range(round(seconds / step)):
            self.tick(step)


def _up(peer: Member, ends: tuple[StreamEnd, ...]) -> LinkUp:
    nothing: Any = None
    return LinkUp(peer.id, 1, peer.epoch, peer.boot, "", None, "", nothing, ends=ends)


def code_of(call: Callable[..., Any], *args: Any) -> int:
    """The code with which a call is refused; 0 if it is not."""
    try:
        call(*args)
    except LocalError as problem:
        return problem.code
    return 0


def three() -> tuple[Room, Member, Member, Member]:
    """Ada, bob and carol, all linked."""
    room = Room()
    ada, bob, carol = (room.member(number) for number in (1, 2, 3))
    room.roster()
    room.mesh()
    room.run()
    return room, ada, bob, carol
