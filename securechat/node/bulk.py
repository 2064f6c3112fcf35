"""
What can wait on its way out: answers to wants, and whole frontiers, which may be long (DESIGN 6).

It is given to a link as the link drains, behind all that a turn says at once.  So nothing that is long
fills the queue of a link until that is closed, however slow the peer reads; and none holds up a turn: a
stored object is read, and its signature checked, when it leaves, so many a second for all links.

- A link has room while little is queued on it.  Links take turns, a message each.
- A peer has one want outstanding: what has not left of an answer gives way to the next one.
- A whole frontier is said again until digests agree: while parts of one wait, the next is left out.
- What waits is for one link: on a new one everything is said anew.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from securechat.effects import Send
from securechat.ids import MemberId
from securechat.messaging.messages import Backfill
from securechat.messaging.rates import Bucket
from securechat.node.links import Links
from securechat.node.log import fault
from securechat.settings import KIB

LOW = 64 * KIB
"""Bytes queued on a link below which it has room."""
BITE = 256 * KIB
"""Bytes given to all links at a time."""
OBJECTS = 64
"""Stored objects read and checked at a time: as many as a link's share of a turn brings in."""
OBJECTS_PER_SECOND = 1000.0
"""What is given is no more than one node asks for itself (``recovery_per_second``), with its burst."""
PAUSE = 0.02
"""Seconds until it is seen again what has room."""


@define(eq=False)
class Lane:
    """What waits for one link, in order; answers first."""

    link: int
    answer: deque[Send] = field(factory=deque)
    whole: deque[Send] = field(factory=deque)

    def __bool__(self) -> bool:
        return bool(self.answer or self.whole)

    @property
    def row(self) -> deque[Send]:
        """Where the next one stands."""
        return self.answer or self.whole


@define(eq=False)
class Bulk:
    """Gives it to the links."""

    _links: Links
    _clock: IReactorTime
    _counters: Counter[str]
    _frame: Callable[[Send], bytes | None]
    _lanes: dict[MemberId, Lane] = field(factory=dict)
    """Who waits, in the order in which they were served last."""
    _pace: Bucket = field(factory=lambda: Bucket(OBJECTS_PER_SECOND, OBJECTS_PER_SECOND))
    _call: IDelayedCall | None = None

    def put(self, peer: MemberId, sends: Iterable[Send]) -> None:
        """The patient sends of one turn to a peer."""
        answer = [send for send in sends if isinstance(send.message, Backfill)]
        whole = [send for send in sends if not isinstance(send.message, Backfill)]
        link = self._standing().get(peer)
        lane = self._lanes.get(peer)
        if link is None or not (answer or whole):
            return
        if lane is None or lane.link != link:
            lane = self._lanes[peer] = Lane(link)
        if answer:
            self._counters["answers_cut_short"] += bool(lane.answer)
            lane.answer = deque(answer)
        if whole and lane.whole:
            self._counters["frontiers_left_out"] += 1
        elif whole:
            lane.whole = deque(whole)

    def pump(self) -> None:
        """Give every link what it has room for."""
        if not self._lanes:
            return
        standing = self._standing()
        for peer in [peer for peer, lane in self._lanes.items() if standing.get(peer) != lane.link]:
            del self._lanes[peer]
        for peer, frames in self._taken().items():
            if frames:
                self._links.send(peer, frames)
            lane = self._lanes.pop(peer)
            if lane:
                self._lanes[peer] = lane
        if self._lanes and self._call is None:
            self._call = self._clock.callLater(PAUSE, self._wake)

    def stop(self) -> None:
        """What waits will not leave."""
        self._lanes.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _wake(self) -> None:
        self._call = None
        try:
            self.pump()
        except Exception as problem:  # noqa: BLE001 - a Send promises nothing; recovery mends it
            self._counters["faults"] += 1
            fault("perform-fault", problem)

    def _standing(self) -> dict[MemberId, int]:
        """The newest link of each peer."""
        return {up.peer: up.link for up in self._links.linked()}

    def _taken(self) -> dict[MemberId, list[bytes]]:
        """What may leave now, by peer; one that gets nothing although it is its turn stays first."""
        room = {peer: LOW - (self._links.queued(peer) or 0) for peer in self._lanes}
        going = deque(peer for peer in self._lanes if room[peer] > 0)
        taken: dict[MemberId, list[bytes]] = {}
        left, checks = BITE, OBJECTS
        while going and left > 0:
            peer = going.popleft()
            lane = self._lanes[peer]
            objects = min(OBJECTS, len(lane.row[0].objects))
            if objects > checks or not self._pace.take(objects, self._clock.seconds()):
                checks = 0
                continue
            checks -= objects
            frame = self._frame(lane.row.popleft())
            frames = taken.setdefault(peer, [])
            if frame is not None:
                frames.append(frame)
                room[peer] -= len(frame)
                left -= len(frame)
            if lane and room[peer] > 0:
                going.append(peer)
        return taken
