"""The judge of membership sees each kind of lie, allows what is legal, knows nothing of the core."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterable

from attrs import evolve, frozen
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, MemberId, MessageId, Stream
from securechat.membership.messages import (
    MESSAGES,
    STATEMENTS,
    Alive,
    AskClaims,
    Claims,
    Leave,
    Observation,
    Row,
    Rows,
)
from securechat.messaging.messages import Backfill, Posts
from securechat.messaging.statements import Envelope, attachment_of
from securechat.node.handshake import MESSAGES as HANDSHAKE
from securechat.node.handshake import Hello
from securechat.notices import Liveness, MemberChanged, PostShown
from securechat.objects import Purpose, Signed
from securechat.simulation import given, grounds, membership, past, shapes, vouches
from securechat.simulation.given import GIVING
from securechat.simulation.grounds import RULES, recomputed, unfounded
from securechat.simulation.membership import Judge
from securechat.simulation.people import authority, person
from securechat.wire import Codec, pack

ADA, BOB, CAROL = (person(index) for index in range(3))
BOOT, OTHER = BootId("a" * 32), BootId("b" * 32)
CODEC = Codec({**HANDSHAKE, **MESSAGES, **GIVING}, STATEMENTS)
CONTACT = "it was in contact with us, as its newest process"
SILENCE = "a probe brought no ack, direct or through others, and nothing was heard meanwhile"
TIME = "the suspicion lasted its full time"
JOINED = "heard of, not yet reached"

ALLOWED = {
    "securechat.ids", "securechat.notices", "securechat.objects", "securechat.signing",
    "securechat.wire", "securechat.membership.messages", "securechat.messaging.messages",
    "securechat.messaging.statements", "securechat.node.handshake", "securechat.simulation.frames",
    "securechat.simulation.given", "securechat.simulation.grounds", "securechat.simulation.past",
    "securechat.simulation.shapes", "securechat.simulation.vouches",
}  # fmt: skip


@frozen
class Seen:
    """A line of evidence."""

    why: str
    verdict: str
    counted: bool = True
    by: MemberId = BOB.signer.member
    what: str = "something"
    at: int = 1


ALIVE = (Seen(JOINED, "suspect"), Seen(CONTACT, "alive"))


@frozen
class Clock:
    """A suspicion that so many others confirm."""

    confirmed: int


@frozen
class Member:
    """A member as bob shows it."""

    state: str = "alive"
    epoch: int = 1
    incarnation: int = 0
    evidence: tuple[Seen, ...] = ALIVE
    via: str = "direct"
    since: int = 1
    member: MemberId = ADA.signer.member
    suspicion: Clock | None = None
    rtt_ms: float | None = None


@frozen
class View:
    """What bob shows."""

    members: tuple[Member, ...]
    epoch: int = 1
    boot: BootId = BOOT
    health: int = 0


class Site:
    """A node."""

    def __init__(self, index: int) -> None:
        self.index, self.name = index, person(index).name
        self.member = person(index).signer.member


def alive(
    epoch: int, inc: int = 0, addresses: tuple[str, ...] = (), who: int = 0, boot: BootId = BOOT
) -> Signed:
    """A claim of ada's, or of somebody in her name."""
    said = Alive(ADA.signer.member, epoch, inc, boot, addresses)
    return person(who).signer.sign(Purpose.ALIVE, pack(said), ADA.certificate)


def post(epoch: int, boot: BootId, seq: int) -> Posts:
    """One post of ada's."""
    texts = attachment_of(("a word",))
    body = hashlib.sha256(texts).digest()
    said = Envelope(ADA.signer.member, epoch, boot, seq, 1, b"h" * 32, 7, body)
    return Posts((ADA.signer.sign(Purpose.ENVELOPE, pack(said), texts),))


