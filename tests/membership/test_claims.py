"""Precedence: every cell of the table, and merging as a function of the set."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import MemberId
from securechat.membership.claims import (
    HOLDS,
    TRANSITIONS,
    Claim,
    Held,
    Outcome,
    Standing,
    Told,
    compare,
    judge,
    merge,
)
from tests.membership.bench import someone

BOB, CAROL = someone("bob"), someone("carol")
O_ = Outcome
TOLD = tuple(Told)
# Rows as people read them: the order of Told, one row for each standing.
CELLS: dict[Standing, tuple[Outcome, ...]] = {
    Standing.UNKNOWN: (
        O_.IGNORED, O_.IGNORED, O_.IGNORED, O_.IGNORED, O_.IGNORED, O_.IGNORED, O_.JOINED,
        O_.IGNORED, O_.IGNORED, O_.IGNORED,
    ),
    Standing.ALIVE: (
        O_.ANSWERED, O_.IGNORED, O_.UNCHANGED, O_.CONFLICT_KEPT, O_.CONFLICT_RAISED, O_.RAISED,
        O_.RESTARTED, O_.IGNORED, O_.UNCHANGED, O_.LEFT,
    ),
    Standing.SUSPECT: (
        O_.ANSWERED, O_.ANSWERED, O_.UNCHANGED, O_.CONFLICT_KEPT, O_.CONFLICT_RAISED, O_.NEWS,
        O_.RESTARTED, O_.IGNORED, O_.UNCHANGED, O_.LEFT,
    ),
    Standing.UNREACHABLE: (
        O_.ANSWERED, O_.ANSWERED, O_.UNCHANGED, O_.CONFLICT_KEPT, O_.CONFLICT_RAISED, O_.NEWS,
        O_.RESTARTED, O_.IGNORED, O_.UNCHANGED, O_.LEFT,
    ),
    Standing.LEFT: (
        O_.ANSWERED, O_.IGNORED, O_.UNCHANGED, O_.CONFLICT_KEPT, O_.CONFLICT_RAISED, O_.RAISED,
        O_.RESTARTED, O_.IGNORED, O_.UNCHANGED, O_.LEFT,
    ),
}  # fmt: skip


def alive(epoch: int, incarnation: int, word: str = "a", *addresses: str) -> Claim:
    """Bob's Alive."""
    return Claim.of(BOB.alive(epoch, incarnation, word, *addresses))


def leave(epoch: int, incarnation: int = 0) -> Claim:
    """Bob's Leave."""
    return Claim.of(BOB.leave(epoch, incarnation))


POOL = tuple(
    Claim.of(who.alive(epoch, incarnation, word))
    for who, epoch, incarnation, word in product((BOB, CAROL), (1, 2), (0, 1), "ab")
) + tuple(Claim.of(who.leave(epoch, 0)) for who, epoch in product((BOB, CAROL), (1, 2, 3)))
CLAIMS = st.lists(st.sampled_from(POOL), max_size=8)


def joined(one: dict[MemberId, Held], other: dict[MemberId, Held]) -> list[Claim]:
    """All claims that two views hold."""
    return [
        claim
        for held in (*one.values(), *other.values())
        for claim in (held.alive, held.leave)
        if claim is not None
    ]


class TableTests(SynchronousTestCase):
    """The table, cell by cell."""

    def test_every_cell(self) -> None:
        """Each standing answers each claim as written down here."""
        for standing, row in CELLS.items():
            for told, outcome in zip(TOLD, row, strict=True):
                self.assertIs(judge(standing, told), outcome, f"{standing} {told}")

    def test_no_cell_is_forgotten(self) -> None:
        """The table knows every standing, and every claim in each."""
        self.assertEqual(set(TRANSITIONS), set(Standing))
        for standing in Standing:
            self.assertEqual(set(TRANSITIONS[standing]), set(Told))

    def test_what_is_held_is_what_raises(self) -> None:
        """A claim is kept exactly if it is greater than what was held of its kind."""
        held = Held(alive(2, 1, "b"), leave(1))
        for claim in POOL[:8] + POOL[16:19]:
            kept = judge(Standing.SUSPECT, compare(claim, held)) in HOLDS
            changed = held.with_claim(claim) != held
            if compare(claim, held) is not Told.LEAVE_OLDER_EPOCH:
                self.assertEqual(kept, changed, str(claim.version))


