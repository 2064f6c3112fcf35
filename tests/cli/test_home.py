"""The commands that make a home and bring members into a room, as people and scripts use them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import securechat
from securechat.certificates import NAME
from securechat.cli import home as commands
from securechat.cli import main as entry
from securechat.cli import state
from securechat.cli.main import main
from securechat.cli.where import grouped, printable
from securechat.home import joining
from securechat.home.identity import load_home

PASSPHRASE = "geheim"


class CommandCase(SynchronousTestCase):
    """Runs commands on homes of its own."""

    def setUp(self) -> None:
        """A folder, and an environment that names no home."""
        self.folder = Path(tempfile.mkdtemp(prefix="securechat-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.ada, self.bob = str(self.folder / "ada"), str(self.folder / "bob")
        self.request_file, self.admission_file = (
            str(self.folder / name) for name in ("bob.request", "bob.admission")
        )
        self.runner = CliRunner(env={"SECURECHAT_HOME": "", "SECURECHAT_PASSPHRASE_FILE": ""})

    def run_it(self, *args: str, put: str | bytes | None = None, **env: str) -> Result:
        """The outcome of one command."""
        return self.runner.invoke(main, list(args), input=put, env=env)

    def good(self, *args: str, put: str | bytes | None = None, **env: str) -> Result:
        """A command that ends well."""
        result = self.run_it(*args, put=put, **env)
        self.assertEqual(result.exit_code, 0, result.output)
        return result

    def bad(self, *args: str, put: str | bytes | None = None, code: int = 1, **env: str) -> str:
        """A command that ends badly: one line on standard error, nothing on standard output."""
        result = self.run_it(*args, put=put, **env)
        lines = result.stderr.splitlines()
        self.assertEqual(
            (result.exit_code, len(lines), result.stdout), (code, 1, ""), result.output
        )
        self.assertTrue(lines[0].startswith("securechat: "), lines[0])
        self.assertTrue(lines[0].isprintable(), lines[0])
        return lines[0]

    def found(self, *more: str) -> Result:
        """Ada founds the room lab."""
        return self.good("--home", self.ada, "init", "--name", "ada", "--room", "lab", *more)

    def ask(self, *more: str) -> Result:
        """Bob asks."""
        args = ("request", "--name", "bob", "--out", self.request_file)
        return self.good("--home", self.bob, *args, *more)

    def admit(self, *more: str) -> Result:
        """Ada admits bob."""
        args = ("admit", self.request_file, "--out", self.admission_file)
        return self.good("--home", self.ada, *args, *more)

    def seen(self) -> dict[str, bytes]:
        """Every file, to see that nothing changed."""
        paths = sorted(self.folder.rglob("*"))
        return {str(path): path.read_bytes() if path.is_file() else b"" for path in paths}


class StoryTests(CommandCase):
    """From nothing to a room of two."""

    def test_story(self) -> None:
        """init, request, admit and install make two homes of one room that can run."""
        self.found("--listen", "192.0.2.1:7400")
        self.ask()
        self.admit("--yes")
        self.good("--home", self.bob, "install", self.admission_file)
        ada, bob = (load_home(Path(home), None) for home in (self.ada, self.bob))
        self.assertEqual((ada.identity.name, bob.identity.name), ("ada", "bob"))
        self.assertEqual(ada.identity.room, bob.identity.room)
        self.assertEqual(bob.config.peers, ("192.0.2.1:7400",))

    def test_through_pipes(self) -> None:
        """Without --out the papers go to standard output, and a dash reads them."""
        self.found()
        asked = self.good("--home", self.bob, "request", "--name", "bob")
        self.assertIn("hand it to whoever can admit you", asked.stderr)
        admitted = self.good("--home", self.ada, "admit", "-", put=asked.stdout)
        self.good("--home", self.bob, "install", "-", put=admitted.stdout)
        self.assertEqual(load_home(Path(self.bob), None).identity.room_name, "lab")

    def test_fingerprints(self) -> None:
        """The room's id is shown whole, in groups and plain, by init and by install."""
        shown = self.found().stdout
        room = load_home(Path(self.ada), None).identity.room
        self.assertEqual(len(room), 52)
        self.ask()
        self.admit()
        installed = self.good("--home", self.bob, "install", self.admission_file).stdout
        for output in (shown, installed):
            self.assertIn(grouped(room), output)
            self.assertIn(room, output.split())

    def test_admit_shows_whom(self) -> None:
        """Admitting shows the newcomer's id and the room's, and what a newcomer may read."""
        self.found()
        asked = self.ask().stdout
        told = self.admit().output
        member = load_home(Path(self.ada), None).identity
        self.assertIn(grouped(member.room), told)
        self.assertIn("may read what the members still keep", told)
        bob = joining.pending(Path(self.bob))
        assert bob is not None
        for output in (asked, told):
            self.assertIn(grouped(bob.member), output)

    def test_room_check(self) -> None:
        """install --room takes the id as it is read aloud, and refuses another."""
        self.found()
        self.ask()
        self.admit()
        room = load_home(Path(self.ada), None).identity.room
        before = self.seen()
        told = self.bad("--home", self.bob, "install", self.admission_file, "--room", "a" * 52)
        self.assertIn("another room", told)
        self.assertEqual(self.seen(), before)
        spoken = grouped(room).upper()
        self.good("--home", self.bob, "install", self.admission_file, "--room", spoken)

    def test_options(self) -> None:
        """Every option of the interface arrives in the configuration."""
        options = (
            "--listen", "127.0.0.1:17400", "--admin", "127.0.0.1:17401", "--preset", "local",
            "--faults",
        )  # fmt: skip
        self.found(*options)
        self.ask()
        self.admit("--days", "30")
        more = ("--peer", "192.0.2.5:1", "--peer", "[::1]:2")
        self.good("--home", self.bob, "install", self.admission_file, *options, *more)
        for home in (self.ada, self.bob):
            config = load_home(Path(home), None).config
            self.assertEqual((config.listen, config.tcp), ("127.0.0.1:17400", "127.0.0.1:17401"))
            self.assertEqual((config.preset, config.enabled), ("local", True))
        self.assertEqual(config.peers, ("192.0.2.5:1", "[::1]:2"))

    def test_a_warning_about_loopback(self) -> None:
        """Admitting to a room that others cannot dial says so."""
        self.found("--listen", "127.0.0.1:7400")
        self.ask()
        self.assertIn("of this machine alone", self.admit().output)

    def test_passphrases(self) -> None:
        """A passphrase file protects both keys, and each command that needs it takes it."""
        secret = self.folder / "pw"
        secret.write_text(f"{PASSPHRASE}\n")
        told = self.found("--passphrase-file", str(secret)).stdout
        self.assertIn("encrypted under the passphrase", told)
        self.ask()
        refused = self.bad("--home", self.ada, "admit", self.request_file)
        self.assertIn("--passphrase-file", refused)
        self.good(
            "--home", self.ada, "admit", self.request_file, SECURECHAT_PASSPHRASE_FILE=str(secret)
        )
        self.good(
            "--home", self.ada, "--passphrase-file", "-", "admit", self.request_file,
            put=f"{PASSPHRASE}\n",
        )  # fmt: skip
        twice = self.bad("--home", self.ada, "--passphrase-file", "-", "admit", "-", put="x\n")
        self.assertIn("cannot be both", twice)

    def test_without_a_passphrase_it_is_said(self) -> None:
        """How the keys are protected is said, also if only by their mode."""
        self.assertIn("under no passphrase", self.found().stdout)


