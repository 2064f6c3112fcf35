"""A folder for one test, and the homes of ada and bob in it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from securechat.certificates import MEMBER_DAYS
from securechat.errors import HomeError
from securechat.home.admission import consider, found, grant
from securechat.home.config import Config, make_config
from securechat.home.joining import install, request, request_text

NOW_MS = 1_750_000_000_000
CONFIG = make_config(listen="192.0.2.1:7400")


class FolderCase(SynchronousTestCase):
    """Tests that need a place on the disk."""

    def setUp(self) -> None:
        """A short path: sockets take 107 bytes."""
        self.folder = Path(tempfile.mkdtemp(prefix="securechat-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.ada = self.folder / "ada"
        self.bob = self.folder / "bob"

    def found(self, passphrase: bytes | None = None, config: Config = CONFIG) -> None:
        """Ada founds the room lab."""
        found(self.ada, "ada", "lab", config, passphrase, NOW_MS)

    def asked(self, name: str = "bob", room: str = "") -> str:
        """Bob's request."""
        request(self.bob, name, room, None)
        return request_text(self.bob)

    def admission(self, text: str, days: float = MEMBER_DAYS) -> str:
        """What ada hands back."""
        return grant(consider(self.ada, text, days, None, NOW_MS), NOW_MS)

    def join(self, config: Config | None = None) -> None:
        """Bob joins ada's room."""
        install(self.bob, self.admission(self.asked()), "", config, None, NOW_MS)

    def refusal(self, *call: object) -> str:
        """The one line of the HomeError that this call ends with."""
        function, *arguments = call
        assert callable(function)
        refused = self.assertRaises(HomeError, function, *arguments)
        text = str(refused)
        self.assertNotIn("\n", text)
        return text

    def seen(self) -> dict[str, bytes]:
        """Every file below the folder, to see that nothing changed."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() if path.is_file() else b""
            for path in sorted(self.folder.rglob("*"))
        }


def mode_of(path: Path) -> int:
    """The permission bits."""
    return os.stat(path).st_mode & 0o777
