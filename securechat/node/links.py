"""
The links of this node: frames, handshake, duplicates, and the cable faults.

A ``Wire`` is one authenticated byte stream (``node.link`` over TLS, or the simulation's).  Here it is
cut into frames, taken through the handshake, kept or closed by the rules of ``peering``, and what
arrives on it becomes inputs of the turn.  Nothing here decides what a message means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from securechat.errors import RemoteError
from securechat.ids import MemberId
from securechat.inputs import (
    EVERYBODY,
    DialFailed,
    DialOutcome,
    Disturb,
    Ending,
    Greeted,
    Heal,
    LinkDown,
    LinkUp,
    Refused,
)
from securechat.node import peering
from securechat.node.door import Door
from securechat.node.faults import Cable
from securechat.node.greeting import Greeting, halfway
from securechat.node.handshake import Close, Hello, Kept, State, Welcome, ending, known, step
from securechat.node.intake import Intake
from securechat.node.lanes import Lanes
from securechat.node.log import note
from securechat.node.outlet import Outlet
from securechat.node.refusals import Refusals
from securechat.node.wires import Home, Link, LinkView, Lost, Wire
from securechat.notices import LinkChanged
from securechat.settings import MAX_FRAME, MAX_LINKS, Settings

MAX_PER_PEER = 3
"""Links of one peer: the one that stays, a duplicate that lingers, and one on its way up."""
SUPERSEDED = "superseded"


@define(eq=False)
class Links:
    """All links of one node."""

    _home: Home
    _door: Door
    _clock: IReactorTime
    _wall: Callable[[], int]
    _settings: Settings
    cable: Cable
    counters: Counter[str] = field(factory=Counter)
    refusals: Refusals = field(init=False)
    _greeting: Greeting = field(init=False)
    _intake: Intake = field(init=False)
    _outlet: Outlet = field(init=False)
    _lanes: Lanes[Any] = field(init=False)
    """Messages that came in and are held back by the cable."""
    _links: dict[Wire, Link] = field(factory=dict, init=False)
    _peers: dict[MemberId, list[Link]] = field(factory=dict, init=False)
    """Links that are up, in the order in which they came up; sending takes the newest."""
    _number: int = field(default=0, init=False)
    _stopping: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.refusals = Refusals(self.counters, self._home.tell)
        self._greeting = Greeting(self._home, self._door)
        self._intake = Intake(
            self._home, self._clock, self.counters, self._body_in, self.offended, self._lost
        )
        self._outlet = Outlet(self._clock, self.cable, self.counters)
        self._lanes = Lanes(self._clock, self._late)

    # What the edges tell us.

    def opened(self, wire: Wire) -> None:
        """TLS is done and the peer's certificate accepted: say HELLO."""
        self._number += 1
        link = Link(wire, self._number, self._wall())
        self._links[wire] = link
        has_place = self._has_place(wire.peer)
        living = sum(link.closing is None for link in self._links.values())
        if self._stopping or not has_place or living > MAX_LINKS:
            self._end(link, Close("full"))
            return
        link.timer = self._clock.callLater(self._settings.handshake_timeout, self._mute, link)
        self._say(link, self._home.hello(wire.peer))

    def bytes_in(self, wire: Wire, chunk: bytes) -> None:
        """Bytes of the peer, cut anywhere."""
        link = self._links.get(wire)
        if link is not None:
            self._intake.bytes_in(link, chunk)

    def lost(self, wire: Wire, how: Ending, why: str) -> None:
        """The stream is gone."""
        link = self._links.get(wire)
        if link is not None:
            self._intake.lost(link, Lost(how, why))

    def _lost(self, link: Link, lost: Lost) -> None:
        """A cable that delays what came before delays the end too."""
        if not self._lanes.holds(link, lost, 0.0):
            self._gone(link, lost.how, lost.why)

    def _gone(self, link: Link, how: Ending, why: str) -> None:
        wire = link.wire
        del self._links[wire]
        self._cancel(link)
        link.state = State.CLOSED
        if link.closing is not None:
            how, why = ending(link.closing), link.closing
        if self._stopping:
            how = Ending.SHUTDOWN
        if link in self._peers.get(wire.peer, ()):
            self._down(link, how, why)
        elif wire.dialled is not None:
            self._home.put(DialFailed(wire.dialled, wire.peer, DialOutcome.HANDSHAKE, why))

    def refused(self, address: str, dialled: bool, reason: str, text: str, times: int = 1) -> None:
        """So many connections that never became wires: the last, and what was wrong with it."""
        self.refusals.of_stream(address, dialled, reason, text, times)

    def dial_failed(self, address: str, peer: MemberId | None, how: DialOutcome, why: str) -> None:
        """A dial gave no wire."""
        self.counters["dials_failed"] += 1
        self._home.put(DialFailed(address, peer, how, why))

    # What the turn asks.

    def handled(self, link: Link) -> None:
        """The turn is done with what was put of this link."""
        self._intake.handled(link)

    def linked(self) -> tuple[LinkUp, ...]:
        """Each linked peer's newest link, for cores that were rebuilt."""
        return tuple(link.up for *_, link in self._peers.values() if link.up is not None)

    def queued(self, peer: MemberId) -> int | None:
        """Bytes waiting on the link that we send on; None if there is none."""
        links = self._peers.get(peer)
        return links[-1].wire.queued if links else None

    def send(self, peer: MemberId, frames: Sequence[bytes]) -> bool:
        """Write frames to a peer's newest link in one piece; False if there is none."""
        links = self._peers.get(peer)
        if not links:
            return False
        link = links[-1]
        self._outlet.write(link, frames)
        if link.wire.queued > self._settings.stuck_link:
            self._end(link, Close("too-slow"), flush=False)
        return True

    def hangup(self, peer: MemberId, reason: str) -> None:
        """Close the links to a peer, telling it why; of one superseded, its newest process stays."""
        newest = self._home.held(peer) if reason == SUPERSEDED else None
        for link in [link for link in self._links.values() if link.wire.peer == peer]:
            if newest is None or link.up is None or (link.up.epoch, link.up.boot) != newest[:2]:
                self._end(link, Close(reason))

    def kept(self, number: int) -> None:
        """What the HELLO of this link says is on disk: its peer is welcome."""
        link = self._keeping(number)
        if link is None or link.hello is None:
            return
        link.state = step(link.state, Kept())
        self._say(link, Welcome(link.hello.epoch))
        if link.state is State.UP:
            try:
                self._came_up(link)
            except RemoteError as problem:
                self.offended(link, problem)

    def not_kept(self, number: int) -> None:
        """What the HELLO of this link says cannot be written: its peer may try again."""
        if (link := self._keeping(number)) is not None:
            self._end(link, Close("read-only"))

    def _keeping(self, number: int) -> Link | None:
        link = next((link for link in self._links.values() if link.number == number), None)
        return link if link is not None and link.closing is None else None

    def offended(self, link: Link, problem: RemoteError) -> None:
        """The peer broke the protocol: it loses this link, we lose nothing."""
        if link.closing is not None:
            return
        link.offence = problem.message
        self.refusals.of_peer(link.wire.peer, link.wire.address, problem.reason, problem.detail)
        self._end(link, Close(problem.reason[:100]))

    def obey(self, command: Disturb | Heal) -> None:
        """Make the cable worse, or mend it; links that it left half made are then made anew."""
        self.cable.obey(command)
        if isinstance(command, Heal):
            for link in halfway(self._links.values(), command.peers or (EVERYBODY,)):
                self._end(link, Close("mended"))

    def stop(self) -> None:
        """Say goodbye on every link and take no new one."""
        self._stopping = True
        for link in list(self._links.values()):
            self._end(link, Close("goodbye"))

    @property
    def settled(self) -> bool:
        """Whether no link is on its way up: its peer may count on it while we do not know it yet."""
        return not halfway(self._links.values(), (EVERYBODY,))

    @property
    def ended(self) -> bool:
        """Whether every link is gone, what was written to it included."""
        return not self._links

    def view(self) -> tuple[LinkView, ...]:
        """The links that are up."""
        return tuple(
            LinkView(
                link.wire.peer,
                link.direction,
                link.since_ms,
                link.bytes_in,
                link.bytes_out,
                link.wire.queued,
                link.wire.address,
            )
            for links in self._peers.values()
            for link in links
        )

    # The way up.

    def _has_place(self, peer: MemberId) -> bool:
        """
        Whether a peer may have the link that it has just opened.

        Who opens many must not fill the places of all others: those that are ending make room first,
        then its oldest one that has not come up.
        """
        mine = [link for link in self._links.values() if link.wire.peer == peer][:-1]
        closing = [link for link in mine if link.closing is not None]
        coming = [link for link in mine if link.closing is None and link.state is not State.UP]
        excess = len(mine) + 1 - MAX_PER_PEER
        for link in (*closing, *coming)[: max(0, excess)]:
            self._end(link, Close("full"))
            link.wire.abort()
        return excess <= len(closing) + len(coming)

    def _body_in(self, link: Link, body: bytes, messages: list[Any]) -> None:
        held_back = self.cable.passes(link.wire.peer)
        if held_back is None:
            self.counters["faults_dropped"] += 1
            return
        message = self._door.codec.message(body)
        if not self._lanes.holds(link, message, held_back):
            self._message_in(link, message, messages)

    def _late(self, link: Link, message: Any) -> None:
        if isinstance(message, Lost):
            self._gone(link, message.how, message.why)
            return
        messages: list[Any] = []
        try:
            if link.state is not State.CLOSED:
                self._message_in(link, message, messages)
        except RemoteError as problem:
            self.offended(link, problem)
        if messages:
            self._intake.put(link, messages)

    def _message_in(self, link: Link, message: Any, messages: list[Any]) -> None:
        if not isinstance(message, Hello | Welcome | Close):
            if link.state is not State.UP:
                raise RemoteError("out-of-order", f"{type(message).__name__} before WELCOME")
            messages.append(message)
            return
        after = step(link.state, message)
        if isinstance(message, Close):
            self._closed(link, message)
        elif isinstance(message, Hello):
            self._greeted(link, message, after)
        else:
            link.state = after
            if after is State.UP:
                self._came_up(link)

    def _greeted(self, link: Link, hello: Hello, after: State) -> None:
        peer = link.wire.peer
        verdict = self._greeting.judged(link, hello, self._links.values())
        if isinstance(verdict, Close):
            self.refusals.of_peer(peer, link.wire.address, verdict.reason, f"epoch {hello.epoch}")
            self._end(link, verdict)
            return
        link.hello, link.up = hello, verdict
        link.framer.limit = MAX_FRAME
        link.state = after
        self._home.put(Greeted(peer, link.number, verdict.alive))

    def _came_up(self, link: Link) -> None:
        assert link.up is not None
        assert link.hello is not None
        self._cancel(link)
        peer = link.wire.peer
        # Judged again: a newer incarnation may have come while this one was on its way up.
        verdict = self._greeting.judged(link, link.hello, self._links.values())
        if isinstance(verdict, Close):
            self.refusals.of_peer(peer, link.wire.address, verdict.reason, f"epoch {link.up.epoch}")
            self._end(link, verdict)
            return
        standing = self._peers.setdefault(peer, [])
        standing.append(link)
        self.counters["links_up"] += 1
        self.refusals.linked(peer)
        note(
            "link-up", peer=peer, address=link.wire.address, direction=link.direction,
            link=link.number, epoch=link.up.epoch,
        )  # fmt: skip
        self._home.tell(LinkChanged(peer, "up", link.direction, link.wire.address))
        self._home.put(link.up)
        rows = [peering.Standing(x.number, x.up.epoch, x.up.boot) for x in standing if x.up]
        for closing in peering.settle(self._home.me, peer, rows):
            self._close_duplicate(standing, closing)

    def _close_duplicate(self, standing: Sequence[Link], closing: peering.Closing) -> None:
        link = next(link for link in standing if link.number == closing.number)
        if closing.linger and link.timer is None:
            link.timer = self._clock.callLater(
                self._settings.duplicate_linger, self._lingered, link, closing.reason
            )
        elif not closing.linger:
            self._end(link, Close(closing.reason))

    def _lingered(self, link: Link, reason: str) -> None:
        """Close an old duplicate, unless it is the only one left by now."""
        link.timer = None
        if self._peers.get(link.wire.peer, [link])[-1] is not link:
            self._end(link, Close(reason))

    # The way down.

    def _closed(self, link: Link, close: Close) -> None:
        """The peer says why it ends this link."""
        proof = self._greeting.alive(close.objects[0], self._home.me) if close.objects else None
        link.closing = close.reason
        link.state = State.CLOSED
        if link.up is None or proof is not None:
            reason = known(close.reason)
            detail = "" if reason == close.reason else close.reason
            self.refusals.of_peer(link.wire.peer, link.wire.address, f"by-peer.{reason}", detail)
            self._home.put(Refused(link.wire.peer, close.reason, proof, close.live))
        link.wire.close()

    def _end(self, link: Link, close: Close, flush: bool = True) -> None:
        """Tell the peer why, and close."""
        if link.closing is not None or link.state is State.CLOSED:
            return
        self._say(link, close)
        link.closing = close.reason
        link.revoked = True
        self._cancel(link)
        if flush:
            self._outlet.close(link)
        else:
            link.wire.abort()

    def _mute(self, link: Link) -> None:
        link.timer = None
        self.refusals.of_peer(link.wire.peer, link.wire.address, "silent", "no handshake in time")
        link.closing = "silent"
        link.wire.abort()

    def _down(self, link: Link, how: Ending, why: str) -> None:
        peer = link.wire.peer
        links = self._peers.get(peer, [])
        if link in links:
            links.remove(link)
        if not links:
            self._peers.pop(peer, None)
        note("link-down", peer=peer, link=link.number, how=how.value, reason=why)
        self._home.tell(LinkChanged(peer, "down", link.direction, why))
        end = (link.wire.dialled, bool(links), link.offence)
        self._home.put(LinkDown(peer, link.number, how, why, *end))

    def _say(self, link: Link, message: Any) -> None:
        self._outlet.write(link, (self._door.codec.frame(message),))

    @staticmethod
    def _cancel(link: Link) -> None:
        if link.timer is not None and link.timer.active():
            link.timer.cancel()
        link.timer = None
