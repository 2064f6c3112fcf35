"""
A member that runs another program: what it says once more, and what it puts into others' mouths.

Its frames go out on a true link of its own.  It repeats what its node wrote there: posts and what goes
with them, and of membership claims, questions for others, vouches, nacks and rows.  It forges posts in
the names of others, says what is no message at all, and accuses whom it likes.
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any, Protocol

from attrs import define, evolve, field

from securechat.ids import MemberId
from securechat.inputs import Ending
from securechat.membership.messages import Alive, Observation, Rows
from securechat.membership.presence import MembershipView
from securechat.messaging.messages import MESSAGES, Posts
from securechat.messaging.statements import Envelope, attachment_of
from securechat.node.dispatch import codec
from securechat.node.node import Person
from securechat.objects import Purpose, Signed
from securechat.signing import object_hash
from securechat.simulation.faults import Fault
from securechat.simulation.network import SimNetwork
from securechat.simulation.streams import Phase
from securechat.wire import LENGTH, Codec, pack

KEPT = 24
"""Frames kept for a replay, per direction, of messaging and of membership each."""
FIRST_SPOKEN = min(MESSAGES)
REPEATED = frozenset({18, *range(20, 25)})
"""What is kept of membership: all but probes and the questions for claims."""
NONSENSE = 0.12
"""Forgeries, of all, that are no message at all,"""
ALTERED = 0.3
"""those up to which one is a post of somebody else, altered,"""
SLANDER = 0.8
"""and those from which on one is an accusation."""


class Site(Protocol):
    """A machine with its process."""

    index: int
    name: str
    member: MemberId
    person: Person

    @property
    def shows(self) -> bool:
        """Whether it runs, and so shows something."""
        ...

    def presence(self) -> MembershipView:
        """What the node shows of membership."""
        ...


class Judged(Protocol):
    """Who has to know what such a member says."""

    def brought(self, to: Any, said: Envelope | Alive) -> None:
        """Something comes to a node once more."""
        ...

    def accused(self, rows: Rows) -> None:
        """Somebody says this against others."""
        ...


class Around(Protocol):
    """The world, as an impostor sees it."""

    network: SimNetwork

    @property
    def judge(self) -> Judged:
        """The judge of membership."""
        ...


@define(eq=False)
class Impostor:
    """All members of one world that run another program now and then."""

    _world: Around
    _rng: Random
    _whim: Random
    """Chance in what it says of membership."""
    _frames: dict[tuple[int, int], list[bytes]] = field(factory=dict)
    _gossip: dict[tuple[int, int], list[bytes]] = field(factory=dict)
    """The same, of membership."""
    _codec: Codec = field(factory=codec)

    def passed(self, source: Site, target: Site, data: bytes) -> None:
        """Frames that a replay may bring again."""
        way = (source.index, target.index)
        said, gossip = self._frames.setdefault(way, []), self._gossip.setdefault(way, [])
        start = 0
        while start < len(data):
            end = start + LENGTH + int.from_bytes(data[start : start + LENGTH], "big")
            code = data[start + LENGTH + 1]
            if code >= FIRST_SPOKEN:
                said.append(data[start:end])
            elif code in REPEATED:
                gossip.append(data[start:end])
            start = end
        del said[:-KEPT], gossip[:-KEPT]

    def replay(self, fault: Fault, who: Site, other: Site) -> None:
        """What was said to somebody comes once more, in any order."""
        way = (who.index, other.index)
        frames = list(self._frames.get(way, ()))
        self._rng.shuffle(frames)
        gossip = list(self._gossip.get(way, ()))
        self._whim.shuffle(gossip)
        for frame in (*frames, *gossip):
            for signed in getattr(self._codec.message(frame[LENGTH:]), "objects", ()):
                said = self._statement(signed)
                if isinstance(said, Envelope | Alive):
                    self._world.judge.brought(other, said)
        self._inject(who, other, b"".join((*frames, *gossip)))

    def forge(self, fault: Fault, who: Site, other: Site) -> None:
        """Words put into somebody's mouth: an altered post, or one more in his stream; or worse."""
        if fault.amount < NONSENSE:
            self._inject(who, other, self._cut_short(who, other))
        elif fault.amount > SLANDER:
            self._accuse(who, other)
        elif said := self._posts_of_others(who):
            make = self._altered if fault.amount < ALTERED else self._one_more
            forged = make(self._rng.choice(said), who)
            self._inject(who, other, self._codec.frame(Posts((forged,))))

    def _posts_of_others(self, who: Site) -> list[Signed]:
        return [
            signed
            for frames in self._frames.values()
            for frame in frames
            for signed in getattr(self._codec.message(frame[LENGTH:]), "objects", ())
            if signed.purpose is Purpose.ENVELOPE
            and signed.attachment
            and self._statement(signed).author != who.member
        ]

    def _statement(self, signed: Signed) -> Any:
        return self._codec.statement(signed.purpose, signed.statement)

    def _accuse(self, who: Site, other: Site) -> None:
        """A row against one or all of those that the other knows, itself among them."""
        if not other.shows:
            return
        known = [row for row in other.presence().members if row.member != who.member]
        if self._whim.random() < 0.5:
            known = self._whim.sample(known, min(1, len(known)))
        rows = Rows(
            0,
            tuple(
                Observation(
                    row.member,
                    row.epoch,
                    row.incarnation,
                    self._whim.choice(("suspect", "unreachable")),
                    self._whim.random() < 0.5,
                )
                for row in known
            ),
        )
        self._world.judge.accused(rows)
        self._inject(who, other, self._codec.frame(rows))

    def _cut_short(self, who: Site, other: Site) -> bytes:
        """A frame whose last byte is missing, and whose length says so."""
        frames = self._frames.get((who.index, other.index), [])
        body = frames[-1][LENGTH:-1] if frames else b"?"
        return len(body).to_bytes(LENGTH, "big") + body

    def _altered(self, signed: Signed, who: Site) -> Signed:
        where = self._rng.choice(("statement", "attachment", "signature"))
        content = bytearray(getattr(signed, where))
        content[-1] ^= 1
        altered: Signed = evolve(signed, **{where: bytes(content)})  # type: ignore[arg-type]
        return altered

    def _one_more(self, signed: Signed, who: Site) -> Signed:
        """Everything is right but for the signature, which is the forger's own."""
        signer = who.person.signer
        envelope = self._statement(signed)
        texts = attachment_of((f"forged by {who.name}, {self._rng.random()}",))
        more = evolve(
            envelope,
            first=envelope.last + 1,
            count=1,
            previous=object_hash(signer.room, signed),
            hlc=envelope.hlc + 1,
            body=hashlib.sha256(texts).digest(),
            opening=None,
        )
        return signer.sign(Purpose.ENVELOPE, pack(more), texts)

    def _inject(self, who: Site, other: Site, frames: bytes) -> None:
        for ends in self._world.network.between(who, other):
            for end in ends:
                open_ = end.phase is Phase.OPEN and Ending.FIN not in end.pipe.items
                if frames and open_ and end.machine is who and end.heard:
                    self._world.network.inject(end, frames)
