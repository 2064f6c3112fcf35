"""The scenes of lying authors tell when a node falls for one: each with one behaviour taken away."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import Stream
from securechat.messaging.announcing import Announcing
from securechat.messaging.claims import Claim
from securechat.messaging.recovery import Recovery
from securechat.messaging.sources import Source
from securechat.messaging.streams import Streams
from securechat.messaging.taking import Taking
from securechat.simulation.scenarios import SCENARIOS, perform
from securechat.wire import pack


def without_forks(self: Streams, stream: Stream) -> bytes:
    """What a stream puts into the digest, without the place where it forks."""
    state = self.get(stream)
    if state is None or not state.entry():
        return b""
    return pack((stream.author, stream.epoch, stream.boot, state.entry()))


class Broken(SynchronousTestCase):
    """What each scene says of a product that lacks something."""

    def broken(self, name: str) -> list[str]:
        """The promises that a scene finds broken."""
        (scene,) = [scene for scene in SCENARIOS if scene.name == name]
        return [f"{violation.rule}: {violation.text}" for violation in perform(scene, 1)]

    def test_another_head_is_no_hint(self) -> None:
        """Who never asks for another head keeps to his side of a fork."""
        self.patch(Recovery, "_disputed", lambda *what: [])
        self.patch(Announcing, "_proofs", lambda *what: [])
        found = self.broken("a fork")
        self.assertTrue(any(text.startswith("G7: digests") for text in found), found)
        self.assertTrue(any("keeps [True, False] of the proof" in text for text in found), found)

    def test_a_digest_without_forks(self) -> None:
        """Who learned of a fork alone keeps that to himself if his digest does not tell it."""
        self.patch(Streams, "_row", without_forks)
        found = self.broken("a chain that never was")
        self.assertTrue(any("of the proof" in text for text in found), found)

    def test_no_proof_is_kept(self) -> None:
        """A contradiction that is no fact is not explained, and nobody is told of a conflict."""
        self.patch(Taking, "settle", lambda *what: [])
        found = self.broken("a fork")
        self.assertTrue(any("tells of no conflict" in text for text in found), found)
        self.assertTrue(any("explains" in text for text in found), found)

    def test_asks_for_ever(self) -> None:
        """Who walks down a false claim, without pauses, is counted on the wire."""
        self.patch(Source, "filled_nothing", lambda *what: None)
        self.patch(Recovery, "_missing", _every_part(Recovery._missing))
        found = self.broken("a framed author")
        self.assertTrue(any(text.startswith("G9: wants") for text in found), found)

    def test_silence_about_the_unnamed(self) -> None:
        """Who takes it for a denial that a frontier ends never asks for what lies below."""
        self.patch(Claim, "unsaid", lambda *what: 0)
        found = self.broken("more holes than are told")
        self.assertTrue(any(text.startswith("G7: digests") for text in found), found)
        self.assertTrue(any("does not show ['between holes" in text for text in found), found)


def _every_part(missing: Any) -> Any:
    """As if each part of a hole had to be denied by itself."""

    def parts(self: Recovery, peer: Any, source: Any, stream: Any) -> Any:
        want = source.want
        if want is not None and want.finished is not None:
            return []
        return missing(self, peer, source, stream)

    return parts
