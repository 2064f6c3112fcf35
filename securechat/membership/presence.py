"""
Presence: liveness with its evidence, as the admin port shows it.

Frozen values, made when somebody asks.  ``suspect`` and ``unreachable`` are this node's view; only
``left`` comes from the member itself (DESIGN 2, G8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from attrs import define, frozen

from securechat.ids import BootId, MemberId
from securechat.inputs import Instant
from securechat.membership.announce import Announce
from securechat.membership.evidence import Evidence
from securechat.membership.health import LocalHealth
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.probing import Probing
from securechat.membership.restart import Restart
from securechat.membership.verdict import Seen, Verdicts
from securechat.notices import Liveness, Via


@frozen
class Suspicion:
    """The clock of a suspicion."""

    ends_in: float
    """Seconds."""
    confirmed: int
    """Others that do not hear it either."""
    of: int
    """So many make it the shortest."""


@frozen
class MemberView:
    """One member; our own node among them."""

    member: MemberId
    name: str
    state: Liveness
    via: Via
    epoch: int
    incarnation: int
    boot: BootId
    since: int
    """When the state began, wall time in ms."""
    last_heard: float | None
    """Seconds since the last authenticated contact; None if this process had none; 0 for us."""
    rtt_ms: float | None
    address: str | None
    """Where it is linked, else where it was last reached, else where it says that it listens."""
    evidence: tuple[Evidence, ...]
    suspicion: Suspicion | None = None
    """While it is suspect."""


@frozen
class MembershipView:
    """Everything membership shows, at one moment."""

    me: MemberId
    name: str
    epoch: int
    incarnation: int
    boot: BootId
    members: tuple[MemberView, ...]
    """In order of member id, our own node among them."""
    digest: str
    """Of all (member, version, left) held; equal views have equal digests."""
    silent: bool
    """Another process has our key: we stopped speaking."""
    leaving: bool
    """Goodbye was said."""
    cut_off: bool
    """Nobody at all is heard."""
    health: int
    """The local health score, from 0 (well) to 7."""
    conflict: str
    """What is known of another process with our key; empty if nothing."""
    counters: Mapping[str, int]

    def get(self, member: MemberId) -> MemberView | None:
        """One member's view."""
        return next((view for view in self.members if view.member == member), None)


@define
class Presence:
    """Makes the views."""

    _name: str
    _ledger: Ledger
    _links: LinkTable
    _verdicts: Verdicts
    _probing: Probing
    _announce: Announce
    _restart: Restart
    _health: LocalHealth
    _counters: Counter[str]
    _since: int = 0

    def start(self, now: Instant) -> None:
        """Since when we are alive."""
        self._since = now.wall_ms

    def view(self, now: Instant) -> MembershipView:
        """Everything, at this moment."""
        said = self._announce.said
        conflict = self._ledger.conflict
        views = [self._other(member, seen, now) for member, seen in self._verdicts.seen.items()]
        views.append(self._ourselves())
        return MembershipView(
            me=self._ledger.me,
            name=self._name,
            epoch=self._ledger.epoch,
            incarnation=said.incarnation if said is not None else 0,
            boot=self._announce.boot,
            members=tuple(sorted(views, key=lambda view: view.member)),
            digest=self._ledger.digest.hex(),
            silent=self._restart.silent,
            leaving=self._announce.leaving,
            cut_off=self._health.cut_off,
            health=self._health.score,
            conflict=conflict.words if conflict is not None else "",
            counters=dict(self._counters),
        )

    def _ourselves(self) -> MemberView:
        said = self._announce.said
        leaving = self._announce.leaving
        return MemberView(
            member=self._ledger.me,
            name=self._name,
            state=Liveness.LEFT if leaving else Liveness.ALIVE,
            via=Via.NONE if leaving else Via.DIRECT,
            epoch=self._ledger.epoch,
            incarnation=said.incarnation if said is not None else 0,
            boot=self._announce.boot,
            since=self._since,
            last_heard=0.0,
            rtt_ms=None,
            address=said.addresses[0] if said is not None and said.addresses else None,
            evidence=self._verdicts.ours.lines,
        )

    def _other(self, member: MemberId, seen: Seen, now: Instant) -> MemberView:
        row, said = self._ledger.row(member), self._ledger.alive(member)
        rtt = self._probing.rtt(member)
        return MemberView(
            member=member,
            name=self._ledger.keyring.named(member),
            state=seen.state,
            via=seen.via,
            epoch=row.epoch,
            incarnation=row.incarnation,
            boot=said.boot if said is not None else BootId(""),
            since=seen.since.wall_ms,
            last_heard=None if seen.heard is None else max(0.0, now.mono - seen.heard),
            rtt_ms=None if rtt is None else rtt * 1000,
            address=self._address(member),
            evidence=seen.ring.lines,
            suspicion=self._suspicion(seen, now),
        )

    def _suspicion(self, seen: Seen, now: Instant) -> Suspicion | None:
        if seen.state is not Liveness.SUSPECT:
            return None
        left = max(0.0, seen.until - now.mono)
        return Suspicion(left, seen.confirmations, seen.needed)

    def _address(self, member: MemberId) -> str | None:
        for link in reversed(self._links.of(member)):
            return link.address
        said = self._ledger.alive(member)
        told = said.addresses if said is not None else ()
        places = (*self._ledger.reached.get(member, ()), *told)
        return places[0] if places else None
