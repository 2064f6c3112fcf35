"""
``simulate``: the real node under a virtual clock and a bad network, and an independent checker.
"""

from __future__ import annotations

import click

SEEDS = "1..20"
MAX_NODES = 25
MAX_SEED = 2**63 - 1


class Span(click.ParamType[range]):
    """``A..B``, both included, or one number."""

    name = "A..B"

    def __init__(self, fewest: int, most: int) -> None:
        self.fewest, self.most = fewest, most

    def convert(
        self, value: str | range, param: click.Parameter | None, ctx: click.Context | None
    ) -> range:
        """The numbers from A to B."""
        if isinstance(value, range):
            return value
        first, dots, last = value.partition("..")
        try:
            found = range(int(first), int(last if dots else first) + 1)
        except ValueError:
            self.fail(f"{value!r} is not A..B", param, ctx)
        if not found:
            self.fail(f"{value!r} holds no number", param, ctx)
        if found[0] < self.fewest or found[-1] > self.most:
            self.fail(f"{value!r} is not within {self.fewest} and {self.most}", param, ctx)
        return found


@click.command()
@click.option(
    "--nodes", type=Span(2, MAX_NODES), help="In each world, A..B by its seed; else 3 to 5."
)
@click.option(
    "--seeds", type=Span(0, MAX_SEED), default=SEEDS, show_default=True, help="Which worlds."
)
@click.option(
    "--seconds", type=click.FloatRange(10, 100_000), default=120.0, show_default=True,
    help="Virtual seconds of each.",
)  # fmt: skip
@click.option(
    "--mode", type=click.Choice(["safety", "liveness"]),
    help="Faults to the end, or a healed core that has to agree; else all are healed.",
)  # fmt: skip
@click.option("--scripts", is_flag=True, help="The scripted worlds instead, also the long ones.")
@click.option(
    "--sweep", type=click.Choice(["crash", "store"]),
    help="Short stories instead, once for every step at which a process can die, or for every"
    " call of its store that can fail; of --seeds the first.",
)  # fmt: skip
@click.option(
    "--every", type=click.IntRange(1), default=1, show_default=True,
    help="Of the places of a sweep every so-manieth.",
)  # fmt: skip
def simulate(
    nodes: range | None, seeds: range, seconds: float, mode: str | None, scripts: bool,
    sweep: str | None, every: int,
) -> int:  # fmt: skip
    """Run the real node in seeded bad worlds and check what it promises."""
    from securechat.simulation import run, scenarios, sweeps

    if sweep:
        return sweeps.sweep(sweep, seeds[0], click.echo, every)

    if scripts:
        return scenarios.play_all(seeds, click.echo)
    return run.simulate(nodes, seeds, seconds, click.echo, mode or "")


COMMANDS: dict[str, click.Command] = {"simulate": simulate}
