"""
What this node believes of each member, from evidence (DESIGN 5; the study's section 5).

``alive`` needs contact of our own with the member's newest process.  A member that was only heard of,
in a claim or from our own disk, is ``suspect`` until it is reached.  A suspicion lasts
``settings.suspicion_max`` and ends early by contact, by two refused redials, or by a leave.
Only ``left`` is the member's own word; it wins its epoch, and a later epoch returns the member.

A timer that is judged late does not judge: after a stall each suspicion gets one more period, in
which the members are dialled first.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from attrs import define, field

from securechat.effects import Notify
from securechat.ids import MemberId
from securechat.inputs import Instant
from securechat.membership.evidence import Evidence, Ring
from securechat.membership.ledger import Ledger
from securechat.notices import Liveness, MemberChanged, Roster, Seat
from securechat.settings import Settings

NEVER = float("inf")
LATE = 0.1
"""Seconds beyond one tick after which a deadline is late."""


class Sign(Enum):
    """What evidence says."""

    CONTACT = "it was in contact with us, as its newest process"
    LINK_ENDED = "its last link ended, and not for bookkeeping"
    SILENCE = "a probe round brought no ack and nothing was heard meanwhile"
    REFUSED_TWICE = "two redials were refused where it was reached before"
    TIME_IS_UP = "the suspicion lasted its full time"
    NEWS = "a newer claim of it came from others"
    RESTARTED = "a claim of a later process of it came"
    LEAVE = "its signed leave of its newest epoch is held"


A, S, U, L = Liveness.ALIVE, Liveness.SUSPECT, Liveness.UNREACHABLE, Liveness.LEFT

TRANSITIONS: dict[Liveness, dict[Sign, Liveness]] = {
    A: {
        Sign.CONTACT: A,
        Sign.LINK_ENDED: S,
        Sign.SILENCE: S,
        Sign.REFUSED_TWICE: A,
        Sign.TIME_IS_UP: A,
        Sign.NEWS: A,
        Sign.RESTARTED: S,
        Sign.LEAVE: L,
    },
    S: {
        Sign.CONTACT: A,
        Sign.LINK_ENDED: S,
        Sign.SILENCE: S,
        Sign.REFUSED_TWICE: U,
        Sign.TIME_IS_UP: U,
        Sign.NEWS: S,
        Sign.RESTARTED: S,
        Sign.LEAVE: L,
    },
    U: {
        Sign.CONTACT: A,
        Sign.LINK_ENDED: U,
        Sign.SILENCE: U,
        Sign.REFUSED_TWICE: U,
        Sign.TIME_IS_UP: U,
        Sign.NEWS: S,
        Sign.RESTARTED: S,
        Sign.LEAVE: L,
    },
    L: {
        Sign.CONTACT: L,
        Sign.LINK_ENDED: L,
        Sign.SILENCE: L,
        Sign.REFUSED_TWICE: L,
        Sign.TIME_IS_UP: L,
        Sign.NEWS: L,
        Sign.RESTARTED: S,
        Sign.LEAVE: L,
    },
}
RENEWS = frozenset({Sign.NEWS, Sign.RESTARTED})
"""The signs after which a suspicion has its full time again."""


@define
class Seen:
    """One member as this node sees it."""

    state: Liveness
    since: Instant
    why: str
    told: Liveness | None = None
    """The state that watchers were told last."""
    heard: float | None = None
    until: float = NEVER
    """When the suspicion ends."""
    graced: bool = False
    ring: Ring = field(factory=Ring)


@define
class Verdicts:
    """The states of all other members."""

    _ledger: Ledger
    _settings: Settings
    seen: dict[MemberId, Seen] = field(factory=dict, init=False)
    _next: float = field(default=NEVER, init=False)
    _roster: Roster | None = field(default=None, init=False)
    _moved: bool = field(default=False, init=False)
    """Whether a state may have changed since the last settling."""

    def start(self, now: Instant) -> None:
        """From disk: who left, and who is heard of but not yet reached."""
        for member in self._ledger.others:
            self.join(member, now, self._ledger.me, "known from before the start")
            self.seen[member].told = self.seen[member].state

    def join(self, member: MemberId, now: Instant, by: MemberId, what: str) -> None:
        """A member is in the roster from now on."""
        left = self._ledger.left(member)
        why = "its leave is held" if left else "heard of, not yet reached"
        seen = Seen(L if left else S, now, why)
        self.seen[member] = seen
        self._moved = True
        self._time(seen, now)
        seen.ring.add(Evidence(now.wall_ms, by, what, seen.state, True, why))

    def contact(self, member: MemberId, now: Instant, what: str = "bytes on its link") -> None:
        """It is there: the most frequent evidence, and the cheapest."""
        seen = self.seen.get(member)
        if seen is None:
            return
        seen.heard = now.mono
        if seen.state in (S, U):
            self.judge(member, Sign.CONTACT, now, what)

    def judge(
        self, member: MemberId, sign: Sign, now: Instant, what: str, by: MemberId | None = None
    ) -> None:
        """Evidence that counts."""
        seen = self.seen.get(member)
        if seen is None:
            return
        after = TRANSITIONS[seen.state][sign]
        line = Evidence(now.wall_ms, by or self._ledger.me, what, after, True, sign.value)
        if after is not seen.state:
            seen.state, seen.since, seen.why = after, now, what
            self._moved = True
            self._time(seen, now)
            seen.ring.add(line)
            return
        if after is S and sign in RENEWS:
            self._time(seen, now)
        seen.ring.repeat(line)

    def note(self, member: MemberId, now: Instant, what: str, why: str) -> None:
        """Evidence that does not count, and why."""
        seen = self.seen.get(member)
        if seen is not None:
            line = Evidence(now.wall_ms, self._ledger.me, what, seen.state, False, why)
            seen.ring.repeat(line)

    def state(self, member: MemberId) -> Liveness | None:
        """What is believed of a member."""
        seen = self.seen.get(member)
        return None if seen is None else seen.state

    # Suspicion.

    def due(self, mono: float) -> bool:
        """Whether a suspicion may have ended."""
        return mono >= self._next

    def tick(self, now: Instant, late: float) -> tuple[MemberId, ...]:
        """Judge the suspicions that ended; the members that became unreachable."""
        gone = []
        for member, seen in self.seen.items():
            if seen.until > now.mono:
                continue
            if now.mono - seen.until > late and not seen.graced:
                seen.until = now.mono + self._settings.period
                seen.graced = True
                self.note(member, now, "suspicion ended during a stall of ours", "one more period")
                continue
            self.judge(member, Sign.TIME_IS_UP, now, self._silence(seen, now))
            gone.append(member)
        self._next = min((seen.until for seen in self.seen.values()), default=NEVER)
        return tuple(gone)

    def _silence(self, seen: Seen, now: Instant) -> str:
        if seen.heard is None:
            return "not reached since this node started"
        return f"nothing heard for {now.mono - seen.heard:.1f} s"

    def _time(self, seen: Seen, now: Instant) -> None:
        """Start or stop the clock of a suspicion."""
        seen.graced = False
        seen.until = NEVER
        if seen.state is S:
            seen.until = now.mono + self._settings.suspicion_max(self._ledger.size)
            self._next = min(self._next, seen.until)

    # Telling.

    def settle(self) -> Iterator[Notify]:
        """What changed in this turn, for watchers; the roster, if a seat did."""
        if not self._moved and not self._ledger.changed:
            return
        self._moved = False
        for member, seen in self.seen.items():
            if seen.told is not seen.state:
                yield Notify(MemberChanged(member, seen.told, seen.state, seen.why))
                seen.told = seen.state
        roster = self.roster(self._ledger.epoch)
        if roster != self._roster:
            self._roster = roster
            yield Notify(roster)

    def start_notice(self, epoch: int) -> Notify:
        """The whole state, for messaging, before a socket opens."""
        self._roster = self.roster(epoch)
        return Notify(self._roster)

    def roster(self, epoch: int) -> Roster:
        """Everybody, ourselves in this epoch."""
        me = self._ledger.me
        seats = [Seat(me, L if self._ledger.left_in(me, epoch) else A, epoch)]
        for member, seen in self.seen.items():
            seats.append(Seat(member, seen.state, self._ledger.row(member).epoch))
        return Roster(tuple(sorted(seats, key=lambda seat: seat.member)))
