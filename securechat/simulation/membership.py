"""
The judge of membership in a simulated world, by the properties of ``reference/membership.md`` 11.

It reads what nodes write to each other and holds what they show against it and against what the world
knows to be true.  It imports ids, values and message classes only, and decides for itself:

- P1 the version that a node holds of a member never goes down. P2 every claim that is held or passed
  on was signed and first said by its subject. P3 the epochs of the processes on one disk rise.
- P5 who left comes back with a later epoch only. P6 what an earlier process wrote does not come in: its
  posts are given by others, or by a later process of its member (``given``).
- P7 nobody suspects, and nobody loses, a member that could be reached all the time; who was told of
  another process that is no older than the one that runs may, until that one is past it.
- P11 a version rises within an epoch only against an accusation of it, or for new addresses. P13 nobody
  is forgotten, and no epoch rises without a start, a lost disk or a copy.
- P12 who is alive through others has just signed that it is there (``vouches``). P18 what an observer
  says that is not alive itself counts for nothing.
- P15 who said goodbye in everybody's hearing is never shown unreachable. P16 the evidence that is shown
  gives the state that is shown, and how many confirm a suspicion; each line that counts was of use
  (``grounds``). P20 an epoch passes all that others hold of it.
- P22 lists and frames stay within what the members can make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any

from attrs import define, field

from securechat.ids import BootId, MemberId, Stream, Version
from securechat.membership.messages import (
    MESSAGES,
    STATEMENTS,
    Alive,
    AskClaims,
    Leave,
    Rows,
    Vouch,
)
from securechat.messaging.messages import Backfill, Posts
from securechat.messaging.statements import Envelope
from securechat.node.handshake import MESSAGES as HANDSHAKE
from securechat.node.handshake import Hello
from securechat.notices import Liveness, MemberChanged, PostShown, Via
from securechat.objects import Signed
from securechat.signing import Verifier
from securechat.simulation.frames import bodies
from securechat.simulation.given import GIVING, Given
from securechat.simulation.grounds import confirmers, confirming, unfounded
from securechat.simulation.past import Past
from securechat.simulation.shapes import Presence, Row, Site
from securechat.simulation.vouches import Vouches
from securechat.wire import Codec

NOT_SUSPECTED = 10.0
"""Seconds of calm after which nobody has a reason to suspect the other,"""
NOT_LOST = 40.0
"""and to lose it: longer than the longest pause between dials, and a handshake."""
HEARD = 1.0
"""Seconds of calm after which a goodbye is heard."""
MOST_LINES = 32
"""Lines of evidence on one member (P22)."""
CACHED = 512
READ = frozenset({*HANDSHAKE, *MESSAGES, *GIVING}) - {16, 17}
"""The messages that are read; pings and acks are only counted."""


@define(eq=False)
class Judge:
    """Judges the membership of one world."""

    _room: str
    _now: Callable[[], float]
    _publics: Mapping[MemberId, bytes]
    _report: Callable[[str, str, str], None]
    _calm: Callable[[int, int], float]
    """Seconds for which nothing has stood between two machines."""
    _awake: Callable[[int], float]
    """Seconds since a machine's process stood still."""
    _indexes: Mapping[MemberId, int]
    """The machine of each member."""
    _period: float
    claims: dict[bytes, Signed] = field(factory=dict)
    """All claims that were written, by statement, in the order of their first writing."""
    counted: dict[tuple[str, str], int] | None = None
    """From ``count`` on, how many of which message each node wrote."""
    _issued: dict[MemberId, set[Version]] = field(factory=dict)
    _begun: dict[MemberId, tuple[int, BootId, float]] = field(factory=dict)
    """The newest process of each member in its newest epoch, and since when it says that."""
    _processes: set[tuple[MemberId, int, BootId]] = field(factory=set)
    _left: dict[MemberId, set[int]] = field(factory=dict)
    """Epochs that their subjects left."""
    _accused: set[tuple[MemberId, Version]] = field(factory=set)
    _vouches: Vouches = field(init=False)
    _pasts: dict[str, Past] = field(factory=dict)
    _copied: set[MemberId] = field(factory=set)
    """Members of whom there are two."""
    _given: Given = field(factory=Given)
    _codec: Codec = field(factory=lambda: Codec({**HANDSHAKE, **MESSAGES, **GIVING}, STATEMENTS))
    _verifier: Verifier = field(init=False)
    _read: dict[bytes, Any] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._verifier = Verifier(self._room)
        self._vouches = Vouches(self._now, self._awake, self._period)

    # What nodes write.

    def written(self, site: Site, to: Site, data: bytes) -> None:
        """A node writes whole frames."""
        for body in bodies(data):
            code = body[1]
            if self.counted is not None and code in MESSAGES:
                key = (site.name, MESSAGES[code].__name__)
                self.counted[key] = self.counted.get(key, 0) + 1
            if code in READ:
                self._wrote(site, to, self._message(body))

    def brought(self, to: Site, said: Envelope | Alive) -> None:
        """Something is given to a node once more, by a member that runs another program (P6, P7)."""
        if isinstance(said, Alive):
            self._past(to).told.setdefault(said.author, {})[said.boot] = said.epoch
        else:
            self._given.add(to, said.stream, said.first, said.last)

    def _message(self, body: bytes) -> Any:
        found = self._read.get(body)
        if found is None:
            if len(self._read) >= CACHED:
                self._read.clear()
            found = self._read[body] = self._codec.message(body)
        return found

    def _wrote(self, site: Site, to: Site, message: Any) -> None:
        for signed in getattr(message, "objects", ()):
            if signed.purpose in STATEMENTS:
                self._claim(site, to, signed)
        if isinstance(message, Hello):
            self._process(site, message.epoch, BootId(message.boot))
        elif isinstance(message, AskClaims):
            self._asked(site, to, message)
        elif isinstance(message, Rows):
            self.accused(message)
        elif isinstance(message, Vouch):
            self._vouched(site, message)
        elif isinstance(message, Backfill | Posts):
            past = self._past(site)
            self._given.written(to, message, Stream(site.member, past.epoch, past.boot))

    def _claim(self, site: Site, to: Site, signed: Signed) -> None:
        """P2, and what follows from a claim of the writer's own."""
        said = self._codec.statement(signed.purpose, signed.statement)
        if not isinstance(said, Alive | Leave):
            return
        self.claims.setdefault(signed.statement, signed)
        if said.author == site.member:
            self._own_claim(site, to, said)
        elif not self._true(said, signed):
            self._report("P2", site.name, f"passes on a claim {said.version} that nobody signed")
        elif isinstance(said, Alive):
            self._past(to).told.setdefault(said.author, {})[said.boot] = said.epoch

    def _true(self, said: Alive | Leave, signed: Signed) -> bool:
        if not self._verifier.passes(self._publics[said.author], signed):
            return False
        if isinstance(said, Leave):
            return said.epoch in self._left.get(said.author, ())
        return said.version in self._issued.get(said.author, ())

    def _own_claim(self, site: Site, to: Site, said: Alive | Leave) -> None:
        past = self._past(site)
        if isinstance(said, Leave):
            self._left.setdefault(said.author, set()).add(said.epoch)
            if said.epoch == past.epoch and self._calm(site.index, to.index) > HEARD:
                self._past(to).expects.setdefault(said.author, said.epoch)
            return
        self._issued.setdefault(said.author, set()).add(said.version)
        if (process := (said.author, said.epoch, said.boot)) not in self._processes:
            self._processes.add(process)
            self._begun[said.author] = (said.epoch, said.boot, self._now())
        if said.boot == past.boot:
            self._raised(site, past, said)

    # P11, P12.

    def accused(self, rows: Rows) -> None:
        """Somebody says this against others."""
        self._accused.update((row.subject, row.version) for row in rows.rows)

    def _vouched(self, site: Site, vouch: Vouch) -> None:
        for signed in vouch.objects:
            said = self._codec.statement(signed.purpose, signed.statement)
            if said.author == site.member:
                self._vouches.signed(said.asker, said.author, said.epoch)
            elif not self._verifier.passes(self._publics[said.author], signed):
                self._report("P12", site.name, "passes on a signed ack that nobody signed")

    def _raised(self, site: Site, past: Past, said: Alive) -> None:
        before, past.said = past.said, said
        if before is None or before.boot != said.boot or before.version >= said.version:
            past.said = before if before is not None and before.version > said.version else said
            return
        if before.epoch == said.epoch and before.addresses == said.addresses:
            steps = range(before.incarnation, said.incarnation)
            passed = [Version(said.epoch, step) for step in steps]
            if any((said.author, version) not in self._accused for version in passed):
                text = f"raises {before.version} to {said.version}, which nobody accused"
                self._report("P11", site.name, text)

    # P1, P3.

    def _asked(self, site: Site, to: Site, ask: AskClaims) -> None:
        """What is written in one turn to several peers is in order for each of them only."""
        asked = self._past(site).asked
        for row in ask.held:
            version, key = Version(row.epoch, row.incarnation), (to.name, row.member)
            if version < asked.get(key, Version(0)) and row.member != site.member:
                text = f"holds {row.member[:8]} at {version} after {asked[key]}"
                self._report("P1", site.name, text)
            asked[key] = version

    def _process(self, site: Site, epoch: int, boot: BootId) -> None:
        past = self._past(site)
        if boot != past.boot:
            if epoch <= past.highest and not past.set_back:
                text = f"begins with epoch {epoch} after {past.highest}"
                self._report("P3", site.name, text)
            past.boot, past.epoch, past.said = boot, epoch, None
            past.expects.clear()
        elif epoch < past.epoch:
            self._report("P3", site.name, f"goes back from epoch {past.epoch} to {epoch}")
        elif epoch > past.epoch and not past.set_back:
            text = f"raises its epoch from {past.epoch} to {epoch} without a cause"
            self._report("P13", site.name, text)
        past.epoch = epoch
        past.highest = max(past.highest, epoch)

    # What nodes show.

    def shown(self, site: Site, view: Presence) -> None:
        """All that a node shows of membership now."""
        past = self._past(site)
        self._process(site, view.epoch, view.boot)
        self._vouches.shown(site, view)
        for row in view.members:
            if row.member != site.member:
                self._row(site, past, row)
        self._observers(site, past, view)
        if lost := past.held.keys() - {row.member for row in view.members}:
            self._report("P13", site.name, f"has forgotten {sorted(lost)}")
        if len(view.members) > len(self._publics):
            self._report("P22", site.name, f"shows {len(view.members)} members")

    def _row(self, site: Site, past: Past, row: Row) -> None:
        who, version = row.member[:8], Version(row.epoch, row.incarnation)
        before = past.held.get(row.member)
        if before is not None and version < before:
            self._report("P1", site.name, f"shows {who} at {version} after {before}")
        past.held[row.member] = version
        if version not in self._issued.get(row.member, ()):
            self._report("P2", site.name, f"shows {who} at {version}, which it never said")
        if row.epoch > past.since.get(row.member, (0, 0.0))[0]:
            past.since[row.member] = (row.epoch, self._now())
        self._leaving(site, past, row)
        if row.via == Via.INDIRECT and (problem := self._vouches.stale(site, row)):
            self._report("P12", site.name, problem)
        if problem := unfounded(row.state, row.evidence):
            self._report("P16", site.name, f"{who}: {problem}")
        shown = 0 if row.suspicion is None else row.suspicion.confirmed
        if shown != (told := len(confirmers(row.evidence))):
            text = f"{who}: {shown} confirm the suspicion, and {told} by the evidence"
            self._report("P16", site.name, text)
        if len(row.evidence) > MOST_LINES:
            self._report("P22", site.name, f"{who}: {len(row.evidence)} lines of evidence")

    def _observers(self, site: Site, past: Past, view: Presence) -> None:
        """P18; who became alive and something else within one turn was alive in between."""
        raised = {
            (row.member, line.at)
            for row in view.members
            for line in row.evidence
            if line.counted and line.verdict == Liveness.ALIVE
        }
        alive = {row.member for row in view.members if row.state == Liveness.ALIVE}
        lines = {(row.member, line) for row in view.members for line in confirming(row.evidence)}
        for member, line in lines - past.lines:
            if line.by not in alive | past.alive and (line.by, line.at) not in raised:
                text = f"{member[:8]}: counts {line.by[:8]}, which is not alive: {line.what}"
                self._report("P18", site.name, text)
        for row in view.members:
            if lost := confirmers(row.evidence) - alive:
                text = f"{row.member[:8]}: {sorted(lost)} confirm it, and are not alive any more"
                self._report("P18", site.name, text)
        past.lines, past.alive = lines, alive

    # P5, P15.

    def _leaving(self, site: Site, past: Past, row: Row) -> None:
        if row.state == Liveness.LEFT:
            if row.epoch > max(self._left.get(row.member, ()), default=0):
                text = f"shows {row.member[:8]} as left in {row.epoch}, which it never said"
                self._report("P17", site.name, text)
            past.left[row.member] = row.epoch
            past.expects.pop(row.member, None)
        elif row.epoch <= past.left.get(row.member, 0):
            text = f"shows {row.member[:8]} {row.state} again in epoch {row.epoch} that it left"
            self._report("P5", site.name, text)

    # What nodes tell.

    def told(self, site: Site, event: Any, look: Callable[[], Presence]) -> None:
        """A node tells its watchers something."""
        if isinstance(event, PostShown):
            self._posted(site, event)
        elif isinstance(event, MemberChanged):
            self._changed(site, event)
            self.shown(site, look())

    def _posted(self, site: Site, event: PostShown) -> None:
        """P6."""
        stream = event.id.stream
        epoch, since = self._past(site).since.get(stream.author, (0, 0.0))
        late = stream.epoch < epoch and since < self._now()
        if late and not self._given.has(site, stream, event.id.seq):
            text = f"takes {event.id} live, {self._now() - since:.2f} s after it saw epoch {epoch}"
            self._report("P6", site.name, text)

    def _changed(self, site: Site, event: MemberChanged) -> None:
        """P7, P15; with a new epoch a member begins anew (whether it had to: P3, P13)."""
        epoch, boot, begun = self._begun.get(event.member, (0, "", -inf))
        calm = min(self._now() - begun, self._calm(site.index, self._indexes[event.member]))
        told = self._past(site).told.get(event.member, {})
        if any(told[other] >= epoch for other in told.keys() - {boot}):
            calm = 0.0
        if event.member in self._copied or site.member in self._copied:
            calm = 0.0
        who = event.member[:8]
        lost = event.to is Liveness.UNREACHABLE
        if (lost and calm > NOT_LOST) or (event.before is Liveness.ALIVE and _away(event, calm)):
            text = f"{event.before} {who} becomes {event.to} after {calm:.1f} s of calm"
            self._report("P7", site.name, f"{text}: {event.why}")
        expects = self._past(site).expects
        if event.to is Liveness.ALIVE or event.to is Liveness.LEFT:
            expects.pop(event.member, None)
        elif lost and expects.pop(event.member, None) is not None:
            self._report("P15", site.name, f"{who} said goodbye and becomes unreachable")

    # What the world does.

    def troubled(self, site: Site) -> None:
        """Something befell this node: it may not have heard what it should."""
        self._past(site).expects.clear()

    def set_back(self, site: Site) -> None:
        """Its disk was lost, or an old one was put in, or copied."""
        past = self._past(site)
        self._pasts[site.name] = Past(past.boot, past.highest, past.epoch, True)

    def copied(self, site: Site) -> None:
        """Another process will have its key: what becomes of two is no matter of one's version."""
        self.set_back(site)
        self._copied.add(site.member)

    def passed(self, site: Site, view: Presence, room: Iterable[Site]) -> None:
        """P20, at the end of all faults: no other of this room has come to hold a later epoch of it."""
        held = [self._past(one).held.get(site.member, Version(0)) for one in room]
        highest = max(version.epoch for version in held)
        if view.epoch < highest:
            text = f"speaks in epoch {view.epoch}, and {highest} is held of it"
            self._report("P20", site.name, text)

    def claims_of(self, member: MemberId) -> list[Signed]:
        """All claims that a member made, in the order in which they were first written."""
        return [
            signed
            for statement, signed in self.claims.items()
            if self._codec.statement(signed.purpose, statement).author == member
        ]

    def count(self) -> None:
        """Count messages from now on (P14)."""
        self.counted = {}

    def restless(self, seconds: float, period: float) -> None:
        """P14: in that time, since ``count``, nobody had anything to say but probes."""
        for (name, kind), times in sorted((self.counted or {}).items()):
            most = 0.0
            if kind in ("Ping", "Ack"):
                most = (len(self._publics) - 1) * (seconds / (0.85 * period) + 1)
            if times > most:
                text = f"{times} {kind} in {seconds:g} s, when nothing had changed"
                self._report("P14", name, text)

    def _past(self, site: Site) -> Past:
        return self._pasts.setdefault(site.name, Past())


def _away(event: MemberChanged, calm: float) -> bool:
    return calm > NOT_SUSPECTED and event.to in (Liveness.SUSPECT, Liveness.UNREACHABLE)