class CompareTests(SynchronousTestCase):
    """How a claim stands to what is held."""

    def test_alive(self) -> None:
        """Epoch first, then incarnation; another boot or body in one epoch is a twin."""
        held = Held(alive(5, 2, "b"))
        expected = {
            alive(4, 9, "b"): Told.ALIVE_OLDER_EPOCH,
            alive(5, 1, "b"): Told.ALIVE_OLDER,
            alive(5, 2, "b"): Told.ALIVE_EQUAL,
            alive(5, 2, "a"): Told.ALIVE_TWIN_BELOW,
            alive(5, 2, "c"): Told.ALIVE_TWIN_ABOVE,
            alive(5, 1, "c"): Told.ALIVE_TWIN_BELOW,
            alive(5, 3, "a"): Told.ALIVE_TWIN_ABOVE,
            alive(5, 3, "b"): Told.ALIVE_NEWER,
            alive(6, 0, "a"): Told.ALIVE_NEWER_EPOCH,
        }
        for claim, told in expected.items():
            self.assertIs(compare(claim, held), told)
        other = alive(5, 2, "b", "10.0.0.2:1")
        self.assertIn(compare(other, held), (Told.ALIVE_TWIN_BELOW, Told.ALIVE_TWIN_ABOVE))

    def test_leave(self) -> None:
        """A leave counts from the newest epoch on, once."""
        held = Held(alive(5, 2))
        self.assertIs(compare(leave(4), held), Told.LEAVE_OLDER_EPOCH)
        self.assertIs(compare(leave(5, 0), held), Told.LEAVE_NEWER)
        self.assertIs(compare(leave(6), held), Told.LEAVE_NEWER)
        self.assertIs(compare(leave(5, 2), held.with_claim(leave(5, 2))), Told.LEAVE_HELD)
        self.assertIs(compare(leave(5, 1), held.with_claim(leave(5, 2))), Told.LEAVE_HELD)

    def test_nothing_held(self) -> None:
        """Of a stranger, every Alive is news."""
        self.assertIs(compare(alive(1, 0), Held()), Told.ALIVE_NEWER_EPOCH)

    def test_left(self) -> None:
        """A member has left if its leave is of its newest epoch, whatever the incarnations."""
        self.assertFalse(Held(alive(2, 0)).left)
        self.assertTrue(Held(alive(2, 5), leave(2, 0)).left)
        self.assertFalse(Held(alive(3, 0), leave(2, 9)).left)
        self.assertTrue(Held(None, leave(2)).left)


class MergeTests(SynchronousTestCase):
    """What is held depends on the set of claims alone."""

    @settings(max_examples=200, deadline=None)
    @given(CLAIMS, st.randoms(use_true_random=False))
    def test_order(self, claims: list[Claim], rng: object) -> None:
        """Any order of the same claims gives the same."""
        shuffled = list(claims)
        rng.shuffle(shuffled)  # type: ignore[attr-defined]
        self.assertEqual(merge(claims), merge(shuffled))

    @settings(max_examples=200, deadline=None)
    @given(CLAIMS, CLAIMS, CLAIMS)
    def test_grouping(self, one: list[Claim], two: list[Claim], three: list[Claim]) -> None:
        """It does not matter who merged what before."""
        left = merge(joined(merge(joined(merge(one), merge(two))), merge(three)))
        right = merge(joined(merge(one), merge(joined(merge(two), merge(three)))))
        self.assertEqual(left, right)
        self.assertEqual(left, merge(self._all(one, two, three)))

    @settings(max_examples=200, deadline=None)
    @given(CLAIMS)
    def test_again(self, claims: list[Claim]) -> None:
        """Claims told twice change nothing."""
        self.assertEqual(merge([*claims, *claims]), merge(claims))

    @settings(max_examples=200, deadline=None)
    @given(CLAIMS)
    def test_never_back(self, claims: list[Claim]) -> None:
        """What is held of a member never decreases."""
        for end in range(len(claims)):
            before, after = merge(claims[:end]), merge(claims[: end + 1])
            for member, held in before.items():
                if held.alive is not None:
                    now = after[member].alive
                    assert now is not None
                    self.assertGreaterEqual(now.rank, held.alive.rank)

    @staticmethod
    def _all(*lists: Sequence[Claim]) -> list[Claim]:
        return [claim for part in lists for claim in part]