class AskedTests(CommandCase):
    """A person at a terminal is asked before anybody is admitted."""

    def setUp(self) -> None:
        """A room, a request, and a terminal."""
        super().setUp()
        self.found()
        self.ask()
        self.patch(commands, "on_terminal", lambda: True)
        self.args = ("--home", self.ada, "admit", self.request_file, "--out", self.admission_file)

    def test_yes(self) -> None:
        """Yes admits."""
        self.good(*self.args, put="y\n")
        self.assertTrue(Path(self.admission_file).exists())

    def test_no(self) -> None:
        """No, and the end of input, change nothing, and end with 1."""
        before = self.seen()
        for answer in ("n\n", "\n", ""):
            result = self.run_it(*self.args, put=answer)
            self.assertEqual(result.exit_code, 1)
            self.assertTrue(result.stderr.endswith("securechat: stopped\n"), result.stderr)
        self.assertEqual(self.seen(), before)

    def test_not_with_yes(self) -> None:
        """--yes does not ask."""
        self.good(*self.args, "--yes")


class RefusalTests(CommandCase):
    """What cannot be is one line, exit 1, and nothing changed."""

    def setUp(self) -> None:
        """A room, a request, an admission."""
        super().setUp()
        self.found()
        self.ask()
        self.admit()

    def _unchanged(self, *args: str, put: str | bytes | None = None) -> str:
        before = self.seen()
        told = self.bad(*args, put=put)
        self.assertEqual(self.seen(), before)
        return told

    def test_bad_papers(self) -> None:
        """Altered, cut, mixed up, oversized and foreign papers."""
        request = Path(self.request_file).read_bytes()
        admission = Path(self.admission_file).read_bytes()
        for spoil in (
            lambda text: text.replace(b'"', b"'", 1),
            lambda text: text[:-20],
            lambda text: b"",
            lambda text: text + b" " * 20_000,
            lambda text: text + b" " * 70_000,
            lambda text: b"\xff\xfe\x00",
            lambda text: b"\x1b[2J\n\n\xe2\x80\xae",
            lambda text: text.replace(b"bob", b"eve"),
            lambda text: text.replace(b'"version": 1', b'"version": 1,\n  "version": 1'),
        ):
            for home, verb, paper in (
                (self.ada, "admit", request),
                (self.bob, "install", admission),
            ):
                spoilt = spoil(paper)
                if spoilt == paper:
                    continue
                self._unchanged("--home", home, verb, "-", put=spoilt)
                (self.folder / "spoilt").write_bytes(spoilt)
                self._unchanged("--home", home, verb, str(self.folder / "spoilt"))
        self._unchanged("--home", self.ada, "admit", self.admission_file)
        self._unchanged("--home", self.bob, "install", self.request_file)

    def test_files(self) -> None:
        """A file that is not there, a folder, a place that cannot be written."""
        self.assertIn(
            "/none: No such file or directory; check the path",
            self._unchanged("--home", self.ada, "admit", "/none"),
        )
        self.assertIn(
            "Is a directory", self._unchanged("--home", self.ada, "admit", str(self.folder))
        )
        for out in ("/none/x", str(self.folder)):
            result = self.run_it("--home", self.ada, "admit", self.request_file, "--out", out)
            self.assertEqual(result.exit_code, 1)
            self.assertTrue(result.stderr.splitlines()[-1].startswith(f"securechat: {out}"))

    def test_never_over_a_home(self) -> None:
        """init and request leave an existing home alone."""
        for home in (self.ada, self.bob):
            self._unchanged("--home", home, "init", "--name", "eve", "--room", "den")
        self._unchanged("--home", self.ada, "request", "--name", "eve")

    def test_hostile_home(self) -> None:
        """A path with control characters in it moves no cursor."""
        told = self.bad("--home", str(self.folder / "\x1b[2J\n\u202e"), "admit", "-", put="")
        self.assertIn("\\x1b[2J\\n\\u202e", told)

    def test_no_home(self) -> None:
        """Without a home each command says what to do first."""
        none = str(self.folder / "none")
        self.assertIn(
            f"securechat --home {none} init", self.bad("--home", none, "admit", self.request_file)
        )
        self.assertIn(
            f"securechat --home {none} request --name YOU",
            self.bad("--home", none, "install", self.admission_file),
        )

    def test_unexpected_system_error(self) -> None:
        """An error of the system that nobody foresaw names the file and the cause."""

        def broken(*_: object) -> None:
            raise OSError(5, "Input/output error", "/some/file")

        self.patch(commands, "found", broken)
        told = self.bad("--home", self.folder.name, "init", "--name", "a", "--room", "b")
        self.assertEqual(told, "securechat: /some/file: Input/output error")

    def test_mistake_of_ours(self) -> None:
        """Even a mistake of ours is one line, and SECURECHAT_DEBUG shows where it is."""

        def broken(*_: object) -> None:
            raise KeyError("x")

        self.patch(commands, "found", broken)
        args = ("--home", self.folder.name, "init", "--name", "a", "--room", "b")
        self.assertIn("KeyError", self.bad(*args))
        result = self.run_it(*args, SECURECHAT_DEBUG="1")
        self.assertIsInstance(result.exception, KeyError)


