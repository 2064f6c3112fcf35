"""What the person does, without a screen."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.chat.acts import Ask, Purpose, Tell
from securechat.chat.desk import MAX_TEXT
from tests.chat.scene import Scene, direct, post


class SubmitTests(SynchronousTestCase):
    """Enter."""

    def setUp(self) -> None:
        """A room with something said in it."""
        self.scene = Scene().enter(
            post("ada", 1, "mine", 1, state="sent", acked=0, of=2), post("bob", 1, "his", 2)
        )
        self.scene.taken()

    def asked(self, line: str) -> list[tuple[str, object]]:
        """The questions a line leads to."""
        done = self.scene.desk.submit(line, self.scene.now())
        return [(act.cmd, dict(act.args)) for act in done.acts if isinstance(act, Ask)]

    def kept(self, line: str) -> str:
        """The line was not taken: the hint says why."""
        done = self.scene.desk.submit(line, self.scene.now())
        self.assertEqual((done.clear, done.acts), (False, []), line)
        return self.scene.state.hint

    def test_questions(self) -> None:
        """Commands become questions; ids may be left out or be a time on the screen."""
        table = {
            "/members": ("members", {}),
            "/who @bob": ("who", {"name": "bob"}),
            "/explain": ("explain", {"id": "bob/3/1"}),
            "/explain 12:01": ("explain", {"id": "ada/3/1"}),
            "/explain member:bob": ("explain", {"id": "member:bob"}),
            "/delivery": ("delivery", {"id": "ada/3/1"}),
            "/retry ada/3/d4": ("retry", {"id": "ada/3/d4"}),
            "/cancel ada/3/d4": ("cancel", {"id": "ada/3/d4"}),
            "/gaps": ("gaps", {}),
        }
        self.assertEqual({line: self.asked(line)[0] for line in table}, table)

    def test_never_sent(self) -> None:
        """Mistakes, too long texts and text for the status page stay in the input."""
        self.assertIn("/members?", self.kept("/mebers"))
        self.assertIn("8193 bytes", self.kept("x" * (MAX_TEXT + 1)))
        self.assertIn("nobody here is called zed", self.kept("/dm zed"))
        self.assertIn("which one?", self.kept("/explain 23:59"))
        self.scene.desk.open("status")
        self.assertIn("sends nothing", self.kept("hello"))
        self.assertEqual(self.scene.state.outgoing.waiting, {})

    def test_has_to_wait(self) -> None:
        """A question without a node stays in the input; speech is kept and sent later."""
        self.scene.model.down("gone", None, self.scene.now())
        self.assertIn("has to wait: gone", self.kept("/members"))
        self.assertTrue(self.scene.desk.submit("hello", self.scene.now()).clear)
        self.assertEqual(self.scene.state.outgoing.untaken, 1)

    def test_direct(self) -> None:
        """/dm with a text says it from where you are; without one it opens the page."""
        self.assertEqual(self.asked("/dm bob psst now")[0][1], {
            "to": "bob", "text": "psst now", "nonce": "n-1",
        })  # fmt: skip
        self.assertEqual(self.scene.state.current, "room")
        self.asked("/dm @carol")
        self.assertEqual(self.scene.state.current, "@carol")
        self.scene.taken()
        done = self.scene.desk.submit("hello", self.scene.now())
        self.assertEqual((done.acts, self.scene.state.outgoing.untaken), ([], 2))

    def test_reply_is_printed(self) -> None:
        """The node's reply stands as a system row on the page where it was asked."""
        done = self.scene.desk.submit("/delivery", self.scene.now())
        (ask,) = done.acts
        assert isinstance(ask, Ask)
        item = {"member": "bob", "state": "acked", "at": "2026-11-21T11:01:02Z", "evidence": "r"}
        self.scene.answer(ask, items=[item])
        told = self.scene.rows()[-1]
        self.assertEqual(told, "delivery ada/3/1:\n  12:01:02 bob          acked: r")
        self.scene.answer(ask, code=520, text="no such thing", candidates=["a", "b"])
        self.assertEqual(self.scene.rows()[-1], "delivery: 520 no such thing; did you mean a, b?")

    def test_quit(self) -> None:
        """/quit leaves; while the node lacks a message of ours it has to be said twice."""
        self.assertEqual(self.scene.desk.submit("/quit", self.scene.now()).acts, [Tell.QUIT])
        self.scene.model.down("gone", None, self.scene.now())
        self.scene.desk.submit("hello", self.scene.now())
        self.assertIn("/quit again", self.kept("/quit"))
        self.assertEqual(self.scene.desk.submit("/quit", self.scene.now()).acts, [Tell.QUIT])
        self.assertEqual(
            self.scene.desk.submit("/reconnect", self.scene.now()).acts, [Tell.RECONNECT]
        )

    def test_failed_question(self) -> None:
        """A question whose answer was lost says so."""
        (ask,) = self.scene.desk.submit("/gaps", self.scene.now()).acts
        assert isinstance(ask, Ask)
        self.assertEqual(ask.purpose, Purpose.SHOW)
        self.scene.model.failed(ask, "gone", self.scene.now())
        self.assertEqual(self.scene.state.hint, "no answer to gaps: gone")


