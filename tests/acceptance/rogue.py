"""
A rogue: a peer with a valid certificate of the room that speaks the wire protocol as it pleases.

It has a member's home and no node.  A ``Line`` is one TLS connection to a real node, served by a
thread: what comes in is kept in ``heard``, probes are answered so that the rogue passes for well, and
what the rogue wants to say goes out as it is, over the product's own codec or as raw bytes.
"""

from __future__ import annotations

import itertools
import secrets
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from securechat.drills.rig import until
from securechat.errors import RemoteError
from securechat.home.identity import Identity, load_identity
from securechat.ids import BootId, MemberId
from securechat.membership.messages import Ack, Alive, AskVouch, Leave, Nack, Ping
from securechat.node.dispatch import codec
from securechat.node.handshake import PROTOCOL, Close, Hello, Welcome
from securechat.node.tls import ALPN
from securechat.objects import Purpose, Signed
from securechat.wire import Framer, pack
from tests.acceptance.rooms import template

CODEC = codec()
CHUNK = 65536
NAME = "mallory"
EPOCHS = itertools.count(1)


Asked = set[tuple[str, MemberId]]
"""Who asked about whom: a node, by the name under which it was dialled, and the member."""


def rogue(epoch: int = 0, asked: Asked | None = None) -> Rogue:
    """
    A member of the template's room that was admitted like the others; each is a later process.

    What an earlier process was asked may be handed on: nodes remember its answers.
    """
    made = template()
    if NAME not in made.members:
        made.join(NAME, next(iter(made.members)))
    return Rogue(made[NAME].home, epoch or next(EPOCHS), asked=set() if asked is None else asked)


@define
class Rogue:
    """Who it is, and what it signs."""

    home: Path
    epoch: int = 1
    boot: BootId = field(factory=lambda: BootId(secrets.token_hex(16)))
    identity: Identity = field(init=False)
    lines: list[Line] = field(factory=list, init=False)
    asked: Asked = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.identity = load_identity(self.home, None)

    @property
    def id(self) -> MemberId:
        """Its member id."""
        return self.identity.member

    def sign(self, said: Any, purpose: Purpose, attachment: bytes = b"") -> Signed:
        """Its signature under anything, its own or not."""
        return self.identity.signer.sign(purpose, pack(said), attachment)

    def alive(self, epoch: int = 0, incarnation: int = 0, *addresses: str) -> Signed:
        """Its own Alive."""
        said = Alive(self.id, epoch or self.epoch, incarnation, self.boot, addresses)
        return self.sign(said, Purpose.ALIVE, self.identity.certificate)

    def leave(self, author: MemberId, epoch: int, incarnation: int = 0) -> Signed:
        """A Leave in anybody's name, signed by the rogue."""
        return self.sign(Leave(author, epoch, incarnation), Purpose.LEAVE)

    def forged(self, victim: Signed, **changes: Any) -> Signed:
        """A member's Alive with other fields under the same certificate, signed by the rogue."""
        said = evolve(CODEC.statement(victim.purpose, victim.statement), **changes)
        return self.sign(said, victim.purpose, victim.attachment)

    def hello(self, *objects: Signed, epoch: int = 0, boot: str = "") -> Hello:
        """What it says first, with its own Alive if nothing else is given to show."""
        shown = objects or (self.alive(),)
        return Hello(PROTOCOL, epoch or self.epoch, boot or self.boot, (), shown)

    def dial(self, port: int, name: str = "") -> Line:
        """TLS to a node; nothing is said yet."""
        line = Line(self._tls(port), name, asked=self.asked)
        self.lines.append(line)
        line.thread.start()
        return line

    def link(self, port: int, name: str = "", hello: Hello | None = None) -> Line:
        """A link that is up: HELLO and WELCOME crossed both ways."""
        line = self.dial(port, name)
        line.say(hello or self.hello())
        theirs: Hello = line.gets(Hello)
        line.say(Welcome(theirs.epoch))
        line.gets(Welcome)
        # What comes behind the WELCOME comes from a node for which the link is up.
        until(lambda: line.pings or line.heard[2:], f"{name or 'the node'} talks to its new peer")
        return line

    def hang_up(self) -> None:
        """End every connection."""
        for line in self.lines:
            line.end()
        self.lines.clear()

    def _tls(self, port: int) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([ALPN.decode()])
        papers = self.home / "rogue.pem"
        key = self.identity.private_key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        papers.touch(0o600)
        papers.write_bytes(key + ssl.DER_cert_to_PEM_cert(self.identity.certificate).encode())
        context.load_cert_chain(papers)
        papers.unlink()
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10))


