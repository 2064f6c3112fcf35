"""
The program: puts the model, the screen and the node together, and runs them in one reactor.

The only place of the chat that names the reactor.  Rules: warnings and faults are logged to a file of
the home, never to the screen; every callback is wrapped; the terminal is left as it was found; the exit
status is 0 after ``/quit``.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import urwid
from attrs import define, field
from twisted.internet.task import LoopingCall
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

from securechat.admin.twisted_client import AdminClient, unix_endpoint
from securechat.chat import plain as plain_client
from securechat.chat import replies, themes
from securechat.chat.acts import Tell
from securechat.chat.clock import Clock
from securechat.chat.desk import Desk
from securechat.chat.model import Model
from securechat.chat.outgoing import Outgoing
from securechat.chat.paste import Paste, Pasted
from securechat.chat.session import TICK_S, Dials, Session
from securechat.chat.state import State
from securechat.chat.view import Screen

LOG = "chat.log"
REDRAW_S = 0.02


def run_chat(
    home: Path,
    plain: bool = False,
    theme: str | None = None,
    command: Callable[[str], str] = "securechat {}".format,
) -> int:
    """Run the client against the node of a home, for which ``command`` writes a command, to its end."""
    from twisted.internet import reactor as installed

    reactor = cast(Any, installed)
    if not plain and not (sys.stdin.isatty() and sys.stdout.isatty()):
        other = command("chat --plain")
        print(f"securechat: the chat needs a terminal; without one: {other}", file=sys.stderr)
        return 2
    log_file = _log_to(home)
    try:
        clock = Clock()
        session = Session(new_model(clock))
        endpoint = Dials(unix_endpoint(reactor, home), lambda why, wait: session.missed(why, wait))
        client = AdminClient(endpoint, reactor, session.event, session.up, session.down)
        session.asker = client
        desk = Desk(session.model, clock.minute)
        if plain:
            start = command("up")
            return plain_client.run(reactor, client, session, desk, clock, start)
        return Program(reactor, client, session, desk, clock).run(theme)
    finally:
        log_file.close()


def new_model(clock: Clock) -> Model:
    """A model with nothing known, and nonces nobody else uses."""
    state = State(Outgoing(f"chat-{secrets.token_hex(8)}"))
    return Model(state, lambda state, ask, reply: replies.present(clock, ask, reply))


def _log_to(home: Path) -> Any:
    try:
        descriptor = os.open(home / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        descriptor = os.open(os.devnull, os.O_WRONLY)
    stream = os.fdopen(descriptor, "a", encoding="utf-8")
    wanted = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    observer = FilteringLogObserver(textFileLogObserver(stream), [wanted])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    return stream


@define
class Program:
    """The urwid client."""

    reactor: Any
    client: AdminClient
    session: Session
    desk: Desk
    clock: Clock
    screen: Screen = field(init=False)
    terminal: urwid.display.raw.Screen = field(init=False)
    loop: urwid.MainLoop = field(init=False)
    pasted: Paste = field(factory=Paste)
    drawing: bool = False

    def run(self, theme: str | None) -> int:
        """Until the person leaves."""
        self.screen = Screen(self.desk, self.clock, self.session.perform, self.session.clock)
        name = themes.chosen(theme, os.environ)
        self.terminal = urwid.display.raw.Screen(bracketed_paste_mode=True, focus_reporting=True)
        self.terminal.set_terminal_properties(colors=1 if name == "mono" else 16)
        self.loop = urwid.MainLoop(
            self.screen,
            palette=themes.THEMES[name],
            screen=self.terminal,
            handle_mouse=False,
            input_filter=self._typed,
            event_loop=urwid.TwistedEventLoop(reactor=self.reactor),
        )
        self.session.changed, self.session.tell = self._changed, self._told
        ticking = LoopingCall(self.session.tick)
        ticking.clock = self.reactor
        self.reactor.callWhenRunning(self.client.start)
        self.reactor.callWhenRunning(ticking.start, TICK_S)
        keys = self.terminal.tty_signal_keys(intr="undefined", quit="undefined")
        try:
            self.loop.run()
        finally:
            self.terminal.tty_signal_keys(*(keys or ()))
        return 0

    def _typed(self, keys: list[Any], raw: list[int]) -> list[Any]:
        """Everything typed in one read; what urwid itself must know is handed on."""
        on: list[Any] = []
        for key in self.pasted.feed(keys):
            if key == "window resize":
                on.append("window resize")
            else:
                self._guarded(partial(self._key, key))
        self._changed()
        return on

    def _key(self, key: object) -> None:
        if isinstance(key, Pasted):
            self.screen.paste(key.text)
        elif key in ("focus in", "focus out"):
            self.desk.focus(key == "focus in")
        elif key == "ctrl l":
            self.loop.screen.clear()
        elif isinstance(key, str):
            self.screen.keypress(self.loop.screen.get_cols_rows(), key)

    def _guarded(self, deed: Callable[[], None]) -> None:
        try:
            deed()
        except Exception:  # noqa: BLE001 -- one bad key must not end the chat; it is logged
            self.session.fault()

    def _changed(self) -> None:
        """Draw soon; many changes in a row are drawn once."""
        self.session.model.state.news.clear()
        if not self.drawing:
            self.drawing = True
            self.reactor.callLater(REDRAW_S, self._draw)

    def _draw(self) -> None:
        self.drawing = False
        if self.loop.screen.started:
            self.screen._invalidate()
            self.loop.draw_screen()

    def _told(self, what: Tell) -> None:
        if what is Tell.BELL:
            self.terminal.write("\a")
            self.terminal.flush()
        elif what is Tell.QUIT:
            self.client.stop()
            self.reactor.stop()
