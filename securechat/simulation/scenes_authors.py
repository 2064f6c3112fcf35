"""
Scenes of authors that lie: with a valid certificate and key, and a program of their own.

The last member is the liar.  Its words go out on its true links, beside those of the node that keeps
them up.  Of each lie all others must come to see the same: one digest, one transcript, both sides of a
fork on every disk, what others say untouched, and nobody asks for ever (G2, G4, G7, G9).  What is
compared is what nodes show and what is on their disks; wants are counted on the wire.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from attrs import define, field

from securechat.ids import MAX_INT, BootId, Hash, MessageId, Stream
from securechat.messaging.hlc import stamp_of
from securechat.messaging.messages import MESSAGES, Frontiers, Posts, Want
from securechat.messaging.statements import (
    STATEMENTS,
    Envelope,
    Frontier,
    Opening,
    Start,
    StreamEntry,
    attachment_of,
)
from securechat.messaging.views import GapLine
from securechat.objects import Purpose, Signed
from securechat.signing import object_hash
from securechat.simulation.frames import bodies
from securechat.simulation.host import ALL_LINES
from securechat.simulation.network import Machine
from securechat.simulation.observed import Missing, Shown
from securechat.simulation.scenes import HEAL, meet
from securechat.simulation.stage import Stage
from securechat.wire import Codec, pack

NEVER = Hash(b"\7" * 32)
"""The hash of no header that was ever signed."""
FAR = 20_000
"""A number that the liar claims, of posts that never were."""
SPREAD = 60.0
"""Seconds in which all that one member holds reaches the others, though digests are compared late."""
AFTER = 90.0
"""Seconds in which nothing is asked for any more, or seldom: a frontier in 30 s names it again."""
OTHER = BootId("e7" * 16)
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

    def asked_little(self, most: int) -> None:
        """So many wants of one node at most; and from now on hardly any."""
        many = {who: self.wants[who] for who in self.others if self.wants[who] > most}
        self.stage.expect("G9", not many, f"wants of each: {many}")
        self.wants.clear()
        self.run_for(AFTER)
        late = {who: self.wants[who] for who in self.others if self.wants[who] > AFTER / 30 + 1}
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


def _begin(stage: Stage, *words: str) -> Liar:
    """All meet; the liar's node says something true, and so does somebody else."""
    meet(stage)
    liar = Liar(stage)
    for text in words:
        stage.say(liar.who, text)
        stage.run_for(0.2)
    stage.say(0, "before the lie")
    stage.run_for(3.0)
    return liar


def forked(stage: Stage) -> None:
    """Of two posts for one place each reaches some, and neither reaches one: all get both."""
    liar = _begin(stage, "true one", "true two")
    place = (liar.stream, 3)
    one, other = (liar.sign(text, place, liar.header(2)) for text in ("to some", "to others"))
    liar.give([one], 0, 1)
    liar.give([other], 2)
    stage.say(1, "at the lie")
    liar.settle()
    liar.proved(MessageId(*place), one, liar.name(other))
    stage.say(2, "after the lie")
    liar.run_for(3.0)
    liar.untouched("before the lie", "at the lie", "after the lie", "true one", "true two")
    liar.asked_little(8)


def forked_away(stage: Stage) -> None:
    """Two histories from one place on, while one is down; the liar dies, and that one returns."""
    liar = _begin(stage, "true one", "true two")
    stage.kill(3)
    stream = liar.stream
    sides = []
    for words in ("one way", "other way"):
        before, said = liar.header(2), []
        for seq in range(3, 7):
            said.append(liar.sign(f"{words}, {seq}", (stream, seq), before))
            before = liar.name(said[-1])
        sides.append(said)
    liar.give(sides[0], 0)
    liar.give(sides[1][:3], 1)
    liar.run_for(20.0)
    stage.kill(liar.who)
    stage.say(2, "while it was away")
    stage.start(3)
    liar.settle(fork=3)
    liar.proved(MessageId(stream, 3), sides[0][0], liar.name(sides[1][0]))
    liar.untouched("before the lie", "while it was away", "true one", "true two")
    liar.asked_little(16)


