"""The walls stand, and each is itself tested by a planted violation."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests import house

Rule = Callable[[house.Sources], list[str]]


class HouseTests(SynchronousTestCase):
    """The real tree keeps every rule."""

    def test_floors(self) -> None:
        """R1: imports point down and make no cycle."""
        self.assertEqual(house.r1_floors(house.sources()), [])

    def test_pure(self) -> None:
        """R2: pure modules import nothing that knows time, chance or the network."""
        self.assertEqual(house.r2_pure(house.sources()), [])

    def test_owners(self) -> None:
        """R3: TLS, keys, SQLite, the reactor and urwid have one owner each."""
        self.assertEqual(house.r3_owners(house.sources()), [])

    def test_admin(self) -> None:
        """R4: the admin port reads snapshots and acts through ``node.input``."""
        self.assertEqual(house.r4_admin(house.sources()), [])

    def test_registries(self) -> None:
        """R5: messages and facts live with their core."""
        self.assertEqual(house.r5_registries(house.sources()), [])

    def test_init(self) -> None:
        """R6: an ``__init__`` is a docstring."""
        self.assertEqual(house.r6_init(house.sources()), [])

    def test_covered_modules_are_there(self) -> None:
        """Every module and package under the coverage floor exists, a renamed one is noticed."""
        found = house.patterns(house.COVERED)
        self.assertIn("securechat/admin/grammar/*", found)
        self.assertIn("securechat/certificates.py", found)
        self.assertIn("securechat/__init__.py", found)
        for pattern in found:
            self.assertTrue(list(house.ROOT.glob(pattern)), pattern)
        self.assertRaises(ValueError, house.patterns, ("securechat.nowhere",))

    def test_cores(self) -> None:
        """R7: cores route and hold no rule."""
        self.assertEqual(house.r7_cores(house.sources()), [])


class PlantedTests(SynchronousTestCase):
    """A violation of each rule, put into the real sources, is caught, and nothing else is."""

    def planted(self, rule: Rule, module: str, source: str) -> None:
        """Only this addition makes the rule speak, and it names the module."""
        tree = house.sources()
        before = rule(tree)
        tree[module] = tree.get(module, '"""Planted."""\n') + "\n" + source + "\n"
        new = [line for line in rule(tree) if line not in before]
        self.assertTrue(new, f"{rule.__name__} missed {source!r} in {module}")
        self.assertTrue(any(module in line for line in new), new)

    def test_upward_import(self) -> None:
        """A value that imports the wire, and a core that imports the node, are caught."""
        self.planted(house.r1_floors, "securechat.ids", "from securechat import wire")
        self.planted(house.r1_floors, "securechat.membership.claims", "import securechat.node.turn")

    def test_sideways_import(self) -> None:
        """Messaging that imports membership, and the reverse, are caught."""
        self.planted(
            house.r1_floors, "securechat.messaging.hlc", "from securechat.membership import claims"
        )
        self.planted(
            house.r1_floors, "securechat.membership.extra", "import securechat.messaging.hlc"
        )

    def test_client_that_knows_the_node(self) -> None:
        """The chat client stands on the admin grammar only."""
        self.planted(house.r1_floors, "securechat.chat.model", "import securechat.node.node")
        self.planted(house.r1_floors, "securechat.admin.grammar", "import securechat.node.node")

    def test_only_cli_imports_the_simulation(self) -> None:
        """Product code that imports the simulation is caught."""
        self.planted(house.r1_floors, "securechat.node.extra", "import securechat.simulation.clock")

    def test_cycle(self) -> None:
        """Two modules of one package that import each other are caught."""
        tree = house.sources()
        tree["securechat.node.one"] = "import securechat.node.two"
        tree["securechat.node.two"] = "import securechat.node.one"
        self.assertTrue(any("cycle" in line for line in house.r1_floors(tree)))

    def test_module_without_a_floor(self) -> None:
        """A new package must be given its floor."""
        self.planted(house.r1_floors, "securechat.attic.box", "import securechat.ids")

    def test_clock_in_a_core(self) -> None:
        """A core that reads the time, or imports Twisted under another name, is caught."""
        self.planted(house.r2_pure, "securechat.messaging.hlc", "from time import time")
        self.planted(house.r2_pure, "securechat.membership.core", "import twisted.internet as t")

    def test_second_owner(self) -> None:
        """A second owner of the reactor, of SQLite, of OpenSSL or of urwid is caught."""
        for module, source in (
            ("securechat.node.turn", "from twisted.internet import reactor"),
            ("securechat.node.turn", "import sqlite3"),
            ("securechat.node.link", "from OpenSSL import SSL"),
            ("securechat.cli.extra", "import urwid"),
        ):
            self.planted(house.r3_owners, module, source)

    def test_admin_that_reaches_into_a_core(self) -> None:
        """An admin command that applies a fact or reads a private part is caught."""
        self.planted(
            house.r4_admin, "securechat.admin.extra", "def f(node): node.cores.messaging.apply(1)"
        )
        self.planted(house.r4_admin, "securechat.admin.extra", "def f(node): node._turn.put(1)")

    def test_admin_that_acts_on_the_cable(self) -> None:
        """A cut that goes past the turn, directly or by another name, is caught; reading is not."""
        for source in (
            "def f(node): node.cable.obey(1)",
            "def f(node): node.links.cable._faults.clear()",
            "def f(node):\n    line = node.cable\n    line.obey(1)",
        ):
            self.planted(house.r4_admin, "securechat.admin.extra", source)
        tree = {"securechat.admin.extra": "def f(node): return node.cable.active()"}
        self.assertEqual(house.r4_admin(tree), [])

    def test_fact_defined_elsewhere(self) -> None:
        """A fact outside a core's facts, or a second reader of a registry, is caught."""
        self.planted(
            house.r5_registries, "securechat.node.extra",
            "from securechat.effects import Fact\nclass Odd(Fact): ...",
        )  # fmt: skip
        self.planted(house.r5_registries, "securechat.node.extra", "x = messages.MESSAGES")

    def test_code_in_init(self) -> None:
        """Code in an ``__init__`` is caught."""
        self.planted(house.r6_init, "securechat.node", "from securechat.node.turn import Turn")

    def test_rule_in_a_core(self) -> None:
        """A comparison in a core, and a core that grew, are caught."""
        self.planted(house.r7_cores, "securechat.membership.core", "def f(a, b): return a > b")
        self.planted(house.r7_cores, "securechat.messaging.core", "x = 1\n" * 200)
