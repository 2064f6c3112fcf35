"""The checker of the simulation sees each kind of lie, knows nothing of the cores, and is fair."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, Kind, MemberId, MessageId, Stream
from securechat.objects import Purpose, Signed
from securechat.simulation import (
    agreement,
    arrivals,
    delivery,
    observed,
    restarts,
    retained,
    sequence,
    verdicts,
    witness,
)
from securechat.simulation import checker as checker_module
from securechat.simulation.checker import Checker
from securechat.simulation.observed import Missing, Seat, Shown, View
from securechat.simulation.people import authority, person

ADA, BOB, CAROL = (person(index).signer for index in range(3))
BOOT = BootId("0" * 32)
STREAM = Stream(ADA.member, 1, BOOT)
ALIVE = tuple(Seat(signer.member, "alive", 1, 0) for signer in (ADA, BOB))

ALLOWED = {
    "securechat.errors", "securechat.ids", "securechat.inputs", "securechat.objects",
    "securechat.signing",
    "securechat.wire", "securechat.membership.messages", "securechat.messaging.messages",
    "securechat.messaging.statements", "securechat.node.handshake",
    "securechat.settings", "securechat.simulation.agreement",
    "securechat.simulation.arrivals", "securechat.simulation.delivery",
    "securechat.simulation.frames",
    "securechat.simulation.observed", "securechat.simulation.restarts",
    "securechat.simulation.sequence", "securechat.simulation.verdicts",
    "securechat.simulation.witness",
}  # fmt: skip


class Site:
    """A node."""

    def __init__(self, name: str, member: MemberId) -> None:
        self.name, self.member = name, member

    def on_disk(self, name: Hash) -> Signed | None:
        """Nothing."""
        return None


def shown(seq: int, text: str, acked: int | None = None) -> Shown:
    """A post of ada's in somebody's transcript."""
    return Shown(MessageId(STREAM, seq), text, None, None, acked)


def told(dseq: int, text: str, acked: int | None = None) -> Shown:
    """A direct message of ada's to bob."""
    return Shown(MessageId(STREAM, dseq, Kind.DIRECT), text, BOB.member, None, acked)


