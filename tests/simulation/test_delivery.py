"""What an author shows of the fate of his messages is judged from above and from below."""

from __future__ import annotations

from attrs import evolve, frozen
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Kind, MemberId, MessageId, Stream
from securechat.simulation.delivery import GROWS, Fates
from securechat.simulation.observed import Shown, View
from securechat.simulation.people import person

ADA, BOB, CAROL = (person(index).signer.member for index in range(3))
STREAM = Stream(ADA, 1, BootId("0" * 32))
POST, DIRECT = MessageId(STREAM, 1), MessageId(STREAM, 1, Kind.DIRECT)


def post(state: str, *fate: tuple[MemberId, str]) -> Shown:
    """A post of ada's with what became of it, added up rightly."""
    acked = sum(word == "acked" for _, word in fate)
    return Shown(POST, "hello", None, state, acked, of=len(fate), recipients=fate)


def direct(state: str) -> Shown:
    """A direct message of ada's to bob."""
    acked = int(state == "acked")
    return Shown(DIRECT, "psst", BOB, state, acked, of=1, recipients=((BOB, state),))


@frozen
class Told:
    """What has reached ada."""

    stored: tuple[tuple[MessageId, MemberId], ...] = ()
    any_lost: bool = False

    def __contains__(self, told: object) -> bool:
        """What others have stored."""
        return told in self.stored

    def lost(self, id: MessageId, member: MemberId) -> bool:
        """Whether its disk is lost since."""
        return self.any_lost


class FatesTests(SynchronousTestCase):
    """Own messages of one node."""

    def setUp(self) -> None:
        self.told: list[str] = []
        self.signed: dict[MemberId, set[MessageId]] = {}
        self.fates = Fates(lambda rule, node, text: self.told.append(text), self.signed)

    def look(
        self,
        *lines: Shown,
        told: tuple[tuple[MessageId, MemberId], ...] = (),
        lost: bool = False,
    ) -> list[str]:
        """What is wrong with these lines."""
        self.told.clear()
        self.fates.shown("ada", View((), "", lines), Told(told, lost))
        return list(self.told)

    def test_weakest(self) -> None:
        """A post is as weak as the weakest of its recipients; k and n are counted."""
        self.signed[BOB] = {POST}
        good = post("unknown", (BOB, "acked"), (CAROL, "unknown"))
        self.assertEqual(self.look(good), [])
        for wrong in (
            evolve(good, state="acked"),
            evolve(good, state="sent"),
            evolve(good, acked=0),
            evolve(good, of=1),
        ):
            self.assertEqual(len(self.look(wrong)), 1, wrong)
        self.assertEqual(self.look(evolve(good, state=None)), [], "not its own")

    def test_alone(self) -> None:
        """A post that was for nobody is queued, 0 of 0."""
        self.assertEqual(self.look(post("queued")), [])
        self.assertEqual(len(self.look(post("acked"))), 1)

    def test_direct(self) -> None:
        """A direct message has one recipient, and its state."""
        self.assertEqual(self.look(direct("sent")), [])
        self.assertEqual(len(self.look(evolve(direct("sent"), state="queued"))), 1)
        self.assertEqual(self.look(direct("rejected")), [])

    def test_from_above(self) -> None:
        """Nobody is said to have it who never signed that."""
        self.signed[CAROL] = {POST}
        self.assertIn("never", self.look(post("sent", (BOB, "acked"), (CAROL, "sent")))[0])
        self.signed[BOB] = {POST}
        self.assertEqual(self.look(post("acked", (BOB, "acked"), (CAROL, "acked"))), [])

    def test_from_below(self) -> None:
        """Who has told the author that he has it is shown as acked."""
        line = post("sent", (BOB, "sent"), (CAROL, "sent"))
        self.assertIn("told", self.look(line, told=((POST, BOB),))[0])
        self.assertEqual(self.look(line, told=((DIRECT, BOB),)), [])

    def test_lost(self) -> None:
        """Who told that he lost his disk since he signed for it: that stands in the evidence."""
        self.signed[BOB] = {DIRECT}
        signed = evolve(direct("acked"), evidence="receipt 0123")
        self.assertEqual(self.look(signed), [])
        self.assertIn("told to have lost: receipt 0123", self.look(signed, lost=True)[0])
        shown = evolve(signed, evidence="receipt 0123; {BOB} has since lost its disk (loss 4567)")
        self.assertEqual(self.look(shown, lost=True), [])
        self.fates.forget("ada")
        self.assertEqual(self.look(direct("sent"), lost=True), [])

    def test_never_back(self) -> None:
        """Every state is followed by itself or by stronger news; a lost disk begins anew."""
        self.signed[BOB] = {DIRECT}
        for before in GROWS:
            for after in GROWS:
                self.fates.forget("ada")
                self.look(direct(before))
                grows = before == after or after in GROWS[before]
                self.assertEqual(self.look(direct(after)) == [], grows, (before, after))
        self.look(direct("acked"))
        self.fates.forget("ada")
        self.assertEqual(self.look(direct("queued")), [])

    def test_recipients(self) -> None:
        """For whom a message is never changes."""
        self.look(post("sent", (BOB, "sent")))
        found = self.look(post("sent", (BOB, "sent"), (CAROL, "sent")))
        self.assertEqual(len(found), 1)
        self.assertIn("was for", found[0])

    def test_events(self) -> None:
        """What a node tells its watchers is judged like what it shows."""
        self.fates.changed("ada", POST, BOB, ("sent", "acked"))
        self.assertIn("never truly signed that", self.told.pop())
        self.signed[BOB] = {POST}
        self.fates.changed("ada", POST, BOB, ("sent", "acked"))
        self.assertEqual(self.told, [])
        self.fates.changed("ada", POST, BOB, ("unknown", "sent"))
        self.assertEqual(len(self.told), 1)
