"""
Scripted worlds for what random ones seldom reach, by the properties of ``reference/membership.md`` 11.

Each scene takes a stage whose nodes do not run yet, lets things happen in a fixed order and says what
must be seen.  The judges of every world look on all the time, so that each is also one for P1 to P22.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from attrs import field, frozen

from securechat.settings import Settings
from securechat.simulation import scenes_alone as alone
from securechat.simulation import scenes_authors as authors
from securechat.simulation import scenes_days as days
from securechat.simulation import scenes_life as life
from securechat.simulation import scenes_network as network
from securechat.simulation import scenes_slow as slow
from securechat.simulation.observed import Violation
from securechat.simulation.run import TOLD, spread
from securechat.simulation.scenes import DAY
from securechat.simulation.stage import Stage


@frozen
class Scenario:
    """One script."""

    name: str
    rules: tuple[str, ...]
    """What it is about."""
    nodes: int
    play: Callable[[Stage], None]
    long: bool = False
    """Takes too long for every day."""
    settings: Settings = field(factory=Settings)


def perform(scenario: Scenario, seed: int) -> list[Violation]:
    """What is broken in it."""
    stage = Stage(seed, scenario.nodes, settings=scenario.settings)
    with stage.watched():
        scenario.play(stage)
        for host in stage.hosts:
            if host.shows:
                stage.judge.shown(host, host.presence())
    return stage.violations


LOCAL = Settings(preset="local")
LONG_HISTORY = Settings(history_posts=1000)
TALKATIVE = Settings(history_posts=5000, posts_per_second=100.0, burst=200.0)
DAY_APART = partial(days.day_apart, seconds=DAY + 3600)
LONG_SEEDS = 3
"""Of the seeds that are asked for, so many are enough for a script that takes long."""

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("quiet minutes", ("P7", "P14"), 4, life.quiet),
    Scenario("clocks step", ("P21",), 3, life.clock_steps),
    Scenario("simultaneous dials", ("P19",), 3, life.simultaneous_dials),
    Scenario("a process is killed", ("P8", "P3"), 5, life.killed),
    Scenario("a process is killed, local", ("P8", "P3"), 5, life.killed, settings=LOCAL),
    Scenario("a machine vanishes", ("P8",), 5, life.vanished),
    Scenario("all restart at once", ("P3", "P13"), 5, life.mass_restart),
    Scenario("churn", ("P22",), 3, life.churn),
    Scenario("a pause of 3 s", ("P9", "P10"), 5, life.paused),
    Scenario("a pause of 30 s", ("P9", "P10"), 5, life.paused_long),
    Scenario("all sleep at once", ("P10",), 4, life.all_asleep),
    Scenario("links break in a sleep", ("P9", "P10"), 4, life.asleep_unlinked),
    Scenario("a sleep amid questions", ("P10",), 4, life.asleep_asking),
    Scenario("a one-way cut", ("P12",), 3, network.one_way),
    Scenario("two cut from each other", ("P12", "P18"), 4, network.pair_cut),
    Scenario("a partition", ("P13",), 5, network.partition),
    Scenario("a bridge", ("P13",), 5, network.bridge),
    Scenario("a bridge, and no news", ("P13",), 5, network.bridge_only),
    Scenario("a firewall and a sleeper", ("P8", "P9", "P12"), 3, network.rejected),
    Scenario("a goodbye", ("P5", "P15"), 4, life.goodbye),
    Scenario("a goodbye in a partition", ("P15",), 4, life.goodbye_apart),
    Scenario("a lost disk", ("P20",), 3, life.lost_disk),
    Scenario("an old disk", ("P20",), 3, life.old_disk),
    Scenario("a copied home", ("P6", "P20"), 3, life.copied_home),
    Scenario("slander", ("P17",), 3, network.slander),
    Scenario("claims come again", ("P1", "P5"), 4, network.replayed),
    Scenario("cut off", ("P10", "P13"), 4, network.cut_off),
    Scenario("accusers that leave", ("P18",), 5, network.accusers_leave),
    Scenario("accusers that die", ("P18",), 5, network.accusers_die),
    Scenario("accusers that die later", ("P18",), 5, partial(network.accusers_die, lost=True)),
    Scenario("accusations of the living", ("P11",), 4, network.refuted),
    Scenario("late frames", ("P6",), 3, network.late_frames),
    Scenario("a fork", ("G4", "G7"), 5, authors.forked),
    Scenario("a fork, and one away", ("G4", "G7"), 5, authors.forked_away),
    Scenario("a framed author", ("G2", "G4", "G9"), 5, authors.framed),
    Scenario("numbers left out", ("G2", "G9"), 5, authors.skipped),
    Scenario(
        "more holes than are told", ("G2", "G7", "G9"), 5, authors.riddled, settings=LONG_HISTORY
    ),
    Scenario("a chain that never was", ("G4", "G7"), 5, authors.unchained),
    Scenario("false ends", ("G2", "G7"), 5, authors.restarted),
    Scenario("said alone, its disk lost", ("G1", "G2", "G7"), 3, alone.lost),
    Scenario("said alone, its disk set back", ("G1", "G2", "G7"), 3, alone.set_back),
    Scenario("a slow link, overrun", ("G2", "G9", "P7"), 2, slow.overrun, settings=TALKATIVE),
    Scenario("a quiet hour", ("P7", "P14"), 4, partial(life.quiet, seconds=3600.0), long=True),
    Scenario("a day apart", ("P13",), 5, DAY_APART, long=True),
    Scenario("a day apart, many", ("P13",), 14, DAY_APART, long=True, settings=days.Unhurried()),
)


def play_all(seeds: Sequence[int], echo: Callable[[str], None]) -> int:
    """Play every script, the long ones with few of the seeds; 0 if nothing is broken, else 1."""
    played = [(scenario, _chosen(scenario, seeds)) for scenario in SCENARIOS]
    worlds = [(scenario, seed) for scenario, chosen in played for seed in chosen]
    outcomes = spread(_perform, worlds)
    failed = 0
    for scenario, chosen in played:
        broken = {seed: found for seed in chosen if (found := next(outcomes))}
        failed += bool(broken)
        kept = len(chosen) - len(broken)
        echo(f"{scenario.name} ({', '.join(scenario.rules)}): {kept} of {len(chosen)} seeds")
        for seed, found in list(broken.items())[:TOLD]:
            echo(f"  seed {seed}: {found[0]}")
    echo(f"{len(SCENARIOS)} scripts, {failed} failed")
    return 1 if failed else 0


def _chosen(scenario: Scenario, seeds: Sequence[int]) -> Sequence[int]:
    return seeds[:LONG_SEEDS] if scenario.long else seeds


def _perform(world: tuple[Scenario, int]) -> list[Violation]:
    """In a process of its own, where there are cores for it."""
    return perform(*world)
