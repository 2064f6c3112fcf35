"""Questions carried to a node that answers, refuses, hangs up or is not there."""

from __future__ import annotations

import io
import sys
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from securechat.admin.client import AdminError, DownError
from securechat.chat.acts import Ask, Purpose, Tell
from securechat.chat.clock import Clock
from securechat.chat.desk import Desk
from securechat.chat.plain import NOT_RUNNING, Lines, Printer, Program
from securechat.chat.session import Dials, Session
from tests.chat.scene import MEMBERS, ZONE, Scene, post, status


@define
class FakeNode:
    """Answers as a node does, and remembers nonces; ``mute`` swallows the next reply."""

    said: list[tuple[str, str]] = field(factory=list)
    asked: list[str] = field(factory=list)
    nonces: dict[str, str] = field(factory=dict)
    mute: bool = False
    redials: int = 0
    open: list[Deferred[dict[str, Any]]] = field(factory=list)

    def request(self, cmd: str, /, **args: Any) -> Deferred[dict[str, Any]]:
        """One question."""
        self.asked.append(cmd)
        reply = self.reply(cmd, args)
        if self.mute:
            waiting: Deferred[dict[str, Any]] = Deferred()
            self.open.append(waiting)
            return waiting
        return fail(AdminError(reply)) if reply["code"] >= 400 else succeed(reply)

    def reply(self, cmd: str, args: dict[str, Any]) -> dict[str, Any]:
        """What the node answers."""
        if cmd == "say":
            return self.say(args["text"], args["nonce"])
        if cmd == "dm":
            return {"code": 520, "text": f"nobody is called {args['to']}"}
        if cmd == "messages":
            return {"code": 250, "items": self.items(), "more": False}
        if cmd == "snapshot":
            first = {"status": status(), "members": MEMBERS, "cursor": "1:1"}
            return {"code": 250, "messages": self.items(), "more": False, **first}
        return {"code": 250, "items": MEMBERS if cmd == "members" else []}

    def say(self, text: str, nonce: str) -> dict[str, Any]:
        """Once under each nonce."""
        if nonce in self.nonces:
            return {"code": 251, "id": self.nonces[nonce], "state": "queued"}
        self.said.append((text, nonce))
        self.nonces[nonce] = f"ada/3/{len(self.said)}"
        return {"code": 252, "id": self.nonces[nonce], "state": "queued"}

    def items(self) -> list[dict[str, Any]]:
        """The transcript."""
        return [
            post("ada", n, text, n, state="queued", acked=0, of=2)
            for n, (text, _) in enumerate(self.said, 1)
        ]

    def redial(self) -> None:
        """The person is impatient."""
        self.redials += 1

    def hang_up(self, session: Session) -> None:
        """The connection breaks with all that was open."""
        broken, self.open, self.mute = self.open, [], False
        session.down("the node hung up")
        for waiting in broken:
            waiting.errback(DownError("the node hung up"))


class SessionTests(SynchronousTestCase):
    """The model and a node."""

    def setUp(self) -> None:
        """A client that is let in."""
        self.scene, self.node = Scene(), FakeNode()
        self.told: list[Tell] = []
        self.session = Session(
            self.scene.model, self.node, tell=self.told.append, clock=self.scene.now
        )
        self.session.up({})

    def say(self, text: str) -> None:
        """The person presses Enter."""
        self.session.perform(self.scene.desk.submit(text, self.scene.now()).acts)

    def test_no_double_send(self) -> None:
        """A reply lost with the connection: asked again under its nonce, said once, shown once."""
        self.node.mute = True
        self.say("precious")
        self.assertEqual(len(self.node.said), 1)
        self.node.hang_up(self.session)
        self.assertEqual(self.scene.state.outgoing.untaken, 1)
        self.session.up({})
        self.assertEqual(self.node.asked.count("say"), 2)
        self.assertEqual(len(self.node.said), 1)
        self.assertEqual(self.scene.rows().count("ada/3/1"), 1)
        self.assertEqual(self.scene.state.outgoing.waiting, {})

    def test_refused(self) -> None:
        """A refusal gives the text back and tells why; the next message goes on."""
        self.say("/dm zoe psst")
        self.assertIn("nobody here is called zoe", self.scene.state.hint)
        self.say("/dm bob psst")
        self.assertIn("520 nobody is called bob", self.scene.rows("@bob")[-1])
        self.say("hello")
        self.assertEqual([text for text, _ in self.node.said], ["hello"])

    def test_tells(self) -> None:
        """Leaving is told to the program, dialling to the client."""
        self.say("/reconnect")
        self.say("/quit")
        self.assertEqual((self.node.redials, self.told), (1, [Tell.QUIT]))

    def test_lost_question(self) -> None:
        """A question that was open when the connection broke is told as unanswered."""
        self.node.mute = True
        self.say("/gaps")
        self.assertEqual(self.session.open, 1)
        self.node.hang_up(self.session)
        self.assertEqual(self.session.open, 0)
        self.assertIn("no answer to gaps", self.scene.state.hint)

    def test_our_own_bug(self) -> None:
        """An exception in the client is logged and told, and the chat goes on."""
        self.scene.model.readers[Purpose.MEMBERS] = lambda ask, reply, now: [][1]
        self.session.perform([Ask(Purpose.MEMBERS, "members")])
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)
        self.assertIn("something went wrong", self.scene.state.hint)
        self.session.event({"event": "member", "name": []})
        self.say("hello")
        self.assertEqual(len(self.node.said), 1)
        self.flushLoggedErrors()

    def test_tick(self) -> None:
        """Time proves the node's life."""
        self.node.asked.clear()
        self.scene.mono += 10
        self.session.tick()
        self.assertEqual(self.node.asked, ["status", "members"])


