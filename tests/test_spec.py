"""The test vectors of docs/spec are what the code says and does."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat import signing
from securechat.node import handshake
from securechat.objects import Purpose
from securechat.wire import LENGTH, Codec
from tests.house import ROOT


def vectors(name: str) -> list[dict[str, Any]]:
    """The vectors of one page."""
    path = ROOT / "docs" / "spec" / "vectors" / f"{name}.json"
    found: list[dict[str, Any]] = json.loads(path.read_text())
    return found


class SigningVectorTests(SynchronousTestCase):
    """docs/spec/signing.md"""

    def test_vectors(self) -> None:
        """Each key, id, signed bytes, signature and hash is as published."""
        rows = vectors("signing")
        self.assertEqual({row["purpose"] for row in rows}, set(Purpose))
        for row in rows:
            signer = signing.Signer.from_seed(row["room"], bytes.fromhex(row["seed"]))
            purpose, statement = Purpose(row["purpose"]), bytes.fromhex(row["statement"])
            signed = signer.sign(purpose, statement)
            self.assertEqual(signer.public.hex(), row["public"])
            self.assertEqual(signer.member, row["member"])
            covered = signing.signed_bytes(purpose, row["room"], statement)
            self.assertEqual(covered.hex(), row["signed"])
            self.assertEqual(signed.signature.hex(), row["signature"])
            self.assertEqual(signing.object_hash(row["room"], signed).hex(), row["hash"])
            self.assertTrue(signing.verify(row["room"], signer.public, signed))


class WireVectorTests(SynchronousTestCase):
    """docs/spec/wire.md"""

    def test_vectors(self) -> None:
        """Each frame decodes to the message that it is published as, and encodes to itself."""
        codec = Codec(handshake.MESSAGES, {})
        for row in vectors("wire"):
            frame = bytes.fromhex(row["frame"])
            self.assertEqual(int.from_bytes(frame[:LENGTH], "big"), len(frame) - LENGTH)
            message = codec.message(frame[LENGTH:])
            self.assertEqual(type(message).__name__, row["message"])
            self.assertEqual(repr(message), row["repr"])
            self.assertEqual(codec.frame(message), frame)
