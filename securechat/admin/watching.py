"""
One connection's view of the events: replay, ``replay-end``, live, and a ``tick`` each 15 s.

A watch holds no events, only a place in the ring; while the transport cannot take more it stands
still.  Once the replay is over, more than 1 MiB of events waiting, or a place that the ring no longer
keeps, stop it with ``550 overflow at=CURSOR``: from that cursor the watcher can go on.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from securechat.admin.events import EventRing, Kept
from securechat.admin.grammar.values import Code, Event, Reply
from securechat.admin.session import Session, without_texts
from securechat.node.log import fault
from securechat.settings import MIB

MAX_WAITING = 1 * MIB
TICK_SECONDS = 15.0
REPLAY_END, TICK, OVERFLOW = "replay-end", "tick", "overflow"


class Stage(Enum):
    """How far a watch is."""

    REPLAY = "catching up with what was kept"
    LIVE = "events as they happen"
    STOPPED = "over"


TRANSITIONS: dict[tuple[Stage, str], Stage] = {
    (Stage.REPLAY, "caught up"): Stage.LIVE,
    (Stage.REPLAY, "stop"): Stage.STOPPED,
    (Stage.LIVE, "stop"): Stage.STOPPED,
}


@define(eq=False)
class Watch:
    """Writes to ``send`` while not held; ``hold`` and ``release`` follow the transport."""

    session: Session
    ring: EventRing
    clock: IReactorTime
    send: Callable[[str], None]
    overflowed: Callable[[], None]
    number: int
    """The last event shown or passed over."""
    types: frozenset[str]
    held: bool = False
    stage: Stage = field(default=Stage.REPLAY, init=False)
    _goal: int = field(default=0, init=False)
    _waiting: int = field(default=0, init=False)
    _pumping: bool = field(default=False, init=False)
    _ticks: LoopingCall = field(init=False)

    def start(self) -> None:
        """The reply is out: replay."""
        self._goal = self.ring.number
        self.ring.listeners.append(self._happened)
        self._ticks = LoopingCall(self._tick)
        self._ticks.clock = self.clock
        self._ticks.start(TICK_SECONDS, now=False)
        self._pump()

    def stop(self) -> bool:
        """No more; whether it was on."""
        if self.stage is Stage.STOPPED:
            return False
        self.stage = TRANSITIONS[self.stage, "stop"]
        if self._happened in self.ring.listeners:
            self.ring.listeners.remove(self._happened)
            self._ticks.stop()
        return True

    def hold(self) -> None:
        """The transport is full."""
        self.held = True

    def release(self) -> None:
        """The transport takes more."""
        self.held = False
        self._pump()

    def _happened(self, kept: Kept) -> None:
        if self.stage is Stage.LIVE and (self.held or self._pumping):
            self._waiting += kept.size if kept.event.type in self.types else 0
            if self._waiting > MAX_WAITING:
                self._overflow()
        elif self.number < self.ring.floor:
            self._overflow()
        else:
            self._pump()

    def _pump(self) -> None:
        """Show what can be shown; writing may hold us, and even bring us back here."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._may_show() and self._step():
                pass
        finally:
            self._pumping = False

    def _may_show(self) -> bool:
        return not self.held and self.stage is not Stage.STOPPED

    def _step(self) -> bool:
        """Show one line; False if there is none."""
        if self.stage is Stage.REPLAY and self.number >= self._goal:
            self.stage = TRANSITIONS[self.stage, "caught up"]
            self._line(REPLAY_END)
            return True
        try:
            kept = self.ring.after(self.number)
        except KeyError:
            self._overflow()
            return False
        if kept is None:
            self._waiting = 0
            return False
        self.number = kept.number
        if kept.event.type in self.types:
            self._waiting = max(0, self._waiting - kept.size)
            self._show(kept.event)
        return True

    def _show(self, event: Event) -> None:
        if self.session.is_observer:
            event = Event(event.cursor, event.type, without_texts(event.fields))
        self.send(self.session.rendering.event(event))

    def _line(self, kind: str) -> None:
        self.send(self.session.rendering.event(Event(self.ring.at(self.number), kind)))

    def _tick(self) -> None:
        try:
            if not self.held and self.stage is Stage.LIVE:
                self._line(TICK)
        except Exception as problem:  # noqa: BLE001 - an exception would stop the ticks for good
            fault("admin-tick-failed", problem)

    def _overflow(self) -> None:
        self.stop()
        at = self.ring.at(self.number)
        said = "events came faster than they were read; watch from= that cursor, or take a snapshot"
        reply = Reply(Code.OVERFLOW, {"at": at, "text": said}, OVERFLOW)
        self.send(self.session.rendering.reply(reply))
        self.overflowed()
