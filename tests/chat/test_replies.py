"""Replies of the node in lines for people."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.chat.acts import Ask, Purpose
from securechat.chat.clock import Clock
from securechat.chat.replies import present
from tests.chat.scene import ZONE, gap, member, post, status

AT = "2026-11-21T11:00:05Z"


def shown(cmd: str, **reply: Any) -> list[str]:
    """The lines of a reply, without the first that names the question."""
    ask = Ask(Purpose.SHOW, cmd)
    return present(Clock(ZONE), ask, {"code": 250, **reply}).split("\n")[1:]


class PresentTests(SynchronousTestCase):
    """One presenter for each command."""

    def test_members(self) -> None:
        """Each member with its state word, how it is reached and when it was heard."""
        lines = shown("members", items=[member("ada"), member("bob"), member("eve", "left",
            last_heard_s=None, rtt_ms=None, via="none")])  # fmt: skip
        self.assertEqual(lines, [
            "  ada          alive       this node",
            "  bob          alive       direct, since 12:00:00, heard 1.2s ago, 12 ms",
            "  eve          left        none, since 12:00:00, not heard yet",
        ])  # fmt: skip

    def test_who(self) -> None:
        """The evidence: who saw what, whether it counted and why."""
        evidence = [{"at": AT, "by": "bob", "what": "probe", "verdict": "suspect", "counted": False,
                     "why": "too old"}]  # fmt: skip
        lines = shown("who", **member("dave"), evidence=evidence)
        self.assertEqual(lines[1], "  12:00:05 bob: probe: suspect, not counted (too old)")

    def test_lists(self) -> None:
        """Gaps, outbox, delivery and explain, each with an answer for an empty list."""
        self.assertTrue(shown("gaps", items=[gap()])[0].startswith("  GAP: dave #17-#18"))
        waiting = {"id": "ada/3/1", "state": "sent", "acked": 1, "of": 2, "why": "carol is left"}
        self.assertEqual(shown("outbox", items=[waiting]), ["  ada/3/1 sent 1/2: carol is left"])
        told = {"at": AT, "what": "sent to bob", "evidence": "turn 7"}
        self.assertEqual(
            shown("explain", summary="acked", items=[told]),
            ["  acked", "  12:00:05 sent to bob  [turn 7]"],
        )
        empty = {
            "gaps": "  nothing is known to be missing",
            "outbox": "  every message of yours has its receipts",
            "delivery": "  it has no recipients",
            "explain": "  nothing is known of it",
            "links": "  nothing",
        }
        self.assertEqual({cmd: shown(cmd, items=[])[0] for cmd in empty}, empty)

    def test_digest(self) -> None:
        """Eight characters to read aloud."""
        self.assertIn("0123abcd ", shown("digest", digest="0123abcdef")[0])

    def test_fields(self) -> None:
        """A command without a presenter prints its fields."""
        self.assertEqual(shown("retry", state="sent"), ["  state sent"])
        self.assertEqual(shown("links", items=[{"peer": "bob", "x": None}]), ["  peer bob"])

    def test_status(self) -> None:
        """The status by lines, counts of members in words."""
        lines = shown("status", **status(), faults=False)
        self.assertIn("  members      alive 3, suspect 0, unreachable 1, left 0", lines)
        self.assertEqual(lines[0], "  name         ada")
        self.assertEqual(shown("links", refused={}, more={"a": 1}, x={"b": 2}), ["  x b 2"])

    def test_post_is_no_reply(self) -> None:
        """Items of other kinds are printed as fields, never lost."""
        self.assertIn("text hi", shown("messages", items=[post("bob", 1, "hi")])[0])
