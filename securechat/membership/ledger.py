"""
What is known for good: epoch, claims, leaves, addresses.  Changes in ``apply`` only.

From it are derived the keyring (a frozen value, replaced when a key or certificate changes and at no
other time) and the digest of the view: SHA-256 over the sorted (member, version, left) of all members.
"""

from __future__ import annotations

import hashlib

from attrs import define, field

from securechat.certificates import read_judged
from securechat.effects import Fact, Forget, Record
from securechat.ids import BootId, Hash, MemberId, Version
from securechat.inputs import Instant, LinkUp
from securechat.keyring import Key, Keyring
from securechat.membership.claims import Claim, Held
from securechat.membership.facts import (
    AddressesKnown,
    ClaimHeld,
    ConflictSeen,
    EpochRaised,
    LeaveHeld,
)
from securechat.membership.messages import Alive, Leave, Row
from securechat.objects import Signed
from securechat.settings import MAX_CERTIFICATES
from securechat.signing import object_hash
from securechat.wire import pack


@define
class Ledger:
    """The durable state of membership."""

    me: MemberId
    room: str
    epoch: int = field(default=0, init=False)
    boot: BootId = field(default=BootId(""), init=False)
    """Of the process that raised the epoch last."""
    held: dict[MemberId, Held] = field(factory=dict, init=False)
    reached: dict[MemberId, tuple[str, ...]] = field(factory=dict, init=False)
    conflict: ConflictSeen | None = field(default=None, init=False)
    keyring: Keyring = field(factory=Keyring, init=False)
    told_by: dict[Hash, MemberId] = field(factory=dict, init=False)
    """Who gave us each claim that is held."""
    changed: dict[Hash, Claim] = field(factory=dict, init=False)
    """Claims held since the last settling."""
    _digest: bytes | None = field(default=None, init=False)

    # Changes.

    def apply(self, fact: Fact | Forget) -> None:
        """One fact, live or in replay."""
        if isinstance(fact, ClaimHeld):
            self._claim_held(fact)
        elif isinstance(fact, LeaveHeld):
            said = Leave(fact.member, fact.epoch, fact.incarnation)
            self._hold(self._claim(said, fact.signed, BootId("")), fact.via)
        elif isinstance(fact, AddressesKnown):
            self.reached[fact.member] = fact.addresses
        elif isinstance(fact, EpochRaised):
            self.epoch, self.boot = fact.epoch, fact.boot
        elif isinstance(fact, ConflictSeen):
            self.conflict = fact

    def _claim_held(self, fact: ClaimHeld) -> None:
        said = Alive(fact.member, fact.epoch, fact.incarnation, fact.boot, fact.addresses)
        self._hold(self._claim(said, fact.signed, fact.boot), fact.via)
        key = Key(fact.member, fact.name, fact.public, fact.signed.attachment)
        if self.keyring.get(fact.member) != key:
            self.keyring = Keyring({**self.keyring.keys, fact.member: key})

    def _claim(self, said: Alive | Leave, signed: Signed, boot: BootId) -> Claim:
        name = object_hash(self.room, signed)
        return Claim(said.author, said.version, boot, name, said, signed)

    def _hold(self, claim: Claim, via: MemberId) -> None:
        before = self.held.get(claim.member, Held())
        after = before.with_claim(claim)
        self.held[claim.member] = after
        for old in (before.alive, before.leave):
            if old is not None and old not in (after.alive, after.leave):
                self.told_by.pop(old.hash, None)
                self.changed.pop(old.hash, None)
        if claim in (after.alive, after.leave) and claim.hash not in self.told_by:
            self.told_by[claim.hash] = via
            self.changed[claim.hash] = claim
        self._digest = None

    # Questions.

    @property
    def digest(self) -> bytes:
        """Equal views have equal digests."""
        if self._digest is None:
            rows = sorted((row.member, row.epoch, row.incarnation, row.left) for row in self.rows())
            self._digest = hashlib.sha256(pack(rows)).digest()[:8]
        return self._digest

    def rows(self) -> tuple[Row, ...]:
        """What is held of each member, for who asks what is newer; in order of id."""
        return tuple(self.row(member) for member in sorted(self.held))

    def row(self, member: MemberId) -> Row:
        """What is held of one member."""
        held = self.held.get(member, Held())
        version = held.alive.version if held.alive is not None else Version(0)
        return Row(member, version.epoch, version.incarnation, held.left)

    def alive(self, member: MemberId) -> Alive | None:
        """The newest Alive of a member."""
        held = self.held.get(member)
        if held is None or held.alive is None:
            return None
        said = held.alive.statement
        return said if isinstance(said, Alive) else None

    def newest(self, link: LinkUp) -> bool:
        """Whether a link is of its member's newest process."""
        said = self.alive(link.peer)
        return said is not None and (said.epoch, said.boot) == (link.epoch, link.boot)

    def signed(self, member: MemberId) -> Signed | None:
        """The newest Alive of a member as it was signed."""
        held = self.held.get(member)
        return held.alive.signed if held is not None and held.alive is not None else None

    @property
    def own(self) -> Signed:
        """Our own newest Alive; there is one from the first start on."""
        signed = self.signed(self.me)
        if signed is None:
            raise RuntimeError("membership was not started")
        return signed

    def version(self, member: MemberId) -> Version | None:
        """The version of a member's newest Alive."""
        alive = self.alive(member)
        return alive.version if alive is not None else None

    def left(self, member: MemberId) -> bool:
        """Whether a member's newest epoch ended with a leave."""
        held = self.held.get(member)
        return held is not None and held.left

    def left_in(self, member: MemberId, epoch: int) -> bool:
        """Whether a member said a leave in this epoch or a later one."""
        held = self.held.get(member)
        return held is not None and held.leave is not None and held.leave.version.epoch >= epoch

    @property
    def others(self) -> tuple[MemberId, ...]:
        """The roster without us."""
        return tuple(member for member in self.held if member != self.me)

    @property
    def size(self) -> int:
        """Members of the roster, ourselves counted."""
        return len(self.held) or 1

    @property
    def room_left(self) -> int:
        """How many further certificates may be held."""
        return MAX_CERTIFICATES - len(self.held)

    # Facts to record.

    def record(self, claim: Claim, via: MemberId, now: Instant) -> Record:
        """The fact that holds a claim, owning what was signed."""
        said, signed = claim.statement, claim.signed
        if isinstance(said, Leave):
            version = said.version
            fact: Fact = LeaveHeld(
                now.wall_ms, said.author, version.epoch, version.incarnation, signed, via
            )
            return Record(fact, (signed,))
        key = self.keyring.get(claim.member)
        if key is None or key.certificate != signed.attachment:
            read = read_judged(signed.attachment)
            key = Key(claim.member, read.name, read.public, signed.attachment)
        fact = ClaimHeld(
            at=now.wall_ms,
            member=said.author,
            epoch=said.epoch,
            incarnation=said.incarnation,
            boot=said.boot,
            addresses=said.addresses,
            name=key.name,
            public=key.public,
            signed=signed,
            via=via,
        )
        return Record(fact, (signed,))