def framed(stage: Stage) -> None:
    """A huge head for somebody else's stream, and posts in his name: he is harmed by neither."""
    liar = _begin(stage, "true one")
    victim = stage.view(0)
    stream = Stream(stage.hosts[0].member, victim.epoch, victim.boot)
    known = stage.checker.witness.envelopes[stream][1][0]
    entry = StreamEntry(stream.author, stream.epoch, stream.boot, ((1, FAR, NEVER),))
    liar.claim(entry, *liar.others)
    stage.say(0, "the framed one goes on")
    liar.run_for(5.0)
    before = {who: stage.counter(who, "refused.bad-signature") for who in (1, 2)}
    for who in (1, 2):
        liar.give([liar.sign("never said", (stream, 2), known)], who)
    liar.run_for(HEAL)
    for who, times in before.items():
        refused = stage.counter(who, "refused.bad-signature") - times
        stage.expect("G4", refused == 1, f"node{who + 1} counted {refused} forged posts")
        # What is pushed and is no answer costs its link, and no strike.
        stage.expect("G9", not liar.strikes(who), f"node{who + 1} counts strikes")
    stage.say(0, "and on")
    liar.settle()
    liar.untouched("before the lie", "the framed one goes on", "and on", "true one")
    gaps = [x for who in liar.others for x in liar.transcript(who, None) if isinstance(x, Missing)]
    stage.expect("G2", not gaps, f"gaps that nobody made: {gaps[:1]}")
    liar.asked_little(12)


def skipped(stage: Stage) -> None:
    """A hole that never was: it is shown by all, given up with its cause, and asked for seldom."""
    liar = _begin(stage, "true one", "true two")
    far = liar.sign("from afar", (liar.stream, FAR), NEVER)
    liar.give([far], 1, 2)
    liar.settle()
    hole = Missing(liar.stream, 3, FAR - 1)
    for who in liar.others:
        stage.expect("G2", hole in liar.transcript(who, None), f"node{who + 1} shows no hole")
        node = stage.hosts[who].node
        assert node is not None
        verdicts = [gap.verdict for gap in node.cores.messaging.gaps(node.now())]
        given_up = verdicts == ["closed: never had by any"]
        stage.expect("G2", given_up, f"node{who + 1} tells of the hole: {verdicts}")
    liar.untouched("before the lie", "true one", "true two", "from afar")
    liar.asked_little(12)


def unchained(stage: Stage) -> None:
    """A post that follows one that was never signed: that and the true one before it are the proof."""
    liar = _begin(stage, "true one", "true two")
    place = (liar.stream, 3)
    loose = liar.sign("follows nothing", place, NEVER)
    liar.give([loose], 2)
    liar.settle()
    liar.proved(MessageId(*place), loose, liar.header(2))
    liar.untouched("before the lie", "true one", "true two")
    liar.asked_little(8)


def restarted(stage: Stage) -> None:
    """New streams that name a false end of the one before: too early to some, too late to others."""
    liar = _begin(stage, "true one", "true two", "true three")
    old = liar.stream
    early = Opening(Start.AFTER, old.epoch, old.boot, 1, liar.header(1))
    late = Opening(Start.AFTER, old.epoch, old.boot, 40, NEVER)
    streams = [Stream(old.author, old.epoch + 1, boot) for boot in (OTHER, BootId("d6" * 16))]
    liar.give([liar.sign("it ended sooner", (streams[0], 1), b"", early)], 0, 1)
    liar.settle()
    for who in liar.others:
        node = stage.hosts[who].node
        assert node is not None
        lines = node.cores.messaging.transcript(after="", limit=ALL_LINES).lines
        marked = [x.id.seq for x in lines if not isinstance(x, GapLine) and x.mark == "after-end"]
        stage.expect("G10", marked == [2, 3], f"node{who + 1} marks {marked} as after the end")
    liar.give([liar.sign("it ended later", (streams[1], 1), b"", late)], 2)
    liar.settle()
    hole = Missing(old, 4, 40)
    for who in liar.others:
        stage.expect("G2", hole in liar.transcript(who, None), f"node{who + 1} shows no hole")
    liar.untouched("before the lie", "true one", "it ended sooner", "it ended later")
    liar.asked_little(12)
