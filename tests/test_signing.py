"""What a signature covers, and which keys are refused."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat import signing
from securechat.errors import RemoteError
from securechat.objects import Purpose, Signed

ROOM = "r" * 52
SIGNER = signing.Signer.from_seed(ROOM, bytes(range(32)))

# The eight points of small order, in all encodings that fit 32 bytes: public knowledge (any list of
# Ed25519 edge cases has them); for the first, a signature made without any secret verifies.
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
]
NOT_CANONICAL = [
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


class KeyTests(SynchronousTestCase):
    """Member ids, and the keys that get none."""

    def test_weak_keys(self) -> None:
        """A key of small order, in any encoding, is refused."""
        for encoded in SMALL_ORDER:
            with self.assertRaises(RemoteError, msg=encoded) as caught:
                signing.member_id(bytes.fromhex(encoded))
            self.assertEqual(caught.exception.reason, "weak-key")

    def test_keys_in_another_encoding(self) -> None:
        """A key at or above the prime is a second name for the same point: refused."""
        for encoded in NOT_CANONICAL:
            self.assertRaises(RemoteError, signing.check_public_key, bytes.fromhex(encoded))

    def test_wrong_length(self) -> None:
        """31 or 33 bytes are no key."""
        for length in (0, 31, 33):
            self.assertRaises(RemoteError, signing.check_public_key, b"\x07" * length)

    def test_member_id(self) -> None:
        """A member id is 52 lower-case characters, and never changes for a key."""
        self.assertRegex(SIGNER.member, r"^[a-z2-7]{52}$")
        self.assertEqual(SIGNER.member, signing.member_id(SIGNER.public))

    def test_secret_is_not_shown(self) -> None:
        """Printing a signer shows no key."""
        self.assertNotIn(bytes(range(32)).hex(), repr(SIGNER))
        self.assertNotIn("SigningKey", repr(SIGNER))


class SignatureTests(SynchronousTestCase):
    """One purpose, one room, these bytes."""

    def test_each_purpose_refuses_every_other(self) -> None:
        """A signature of each TYPE offered as every other TYPE is refused: the whole matrix."""
        for made in Purpose:
            signed = SIGNER.sign(made, b"same bytes")
            for offered in Purpose:
                verdict = signing.verify(ROOM, SIGNER.public, evolve(signed, purpose=offered))
                self.assertEqual(verdict, made is offered, f"{made} as {offered}")

    def test_other_room(self) -> None:
        """A signature does not leave its room."""
        signed = SIGNER.sign(Purpose.ALIVE, b"x")
        self.assertFalse(signing.verify("q" * 52, SIGNER.public, signed))

    def test_other_key(self) -> None:
        """Only the signer's key verifies."""
        other = signing.Signer.from_seed(ROOM, b"\x01" * 32)
        self.assertFalse(signing.verify(ROOM, other.public, SIGNER.sign(Purpose.ALIVE, b"x")))

    def test_forged_without_a_secret(self) -> None:
        """The signature that verifies under a weak key in a careless library is refused."""
        weak = bytes.fromhex(SMALL_ORDER[0])
        forged = Signed(Purpose.ALIVE, b"anything", weak + bytes(32))
        self.assertFalse(signing.verify(ROOM, weak, forged))

    def test_malleated(self) -> None:
        """S + L is another encoding of the same signature: refused."""
        order = 2**252 + 27742317777372353535851937790883648493
        signed = SIGNER.sign(Purpose.ALIVE, b"x")
        s = int.from_bytes(signed.signature[32:], "little") + order
        altered = evolve(signed, signature=signed.signature[:32] + s.to_bytes(32, "little"))
        self.assertFalse(signing.verify(ROOM, SIGNER.public, altered))

    @given(st.binary(max_size=64), st.integers(0, 10_000), st.integers(1, 255))
    def test_any_changed_byte(self, statement: bytes, where: int, flip: int) -> None:
        """Changing any byte of statement or signature voids it."""
        signed = SIGNER.sign(Purpose.ENVELOPE, statement)
        whole = bytearray(signed.statement + signed.signature)
        whole[where % len(whole)] ^= flip
        cut = len(statement)
        altered = Signed(Purpose.ENVELOPE, bytes(whole[:cut]), bytes(whole[cut:]))
        self.assertFalse(signing.verify(ROOM, SIGNER.public, altered))

    def test_nonsense_lengths(self) -> None:
        """A short key or signature is False, not an exception."""
        self.assertFalse(signing.verify(ROOM, b"", SIGNER.sign(Purpose.ALIVE, b"x")))
        self.assertFalse(signing.verify(ROOM, SIGNER.public, Signed(Purpose.ALIVE, b"x", b"")))


class VerifierTests(SynchronousTestCase):
    """A verifier remembers what passed, and only that."""

    def test_remembers(self) -> None:
        """The second look is a look-up; another signature on the same bytes is checked."""
        verifier = signing.Verifier(ROOM)
        signed = SIGNER.sign(Purpose.ALIVE, b"x")
        self.assertTrue(verifier.passes(SIGNER.public, signed))
        self.assertTrue(verifier.passes(SIGNER.public, signed))
        self.assertFalse(verifier.passes(SIGNER.public, evolve(signed, signature=bytes(64))))

    def test_forgets_the_oldest(self) -> None:
        """Memory is bounded; what was forgotten is verified again."""
        verifier = signing.Verifier(ROOM, capacity=2)
        objects = [SIGNER.sign(Purpose.ALIVE, bytes([n])) for n in range(4)]
        for signed in objects:
            self.assertTrue(verifier.passes(SIGNER.public, signed))
        self.assertEqual(len(verifier._passed), 2)
        self.assertTrue(verifier.passes(SIGNER.public, objects[0]))
