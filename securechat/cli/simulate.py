"""
``simulate``: the real node under a virtual clock and a bad network, and an independent checker.
"""

from __future__ import annotations

import click

SEEDS = "1..20"
MAX_NODES = 25


class Seeds(click.ParamType[range]):
    """``A..B``, both included, or one number."""

    name = "A..B"

    def convert(
        self, value: str | range, param: click.Parameter | None, ctx: click.Context | None
    ) -> range:
        """The seeds from A to B."""
        if isinstance(value, range):
            return value
        first, dots, last = value.partition("..")
        try:
            seeds = range(int(first), int(last if dots else first) + 1)
        except ValueError:
            self.fail(f"{value!r} is not A..B", param, ctx)
        if not seeds or seeds[0] < 0:
            self.fail(f"{value!r} holds no seed", param, ctx)
        return seeds


@click.command()
@click.option("--nodes", type=click.IntRange(2, MAX_NODES), help="In each world; else by the seed.")
@click.option("--seeds", type=Seeds(), default=SEEDS, show_default=True, help="Which worlds.")
@click.option(
    "--seconds", type=click.FloatRange(10, 100_000), default=120.0, show_default=True,
    help="Virtual seconds of each.",
)  # fmt: skip
def simulate(nodes: int | None, seeds: range, seconds: float) -> int:
    """Run the real node in seeded bad worlds and check what it promises."""
    from securechat.simulation.run import simulate as run

    return run(nodes, seeds, seconds, click.echo)


COMMANDS: dict[str, click.Command] = {"simulate": simulate}
