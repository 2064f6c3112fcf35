"""
An author that lies, with a valid certificate and a program of its own, and what others make of it.

Its words go out on its true links, beside those of the node that keeps them up.  Of each lie all others
must come to see the same: one digest, one transcript, both sides of a fork on every disk, what others
say untouched, and nobody asks for ever (G2, G4, G7, G9).  What is compared is what nodes show and what
is on their disks; wants are counted on the wire.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from attrs import define, field

from securechat.ids import MAX_INT, Hash, MessageId, Stream
from securechat.messaging.hlc import stamp_of
from securechat.messaging.messages import MESSAGES, Frontiers, Posts, Want
from securechat.messaging.statements import (
    STATEMENTS,
    Envelope,
    Frontier,
    Opening,
    StreamEntry,
    attachment_of,
)
from securechat.objects import Purpose, Signed
from securechat.signing import object_hash
from securechat.simulation.frames import bodies
from securechat.simulation.host import ALL_LINES
from securechat.simulation.network import Machine
from securechat.simulation.observed import Missing, Shown
from securechat.simulation.scenes import meet
from securechat.simulation.stage import Stage
from securechat.wire import Codec, pack

NEVER = Hash(b"\7" * 32)
"""The hash of no header that was ever signed."""
SPREAD = 60.0
"""Seconds in which all that one member holds reaches the others, though digests are compared late."""
AFTER = 90.0
"""Seconds in which nothing is asked for any more, or seldom: a frontier in 30 s names it again."""
WANT = next(code for code, kind in MESSAGES.items() if kind is Want)
OWN_FAULT = frozenset({"I1", "I4", "I8"})
"""What the checker says of a stream with two posts for one place, because its author signed both."""


@define(eq=False)
class Liar:
    """The last member, and what the others make of it."""

    stage: Stage
    texts: set[str] = field(factory=set)
    """What it signed with its key, by hand."""
    wants: Counter[int] = field(factory=Counter)
    """Wants on the wire, by who asks."""
    codec: Codec = field(factory=lambda: Codec(MESSAGES, STATEMENTS))

    def __attrs_post_init__(self) -> None:
        tap = self.stage.network._tap

        def read(source: Machine, target: Machine, data: bytes) -> None:
            self.wants[source.index] += sum(body[1] == WANT for body in bodies(data))
            tap(source, target, data)

        self.stage.network._tap = read

    @property
    def who(self) -> int:
        """Its number."""
        return len(self.stage.hosts) - 1

    @property
    def others(self) -> list[int]:
        """Those that run."""
        return [who for who in self.stage.running if who != self.who]

    @property
    def stream(self) -> Stream:
        """That of its process."""
        view = self.stage.view(self.who)
        return Stream(self.stage.hosts[self.who].member, view.epoch, view.boot)

    # What it does.

    def sign(
        self,
        text: str,
        place: tuple[Stream, int],
        previous: bytes,
        opening: Opening | None = None,
        by: int | None = None,
    ) -> Signed:
        """A post of one text at a place, with a stamp of now, signed by the liar."""
        host = self.stage.hosts[self.who]
        stream, seq = place
        if stream.author == host.member:
            self.stage.checker.uttered(host.member, text)
            self.texts.add(text)
        body = attachment_of((text,))
        header = Envelope(
            stream.author, stream.epoch, stream.boot, seq, 1, previous,
            stamp_of(host.wall_ms()) + seq, hashlib.sha256(body).digest(), opening,
        )  # fmt: skip
        return host.person.signer.sign(Purpose.ENVELOPE, pack(header), body)

    def give(self, signed: Iterable[Signed], *to: int) -> None:
        """Pushed on its links to these."""
        objects = tuple(signed)
        for who in to:
            for one in objects:
                envelope = self.codec.statement(one.purpose, one.statement)
                self.stage.judge.brought(self.stage.hosts[who], envelope)
            self._speak(who, Posts(objects))

    def claim(self, entry: StreamEntry, *to: int) -> None:
        """It signs that it has this."""
        mine = self.stream
        said = Frontier(mine.author, mine.epoch, mine.boot, MAX_INT, False, 1, 1, (), (entry,))
        host = self.stage.hosts[self.who]
        signed = host.person.signer.sign(Purpose.FRONTIER, pack(said))
        for who in to:
            self._speak(who, Frontiers((signed,)))

    def _speak(self, to: int, message: object) -> None:
        for end in self.stage.ends(self.who, to)[:1]:
            self.stage.network.inject(end, self.codec.frame(message))

    def name(self, signed: Signed) -> Hash:
        """The hash of what it signed."""
        return object_hash(self.stage.hosts[self.who].person.signer.room, signed)

    def header(self, seq: int) -> Hash:
        """The header of what its node said, as it went over the wire."""
        return self.stage.checker.witness.envelopes[self.stream][seq][0]

    # What the others make of it.

    def run_for(self, seconds: float) -> None:
        """Let time pass; what the checker holds against the liar alone is not theirs."""
        for _ in range(round(seconds)):
            self.stage.run_for(1.0)
            self.excused()

    def excused(self) -> None:
        """A stream that contradicts itself breaks what is true of every other."""
        mine = self.stage.hosts[self.who].member
        found = self.stage.checker.violations
        found[:] = [v for v in found if not (v.rule in OWN_FAULT and mine in v.text)]

    def settle(self, fork: int | None = None) -> None:
        """
        One digest and one transcript, but for what was said beyond a fork and was not passed on.
        """
        stage = self.stage
        self.run_for(SPREAD)
        digests = {stage.hosts[who].view().digest for who in self.others}
        stage.expect("G7", len(digests) == 1, f"digests {sorted(digest[:8] for digest in digests)}")
        shown = [self.transcript(who, fork) for who in self.others]
        for who, lines in zip(self.others, shown, strict=True):
            wrong = sorted(map(str, set(lines) ^ set(shown[0])))
            text = f"node{who + 1} and node{self.others[0] + 1} show other lines: {wrong[:2]}"
            stage.expect("G7", lines == shown[0], text)
        for who in self.others:
            ends = len(stage.ends(who, self.who))
            up = ends == 1 or self.who not in stage.running
            stage.expect("G9", up, f"{ends} links of node{who + 1} to the liar")

    def transcript(self, who: int, fork: int | None) -> list[object]:
        """The posts and gaps that a node shows, texts read from its disk; of a fork no further."""
        found: list[object] = []
        for line in self.stage.hosts[who].view(fresh=True).lines:
            stream = line.stream if isinstance(line, Missing) else line.id.stream
            last = line.last if isinstance(line, Missing) else line.id.seq
            if fork is not None and stream.author == self.liar and last > fork:
                continue
            found.append((line.id, line.text) if isinstance(line, Shown) else line)
        return found

    @property
    def liar(self) -> str:
        """Its member id."""
        return self.stage.hosts[self.who].member

    def proved(self, place: MessageId, one: Signed, other: Hash) -> None:
        """Both sides of a fork are on every disk, shown there, marked and explained."""
        for who in self.others:
            host = self.stage.hosts[who]
            sides = [host.on_disk(name) for name in (self.name(one), other)]
            # A header alone may be there as a head: it shows nothing.
            kept = [bool(side is not None and side.attachment) for side in sides]
            self.stage.expect(
                "G4", all(kept), f"node{who + 1} keeps {kept} of the proof of {place}"
            )
            assert host.node is not None
            assert host.store is not None
            lines = host.node.cores.messaging.transcript(after="", limit=ALL_LINES).lines
            marks = {getattr(x, "mark", "") for x in lines if getattr(x, "id", None) == place}
            self.stage.expect("G4", marks == {"forked"}, f"node{who + 1} marks {place} {marks}")
            words = [fact.fact.words for fact in host.store.facts_about(str(place))]
            told = any(" signed " in said for said in words)
            self.stage.expect("G10", told, f"node{who + 1} explains {place} by {words}")
            warned = [told for told in self.stage.tells(0.0, by=who, of=self.who) if not told.to]
            self.stage.expect("G10", warned, f"node{who + 1} tells of no conflict")

    def asked_little(self, most: int, later: float = AFTER / 30 + 1) -> None:
        """So many wants of one node at most; and from now on hardly any."""
        many = {who: self.wants[who] for who in self.others if self.wants[who] > most}
        self.stage.expect("G9", not many, f"wants of each: {many}")
        self.wants.clear()
        self.run_for(AFTER)
        late = {who: self.wants[who] for who in self.others if self.wants[who] > later}
        self.stage.expect("G9", not late, f"wants after all is told: {late}")

    def strikes(self, who: int) -> int:
        """How often a node was answered wrongly since its start."""
        node = self.stage.hosts[who].node
        return (
            0
            if node is None
            else node.cores.messaging.snapshot(node.now()).counters.get("strikes", 0)
        )

    def untouched(self, *texts: str) -> None:
        """What others said is shown by all, and bears no mark."""
        for who in self.others:
            node = self.stage.hosts[who].node
            assert node is not None
            lines = node.cores.messaging.transcript(after="", limit=ALL_LINES).lines
            marked = [x for x in lines if getattr(x, "author", "") != self.liar and _mark(x)]
            self.stage.expect("G4", not marked, f"node{who + 1} marks {marked[:1]}")
            shown = {x.text for x in self.stage.hosts[who].view().lines if isinstance(x, Shown)}
            lost = set(texts) - shown
            self.stage.expect("G2", not lost, f"node{who + 1} does not show {sorted(lost)}")


def _mark(line: object) -> bool:
    return getattr(line, "mark", "") in {"forked", "after-end"}


def begin(stage: Stage, *words: str) -> Liar:
    """All meet; the liar's node says something true, and so does somebody else."""
    meet(stage)
    liar = Liar(stage)
    for text in words:
        stage.say(liar.who, text)
        stage.run_for(0.2)
    stage.say(0, "before the lie")
    stage.run_for(3.0)
    return liar
