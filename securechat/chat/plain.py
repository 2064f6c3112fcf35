"""
Line by line: for screen readers, pipes and slow links; nothing is ever drawn twice.

Each line of input is a message or a /command; each row is printed once, each change of state as a new
line in words.  Rules: the end of input ends the program only after every message has its answer from
the node; a message that was refused makes the exit status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.protocols.basic import LineReceiver

from securechat.admin.sanitise import for_terminal
from securechat.admin.twisted_client import AdminClient
from securechat.chat.acts import Tell
from securechat.chat.clock import Clock
from securechat.chat.desk import Desk
from securechat.chat.lines import cells
from securechat.chat.rows import Note, Said
from securechat.chat.session import TICK_S, Session
from securechat.chat.state import ROOM, News, State

MAX_INPUT = 1 << 16
LINGER_S = 2.0
"""How long own messages may take to appear after the node has taken them, at the end of input."""
NOT_RUNNING = 3
INDENT = "      "


@define
class Printer:
    """Turns news into lines; ``write`` prints one."""

    state: State
    clock: Clock
    write: Callable[[str], None]
    said: str = ""

    def news(self) -> None:
        """Print what happened since the last time, and the hint if it changed."""
        found, self.state.news = self.state.news, []
        for one in found:
            self.print(self.change(one) if one.former is not None else self.row(one))
        hint, self.state.hint = self.state.hint, ""
        if hint:
            self.print(f"-- {hint}")

    def print(self, text: str) -> None:
        """Lines, safe for a terminal; the second and later ones indented."""
        first, *more = text.split("\n")
        self.write(for_terminal(first))
        for one in more:
            self.write(INDENT + for_terminal(one))

    def row(self, one: News) -> str:
        """A row in words: time, page, name, text, and how late or in what state."""
        parts = cells(one.row, self.state, self.clock)
        page = "" if one.buffer == ROOM or isinstance(one.row, Note) else f"[{one.buffer}] "
        name = f"{parts.name} " if parts.name == "--" else f"{parts.name}: " if parts.name else ""
        mention = "(names you) " if parts.tone == "mention" else ""
        right = f"  ({parts.right})" if parts.right else ""
        return f"{parts.time} {page}{name}{mention}{parts.text}{right}".strip()

    def change(self, one: News) -> str:
        """The new state of an own message, told as news."""
        row = one.row
        assert isinstance(row, Said)
        count = f" by {row.acked} of {row.of}" if row.kind == "post" and row.of else ""
        told = f"your message {row.id} of {self.clock.minute(row.at)}: {row.state}{count}"
        return f"-- {told}"


class Lines(LineReceiver):
    """Standard input, line by line."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_INPUT

    def __init__(self, line: Callable[[str], None], end: Callable[[], None]) -> None:
        self._line = line
        self._end = end

    def lineReceived(self, line: bytes) -> None:
        """One message or command."""
        self._line(line.decode("utf-8", "replace").rstrip("\r"))

    def lineLengthExceeded(self, line: bytes) -> None:
        """Too long for any message: the desk refuses it, and the input is read on."""
        self._line(line.decode("utf-8", "replace"))
        self.clearLineBuffer()

    def connectionLost(self, reason: Any = None) -> None:
        """End of input; a last line without its line break counts."""
        rest = self.clearLineBuffer()
        if rest:
            self.lineReceived(rest)
        self._end()


@define
class Program:
    """The line client; ``waiting`` are lines of input that were not yet taken."""

    reactor: Any
    client: AdminClient
    session: Session
    desk: Desk
    printer: Printer
    start: str
    """The command that starts the node."""
    waiting: list[str] = field(factory=list)
    ended: bool = False
    refused: int = 0
    taking: bool = False
    leaving: bool = False
    status: int = 0

    def line(self, text: str) -> None:
        """One line of input; it waits for the answers to the lines before it."""
        self.waiting.append(text)
        self.changed()

    def end(self) -> None:
        """No more input: leave as soon as the node has answered everything."""
        self.ended = True
        self.changed()

    def changed(self) -> None:
        """Print, take the next line, and leave when nothing is left to wait for."""
        if self.leaving:
            return
        news = self.desk.state.news
        self.refused += sum(isinstance(one.row, Note) and one.row.tone == "bad" for one in news)
        self.printer.news()
        if self.desk.state.contact.ever and not self.taking:
            self.taking = True
            self._take()
            self.taking = False

    def _take(self) -> None:
        while self.waiting and not self.busy:
            done = self.desk.submit(self.waiting.pop(0), self.session.clock())
            self.refused += not done.clear
            self.session.perform(done.acts)
        outgoing = self.desk.state.outgoing
        if self.ended and not self.waiting and not self.busy and not outgoing.untaken:
            linger = LINGER_S if outgoing.waiting else 0
            self.reactor.callLater(linger, self.tell, Tell.QUIT)

    @property
    def busy(self) -> bool:
        """An answer is still to come; without a node lines are taken, and kept."""
        untaken = self.desk.state.outgoing.untaken
        return self.desk.state.contact.live and bool(untaken or self.session.open)

    def missed(self, why: str, retry_in: float) -> None:
        """A dial failed: at the start there is nothing to wait for."""
        if self.desk.state.contact.ever:
            self.session.down(why, retry_in)
            return
        print(f"securechat: {why}; start it with: {self.start}", file=sys.stderr)
        self.status = NOT_RUNNING
        self.tell(Tell.QUIT)

    def tell(self, what: Tell) -> None:
        """Leave, once."""
        if what is Tell.QUIT and not self.leaving:
            self.leaving = True
            self.client.stop()
            self.reactor.callLater(0, self.reactor.stop)


def run(
    reactor: Any, client: AdminClient, session: Session, desk: Desk, clock: Clock, start: str
) -> int:
    """Until the end of input, or /quit; 3 if the node was not running."""
    printer = Printer(desk.state, clock, lambda line: print(line, flush=True))
    program = Program(reactor, client, session, desk, printer, start)
    session.changed, session.tell, session.missed = program.changed, program.tell, program.missed
    ticking = LoopingCall(session.tick)
    ticking.clock = reactor
    StandardIO(Lines(program.line, program.end), reactor=reactor)
    reactor.callWhenRunning(client.start)
    reactor.callWhenRunning(ticking.start, TICK_S)
    reactor.run()
    return program.status or (1 if program.refused else 0)
