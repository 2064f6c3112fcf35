"""
What a measured node does when it is told to: post, post at a pace, flood, write to somebody.

Each act ends with one line to the driver.  Moments are those of the monotonic clock, which all
processes of a machine share: what one says at a moment and another shows at a later one is compared
by the driver, by the message's id.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import define, field
from bench_child import reactor, say
from bench_node import Party

from securechat.ids import MemberId, MessageId
from securechat.inputs import Say, Tell
from securechat.messaging.views import Said, Told
from securechat.node.node import Node
from securechat.notices import Delivery, DeliveryChanged, Event, PostShown

LATE = 30.0
"""Seconds that what was said may take to arrive, before the act ends without it."""
POLL = 0.005


@define
class Seen:
    """When posts of one author became visible, at any node of this process."""

    author: MemberId
    at: dict[str, list[float]] = field(factory=dict)

    def watch(self, node: Node) -> None:
        """From now on."""
        node.watchers.append(self._event)

    def _event(self, event: Event) -> None:
        if isinstance(event, PostShown) and event.id.author == self.author:
            self.at.setdefault(str(event.id), []).append(time.monotonic())


@define
class Acts:
    """The acts of the first node of a process."""

    party: Party
    text: str
    _told: dict[MessageId, float] = field(factory=dict)
    """Direct messages on their way, and when they were told."""
    _acked: Callable[[MessageId], None] | None = None
    _watching: bool = False

    @property
    def node(self) -> Node:
        """Who acts."""
        return self.party.first

    # Posts.

    def post(self, posts: str, burst: str) -> None:
        """Say so many posts, ``burst`` in a turn, each turn when that before it is committed."""
        self._posting(int(posts), int(burst), 0, time.monotonic())

    def _posting(self, posts: int, burst: int, said: int, began: float) -> None:
        if said >= posts:
            say(posts=said, wall=time.monotonic() - began)
            return
        for _ in range(burst):
            last = self.node.input(Say(self.text))
        last.addCallbacks(
            lambda _: reactor.callLater(0, self._posting, posts, burst, said + burst, began),
            lambda failure: say(problem=str(failure.value)),
        )

    def pace(self, rate: str, seconds: str) -> None:
        """Say posts at a rate, and tell when each was said."""
        said: dict[str, float] = {}
        refused: list[str] = []
        began = time.monotonic()

        def committed(answer: Said, at: float) -> None:
            said[str(answer.id)] = at

        def turn(number: int) -> None:
            now = time.monotonic()
            if number >= float(rate) * float(seconds):
                reactor.callLater(1.0, lambda: say(said=said, refused=refused[:3]))
                return
            answer = self.node.input(Say(self.text))
            answer.addCallbacks(committed, lambda why: refused.append(str(why.value)), (now,))
            reactor.callLater(max(0.0, began + (number + 1) / float(rate) - now), turn, number + 1)

        turn(0)

    def flood(self, seconds: str, burst: str) -> None:
        """Say as much as the own disk takes, and wait for nobody."""
        until = time.monotonic() + float(seconds)
        said = 0

        def turn() -> None:
            nonlocal said
            if time.monotonic() > until:
                say(flooded=said)
                return
            for _ in range(int(burst)):
                said += 1
                last = self.node.input(Say(self.text))
            last.addBoth(lambda _: reactor.callLater(0, turn))

        turn()

    # Direct messages.

    def directs(self, count: str, pause: str) -> None:
        """One after the other: how long each took until its receipt was committed here."""
        taken: list[float] = []
        self._watch()

        def next_one(done: MessageId | None = None) -> None:
            if done is not None:
                taken.append(time.monotonic() - self._told.pop(done))
            if len(taken) >= int(count):
                say(taken=taken)
            else:
                reactor.callLater(float(pause), self._tell)

        self._acked = next_one
        next_one()

    def queue(self, count: str) -> None:
        """All at once: how long until the last was acked."""
        began = time.monotonic()
        left = int(count)
        self._watch()

        def one_less(done: MessageId) -> None:
            nonlocal left
            left -= self._told.pop(done, None) is not None
            if not left:
                say(wall=time.monotonic() - began, queued=int(count))

        self._acked = one_less
        for _ in range(int(count)):
            self._tell()

    def _watch(self) -> None:
        if not self._watching:
            self.node.watchers.append(self._event)
            self._watching = True

    def _tell(self) -> None:
        members = self.node.cores.messaging.parts.peers.roster
        to = next(member for member in members if member != self.node.me)
        at = time.monotonic()

        def taken(answer: Told) -> None:
            # Its receipt cannot be here yet: the answer follows the commit before the first byte.
            self._told[answer.id] = at

        told = self.node.input(Tell(to, self.text))
        told.addCallbacks(taken, lambda failure: say(problem=str(failure.value)))

    def _event(self, event: Event) -> None:
        if self._acked is None or not isinstance(event, DeliveryChanged):
            return
        if event.to is Delivery.ACKED and event.id in self._told:
            self._acked(event.id)

    # Questions.

    def wait(self, posts: str) -> None:
        """Say when so many posts are held, and when the first of them came."""
        first: list[float] = []
        wanted, held = int(posts), self.party.posts()

        def look(until: float) -> None:
            now = time.monotonic()
            if self.party.posts() > held and not first:
                first.append(now)
            if self.party.posts() >= wanted or now > until:
                say(held=self.party.posts(), at=now, first=first[0] if first else now)
            else:
                reactor.callLater(POLL, look, until)

        look(time.monotonic() + LATE + wanted / 100)
