"""
Scenes of life and death: nothing happens, somebody ends, stands still, leaves or loses a disk.

P3, P5 to P10, P14, P15 and P19 to P22 of ``reference/membership.md`` 11.
"""

from __future__ import annotations

from collections.abc import Callable

from securechat.notices import Via
from securechat.simulation.scenes import (
    ENDED,
    HEAL,
    MEETING,
    SILENT,
    SOON,
    A,
    L,
    U,
    meet,
    only_of,
    replay,
)
from securechat.simulation.stage import Stage

# Nothing happens.


def quiet(stage: Stage, seconds: float = 120.0) -> None:
    """P7, P14: nobody is suspected, and nothing is said but probes."""
    meet(stage)
    since = stage.now
    stage.judge.count()
    stage.run_for(seconds)
    stage.judge.restless(seconds, stage.settings.period)
    stage.expect("P7", not stage.tells(since), f"told: {stage.tells(since)[:2]}")


def clock_steps(stage: Stage) -> None:
    """P21: clocks on the wall step by an hour and by a day, either way, and nobody is suspected."""
    meet(stage)
    since, before = stage.now, [stage.view(who).digest for who in stage.running]
    for step in (3600.0, -3600.0, 86400.0, -86400.0):
        for host in stage.hosts:
            host.wall_offset += step
            stage.run_for(5.0)
    stage.expect("P21", not stage.tells(since), f"told: {stage.tells(since)[:2]}")
    after = [stage.view(who).digest for who in stage.running]
    stage.expect("P21", before == after, "a version rose")
    stage.kill(0, powered=False)
    most = SILENT * stage.settings.period
    lost = lambda: all(stage.state(who, 0) == U for who in stage.running)  # noqa: E731
    stage.must("P21", lost, most, "after that a machine that vanishes is unreachable")


def simultaneous_dials(stage: Stage) -> None:
    """P19: everybody dials everybody, again and again, at one moment or nearly so."""
    meet(stage)
    since = stage.now
    pairs = [(a, b) for a in stage.hosts for b in stage.hosts if a is not b]
    for turn in range(40):
        for a, b in pairs:
            late = stage.hosts[0].rng.random() * 0.02 * (turn % 3)
            stage.clock.callLater(late, stage.dialled, a, b.address, b.member)
        stage.run_for(0.5)
    for a, b in pairs:
        others = [c for c in stage.hosts if c not in (a, b)]
        stage.dialled(a, b.address, others[0].member)
    stage.run_for(15.0)
    stage.expect("P19", not stage.tells(since), f"told: {stage.tells(since)[:2]}")
    for a, b in pairs:
        many = len(stage.ends(a.index, b.index))
        stage.expect("P19", many == 1, f"{many} links of {a.name} and {b.name} stay")


# Somebody ends.


def killed(stage: Stage) -> None:
    """P8: a process is killed; its machine refuses all dials from then on."""
    meet(stage)
    since = stage.now
    stage.kill(0)
    rest = stage.running
    stage.must("P8", lambda: all(stage.state(a, 0) != A for a in rest), 0.3, "it is suspected")
    stage.must(
        "P8", lambda: all(stage.state(a, 0) == U for a in rest), ENDED, "it is unreachable for all"
    )
    only_of(stage, since, 0)
    stage.start(0)
    stage.must("P13", stage.agreed, SOON, "it is back")
    stage.expect("P3", stage.view(0).epoch == 2, f"its epoch is {stage.view(0).epoch}")


def vanished(stage: Stage) -> None:
    """P8: a machine loses its power, and nothing says so."""
    meet(stage)
    since = stage.now
    stage.kill(0, powered=False)
    rest = stage.running
    most = SILENT * stage.settings.period
    stage.must("P8", lambda: all(stage.state(a, 0) == U for a in rest), most, "unreachable")
    only_of(stage, since, 0)


def mass_restart(stage: Stage) -> None:
    """P3, P13: all are killed at one moment, and start at one moment."""
    meet(stage)
    for times in range(2, 5):
        stage.kill(*range(len(stage.hosts)), powered=times % 2 == 0)
        stage.run_for(times - 1.5)
        stage.start()
        stage.must("P13", stage.agreed, MEETING, "all are back")
        epochs = [stage.view(who).epoch for who in stage.running]
        stage.expect("P3", epochs == [times] * len(epochs), f"epochs {epochs}")


