"""The program around the screen, with a terminal and a reactor that only remember."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock as FakeClock
from twisted.trial.unittest import SynchronousTestCase

from securechat.chat import app
from securechat.chat.acts import Tell
from securechat.chat.clock import Clock
from securechat.chat.session import Session
from tests.chat.scene import Scene, direct, post


class FakeScreen:
    """A terminal of 80x24."""

    started = True

    def __init__(self) -> None:
        self.done: list[str] = []

    def get_cols_rows(self) -> tuple[int, int]:
        """Its size."""
        return 80, 24

    def clear(self) -> None:
        """All anew."""
        self.done.append("clear")

    def write(self, text: str) -> None:
        """Raw output."""
        self.done.append(text)

    def flush(self) -> None:
        """Out with it."""


class FakeLoop:
    """urwid's loop."""

    def __init__(self) -> None:
        self.screen = FakeScreen()
        self.drawn = 0

    def draw_screen(self) -> None:
        """Draw."""
        self.drawn += 1


class FakeReactor(FakeClock):
    """Time by hand."""

    stopped = False

    def stop(self) -> None:
        """The end."""
        self.stopped = True


class FakeClient:
    """A client that hangs up."""

    stopped = False

    def stop(self) -> None:
        """Hang up."""
        self.stopped = True


class ProgramTests(SynchronousTestCase):
    """Keys in, drawings out."""

    def setUp(self) -> None:
        """A program whose loop does not run."""
        self.scene = Scene().enter(post("bob", 1, "hi"), direct("bob", "ada", 1, "psst"))
        self.reactor, self.client, self.loop = FakeReactor(), FakeClient(), FakeLoop()
        session = Session(self.scene.model, tell=lambda what: None, clock=self.scene.now)
        client, loop = (self.client, self.loop)
        any_client: Any = client
        any_loop: Any = loop
        any_terminal: Any = loop.screen
        self.program = app.Program(
            self.reactor, any_client, session, self.scene.desk, self.scene.clock
        )
        self.program.screen, self.program.loop = self.scene.screen, any_loop
        self.program.terminal = any_terminal

    def test_keys(self) -> None:
        """Typed text reaches the input; a paste is one text; a resize is urwid's."""
        typed = ["h", "i", " ", "begin paste", "a", "enter", "b", "end paste", "window resize"]
        self.assertEqual(self.program._typed(typed, []), ["window resize"])
        self.assertEqual(self.scene.screen.edit.edit_text, "hi a\nb")
        self.program._typed(["ctrl l", ("mouse press", 1, 2, 3)], [])
        self.assertEqual(self.loop.screen.done, ["clear"])

    def test_focus(self) -> None:
        """The terminal tells whether anybody looks; without a look nothing counts as read."""
        self.program._typed(["focus out"], [])
        self.assertFalse(self.scene.state.focused)
        self.scene.event("post", **post("bob", 2, "x", 1))
        self.assertEqual(self.scene.state.buffer.unread, 1)
        self.program._typed(["focus in"], [])
        self.assertEqual(self.scene.state.buffer.unread, 0)

    def test_drawn_once(self) -> None:
        """Many changes in a row are drawn once; a terminal that is gone is not drawn on."""
        for _ in range(5):
            self.program._changed()
        self.reactor.advance(1)
        self.assertEqual(self.loop.drawn, 1)
        self.loop.screen.started = False
        self.program._changed()
        self.reactor.advance(1)
        self.assertEqual(self.loop.drawn, 1)

    def test_a_bad_key(self) -> None:
        """An exception under a key is logged, and the next key works."""
        self.scene.screen.deeds.clear()
        self.program._typed(["enter", "x"], [])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(self.scene.screen.edit.edit_text, "x")

    def test_told(self) -> None:
        """The bell rings on the terminal; leaving hangs up and stops."""
        self.program._told(Tell.BELL)
        self.assertEqual(self.loop.screen.done, ["\a"])
        self.program._told(Tell.QUIT)
        self.assertTrue(self.client.stopped and self.reactor.stopped)


class StartTests(SynchronousTestCase):
    """Before anything is drawn."""

    def test_no_terminal(self) -> None:
        """Without a terminal one line names --plain, and the status is that of wrong usage."""
        told = io.StringIO()
        self.patch(sys, "stderr", told)
        self.patch(sys, "stdin", io.StringIO())
        self.assertEqual(app.run_chat(Path(self.mktemp())), 2)
        self.assertIn("without one: securechat chat --plain", told.getvalue())

    def test_nonces(self) -> None:
        """Two clients never use the same nonces."""
        first, second = (app.new_model(Clock()).state.outgoing.prefix for _ in range(2))
        self.assertNotEqual(first, second)

    def test_log(self) -> None:
        """The log is for its owner alone, and a home without room for it stops nothing."""
        home = Path(self.mktemp())
        home.mkdir()
        self.patch(app, "globalLogBeginner", Beginner())
        app._log_to(home).close()
        self.assertEqual(os.stat(home / app.LOG).st_mode & 0o777, 0o600)
        app._log_to(home / "missing").close()


class Beginner:
    """Begins no logging."""

    def beginLoggingTo(self, observers: Any, redirectStandardIO: bool) -> None:
        """Nothing."""