@implementer(IStreamClientEndpoint)
@define(eq=False, slots=False)
class Endpoint:
    """Fails until told otherwise."""

    up: bool = False

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """One attempt."""
        if not self.up:
            return fail(ConnectError())
        protocol: Any = protocolFactory.buildProtocol(None)  # type: ignore[arg-type]
        return succeed(protocol)


class DialsTests(SynchronousTestCase):
    """How long until the next attempt."""

    def test_counts(self) -> None:
        """Each failure tells the wait until the next attempt, which grows; success starts anew."""
        told: list[float] = []
        endpoint = Endpoint()
        dials = Dials(endpoint, lambda why, wait: told.append(wait))
        factory = Factory.forProtocol(Protocol)
        for _ in range(12):
            self.failureResultOf(dials.connect(factory), ConnectError)
        self.assertEqual(told, sorted(told))
        self.assertEqual(told[-1], 5.0)
        endpoint.up = True
        self.successResultOf(dials.connect(factory))
        self.assertEqual(dials.attempts, 0)


class FakeReactor:
    """Runs what was put off at once."""

    def __init__(self) -> None:
        self.stopped = 0

    def callLater(self, delay: float, what: Any, *args: Any) -> None:
        """Now."""
        what(*args)

    def stop(self) -> None:
        """The program ends."""
        self.stopped += 1


class FakeClient:
    """Is told to stop."""

    def stop(self) -> None:
        """Hang up."""


class PlainTests(SynchronousTestCase):
    """Line by line."""

    def setUp(self) -> None:
        """A line client with a node that runs."""
        self.scene, self.node, self.reactor = Scene(), FakeNode(), FakeReactor()
        self.lines: list[str] = []
        self.session = Session(self.scene.model, self.node, clock=self.scene.now)
        desk = Desk(self.scene.model, self.scene.clock.minute)
        printer = Printer(self.scene.state, Clock(ZONE), self.lines.append)
        client: Any = FakeClient()
        self.program = Program(
            self.reactor, client, self.session, desk, printer, "securechat --home here up"
        )  # fmt: skip
        self.session.changed, self.session.tell = self.program.changed, self.program.tell

    def test_pipe(self) -> None:
        """Lines that come before the node has answered are said after it has; then the end."""
        feed = Lines(self.program.line, self.program.end)
        feed.dataReceived(b"one\r\n/mebers\ntwo\nlast without a break")
        feed.connectionLost()
        self.assertEqual((self.node.said, self.reactor.stopped), ([], 0))
        self.session.up({})
        self.assertEqual(
            [text for text, _ in self.node.said], ["one", "two", "last without a break"]
        )
        self.assertEqual((self.program.refused, self.reactor.stopped), (1, 1))
        self.assertTrue(any("/members?" in line for line in self.lines))

    def test_waits_for_answers(self) -> None:
        """The end of input waits for a message that has no answer yet."""
        self.session.up({})
        self.node.mute = True
        self.program.line("precious")
        self.program.end()
        self.assertEqual(self.reactor.stopped, 0)
        self.node.hang_up(self.session)
        self.assertEqual(self.reactor.stopped, 0)
        self.session.up({})
        self.assertEqual((self.reactor.stopped, len(self.node.said)), (1, 1))

    def test_changes_are_lines(self) -> None:
        """Rows are printed once, changes of state as new lines, in words, harmless."""
        self.session.up({})
        self.lines.clear()
        for item in (
            post("bob", 1, "ada: hi\x1b[2J\nsecond \u202e"),
            post("ada", 1, "mine", state="sent", acked=0, of=2),
            post("ada", 1, "mine", state="acked", acked=2, of=2),
            {**post("carol", 1, "psst"), "kind": "dm", "id": "carol/3/d1", "to": "ada"},
        ):
            self.session.event({**item, "event": item["kind"], "cursor": "1:2"})
        self.session.event({"event": "conflict", "member": "dave", "what": "two live"})
        self.assertEqual(
            self.lines,
            [
                "12:00 bob: (names you) ada: hi<U+001B>[2J",
                "      second <U+202E>",
                "12:00 ada: mine  (sent 0/2)",
                "-- your message ada/3/1 of 12:00: acked by 2 of 2",
                "12:00 [@carol] carol: psst",
                "12:10 -- CONFLICT: dave: two live",
            ],
        )

    def test_not_running(self) -> None:
        """Without a node at the start it says so and ends with 3; later it waits."""
        self.session.up({})
        self.program.missed("the node is not running", 1.0)
        self.assertEqual((self.reactor.stopped, self.program.status), (0, 0))
        self.setUp()
        told = io.StringIO()
        self.patch(sys, "stderr", told)
        self.program.missed("the node is not running", 1.0)
        line = "securechat: the node is not running; start it with: securechat --home here up\n"
        self.assertEqual(told.getvalue(), line)
        self.assertEqual((self.reactor.stopped, self.program.status), (1, NOT_RUNNING))

    def test_refusal_counts(self) -> None:
        """A message the node refuses makes the end a failure."""
        self.session.up({})
        self.program.line("/dm bob psst")
        self.assertEqual(self.program.refused, 1)

    def test_many_lines(self) -> None:
        """A pipe of thousands of lines is taken in order, mistakes included."""
        for n in range(3000):
            self.program.line(f"/mistake{n}" if n % 2 else f"line {n}")
        self.session.up({})
        self.assertEqual(len(self.node.said), 1500)
        self.assertEqual((self.node.said[-1][0], self.program.refused), ("line 2998", 1500))

    def test_too_long(self) -> None:
        """A line without an end is refused, not kept."""
        self.session.up({})
        feed = Lines(self.program.line, self.program.end)
        feed.dataReceived(b"x" * 100_000)
        self.assertEqual((self.program.refused, self.node.said), (1, []))
