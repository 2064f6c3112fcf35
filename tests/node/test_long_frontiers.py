"""Two nodes on real sockets whose posts lie in thousands of streams: the link stays, and both agree."""

from __future__ import annotations

import hashlib
import time
from functools import cache
from random import Random
from typing import Any, cast

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.interfaces import IListeningPort, IReactorTCP, IReactorTime
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from securechat.effects import Record
from securechat.ids import BootId
from securechat.journal.store import Store
from securechat.membership.facts import ClaimHeld
from securechat.membership.messages import Alive
from securechat.messaging.facts import EnvelopeHeld
from securechat.messaging.statements import Envelope, Opening, Start, attachment_of
from securechat.node.dialer import Dialer
from securechat.node.dispatch import FACTS
from securechat.node.listener import LinkFactory
from securechat.node.node import Node, Person, Places
from securechat.notices import LinkChanged
from securechat.objects import Purpose
from securechat.settings import Settings
from securechat.signing import Signer, object_hash
from securechat.wire import pack
from tests.node.room import Room

CLOCK = IReactorTime(reactor)
AUTHORS = range(4, 66)
"""With ada and bob a room of 64."""
STREAMS = 130
"""Of each, with one post in each; a full frontier is then more than a megabyte."""
LACKING = 40
ROOM = Room()


def wall_ms() -> int:
    """Now."""
    return time.time_ns() // 1_000_000


def signer(number: int) -> Signer:
    """Who has this key."""
    return Signer.from_seed(ROOM.authority.room, bytes([number]) * 32)


@cache
def history() -> tuple[Record, ...]:
    """What members said who are gone: their certificates, and a post in each of their many lives."""
    return tuple(record for number in AUTHORS for record in said(number))


def said(number: int) -> list[Record]:
    """The same of one of them."""
    one, at, name = signer(number), wall_ms() - 3_600_000, f"member{number}"
    _, certificate = ROOM.member(name, number)
    last = BootId(f"{STREAMS:032x}")
    alive = one.sign(Purpose.ALIVE, pack(Alive(one.member, STREAMS, 1, last, ())), certificate)
    made = [
        Record(ClaimHeld(at, one.member, STREAMS, 1, last, (), name, one.public, alive, one.member))
    ]
    posts = attachment_of(("x",))
    for epoch in range(1, STREAMS + 1):
        header = Envelope(
            one.member, epoch, BootId(f"{epoch:032x}"), 1, 1, b"", (at + epoch) << 16,
            hashlib.sha256(posts).digest(), Opening(Start.FIRST),
        )  # fmt: skip
        signed = one.sign(Purpose.ENVELOPE, pack(header), posts)
        fact = EnvelopeHeld(
            header.author, epoch, header.boot, 1, 1, b"", header.hlc,
            object_hash(one.room, signed), signed.size, at, one.member, header.opening,
        )  # fmt: skip
        made.append(Record(fact, (signed,)))
    return made


@define(eq=False)
class Place:
    """One node with its port."""

    name: str
    number: int
    records: tuple[Record, ...]
    peers: tuple[str, ...] = ()
    node: Node = field(init=False)
    port: IListeningPort = field(init=False)
    dialer: Dialer = field(init=False)
    ends: list[str] = field(factory=list)
    """Why links ended."""

    def start(self) -> None:
        """As ``node.service`` does it."""
        signed_by = signer(self.number)
        _, certificate = ROOM.member(self.name, self.number)
        tls = ROOM.tls(self.name, self.number)
        store = Store.open(":memory:", FACTS, signed_by.room)
        store.commit(self.records, ())
        self.dialer = Dialer(CLOCK, tls)
        person = Person(self.name, signed_by, certificate, "lab", ROOM.authority.certificate)
        self.node = Node(
            person, Places("127.0.0.1:0", (), self.peers), Settings(preset="local"),
            BootId(f"{self.number:032x}"), store, CLOCK, wall_ms, Random(1), self.dialer.dial,
            self.ends.append,
        )  # fmt: skip
        self.dialer.links = self.node.links
        self.node.watchers.append(self._watch)
        self.node.start()
        factory = LinkFactory(self.node.links, tls, CLOCK)
        self.port = IReactorTCP(reactor).listenTCP(0, factory, interface="127.0.0.1")
        self.node.listening = True
        self.node.tick()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{cast('Any', self.port.getHost()).port}"

    @property
    def digest(self) -> bytes:
        """What its transcript is, in one word."""
        return self.node.cores.messaging.parts.book.streams.digest()

    def _watch(self, event: Any) -> None:
        if isinstance(event, LinkChanged) and event.state == "down":
            self.ends.append(event.why)


def later(seconds: float = 0.0) -> Deferred[None]:
    """Give the reactor time."""
    return deferLater(CLOCK, seconds, lambda: None)


class LongFrontiers(TestCase):
    """A full frontier of more than a megabyte, on both sides of a link."""

    timeout = 120

    @inlineCallbacks
    def setUp(self) -> Any:  # type: ignore[override]
        """Bob lacks a few posts of one of them, and links to ada."""
        self.ada = Place("ada", 2, history())
        self.ada.start()
        self.bob = Place("bob", 3, history()[:-LACKING], (self.ada.address,))
        self.bob.start()
        yield later()

    @inlineCallbacks
    def tearDown(self) -> Any:  # type: ignore[override]
        """Nothing is left open."""
        for place in (self.bob, self.ada):
            place.dialer.stop()
            yield place.port.stopListening()
            place.node.stop()
        yield self.until(lambda: self.ada.node.links.ended and self.bob.node.links.ended)
        for place in (self.bob, self.ada):
            place.node.store.close()
        yield later()

    @inlineCallbacks
    def until(self, true: Any) -> Any:
        """Wait for something to become true; the test's timeout ends it."""
        while not true():
            yield later(0.02)

    @inlineCallbacks
    def test_the_link_stays(self) -> Any:
        """A link between them comes up and stays, and what one lacks of the other it gets."""
        yield self.until(lambda: self.ends or self.ada.digest == self.bob.digest)
        yield later(1.0)
        self.assertEqual(self.ends, [])
        self.assertEqual(self.ada.digest, self.bob.digest)
        sent = [place.node.snapshot().links[0].bytes_out for place in (self.ada, self.bob)]
        self.assertGreater(min(sent), Settings().stuck_link)

    @property
    def ends(self) -> list[str]:
        """Why links ended, at either end."""
        return self.ada.ends + self.bob.ends
