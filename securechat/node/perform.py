"""
What is done after the commit: sends, dials, hang-ups.

Sends are grouped so that each link is written once a turn, control messages first; a message sent to
many peers is encoded once.  Stored objects that a Send names are fetched here and their signature is
checked before they are served (G4); what was stored in this very turn was signed or checked in it, and
is served as it was.  Where none can be served, nothing empty is sent.  What is long and patient leaves
as its link has room (``bulk``).  A Send promises nothing: what cannot go out now is left to recovery.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from securechat.effects import Dial, Effect, Hangup, Record, Send
from securechat.ids import Hash, MemberId
from securechat.inputs import DialOutcome
from securechat.journal.store import Store
from securechat.messaging.messages import Directs, Frontiers, Posts, Receipts
from securechat.node.bulk import Bulk
from securechat.node.dispatch import CONTROL
from securechat.node.door import Door
from securechat.node.links import Links
from securechat.node.log import note
from securechat.objects import Signed
from securechat.settings import Settings
from securechat.signing import object_hash

LAST = (Hangup, Dial)
"""What is done after all sends; a tuple, since it is asked of every effect."""
OF_OBJECTS = (Posts, Directs, Receipts, Frontiers)
"""Messages that say nothing without their objects; the last Backfill ends an answer also without."""
Dialer = Callable[[str, MemberId | None, bool], None]
"""Where, whom, and whether in place of a dial without TCP."""


@define
class Perform:
    """Performs the effects of one turn."""

    _links: Links
    _door: Door
    _store: Store
    _dial: Dialer
    _settings: Settings
    _counters: Counter[str]
    _clock: IReactorTime
    _bulk: Bulk = field(init=False)
    _written: Sequence[Record] = field(default=(), init=False)
    """What the commit of this turn put on disk."""

    def __attrs_post_init__(self) -> None:
        self._bulk = Bulk(self._links, self._clock, self._counters, self._encode)

    def __call__(self, effects: Iterable[Effect], written: Sequence[Record] = ()) -> None:
        """In the order: sends of all links, then hang-ups, then dials."""
        self._written = written
        try:
            self._perform(effects)
        finally:
            self._written = ()

    def stop(self) -> None:
        """Nothing more leaves."""
        self._bulk.stop()

    def _perform(self, effects: Iterable[Effect]) -> None:
        sends: dict[MemberId, list[Send]] = {}
        rest: list[Hangup | Dial] = []
        for effect in effects:
            if isinstance(effect, Send):
                sends.setdefault(effect.peer, []).append(effect)
            elif isinstance(effect, LAST):
                rest.append(effect)
        frames: dict[tuple[int, tuple[Hash, ...]], bytes | None] = {}
        for peer, group in sends.items():
            self._send(peer, group, frames)
        self._bulk.pump()
        for effect in rest:
            if isinstance(effect, Hangup):
                self._links.hangup(effect.peer, effect.reason)
            else:
                self._dial_out(effect)

    def _send(
        self,
        peer: MemberId,
        group: list[Send],
        frames: dict[tuple[int, tuple[Hash, ...]], bytes | None],
    ) -> None:
        queued = self._links.queued(peer)
        if queued is None:
            self._counters["sends_without_link"] += len(group)
            return
        patient = [send for send in group if send.patient]
        if patient:
            self._bulk.put(peer, patient)
            group = [send for send in group if not send.patient]
        group.sort(key=lambda send: type(send.message) not in CONTROL)
        out = []
        for send in group:
            if queued > self._settings.slow_link and isinstance(send.message, Posts):
                self._counters["posts_not_pushed"] += 1
                continue
            frame = self._frame(send, frames)
            if frame is not None:
                out.append(frame)
        if out:
            self._links.send(peer, out)

    def _frame(
        self, send: Send, frames: dict[tuple[int, tuple[Hash, ...]], bytes | None]
    ) -> bytes | None:
        """The frame of a message, encoded once for all peers it goes to."""
        name = (id(send.message), send.objects)
        if name not in frames:
            frames[name] = self._encode(send)
        return frames[name]

    def _encode(self, send: Send) -> bytes | None:
        message: Any = send.message
        if send.objects:
            served = tuple(self._fetch(send.objects))
            if isinstance(message, Frontiers):
                # What we hold whole goes as a head too.
                served = tuple(attrs.evolve(signed, attachment=b"") for signed in served)
            message = attrs.evolve(message, objects=message.objects + served)
            if isinstance(message, OF_OBJECTS) and not message.objects:
                return None
        try:
            return self._door.codec.frame(message)
        except ValueError as problem:
            self._counters["unsendable"] += 1
            note("fault", what="unsendable", text=str(problem))
            return None

    def _fetch(self, names: Iterable[Hash]) -> Iterable[Signed]:
        fresh = self._fresh()
        for name in names:
            signed = fresh.get(name)
            if signed is not None:
                yield signed
                continue
            signed = self._store.object(name)
            if signed is not None and self._door.authentic(signed):
                yield signed
            else:
                self._counters["damaged_objects"] += 1

    def _fresh(self) -> Mapping[Hash, Signed]:
        """The objects of this turn, by name."""
        room = self._door.room
        objects = [signed for record in self._written for signed in record.objects]
        return {object_hash(room, signed): signed for signed in objects}

    def _dial_out(self, effect: Dial) -> None:
        try:
            self._dial(effect.address, effect.peer, effect.instead)
        except ValueError as problem:
            self._links.dial_failed(
                effect.address, effect.peer, DialOutcome.UNROUTABLE, str(problem)
            )