def churn(stage: Stage, times: int = 60) -> None:
    """P22: two members restart all the time, and nothing grows."""
    meet(stage)
    before = 0
    for turn in range(times):
        if turn == times // 2:
            before = stage.weight(0)
        who = 1 + turn % 2
        stage.kill(who)
        stage.run_for(0.3)
        stage.start(who)
        stage.run_for(0.7 + 2.0 * (turn % 10 == 0))
    stage.must("P13", stage.agreed, HEAL, "all see each other alive")
    after = stage.weight(0)
    stage.expect("P22", after <= 1.1 * before, f"{before} values became {after}")


# Somebody stands still.


def paused(stage: Stage) -> None:
    """P9, P10: three seconds of standstill are forgiven, and the sleeper forgives as well."""
    meet(stage)
    since = stage.now
    stage.pause(0)
    stage.run_for(3.0)
    stage.go_on(0)
    stage.run_for(10.0)
    lost = [told for told in stage.tells(since) if told.to is U]
    stage.expect("P9", not lost, f"told: {lost[:2]}")
    stage.expect("P9", stage.agreed(), "not all are alive again")
    only_of(stage, since, 0)
    accused = [told for told in stage.tells(since, by=0) if told.to is not A]
    stage.expect("P10", not accused, f"the sleeper tells {accused[:2]}")
    stage.pause(0)
    stage.run_for(1.2)
    stage.go_on(0)
    stage.must("P10", lambda: stage.view(0).health > 0, 1.0, "the sleeper trusts itself less")
    stage.must("P10", lambda: stage.view(0).health == 0, 20.0, "it trusts itself again")


def paused_long(stage: Stage) -> None:
    """P9, P10: thirty seconds make it unreachable, then alive, in the same epoch."""
    meet(stage)
    since, epoch = stage.now, stage.view(0).epoch
    stage.pause(0)
    stage.run_for(30.0)
    rest = stage.running
    stage.expect("P9", all(stage.state(a, 0) == U for a in rest), "it is not unreachable")
    stage.go_on(0)
    stage.must("P9", stage.agreed, HEAL, "it is alive again")
    stage.run_for(5.0)
    stage.expect("P9", stage.view(0).epoch == epoch, f"its epoch became {stage.view(0).epoch}")
    only_of(stage, since, 0)
    accused = [told for told in stage.tells(since, by=0) if told.to is not A]
    stage.expect("P10", not accused, f"the sleeper tells {accused[:2]}")


def all_asleep(stage: Stage) -> None:
    """P10: all stand still at once; nobody suspects another, each trusts itself less for a while."""
    meet(stage)
    since, who = stage.now, stage.running
    stage.pause(*who)
    stage.run_for(3.0)
    stage.go_on(*who)
    health = lambda: [stage.view(one).health for one in who]  # noqa: E731
    stage.must("P10", lambda: all(health()), 0.5, "each trusts itself less")
    stage.must("P10", lambda: not any(health()), 20.0, "each trusts itself again")
    stage.expect("P10", not stage.tells(since), f"told: {stage.tells(since)[:2]}")


def asleep_unlinked(stage: Stage) -> None:
    """P10: all links of the sleeper break while it sleeps, and it holds that against nobody."""
    meet(stage)
    _sleep_while(stage, lambda: _break_links(stage, 0))
    stage.expect("P9", stage.agreed(), "not all are alive again")


def asleep_asking(stage: Stage) -> None:
    """P10: what others were asked before the sleep is not held against whom it was about."""
    meet(stage)
    stage.network.weather.lag = dict.fromkeys(stage.both((0, 2), (0, 3)), 0.1)
    stage.cut(*stage.both((0, 1)))
    stage.must("P12", lambda: stage.row(0, 1).via is Via.INDIRECT, HEAL, "others vouch for it")
    stage.run_for(10.0)
    asked = _asked(stage)
    stage.must("P12", lambda: _asked(stage) > asked, 5.0, "others are asked for it")
    _sleep_while(stage, lambda: None)


def _asked(stage: Stage) -> int:
    return stage.view(0).counters["probes.indirect"]


def _sleep_while(stage: Stage, happens: Callable[[], None]) -> None:
    """The first sleeps for three seconds, one second before this happens."""
    since = stage.now
    stage.pause(0)
    stage.run_for(1.0)
    happens()
    stage.run_for(2.0)
    stage.go_on(0)
    stage.run_for(5.0)
    accused = [told for told in stage.tells(since, by=0) if told.to is not A]
    stage.expect("P10", not accused, f"the sleeper tells {accused[:2]}")


def _break_links(stage: Stage, who: int) -> None:
    for ends in list(stage.network.connections):
        if any(end.machine is stage.hosts[who] for end in ends):
            stage.network.reset(ends, (1.0, 1.0))


# Somebody leaves.