class UsageTests(CommandCase):
    """Mistakes in typing end with 2."""

    def test_options(self) -> None:
        """A missing, unknown or impossible option is one line that names the help."""
        init = ("--home", self.ada, "init", "--name", "ada", "--room", "lab")
        for args in (
            ("init",),
            ("init", "--name", "ada"),
            (*init, "--nmae", "x"),
            (*init, "--listen", "nowhere"),
            (*init, "--listen", "0.0.0.0:0"),
            (*init, "--admin", "0.0.0.0:7401"),
            (*init, "--preset", "wan"),
            ("--home", self.ada, "init", "--name", "Ada", "--room", "lab"),
            ("--home", self.ada, "init", "--name", "ada", "--room", "the lab"),
            ("request", "--name", "b\x1b[2J"),
            ("request", "--name", "bob", "--room", "lab"),
            ("admit",),
            ("admit", "x", "--days", "0"),
            ("admit", "x", "--days", "soon"),
            ("install", "x", "--peer", "0.0.0.0:1"),
            ("install", "x", "y"),
        ):
            with self.subTest(args):
                self.assertIn("--help", self.bad(*args, code=2))
        self.assertEqual(self.seen(), {})

    def test_a_peer_that_is_no_address(self) -> None:
        """It is shown as it was typed."""
        words = ("install", "none", "--peer", "192.0.2.7:7400", "--peer", "foo")
        result = self.run_it("--home", self.bob, *words)
        self.assertEqual(result.exit_code, 2)
        self.assertIn(
            "'--peer': 'foo' cannot be: HOST:PORT is wanted (not HOST:PORT)", result.stderr
        )

    def test_unknown_command(self) -> None:
        """A mistyped command names the nearest."""
        self.assertIn("did you mean: install", self.bad("instal", code=2))
        self.assertIn("there is no command", self.bad("xyzzy", code=2))

    def test_home_behind_the_command(self) -> None:
        """--home and --passphrase-file are understood before and behind the command."""
        for args in (
            ("--home", self.ada, "init", "--name", "ada", "--room", "lab"),
            ("init", "--name", "bob", "--home", self.bob, "--room", "lab"),
            ("init", f"--home={self.folder}/c", "--name", "carol", "--room", "lab"),
        ):
            self.good(*args)
        self.assertEqual(sorted(os.listdir(self.folder)), ["ada", "bob", "c"])
        self.assertEqual(list(entry._hoisted(["say", "--", "--home"])), ["say", "--", "--home"])

    def test_help(self) -> None:
        """Help ends with 0, lists the commands, and the version is ours."""
        told = self.good("--help").stdout
        for verb in ("init", "request", "admit", "install"):
            self.assertIn(verb, told)
            self.assertIn("Usage: securechat", self.good(verb, "--help").stdout)
        self.assertIn(securechat.__version__, self.good("--version").stdout)

    @given(st.text(max_size=40).filter(lambda name: not NAME.fullmatch(name)))
    @settings(max_examples=60, deadline=None)
    def test_any_hostile_name(self, name: str) -> None:
        """No hostile name founds a room, and none moves a cursor."""
        args = ("--home", self.ada, "init", f"--name={name}", "--room", "lab")
        self.bad(*args, code=2)
        self.assertFalse(Path(self.ada).exists())


