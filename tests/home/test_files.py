"""Files that are whole or not there, and that nobody else can read."""

from __future__ import annotations

import os
from pathlib import Path

from securechat.errors import HomeError
from securechat.home import files
from securechat.home.files import (
    MAX_FILE,
    all_or_none,
    new_folder,
    read_given,
    read_private,
    write_given,
    write_private,
)
from tests.home.folder import FolderCase, mode_of


class WriteTests(FolderCase):
    """Writing."""

    def test_private(self) -> None:
        """What is written is private, whatever the umask, and leaves nothing beside it."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        write_private(self.folder / "a", b"x")
        self.assertEqual(mode_of(self.folder / "a"), 0o600)
        self.assertEqual(os.listdir(self.folder), ["a"])

    def test_failed_write_keeps_the_old(self) -> None:
        """If the disk fails the old content is still there, and nothing beside it."""
        path = self.folder / "a"
        write_private(path, b"old")

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", full)
        self.assertIn("No space left", self.refusal(write_private, path, b"new"))
        self.assertEqual(self.seen(), {"a": b"old"})

    def test_nowhere(self) -> None:
        """A folder that is not there is named."""
        path = self.folder / "none" / "a"
        for write in (write_private, write_given):
            self.assertIn(str(path), self.refusal(write, path, b"x"))

    def test_given_to_a_device(self) -> None:
        """A device is written to, never replaced."""
        write_given(Path(os.devnull), b"x")
        self.assertFalse(Path(os.devnull).is_file())

    def test_given_through_a_link(self) -> None:
        """A symbolic link stays one."""
        (self.folder / "link").symlink_to(self.folder / "a")
        write_given(self.folder / "link", b"x")
        self.assertTrue((self.folder / "link").is_symlink())
        self.assertEqual((self.folder / "a").read_bytes(), b"x")


class ReadTests(FolderCase):
    """Reading."""

    def test_size(self) -> None:
        """A file too large to be one of ours is not read."""
        path = self.folder / "a"
        write_private(path, b"x" * (MAX_FILE + 1))
        for read in (read_private, read_given):
            self.assertIn("larger than", self.refusal(read, path))

    def test_missing(self) -> None:
        """A missing file is named, with what to do: for one of a home, and for one that was given."""
        path = self.folder / "a"
        self.assertEqual(
            self.refusal(read_private, path),
            f"{path} is missing: put it back from a copy, or choose another --home",
        )
        self.assertEqual(
            self.refusal(read_given, path), f"{path}: No such file or directory; check the path"
        )


class FolderTests(FolderCase):
    """New folders."""

    def test_whole(self) -> None:
        """A folder appears with everything in it."""
        with new_folder(self.ada) as home:
            (home / "a").write_text("x")
            self.assertFalse(self.ada.exists())
        self.assertEqual(self.seen(), {"ada": b"", "ada/a": b"x"})
        self.assertEqual(mode_of(self.ada), 0o700)

    def test_not_at_all(self) -> None:
        """If anything goes wrong there is no folder, and nothing beside its place."""

        def make(problem: type[BaseException]) -> None:
            with new_folder(self.ada) as home:
                (home / "a").write_text("x")
                raise problem

        for problem in (KeyboardInterrupt, HomeError, OSError):
            self.assertRaises(problem, make, problem)
            self.assertEqual(self.seen(), {})

    def test_over_an_empty_one(self) -> None:
        """An empty folder is taken, with our mode."""
        self.ada.mkdir(mode=0o755)
        with new_folder(self.ada) as home:
            (home / "a").write_text("x")
        self.assertEqual(mode_of(self.ada), 0o700)

    def test_not_over_a_full_one(self) -> None:
        """A folder with something in it is never replaced."""
        self.ada.mkdir()
        (self.ada / "mine").write_text("x")
        with self.assertRaises(HomeError), new_folder(self.ada):
            pass
        self.assertEqual(self.seen(), {"ada": b"", "ada/mine": b"x"})


class TogetherTests(FolderCase):
    """Several files of one step."""

    def test_back_to_what_was(self) -> None:
        """If one cannot be written, the new ones go and the old ones are as before."""
        old, new = self.folder / "old", self.folder / "new"
        old.write_bytes(b"1")

        def write() -> None:
            with all_or_none(old, new):
                write_private(old, b"2")
                write_private(new, b"3")
                raise HomeError("the third one")

        self.assertRaises(HomeError, write)
        self.assertEqual(self.seen(), {"old": b"1"})

    def test_cause_without_words(self) -> None:
        """An error without words of the system is named by its kind."""
        self.assertEqual(files.cause(TimeoutError()), "TimeoutError")
