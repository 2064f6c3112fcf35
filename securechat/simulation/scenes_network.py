"""
Scenes of a bad network and of bad members: cuts, partitions, lies, and what comes again or late.

P1, P5, P6, P11 to P13, P17 and P18 of ``reference/membership.md`` 11.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from securechat.ids import MAX_INT, Version
from securechat.membership.messages import Alive, Claims, Leave, Observation, Rows
from securechat.membership.presence import MemberView
from securechat.notices import Via
from securechat.objects import Purpose, Signed
from securechat.simulation.grounds import confirmers
from securechat.simulation.scenes import HEAL, SILENT, SOON, A, S, U, meet, only_of, replay
from securechat.simulation.stage import Stage
from securechat.wire import pack

BRIDGE = ((1, 2), (2, 1))
"""The ways of a partition that are mended first."""
DOOMED = (2, 3)
"""Who accuses, and is killed then."""

# Ways are cut.


def one_way(stage: Stage) -> None:
    """P12: nothing passes from node1 to node2; node3 hears both, and each knows the other by it."""
    meet(stage)
    since = stage.now
    stage.cut((0, 1))
    stage.run_for(60.0)
    _through_others(stage, since, 1, 0)
    stage.mend((0, 1))
    stage.must("P12", lambda: _direct(stage), HEAL, "all are reached directly again")
    stage.expect("P12", stage.agreed(), "not all see each other alive")


def pair_cut(stage: Stage) -> None:
    """P12, P18: node1 and node2 are cut from each other only; then one of the two dies."""
    meet(stage)
    since = stage.now
    stage.cut(*stage.both((0, 1)))
    stage.run_for(45.0)
    _through_others(stage, since, 0, 1)
    _through_others(stage, since, 1, 0)
    stage.kill(0)
    stage.run_for(20.0)
    wrong = stage.tells(since, of=1)
    stage.expect("P18", not wrong, f"told: {wrong[:2]}")
    stage.expect("P12", stage.state(1, 0) == U, f"dead it is {stage.state(1, 0)} for node2")
    stage.mend(*stage.both((0, 1)))
    stage.start(0)
    stage.must("P13", stage.agreed, HEAL, "all see each other alive")


def _through_others(stage: Stage, since: float, who: int, of: int) -> None:
    """It is alive all the time, through others, and nobody is suspected by anybody."""
    told = stage.tells(since)
    stage.expect("P12", not told, f"told: {told[:2]}")
    row = stage.row(who, of)
    stage.expect("P12", row.via is Via.INDIRECT, f"it is {row.state} {row.via}")


def _direct(stage: Stage) -> bool:
    views = [stage.view(who) for who in stage.running]
    return all(row.via is Via.DIRECT for view in views for row in view.members)


def rejected(stage: Stage) -> None:
    """P9, P12: node2's firewall refuses node1; node3, between them, sleeps; then node2 is killed."""
    meet(stage)
    stage.network.reject(0, 1)
    stage.run_for(20.0)
    for _ in range(4):
        row = stage.row(0, 1)
        stage.expect("P12", row.via is Via.INDIRECT, f"it is {row.state} {row.via}")
        since = stage.now
        stage.pause(2)
        stage.run_for(3.0)
        stage.go_on(2)
        stage.run_for(8.0)
        lost = [told for told in stage.tells(since) if told.to is U]
        stage.expect("P9", not lost, f"told: {lost[:2]}")
    stage.kill(1)
    most = SILENT * stage.settings.period
    took = stage.must("P8", lambda: stage.state(0, 1) == U, most, "killed it is unreachable")
    least = stage.settings.suspicion(3, 1, 1, 0)
    stage.expect("P8", took > least, f"its suspicion took {took:.1f} s, not {least:.1f}")
    stage.network.admit(0, 1)
    stage.start(1)
    stage.must("P13", stage.agreed, HEAL, "all see each other alive")


def cut_off(stage: Stage) -> None:
    """Who hears nobody says so, and keeps its own pace; the others miss it and only it."""
    meet(stage)
    since = stage.now
    ways = stage.between([0])
    stage.cut(*ways)
    most = 4 * stage.settings.cut_off_after
    stage.must("P10", lambda: stage.view(0).cut_off, most, "it says that it is cut off")
    stage.expect("P10", stage.view(0).health == 0, f"its score is {stage.view(0).health}")
    stage.run_for(SILENT * stage.settings.period)
    only_of(stage, since, 0)
    stage.mend(*ways)
    stage.must("P13", lambda: stage.agreed() and not stage.view(0).cut_off, HEAL, "it is back")


