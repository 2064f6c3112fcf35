"""
One membership core on a bench: its effects are applied as the turn applies them.

Claims come from real keys and certificates of a throw-away room, and pass the real door.
"""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

from attrs import define, field
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from securechat.certificates import Authority, found_authority
from securechat.effects import Dial, Effect, Hangup, Notify, Record, Send
from securechat.ids import BootId, MemberId
from securechat.inputs import (
    Asked,
    DialFailed,
    DialOutcome,
    Ending,
    Goodbye,
    Heard,
    Instant,
    LinkDown,
    LinkUp,
    Received,
    Refused,
    Tick,
)
from securechat.membership.core import Membership
from securechat.membership.messages import MESSAGES, STATEMENTS, Alive, Leave
from securechat.membership.parts import Person
from securechat.membership.presence import MemberView
from securechat.node.dispatch import CARRIES
from securechat.node.door import Door
from securechat.notices import Liveness
from securechat.objects import Admitted, Purpose, Signed
from securechat.settings import Settings
from securechat.signing import Signer, object_hash
from securechat.wire import Codec, pack

WALL = 1_800_000_000_000
PROBING, DEADLINES = Tick("probing"), Tick("deadlines")
CODEC = Codec(MESSAGES, STATEMENTS)
NAMES = ("ada", "bob", "carol", "dave")


def boot(word: str) -> BootId:
    """A boot id made from a word of hex digits."""
    return BootId((word * 32)[:32])


@cache
def authority() -> Authority:
    """The room of all tests."""
    key = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
    return found_authority("lab", WALL, key=key, serial=1)


@define(frozen=True)
class Someone:
    """A member as the others meet it: its key and certificate."""

    name: str
    signer: Signer = field(eq=False)
    certificate: bytes

    @property
    def id(self) -> MemberId:
        """Its member id."""
        return self.signer.member

    def alive(
        self, epoch: int = 1, incarnation: int = 0, word: str = "a", *addresses: str
    ) -> Admitted[Any]:
        """Its signed Alive as the door hands it over."""
        said = Alive(self.id, epoch, incarnation, boot(word), addresses)
        return self._admitted(said, Purpose.ALIVE, self.certificate)

    def leave(self, epoch: int = 1, incarnation: int = 0) -> Admitted[Any]:
        """Its signed Leave."""
        return self._admitted(Leave(self.id, epoch, incarnation), Purpose.LEAVE, b"")

    def _admitted(self, said: Any, purpose: Purpose, attachment: bytes) -> Admitted[Any]:
        signed = self.signer.sign(purpose, pack(said), attachment)
        return Admitted(object_hash(self.signer.room, signed), self.id, said, signed)


@cache
def someone(name: str) -> Someone:
    """A member of the room; the same name gives the same key."""
    room = authority()
    key = name.encode().ljust(32, b".")
    signer = Signer.from_seed(room.room, key)
    return Someone(name, signer, room.issue(name, signer.public, WALL))


