"""What is shown of membership."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.membership.messages import Claims
from securechat.notices import Liveness, Via
from tests.membership.bench import WALL, Bench, boot, someone

ADA, BOB, CAROL = someone("ada"), someone("bob"), someone("carol")


class ViewTests(SynchronousTestCase):
    """The snapshot of one node."""

    def setUp(self) -> None:
        """Ada dialled bob, and heard of carol from him."""
        self.bench = Bench().start()
        self.bob = self.bench.link(BOB, BOB.alive(3, 1, "b"), dialled="10.0.0.2:7400")
        claim = CAROL.alive(2, 0, "c", "10.0.0.3:7400")
        self.bench.receive(BOB, Claims((claim.signed,)), self.bob)

    def test_ourselves(self) -> None:
        """Our own node is among the members, alive since it started."""
        view = self.bench.core.snapshot(self.bench.now)
        mine = view.get(view.me)
        assert mine is not None
        self.assertEqual((view.name, mine.name, mine.state), ("ada", "ada", Liveness.ALIVE))
        self.assertEqual((mine.since, mine.last_heard, mine.epoch), (WALL, 0.0, 1))
        self.assertEqual([m.member for m in view.members], sorted(m.member for m in view.members))

    def test_linked(self) -> None:
        """A linked member is alive, direct, with its version, address and last contact."""
        self.bench.mono += 0.25
        bob = self.bench.member(BOB)
        self.assertEqual((bob.name, bob.state, bob.via), ("bob", Liveness.ALIVE, Via.DIRECT))
        self.assertEqual((bob.epoch, bob.incarnation, bob.boot), (3, 1, boot("b")))
        self.assertAlmostEqual(bob.last_heard or 0, 0.25)

    def test_heard_of(self) -> None:
        """A member that was only heard of is suspect, by no path, where it says it listens."""
        carol = self.bench.member(CAROL)
        self.assertEqual((carol.state, carol.via), (Liveness.SUSPECT, Via.NONE))
        self.assertEqual((carol.last_heard, carol.address), (None, "10.0.0.3:7400"))
        self.assertEqual(carol.evidence[-1].by, BOB.id)

    def test_address_after_the_link(self) -> None:
        """After its link ended a member is shown where it was reached last."""
        self.bench.cut(BOB, self.bob)
        self.assertEqual(self.bench.member(BOB).address, "10.0.0.2:7400")

    def test_equal_views(self) -> None:
        """Two nodes that hold the same claims show the same digest; one claim more, another."""
        digest = self.bench.core.snapshot(self.bench.now).digest
        self.assertEqual(self.bench.core.snapshot(self.bench.now).digest, digest)
        self.bench.receive(BOB, Claims((CAROL.leave(2).signed,)), self.bob)
        self.assertNotEqual(self.bench.core.snapshot(self.bench.now).digest, digest)

    def test_nobody(self) -> None:
        """Who is not in the roster has no view."""
        view = self.bench.core.snapshot(self.bench.now)
        self.assertIsNone(view.get(someone("dave").id))
        self.assertIsNone(Bench().start().core.snapshot(self.bench.now).members[0].address)
        self.assertEqual(view.conflict, "")
