"""Where passphrases come from."""

from __future__ import annotations

import getpass
import io
import sys

from securechat.home.passphrase import is_protected, read_passphrase
from tests.home.folder import FolderCase


class Typed(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """A person is there."""
        return True


class SourceTests(FolderCase):
    """Files and standard input."""

    def test_first_line(self) -> None:
        """A passphrase is the first line, its end cut off, spaces and other bytes kept."""
        path = self.folder / "pw"
        for content, found in (
            (b"geheim\n", b"geheim"),
            (b"geheim\r\nmore\n", b"geheim"),
            (b" two words \n", b" two words "),
            (b"\xff\xfe", b"\xff\xfe"),
        ):
            path.write_bytes(content)
            self.assertEqual(read_passphrase(str(path)), found)

    def test_standard_input(self) -> None:
        """A dash reads standard input."""
        self.patch(sys, "stdin", io.StringIO("geheim\nmore\n"))
        self.assertEqual(read_passphrase("-"), b"geheim")

    def test_none(self) -> None:
        """No source is no passphrase, and an empty one is a mistake that is told."""
        self.assertIsNone(read_passphrase(None))
        path = self.folder / "pw"
        for content in (b"", b"\n", b"x" * 1025):
            path.write_bytes(content)
            self.assertIn(str(path), self.refusal(read_passphrase, str(path)))
        self.assertIn("No such file", self.refusal(read_passphrase, str(self.folder / "none")))


class AskedTests(FolderCase):
    """The terminal."""

    def setUp(self) -> None:
        """Ada's key is under a passphrase."""
        super().setUp()
        self.found(b"geheim")
        self.key = self.ada / "identity.key"
        self.asked_for: list[str] = []
        self.patch(getpass, "getpass", self._typed)
        self.typed = "geheim"

    def _typed(self, prompt: str) -> str:
        self.asked_for.append(prompt)
        return self.typed

    def test_on_a_terminal(self) -> None:
        """For a protected key it is asked for, by the key's name."""
        self.patch(sys, "stdin", Typed())
        self.assertEqual(read_passphrase(None, self.key), b"geheim")
        self.assertEqual(self.asked_for, [f"Passphrase of {self.key}: "])

    def test_without_a_terminal(self) -> None:
        """Without a terminal nothing is asked."""
        self.patch(sys, "stdin", io.StringIO("geheim\n"))
        self.assertIsNone(read_passphrase(None, self.key))
        self.assertEqual(self.asked_for, [])

    def test_empty_answer(self) -> None:
        """An empty answer is told."""
        self.patch(sys, "stdin", Typed())
        self.typed = ""
        self.assertIn("the terminal", self.refusal(read_passphrase, None, self.key))

    def test_only_if_needed(self) -> None:
        """A key under no passphrase, or none at all, is not asked about."""
        self.patch(sys, "stdin", Typed())
        self.asked()
        for key in (self.bob / "identity.key", self.folder / "none"):
            self.assertFalse(is_protected(key))
            self.assertIsNone(read_passphrase(None, key))
        self.assertEqual(self.asked_for, [])

    def test_file_first(self) -> None:
        """If a file is named nobody is asked."""
        self.patch(sys, "stdin", Typed())
        path = self.folder / "pw"
        path.write_text("other")
        self.assertEqual(read_passphrase(str(path), self.key), b"other")
        self.assertEqual(self.asked_for, [])
