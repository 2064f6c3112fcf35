"""
Rows of evidence: what each observer says against others (Akka's idea; DESIGN 5).

Every node owns one row: the members that it was in contact with and hears no more.  It sends the row to
its linked peers whenever that changes, and to one of them when a link to it comes up or one of several
ends; the latest replaces what was said before, and nobody passes on the row of somebody else.

Two links to one peer keep no order between them, and what is written to one that ends is lost.  So of
an observer that row counts which its newest process told on its newest link, of those on which it told
one.

A row counts while its observer is alive in our own view, directly, and healthy, and for the version of
the subject that we hold; of another one it is refused, shown and counted, and if that is a later one,
its observer is asked for it.  It confirms a suspicion of ours and shortens its timer; it never begins
one and never ends one.  Of a member that we still hear it makes us ask at once.  An observation against
ourselves raises our incarnation, once for each version: that refutes the whole set of accusations.
Whoever accuses each new version at once is refuted once in ``settings.refute_pause``, not each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrs import define, field, frozen

from securechat.effects import Effect, Send
from securechat.ids import MemberId, Version
from securechat.inputs import Instant, LinkDown
from securechat.membership.announce import Announce
from securechat.membership.health import HEALTHY, LocalHealth
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.messages import MAX_ROWS, Observation, Rows
from securechat.membership.observations import (
    HEEDS,
    REFUSES,
    TRANSITIONS,
    Outcome,
    Standing,
    compare,
)
from securechat.membership.refusals import Refusals
from securechat.membership.verdict import NEVER, Verdicts
from securechat.notices import Liveness, Via
from securechat.settings import Settings

CITED = 8
"""Members of one row of which a later version is asked for; digests mend the rest."""


@frozen
class Row:
    """One observer's row, by subject."""

    health: int
    against: dict[MemberId, Observation]


