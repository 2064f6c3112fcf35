"""The codes of the admin port, word by word on real nodes; a code is a contract, its words are not."""

from __future__ import annotations

import resource
from signal import SIGKILL
from typing import Any

import securechat
from securechat.drills.rig import Member, free_ports, until
from tests.acceptance.port import Port
from tests.acceptance.rooms import OwnRoomCase


class Codes(OwnRoomCase):
    """Section 4: each code by what causes it; 530 is a bug of ours, which no test can order."""

    def port(self, member: Member, **how: Any) -> Port:
        """A line that is closed after the test."""
        port = Port(member, **how)
        self.addCleanup(port.close)
        return port

    def test_codes(self) -> None:
        """200 250 251 252 221 450 500 501 502 503 504 510 511 512 520, each by what causes it."""
        room = self.make("ada")
        room.start("ada")
        ada = room["ada"]
        port = self.port(ada)
        self.assertEqual(
            port.greeting,
            f"200 securechat-admin 1 node=ada room=lab version={securechat.__version__}"
            ' level=admin auth=token help="type help"',
        )
        stranger = self.port(ada, tcp=True)
        self.assertIn(" level=none auth=token ", stranger.greeting)
        for line, code in {
            "health": 250, "help": 250, "say hello": 252, "say text=hello nonce=n": 252,
            "say nonce=n :hello": 251, "unwatch": 251, "watch from=0000:1": 450,
            'say "unfinished': 500, f"say {'x' * 20000}": 501, "wach": 502, "say nonce=n :other": 503,
            "messages limit=0": 503, "messages nosuch=1": 503, "say": 504, "who nobody": 520,
            "delivery ada/1/999": 520, "dm nobody :x": 520,
        }.items():  # fmt: skip
            self.assertEqual(port.code(line), code, line[:40])
        self.assertIn("nearest=watch", port.ask("wach")[0])
        self.assertEqual(stranger.code("status"), 510)
        self.assertEqual(stranger.code(f"auth token={'0' * 64}"), 511)
        token = (ada.home / "admin.cookie").read_text().strip()
        self.assertEqual(stranger.code(f"auth token={token} level=observer"), 250)
        self.assertEqual(stranger.code("status"), 250)
        for line in ("say hello", "messages", "stop", "dm bob :x"):
            self.assertEqual(stranger.code(line), 512, line)
        self.assertEqual(stranger.code(f"auth token={token}"), 250)
        self.assertEqual(stranger.code("messages"), 250)
        self.assertEqual(port.code("quit"), 221)
        self.assertEqual(port.read(), "")

    def test_three_wrong_tokens_close(self) -> None:
        """The third 511 is the last line."""
        room = self.make("ada")
        room.start("ada")
        stranger = self.port(room["ada"], tcp=True)
        for _ in range(3):
            self.assertEqual(stranger.code("auth token=00"), 511)
        self.assertEqual(stranger.read(), "")

    def test_what_an_observer_sees_has_no_text(self) -> None:
        """open_observer: states, counts and ids without a token, never a text; also in events."""
        room = self.make("ada", open_observer="true")
        room.start("ada")
        ada = room["ada"]
        watcher = self.port(ada, tcp=True)
        self.assertIn(" level=observer ", watcher.greeting)
        self.assertEqual(watcher.code("watch"), 250)
        said = ada.ask("say", text="not for observers")["id"]
        line = watcher.read()
        while " post " not in line:
            line = watcher.read()
        self.assertIn(f"id={said}", line)
        self.assertEqual("not for observers" in line, False)
        for line, code in {
            "status": 250, "members": 250, "who ada": 250, "links": 250, "gaps": 250, "outbox": 250,
            "counters": 250, "digest": 250, f"delivery {said}": 250, f"explain {said}": 250,
            "snapshot": 250, "messages": 510, "say x": 510, "stop": 510,
        }.items():  # fmt: skip
            reply = watcher.ask(line)
            self.assertEqual(int(reply[-1][:3]), code, line)
            self.assertEqual("not for observers" in "".join(reply), False)

    def test_421_slow_down(self) -> None:
        """Beyond its rate the author's own node refuses: 421, and the command line ends with 1."""
        room = self.make("ada", posts_per_second="0.1", burst="1")
        room.start("ada")
        port = self.port(room["ada"])
        self.assertEqual([port.code("say one"), port.code("say two")], [252, 421])
        done = room.run("--home", str(room["ada"].home), "say", "three")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))

    def test_420_not_ready_while_the_journal_cannot_be_written(self) -> None:
        """Say is refused with the reason, reading goes on; once it can be written, so does all."""
        room = self.make("ada")
        room.start("ada")
        ada = room["ada"]
        port = self.port(ada)
        self.assertEqual(port.code("say before"), 252)
        assert ada.process is not None
        limits = resource.prlimit(ada.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(ada.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
        (refused,) = port.ask("say meanwhile")
        self.assertEqual(refused[:4], "420 ")
        self.assertEqual(ada.ask("status")["read_only"], True)
        self.assertEqual(room.run("--home", str(ada.home), "status").returncode, 1)
        self.assertEqual(port.code("messages"), 250)
        resource.prlimit(ada.process.pid, resource.RLIMIT_FSIZE, limits)
        until(lambda: not ada.ask("status")["read_only"], "the journal is back")
        self.assertEqual(port.code("say after"), 252)
        self.assertEqual(ada.texts(), ["before", "after"])
        room.end("ada", SIGKILL)
        room.start("ada")
        self.assertEqual(ada.texts(), ["before", "after"])

    def test_521_ambiguous(self) -> None:
        """
        Two members of one name: 521 with candidates, each of which is understood.

        An authority that remembers whom it admitted refuses the second one; a copy of it elsewhere
        does not know.
        """
        room = self.make("ada", "bob")
        twin = room.folder / "twin"
        home = ("--home", str(twin))
        files = (str(room.folder / "twin.request"), str(room.folder / "twin.admission"))
        room.cli(*home, "request", "--name", "bob", "--out", files[0])
        authority = ("--home", str(room["ada"].home), "admit", files[0], "--out", files[1], "--yes")
        done = room.run(*authority)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn("bob", done.stderr)
        (room["ada"].home / "admitted.jsonl").unlink()
        room.cli(*authority)
        port, admin = free_ports(2)
        room.members["twin"] = member = Member("twin", twin, port, admin)
        at = (f"127.0.0.1:{member.port}", f"127.0.0.1:{member.admin}")
        room.cli(*home, "install", files[1], "--listen", at[0], "--admin", at[1], "--preset", "local",
                 "--peer", f"127.0.0.1:{room['ada'].port}")  # fmt: skip
        room.start("ada", "bob", "twin")
        line = self.port(room["ada"]).json_mode()
        until(lambda: line.get("who", name="bob")["code"] == 521, "two of one name")
        candidates = line.get("who", name="bob")["candidates"]
        self.assertEqual(len(candidates), 2)
        for name in candidates:
            self.assertRegex(name, "^bob#[a-z2-7]{8}$")
            self.assertEqual(line.get("who", name=name)["name"], name)

    def test_550_overflow(self) -> None:
        """A watcher that does not read is stopped at 1 MiB, is told where, and can go on from there."""
        room = self.make("ada", posts_per_second="100000", burst="1000000")
        room.start("ada")
        ada = room["ada"]
        idle = self.port(ada, receive=4096).json_mode()
        self.assertEqual(idle.get("watch", types="post")["code"], 250)
        count = 0

        def stopped() -> bool:
            nonlocal count
            for _ in range(50):
                ada.ask("say", text="x" * 8000)
                count += 1
            return bool(ada.ask("counters").get("watches_stopped")) or count >= 600

        until(stopped, "enough events")
        found, seen = idle.next(), 0
        while found.get("code") != 550:
            seen += found.get("event") == "post"
            found = idle.next()
        self.assertLess(seen, count)
        again = idle.get("watch", types="post", **{"from": found["at"]})
        self.assertEqual(again["code"], 250)
        while (found := idle.next()).get("event") != "replay-end":
            seen += found["event"] == "post"
        self.assertEqual(seen, count)

    def test_faults_need_their_switch(self) -> None:
        """Without [faults] enabled the cable cannot be touched: a 4xx or 5xx and no effect."""
        room = self.make("ada", enabled="false")
        room.start("ada")
        reply = self.port(room["ada"]).ask("fault drop 100")
        self.assertIn(reply[0][0], "45")
        self.assertEqual(room["ada"].ask("status")["faults"], False)
