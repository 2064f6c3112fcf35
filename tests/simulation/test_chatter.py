"""Once all are equal and nothing happens, nodes say no more than they must."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.membership.messages import Ping
from securechat.messaging.messages import Digest, Posts
from securechat.node.dispatch import codec
from securechat.simulation.chatter import Chatter

CODEC = codec()
DIGEST = Digest(bytes(32), 0)
CALM = {"ada": 7, "bob": 9, "carol": 4}


class ChatterTests(SynchronousTestCase):
    """Ten seconds of an idle room of three, with periods of one second."""

    def setUp(self) -> None:
        self.told: list[str] = []
        self.chatter = Chatter(lambda rule, node, text: self.told.append(f"{node}: {text}"))

    def says(self, *messages: Any) -> None:
        """Ada writes."""
        self.chatter.written("ada", b"".join(map(CODEC.frame, messages)))

    def judged(self, commits: dict[str, int] | None = None) -> list[str]:
        """What is told of it."""
        self.chatter.judge(30.0, 1.0, commits or CALM)
        return self.told

    def test_quiet(self) -> None:
        """A digest to each peer in each period, and whatever membership says, is no chatter."""
        self.says(Posts(), Posts())
        self.chatter.begin(20.0, CALM)
        self.says(*[DIGEST] * 20, *[Ping(1, bytes(8))] * 50)
        self.assertEqual(self.judged(), [])

    def test_chatter(self) -> None:
        """Anything else is, and so are too many digests."""
        self.chatter.begin(20.0, CALM)
        self.says(Posts(), *[DIGEST] * 40)
        found = self.judged()
        self.assertEqual(len(found), 2)
        self.assertIn("ada: 1 Posts in 10 s", found[0])
        self.assertIn("ada: 40 Digest", found[1])

    def test_commits(self) -> None:
        """An idle room costs no disk."""
        self.chatter.begin(20.0, CALM)
        found = self.judged({**CALM, "bob": 11})
        self.assertEqual(found, ["bob: 2 commits in 10 s of an idle room"])

    def test_never_idle(self) -> None:
        """A room that was not idle is not judged."""
        self.says(Posts())
        self.assertEqual(self.judged({**CALM, "bob": 11}), [])
