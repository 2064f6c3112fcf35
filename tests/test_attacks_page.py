"""docs/attacks.md promises nothing that no test shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "attacks.md"
NAMED = re.compile(r"`([a-z_/]+\.py)::(\w+)(?:\.(\w+))?`")


def tests_of(path: Path) -> dict[str, set[str]]:
    """The classes of a module, with their tests."""
    return {
        node.name: {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    }


class PageTests(SynchronousTestCase):
    """Each row names its test."""

    def test_each_test_exists(self) -> None:
        """Every test that the page names is there, under that name, and there are many."""
        named = NAMED.findall(PAGE.read_text())
        self.assertGreater(len(named), 60)
        for file, kind, test in named:
            found = tests_of(TESTS / file)
            self.assertIn(kind, found, file)
            self.assertTrue(not test or test in found[kind], f"{file}::{kind}.{test}")

    def test_no_row_without_a_test(self) -> None:
        """A row of a table that shows no test is no row."""
        for line in PAGE.read_text().splitlines():
            if line.startswith("| ") and not line.startswith(("| attack", "| bug")):
                self.assertTrue(NAMED.search(line), line[:80])

    def test_every_attack_is_on_the_page(self) -> None:
        """The classes of the tests of attacks are all named."""
        named = {(file, kind) for file, kind, _ in NAMED.findall(PAGE.read_text())}
        for file in ("acceptance/test_attacks.py", "membership/test_attacks.py"):
            for kind, tests in tests_of(TESTS / file).items():
                if any(test.startswith("test_") for test in tests):
                    self.assertIn((file, kind), named)
