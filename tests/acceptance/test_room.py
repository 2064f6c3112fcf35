"""Three homes made by the commands, three twistd from one folder: posts, direct messages, digests."""

from __future__ import annotations

import json
from pathlib import Path

from securechat.drills.rig import Member, until
from tests.acceptance.rooms import RoomCase


def files_of(member: Member) -> list[Path]:
    """Every file of a home, and what its process printed."""
    return [path for path in [*member.home.rglob("*"), member.log] if path.is_file()]


def traces(member: Member, *words: bytes) -> list[str]:
    """The files that hold one of these."""
    return [
        path.name for path in files_of(member) if any(word in path.read_bytes() for word in words)
    ]


class ThreeNodes(RoomCase):
    """What a room is for."""

    def test_each_post_reaches_all(self) -> None:
        """What each member says is shown by all three in the same order; each gets 2/2."""
        said = {name: f"post of {name}" for name in self.names}
        ids = {name: self.room[name].ask("say", text=text)["id"] for name, text in said.items()}
        for name in self.names:
            self.room.shows(name, *said.values())
        self.room.agree(*self.names)
        shown = [
            [text for text in self.room[n].texts() if text in said.values()] for n in self.names
        ]
        self.assertEqual(shown[0], shown[1])
        self.assertEqual(shown[0], shown[2])
        for name, message in ids.items():
            until(lambda name=name, message=message: self.acked(name, message) == 2, "2/2")  # type: ignore[misc]

    def acked(self, name: str, message: str) -> int:
        """How many recipients have acknowledged."""
        rows = self.room[name].items("delivery", id=message)
        return sum(1 for row in rows if row["state"] == "acked")

    def test_digests_are_equal(self) -> None:
        """The digests of all three are the same 64 digits, and diff knows no difference."""
        self.room["bob"].ask("say", text="for the digest")
        digest = self.room.agree(*self.names)
        self.assertRegex(digest, "^[0-9a-f]{64}$")
        until(lambda: not self.room["ada"].items("diff", peer="bob"), "no difference")

    def test_a_direct_message_is_acked_by_a_signed_receipt_that_verifies(self) -> None:
        """dm --wait ends with 0; the receipt is written, and verifies with the room's certificate."""
        done = self.cli("ada", "dm", "bob", "for bob alone", "--wait", "20", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        sent = json.loads(done.stdout)
        self.assertEqual((sent["state"], sent["to"]), ("acked", "bob"))
        file = self.room.folder / "receipt.json"
        done = self.cli("ada", "receipt", sent["id"], "--out", str(file))
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.cli("carol", "verify", str(file))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("genuine: the node of bob", done.stdout)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        done = self.cli("carol", "verify", str(file))
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))

    def test_the_third_node_has_no_trace_of_a_direct_message(self) -> None:
        """No file of carol's, nor her log, holds its text; bob's journal does, no log at all does."""
        text = "the key is under the mat"
        message = self.room["ada"].ask("dm", to="bob", text=text)["id"]
        until(lambda: self.acked("ada", message) == 1, "acked")
        self.room["carol"].ask("say", text="carol's journal is written after it")
        self.room.agree(*self.names)
        self.assertEqual(traces(self.room["carol"], text.encode()), [])
        self.assertEqual(self.room["carol"].items("messages", kind="dm"), [])
        self.assertTrue(traces(self.room["bob"], text.encode()))
        for name in self.names:
            self.assertNotIn(text, self.room[name].log.read_text())

    def test_text_is_kept_as_it_was_said(self) -> None:
        """Emoji, right-to-left, combining, control characters and line breaks arrive unchanged."""
        text = "\U0001f469\u200d\U0001f469 \u05d0\u05d1 e\u0301 \x1b[2J \x00 \u202e\r\nnext\ttab"
        self.room["ada"].ask("say", text=text)
        self.room.shows("carol", text)
        self.assertIn(text, self.room["carol"].texts())

    def test_counters_and_records_show_framing_and_dispatch(self) -> None:
        """counters name frames, commits and turns; records name message classes and links."""
        message = self.room["bob"].ask("say", text="to be counted")["id"]
        until(lambda: self.acked("bob", message) == 2, "acked")
        before = self.room["ada"].ask("counters")
        for name in ("frames", "frames_in", "frames_out", "commits", "turns", "duplicates"):
            self.assertIsInstance(before[name], int, name)
        for name in ("frames_in", "frames_out", "commits", "turns"):
            self.assertGreater(before[name], 0, name)
        records = self.room["ada"].items("records", last=1000)
        told = " ".join(word for record in records for word in record["causes"])
        self.assertIn("LinkUp ", told)
        self.assertRegex(told, r"Received [a-z2-7]{52} link=\d+ Posts #[0-9a-f]{16}")
        self.assertNotIn("to be counted", json.dumps(records))
        about = self.room["bob"].items("records", about=message)
        self.assertTrue(any("Say" in cause for record in about for cause in record["causes"]))

    def test_exports_make_one_story(self) -> None:
        """export of two nodes and trace: the post leaves bob's turn and comes in ada's."""
        message = self.room["bob"].ask("say", text="to be traced")["id"]
        until(lambda: self.acked("bob", message) == 2, "acked")
        files = []
        for name in ("ada", "bob"):
            files.append(str(self.room.folder / f"{name}.jsonl"))
            done = self.cli(name, "export", "--out", files[-1])
            self.assertEqual(done.returncode, 0, done.stderr)
        drawn = self.room.run("trace", *files, "--format", "mermaid", "--about", message)
        self.assertEqual(drawn.returncode, 0, drawn.stderr)
        self.assertTrue(drawn.stdout.startswith("sequenceDiagram\n"))
        self.assertRegex(drawn.stdout, r"m1->>m0: Posts [0-9a-f]{16}")

    def test_a_nonce_is_never_said_twice(self) -> None:
        """The same nonce and text: 251 and the same id; another text under it: 503."""
        ada = self.room["ada"]
        first = ada.ask("say", text="once", nonce="n1")
        again = ada.ask("say", text="once", nonce="n1")
        self.assertEqual((first["code"], again["code"], again["id"]), (252, 251, first["id"]))
        self.assertEqual(ada.texts().count("once"), 1)
        done = self.cli("ada", "say", "twice", "--nonce", "n1")
        self.assertEqual(done.returncode, 2)