class JudgeTests(SynchronousTestCase):
    """What nodes write and show, against what is true."""

    def setUp(self) -> None:
        people = {who.signer.member: who.signer.public for who in (ADA, BOB, CAROL)}
        indexes = {person(index).signer.member: index for index in range(3)}
        self.broken: list[str] = []
        self.calm, self.awake = 0.0, 1000.0
        self.judge = Judge(
            authority().room, lambda: 5.0, people, lambda rule, *_: self.broken.append(rule),
            lambda *_: self.calm, lambda _: self.awake, indexes, 1.0,
        )  # fmt: skip
        self.ada, self.bob, self.carol = (Site(index) for index in range(3))
        self.says(self.ada, Hello(1, 1, BOOT, (), (alive(1),)))
        for epoch, inc in ((1, 1), (2, 0)):
            self.judge.accused(Rows(0, (Observation(self.ada.member, 1, 0, "suspect", False),)))
            self.says(self.ada, Claims((alive(epoch, inc),)))

    def says(self, site: Site, *messages: object, to: Site | None = None) -> list[str]:
        """The rules that these messages break."""
        self.broken.clear()
        for message in messages:
            self.judge.written(site, to or self.carol, CODEC.frame(message))
        return list(self.broken)

    def shows(self, *members: Member, boot: BootId = BOOT, epoch: int = 1) -> list[str]:
        """The rules that a view of bob's breaks."""
        self.broken.clear()
        self.judge.shown(self.bob, View(members, epoch, boot))
        return list(self.broken)

    def tells(self, before: Liveness, to: Liveness, *members: Member) -> list[str]:
        """The rules that an event of bob's breaks."""
        self.broken.clear()
        event = MemberChanged(self.ada.member, before, to, "why")
        self.judge.told(self.bob, event, lambda: View(members))
        return list(self.broken)

    def test_legal(self) -> None:
        """What is right is not reported: a view that grows, and a restart."""
        self.assertEqual(self.broken, [])
        self.assertEqual(self.shows(Member()), [])
        self.assertEqual(self.shows(Member(incarnation=1)), [])
        self.assertEqual(self.shows(Member(epoch=2)), [])

    def test_back(self) -> None:
        """P1: a version goes down, in a view or in questions; after a lost disk it may."""
        self.shows(Member(epoch=2))
        self.assertEqual(self.shows(Member(epoch=1)), ["P1"])
        held = [AskClaims(self.ada.member, self.ada.member, (Row(self.ada.member, e, 0, False),))
                for e in (2, 1)]  # fmt: skip
        self.assertEqual(self.says(self.bob, *held), ["P1"])
        self.judge.set_back(self.bob)
        self.assertEqual(self.shows(Member(epoch=1)), [])

    def test_never_said(self) -> None:
        """P2: a version that its subject never said, shown or passed on, or signed by another."""
        self.assertEqual(self.shows(Member(incarnation=7)), ["P2"])
        self.assertEqual(self.says(self.bob, Claims((alive(1, 7),))), ["P2"])
        self.assertEqual(self.says(self.bob, Claims((alive(1, 1, who=1),))), ["P2"])
        self.assertEqual(self.says(self.bob, Claims((alive(1, 1),))), [])

    def test_epochs(self) -> None:
        """P3: a process begins with an epoch that was used; P13: one rises within a process."""
        self.shows(epoch=4)
        self.assertEqual(self.shows(epoch=4, boot=OTHER), ["P3"])
        self.assertEqual(self.shows(epoch=5, boot=BOOT), [])
        self.assertEqual(self.shows(epoch=6, boot=BOOT), ["P13"])
        self.assertEqual(self.shows(epoch=5, boot=BOOT), ["P3"])

    def test_left(self) -> None:
        """P5, P17: left is what was said by the member, and only a later epoch ends it."""
        gone = Member(state="left", evidence=(Seen("its leave is held", "left"),))
        self.assertEqual(self.shows(gone), ["P17"])
        leave = ADA.signer.sign(Purpose.LEAVE, pack(Leave(self.ada.member, 1, 0)))
        self.says(self.ada, Claims((leave,)))
        self.assertEqual(self.shows(gone), [])
        self.assertEqual(self.shows(Member()), ["P5"])
        self.assertEqual(self.shows(Member(epoch=2)), [])

    def test_live(self) -> None:
        """P6: a post of an earlier process comes in live; as history it may come."""
        self.shows(Member(epoch=2))
        self.judge._now = lambda: 6.0
        history = Backfill(self.ada.member, 1, BOOT, 4, 5, True)
        self.says(self.carol, history, to=self.bob)
        self.assertEqual([self.comes(seq) for seq in (3, 4)], [["P6"], []])

    def test_given_again(self) -> None:
        """P6: what a process wrote may not come late; its later one, or others, may give it again."""
        self.says(self.ada, post(1, BOOT, 2), to=self.bob)
        self.says(self.carol, post(1, BOOT, 4), to=self.bob)
        self.says(self.ada, Hello(1, 2, OTHER, (), (alive(2),)), post(1, BOOT, 3), to=self.bob)
        self.shows(Member(epoch=2))
        self.judge._now = lambda: 6.0
        self.assertEqual([self.comes(seq) for seq in (2, 3, 4)], [["P6"], [], []])

    def comes(self, seq: int) -> list[str]:
        """The rules that are broken when bob shows a post of ada's first process now."""
        self.broken.clear()
        event = PostShown(
            MessageId(Stream(self.ada.member, 1, BOOT), seq), late=True, recovered=False
        )
        self.judge.told(self.bob, event, lambda: View(()))
        return list(self.broken)

    def test_false_suspicion(self) -> None:
        """P7: a member that could be reached all the time is suspected, or lost."""
        now = 100.0
        self.judge._now = lambda: now
        away = Member("suspect", evidence=(Seen(SILENCE, "suspect"),))
        self.assertEqual(self.tells(Liveness.ALIVE, Liveness.SUSPECT, away), [])
        self.calm = 30.0
        self.assertEqual(self.tells(Liveness.ALIVE, Liveness.SUSPECT, away), ["P7"])
        lost = Member("unreachable", evidence=(Seen(TIME, "unreachable"),))
        self.assertEqual(self.tells(Liveness.SUSPECT, Liveness.UNREACHABLE, lost), [])
        self.calm = 60.0
        self.assertEqual(self.tells(Liveness.SUSPECT, Liveness.UNREACHABLE, lost), ["P7"])
        self.says(self.ada, Claims((alive(3),)))
        now += 29.0
        self.assertEqual(self.tells(Liveness.SUSPECT, Liveness.UNREACHABLE, lost), [])
        self.calm, now = 200.0, now + 100.0
        self.assertEqual(self.tells(Liveness.SUSPECT, Liveness.UNREACHABLE, lost), ["P7"])

    def test_two_processes(self) -> None:
        """P7: who is told of another process in the newest epoch may doubt; each begins anew."""
        now, self.calm = 100.0, 30.0
        self.judge._now = lambda: now
        away = Member("suspect", evidence=(Seen(SILENCE, "suspect"),))
        for epoch, boot, rules in ((2, BOOT, ["P7"]), (1, OTHER, ["P7"]), (2, OTHER, [])):
            self.says(self.carol, Claims((alive(epoch, boot=boot),)), to=self.bob)
            self.assertEqual(self.tells(Liveness.ALIVE, Liveness.SUSPECT, away), rules)
        self.says(self.ada, Claims((alive(3),)))
        now += 100.0
        self.assertEqual(self.tells(Liveness.ALIVE, Liveness.SUSPECT, away), ["P7"])
        self.says(self.ada, Claims((alive(3, boot=OTHER),)))
        self.assertEqual(self.tells(Liveness.ALIVE, Liveness.SUSPECT, away), [])

    def test_goodbye(self) -> None:
        """P15: who heard the goodbye does not show its speaker as unreachable."""
        leave = Claims((ADA.signer.sign(Purpose.LEAVE, pack(Leave(self.ada.member, 1, 0))),))
        lost = Member("unreachable", evidence=(Seen(TIME, "unreachable"),))
        for heard, rules in ((False, []), (True, ["P15"])):
            self.calm = 5.0 * heard
            self.says(self.ada, leave, to=self.bob)
            self.calm = 0.0
            self.assertEqual(self.tells(Liveness.SUSPECT, Liveness.UNREACHABLE, lost), rules)

    def test_raised(self) -> None:
        """P11: an incarnation rises against an accusation or for an address, and for nothing else."""
        self.says(self.ada, Hello(1, 3, BOOT, (), (alive(3),)))
        self.judge.set_back(self.ada)
        self.says(self.ada, Claims((alive(3),)))
        self.assertEqual(self.says(self.ada, Claims((alive(3, 1, ("h:1",)),))), [])
        self.assertEqual(self.says(self.ada, Claims((alive(3, 2, ("h:1",)),))), ["P11"])
        self.judge.accused(Rows(0, (Observation(self.ada.member, 3, 2, "suspect", False),)))
        self.assertEqual(self.says(self.ada, Claims((alive(3, 3, ("h:1",)),))), [])

    def test_indirect(self) -> None:
        """P12: alive through others, and it did not say so lately; a sleeper may be late."""
        self.assertEqual(self.shows(Member(via="indirect")), ["P12"])
        self.awake = 1.0
        self.assertEqual(self.shows(Member(via="indirect")), ["P12"])

    def test_forgotten(self) -> None:
        """P13, P22: nobody is forgotten, and nobody is invented."""
        self.shows(Member())
        self.assertEqual(self.shows(), ["P13"])
        four = [Member(member=MemberId(str(n) * 52), evidence=Member().evidence) for n in range(4)]
        self.assertIn("P22", self.shows(Member(), *four))
        lines = tuple(Seen(CONTACT, "alive", what=str(n)) for n in range(33))
        self.assertIn("P22", self.shows(Member(evidence=lines)))

    def test_observers(self) -> None:
        """P18: the row of an observer that is not alive counts."""
        line = Seen(grounds.CONFIRMED, "suspect", by=self.carol.member)
        row = Member("suspect", evidence=(Seen(SILENCE, "suspect"), line), suspicion=Clock(1))
        carol = Member("unreachable", 0, member=self.carol.member, since=9,
                       evidence=(Seen(TIME, "unreachable"),))  # fmt: skip
        self.judge._issued.setdefault(self.carol.member, set())
        self.assertIn("P18", self.shows(row, carol))
        self.assertIn("P18", self.shows(row, carol), "as long as it counts")
        alive_again = evolve(carol, state="alive", evidence=(Seen(CONTACT, "alive"),))
        other = evolve(row, evidence=(*row.evidence, evolve(line, at=3)))
        self.assertNotIn("P18", self.shows(evolve(other, state="alive", evidence=ALIVE), carol))
        self.assertNotIn("P18", self.shows(other, alive_again))

    def test_observer_of_one_turn(self) -> None:
        """P18: who became alive, spoke, and was lost again within one turn was alive when it spoke."""
        self.judge._issued.setdefault(self.carol.member, set())
        for at, reported in ((7, False), (6, True)):
            line = Seen(grounds.CONFIRMED, "suspect", by=self.carol.member, at=at)
            row = Member("alive", evidence=(Seen(SILENCE, "suspect"), line, *ALIVE))
            seen = (Seen(CONTACT, "alive", at=7), Seen(TIME, "unreachable", at=8))
            carol = Member("unreachable", 0, member=self.carol.member, since=8, evidence=seen)
            self.assertEqual("P18" in self.shows(row, carol), reported)

    def test_confirmed(self) -> None:
        """P16: a suspicion is confirmed by as many as the evidence names, by nobody else."""
        line = Seen(grounds.CONFIRMED, "suspect", by=self.carol.member)
        row = Member("suspect", evidence=(Seen(SILENCE, "suspect"), line, evolve(line, at=2)))
        self.assertNotIn("P16", self.shows(evolve(row, suspicion=Clock(1))))
        for shown in (None, Clock(0), Clock(2)):
            self.assertIn("P16", self.shows(evolve(row, suspicion=shown)))
        again = evolve(row, evidence=(*row.evidence, Seen(grounds.NEWS, "suspect")))
        self.assertNotIn("P16", self.shows(evolve(again, suspicion=Clock(0))))
        self.assertIn("P16", self.shows(evolve(again, suspicion=Clock(1))))

    def test_epoch_passed(self) -> None:
        """P20: in the end a node speaks in the highest epoch that anybody there still holds of it."""
        self.shows(Member(epoch=2))
        room = (self.ada, self.bob, self.carol)
        self.judge.passed(self.ada, View((), 2), room)
        self.assertEqual(self.broken, [])
        self.judge.passed(self.ada, View((), 1), (self.ada, self.carol))
        self.assertEqual(self.broken, [], "who holds it is not there to tell it")
        self.judge.passed(self.ada, View((), 1), room)
        self.assertEqual(self.broken, ["P20"])
        self.judge.set_back(self.bob)
        self.judge.passed(self.ada, View((), 1), room)
        self.assertEqual(self.broken, ["P20"], "nobody can tell it any more")

    def test_restless(self) -> None:
        """P14: claims in a quiet room, or more probes than periods."""
        self.judge.count()
        self.says(self.ada, Claims((alive(2),)))
        self.judge.restless(10.0, 1.0)
        self.assertEqual(self.broken, ["P14"])
        self.judge.count()
        self.judge.restless(10.0, 1.0)
        self.assertEqual(self.broken, ["P14"])

    def test_knows_nothing(self) -> None:
        """It imports ids, values and message classes; nothing of what it judges."""
        for module in (membership, given, grounds, past, shapes, vouches):
            imported = set(_imports(ast.parse(inspect.getsource(module))))
            self.assertEqual(imported - ALLOWED, set(), module.__name__)


