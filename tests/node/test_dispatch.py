"""Who gets what."""

from __future__ import annotations

from random import Random
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Answer, Effect
from securechat.errors import LocalError
from securechat.inputs import Asked, Command, Goodbye, Say, Tell
from securechat.membership.messages import STATEMENTS as CLAIMS
from securechat.messaging.core import Messaging
from securechat.messaging.messages import MESSAGES as MESSAGING
from securechat.node.dispatch import CARRIES, MESSAGES, STATEMENTS, Cores
from securechat.settings import Settings
from tests.membership.bench import Bench, boot, someone

ADA, BOB = someone("ada"), someone("bob")


class SilentTests(SynchronousTestCase):
    """A process that stopped speaking, since another has its key."""

    def setUp(self) -> None:
        """Two conflicts within ten minutes."""
        self.bench = Bench(boot=boot("5")).start()
        self.bench.link(BOB)
        messaging = Messaging(ADA.signer, boot("5"), Settings(), Random(1))
        self.cores = Cores(self.bench.core, messaging)

    def ask(self, command: Command) -> list[Effect]:
        """A command of the operator."""
        asked = Asked(1, command)
        return [e for effects in self.cores.route(asked, self.bench.now) for e in effects]

    def test_says_so(self) -> None:
        """It takes no message, and says why; a goodbye it still says."""
        for epoch in (3, 5):
            self.bench.refused(BOB, ADA.alive(epoch, 0, "b"), live=True)
        for command in (Say("hi"), Tell(BOB.id, "hi")):
            (answer,) = self.ask(command)
            problem = cast(LocalError, cast(Answer, answer).value)
            self.assertEqual(problem.code, 420)
            self.assertIn("another process speaks with this key", str(problem))
        self.assertTrue(self.ask(Goodbye()))

    def test_before(self) -> None:
        """Until then its commands go to their core."""
        (answer,) = self.ask(Say("hi"))
        self.assertIn("does not know its epoch", str(cast(Answer, answer).value))
        self.assertFalse(self.cores.membership.silent)


class CarriesTests(SynchronousTestCase):
    """Which objects each message may carry."""

    def test_every_message_with_objects(self) -> None:
        """Each message that has a place for objects says which, and each kind has a place."""
        held = {
            kind
            for code, kind in MESSAGES.items()
            if code >= 16 and "objects" in {a.name for a in kind.__attrs_attrs__}
        }
        self.assertEqual(set(CARRIES), held)
        self.assertEqual({p for kinds in CARRIES.values() for p in kinds}, set(STATEMENTS))

    def test_apart(self) -> None:
        """No message of messaging carries a claim."""
        for kind in set(CARRIES) & set(MESSAGING.values()):
            self.assertFalse(CARRIES[kind] & set(CLAIMS))
