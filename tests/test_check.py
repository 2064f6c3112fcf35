"""``scripts/check`` counts right, does nothing twice, and no step of it can hang it."""

from __future__ import annotations

import io
import os
import select
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location, spec_from_loader
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.house import ROOT

LEAVES_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
print("begun", flush=True)
time.sleep(float(sys.argv[2]))
"""


def tally() -> Any:
    """A Tally of the script's own module."""
    spec = spec_from_file_location("_tally", ROOT / "scripts" / "_tally.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Tally()


class Asked:
    """Notes what would be run, and runs nothing."""

    def __init__(self) -> None:
        self.commands: list[tuple[tuple[str, ...], float]] = []

    def step(self, title: str, *command: str, timeout: float = 300.0) -> str:
        """A step that says nothing."""
        self.commands.append((command, timeout))
        return ""

    def run(self, title: str, *command: str, timeout: float) -> tuple[str, int]:
        """A run of tests that says nothing."""
        self.commands.append((command, timeout))
        return "", 0

    def trial(self, output: str, code: int) -> None:
        """Nothing to count."""


def long_check() -> list[tuple[tuple[str, ...], float]]:
    """What ``check --long`` runs beyond ``check``, each with its seconds."""
    loader = SourceFileLoader("_check", str(ROOT / "scripts" / "check"))
    spec = spec_from_loader("_check", loader)
    assert spec is not None
    check: Any = module_from_spec(spec)
    loader.exec_module(check)
    asked = Asked()
    for part in (check.long_tests, check.long_worlds, check.real):
        part(asked, "python")
    return asked.commands


def ends(pid: int) -> bool:
    """Whether a process is gone, or goes soon."""
    try:
        number = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(number) as file:
        return bool(select.select([file], [], [], 20)[0])


class StepTests(SynchronousTestCase):
    """Steps, on real processes."""

    def setUp(self) -> None:
        """Nothing is counted yet."""
        self.tally = tally()

    def step(self, *arguments: str, timeout: float) -> str:
        """Run a step of Python; all that was printed."""
        with redirect_stdout(io.StringIO()) as said:
            self.tally.step("it", sys.executable, "-c", *arguments, timeout=timeout)
        return said.getvalue()

    def counted(self) -> tuple[int, int]:
        """Passed, failed."""
        return self.tally.passed, self.tally.failed

    def test_passed_and_failed(self) -> None:
        """A step counts by its exit status, and its output is shown but for tests that passed."""
        said = self.step("print('fine'); print('a_test ... [OK]')", timeout=60)
        self.assertIn("fine\n", said)
        self.assertNotIn("a_test", said)
        self.step("raise SystemExit(3)", timeout=60)
        self.assertEqual(self.counted(), (1, 1))

    def test_hung(self) -> None:
        """A step that hangs is ended with its children, and has failed."""
        place = self.mktemp()
        began = time.monotonic()
        said = self.step(LEAVES_A_CHILD, str(Path(place).resolve()), "600", timeout=2)
        self.assertLess(time.monotonic() - began, 60)
        self.assertIn("hung for 2 s", said)
        self.assertEqual(self.counted(), (0, 1))
        self.assertTrue(ends(int(Path(place).read_text())))

    def test_left_behind(self) -> None:
        """What a step leaves running does not keep the others waiting."""
        place = self.mktemp()
        said = self.step(LEAVES_A_CHILD, str(Path(place).resolve()), "0", timeout=60)
        self.assertIn("begun", said)
        self.assertEqual(self.counted(), (1, 0))
        self.assertTrue(ends(int(Path(place).read_text())))

    def beside(
        self, *arguments: str, timeout: float, after: Callable[[], None], tests: bool = False
    ) -> str:
        """Run a step of Python beside something else; all that was printed from then on."""
        beside = self.tally.beside(
            "it", sys.executable, "-c", *arguments, timeout=timeout,
            count=self.tally.trial if tests else self.tally.one,
        )  # fmt: skip
        with redirect_stdout(io.StringIO()) as said, beside:
            after()
        return said.getvalue()

    def test_beside(self) -> None:
        """A step beside others yields to them all, and tells after them what it had to say."""
        place = Path(self.mktemp()).resolve()
        code = (
            "import os, pathlib, sys; group = pathlib.Path('/proc/self/autogroup'); "
            "shared = group.read_text().split() if group.exists() else []; "
            "print(os.nice(0), *(shared or ['nice', 19])[-1:]); "
            "open(sys.argv[1], 'w').write('x'); sys.exit(4)"
        )
        said = self.beside(code, str(place), timeout=60, after=lambda: self.appears(place))
        self.assertIn("the others\n19 19\n-- it: exit 4", said)
        self.assertEqual(self.counted(), (0, 1))
        self.beside("pass", timeout=60, after=lambda: print("[OK]"))
        self.assertEqual(self.counted(), (1, 1))

    def appears(self, place: Path) -> None:
        """Wait until something is written there."""
        until = time.monotonic() + 60
        while not (place.exists() and place.read_text()) and time.monotonic() < until:
            time.sleep(0.01)
        self.assertTrue(place.exists())

    def test_tests_beside(self) -> None:
        """Of tests that run beside others each is counted, and those that passed are not shown."""
        counts = "Ran 3 tests in 1s\n\nFAILED (failures=1, successes=2)"
        said = f"b_test ... [FAIL]\na_test ... [OK]\n{counts}"
        shown = self.beside(f"print({said!r})", timeout=60, after=lambda: None, tests=True)
        self.assertIn("b_test", shown)
        self.assertNotIn("a_test", shown)
        self.assertEqual(self.counted(), (2, 1))

    def test_beside_what_fails(self) -> None:
        """It ends with what it runs beside, if that breaks off, and is no longer of interest."""
        place = Path(self.mktemp()).resolve()

        def broken() -> None:
            self.appears(place)
            raise KeyboardInterrupt

        code = (
            "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
        )
        with self.assertRaises(KeyboardInterrupt):
            self.beside(code, str(place), timeout=60, after=broken)
        self.assertTrue(ends(int(place.read_text())))
        self.assertEqual(self.counted(), (0, 0))

    def test_beside_what_hangs(self) -> None:
        """It is ended so long after the others, and has failed."""
        said = self.beside("import time; time.sleep(600)", timeout=1, after=lambda: None)
        self.assertIn("hung for 1 s", said)
        self.assertEqual(self.counted(), (0, 1))


class TrialTests(SynchronousTestCase):
    """Counting a run of tests by what it says."""

    def counted(self, output: str, code: int) -> tuple[int, int]:
        """Passed, failed."""
        made = tally()
        made.trial(output, code)
        return made.passed, made.failed

    def test_counts(self) -> None:
        """Every test counts as one; no test at all has failed, and so has a run that broke off."""
        for output, code, counted in (
            ("Ran 3 tests in 1s\n\nPASSED (successes=3)\n", 0, (3, 0)),
            ("Ran 3 tests in 1s\n\nFAILED (failures=1, errors=1, successes=1)\n", 1, (1, 2)),
            ("Ran 0 tests in 1s\n\nPASSED\n", 0, (0, 1)),
            ("Ran 3 tests in 1s\n\nPASSED (successes=3)\n", -9, (3, 1)),
            ("a_test ...\n", -9, (0, 1)),
        ):
            self.assertEqual(self.counted(output, code), counted, output)

    def test_skips(self) -> None:
        """A test that is skipped without need has failed."""
        output = (
            "[SKIPPED]\nnot today\n\ntests.x.Y.test_z\n---\nRan 2 tests in 1s\n\n"
            "PASSED (skips=1, successes=1)\n"
        )
        self.assertEqual(self.counted(output, 0), (1, 1))


class LongTests(SynchronousTestCase):
    """What only ``check --long`` runs."""

    def setUp(self) -> None:
        """The commands, and the test modules named in them."""
        self.patch(sys, "path", list(sys.path))
        self.patch(sys, "dont_write_bytecode", True)
        self.commands = long_check()
        self.modules = [
            (word, timeout)
            for command, timeout in self.commands
            for word in command
            if word.startswith("tests.")
        ]

    def test_each_once(self) -> None:
        """Each module of long tests is run, once; so is every other command."""
        found = [path.relative_to(ROOT) for path in (ROOT / "tests").rglob("long_*.py")]
        names = sorted(".".join(path.with_suffix("").parts) for path in found)
        self.assertIn("tests.simulation.long_sweeps", names)
        self.assertEqual(sorted(name for name, _ in self.modules), names)
        commands = [command for command, _ in self.commands]
        self.assertEqual(len(commands), len(set(commands)))

    def test_sweeps_have_time(self) -> None:
        """The sweeps, which search for every planted bug as well, have four hours for themselves."""
        (step,) = [step for step in self.commands if "tests.simulation.long_sweeps" in step[0]]
        command, timeout = step
        self.assertEqual([word for word in command if word.startswith("tests.")], [command[-1]])
        self.assertGreaterEqual(timeout, 4 * 3600)
