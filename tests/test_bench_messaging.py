"""``scripts/bench`` of messaging takes ratios and percentiles right, and judges them by its goals."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from os import mknod
from pathlib import Path
from stat import S_IFSOCK
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.house import ROOT


class ScriptCase(SynchronousTestCase):
    """With the scripts' own modules."""

    def setUp(self) -> None:
        """The scripts import each other by their bare names."""
        self.patch(sys, "path", [str(ROOT / "scripts"), *sys.path])
        self.figures: Any = self.script("bench_figures")

    def script(self, name: str) -> Any:
        """One of the scripts' modules."""
        return import_module(name)

    def measured(self, what: str, **values: list[float]) -> list[Any]:
        """Figures of some programs, repeat by repeat; an underscore stands for a space."""
        return [
            self.figures.Figure(what, program.replace("_", " "), repeat, value)
            for program, found in values.items()
            for repeat, value in enumerate(found)
        ]

    def row(self, script: str, what: str) -> Any:
        """A row of one of the benchmarks."""
        return next(row for row in self.script(script).ROWS if row.what == what)


class FigureTests(ScriptCase):
    """Medians, ratios, goals."""

    def test_ratio_by_repeat(self) -> None:
        """A ratio is taken within a repeat; one in which the other failed has none."""
        row = self.row("bench_start", "start")
        found = self.measured("start", securechat=[4.0, 9.0, 5.0], bare=[2.0, 3.0])
        lines = list(self.figures.lines((row,), found))
        self.assertEqual([line.ratios for line in lines], [(2.0, 3.0)])
        self.assertIsNone(lines[0].met)

    def test_most_of_it(self) -> None:
        """A time may be at most so much of another's: the median of the ratios is judged."""
        row = self.row("bench_dm", "p50")
        both = "rtt signed + 2 commits"
        within = self.measured("p50", securechat=[1.0, 1.5, 9.0])
        beside = [self.figures.Figure("p50", both, repeat, 1.0) for repeat in range(3)]
        self.assertEqual([x.met for x in self.figures.lines((row,), within + beside)], [True])
        above = self.measured("p50", securechat=[1.0, 1.6, 1.7])
        self.assertEqual(
            self.figures.missed((row,), above + beside),
            ["told to acked, p50: at most 1.5 of it (rtt signed + 2 commits)"],
        )

    def test_least_of_it(self) -> None:
        """A rate is to be at least so much of another's."""
        row = self.row("bench_dm", "queue")
        for ours, met in ((1000.0, True), (999.0, False)):
            found = self.measured("queue", securechat=[ours], LXMF=[20.0])
            self.assertEqual([line.met for line in self.figures.lines((row,), found)], [met])

    def test_alone(self) -> None:
        """A figure with a goal of its own is judged by itself, and stands beside others as well."""
        row = self.row("bench_memory", "link")
        found = self.measured("link", securechat=[101.0], bare=[50.0])
        own, beside = self.figures.lines((row,), found)
        self.assertIsNone(own.beside)
        self.assertIs(own.met, False)
        self.assertIsNone(beside.met)
        self.assertEqual(
            self.figures.missed((row,), found), ["for each link after the first: at most 100 KiB"]
        )

    def test_not_measured(self) -> None:
        """What was not measured has no line, and no verdict."""
        row = self.row("bench_dm", "queue")
        self.assertEqual(list(self.figures.lines((row,), [])), [])
        only = self.measured("queue", LXMF=[20.0])
        self.assertEqual(self.figures.missed((row,), only), [])

    def test_table(self) -> None:
        """A line shows both medians with their ranges, the ratio, the goal and the verdict."""
        row = self.row("bench_memory", "kept")
        found = self.measured("kept", securechat=[60.0, 61.0], bare=[50.0, 50.0])
        lines = self.figures.table((row,), found)
        self.assertEqual(
            lines[2:],
            [
                "| RSS with the posts kept | MiB | 60.5 (60.0..61.0) | bare | 50.0 (50.0..50.0)"
                " | 1.21 (1.20..1.22) | at most 1.5 of it | met |"
            ],
        )

    def test_shown(self) -> None:
        """Large figures have no fraction, one repeat has no range, none is empty."""
        self.assertEqual(self.figures.shown(1234.56), "1235")
        self.assertEqual(self.figures.shown(0.1234), "0.123")
        self.assertEqual(self.figures.spread([2.0]), "2.00")
        self.assertEqual(self.figures.spread([]), "")

    def test_percentile(self) -> None:
        """Percentiles are those of the anchors: the nearest of the values that were measured."""
        values = [float(n) for n in range(101, 0, -1)]
        self.assertEqual(self.figures.percentile(values, 50), 51.0)
        self.assertEqual(self.figures.percentile(values, 95), 96.0)
        self.assertEqual(self.figures.percentile([3.0], 99), 3.0)


