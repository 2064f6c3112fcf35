"""
Epochs: a fresh start, a lost or rolled-back disk, a copied home (DESIGN 5, restart).

Each fresh start raises the epoch by one, on disk before any socket opens.  A claim signed with our
key that is newer than ours, and that this process did not sign, was said by another process.  If no
link of that process is live, our disk was rolled back: we jump past it and close our links to say so.
If one is live, there are two of us: we jump once, and when that other process, known by its boot id,
has gone on from there within ten minutes, live or not, we stop speaking and say so; if both happen to
be in one epoch, only the one with the smaller boot id stops.

Where nobody says whether the other is live (a claim in the hands of a third), it counts as not live,
but the fourth such jump within ten minutes counts as live: two processes are outbidding each other.
So they are if we jumped past the other and it is live now, just one further: who jumped first is the
older one, and it stops.

That a process is live is the bare word of a peer, and of a member whose disk was set back others hold
claims of several processes: so another process than the one in conflict is jumped past as well, whoever
calls it live; only the fourth jump in ten minutes would be one too many.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field

from securechat.effects import Effect, Hangup, Notify, Record
from securechat.ids import BootId, MemberId
from securechat.inputs import Instant
from securechat.membership.announce import Announce
from securechat.membership.dialing import Dialing
from securechat.membership.facts import ConflictSeen, EpochRaised
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.messages import Alive, Leave
from securechat.membership.probing import Probing
from securechat.notices import Conflict

WINDOW = 600.0
"""Ten minutes: within them the second conflict stops this process."""
MAX_JUMPS = 3


class Speech(Enum):
    """Where this process stands."""

    SPEAKING = "speaking"
    WARNED = "met a live process with its key within ten minutes, and jumped past it"
    SILENT = "stopped speaking: another process has its key"


class Proof(Enum):
    """
    A claim signed with our key.

    Of processes that we met: past which we jumped within ten minutes.  Once these were three, any
    further claim counts as one of theirs, and as live.
    """

    OURS = "said by this process, or older than it"
    PAST = "newer, of a process that we did not meet, and no link of it is known to be live"
    LIVE = "the same, and live; or live and of our own epoch, with a smaller boot id than ours"
    AGAIN = "newer, of a process that we met, and no link of it is known to be live"
    AGAIN_LESSER = "the same, and of our own epoch, with a smaller boot id than ours"
    AGAIN_LIVE = "newer, of a process that we met, and live"
    OUTBID = "the same, and just one epoch above ours: it has jumped past us"


class Step(Enum):
    """What we do."""

    NOTHING = "nothing"
    JUMP = "take an epoch past it, and close our links to say so"
    JUMP_WARNED = "the same, and remember the conflict"
    STOP = "stop speaking, and say so"


TRANSITIONS: dict[Speech, dict[Proof, Step]] = {
    Speech.SPEAKING: {
        Proof.OURS: Step.NOTHING,
        Proof.PAST: Step.JUMP,
        Proof.LIVE: Step.JUMP_WARNED,
        Proof.AGAIN: Step.JUMP,
        Proof.AGAIN_LESSER: Step.JUMP,
        Proof.AGAIN_LIVE: Step.JUMP_WARNED,
        Proof.OUTBID: Step.STOP,
    },
    Speech.WARNED: {
        Proof.OURS: Step.NOTHING,
        Proof.PAST: Step.JUMP,
        Proof.LIVE: Step.JUMP_WARNED,
        Proof.AGAIN: Step.STOP,
        Proof.AGAIN_LESSER: Step.JUMP_WARNED,
        Proof.AGAIN_LIVE: Step.STOP,
        Proof.OUTBID: Step.STOP,
    },
    Speech.SILENT: dict.fromkeys(Proof, Step.NOTHING),
}


@define
class Restart:
    """The epoch of this process, and whether it may speak."""

    _ledger: Ledger
    _links: LinkTable
    _announce: Announce
    _dialing: Dialing
    _probing: Probing
    _jumps: list[tuple[float, BootId]] = field(factory=list, init=False)
    """When we jumped, by the clock that never steps, and past whom."""
    _warned: float | None = field(default=None, init=False)
    """When the conflict was, by the same clock."""

    def start(self, now: Instant) -> list[Effect]:
        """A fresh start: the next epoch, and our Alive in it."""
        return self._raise(self.next_epoch, "the node started", now)

    @property
    def next_epoch(self) -> int:
        """One past whatever our disk knows of."""
        held = self._ledger.held.get(self._announce.me)
        claims = (held.alive, held.leave) if held is not None else ()
        epochs = [claim.version.epoch for claim in claims if claim is not None]
        return max([self._ledger.epoch, *epochs]) + 1

    def speech(self, now: Instant) -> Speech:
        """Where this process stands."""
        if self.silent:
            return Speech.SILENT
        return Speech.SPEAKING if self._conflict_lately(now) is None else Speech.WARNED

    @property
    def silent(self) -> bool:
        """Whether this process stopped speaking."""
        conflict = self._ledger.conflict
        return conflict is not None and conflict.stopped and conflict.boot == self._announce.boot

    def proved(self, claim: Alive | Leave, live: bool, now: Instant) -> list[Effect]:
        """Somebody holds a claim signed with our key."""
        proof = self._weigh(claim, live, now)
        step = TRANSITIONS[self.speech(now)][proof]
        if step is Step.NOTHING or self._announce.leaving:
            return []
        effects: list[Effect] = []
        if step is not Step.JUMP:
            effects += self._conflict(claim, step is Step.STOP, now)
            self._warned = now.mono
        if step is Step.STOP:
            self._dialing.stop()
            self._probing.stop()
        else:
            self._jumps = [*self._jumps[-MAX_JUMPS:], (now.mono, boot_of(claim))]
            why = f"another process of ours had reached epoch {claim.epoch}"
            effects += self._raise(max(claim.epoch, self._ledger.epoch) + 1, why, now)
        reason = "conflict" if step is Step.STOP else "epoch-raised"
        return [*effects, *(Hangup(peer, reason) for peer in self._links.peers)]

    def _weigh(self, claim: Alive | Leave, live: bool, now: Instant) -> Proof:
        epoch, mine, boot = self._ledger.epoch, self._announce.boot, boot_of(claim)
        if claim.epoch < epoch or boot == mine:
            return Proof.OURS
        passed = [other for at, other in self._jumps if now.mono - at < WINDOW]
        many = len(passed) >= MAX_JUMPS
        conflict = self._conflict_lately(now)
        if conflict is not None:
            passed.append(conflict.other_boot)
        met = isinstance(claim, Alive) and boot in passed
        lesser = claim.epoch == epoch and "" < boot < mine
        if live or many:
            if met and claim.epoch == epoch + 1:
                return Proof.OUTBID
            return Proof.AGAIN_LIVE if (met or many) and not lesser else Proof.LIVE
        if met:
            return Proof.AGAIN_LESSER if lesser else Proof.AGAIN
        return Proof.PAST

    def _conflict_lately(self, now: Instant) -> ConflictSeen | None:
        """The conflict of this process, if it was within ten minutes and did not stop it."""
        conflict = self._ledger.conflict
        if conflict is None or conflict.boot != self._announce.boot or conflict.stopped:
            return None
        if self._warned is None:
            # Known from disk only: its age by the wall, which may have been set back or ahead.
            self._warned = now.mono - min(max(0.0, (now.wall_ms - conflict.at) / 1000), WINDOW)
        return conflict if now.mono - self._warned < WINDOW else None

    def _raise(self, epoch: int, why: str, now: Instant) -> list[Effect]:
        boot = self._announce.boot
        raised = EpochRaised(now.wall_ms, epoch, boot, why)
        return [Record(raised), self._announce.alive(epoch, 0, now)]

    def _conflict(self, claim: Alive | Leave, stops: bool, now: Instant) -> list[Effect]:
        me: MemberId = self._announce.me
        boot = boot_of(claim)
        mine, epoch = self._announce.boot, self._ledger.epoch
        fact = ConflictSeen(now.wall_ms, epoch, mine, claim.epoch, boot, stops)
        return [Record(fact), Notify(Conflict(me, fact.words))]


def boot_of(claim: Alive | Leave) -> BootId:
    """Which process said it; empty for a Leave."""
    return claim.boot if isinstance(claim, Alive) else BootId("")
