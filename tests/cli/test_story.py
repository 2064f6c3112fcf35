"""export and trace: pages of turn records become files, files become one story."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.cli.fakes import FakeNode, Fields, run

ADA, BOB = "a" * 52, "b" * 52
POST = f"{ADA}/1~{'9f' * 16}/1"


def record(turn: int, **fields: object) -> Fields:
    """A turn as ``records`` answers it."""
    return {
        "turn": turn, "at": "2026-11-21T13:05:12.000Z", "wall_ms": 1_763_730_312_000 + turn,
        "mono": 1.5, "causes": [], "about": [], "facts": [], "effects": [], "fault": "", **fields,
    }  # fmt: skip


def node(name: str, member: str, *records: Fields) -> FakeNode:
    """A node that answers two records at a time."""

    def answer(args: Fields) -> Fields:
        rest = [item for item in records if item["turn"] > args["after"]]
        return {"code": 250, "name": name, "id": member, "items": rest[:2]}

    return FakeNode({"records": answer})


FACT: Fields = {
    "key": "post/1", "words": f"a post of {{{ADA}}} stored", "evidence": "envelope " + "0c" * 8,
    "cause": "", "about": [0],
}  # fmt: skip
SENT = record(
    2, causes=["Asked Say ticket=1"], about=[POST], facts=[FACT],
    effects=[f"Send {BOB} Posts #{'0c' * 8}"],
)  # fmt: skip
CAME = record(7, causes=[f"Received {ADA} link=1 Posts #{'0c' * 8}"], about=[POST], facts=[FACT])


class Stories(SynchronousTestCase):
    """Records hold no text, and neither do stories."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)

    def exported(self) -> list[str]:
        """The exports of ada and bob."""
        paths: list[str] = []
        for fake in (node("ada", ADA, record(1), SENT, record(3)), node("bob", BOB, CAME)):
            paths.append(str(self.folder / f"{len(paths)}.jsonl"))
            done = run(fake, "export", "--out", paths[-1])
            self.assertEqual((done.exit_code, done.stderr), (0, ""))
        return paths

    def test_export_asks_page_by_page(self) -> None:
        """Every record once, oldest first, one JSON object a line, with whose it is."""
        fake = node("ada", ADA, record(1), SENT, record(3))
        done = run(fake, "export")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line["record"]["turn"] for line in lines], [1, 2, 3])
        self.assertEqual({(line["node"], line["member"]) for line in lines}, {("ada", ADA)})
        self.assertEqual([args["after"] for _, args in fake.asked], [-1, 2, 3])

    def test_export_as_json(self) -> None:
        """One object, the reply with every record; a file is written beside it if one is named."""
        fake = node("ada", ADA, record(1), SENT, record(3))
        out = self.folder / "ada.jsonl"
        done = run(fake, "export", "--json", "--out", str(out))
        said = json.loads(done.stdout)
        self.assertEqual((done.exit_code, done.stdout.count("\n")), (0, 1))
        self.assertEqual([item["turn"] for item in said["items"]], [1, 2, 3])
        self.assertEqual((said["code"], said["name"], said["id"]), (250, "ada", ADA))
        self.assertEqual(len(out.read_text().splitlines()), 3)

    def test_trace_merges_in_causal_order(self) -> None:
        """The turn that sent a post stands before the turn in which it came."""
        files = self.exported()
        done = run(None, "trace", *reversed(files), "--about", "ada/1/1")
        self.assertEqual((done.exit_code, done.stderr), (0, ""))
        titles = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
        self.assertEqual(titles, ["ada turn 2", "bob turn 7"])
        self.assertIn("a post of ada stored", done.stdout)

    def test_the_formats(self) -> None:
        """mermaid is a sequence diagram, json one object."""
        files = self.exported()
        diagram = run(None, "trace", *files, "--format", "mermaid").stdout
        self.assertTrue(diagram.startswith("sequenceDiagram\n"))
        self.assertIn("m0->>m1: Posts", diagram)
        whole = json.loads(run(None, "trace", *files, "--format", "json").stdout)
        self.assertEqual(len(whole["turns"]), 4)

    def test_files_that_are_no_exports(self) -> None:
        """A missing file, garbage, an id that nothing is about: 1 and one line each."""
        files = self.exported()
        garbage = self.folder / "garbage"
        garbage.write_bytes(b"\xff\x00\n{}\n")
        for words in ((str(garbage),), (str(self.folder / "no"),), (*files, "--about", "bob/9/9")):
            done = run(None, "trace", *words)
            self.assertEqual(
                (done.exit_code, done.stdout, done.stderr.count("\n")), (1, "", 1), words
            )

    def test_a_record_that_is_none(self) -> None:
        """An answer that is no turn record ends the export with one line."""
        done = run(node("ada", ADA, {"turn": 1, "causes": "x"}), "export")
        self.assertEqual((done.exit_code, done.stdout, done.stderr.count("\n")), (1, "", 1))