def accusers_leave(stage: Stage) -> None:
    """P18: of three who accuse a member that vanished, two leave: their rows do not count any more."""
    meet(stage)
    stage.kill(1, powered=False)
    observers = (2, 3)
    said = lambda: all(stage.state(who, 1) != A for who in (0, *observers))  # noqa: E731
    stage.must("P8", said, 4 * stage.settings.period, "it is suspected")
    stage.run_for(0.1)
    for who in observers:
        stage.goodbye(who)
    took = stage.must("P8", lambda: stage.state(0, 1) == U, 60.0, "it is unreachable")
    lone = stage.settings.suspicion(5, 1, 1, 0)
    stage.expect("P18", took > lone - 1.5, f"its suspicion took {took:.1f} s, not {lone:.1f}")


def accusers_die(stage: Stage, lost: bool = False) -> None:
    """
    P18: who accuses a living member is killed, and takes nothing back; that member comes back alive.

    The member was away for a while, and is suspect by then, or lost.  What the dead said of it counts
    no longer once they are missed themselves.
    """
    meet(stage)
    rest, state = (0, 4), U if lost else S
    ways = stage.between([1])
    stage.cut(*ways)
    said = lambda: all(stage.state(who, 1) == state for who in (*rest, *DOOMED))  # noqa: E731
    heard = lambda: lost or all(_counting(stage, who) for who in rest)  # noqa: E731
    most = SILENT * stage.settings.period
    stage.must("P18", lambda: said() and heard(), most, "all accuse it, and that counts")
    stage.kill(*DOOMED, powered=False)
    missed = lambda: all(stage.state(a, b) != A for a in rest for b in DOOMED)  # noqa: E731
    stage.must("P8", missed, 4 * stage.settings.period, "the dead are missed")
    for who in rest:
        dead, found = _counting(stage, who), stage.state(who, 1)
        stage.expect("P18", not dead, f"the word of {dead} dead ones counts at node{who + 1}")
        stage.expect("P18", found == state, f"it is {found} at node{who + 1}, not {state}")
    stage.mend(*ways)
    stage.must("P18", stage.agreed, HEAL, "it is alive again")
    since = stage.now
    stage.run_for(20.0)
    stage.expect("P18", not (told := stage.tells(since, of=1)), f"told: {told[:2]}")
    stage.start(*DOOMED)
    stage.must("P13", stage.agreed, HEAL, "all see each other alive")


def _counting(stage: Stage, who: int) -> int:
    """Of how many that will die the word against node2 counts there."""
    doomed = {stage.hosts[index].member for index in DOOMED}
    return len(confirmers(stage.row(who, 1).evidence) & doomed)


def partition(stage: Stage, seconds: float = 60.0) -> None:
    """P13: two sides, each one room in itself; after the heal one room, and nobody is lost."""
    meet(stage)
    side, rest = [0, 1], list(range(2, len(stage.hosts)))
    epochs = [stage.view(who).epoch for who in stage.running]
    ways = stage.between(side)
    stage.cut(*ways)
    stage.run_for(min(seconds, SILENT * stage.settings.period + 1))
    apart = all(stage.state(a, b) == U == stage.state(b, a) for a in side for b in rest)
    stage.expect("P13", apart, "the sides are not apart")
    stage.run_for(max(0.0, seconds - SILENT * stage.settings.period - 1))
    for among in (side, rest):
        stage.expect("P13", stage.agreed(among), f"{among} do not agree")
    stage.mend(*ways)
    stage.must("P13", stage.agreed, HEAL, "the views are equal")
    after = [stage.view(who).epoch for who in stage.running]
    stage.expect("P13", epochs == after, f"epochs {epochs} became {after}")


def bridge(stage: Stage) -> None:
    """P13: after a partition only one way between the sides is mended; claims cross it at once."""
    ways = _sides(stage, 30.0)
    stage.kill(0)
    stage.run_for(1.0)
    stage.start(0)
    stage.run_for(5.0)
    stage.mend(*BRIDGE)
    far = len(stage.hosts) - 1
    stage.must(
        "P13", lambda: stage.row(far, 0).epoch == stage.view(0).epoch, HEAL, "its restart is known"
    )
    _whole(stage, ways)


def bridge_only(stage: Stage, seconds: float = 30.0) -> None:
    """P13: the same with no news on either side: who is linked across brings word of the other end."""
    ways = _sides(stage, seconds)
    stage.mend(*BRIDGE)
    ends = ((0, 2), *((who, 1) for who in range(3, len(stage.hosts))))
    most = HEAL + len(stage.hosts) * stage.settings.period
    word = lambda: all(stage.row(*pair).via is Via.INDIRECT for pair in ends)  # noqa: E731
    stage.must("P13", word, most, "each has word of the other end")
    since = stage.now
    stage.run_for(20.0)
    wrong = [told for pair in ends for told in stage.tells(since, *pair)]
    stage.expect("P12", not wrong, f"told: {wrong[:2]}")
    _whole(stage, ways)


def _sides(stage: Stage, seconds: float) -> list[tuple[int, int]]:
    """A room in which node1 and node2 have been apart from the others for so long; the ways cut."""
    meet(stage)
    ways = stage.between([0, 1])
    stage.cut(*ways)
    stage.run_for(seconds)
    return ways


