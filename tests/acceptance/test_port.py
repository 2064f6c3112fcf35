"""The admin port as strangers, browsers, other users and people at a telnet meet it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap

from twisted.trial.unittest import SkipTest

from securechat.drills.rig import until
from tests.acceptance.rooms import RoomCase
from tests.acceptance.terminal import CTRL_C, CTRL_D, Terminal

GREETING = (
    b"200 securechat-admin 1 node=ada room=lab version=0.1.0 level=none auth=token "
    b'help="type help"\r\n'
)
HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\n250 forged=true\u202etxt.exe\u200b\x9b31m"
NOBODY = 65534

CONNECT = """
import os, socket, sys
os.setgid({uid}); os.setgroups([]); os.setuid({uid})
line = socket.socket(socket.AF_UNIX)
line.settimeout(10)
try:
    line.connect({path!r})
    said = line.recv(1000)
except OSError as problem:
    print("refused", type(problem).__name__)
else:
    print("heard", said.decode())
"""


def needs(tool: str) -> None:
    """Skip where the machine lacks a program."""
    if shutil.which(tool) is None:
        raise SkipTest(f"needs {tool}")


class Telnet(RoomCase):
    """Real telnet, on a real terminal."""

    names = ("ada", "bob")

    def setUp(self) -> None:
        """A telnet that was greeted."""
        super().setUp()
        needs("telnet")
        self.telnet = Terminal("telnet", "127.0.0.1", str(self.room["ada"].admin))
        self.addCleanup(self.telnet.close)
        self.assertTrue(self.telnet.expect(b'help="type help"').endswith(GREETING.strip()))

    def authenticate(self) -> None:
        """Paste the line that ``securechat token`` prints."""
        self.telnet.line(self.cli("ada", "token").stdout.strip())
        self.telnet.expect(b"250 level=admin")

    def test_help_and_the_nearest_of_a_wrong_verb(self) -> None:
        """help lists the commands before any token; a wrong verb is answered with the nearest."""
        self.telnet.line("help")
        listed = self.telnet.expect(b"250 end count=")
        for verb in (b"status", b"say", b"watch", b"fault", b"quit"):
            self.assertIn(b"250-verb=" + verb, listed)
        self.telnet.line("stauts")
        self.assertIn(b"nearest=status", self.telnet.expect(b"nearest=status"))
        self.telnet.line("status")
        self.telnet.expect(b"510 ")
        self.telnet.line("quit")
        self.assertIn(b"221 bye", self.telnet.rest())

    def test_a_wrong_token_three_times_closes(self) -> None:
        """Two wrong tokens are answered with 511; with the third the session is over."""
        for left in (b"2", b"1", b"0"):
            self.telnet.line(f"auth token={'0' * 64}")
            self.telnet.expect(b"511 ")
            self.telnet.expect(b"attempts_left=" + left)
        self.assertIn(b"Connection closed by foreign host", self.telnet.rest())

    def test_ctrl_c_twice_and_the_session_still_answers(self) -> None:
        """telnet discards all output after Ctrl-C until its timing mark is answered; it is."""
        self.authenticate()
        for _ in range(2):
            self.telnet.type(CTRL_C)
        self.telnet.line("")
        self.telnet.line("health")
        self.telnet.expect(b"250 live=true ready=true joined=true")
        self.telnet.line('say "after Ctrl-C"')
        self.telnet.expect(b"252 id=ada/")

    def test_ctrl_d_ends(self) -> None:
        """Ctrl-D on an empty line ends the session."""
        self.telnet.type(CTRL_D)
        self.assertIn(b"Connection closed", self.telnet.rest())

    def test_a_hostile_text_never_moves_the_terminal(self) -> None:
        """ESC, CR LF, U+202E, zero width and C1: in lists and events only printable ASCII leaves."""
        self.authenticate()
        self.telnet.line("watch")
        self.telnet.expect(b"replay-end")
        self.room["bob"].ask("say", text=HOSTILE)
        self.telnet.expect(b" post ")
        self.telnet.line("messages")
        self.telnet.expect(b"end count=")
        self.telnet.line("quit")
        self.telnet.rest()
        printed = self.telnet.heard
        self.assertEqual(re.findall(rb"[^ -~\r\n]", printed), [])
        self.assertIn(rb"\u001b[2J", printed)
        self.assertIn(rb"\u202e", printed)
        lines = printed.replace(b"\r", b"").split(b"\n")
        self.assertEqual([line for line in lines if line.startswith(b"250 forged")], [])


class NotPeople(RoomCase):
    """Browsers, other protocols, other users."""

    names = ("ada",)

    def said(self) -> int:
        """How many posts there are."""
        posts = self.room["ada"].ask("status")["posts"]
        assert isinstance(posts, int)
        return posts

    def test_curl_is_dropped_and_nothing_is_executed(self) -> None:
        """A browser's request whose body is a command: closed at once, and the command not run."""
        needs("curl")
        token = self.cli("ada", "token").stdout.strip()
        before = self.said()
        url = f"http://127.0.0.1:{self.room['ada'].admin}/"
        body = f"{token}\nsay forged\n"
        for words in (["-d", body], ["-X", "say", "--data-binary", body], ["-H", "x: y"]):
            done = subprocess.run(
                ["curl", "-sS", "-m", "10", "--http0.9", *words, url],
                capture_output=True, timeout=30, check=False,
            )  # fmt: skip
            self.assertNotIn(b"252", done.stdout)
            self.assertNotIn(b"250", done.stdout)
        self.assertEqual(self.said(), before)
        log = self.room["ada"].log.read_text()
        self.assertIn("http", log)

    def test_other_protocols_are_dropped(self) -> None:
        """TLS, SSH and HTTP get the greeting at most, then the end of the connection."""
        for opening in (
            b"\x16\x03\x01\x02\x00\x01",
            b"SSH-2.0-x\r\n",
            b"POST / HTTP/1.1\r\nsay x\n",
        ):
            with socket.create_connection(("127.0.0.1", self.room["ada"].admin), 10) as line:
                line.sendall(opening)
                heard = b""
                try:
                    while chunk := line.recv(4096):
                        heard += chunk
                except ConnectionResetError:
                    pass
            self.assertNotIn(b"\n250", heard)
            self.assertNotIn(b"\n5", heard)

    def test_a_second_user_cannot_open_the_socket(self) -> None:
        """Another uid is stopped by the home's mode; and if that were open, by its uid."""
        if os.geteuid() != 0:
            raise SkipTest("needs root")
        home = self.room["ada"].home
        self.assertEqual(home.stat().st_mode & 0o777, 0o700)
        self.assertEqual((home / "admin.sock").stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.as_nobody(), "refused PermissionError\n")
        modes = ((home.parent, 0o700), (home, 0o700), (home / "admin.sock", 0o600))
        for path, mode in modes:
            self.addCleanup(path.chmod, mode)
        home.parent.chmod(0o755)
        home.chmod(0o755)
        (home / "admin.sock").chmod(0o666)
        heard = self.as_nobody()
        self.assertNotIn("200 securechat-admin", heard)
        self.assertNotIn("level=admin", heard)
        until(lambda: self.room["ada"].ask("health")["live"], "the owner is still served")

    def as_nobody(self) -> str:
        """What a process of another user hears on the socket."""
        path = str(self.room["ada"].home / "admin.sock")
        code = textwrap.dedent(CONNECT).format(uid=NOBODY, path=path)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False,
            cwd="/",
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_files_are_the_owners_alone(self) -> None:
        """The home has mode 0700, every file in it 0600; the cookie is 64 hex digits and a newline."""
        home = self.room["ada"].home
        for path in home.iterdir():
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path.name)
        self.assertRegex((home / "admin.cookie").read_text(), r"\A[0-9a-f]{64}\n\Z")
