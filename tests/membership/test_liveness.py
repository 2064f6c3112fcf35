"""A state follows from its evidence alone."""

from __future__ import annotations

from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import MemberId
from securechat.inputs import Instant
from securechat.membership.health import LocalHealth
from securechat.membership.ledger import Ledger
from securechat.membership.liveness import TRANSITIONS, Sign, idle, recomputed
from securechat.membership.verdict import Verdicts
from securechat.notices import Liveness
from securechat.settings import Settings
from securechat.simulation.grounds import confirmers, unfounded
from tests.membership.bench import WALL, someone

ME, BOB, CAROL = someone("ada"), someone("bob"), someone("carol")
OTHERS = [someone(name).id for name in ("carol", "dave", "eve", "frank")]
SIGNS = [sign for sign in Sign if sign is not Sign.CONTACT]
Story = list[Sign | str | set[MemberId]]
EVENTS = st.one_of(
    st.sampled_from(SIGNS),
    st.sampled_from(["contact", "note", "nack", "confirm", "vouch"]),
    st.sets(st.sampled_from(OTHERS)),
)


class RecomputedTests(SynchronousTestCase):
    """P16: the evidence that is shown is complete and true."""

    @given(st.lists(EVENTS, max_size=120))
    def test_any_story(self, story: Story) -> None:
        """Whatever happened, the lines that are left give all that is shown, and none is idle."""
        settings = Settings()
        verdicts = Verdicts(Ledger(ME.id, ME.signer.room), settings, LocalHealth(settings))
        for member in (BOB.id, *OTHERS):
            verdicts.join(member, Instant(0, WALL), CAROL.id, "claim")
            verdicts.contact(member, Instant(0, WALL))
        with mock.patch.object(Ledger, "size", 1 + len(verdicts.seen)):
            self.told(verdicts, story)

    def told(self, verdicts: Verdicts, story: Story) -> None:
        """One story about bob."""
        for at, event in enumerate(story, 1):
            now = Instant(at, WALL + at)
            if isinstance(event, Sign):
                if event is not Sign.CONFIRMED:
                    verdicts.judge(BOB.id, event, now, "so it was")
            elif isinstance(event, set):
                verdicts.retime(lambda _, who=event: who, now)  # type: ignore[misc]
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
            self.assertEqual(unfounded(seen.state, seen.ring.lines), "")
            self.assertEqual(confirmers(seen.ring.lines), seen.confirmed)

    def test_what_counts(self) -> None:
        """A sign counts where it changes the state, how it is reached, or the clock of a suspicion."""
        stays = {
            (state, sign)
            for state, row in TRANSITIONS.items()
            for sign, after in row.items()
            if after is state and not idle(state, sign)
        }
        a, s = Liveness.ALIVE, Liveness.SUSPECT
        clock = {(s, Sign.CONFIRMED), (s, Sign.NEWS), (s, Sign.RESTARTED)}
        self.assertEqual(stays, {(a, Sign.VOUCHED), *clock})
        self.assertIn("no suspicion", idle(a, Sign.REFUSED))

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
