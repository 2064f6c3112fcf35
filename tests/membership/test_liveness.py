"""A state follows from its evidence alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.inputs import Instant
from securechat.membership.health import LocalHealth
from securechat.membership.ledger import Ledger
from securechat.membership.liveness import TRANSITIONS, Sign, recomputed
from securechat.membership.verdict import Verdicts
from securechat.notices import Liveness
from securechat.settings import Settings
from tests.membership.bench import WALL, someone

ME, BOB, CAROL = someone("ada"), someone("bob"), someone("carol")
SIGNS = [sign for sign in Sign if sign is not Sign.CONTACT]
EVENTS = st.one_of(
    st.sampled_from(SIGNS), st.sampled_from(["contact", "note", "nack", "confirm", "vouch"])
)


class RecomputedTests(SynchronousTestCase):
    """P16: the evidence that is shown is complete and true."""

    @given(st.lists(EVENTS, max_size=120))
    def test_any_story(self, story: list[Sign | str]) -> None:
        """Whatever happened, the lines that are left give the state that is shown."""
        settings = Settings()
        verdicts = Verdicts(Ledger(ME.id, ME.signer.room), settings, LocalHealth(settings))
        verdicts.join(BOB.id, Instant(0, WALL), CAROL.id, "claim")
        for at, event in enumerate(story, 1):
            now = Instant(at, WALL + at)
            if isinstance(event, Sign):
                verdicts.judge(BOB.id, event, now, "so it was")
            elif event == "contact":
                verdicts.contact(BOB.id, now)
            elif event == "note":
                verdicts.note(BOB.id, now, "a dial", "no verdict alone")
            elif event == "nack":
                verdicts.nack(BOB.id, CAROL.id, now)
            elif event == "confirm":
                verdicts.confirm(BOB.id, CAROL.id, now, "suspect for it")
            else:
                verdicts.vouch(BOB.id, CAROL.id, now)
            seen = verdicts.seen[BOB.id]
            self.assertIs(recomputed(seen.ring.lines), seen.state)

    def test_nothing(self) -> None:
        """Without a line there is no state."""
        self.assertIsNone(recomputed(()))

    def test_only_a_leave_leads_to_left(self) -> None:
        """No evidence but the member's own word makes it left (G8)."""
        ways = {
            sign
            for state, row in TRANSITIONS.items()
            for sign, after in row.items()
            if after is Liveness.LEFT and state is not Liveness.LEFT
        }
        self.assertEqual(ways, {Sign.LEAVE})

    def test_rows_decide_nothing(self) -> None:
        """What another observes changes no state, whatever it is (P18)."""
        for state, row in TRANSITIONS.items():
            self.assertIs(row[Sign.CONFIRMED], state)
