"""docs/spec/membership.md says what the code does: its messages, fields and figures."""

from __future__ import annotations

import ast
import importlib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import attrs
from twisted.trial.unittest import SynchronousTestCase

from securechat import membership, settings
from securechat.membership.liveness import Sign
from securechat.membership.messages import MESSAGES, STATEMENTS, Observation, Row
from securechat.settings import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "spec" / "membership.md"


def rows(start: str) -> list[list[str]]:
    """The cells of the table whose head begins like this, without its head."""
    lines = PAGE.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(start))
    found = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def names(kind: type) -> str:
    """The fields of a class as the page writes them."""
    return ", ".join(field.name for field in attrs.fields(kind))


def modules() -> Iterator[ModuleType]:
    """The modules of membership."""
    folder = Path(membership.__path__[0])
    for path in sorted(folder.glob("[!_]*.py")):
        yield importlib.import_module(f"{membership.__name__}.{path.stem}")


def tree(module: ModuleType) -> ast.Module:
    """What a module says."""
    return ast.parse(Path(str(module.__file__)).read_text())


def constants() -> Iterator[tuple[str, float]]:
    """The figures that modules of membership name, and those that they take from the settings."""
    for module in modules():
        for node in tree(module).body:
            if isinstance(node, ast.Assign) and isinstance(name := node.targets[0], ast.Name):
                yield from figure(module, name.id)
            elif isinstance(node, ast.ImportFrom) and node.module == settings.__name__:
                for alias in node.names:
                    yield from figure(settings, alias.name)


def figure(module: ModuleType, name: str) -> Iterator[tuple[str, float]]:
    """A constant, if it is a figure; what stands for "never" is none."""
    value = getattr(module, name)
    if isinstance(value, int | float) and math.isfinite(value):
        yield f"{module.__name__.rpartition('.')[2]}.{name}", value


def knobs() -> set[str]:
    """The settings that membership goes by."""
    return {
        node.attr
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value).rpartition(".")[2] in ("settings", "_settings")
    }


class SpecTests(SynchronousTestCase):
    """Table by table."""

    def test_messages(self) -> None:
        """Every message with its code and its fields in order."""
        told = [(int(code), name, fields) for code, name, fields, _ in rows("| code | message")]
        self.assertEqual(
            told, [(code, kind.__name__, names(kind)) for code, kind in MESSAGES.items()]
        )

    def test_statements(self) -> None:
        """Every statement with its purpose and its fields in order."""
        told = {purpose.strip("`"): (name, said) for purpose, name, said, _ in rows("| purpose")}
        expected = {p.value: (kind.__name__, names(kind)) for p, kind in STATEMENTS.items()}
        self.assertEqual(told, expected)

    def test_rows(self) -> None:
        """What the rows of questions and of observers hold."""
        text = " ".join(PAGE.read_text().split())
        self.assertIn(f"{{{names(Row)}}}", text)
        self.assertIn(f"{{{names(Observation)}}}", text)

    def test_signs(self) -> None:
        """Every sign of the table of liveness."""
        told = [name for name, _ in rows("| sign")]
        self.assertEqual(told, [sign.name.lower().replace("_", " ") for sign in Sign])

    def test_parameters(self) -> None:
        """The figures of both presets."""
        for name, _, lan, local in rows("| name"):
            for preset, figure in (("lan", lan), ("local", local)):
                value = getattr(Settings(preset=preset), name)
                self.assertAlmostEqual(value, float(figure), msg=f"{name} {preset}")

    def test_knobs(self) -> None:
        """Every setting that membership goes by is there, and no other one."""
        used, page = knobs(), set(re.findall(r"`([a-z_]+)`", PAGE.read_text()))
        by_members = {name for name in dir(Settings) if callable(getattr(Settings, name))}
        self.assertEqual({name for name, *_ in rows("| name")}, used - by_members)
        self.assertEqual(page & by_members, used & by_members)

    def test_constants(self) -> None:
        """Every figure that a module names is there, and no other one."""
        told = {}
        for name, said, _ in rows("| constant"):
            base, _, power = said.partition("^")
            told[name] = float(base) ** float(power or 1)
        self.assertEqual(told, dict(constants()))

    def test_by_members(self) -> None:
        """The figures that depend on the size of the room."""
        for cells in rows("| n |"):
            count, targets, fan_out, most = map(int, cells[:4])
            plan = Settings()
            told = (plan.targets(count), plan.fan_out(count), plan.confirmations(count))
            self.assertEqual((targets, fan_out, most), told)
            for confirmed, figure in enumerate(cells[4:]):
                self.assertEqual(
                    f"{plan.suspicion(count, confirmed, plan.confirmations(count), 0):.1f}", figure
                )

    def test_every_named_parameter_exists(self) -> None:
        """Whatever the text names in code, settings or a counter has."""
        known = {*dir(Settings), "cut_off", "asks-too-often", "digest", "held", "rows"}
        words = set(re.findall(r"`([a-z]+_[a-z_]+)`", PAGE.read_text()))
        self.assertEqual(words - known, set())
