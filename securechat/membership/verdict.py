"""
What this node believes of each member, from evidence (DESIGN 5; the study's section 5).

``alive`` needs contact with the member's newest process: of our own, or through a go-between that
brings what the member signed for us just now.  A member that was only heard of, in a claim or from our
own disk, is ``suspect`` until it is reached.  A suspicion lasts ``settings.suspicion``: the longer the
worse we do ourselves, the shorter the more others confirm it, up to as many as make it the shortest:
the word of further ones is shown and does not count.  It ends early by contact, by refused
redials, or by a leave.  Only ``left`` is the member's own word; it wins its epoch, and a later epoch
returns the member.

A timer that is judged late does not judge: after a stall each suspicion gets one more period, in
which the members are dialled first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import define, field

from securechat.effects import Notify
from securechat.ids import MemberId
from securechat.inputs import Instant
from securechat.membership.evidence import Evidence, Ring
from securechat.membership.health import LocalHealth
from securechat.membership.ledger import Ledger
from securechat.membership.liveness import ACCUSES, RENEWS, TRANSITIONS, Sign, idle
from securechat.notices import Liveness, MemberChanged, Roster, Seat, Via
from securechat.settings import Settings

NEVER = float("inf")
LATE = 0.1
"""Seconds beyond one tick after which a deadline is late."""


Confirming = Callable[[MemberId], Iterable[MemberId]]
A, S, U, L = Liveness.ALIVE, Liveness.SUSPECT, Liveness.UNREACHABLE, Liveness.LEFT


@define
class Seen:
    """One member as this node sees it."""

    state: Liveness
    since: Instant
    why: str
    told: Liveness | None = None
    """The state that watchers were told last."""
    at_the_door: bool = False
    """It said HELLO and is about to be linked: that it is not reached yet is no news."""
    heard: float | None = None
    vouched: float | None = None
    """When it signed a nonce of ours last, through a go-between."""
    begun: float = 0.0
    """When the suspicion began, or got its full time again."""
    until: float = NEVER
    """When the suspicion ends."""
    graced: float = 0.0
    """It does not end before this moment, after a stall of ours."""
    accused: bool = False
    """Whether we say something against it: it was reached once, or its suspicion has ended."""
    confirmations: int = 0
    """How many others confirm the suspicion, as it is timed now."""
    needed: int = 0
    """How many make it the shortest."""
    confirmed: set[MemberId] = field(factory=set)
    """Who confirms it, of those who count."""
    nacked: set[MemberId] = field(factory=set)
    ring: Ring = field(factory=Ring)

    @property
    def via(self) -> Via:
        """How it is reached, if it is alive."""
        if self.state is not Liveness.ALIVE:
            return Via.NONE
        if self.vouched is not None and (self.heard is None or self.heard < self.vouched):
            return Via.INDIRECT
        return Via.DIRECT

    def heard_since(self, mono: float) -> bool:
        """Whether it was in contact since then, directly or through others."""
        return any(at is not None and at >= mono for at in (self.heard, self.vouched))


@define
class Verdicts:
    """The states of all other members."""

    _ledger: Ledger
    _settings: Settings
    _health: LocalHealth
    seen: dict[MemberId, Seen] = field(factory=dict, init=False)
    ours: Ring = field(factory=Ring, init=False)
    """What others say against us: shown, and never a verdict."""
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
        if self._health.cut_off:
            self._health.hears(True)
        if seen.state in (S, U):
            self.judge(member, Sign.CONTACT, now, what)

    def greeted(self, member: MemberId) -> None:
        """It is at the door: watchers hear of it once it is in, or once it was awaited in vain."""
        seen = self.seen.get(member)
        if seen is not None and seen.state is not A:
            seen.at_the_door = True

    def vouch(self, member: MemberId, by: MemberId, now: Instant) -> None:
        """It signed our nonce, and a go-between brought it."""
        seen = self.seen.get(member)
        if seen is None:
            return
        before = seen.via
        seen.vouched = now.mono
        if seen.state in (S, U) or before is Via.DIRECT:
            self.judge(member, Sign.VOUCHED, now, "our nonce, signed by it", by)

    def confirm(self, member: MemberId, by: MemberId, now: Instant, what: str) -> None:
        """Another does not hear it either."""
        seen = self.seen.get(member)
        if seen is None:
            return
        if seen.state is S and by in seen.confirmed:
            return
        if seen.state is S and len(seen.confirmed) >= self._needed(seen):
            self.note(member, now, what, "as many as count confirm it already", by)
            return
        if seen.state is S:
            seen.confirmed.add(by)
        self.judge(member, Sign.CONFIRMED, now, what, by)

    def nack(self, member: MemberId, by: MemberId, now: Instant) -> None:
        """A go-between got no answer of it: a confirmation, once for each."""
        seen = self.seen.get(member)
        if seen is None or seen.state is not S:
            return
        if self.state(by) is not A:
            self.note(member, now, "no answer to it either", "its go-between is not alive", by)
            return
        seen.nacked.add(by)
        self.confirm(member, by, now, "no answer to it either")

    def dropped(self, now: Instant) -> None:
        """What was told could not be written: nothing that rests on it may be shown."""
        for member, seen in list(self.seen.items()):
            if member not in self._ledger.held:
                del self.seen[member]
            elif (seen.state is L) != self._ledger.left(member):
                self.join(member, now, self._ledger.me, "what was told last could not be written")
                self.seen[member].told = seen.told
                if seen.heard is not None and now.mono - seen.heard < self._settings.period:
                    self.contact(member, now, "heard just now")

    def judge(
        self, member: MemberId, sign: Sign, now: Instant, what: str, by: MemberId | None = None
    ) -> None:
        """Evidence, if it counts in the member's state."""
        seen = self.seen.get(member)
        if seen is None:
            return
        if why := idle(seen.state, sign):
            self.note(member, now, what, why, by)
            return
        after = TRANSITIONS[seen.state][sign]
        line = Evidence(now.wall_ms, by or self._ledger.me, what, after, True, sign.value)
        if after is not seen.state:
            seen.accused = sign in ACCUSES
            seen.at_the_door = seen.at_the_door and after is S
            seen.state, seen.since, seen.why = after, now, what
            self._moved = True
        elif sign not in RENEWS:
            seen.ring.repeat(line)
            return
        else:
            seen.accused = False
        self._time(seen, now)
        seen.ring.add(line)

    def note(
        self, member: MemberId, now: Instant, what: str, why: str, by: MemberId | None = None
    ) -> None:
        """Evidence that does not count, and why; also of ourselves."""
        me, seen = self._ledger.me, self.seen.get(member)
        if seen is not None:
            seen.ring.repeat(Evidence(now.wall_ms, by or me, what, seen.state, False, why))
        elif member == me:
            state = L if self._ledger.left_in(me, self._ledger.epoch) else A
            self.ours.repeat(Evidence(now.wall_ms, by or me, what, state, False, why))

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
                seen.until = seen.graced = now.mono + self._settings.period
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
        seen.graced, seen.begun, seen.until = 0.0, now.mono, NEVER
        seen.confirmed.clear()
        seen.nacked.clear()
        if seen.state is S:
            self._set(seen, 0, now.mono)

    def _set(self, seen: Seen, confirmed: int, mono: float) -> None:
        """What ends sooner than now ends now: late is only what nobody looked at."""
        score = self._health.score
        needed = self._needed(seen)
        lasts = self._settings.suspicion(self._ledger.size, confirmed, needed, score)
        seen.confirmations, seen.needed = confirmed, needed
        seen.until = max(seen.begun + lasts, seen.graced, min(seen.until, mono))
        self._next = min(self._next, seen.until)

    def retime(self, confirming: Confirming, now: Instant) -> None:
        """Set the end of each suspicion anew, from who confirms it now and how we do ourselves."""
        for member, seen in self.seen.items():
            if seen.state is not S:
                continue
            nacks = {by for by in seen.nacked if self.state(by) is A}
            present = nacks.union(confirming(member))
            for by in sorted(seen.confirmed - present):
                seen.confirmed.discard(by)
                rule = Sign.CONFIRMED.value
                seen.ring.withdraw(by, rule, now.wall_ms, "counts no longer")
            for by in sorted(present - seen.confirmed):
                if len(seen.confirmed) < self._needed(seen):
                    self.confirm(member, by, now, "it does not hear it either")
            self._set(seen, len(seen.confirmed), now.mono)

    def _needed(self, seen: Seen) -> int:
        """K: no more confirmations are waited for than there are others who could give one."""
        able = sum(one.via is Via.DIRECT for one in self.seen.values() if one is not seen)
        return min(self._settings.confirmations(self._ledger.size), able)

    @property
    def suspects(self) -> bool:
        """Whether any suspicion runs."""
        return any(seen.state is S for seen in self.seen.values())

    @property
    def accuses(self) -> bool:
        """Whether we say something against anybody."""
        return any(seen.accused for seen in self.seen.values())

    # Telling.

    def settle(self) -> Iterator[Notify]:
        """What changed in this turn, for watchers; the roster, if a seat did."""
        if not self._moved and not self._ledger.changed:
            return
        self._moved = False
        for member, seen in self.seen.items():
            if seen.told is not seen.state and not (seen.at_the_door and seen.state is S):
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