class CheckerTests(SynchronousTestCase):
    """What nodes show, against what was said."""

    def setUp(self) -> None:
        publics = {signer.member: signer.public for signer in (ADA, BOB, CAROL)}
        self.checker = Checker(authority().room, lambda: 1.0, publics)
        self.ada, self.bob = Site("ada", ADA.member), Site("bob", BOB.member)
        self.carol = Site("carol", CAROL.member)
        for seq in range(1, 6):
            self.checker.uttered(ADA.member, f"post {seq}")
            self.checker.uttered(ADA.member, f"dm {seq}", BOB.member)

    def look(self, site: Site, *lines: Shown | Missing, view: View | None = None) -> list[str]:
        """The rules that a transcript breaks."""
        self.checker.violations.clear()
        self.checker.shown(site, evolve(view or View(ALIVE, "", ()), lines=lines))
        return [violation.rule for violation in self.checker.violations]

    def test_sound(self) -> None:
        """What is right is not reported."""
        lines = (shown(1, "post 1"), told(1, "dm 1"), Missing(STREAM, 2, 3), shown(4, "post 4"))
        self.assertEqual(self.look(self.bob, *lines), [])

    def test_twice(self) -> None:
        """I2: the same words under two ids were said once."""
        rules = self.look(self.bob, shown(1, "post 1"), shown(2, "post 1"))
        self.assertEqual(rules, ["I2"])

    def test_never_said(self) -> None:
        """I3: words that nobody said, or that somebody else said."""
        self.assertEqual(self.look(self.bob, shown(1, "made up")), ["I3"])
        self.checker.uttered(BOB.member, "bob's")
        self.assertEqual(self.look(self.bob, shown(1, "bob's")), ["I3"])

    def test_signature(self) -> None:
        """I3: what is read from disk carries its author's signature."""
        good = ADA.sign(Purpose.ENVELOPE, b"statement")
        bad = BOB.sign(Purpose.ENVELOPE, b"statement")
        self.assertEqual(self.look(self.bob, evolve(shown(1, "post 1"), signed=good)), [])
        self.assertEqual(self.look(self.bob, evolve(shown(1, "post 1"), signed=bad)), ["I3"])

    def test_order(self) -> None:
        """I4: within a stream the order never turns."""
        rules = self.look(self.bob, shown(2, "post 2"), shown(1, "post 1"))
        self.assertEqual(rules, ["I4"])

    def test_silent_gap(self) -> None:
        """I5: what is neither shown nor a gap is missing silently; a floor may lie below all."""
        lines = (shown(2, "post 2"), shown(4, "post 4"))
        self.assertEqual(self.look(self.bob, *lines), ["I5"])
        pruned = View(ALIVE, "", (), floors=True)
        self.assertEqual(self.look(self.bob, *lines, view=pruned), ["I5"])
        self.assertEqual(self.look(self.bob, lines[1], view=pruned), [])

    def test_third_reader(self) -> None:
        """I12: a direct message is shown by its two ends only."""
        self.assertEqual(self.look(self.carol, told(1, "dm 1")), ["I12"])

    def test_versions(self) -> None:
        """I7: a version never goes down on one disk."""
        newer = View((Seat(ADA.member, "alive", 2, 0),), "", ())
        older = View((Seat(ADA.member, "alive", 1, 9),), "", ())
        self.assertEqual(self.look(self.bob, view=newer) + self.look(self.bob, view=older), ["I7"])
        self.checker.set_back(self.bob, None)
        self.assertEqual(self.look(self.bob, view=older), [])

    def test_left(self) -> None:
        """G8: nobody is shown as left in an epoch in which it never said so; oneself may be leaving."""
        gone = View((Seat(ADA.member, "left", 2, 0),), "", ())
        self.assertEqual(self.look(self.bob, view=gone), ["G8"])
        self.assertEqual(self.look(self.ada, view=gone), [])
        self.checker.witness.leaves.add((ADA.member, 1))
        self.assertEqual(self.look(self.bob, view=gone), ["G8"])
        self.checker.witness.leaves.add((ADA.member, 2))
        self.assertEqual(self.look(self.bob, view=gone), [])

    def test_accepted(self) -> None:
        """I9: what was accepted is shown by its author, in its words, unless its disk was lost."""
        self.checker.answered(MessageId(STREAM, 1), "post 1")
        self.assertEqual(self.look(self.ada, shown(1, "post 1")), [])
        self.assertEqual(self.look(self.ada), ["I9"])
        self.assertEqual(self.look(self.ada, shown(1, "post 2")), ["I9"])
        self.checker.set_back(self.ada, 2.0)
        self.assertEqual(self.look(self.ada), ["I9"], "set back to a later time")
        self.checker.set_back(self.ada, 0.5)
        self.assertEqual(self.look(self.ada), [])

    def test_one_id_for_two(self) -> None:
        """I8: an id is given once."""
        self.checker.answered(MessageId(STREAM, 1), "post 1")
        self.checker.answered(MessageId(STREAM, 1), "post 2")
        self.assertEqual([v.rule for v in self.checker.violations], ["I8"])

    def test_nonces(self) -> None:
        """I8: the same words with the same nonce have one id, while their author's disk knows them."""
        first, second = (MessageId(STREAM, seq) for seq in (1, 2))
        self.checker.answered(first, "post 1")
        self.checker.answered(first, "post 1")
        self.assertEqual(self.checker.violations, [])
        self.assertEqual(self.checker.id_of("post 1"), first)
        self.checker.answered(second, "post 1")
        self.assertEqual([v.rule for v in self.checker.violations], ["I8"])
        self.assertTrue(self.checker.repeatable("post 1"))
        self.checker.set_back(self.ada, 0.5)
        self.assertFalse(self.checker.repeatable("post 1"))
        self.assertIsNone(self.checker.id_of("post 1"))

    def test_cancelled(self) -> None:
        """What is cancelled need not come; what was sent must not be said to have never been."""
        one = MessageId(STREAM, 1, Kind.DIRECT)
        self.checker.answered(one, "dm 1", BOB.member)
        empty = View(ALIVE, "d", ())
        self.checker.cancelled(one, "expired")
        self.assertEqual(self.differ(empty, empty), "")
        self.assertEqual(self.checker.violations, [])
        self.checker.trying(one)
        self.assertEqual(self.checker.witness.closed, set())
        self.checker.tried(one)
        self.assertIn("has not come", self.differ(empty, empty))
        # A disk that is set back knows what was taken up before, and nothing of what was since.
        self.checker.set_back(self.ada, 1.5)
        self.assertIn("has not come", self.differ(empty, empty))
        self.checker.accepted[one].at = 0.2
        self.checker.set_back(self.ada, 0.5)
        self.assertFalse(self.checker.accepted[one].excused)
        self.assertEqual(self.differ(empty, empty), "")
        self.checker.witness.sent.add(one)
        self.checker.cancelled(one, "sent")
        self.assertEqual(self.checker.violations, [])
        self.checker.cancelled(one, "expired")
        self.assertEqual([v.rule for v in self.checker.violations], ["I1"])

    def test_cancelled_and_tried_at_once(self) -> None:
        """Who asks for both has it taken up again, whichever answer comes first."""
        one, closed = MessageId(STREAM, 1, Kind.DIRECT), self.checker.witness.closed
        self.checker.answered(one, "dm 1", BOB.member)
        self.checker.cancelling(one, asked=True)
        self.checker.trying(one)
        self.checker.cancelled(one, "sent")
        self.assertEqual(closed, set())
        self.checker.tried(one)
        self.assertEqual((closed, self.checker.accepted[one].cancelled), (set(), False))
        for _ in range(2):
            self.checker.trying(one)
            self.checker.cancelled(one, "sent")
            self.assertEqual(closed, set())
            self.checker.not_tried(one)
            self.assertEqual(closed, {one})

    def test_tried_and_killed(self) -> None:
        """What a process was asked to try again when it was killed, the next one can cancel."""
        one, closed = MessageId(STREAM, 1, Kind.DIRECT), self.checker.witness.closed
        self.checker.answered(one, "dm 1", BOB.member)
        self.checker.trying(one)
        self.checker.starts(self.ada)
        self.checker.cancelled(one, "sent")
        self.assertEqual(closed, {one})

    def test_acked(self) -> None:
        """I1: what a node shows of its own messages is judged, until its disk is another."""
        line = evolve(
            shown(1, "post 1", 1), state="acked", of=1, recipients=((BOB.member, "acked"),)
        )
        self.assertEqual(self.look(self.ada, line), ["I1"])
        self.checker.witness.stored[BOB.member] = {MessageId(STREAM, 1): 1.0}
        self.assertEqual(self.look(self.ada, line), [])
        less = evolve(line, state="sent", acked=0, recipients=((BOB.member, "sent"),))
        self.assertEqual(self.look(self.ada, less), ["I1"])
        self.look(self.ada, line)
        self.checker.set_back(self.ada, 0.5)
        self.assertEqual(self.look(self.ada, less), [])
        self.checker.changed(self.ada, line.id, BOB.member, ("acked", "unknown"))
        self.assertEqual([v.rule for v in self.checker.violations], ["I1"])

    # The end.

    def differ(self, a: View, b: View) -> str:
        """In what two nodes differ."""
        a = evolve(a, links=a.links or frozenset({BOB.member}))
        b = evolve(b, links=b.links or frozenset({ADA.member}))
        return self.checker.difference({"ada": a, "bob": b}, (self.ada, self.bob))

    def test_equal(self) -> None:
        """Equal rosters, transcripts and digests, and everything accepted is everywhere."""
        self.checker.answered(MessageId(STREAM, 1), "post 1")
        self.checker.answered(MessageId(STREAM, 1, Kind.DIRECT), "dm 1", BOB.member)
        view = View(ALIVE, "d", (shown(1, "post 1"), told(1, "dm 1")))
        self.assertEqual(self.differ(view, view), "")

    def test_differences(self) -> None:
        """Every way to differ is told in words."""
        view = View(ALIVE, "d", (shown(1, "post 1"),))
        suspect = (evolve(ALIVE[0], state="suspect"), ALIVE[1])
        cases = {
            "bob has no link to ['ada']": (view, evolve(view, links=frozenset({CAROL.member}))),
            "ada sees 2 members, not alive": (evolve(view, seats=suspect), view),
            "bob sees 1 members": (view, evolve(view, seats=ALIVE[:1])),
            "other versions": (evolve(view, seats=(evolve(ALIVE[0], epoch=2), ALIVE[1])), view),
            "digests": (evolve(view, digest="e"), view),
            "transcripts": (evolve(view, lines=(Missing(STREAM, 1, 1),)), view),
        }
        for words, (a, b) in cases.items():
            self.assertIn(words, self.differ(a, b))

    def test_undelivered(self) -> None:
        """An accepted message that one of its readers lacks is told."""
        empty = View(ALIVE, "d", ())
        post = MessageId(STREAM, 2)
        self.checker.answered(post, "post 2")
        self.assertIn("has not come to", self.differ(empty, empty))
        self.checker.set_back(self.ada, None)
        self.assertEqual(self.differ(empty, empty), "", "it stands on no disk")
        self.checker.witness.stored[BOB.member] = {post: 1.0}
        self.assertIn("has not come to", self.differ(empty, empty), "bob has it")
        self.checker.set_back(self.bob, 0.5)
        self.assertEqual(self.differ(empty, empty), "", "bob's disk is older")

    def test_undelivered_direct(self) -> None:
        """A direct message is missed, but by a recipient whose own disk lost it."""
        empty = View(ALIVE, "d", ())
        one = MessageId(STREAM, 1, Kind.DIRECT)
        self.checker.answered(one, "dm 1", BOB.member)
        self.assertIn("has not come to bob", self.differ(empty, empty))
        self.checker.witness.stored[BOB.member] = {one: 1.0}
        self.assertIn("has not come to bob", self.differ(empty, empty), "he signed for it")
        self.checker.set_back(self.bob, None)
        self.assertEqual(self.differ(empty, empty), "")

    def test_untold(self) -> None:
        """Who shows a message has told its author, and the author shows that."""
        post = MessageId(STREAM, 1)
        self.checker.answered(post, "post 1")
        read = View(ALIVE, "d", (shown(1, "post 1"),))
        fate = evolve(shown(1, "post 1", 0), state="sent", of=1, recipients=((BOB.member, "sent"),))
        said = evolve(read, lines=(fate,))
        self.assertIn("to ada it is sent", self.differ(said, read))
        acked = evolve(fate, acked=1, state="acked", recipients=((BOB.member, "acked"),))
        self.assertEqual(self.differ(evolve(said, lines=(acked,)), read), "")

    def test_pruned(self) -> None:
        """Histories of different length must agree in what both keep of each author."""
        full = View(ALIVE, "d", (shown(1, "post 1"), shown(2, "post 2"), shown(3, "post 3")), True)
        short = evolve(full, digest="e", lines=full.lines[1:])
        self.assertEqual(self.differ(full, short), "")
        other = evolve(short, lines=(shown(1, "post 1"), shown(2, "post 2")))
        self.assertIn("what", self.differ(full, other))


class IndependenceTests(SynchronousTestCase):
    """The checker may not share the product's logic."""

    def test_imports(self) -> None:
        """Ids, messages, signatures and the wire; nothing of what decides anything."""
        modules: tuple[ModuleType, ...] = (
            checker_module, agreement, arrivals, delivery, observed, restarts, retained, sequence,
            verdicts, witness,
        )  # fmt: skip
        for module in modules:
            for node in ast.walk(ast.parse(inspect.getsource(module))):
                name = node.module or "" if isinstance(node, ast.ImportFrom) else ""
                if name.startswith("securechat"):
                    self.assertIn(name, ALLOWED, module.__name__)
                if isinstance(node, ast.Import):
                    self.assertFalse([a for a in node.names if a.name.startswith("securechat")])
