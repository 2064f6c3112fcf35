"""
The judge of a simulated world, which knows nothing of how the product works.

It holds what people said and what nodes then showed, as plain values, against the invariants of
``reference/reliability-security.md`` 4.2, and imports ids and message classes only:

- I1 what an author shows of the fate of his messages rests on what recipients have truly signed, and
  shows what has reached him (``delivery``).
- I2 nothing is shown twice. I3 what is shown was said by its author in these words, and verifies.
- I4 within a stream the order never turns. I5 up to the highest post that is shown, or of which the
  node was told by its author's signature, nothing is silently missing; and nothing is given up as had
  by nobody while one of those who are said to lack it has it (``verdicts``).
- I7 epochs and versions never go down at an observer. I9 what was accepted is there after a crash.
- I10 queues and tables stay within caps. I11 nothing stands before its predecessor without a mark
  (``sequence``). I13 nothing fails unexpectedly. I14 what a restart shows is what was shown
  (``restarts``). G8 ``left`` is a fact from the member itself.
- L after the last fault all rosters, transcripts and digests become equal, and every accepted message
  is everywhere; excused is only what stood on a disk that was lost or set back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from attrs import define, field

from securechat.ids import Kind, MemberId, MessageId, Stream, Version
from securechat.signing import Verifier
from securechat.simulation.agreement import (
    Lowest,
    difference,
    lines_of,
    texts_of,
)
from securechat.simulation.arrivals import Arrivals, Known, Lasting
from securechat.simulation.delivery import ACKED, Fates
from securechat.simulation.observed import Missing, Said, View, Violation
from securechat.simulation.restarts import Restarts
from securechat.simulation.sequence import Sequence
from securechat.simulation.verdicts import Verdicts
from securechat.simulation.witness import Site, Witness

SETTLED = (ACKED, "rejected", "expired")
REACHED = 20.0
"""Seconds after the last fault by which a message that is still offered has come."""
HOUR = 3600.0
MOST = 50
"""Violations kept of one world; the first one is what matters."""


@define
class _Memory:
    """What one node has shown so far."""

    versions: dict[MemberId, Version] = field(factory=dict)


@define(eq=False)
class Checker:
    """Judges one world."""

    _room: str
    _now: Callable[[], float]
    publics: Mapping[MemberId, bytes]
    """The members of the room with their keys."""
    mended: float = field(default=0.0, init=False)
    """When the last fault is over."""
    violations: list[Violation] = field(factory=list, init=False)
    accepted: dict[MessageId, Said] = field(factory=dict, init=False)
    witness: Witness = field(init=False)
    verdicts: Verdicts = field(init=False)
    sequence: Sequence = field(init=False)
    _restarts: Restarts = field(init=False)
    _nonces_for: float = field(default=math.inf, init=False)
    _uttered: dict[str, tuple[MemberId, MemberId | None]] = field(factory=dict, init=False)
    _answers: dict[str, MessageId] = field(factory=dict, init=False)
    """The id of each text that was accepted, on the disk that its author has now."""
    _unsure: set[str] = field(factory=set, init=False)
    """Texts that their author's disk may have forgotten."""
    _memories: dict[str, _Memory] = field(factory=dict, init=False)
    _fates: Fates = field(init=False)
    _arrivals: Arrivals = field(init=False)
    _verifier: Verifier = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.witness = Witness(self._room, self.report, self._now)
        self._fates = Fates(self.report, self.witness.stored)
        self._arrivals = Arrivals(self.witness, self._now)
        self._verifier = Verifier(self._room)
        self.verdicts = Verdicts(self.report, self._now)
        self.sequence, self._restarts = Sequence(self.report), Restarts(self.report)

    def report(self, rule: str, node: str, text: str) -> None:
        """A promise was broken."""
        if len(self.violations) < MOST:
            self.violations.append(Violation(rule, self._now(), node, text))

    # What the world tells.

    def uttered(self, author: MemberId, text: str, to: MemberId | None = None) -> None:
        """Somebody says this now; whether it was accepted is another matter.  Texts are unique."""
        self._uttered[text] = (author, to)

    def answered(self, id: MessageId, text: str, to: MemberId | None = None) -> None:
        """A node accepted it (252); the same words with the same nonce have the same id."""
        if id in self.accepted and self.accepted[id].text != text:
            self.report("I8", id.author, f"{id} was given to two messages")
        if self._answers.setdefault(text, id) != id:
            self.report(
                "I8", id.author, f"{id} is {self._answers[text]}, said again with its nonce"
            )
        if id not in self.accepted:
            self.accepted[id] = Said(id, text, to, self._now())
            self._keep(id)

    def repeatable(self, text: str) -> bool:
        """Whether its author must remember a text that he may have said before."""
        said = self.accepted.get(self._answers[text]) if text in self._answers else None
        old = said is not None and self._now() - said.at >= self._nonces_for
        return text not in self._unsure and not old

    def keeps(self, letters: float, nonces: float) -> None:
        """For so many seconds authors offer direct messages, and know what was said with a nonce."""
        self.witness.offered_for, self._nonces_for = letters, nonces

    def id_of(self, text: str) -> MessageId | None:
        """The id that its author was given for it, if he still knows."""
        return self._answers.get(text)

    def said_at(self, id: MessageId) -> float | None:
        """When it was accepted, if that was told."""
        said = self.accepted.get(id)
        return None if said is None else said.at

    def cancelling(self, id: MessageId, asked: bool) -> None:
        """It is asked for that it is offered no more, or that was answered in either way."""
        self.accepted[id].asked = asked

    def cancelled(self, id: MessageId, state: str) -> None:
        """It is offered no more; ``expired`` says that it never was."""
        said = self.accepted[id]
        said.cancelled = True
        if not said.trying:
            # Else he may have asked for both at once, and it is taken up before this answer comes.
            self.witness.closed.add(id)
        if state == "expired" and id in self.witness.sent:
            self.report("I1", id.author, f"{id} was cancelled as never sent, and had been sent")

    def trying(self, id: MessageId) -> None:
        """Its author asks for another try: from now on it may be sent, and for as long as a new one,"""
        self.accepted[id].trying = True
        self.witness.closed.discard(id)
        if id in self.witness.until:
            self.witness.until[id] = self._now() + self.witness.offered_for

    def tried(self, id: MessageId) -> None:
        """and now it must be."""
        said = self.accepted[id]
        said.trying = False
        if said.cancelled:
            said.cancelled, said.tried = False, self._now()
        self._keep(id)

    def not_tried(self, id: MessageId) -> None:
        """It is not tried again after all."""
        said = self.accepted[id]
        said.trying = False
        if said.cancelled:
            self.witness.closed.add(id)

    def _keep(self, id: MessageId) -> None:
        """From now on its author offers it for so long."""
        if id.kind is Kind.DIRECT:
            self.accepted[id].until = self._now() + self.witness.offered_for
            self.witness.until[id] = self.accepted[id].until

    def _keep_again(self, site: Site) -> None:
        """What it was told before, a process offers for as long as what it is told itself, at most."""
        until = self._now() + self.witness.offered_for
        for id in self.witness.until:
            if id.author == site.member:
                self.witness.until[id] = until

    def set_back(self, site: Site, to: float | None) -> None:
        """A disk was lost (None), or is as it was at that time."""
        for said in self.accepted.values():
            if said.id.author == site.member and (to is None or said.at > to):
                said.excused = True
            if said.id.author == site.member and to is not None and said.tried > to:
                # On the disk as it was then it is cancelled.
                said.cancelled = True
        mine = [text for text, said in self._uttered.items() if said[0] == site.member]
        self._unsure.update(mine)
        for text in mine:
            self._answers.pop(text, None)
        self._memories.pop(site.name, None)
        self._fates.forget(site.name)
        self._arrivals.disk_changed(site)
        for judge in (self.verdicts, self.sequence, self._restarts):
            judge.disk_changed(site)
        self.witness.disk_changed(site, to)

    def missed(self, site: Site) -> None:
        """What has reached a process at this moment could not be written."""
        self._arrivals.missed(site)

    def faulted(self, site: Site, what: str) -> None:
        """A node tells a fault of its own: if a commit failed, it goes on as after a start."""
        if what.startswith(("read-only", "writable")):
            self._keep_again(site)

    def heard(self, site: Site, wire: Lasting, body: bytes) -> bool:
        """A frame has reached a process that can write to its disk: whether to look at it soon."""
        return self._arrivals.heard(site, wire, body)

    def shown(self, site: Site, view: View) -> None:
        """What a node shows now, all of it."""
        known = self._arrivals.known(site, view)
        self._words(site, view)
        self._order(site, view, known)
        self._versions(site, view)
        self._own(site, view)
        for judge in (self.verdicts, self.sequence, self._restarts):
            judge.looked(site, view)
        self._fates.shown(site.name, view, known)

    def ends(self, site: Site, view: View) -> None:
        """A process ends between two turns, and shows this."""
        self._restarts.looked(site, view, ends=True)

    def starts(self, site: Site) -> None:
        """A process is started, and may show nothing yet."""
        self.verdicts.began(site)
        self._keep_again(site)
        for said in self.accepted.values():
            # Who asked for another try before will not be answered any more.
            said.trying = said.trying and said.id.author != site.member

    def begins(self, site: Site, view: View) -> None:
        """A process has begun, and nothing has reached it."""
        self._restarts.began(site, view)

    def changed(self, site: Site, id: MessageId, member: MemberId, states: tuple[str, str]) -> None:
        """A node tells what has become of one of its messages at one recipient: before, and now."""
        self._fates.changed(site.name, id, member, states)
        if id in self.accepted and id.kind is Kind.DIRECT:
            self.accepted[id].settled = states[1] in SETTLED

    # I2, I3.

    def _words(self, site: Site, view: View) -> None:
        seen: set[str] = set()
        for line in view.lines:
            if isinstance(line, Missing):
                continue
            if line.text in seen:
                self.report("I2", site.name, f"shows {line.id} twice")
            seen.add(line.text)
            said = self._uttered.get(line.text)
            if said is None or said[0] != line.id.author or line.id.author not in self.publics:
                self.report("I3", site.name, f"shows {line.id}, which its author never said")
            elif said[1] != line.to or (said[1] and site.member not in said):
                self.report("I12", site.name, f"shows {line.id}, which is not for it")
            elif line.signed is not None and not self._verifier.passes(
                self.publics[line.id.author], line.signed
            ):
                self.report("I3", site.name, f"shows {line.id}, whose signature is not good")

    # I4, I5.

    def _order(self, site: Site, view: View, known: Known) -> None:
        highest: dict[Stream, int] = {}
        covered: dict[Stream, set[int]] = {}
        lowest = Lowest.of(view, self.witness.stamps)
        for line in view.lines:
            if isinstance(line, Missing):
                covered.setdefault(line.stream, set()).update(range(line.first, line.last + 1))
            elif line.id.kind is Kind.POST:
                stream, seq = line.id.stream, line.id.seq
                if seq <= highest.get(stream, 0):
                    self.report("I4", site.name, f"shows {line.id} after {highest[stream]}")
                highest[stream] = max(seq, highest.get(stream, 0))
                covered.setdefault(stream, set()).add(seq)
        for stream, seqs in covered.items():
            absent = sorted(set(range(1, max(seqs))) - seqs)
            lost = [seq for seq in absent if not lowest.forgotten((stream, seq))]
            if lost:
                self.report("I5", site.name, f"{stream}: {lost} neither shown nor a gap")
        for stream, end in known.ends.items():
            hidden = end > max(covered.get(stream, {0}))
            if hidden and not lowest.forgotten((stream, end)):
                text = f"was told that {stream} goes up to {end}, and shows nothing of that"
                self.report("I5", site.name, text)

    # I7, G8.

    def _versions(self, site: Site, view: View) -> None:
        memory = self._memories.setdefault(site.name, _Memory())
        for seat in view.seats:
            version = Version(seat.epoch, seat.incarnation)
            before = memory.versions.get(seat.member)
            left = seat.state == "left" and seat.member != site.member
            if left and (seat.member, seat.epoch) not in self.witness.leaves:
                text = f"shows {seat.member[:8]} as left in {seat.epoch}, which it never said"
                self.report("G8", site.name, text)
            if seat.member == site.member:
                before = None if before is None else Version(before.epoch, 0)
            if before is not None and version < before:
                text = f"shows {seat.member[:8]} at {version} after {before}"
                self.report("I7", site.name, text)
            memory.versions[seat.member] = version

    # I9.

    def _own(self, site: Site, view: View) -> None:
        shown = {line.id: line.text for line in lines_of(view) if line.id.author == site.member}
        lowest = Lowest.of(view, self.witness.stamps)
        for said in self.accepted.values():
            if said.id.author == site.member and not said.excused:
                if said.id not in shown and self._stays(said, view, lowest):
                    self.report("I9", site.name, f"{said.id} was accepted and is gone")
                elif shown.get(said.id, said.text) != said.text:
                    self.report("I9", site.name, f"{said.id} was accepted with other words")

    def _stays(self, said: Said, view: View, lowest: Lowest) -> bool:
        """Whether its author has to show it: also where histories are short, if it is not old."""
        if not view.floors:
            return True
        if said.to is None:
            return lowest.above((said.id.stream, said.id.seq))
        # A message that waits for its recipient is not forgotten.
        received = said.id in self.witness.stored.get(said.to, ())
        offered = not (said.cancelled or said.asked or said.settled)
        return offered and not received and self._now() <= said.until

    # The end.

    def difference(self, views: Mapping[str, View], sites: Iterable[Site]) -> str:
        """In what the nodes still differ, or what is still missing; empty if nothing."""
        members = {site.member: site for site in sites}
        names = {site.member: site.name for site in members.values()}
        apart = difference(views, names, self.witness.stamps)
        return apart or self._undelivered(views, members) or self._untold(views, members)

    def _undelivered(self, views: Mapping[str, View], sites: Mapping[MemberId, Site]) -> str:
        texts = {name: texts_of(view) for name, view in views.items()}
        somewhere = set().union(*texts.values())
        for said in self.accepted.values():
            if said.to is None and said.text not in somewhere and self._floors(views):
                # All forgot it, its author first; who has what is older need never have known of it.
                continue
            for member in sites if said.to is None else (said.to,):
                name = sites[member].name
                here = said.text in texts[name]
                if not here and self._due(said, member, views[name], sites[said.id.author]):
                    return f"{said.id} has not come to {name}"
        return ""

    @staticmethod
    def _floors(views: Mapping[str, View]) -> bool:
        return any(view.floors for view in views.values())

    def _due(self, said: Said, member: MemberId, view: View, author: Site) -> bool:
        """Whether a member must show this now."""
        given_up = said.cancelled or said.asked or self._expired(said)
        if given_up or self._excused(said, author):
            return False
        if said.to is None:
            lowest = Lowest.of(view, self.witness.stamps)
            return not lowest.forgotten((said.id.stream, said.id.seq))
        return not (view.floors and said.id in self.witness.stored.get(member, ()))

    def _untold(self, views: Mapping[str, View], sites: Mapping[MemberId, Site]) -> str:
        """Who shows a message has told its author so, and the author shows that."""
        ids = {name: {line.id for line in lines_of(view)} for name, view in views.items()}
        for author in sites.values():
            for line in lines_of(views[author.name]):
                said = self.accepted.get(line.id)
                if said is None or said.cancelled or said.asked or self._expired(said):
                    # A receipt that was lost comes again with the message only.
                    continue
                for member, state in line.recipients:
                    name = sites[member].name
                    if state != ACKED and line.id in ids[name]:
                        return f"{line.id} is shown by {name}, to {author.name} it is {state}"
        return ""

    def _expired(self, said: Said) -> bool:
        """Whether it was given up before all were well for long enough to have it."""
        return said.until < self.mended + REACHED

    def _excused(self, said: Said, author: Site) -> bool:
        """Whether it stands on no disk any more that was neither lost nor set back."""
        if said.to is not None and said.id in self.witness.lost.get(said.to, ()):
            # Its recipient had it once, and lost it: it is offered again by an author who was told.
            told = self._arrivals.lost(author, said.id, said.to)
            return said.excused or self.witness.offered_for < HOUR or not told
        keeps = (self.witness.keeps(member, said.id) for member in self.publics)
        return said.excused and not any(keeps)