def _whole(stage: Stage, ways: Sequence[tuple[int, int]]) -> None:
    stage.mend(*(way for way in ways if way not in BRIDGE))
    stage.must("P13", lambda: stage.agreed() and _direct(stage), HEAL, "the views are equal")


# Somebody lies.


def slander(stage: Stage) -> None:
    """P17: a member with a valid certificate forges claims of another; all are refused and counted."""
    meet(stage)
    since = stage.now
    before = [stage.row(who, 0) for who in stage.running[1:]]
    said = Alive(stage.hosts[0].member, 1, 0, stage.view(0).boot, ("10.0.0.9:7400",))
    forger = stage.hosts[1].person
    genuine = stage.judge.claims_of(said.author)[0]
    lies = [
        (Purpose.ALIVE, evolve(said, incarnation=2**32 - 1), forger.certificate),
        (Purpose.ALIVE, evolve(said, epoch=MAX_INT), genuine.attachment),
        (Purpose.LEAVE, Leave(said.author, 1, 0), b""),
        (Purpose.LEAVE, Leave(said.author, MAX_INT, MAX_INT), b""),
    ]
    for purpose, statement, attachment in lies:
        signed = forger.signer.sign(purpose, pack(statement), attachment)
        _lie(stage, signed)
    _lie(stage, evolve(genuine, statement=pack(evolve(said, incarnation=5))))
    after = [stage.row(who, 0) for who in stage.running[1:]]
    stage.expect("P17", _facts(before) == _facts(after), "what is held of it has changed")
    wrong = stage.tells(since, of=0)
    stage.expect("P17", not wrong, f"told: {wrong[:2]}")
    refused = sum(stage.counter(2, f"refused.{why}") for why in ("bad-signature", "key-mismatch"))
    stage.expect("P17", refused == len(lies) + 1, f"{refused} of {len(lies) + 1} were counted")
    stage.must("P13", stage.agreed, HEAL, "all see each other alive")


def _lie(stage: Stage, signed: Signed) -> None:
    """Told to node3 by node2, on its true link, which it loses by that."""
    stage.must("P13", lambda: bool(stage.ends(1, 2)), HEAL, "they are linked")
    stage.run_for(1.0)
    stage.speak(1, 2, Claims((signed,)))
    stage.run_for(1.0)


def _facts(rows: Sequence[MemberView]) -> list[Version]:
    return [Version(row.epoch, row.incarnation) for row in rows]


def replayed(stage: Stage) -> None:
    """P1, P5: all claims ever made come again, in any order, from a member with a valid certificate."""
    meet(stage)
    for who in (0, 1):
        stage.kill(who)
        stage.start(who)
        stage.run_for(4.0)
    stage.must("P13", stage.agreed, HEAL, "all see each other alive")
    before = [stage.view(who).digest for who in stage.running]
    replay(stage)
    stage.expect("P1", before == [stage.view(w).digest for w in stage.running], "views changed")


def refuted(stage: Stage) -> None:
    """P11: what is said against a living member is refuted once, however many say it however often."""
    meet(stage)
    since, before = stage.now, stage.view(0)
    member = stage.hosts[0].member
    said = Observation(member, before.epoch, before.incarnation, "suspect", False)
    for _ in range(3):
        for liar in (1, 2):
            for to in (0, 3):
                stage.speak(liar, to, Rows(0, (said,)))
        stage.run_for(2.0)
    raised = Version(before.epoch, before.incarnation + 1)
    for who in stage.running:
        row = stage.row(who, 0)
        found = Version(row.epoch, row.incarnation)
        stage.expect("P11", found == raised, f"node{who + 1} holds {found}, not {raised}")
    wrong = stage.tells(since)
    stage.expect("P11", not wrong, f"told: {wrong[:2]}")
    stage.speak(1, 0, Rows(0, (evolve(said, incarnation=before.incarnation + 7),)))
    stage.run_for(3.0)
    stage.expect(
        "P11", stage.view(0).incarnation == raised.incarnation, "it refutes what it never said"
    )


def late_frames(stage: Stage) -> None:
    """P6: a post of a process that lost its disk is under way when the next process is there."""
    meet(stage)
    slow = stage.network.weather.lag
    who, rest = 2, (0, 1)
    # First the way back, so that no reset overtakes the post.
    slow.update({(other, who): 6.0 for other in rest})
    stage.run_for(1.1 * stage.settings.period)
    slow.update({(who, other): 5.0 for other in rest})
    stage.hosts[who].clock.run(stage.say, (who, "said by a process that is gone when it comes"))
    stage.run_for(0.05)
    stage.wipe(who, powered=False)
    slow.clear()
    stage.start(who)
    stage.must("P13", stage.agreed, SOON, "its next process is alive for all")
    stage.run_for(20.0)
    came = [post for post in stage.posts if post.by != who]
    stage.expect("P6", not came, f"it came in live at node{[post.by + 1 for post in came]}")