@define
class Observers:
    """Our own row, and those of others."""

    _ledger: Ledger
    _links: LinkTable
    _verdicts: Verdicts
    _refusals: Refusals
    _health: LocalHealth
    _announce: Announce
    _settings: Settings
    _counters: Counter[str]
    _rows: dict[MemberId, dict[int, Row]] = field(factory=dict, init=False)
    """What each peer told last on each of its links."""
    _sent: Rows = field(default=Rows(0), init=False)
    _apart: bool = field(default=False, init=False)
    """Whether a peer was told another row than all were told last."""
    _cited: dict[tuple[MemberId, MemberId], Version] = field(factory=dict, init=False)
    """Up to which version each (observer, subject) was asked for."""
    _asked: dict[tuple[MemberId, MemberId], float] = field(factory=dict, init=False)
    """When each (observer, subject) made us ask last."""
    _accused: Version | None = field(default=None, init=False)
    """The version of ours that an observation is against, until it is refuted."""
    _refuted: float = field(default=-NEVER, init=False)
    """When we refuted last."""

    # Ours.

    def settle(self) -> list[Effect]:
        """Our row, to every linked peer, if it changed."""
        if not self._verdicts.accuses and not self._sent.rows and not self._apart:
            return []
        row = self._own()
        same = row.rows == self._sent.rows and not self._apart
        if same and (row.health <= HEALTHY) == (self._sent.health <= HEALTHY):
            return []
        self._sent, self._apart = row, False
        return [Send(peer, row) for peer in self._links.peers]

    def link_up(self, peer: MemberId) -> list[Effect]:
        """
        What we hold against others and, from before this link, against the peer itself.

        Nothing is said too: what an earlier link brought counts until then.
        """
        row = self._own()
        self._apart |= row.rows != self._sent.rows
        return [Send(peer, row)]

    def _own(self) -> Rows:
        return Rows(self._health.told, tuple(self._observations())[:MAX_ROWS])

    def _observations(self) -> Iterator[Observation]:
        for member, seen in sorted(self._verdicts.seen.items()):
            version = self._ledger.version(member)
            if seen.accused and version is not None:
                gone = seen.state is Liveness.UNREACHABLE
                yield Observation(
                    member,
                    version.epoch,
                    version.incarnation,
                    "unreachable" if gone else "suspect",
                    self._refusals.first(member),
                )

    # Those of others.

    def told(
        self, peer: MemberId, number: int, rows: Rows, now: Instant
    ) -> tuple[list[MemberId], list[MemberId]]:
        """
        A peer's row: the members of it that we still hear, and those of which it cites a later version.

        The first should be asked now, each once in a period for one observer, however often that one
        tells its row; for the others the observer should be asked, once for each version.
        """
        late = self._keep(peer, number, rows)
        unfit = self._unfit(peer, rows.health) or late
        ask: list[MemberId] = []
        later: list[MemberId] = []
        for row in rows.rows:
            outcome = self._outcome(peer, row)
            heeded = not (outcome in HEEDS and unfit)
            self._show(peer, row, outcome, "" if heeded else unfit, now)
            if outcome is Outcome.ASKED and heeded and self._again(peer, row.subject, now):
                ask.append(row.subject)
            elif outcome is Outcome.FETCHED and len(later) < CITED and self._later(peer, row):
                later.append(row.subject)
        return ask, later

    def _show(
        self, peer: MemberId, row: Observation, outcome: Outcome, unfit: str, now: Instant
    ) -> None:
        """Let it count, or say why it does not."""
        what = f"{row.state} for it"
        if outcome is Outcome.IGNORED:
            return
        if outcome in REFUSES:
            self._counters["refused.row-version"] += 1
        if not unfit and outcome in (Outcome.CONFIRMED, Outcome.SHOWN):
            self._verdicts.confirm(row.subject, peer, now, what)
        else:
            self._verdicts.note(row.subject, now, what, unfit or outcome.value, peer)

    def _again(self, peer: MemberId, subject: MemberId, now: Instant) -> bool:
        """Whether a row of this observer may make us ask this member now."""
        if now.mono - self._asked.get((peer, subject), -NEVER) < self._settings.period:
            return False
        self._asked[peer, subject] = now.mono
        return True

    def _later(self, peer: MemberId, row: Observation) -> bool:
        """Whether it cites a later version than its observer was asked for."""
        before = self._cited.get((peer, row.subject))
        if before is not None and row.version <= before:
            return False
        self._cited[peer, row.subject] = row.version
        return True

    def _outcome(self, peer: MemberId, row: Observation) -> Outcome:
        """What the table says."""
        state = self._verdicts.state(row.subject)
        if row.subject == self._ledger.me:
            standing = Standing.OURSELVES
        elif state is None:
            standing = Standing.UNKNOWN
        else:
            standing = Standing.OBSERVER if row.subject == peer else Standing(state.value)
        held = self._ledger.version(row.subject) or Version(0)
        return TRANSITIONS[standing][compare(row.version, held)]

    def _keep(self, peer: MemberId, number: int, rows: Rows) -> str:
        """Why this is not the row that counts of this peer, if it is not."""
        if self._links.get(number) is None:
            return "its link has ended"
        said = Row(rows.health, {row.subject: row for row in rows.rows})
        self._rows.setdefault(peer, {})[number] = said
        return "" if self._row(peer) is said else "a newer link of its observer says what counts"

    def accused(self, peer: MemberId, rows: Rows, now: Instant) -> list[Effect]:
        """Whether somebody holds something against us, as we are now."""
        ours = (row for row in rows.rows if row.subject == self._ledger.me)
        if any(self._outcome(peer, row) is Outcome.REFUTED for row in ours):
            self._accused = self._ledger.version(self._ledger.me)
        return self.refute(now)

    def refute(self, now: Instant) -> list[Effect]:
        """Refute what is said against our present version, unless we did so just now."""
        accused = self._accused is not None and self._accused == self._ledger.version(
            self._ledger.me
        )
        too_soon = now.mono - self._refuted < self._settings.refute_pause
        if not accused or too_soon or self._announce.leaving:
            return []
        self._accused, self._refuted = None, now.mono
        self._health.doubted()
        return [*self._announce.refuted(now)]

    def confirming(self, member: MemberId) -> frozenset[MemberId]:
        """The observers whose rows count against this member now."""
        return frozenset(peer for peer, _ in self._against(member))

    def refused(self, member: MemberId) -> bool:
        """Whether a redial of another observer was refused, too."""
        return any(row.refused for _, row in self._against(member))

    def _against(self, member: MemberId) -> Iterator[tuple[MemberId, Observation]]:
        version = self._ledger.version(member)
        for peer in self._rows:
            said = self._row(peer)
            row = said.against.get(member) if said is not None else None
            if said is None or row is None or row.version != version:
                continue
            if not self._unfit(peer, said.health):
                yield peer, row

    def _row(self, peer: MemberId) -> Row | None:
        """What the newest process of a peer told on its newest link, of those on which it told any."""
        said = self._rows[peer]
        links = [link for link in self._links.of(peer) if self._ledger.newest(link)]
        told = [said[link.link] for link in links if link.link in said]
        return told[-1] if told else None

    def _unfit(self, peer: MemberId, health: int) -> str:
        """Why an observer is not heeded; empty if it is."""
        observer = self._verdicts.seen.get(peer)
        if observer is None or observer.state is not Liveness.ALIVE:
            return "its observer is not alive"
        if observer.via is not Via.DIRECT:
            return "its observer is not heard directly"
        return "its observer is not healthy" if health > HEALTHY else ""

    def link_down(self, down: LinkDown) -> list[Effect]:
        """A link ended: what was on its way may be lost, so it is said again on the next."""
        peer = down.peer
        self._rows.get(peer, {}).pop(down.link, None)
        if self._links.linked(peer):
            return self.link_up(peer)
        self._rows.pop(peer, None)
        for asked in [asked for asked in self._asked if asked[0] == peer]:
            del self._asked[asked]
        for cited in [cited for cited in self._cited if cited[0] == peer]:
            del self._cited[cited]
        return []
