"""The door: what comes in is judged by what it is, not by who brought it."""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.trial.unittest import SynchronousTestCase

from securechat.certificates import Authority, found_authority, issue
from securechat.errors import RemoteError
from securechat.ids import Hash, MemberId
from securechat.keyring import Key, Keyring
from securechat.node.door import Door
from securechat.objects import Admitted, Purpose, Signed
from securechat.signing import Signer, object_hash, room_id
from securechat.wire import Codec, pack

NOW = 1_800_000_000_000


@frozen
class Words:
    """A statement; its attachment must repeat its text."""

    author: MemberId
    text: str

    def check(self, attachment: bytes) -> None:
        """The attachment is bound by the text."""
        if attachment != self.text.encode():
            raise RemoteError("malformed", "attachment")


@frozen
class Life:
    """An Alive; the door itself judges its certificate."""

    author: MemberId

    def check(self, attachment: bytes) -> None:
        """Nothing more to say."""


@frozen
class Bundle:
    """A message with signed objects."""

    objects: tuple[Signed, ...]


@frozen
class Other:
    """A message that should carry none."""

    objects: tuple[Signed, ...]


CODEC = Codec({40: Bundle}, {Purpose.ENVELOPE: Words, Purpose.ALIVE: Life})


class Someone:
    """A member of a room, with key and certificate."""

    def __init__(self, authority: Authority, name: str, seed: int) -> None:
        private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.signer = Signer.from_seed(room_id(authority.certificate), bytes([seed]) * 32)
        self.member = self.signer.member
        self.name = name
        self.certificate = issue(
            authority.key, authority.certificate, name, private.public_key().public_bytes_raw(), NOW
        )

    def says(self, text: str) -> Signed:
        """A signed utterance."""
        return self.signer.sign(Purpose.ENVELOPE, pack(Words(self.member, text)), text.encode())

    def lives(self) -> Signed:
        """A signed Alive with the certificate."""
        return self.signer.sign(Purpose.ALIVE, pack(Life(self.member)), self.certificate)

    @property
    def key(self) -> Key:
        """As the keyring has it."""
        return Key(self.member, self.name, self.signer.public, self.certificate)


class DoorTests(SynchronousTestCase):
    """One object at a time."""

    def setUp(self) -> None:
        self.authority = found_authority("lab", NOW)
        self.ada = Someone(self.authority, "ada", 1)
        self.bob = Someone(self.authority, "bob", 2)
        self.held: set[Hash] = set()
        self.keyring = Keyring({self.ada.member: self.ada.key})
        self.door = Door(
            CODEC,
            room_id(self.authority.certificate),
            self.authority.certificate,
            lambda: self.keyring,
            lambda name: name in self.held,
            {Bundle: frozenset({Purpose.ENVELOPE, Purpose.ALIVE})},
        )

    def refused(self, signed: Signed, reason: str) -> None:
        """This object costs its bringer the link, for this reason."""
        with self.assertRaises(RemoteError) as caught:
            self.door.object(signed)
        self.assertEqual(caught.exception.reason, reason)

    def test_wrong_object(self) -> None:
        """An object of a kind that the message does not carry costs the link, unknown or not."""
        leave = self.ada.signer.sign(Purpose.LEAVE, b"whatever it says")
        for message, told in ((Bundle((leave,)), "leave in Bundle"), (Other((leave,)), "in Other")):
            with self.assertRaises(RemoteError) as caught:
                self.door.admit(self.bob.member, 1, message)
            self.assertEqual(caught.exception.reason, "wrong-object")
            self.assertIn(told, caught.exception.detail)

    def test_good(self) -> None:
        """A good object is admitted with its hash, author and statement."""
        signed = self.ada.says("hi")
        found = self.door.object(signed)
        assert isinstance(found, Admitted)
        self.assertEqual(found.hash, object_hash(self.door.room, signed))
        self.assertEqual((found.author, found.statement.text), (self.ada.member, "hi"))
        self.assertFalse(found.seen)

    def test_held(self) -> None:
        """What is held by hash is not verified again, and says so."""
        signed = self.ada.says("hi")
        self.held.add(object_hash(self.door.room, signed))
        found = self.door.object(evolve(signed, signature=bytes(64)))
        assert isinstance(found, Admitted)
        self.assertTrue(found.seen)

    def test_unknown_author(self) -> None:
        """An author without certificate is named, his object dropped; with it, it is taken."""
        signed = self.bob.says("hi")
        received = self.door.admit(self.ada.member, 1, Bundle((signed, self.ada.says("x"))))
        self.assertEqual(received.unknown, (self.bob.member,))
        self.assertEqual([found.author for found in received.admitted], [self.ada.member])
        self.keyring = Keyring({self.bob.member: self.bob.key})
        self.assertIsInstance(self.door.object(signed), Admitted)

    def test_introduction(self) -> None:
        """An Alive brings the certificate of its author, and is believed by it alone."""
        self.assertIsInstance(self.door.object(self.bob.lives()), Admitted)

    def test_forged(self) -> None:
        """Another's signature, a changed text, and a changed attachment are refused."""
        signed = self.ada.says("hi")
        self.refused(evolve(signed, signature=self.bob.says("hi").signature), "bad-signature")
        self.refused(evolve(signed, attachment=b"ho"), "malformed")
        said_as_ada = pack(Words(self.ada.member, "hi"))
        self.refused(self.bob.signer.sign(Purpose.ENVELOPE, said_as_ada, b"hi"), "bad-signature")
        self.refused(evolve(signed, purpose=Purpose.RECEIPT), "unknown-object")
        self.refused(evolve(signed, statement=signed.statement + b"\0"), "malformed")

    def test_alive_of_another_room(self) -> None:
        """A member of another room is no author here, however well he signs."""
        other = Someone(found_authority("elsewhere", NOW), "bob", 2)
        own = Signer.from_seed(self.door.room, bytes([2]) * 32)
        alive = own.sign(Purpose.ALIVE, pack(Life(other.member)), other.certificate)
        self.refused(alive, "wrong-room")

    def test_alive_with_a_borrowed_certificate(self) -> None:
        """A certificate introduces its own key only."""
        statement = pack(Life(self.bob.member))
        self.refused(
            self.bob.signer.sign(Purpose.ALIVE, statement, self.ada.certificate), "key-mismatch"
        )

    def test_read_back(self) -> None:
        """What was altered on disk is not served to others."""
        signed = self.ada.says("hi")
        self.assertTrue(self.door.authentic(signed))
        for altered in (
            evolve(signed, attachment=b"ho"),
            evolve(signed, statement=signed.statement[:-1]),
            evolve(signed, signature=bytes(64)),
            self.bob.says("hi"),
        ):
            self.assertFalse(self.door.authentic(altered))

    def test_the_bringer_does_not_matter(self) -> None:
        """The verdict on an object is the same whoever brings it."""
        message = Bundle((self.ada.says("hi"),))
        one = self.door.admit(self.ada.member, 1, message)
        other = self.door.admit(self.bob.member, 2, message)
        self.assertEqual(one.admitted, other.admitted)

    def test_message_without_objects(self) -> None:
        """Other messages pass as they are."""
        plain: Any = "ping"
        self.assertEqual(self.door.admit(self.ada.member, 1, plain).admitted, ())