class StateTests(CommandCase):
    """The bare command: the state, and the one next step."""

    def _next(self, home: str) -> str:
        return self.good("--home", home).stdout.splitlines()[-1]

    def test_each_stage(self) -> None:
        """Nothing, waiting, complete, running: each names what comes next."""
        self.assertIn("request --name", self._next(self.bob))
        self.found()
        self.ask()
        self.assertEqual(
            self._next(self.bob), f"next: securechat --home {self.bob} install ADMISSION"
        )
        self.admit()
        self.good("--home", self.bob, "install", self.admission_file)
        self.assertEqual(self._next(self.bob), f"next: securechat --home {self.bob} up")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"{self.bob}/admin.sock")
            listening.listen()
            self.assertEqual(self._next(self.bob), f"next: securechat --home {self.bob} chat")

    def test_from_the_environment(self) -> None:
        """SECURECHAT_HOME names the home."""
        self.found()
        told = self.good(SECURECHAT_HOME=self.ada).stdout
        self.assertIn("ada in the room lab; the node is not running.", told)

    def test_default_home(self) -> None:
        """Without any word the home is the user's own, and is not repeated in the next step."""
        told = self.good(XDG_DATA_HOME=str(self.folder)).stdout
        self.assertIn(str(self.folder / "securechat"), told)
        self.assertIn("securechat init --name YOU", told)

    def test_warnings(self) -> None:
        """What config.toml does not understand is told."""
        self.found()
        path = Path(self.ada) / "config.toml"
        path.write_text(path.read_text().replace("keep_h", "keep_hours"))
        told = self.good("--home", self.ada).stderr
        self.assertIn("unknown key [direct] keep_hours; the nearest is [direct] keep_h", told)

    def test_damage(self) -> None:
        """A home that cannot run says why, and ends with 1."""
        self.found()
        path = Path(self.ada) / "identity.key"
        path.chmod(0o644)
        self.assertIn(f"chmod 600 {path}", self.bad("--home", self.ada))
        path.chmod(0o600)
        (Path(self.ada) / "config.toml").write_text("[history]\nposts = -1\n")
        self.assertIn("posts = -1", self.bad("--home", self.ada))

    def test_certificate_ends(self) -> None:
        """A certificate that ends soon is spoken of; one that has ended says how to renew it."""
        self.found()
        now = load_home(Path(self.ada), None).identity.valid_until_ms
        self.patch(state, "now_ms", lambda: now - 24 * 3600 * 1000)
        self.assertIn("The certificate ends", self.good("--home", self.ada).stdout)
        self.patch(state, "now_ms", lambda: now + 1)
        result = self.run_it("--home", self.ada)
        self.assertEqual(result.exit_code, 1)
        self.assertIn("request --name ada", result.stderr)


