"""Rare situations are counted by a name that says what they are."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Kind, MemberId, MessageId, Stream
from securechat.notices import (
    ClockNoticed,
    Conflict,
    Delivery,
    DeliveryChanged,
    FaultNoticed,
    GapChanged,
    LinkChanged,
    Liveness,
    MemberChanged,
    PostShown,
    Recovered,
)
from securechat.simulation.marks import COUNTERS, SOMETIMES, missed, of_counters, of_event

ADA, BOB = MemberId("a" * 52), MemberId("b" * 52)
STREAM = Stream(ADA, 1, BootId("0" * 32))
POST = MessageId(STREAM, 1, Kind.POST)


class MarkTests(SynchronousTestCase):
    """The marks of events and counters."""

    def test_events(self) -> None:
        """Each rare event has a mark of its own, an ordinary one has none."""
        went, came = Liveness.UNREACHABLE, Liveness.ALIVE
        unknown, acked = Delivery.UNKNOWN, Delivery.ACKED
        cases: list[tuple[Any, str]] = [
            (Recovered(STREAM, 1, 2, BOB), "a gap was filled from a third peer"),
            (Recovered(STREAM, 1, 2, ADA), "a gap was filled by its author"),
            (PostShown(POST, late=True, recovered=True), "a post was shown late"),
            (PostShown(POST, late=False, recovered=True), "a post was recovered"),
            (PostShown(POST, late=False, recovered=False), ""),
            (DeliveryChanged(POST, BOB, unknown, acked, ""), "unknown became acked"),
            (DeliveryChanged(POST, BOB, Delivery.SENT, acked, ""), "a message became acked"),
            (GapChanged(STREAM, 1, 2, "filled", ""), "a gap: filled"),
            (MemberChanged(BOB, went, came, ""), "an unreachable member came back"),
            (MemberChanged(BOB, Liveness.LEFT, came, ""), "a member that had left came back"),
            (MemberChanged(BOB, None, came, ""), "a member became alive"),
            (LinkChanged(BOB, "down", "in", "superseded"), "a link ended as superseded"),
            (LinkChanged(BOB, "down", "in", "reset"), "a link ended"),
            (LinkChanged(BOB, "up", "in", ""), ""),
            (Conflict(BOB, ""), "a conflict was noticed"),
            (LinkChanged(BOB, "down", "in", "too-slow"), "a link ended as too-slow"),
            (ClockNoticed(ADA, "60 s ahead"), "a clock was found to be off"),
            (FaultNoticed("read-only: disk full"), "a node became read-only"),
            (FaultNoticed("disk full"), ""),
        ]
        for event, mark in cases:
            self.assertEqual(of_event(event), mark)

    def test_counters(self) -> None:
        """Counters that tell of something rare are marks too; those at zero are none."""
        name, mark = next(iter(COUNTERS.items()))
        self.assertEqual(dict(of_counters({name: 3, "frames_in": 900})), {mark: 3})

    def test_missed(self) -> None:
        """What must come up ten times in 500 worlds is missed with nine; fewer worlds prove nothing."""
        self.assertGreaterEqual(len(SOMETIMES), 40)
        often = dict.fromkeys(SOMETIMES, 10)
        self.assertEqual(missed(often, 500), [])
        rare = min(SOMETIMES)
        self.assertEqual(missed({**often, rare: 9}, 500), [rare])
        self.assertEqual(missed(often, 1000), sorted(SOMETIMES))
        self.assertEqual(missed({}, 499), [])