class ReadingTests(ScriptCase):
    """What the programs print."""

    def test_ages(self) -> None:
        """A post counts once for each watcher that showed it; who never did is counted as lost."""
        joined = self.script("bench_latency").joined
        said = {"a": 1.0, "b": 2.0}
        ages, lost = joined(said, [{"a": [1.5], "c": [9.0]}, {"a": [2.0], "b": [2.25]}])
        self.assertEqual((sorted(ages), lost), ([0.25, 0.5, 1.0], 1))

    def test_anchor_trip(self) -> None:
        """The signed round trip is read, not the bare one before it."""
        said = (
            "Twisted TLS1.3 direct request->ack bare: p50 0.3 (range 0.3..0.3, 0%) ms,"
            " p99 0.5 (range 0.5..0.5, 0%) ms\n"
            "Twisted TLS1.3 direct request->ack signed: p50 0.553 (range 0.553..0.553, 0%) ms,"
            " p99 5.48 (range 5.48..5.48, 0%) ms\n"
        )
        found = self.script("bench_dm").TRIP.search(said)
        self.assertEqual((found["p50"], found["p99"]), ("0.553", "5.48"))

    def test_anchor_latency(self) -> None:
        """So is the latency at the end of the line of rates."""
        said = (
            "twisted/epoll tls hand w=each b=32 k=4/1p work=sv:nacl   398 dmsg/s ±0%  snd  200.0 us"
            "  rcv  300.0 us  tot  500.0 us/dmsg  lat p50 0.75 p99 4.17 ms"
        )
        found = self.script("bench_latency").FOUND.search(said)
        self.assertEqual((found["p50"], found["p99"]), ("0.75", "4.17"))


class FanOutTests(ScriptCase):
    """The table of the fan-out."""

    def test_goals(self) -> None:
        """Half of signed fan-out for single posts; thrice that, and 30 % of chained, for bursts."""
        goal = self.script("bench_fanout").goal
        self.assertEqual(goal("anchor sv:nacl", 1), 0.5)
        self.assertEqual(goal("anchor sv:nacl", 32), 3.0)
        self.assertEqual(goal("anchor chain:nacl", 32), 0.3)
        self.assertIsNone(goal("anchor chain:nacl", 1))
        self.assertIsNone(goal("bare", 1))

    def test_line(self) -> None:
        """A line has the ratio of the rates, the goal and the verdict; ours has neither."""
        fanout = self.script("bench_fanout")
        plan = fanout.Plan((4,), (1,), 1, 1.0, "lan", 150, None, "", None, None, None, False)
        rows = [
            fanout.Row(program, 4, 1, 0, rate, 10.0, 10.0, {"commit_us": 100.0})
            for program, rate in (("securechat", 400.0), ("anchor sv:nacl", 1000.0))
        ]
        *_, ours, signed = fanout.table(plan, rows)
        self.assertTrue(ours.endswith("|  |  |  |  |"), ours)
        self.assertTrue(
            signed.endswith("| 40.0% (40.0%..40.0%) | x1.0 | at least 50% | **missed** |"), signed
        )

    def test_whole(self) -> None:
        """A run counts only if everybody has everything, and the desks worded all that happened."""
        whole = self.script("bench_fanout").whole
        sent = {"posts": 2, "acked": 2, "events": 10, "worded": 10, "digests": ["d"]}
        got = {"delivered": 8, "events": 8, "worded": 8, "digests": ["d"]}
        self.assertTrue(whole(4, sent, got))
        for less in ({"acked": 1}, {"worded": 0}, {"events": 0, "worded": 0}, {"digests": ["e"]}):
            self.assertFalse(whole(4, {**sent, **less}, got), less)
        for less in ({"delivered": 7}, {"worded": 7}):
            self.assertFalse(whole(4, sent, {**got, **less}), less)


