"""
Scenes of authors that lie (``liar``); the last member is the liar.
"""

from __future__ import annotations

from securechat.ids import BootId, MessageId, Stream
from securechat.messaging.statements import MAX_RANGES, Opening, Start, StreamEntry
from securechat.messaging.views import GapLine
from securechat.simulation.host import ALL_LINES
from securechat.simulation.liar import AFTER, NEVER, begin
from securechat.simulation.observed import Missing
from securechat.simulation.scenes import HEAL
from securechat.simulation.stage import Stage

FAR = 20_000
"""A number that the liar claims, of posts that never were."""
OTHER = BootId("e7" * 16)


def forked(stage: Stage) -> None:
    """Of two posts for one place each reaches some, and neither reaches one: all get both."""
    liar = begin(stage, "true one", "true two")
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
    liar = begin(stage, "true one", "true two")
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
    liar = begin(stage, "true one")
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
    liar = begin(stage, "true one", "true two")
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


def riddled(stage: Stage) -> None:
    """More holes than a frontier names: what lies between them reaches all, from the one who has it."""
    liar = begin(stage, "true one", "true two")
    texts = [f"between holes, {number}" for number in range(3 * MAX_RANGES)]
    stream = liar.stream
    places = [(stream, 4 + 2 * number) for number in range(len(texts))]
    said = [liar.sign(text, place, NEVER) for text, place in zip(texts, places, strict=True)]
    for some in (said[:MAX_RANGES], said[MAX_RANGES:]):
        liar.give(some, 0)
        liar.run_for(1.0)
    stage.kill(liar.who)
    liar.settle()
    liar.untouched("before the lie", "true one", "true two", *texts)
    holes = {Missing(stream, seq - 1, seq - 1) for _, seq in places}
    for who in liar.others:
        shown = {line for line in liar.transcript(who, None) if isinstance(line, Missing)}
        stage.expect(
            "G2", shown == holes, f"node{who + 1} shows {len(shown)} of {len(holes)} holes"
        )
    # One for each range; what lies below the newest ranges is asked for now and then, for ever.
    liar.asked_little(len(places) + 12, later=2 * AFTER / 30 + 1)


def unchained(stage: Stage) -> None:
    """A post that follows one that was never signed: that and the true one before it are the proof."""
    liar = begin(stage, "true one", "true two")
    place = (liar.stream, 3)
    loose = liar.sign("follows nothing", place, NEVER)
    liar.give([loose], 2)
    liar.settle()
    liar.proved(MessageId(*place), loose, liar.header(2))
    liar.untouched("before the lie", "true one", "true two")
    liar.asked_little(8)


def restarted(stage: Stage) -> None:
    """New streams that name a false end of the one before: too early to some, too late to others."""
    liar = begin(stage, "true one", "true two", "true three")
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