class EntryTests(CommandCase):
    """How commands end."""

    def test_as_a_module(self) -> None:
        """python -m securechat is the same program."""
        done = subprocess.run(
            [sys.executable, "-m", "securechat", "--home", self.ada, "instal"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_status_of_a_command(self) -> None:
        """A command ends with the status that it returns or exits with."""

        @click.command()
        @click.argument("how", type=int)
        @click.pass_context
        def probe(ctx: click.Context, how: int) -> int:
            if how == 4:
                ctx.exit(4)
            return how

        self.patch(commands, "COMMANDS", {"init": probe})
        for status in (0, 1, 3, 4):
            self.assertEqual(self.run_it("init", str(status)).exit_code, status)

    def test_closed_pipe(self) -> None:
        """Nobody reading any more is no reason for a traceback."""
        self.found()
        line = f"{sys.executable} -m securechat --home {self.ada} request --name ada | true"
        done = subprocess.run(
            line, shell=True, capture_output=True, text=True, check=False, timeout=60
        )
        self.assertNotIn("Traceback", done.stderr)

    def test_families_that_are_not_there(self) -> None:
        """A family of commands that is not installed is not listed, nor found."""
        self.patch(
            entry, "FAMILIES", {"securechat.cli.home": ("init",), "securechat.none": ("up",)}
        )
        self.assertNotIn("\n  up ", self.good("--help").stdout)
        self.assertIn("there is no command", self.bad("up", code=2))

    def test_another_system(self) -> None:
        """Windows gets one line."""
        self.patch(sys, "platform", "win32")
        self.assertIn("Windows is not supported", self.bad())

    @given(st.text(max_size=60))
    def test_printable(self, text: str) -> None:
        """No text at all makes a second line or moves a cursor."""
        self.assertTrue(printable(text).isprintable())