@define(eq=False)
class Line:
    """One connection of the rogue; its thread alone touches the TLS socket."""

    _tls: ssl.SSLSocket
    name: str = ""
    answers: bool = True
    """Whether pings are acked, and what is asked about others is answered with a nack."""
    deaf: bool = False
    """Whether what the node says is left unread, so that it cannot tell that it has hung up."""
    asked: Asked = field(factory=set)
    """Grows by this node and each member that it asks about."""
    heard: list[Any] = field(factory=list, init=False)
    """All messages of the node, pings and acks left out."""
    acks: int = field(default=0, init=False)
    pings: list[Ping] = field(factory=list, init=False)
    closed: bool = field(default=False, init=False)
    thread: threading.Thread = field(init=False)
    _out: bytearray = field(factory=bytearray, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _bell: tuple[socket.socket, socket.socket] = field(factory=socket.socketpair, init=False)
    _framer: Framer = field(factory=Framer, init=False)
    _ending: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._tls.setblocking(False)
        self.thread = threading.Thread(target=self._serve, daemon=True)

    # What the rogue does.

    def say(self, *messages: Any) -> None:
        """Messages, as the codec frames them."""
        self.raw(b"".join(CODEC.frame(message) for message in messages))

    def raw(self, data: bytes) -> None:
        """Bytes, as they are."""
        with self._lock:
            self._out += data
        self._ring()

    def gets(self, kind: type[Any], met: Callable[[Any], bool] = lambda _: True) -> Any:
        """The first message of a class that was heard or comes."""

        def found() -> list[Any]:
            return [one for one in list(self.heard) if isinstance(one, kind) and met(one)]

        return until(found, f"{self.name or 'the node'} says {kind.__name__}; {self.heard}")[0]

    def hears(self, well: bool) -> None:
        """From now on leave unread what the node says, or read it again."""
        self.deaf = not well
        self._ring()

    def flushed(self) -> None:
        """Wait until all that was said is with the network, or the node has hung up."""
        until(lambda: not self._out or self.closed, "what was said has gone out")

    def refused(self) -> str:
        """Wait until the node has hung up; the reason it told, or an empty one."""
        until(lambda: self.closed, f"{self.name or 'the node'} hangs up")
        return next((one.reason for one in self.heard if isinstance(one, Close)), "")

    def end(self) -> None:
        """Close, and wait for the thread."""
        self._ending = True
        self._ring()
        self.thread.join(10)

    # The thread.

    def _ring(self) -> None:
        with suppress(OSError):
            self._bell[0].send(b"x")

    def _serve(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._bell[1], selectors.EVENT_READ)
                while not self._ending and not self.closed:
                    deaf = self.deaf
                    if not deaf:
                        self._read()
                    wants = selectors.EVENT_WRITE if self._write() else 0
                    self._await(selector, wants | (0 if deaf else selectors.EVENT_READ))
                    if deaf or not self._tls.pending():
                        for key, _ in selector.select(1.0):
                            if key.fileobj is self._bell[1]:
                                self._bell[1].recv(CHUNK)
        except (OSError, RemoteError, ValueError):
            self.closed = True
        finally:
            self._hang_up()

    def _await(self, selector: selectors.BaseSelector, events: int) -> None:
        if self._tls in selector.get_map():
            selector.unregister(self._tls)
        if events:
            selector.register(self._tls, events)

    def _read(self) -> None:
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while chunk := self._tls.recv(CHUNK):
                for body in self._framer.feed(chunk):
                    self._message(CODEC.message(body))
            self.closed = True

    def _message(self, message: Any) -> None:
        if isinstance(message, Ping):
            self.pings.append(message)
            self._answer(Ack(message.nonce))
        elif isinstance(message, Ack):
            self.acks += 1
        else:
            self.heard.append(message)
            if isinstance(message, AskVouch):
                self.asked.add((self.name, message.subject))
                self._answer(Nack(message.subject, message.nonce))

    def _answer(self, message: Any) -> None:
        if self.answers:
            with self._lock:
                self._out += CODEC.frame(message)

    def _write(self) -> bool:
        """Whether there is more to write."""
        with self._lock:
            if not self._out:
                return False
            with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                del self._out[: self._tls.send(bytes(self._out[:CHUNK]))]
            return bool(self._out)

    def _hang_up(self) -> None:
        with suppress(OSError):
            self._tls.close()
        for end in self._bell:
            end.close()
        self.closed = True