class GroundsTests(SynchronousTestCase):
    """P16: the state from the list alone."""

    def test_every_rule(self) -> None:
        """Each rule from each state, as the table of the documentation has it."""
        for why, moves in RULES.items():
            for state in grounds.STATES:
                lines = (Seen(CONTACT, state), Seen(why, "?"))
                self.assertEqual(recomputed(lines), moves.get(state, state), why)

    def test_not_counted(self) -> None:
        """What did not count changes nothing."""
        lines = (Seen(JOINED, "suspect"), Seen(TIME, "unreachable", counted=False))
        self.assertEqual(recomputed(lines), "suspect")

    def test_unfounded(self) -> None:
        """A state without evidence, with other evidence, or by a rule that nobody wrote down."""
        lines = (Seen(JOINED, "suspect"), Seen(TIME, "unreachable"))
        self.assertEqual(unfounded("unreachable", lines), "")
        self.assertIn("no evidence", unfounded("alive", ()))
        self.assertIn("gives unreachable", unfounded("suspect", lines))
        self.assertIn("no rule", unfounded("unreachable", (*lines, Seen("a whim", "left"))))

    def test_of_no_use(self) -> None:
        """A line that says that it counted, and changed nothing; where a list was cut, it may."""
        refused = "redials were refused where it was reached before"
        alive = (Seen(JOINED, "suspect"), Seen(CONTACT, "alive"))
        idle = Seen(refused, "alive")
        self.assertIn("changes nothing of alive", unfounded("alive", (*alive, idle)))
        self.assertEqual(unfounded("alive", (*alive, evolve(idle, counted=False))), "")
        self.assertEqual(unfounded("alive", (*alive, Seen(grounds.VOUCHED, "alive"))), "")
        self.assertEqual(unfounded("suspect", (Seen(SILENCE, "suspect"),)), "")


def _imports(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("securechat"):
            yield str(node.module)