class HomeTests(ScriptCase):
    """The homes of measured nodes."""

    def test_copied(self) -> None:
        """A home is copied after its node ended without a word, and left its socket behind."""
        home, place = Path(self.mktemp()), Path(self.mktemp())
        home.mkdir()
        (home / "journal.db").write_bytes(b"kept")
        mknod(home / "admin.sock", S_IFSOCK)
        self.script("bench_homes").copied(home, place)
        self.assertEqual([path.name for path in place.iterdir()], ["journal.db"])


class IdleTests(ScriptCase):
    """The table of an idle room."""

    def test_cpu(self) -> None:
        """The median of the nodes is judged, in percent of a core."""
        idle = self.script("bench_idle")
        nodes = [idle.Idle("n", 0.0, cpu, 1024.0, 0.0, 10.0, 50.0) for cpu in (0.5, 0.9, 1.4)]
        line = idle.table(nodes)[2]
        self.assertEqual(line, "| CPU, % of a core | 0.90 | 0.50..1.40 | at most 1 | met |")
        self.assertIn("**missed**", idle.table(nodes[2:])[2])


class CommandTests(ScriptCase):
    """The command line and the page."""

    def test_defaults(self) -> None:
        """By default what the goals speak of is measured, in five repeats at least."""
        found = {each.name: each for each in self.script("bench_messaging_main").COMMANDS}
        self.assertEqual(found["recovery"].posts, 10_000)
        self.assertEqual(found["start"].posts, 100_000)
        self.assertEqual((found["memory"].posts, found["memory"].text), (10_000, 300))
        self.assertEqual(found["latency"].rate, 100.0)
        self.assertTrue(all(each.repeats >= 5 for each in found.values()))

    def test_asked(self) -> None:
        """What is asked for is what is measured, and what a benchmark cannot be asked has no value."""
        commands = self.script("bench_messaging_main")
        found = {each.name: each for each in commands.COMMANDS}
        plan = commands.plan(found["start"], argparse.Namespace(repeats=2, posts=7))
        self.assertEqual((plan.repeats, plan.posts, plan.burst), (2, 7, 1))
        self.assertIsNone(plan.anchor)

    def test_page(self) -> None:
        """The page has a section for each of the benchmarks."""
        page = self.script("bench_page")
        text = page.MESSAGING_PAGE.read_text(encoding="utf-8")
        names = [each.name for each in self.script("bench_messaging_main").COMMANDS]
        for section in ("fanout", "idle", *names):
            self.assertIn("new", page.placed(text, section, ["new"]))

    def test_the_command_on_the_page(self) -> None:
        """The page says what was asked, and not where this machine keeps what stands beside."""
        asked = self.script("bench_page").asked
        words = ["dm", "--anchor", "/a/c", "--write", "--lxmf-python=/v/python", "--repeats", "3"]
        said = "dm --anchor DIR --lxmf-python=PYTHON --repeats 3"
        self.assertEqual(asked(words), said)
