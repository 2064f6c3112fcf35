"""docs/spec/membership.md says what the code does: its messages, fields and figures."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

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