@define
class Bench:
    """A membership core, its facts and its effects."""

    name: str = "ada"
    listen: str = "0.0.0.0:7400"
    advertise: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    preset: str = "lan"
    boot: BootId = boot("0")
    mono: float = 1000.0
    wall: int = WALL
    seed: int = 1
    facts: list[Record] = field(factory=list)
    effects: list[Effect] = field(factory=list)
    """Of everything since ``forget``, without records."""
    core: Membership = field(init=False)
    numbers: int = 0

    def __attrs_post_init__(self) -> None:
        self.core = self.new()

    @property
    def me(self) -> Someone:
        """Whose core this is."""
        return someone(self.name)

    @property
    def now(self) -> Instant:
        """The time on the bench."""
        return Instant(self.mono, self.wall)

    def new(self) -> Membership:
        """A core that was told nothing."""
        me = self.me
        person = Person(
            me.signer, me.name, me.certificate, self.boot, self.listen, self.advertise, self.peers
        )
        return Membership(person, Settings(preset=self.preset), Random(self.seed))

    # As the turn does it.

    def turn(self, *answers: list[Effect]) -> list[Effect]:
        """Apply the records of one turn and settle; the effects without records."""
        out: list[Effect] = []
        for effects in answers:
            out += self.absorb(effects)
        out += self.absorb(self.core.settle(self.now))
        self.effects += out
        return out

    def absorb(self, effects: list[Effect]) -> list[Effect]:
        """Apply the records; the others."""
        for effect in effects:
            if isinstance(effect, Record):
                self.facts.append(effect)
                self.core.apply(effect.fact)
        return [effect for effect in effects if not isinstance(effect, Record)]

    def start(self, fresh: bool = True) -> Bench:
        """Replay what is on disk, and start."""
        self.core = self.new()
        for record in self.facts:
            self.core.apply(record.fact)
        self.turn(self.core.start(self.now, fresh))
        return self

    def restart(self, word: str) -> Bench:
        """Another process on the same disk."""
        self.boot = boot(word)
        self.effects.clear()
        return self.start()

    def wait(self, seconds: float) -> list[Effect]:
        """Time passes, with its ticks; all effects."""
        out: list[Effect] = []
        for _ in range(round(seconds / 0.05)):
            self.mono = round(self.mono + 0.05, 6)
            self.wall += 50
            out += self.ticks()
        return out

    def sleep(self, seconds: float) -> None:
        """Time passes without a tick: the process is stopped."""
        self.mono += seconds
        self.wall += int(seconds * 1000)

    def ticks(self) -> list[Effect]:
        """Both ticks, if they have anything to do."""
        out: list[Effect] = []
        for tick in (PROBING, DEADLINES):
            if self.core.due(tick, self.now):
                out += self.turn(self.core.tick(tick, self.now))
        return out

    # What happens to it.

    def link(
        self,
        who: Someone,
        alive: Admitted[Any] | None = None,
        dialled: str | None = None,
        ours: Admitted[Any] | None = None,
        local: str = "10.0.0.1:5000",
    ) -> int:
        """A link to a member comes up; its number."""
        alive = alive or who.alive()
        self.numbers += 1
        said = alive.statement
        up = LinkUp(
            who.id, self.numbers, said.epoch, said.boot, dialled or "10.9.9.9:4444", dialled,
            local, alive, ours,
        )  # fmt: skip
        self.turn(self.core.link_up(up, self.now))
        return self.numbers

    def cut(
        self, who: Someone, number: int, how: Ending = Ending.FIN, linked: bool = False
    ) -> list[Effect]:
        """A link ends."""
        down = LinkDown(who.id, number, how, "", None, linked)
        return self.turn(self.core.link_down(down, self.now))

    def dial_failed(
        self, who: Someone | None, address: str, how: DialOutcome, reason: str = ""
    ) -> list[Effect]:
        """A dial gives no link."""
        member = who.id if who is not None else None
        return self.turn(self.core.dial_failed(DialFailed(address, member, how, reason), self.now))

    def refused(
        self, who: Someone, proof: Admitted[Any] | None = None, live: bool = False
    ) -> list[Effect]:
        """A peer refuses our handshake."""
        return self.turn(self.core.refused(Refused(who.id, "stale-epoch", proof, live), self.now))

    def receive(self, who: Someone, message: Any, number: int = 1) -> list[Effect]:
        """A message comes in through the real door."""
        door = Door(
            CODEC, authority().room, authority().certificate, lambda: self.core.keyring,
            self.core.holds, CARRIES,
        )  # fmt: skip
        message = CODEC.message(CODEC.frame(message)[4:])
        received = door.admit(who.id, number, message)
        answers = [self.core.received(received, self.now)]
        if received.unknown:
            answers.append(self.core.unknown(received, self.now))
        return self.turn(*answers)

    def received(self, received: Received) -> list[Effect]:
        """A message as the door hands it over."""
        return self.turn(self.core.received(received, self.now))

    def heard(self, who: Someone, number: int = 1) -> list[Effect]:
        """Bytes come in."""
        return self.turn(self.core.heard(Heard(who.id, number), self.now))

    def goodbye(self) -> list[Effect]:
        """The operator stops the node."""
        return self.turn(self.core.asked(Asked(7, Goodbye()), self.now))

    # What is seen of it.

    def member(self, who: Someone) -> MemberView:
        """How it shows a member."""
        view = self.core.snapshot(self.now).get(who.id)
        if view is None:
            raise LookupError(who.name)
        return view

    def state(self, who: Someone) -> Liveness:
        """What it believes of a member."""
        return self.member(who).state

    def signed_facts(self, word: str) -> list[Any]:
        """The facts of one kind, in order."""
        return [r.fact for r in self.facts if r.fact.__class__.__name__ == word]


def sends(effects: list[Effect], kind: type[Any], to: Someone | None = None) -> list[Any]:
    """The messages of one class, to one member or to all."""
    return [
        effect.message
        for effect in effects
        if isinstance(effect, Send)
        and isinstance(effect.message, kind)
        and (to is None or effect.peer == to.id)
    ]


def notices(effects: list[Effect], kind: type[Any]) -> list[Any]:
    """The notices of one class."""
    return [e.notice for e in effects if isinstance(e, Notify) and isinstance(e.notice, kind)]


def dials(effects: list[Effect]) -> list[Dial]:
    """The dials."""
    return [effect for effect in effects if isinstance(effect, Dial)]


def hangups(effects: list[Effect]) -> list[tuple[MemberId, str]]:
    """Who is hung up on, and why."""
    return [(e.peer, e.reason) for e in effects if isinstance(e, Hangup)]


def objects(messages: list[Any]) -> list[Signed]:
    """All signed objects of these messages."""
    return [signed for message in messages for signed in message.objects]
