"""How a stream becomes a link, and who is refused."""

from __future__ import annotations

from itertools import product

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import RemoteError
from securechat.ids import BootId, MemberId
from securechat.inputs import Ending
from securechat.node.handshake import (
    TRANSITIONS,
    Close,
    Hello,
    Kept,
    Known,
    State,
    Welcome,
    ending,
    judge,
    step,
)
from securechat.objects import Purpose, Signed

ME, PEER = MemberId("m" * 52), MemberId("p" * 52)
BOOT, OTHER_BOOT = BootId("0" * 32), BootId("1" * 32)
PROOF = Signed(Purpose.ALIVE, b"proof", bytes(64))
HELLO = Hello(1, 3, BOOT, (), (PROOF,))


class StepTests(SynchronousTestCase):
    """Every state and every message: a transition, or a breach of the protocol."""

    def test_every_cell(self) -> None:
        """What the table does not allow is refused as out of order."""
        for state, message in product(State, (HELLO, Kept(), Welcome(1), Close("x"))):
            if (state, type(message)) in TRANSITIONS:
                self.assertIs(step(state, message), TRANSITIONS[state, type(message)])
            else:
                with self.assertRaises(RemoteError) as caught:
                    step(state, message)
                self.assertEqual(caught.exception.reason, "out-of-order")

    def test_the_way_up(self) -> None:
        """HELLO, then WELCOME and our own disk in either order; no other way leads up."""
        for way in ((Kept(), Welcome(1)), (Welcome(1), Kept())):
            state = step(State.GREETING, HELLO)
            for what in way:
                self.assertIsNot(state, State.UP)
                state = step(state, what)
            self.assertIs(state, State.UP)
        ways = [after for after in TRANSITIONS.values() if after is State.UP]
        self.assertEqual(len(ways), 2)

    def test_nothing_leaves_closed(self) -> None:
        """A closed link takes nothing more."""
        self.assertFalse([state for state, _ in TRANSITIONS if state is State.CLOSED])


class JudgeTests(SynchronousTestCase):
    """An old incarnation cannot speak (G5)."""

    def test_stranger(self) -> None:
        """A member of whom nothing is held is welcome at any epoch."""
        self.assertIsNone(judge(HELLO, ME, PEER, None))

    def test_same_and_newer(self) -> None:
        """The incarnation that is held, and any later epoch, is welcome; there is no cap on jumps."""
        known = Known(3, BOOT, PROOF, live=True)
        self.assertIsNone(judge(HELLO, ME, PEER, known))
        far = evolve(HELLO, epoch=2**62, boot=OTHER_BOOT)
        self.assertIsNone(judge(far, ME, PEER, known))

    def test_older(self) -> None:
        """An earlier epoch is refused with its own newer Alive as the proof."""
        for live in (True, False):
            refusal = judge(evolve(HELLO, epoch=2), ME, PEER, Known(3, BOOT, PROOF, live))
            self.assertEqual(refusal, Close("stale-epoch", live, (PROOF,)))

    def test_twin(self) -> None:
        """The same epoch from another process is refused too."""
        refusal = judge(evolve(HELLO, boot=OTHER_BOOT), ME, PEER, Known(3, BOOT, PROOF, True))
        self.assertEqual(refusal, Close("stale-epoch", True, (PROOF,)))

    def test_self_and_other_protocols(self) -> None:
        """We do not link to ourselves, nor speak a protocol we do not know."""
        self.assertEqual(judge(HELLO, ME, ME, None), Close("self"))
        self.assertEqual(
            judge(evolve(HELLO, protocol=2), ME, PEER, None), Close("protocol-version")
        )

    def test_how_reasons_read(self) -> None:
        """Bookkeeping is no evidence; a goodbye is; what is not listed is a breach."""
        self.assertIs(ending("goodbye"), Ending.GOODBYE)
        self.assertIs(ending("duplicate"), Ending.BOOKKEEPING)
        self.assertIs(ending("whatever"), Ending.PROTOCOL)
