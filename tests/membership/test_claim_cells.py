"""What a node does of each claim: every cell of the table that can come up, in a whole core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.inputs import Ending
from securechat.membership.claims import HOLDS, Claim, Held, Outcome, Standing, Told, compare
from securechat.membership.messages import Claims
from securechat.notices import Conflict, Liveness
from securechat.objects import Admitted
from tests.membership.bench import Bench, hangups, notices, sends, someone
from tests.membership.test_claims import CELLS
from tests.membership.test_claims import TOLD as KINDS

BOB, DAVE = someone("bob"), someone("dave")
HELD, GOODBYE = DAVE.alive(2, 1, "b"), DAVE.leave(2, 1)
TOLD: tuple[Admitted[Any], ...] = (
    DAVE.alive(1, 5, "b"), DAVE.alive(2, 0, "b"), HELD, DAVE.alive(2, 1, "a"), DAVE.alive(2, 1, "c"),
    DAVE.alive(2, 2, "b"), DAVE.alive(3, 0, "a"), DAVE.leave(1, 5), GOODBYE, DAVE.leave(3, 0),
)  # fmt: skip
"""Where (2, 1) of the process "b" is held, and of who left its leave too: each kind of claim."""
DOES: dict[Outcome, set[str]] = {
    Outcome.JOINED: {"claim", "suspect"},
    Outcome.RAISED: {"claim"},
    Outcome.NEWS: {"claim", "suspect"},
    Outcome.RESTARTED: {"claim", "suspect"},
    Outcome.LEFT: {"goodbye", "left"},
    Outcome.UNCHANGED: set(),
    Outcome.IGNORED: set(),
    Outcome.ANSWERED: {"proof"},
    Outcome.CONFLICT_RAISED: {"claim", "suspect", "conflict"},
    Outcome.CONFLICT_KEPT: {"proof", "conflict"},
}
"""What can be seen: the claim that changed, the state that begins or begins anew, what is told."""


def possible(standing: Standing, told: Told) -> bool:
    """Whether a claim can be this beside what is held; ``judge`` answers the rest too."""
    if standing is Standing.UNKNOWN:  # Nothing is held to be older than, or the twin of.
        return told in (Told.ALIVE_NEWER_EPOCH, Told.LEAVE_NEWER)
    return told is not Told.LEAVE_HELD or standing is Standing.LEFT


class DrivenTests(SynchronousTestCase):
    """Bob brings a claim of dave."""

    def believing(self, standing: Standing) -> tuple[Bench, int]:
        """A node that believes this of dave, and its link to bob."""
        bench = Bench().start()
        number = bench.link(BOB)
        if standing is Standing.UNKNOWN:
            return bench, number
        link = bench.link(DAVE, HELD)
        if standing is Standing.LEFT:
            bench.receive(DAVE, Claims((GOODBYE.signed,)), link)
        elif standing is not Standing.ALIVE:
            bench.cut(DAVE, link, Ending.TIMEOUT)
            bench.wait(1.0)
            while standing is Standing.UNREACHABLE and bench.state(DAVE) is Liveness.SUSPECT:
                bench.wait(0.05)
                bench.heard(BOB, number)
        self.assertEqual(bench.state(DAVE).name, standing.name)
        return bench, number

    def seen(self, bench: Bench) -> dict[str, object]:
        """What a claim may move."""
        held = bench.core._parts.ledger.held.get(DAVE.id, Held())
        view = bench.core.snapshot(bench.now).get(DAVE.id)
        if view is None:
            return {"claim": held.alive, "goodbye": held.leave, "state": None, "until": None}
        until = view.suspicion.ends_in if view.suspicion is not None else None
        state = view.state.value
        return {"claim": held.alive, "goodbye": held.leave, "state": state, "until": until}

    def happens(self, standing: Standing, claim: Admitted[Any]) -> set[str]:
        """What can be seen of a claim, in a room of its own."""
        bench, number = self.believing(standing)
        before = self.seen(bench)
        linked = standing in (Standing.ALIVE, Standing.LEFT)
        effects = bench.receive(BOB, Claims((claim.signed,)), number)
        after = self.seen(bench)
        found = {word for word in ("claim", "goodbye") if after[word] != before[word]}
        if (after["state"], after["until"]) != (before["state"], before["until"]):
            found.add(str(after["state"]))
        found |= {"proof"} if sends(effects, Claims, BOB) else set()
        found |= {"conflict"} if notices(effects, Conflict) else set()
        superseded = "claim" in found and after["claim"].statement.boot != HELD.statement.boot  # type: ignore[attr-defined]
        ended = [(DAVE.id, "superseded")] if superseded and linked else []
        self.assertEqual(hangups(effects), ended, "links of an earlier process, and no other")
        return found

    def cells(self) -> Iterator[tuple[Standing, Told, Admitted[Any], Outcome]]:
        """Each standing with each claim."""
        for standing in Standing:
            leave = Claim.of(GOODBYE) if standing is Standing.LEFT else None
            held = Held() if standing is Standing.UNKNOWN else Held(Claim.of(HELD), leave)
            for claim in TOLD:
                told = compare(Claim.of(claim), held)
                yield standing, told, claim, CELLS[standing][KINDS.index(told)]

    def test_every_cell(self) -> None:
        """Each outcome does what is written down here, and nothing else, wherever it comes up."""
        for standing, told, claim, outcome in self.cells():
            does = set(DOES[outcome])
            if standing is Standing.LEFT and outcome in (Outcome.LEFT, Outcome.CONFLICT_RAISED):
                does &= {"claim", "goodbye", "conflict"}  # It has left already; its twin has too.
            self.assertEqual(self.happens(standing, claim), does, (standing, told))

    def test_no_cell_is_forgotten(self) -> None:
        """These claims lead to every cell, but to those that no claim can lead to."""
        found = {(standing, told) for standing, told, _, _ in self.cells()}
        self.assertEqual(found, {(s, t) for s in Standing for t in Told if possible(s, t)})

    def test_what_is_held_is_seen(self) -> None:
        """An outcome by which a claim is kept changes what is held; no other does."""
        for outcome, does in DOES.items():
            self.assertEqual(bool(does & {"claim", "goodbye"}), outcome in HOLDS, outcome)
