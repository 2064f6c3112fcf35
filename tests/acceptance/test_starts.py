"""Starting, running and stopping: the log of a life, and starts that cannot be."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from signal import SIGTERM

from securechat.drills.rig import DEADLINE, Room, twistd, until
from tests.acceptance.rooms import OwnRoomCase, change

ENDED = (0, -SIGTERM)
"""twistd ends with the signal that ended it, once all is closed."""


class Starts(OwnRoomCase):
    """One clear line, exit 1, nothing started."""

    def setUp(self) -> None:
        """One home that does not run."""
        self.room = self.make("ada")
        self.ada = self.room["ada"]

    def start(self, *words: str) -> subprocess.CompletedProcess[str]:
        """twistd in the foreground, until it ends by itself."""
        return subprocess.run(
            [*twistd(self.room.python), "-n", "securechat", "--home", str(self.ada.home), *words],
            capture_output=True, text=True, timeout=DEADLINE, check=False, cwd=self.room.folder,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def refused(self, *words: str) -> str:
        """The one line with which the start is refused."""
        before = self.changed()
        done = self.start()
        self.assertEqual(done.returncode, 1, done.stdout)
        said = [line for line in done.stderr.splitlines() if line.strip()]
        self.assertEqual(len(said), 1, done.stderr)
        self.assertTrue(said[0].startswith("securechat: "), said)
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        for begun in ("link-up", "node-started", "listening", "starting on"):
            self.assertNotIn(begun, done.stdout)
        self.assertEqual(self.changed(), before)
        for word in words:
            self.assertIn(word, said[0])
        return said[0]

    def changed(self) -> set[str]:
        """What a node that runs leaves in its home."""
        return {path.name for path in self.ada.home.glob("admin.*")}

    def test_a_port_in_use(self) -> None:
        """Both ports are named when somebody has them; nothing is begun, and no epoch is used up."""
        for port in (self.ada.port, self.ada.admin):
            with socket.create_server(("127.0.0.1", port)):
                self.refused(str(port), "in use")
            self.assertFalse((self.ada.home / "journal.db").exists())
        self.room.start("ada")
        self.assertEqual(self.ada.ask("status")["epoch"], 1)

    def test_a_loose_file_mode(self) -> None:
        """A key that others can read is refused, with the command that mends it."""
        for name in ("identity.key", "config.toml", "identity.crt"):
            path = self.ada.home / name
            path.chmod(0o644)
            line = self.refused(name, "chmod 600")
            path.chmod(int(re.findall("chmod ([0-7]+)", line)[0], 8))
        self.ada.home.chmod(0o755)
        self.refused("chmod 700")

    def test_an_unreadable_key(self) -> None:
        """A key that is none, is empty, or is gone: one line that names the file."""
        key = self.ada.home / "identity.key"
        for content in (b"garbage", b""):
            key.write_bytes(content)
            self.refused("identity.key")
        key.unlink()
        self.refused("identity.key")

    def test_another_key_than_the_certificates(self) -> None:
        """A pair that does not belong together is refused."""
        other = self.make("ada", "bob")["bob"].home / "identity.key"
        (self.ada.home / "identity.key").write_bytes(other.read_bytes())
        self.refused("identity.key")

    def test_a_second_node_on_the_same_home(self) -> None:
        """The lock refuses it; the first node goes on, its socket and cookie untouched."""
        self.room.start("ada")
        cookie = (self.ada.home / "admin.cookie").read_bytes()
        self.refused("another node runs on")
        self.assertEqual((self.ada.home / "admin.cookie").read_bytes(), cookie)
        self.assertTrue(self.ada.ask("health")["ready"])
        done = self.room.run("--home", str(self.ada.home), "up", "--detach")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)

    def test_what_a_killed_node_left_is_no_hindrance(self) -> None:
        """After kill -9 socket, cookie and lock file are there; the next start takes over."""
        self.room.start("ada")
        before = (self.ada.home / "admin.cookie").read_bytes()
        self.room.end("ada", 9)  # type: ignore[arg-type]
        self.assertTrue((self.ada.home / "admin.sock").exists())
        self.room.start("ada")
        self.assertNotEqual((self.ada.home / "admin.cookie").read_bytes(), before)

    def test_an_unknown_config_key_is_a_warning(self) -> None:
        """It is named with the nearest key, on stderr and in the log, and the node runs."""
        path = self.ada.home / "config.toml"
        path.write_text(path.read_text().replace("[limits]", "[limits]\nburts = 7\n"))
        self.room.start("ada")
        log = self.ada.log.read_text()
        told, logged = [line for line in log.splitlines() if "burts" in line]
        for line in (told, logged):
            self.assertIn("the nearest is [limits] burst", line)
        self.assertTrue(told.startswith("securechat: ") or logged.startswith("securechat: "))

    def test_a_damaged_journal_is_told_on_the_terminal(self) -> None:
        """It is set aside and the node starts without its history; one line on stderr says so."""
        (self.ada.home / "journal.db").write_bytes(b"no journal" * 1000)
        (self.ada.home / "journal.db").chmod(0o600)
        self.room.start("ada")
        told = [line for line in self.ada.log.read_text().splitlines() if "damaged-1" in line]
        self.assertEqual(len([line for line in told if line.startswith("securechat: ")]), 1, told)
        self.assertEqual(len(told), 2, told)

    def test_config_that_cannot_be(self) -> None:
        """A wrong value, an admin port that is not loopback, no TOML at all: refused."""
        config = (self.ada.home / "config.toml").read_text()
        for key, value in (("posts", '"many"'), ("tcp", '"0.0.0.0:7401"'), ("preset", '"wan"')):
            change(self.ada.home, **{key: value})
            self.refused(key)
            (self.ada.home / "config.toml").write_text(config)
        (self.ada.home / "config.toml").write_text("[node\n")
        self.refused("config.toml")

    def test_no_home_at_all(self) -> None:
        """A folder that is no home: the line says how to make one."""
        done = subprocess.run(
            [*twistd(self.room.python), "-n", "securechat", "--home", str(self.room.folder / "no")],
            capture_output=True, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn(f"securechat --home {self.room.folder / 'no'} init --name", done.stderr)

    def test_a_missing_certificate(self) -> None:
        """It is named, with what to do about it."""
        (self.ada.home / "room.crt").unlink()
        self.refused("room.crt is missing: put it back from a copy")


class Lives(OwnRoomCase):
    """What the log tells of a life, and the ways to end it."""

    def test_the_log_of_a_life(self) -> None:
        """start, listening, link up, link refused, member changes, stop: one line each."""
        room = self.make("ada", "bob")
        room.start("ada", "bob")
        room.meet("ada", "bob")
        with socket.create_connection(("127.0.0.1", room["ada"].port), 10) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            until(lambda: "link-refused" in room["ada"].log.read_text(), "link-refused")
        room.end("bob")
        room.sees("ada", "left", "bob")
        room.end("ada")
        log = room["ada"].log.read_text()
        expected = (
            r"node-started name=ada epoch=1", rf"listening address=127\.0\.0\.1:{room['ada'].port}",
            r"link-up peer=\S+ address=\S+ direction=in", r"member-changed name=bob to=alive",
            r"link-refused \S*.*reason=\S+", r"member-changed name=bob before=\S+ to=left",
            r"link-down peer=", r"node-stopped name=ada",
        )  # fmt: skip
        for line in expected:
            self.assertRegex(log, rf"(?m)^\S+ \[securechat#\w+\] {line}")
        self.assertNotIn("Traceback", log)
        self.assertNotIn("Unhandled", log)

    def test_sigterm_is_a_goodbye_that_the_others_hear(self) -> None:
        """The node ends as SIGTERM ends; the others say left, at once, and alive when it is back."""
        room = self.make("ada", "bob")
        room.start("ada", "bob")
        room.meet("ada", "bob")
        process = room["bob"].process
        assert process is not None
        process.send_signal(SIGTERM)
        self.assertIn(process.wait(DEADLINE), ENDED)
        room.sees("ada", "left", "bob")
        room["bob"].hang_up()
        room.start("bob")
        room.meet("ada", "bob")

    def test_leave_and_stop(self) -> None:
        """leave is answered and ends as a goodbye; stop ends without one: not left, unreachable."""
        room = self.make("ada", "bob", "carol")
        room.start("ada", "bob", "carol")
        room.meet("ada", "bob", "carol")
        for name, command, seen in (("bob", "leave", "left"), ("carol", "stop", "unreachable")):
            process = room[name].process
            assert process is not None
            self.assertEqual(room[name].ask(command)["code"], 250)
            self.assertEqual(process.wait(DEADLINE), 0)
            room.sees("ada", seen, name)

    def test_up_runs_the_same_service(self) -> None:
        """up in the foreground answers, and SIGTERM ends it."""
        room = self.make("ada")
        home = str(room["ada"].home)
        with subprocess.Popen(
            [room.python, "-m", "securechat", "--home", home, "up"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            until(lambda: room["ada"].ask("health")["ready"], "up answers")
            process.send_signal(SIGTERM)
            self.assertIn(process.wait(DEADLINE), ENDED)

    def test_up_detached_logs_json_lines(self) -> None:
        """The command returns once the node answers; node.log holds one object a line, mode 0600."""
        room = self.make("ada")
        home = ("--home", str(room["ada"].home))
        done = room.run(*home, "up", "--detach")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(room.run(*home, "status").returncode, 0)
        log = room["ada"].home / "node.log"
        self.assertEqual(log.stat().st_mode & 0o777, 0o600)
        room["ada"].ask("say", text="not for the log")
        room["ada"].ask("leave")
        until(lambda: "node-stopped" in log.read_text(), "node-stopped")
        events = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual(
            [event["event"] for event in events if event.get("event") in
             ("node-started", "listening", "node-stopped")],
            ["node-started", "listening", "node-stopped"],
        )  # fmt: skip
        self.assertNotIn("not for the log", log.read_text())

    def test_up_detached_hands_on_the_warnings(self) -> None:
        """An unknown key and a damaged journal: a line each on stderr, and the node runs."""
        room = self.make("ada")
        home = room["ada"].home
        path = home / "config.toml"
        path.write_text(path.read_text().replace("[limits]", "[limits]\nburts = 7\n"))
        (home / "journal.db").write_bytes(b"no journal" * 1000)
        (home / "journal.db").chmod(0o600)
        for lines in (2, 1):
            done = room.run("--home", str(home), "up", "--detach")
            self.addCleanup(room.run, "--home", str(home), "admin", "stop")
            said = done.stderr.splitlines()
            self.assertEqual((done.returncode, len(said)), (0, lines), done.stderr)
            self.assertIn("the nearest is [limits] burst", said[0])
            self.assertTrue(all(line.startswith("securechat: ") for line in said), said)
            self.assertTrue(lines == 1 or "journal.db.damaged-1" in said[1], said)
            room["ada"].ask("stop")
            room["ada"].hang_up()
            until(lambda: not (home / "admin.sock").exists(), "the node stopped")

    def test_up_detached_says_why_it_cannot(self) -> None:
        """A port in use and a loose mode: one line on stderr and exit 1, as in the foreground."""
        room = self.make("ada")
        home = ("--home", str(room["ada"].home))
        with socket.create_server(("127.0.0.1", room["ada"].port)):
            done = room.run(*home, "up", "--detach")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn(str(room["ada"].port), done.stderr)
        self.assertNotIn("Traceback", (room["ada"].home / "node.log").read_text())
        (room["ada"].home / "identity.key").chmod(0o644)
        done = room.run(*home, "up", "--detach")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn("chmod 600", done.stderr)


class Nothing(OwnRoomCase):
    """Where no node runs."""

    def test_every_question_ends_with_3(self) -> None:
        """One line that names the command to start it; for a home whose node was killed too."""
        room = self.make("ada")
        home = ("--home", str(room["ada"].home))
        for _ in range(2):
            for words in (("status",), ("say", "x"), ("watch",), ("token",), ("admin",)):
                done = room.run(*home, *words)
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1))
                self.assertIn(" up", done.stderr)
            room.start("ada")
            room.end("ada", 9)  # type: ignore[arg-type]

    def test_a_bare_securechat_tells_the_next_step(self) -> None:
        """Not running: up; running: chat.  Exit status 0."""
        room = self.make("ada")
        home = ("--home", str(room["ada"].home))
        done = room.run(*home)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"(?m)^next: securechat --home \S+ up$")
        room.start("ada")
        self.assertRegex(room.run(*home).stdout, r"(?m)^next: securechat --home \S+ chat$")


def one_folder(room: Room) -> list[str]:
    """What the nodes left in the folder they were started from."""
    return sorted(path.name for path in room.folder.iterdir() if path.suffix == ".pid")


class Folders(OwnRoomCase):
    """Several nodes from one folder."""

    def test_no_pid_file_is_left(self) -> None:
        """Three nodes start from one folder; twistd's own pid file is not in their way."""
        room = self.make("ada", "bob", "carol")
        room.start("ada", "bob", "carol")
        self.assertEqual(one_folder(room), [])
        self.assertFalse(os.path.exists("twistd.pid"))