def goodbye(stage: Stage) -> None:
    """P5, P15: it is left at once and everywhere, and the next start returns it."""
    meet(stage)
    since, rest = stage.now, stage.running[1:]
    stage.goodbye(0)
    stage.must("P15", lambda: all(stage.state(a, 0) == L for a in rest), 2.0, "it is left")
    stage.run_for(60.0)
    steps = {(told.before, told.to) for told in stage.tells(since)}
    stage.expect("P15", steps == {(A, L)}, f"told: {sorted(map(str, steps))}")
    replay(stage)
    stage.kill(rest[0])
    stage.start(rest[0])
    stage.run_for(8.0)
    stage.expect("P5", all(stage.state(a, 0) == L for a in rest), "it is not left any more")
    stage.start(0)
    stage.must("P15", stage.agreed, HEAL, "it is back")


def goodbye_apart(stage: Stage) -> None:
    """P15: who was cut off when it left learns of it at the heal."""
    meet(stage)
    far = len(stage.hosts) - 1
    ways = stage.between([far])
    stage.cut(*ways)
    stage.goodbye(0)
    stage.run_for(40.0)
    stage.expect("P15", stage.state(far, 0) == U, f"apart it is {stage.state(far, 0)}")
    stage.mend(*ways)
    stage.must("P15", lambda: stage.state(far, 0) == L, HEAL, "it learns of the goodbye")


# Disks and copies.


def lost_disk(stage: Stage) -> None:
    """P20: after some epochs a disk is lost; within 2 s of the first contact all epochs are passed."""
    meet(stage)
    for _ in range(4):
        stage.kill(0)
        stage.start(0)
        stage.run_for(3.0)
    stage.must("P13", stage.agreed, SOON, "it is back")
    _set_back(stage, b"")


def old_disk(stage: Stage) -> None:
    """P20: the same with a disk of long ago."""
    meet(stage)
    old = stage.hosts[0].copy()
    for _ in range(4):
        stage.kill(0)
        stage.start(0)
        stage.run_for(3.0)
    stage.must("P13", stage.agreed, SOON, "it is back")
    _set_back(stage, old)


def _set_back(stage: Stage, disk: bytes) -> None:
    before = max(stage.row(who, 0).epoch for who in stage.running)
    stage.wipe(0, disk)
    stage.run_for(1.0)
    stage.start(0)
    stage.must("P20", lambda: bool(_linked(stage)), SOON, "it has a link")
    stage.must("P20", lambda: stage.view(0).epoch > before, 2.0, f"its epoch passes {before}")
    stage.must("P20", stage.agreed, SOON, "it is alive for all")
    stage.expect("P20", not stage.view(0).conflict, "it sees a conflict")


def _linked(stage: Stage) -> list[int]:
    return [a for a in stage.running[1:] if any(end.heard for end in stage.ends(0, a))]


def copied_home(stage: Stage) -> None:
    """
    P6, P20: a home is copied while its node is stopped; the copy speaks, then the old one wakes.

    Both then reach the same peers: two periods later the older one has stopped speaking and says so.
    """
    meet(stage)
    stage.pause(0)
    twin = stage.copy(0)
    stage.run_for(2.0)
    stage.start(twin)
    rest = [1, 2]
    alive = lambda: all(stage.state(a, 0) == A for a in rest)  # noqa: E731
    stage.must("P20", lambda: alive() and _known(stage, twin), HEAL, "the copy is alive")
    old = stage.hosts[0]
    for number in range(3):
        old.clock.run(stage.say, (0, f"said by the old process, {number}"))
    since, refused = stage.now, _refused(stage)
    stage.go_on(0)
    reached = lambda: sum(_refused(stage)) > sum(refused)  # noqa: E731
    stage.must("P20", reached, SOON, "the old process reaches a peer of the copy")
    stopped = lambda: stage.view(0).silent  # noqa: E731
    stage.must("P20", stopped, 2 * stage.settings.period, "the old process stops speaking")
    told = [told for told in stage.tells(since, by=0, of=0) if told.to is None]
    stage.expect("P20", told and stage.view(0).conflict, "it does not tell of a conflict")
    stage.run_for(30.0)
    silent = [index for index in (0, twin) if stage.view(index).silent]
    stage.expect("P20", silent == [0], f"{silent} have stopped speaking, not the old process alone")
    stage.expect("P20", alive() and _known(stage, twin), "the copy is not heard on")


def _refused(stage: Stage) -> list[int]:
    return [stage.counter(a, "refused.stale-epoch") for a in (1, 2)]


def _known(stage: Stage, twin: int) -> bool:
    epoch = stage.view(twin).epoch
    return all(stage.row(a, 0).epoch == epoch for a in (1, 2))