class PageTests(SynchronousTestCase):
    """Going from page to page."""

    def setUp(self) -> None:
        """Three pages with something unread."""
        self.scene = Scene().enter(direct("bob", "ada", 1, "old"), direct("carol", "ada", 1, "old"))
        self.scene.desk.open("status")
        self.scene.event("post", **post("bob", 1, "text", 1))
        self.scene.event("dm", **direct("carol", "ada", 2, "new", 1))

    def test_next_unread(self) -> None:
        """Alt-A goes to direct messages first, then to the room, then says there is nothing."""
        desk, state = self.scene.desk, self.scene.state
        seen = []
        for _ in range(3):
            desk.next_unread()
            seen.append(state.current)
        self.assertEqual(seen, ["@carol", "room", "room"])
        self.assertEqual(state.hint, "nothing unread")

    def test_unread_needs_eyes(self) -> None:
        """A page is read at its bottom and with the focus of the terminal, not otherwise."""
        desk, state = self.scene.desk, self.scene.state
        desk.focus(False)
        desk.open("room")
        self.assertEqual(state.buffer.unread, 1)
        desk.focus(True)
        self.assertEqual(state.buffer.unread, 0)
        state.buffer.scroll = 0
        self.scene.event("post", **post("bob", 2, "more", 2))
        self.assertEqual(state.buffer.unread, 1)
        desk.next_unread()
        desk.open("room")
        desk.bottom()
        self.assertEqual((state.buffer.unread, state.buffer.scroll), (0, None))

    def test_numbers(self) -> None:
        """Alt-2 is the second page; a number without a page changes nothing."""
        self.scene.desk.number(2)
        self.assertEqual(self.scene.state.current, "@bob")
        self.scene.desk.number(9)
        self.assertEqual(self.scene.state.current, "@bob")

    def test_jump(self) -> None:
        """Alt-G goes to the newest row that came late, and says if there is none."""
        desk, state = self.scene.desk, self.scene.state
        desk.open("room")
        desk.jump()
        self.assertEqual(state.hint, "nothing here came late")
        self.scene.event("post", **post("bob", 2, "late", 0.5, late=True))
        desk.jump()
        self.assertEqual((state.buffer.scroll, state.buffer.recovered), (0, 0))


class CompleteTests(SynchronousTestCase):
    """Tab."""

    def complete(self, text: str, *steps: int) -> list[str]:
        """The lines after each Tab."""
        scene = Scene().enter()
        lines = []
        position = len(text)
        for step in steps:
            found = scene.desk.complete(text, position, step)
            if found is None:
                lines.append("-")
                continue
            text, position = found.text, found.position
            lines.append(text)
        return lines

    def test_table(self) -> None:
        """Names at the start get a colon; commands, names after @ and inside a line a space."""
        table: dict[tuple[str, tuple[int, ...]], list[str]] = {
            ("b", (1,)): ["bob: "],
            ("hi c", (1,)): ["hi carol "],
            ("@d", (1,)): ["@dave "],
            ("/mem", (1,)): ["/members "],
            ("/who b", (1,)): ["/who bob "],
            ("x", (1,)): ["-"],
            ("hi ", (1, 1, 1, 1)): ["hi bob ", "hi carol ", "hi dave ", "hi bob "],
            ("hi ", (-1, -1)): ["hi dave ", "hi carol "],
        }
        for (text, steps), lines in table.items():
            self.assertEqual(self.complete(text, *steps), lines, text)
