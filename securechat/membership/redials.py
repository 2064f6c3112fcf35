"""
Failed dials as evidence (DESIGN 5).

A dial that fails says something about a path or a host, seldom about a process: it is noted, and no
verdict follows from it alone.  The exception is the strong refusal (``refusals``); two of them judge,
once no go-between can bring word of the member any more.  What TLS says is about identity.
"""

from __future__ import annotations

from attrs import define

from securechat.ids import MemberId
from securechat.inputs import DialFailed, DialOutcome, Instant
from securechat.membership.dialing import Chance, Dialing
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.liveness import Sign
from securechat.membership.observers import Observers
from securechat.membership.probing import Probing
from securechat.membership.refusals import Refusals
from securechat.membership.verdict import Verdicts


@define
class Redials:
    """Turns failed dials into evidence."""

    _ledger: Ledger
    _links: LinkTable
    _verdicts: Verdicts
    _refusals: Refusals
    _observers: Observers
    _dialing: Dialing
    _probing: Probing
    _rng: Chance

    def dial_failed(self, failed: DialFailed, now: Instant) -> None:
        """A dial gave no link."""
        self._dialing.dial_failed(failed)
        said = self._ledger.alive(failed.peer) if failed.peer is not None else None
        if said is None or self._links.linked(said.author):
            return
        member, address = said.author, failed.address
        what = f"dial of {address}: {failed.how.value}"
        if failed.how is not DialOutcome.REFUSED:
            self._verdicts.note(member, now, what, "no verdict alone")
        elif not self._refusals.counts(member, said.epoch, said.boot, address):
            why = "a refusal counts where this process was reached, unless others had word since"
            self._verdicts.note(member, now, what, why)
        else:
            self._strong(member, address, what, now)

    def _strong(self, member: MemberId, address: str, what: str, now: Instant) -> None:
        if self._refusals.refused(member, now.mono):
            due = now.mono + self._refusals.apart * (1 + 0.1 * self._rng.random())
            self._dialing.confirm(member, address, due)
            self._verdicts.note(member, now, what, "the first of two")
        self.weigh(now)

    def due(self) -> bool:
        """Whether a refusal can be judged."""
        return any(self._ripe(member) for member in self._refusals.waiting)

    def weigh(self, now: Instant) -> None:
        """Judge by refusals those of whom no go-between can bring word any more."""
        for member in [member for member in sorted(self._refusals.waiting) if self._ripe(member)]:
            who = "two of ours" if self._refusals.twice(member) else "one of ours, one of another"
            self._refusals.waiting.discard(member)
            self._verdicts.judge(member, Sign.REFUSED, now, f"redials refused: {who}")

    def _ripe(self, member: MemberId) -> bool:
        if self._probing.awaits(member):
            return False
        return self._refusals.twice(member) or self._observers.refused(member)
