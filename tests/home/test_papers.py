"""The files that people hand to each other, and every way in which they are refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import msgspec
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.certificates import NAME, found_authority
from securechat.errors import RemoteError
from securechat.home import papers
from securechat.home.papers import (
    Request,
    read_admission,
    read_request,
    write_admission,
    write_request,
)
from securechat.objects import Purpose
from securechat.signing import Signer, member_id
from tests.zoo import NOW_MS, SMALL_ORDER, zoo

ROOM = found_authority("lab", NOW_MS)
AUTHORITY = Signer.from_seed(ROOM.room, ROOM.key.private_bytes_raw())
KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
BOB = Signer.from_seed("", KEY.private_bytes_raw())
DER = ROOM.issue("bob", PUBLIC, NOW_MS)
ADDRESSES = ("192.0.2.1:7400", "[2001:db8::1]:7400")
REQUEST = write_request(BOB, "bob")
ADMISSION = write_admission(AUTHORITY, ROOM.certificate, DER, ADDRESSES)
POSITIONS = 400


def respelt(text: str, **changes: Any) -> str:
    """The paper with some fields changed, in the one spelling, its signature as it was."""
    return json.dumps({**json.loads(text), **changes}, indent=2) + "\n"


def signed_by(signer: Signer, name: str, **changes: Any) -> str:
    """A request with a good signature over whatever it says."""
    request = evolve(
        Request("securechat request", 1, name, signer.member, signer.public, signer.room),
        **changes,
    )
    signed = signer.sign(Purpose.REQUEST, papers._statement(request))
    return papers._render(evolve(request, signature=signed.signature))


class PaperCase(SynchronousTestCase):
    """What every refusal has in common."""

    def refused(self, reader: Callable[[str], object], text: str) -> RemoteError:
        """The refusal of this paper: typed, in one printable line."""
        refusal = self.assertRaises(RemoteError, reader, text)
        assert isinstance(refusal, RemoteError)
        self.assertTrue(str(refusal).isprintable() and str(refusal).isascii(), str(refusal))
        return refusal


class GoodTests(SynchronousTestCase):
    """Papers as they are written."""

    def test_request(self) -> None:
        """A request says the name, the key and its id."""
        request = read_request(REQUEST)
        self.assertEqual((request.name, request.public_key, request.room), ("bob", PUBLIC, ""))
        self.assertEqual(request.member, member_id(PUBLIC))

    def test_admission(self) -> None:
        """An admission says the member, the room and whom to dial."""
        admitted = read_admission(ADMISSION)
        self.assertEqual((admitted.member.name, admitted.room.name), ("bob", "lab"))
        self.assertEqual((admitted.room.room, admitted.addresses), (ROOM.room, ADDRESSES))

    def test_no_secret(self) -> None:
        """No paper holds a private key."""
        for text in (REQUEST, ADMISSION):
            self.assertNotIn("private", text.lower())
            self.assertEqual(len(json.loads(text)), 7)

    def test_line_ends(self) -> None:
        """Line ends of another system, or a lost last one, do no harm."""
        for text, reader in ((REQUEST, read_request), (ADMISSION, read_admission)):
            reader(text.replace("\n", "\r\n"))
            reader(text.rstrip("\n"))

    @given(st.from_regex(NAME, fullmatch=True))
    @settings(max_examples=50, deadline=None)
    def test_any_name(self, name: str) -> None:
        """Whatever is a name can ask."""
        self.assertEqual(read_request(write_request(BOB, name)).name, name)


class AlteredTests(PaperCase):
    """One altered byte is enough."""

    def _positions(self, text: str) -> list[int]:
        most = min(POSITIONS, len(text))
        return random.Random(7).sample(range(len(text)), most)

    def test_every_sampled_byte_of_a_request(self) -> None:
        """A request with any one character changed is refused."""
        for at in self._positions(REQUEST):
            for put in {chr(ord(REQUEST[at]) ^ 1), "0", "A", " ", "\n", "\r"} - {REQUEST[at]}:
                self.refused(read_request, REQUEST[:at] + put + REQUEST[at + 1 :])

    def test_every_sampled_byte_of_an_admission(self) -> None:
        """An admission with any one character changed is refused."""
        for at in self._positions(ADMISSION):
            for put in {chr(ord(ADMISSION[at]) ^ 1), "0", " ", "\r"} - {ADMISSION[at]}:
                self.refused(read_admission, ADMISSION[:at] + put + ADMISSION[at + 1 :])

    def test_cut_and_stretched(self) -> None:
        """Nothing may be missing at the end, nor follow."""
        for text, reader in ((REQUEST, read_request), (ADMISSION, read_admission)):
            for altered in (text[:-3], text[1:], text + " ", text + "\n", text + text, ""):
                self.refused(reader, altered)

    def test_fields_changed(self) -> None:
        """A field changed in the right spelling is told by the signature."""
        self.assertEqual(
            self.refused(read_request, respelt(REQUEST, name="eve")).reason, "bad-signature"
        )
        other = ROOM.issue("eve", PUBLIC, NOW_MS)
        changes: tuple[dict[str, Any], ...] = (
            {"addresses": ["203.0.113.9:7400"]},
            {"addresses": []},
            {"certificate": msgspec.to_builtins(other)},
        )
        for change in changes:
            refusal = self.refused(read_admission, respelt(ADMISSION, **change))
            self.assertEqual(refusal.reason, "bad-signature")

    @given(st.text(max_size=300))
    @settings(max_examples=300, deadline=None)
    def test_any_text(self, text: str) -> None:
        """Any text at all gives one typed error."""
        self.refused(read_request, text)
        self.refused(read_admission, text)


class SpellingTests(PaperCase):
    """There is one spelling."""

    def test_duplicate_keys(self) -> None:
        """A key that stands there twice is refused, though JSON would take the last."""
        for text, reader in ((REQUEST, read_request), (ADMISSION, read_admission)):
            line = next(each for each in text.splitlines() if '"member"' in each)
            self.refused(reader, text.replace(line, f"{line}\n{line}"))

    def test_unknown_keys(self) -> None:
        """A key that nobody knows is refused."""
        self.refused(read_request, respelt(REQUEST, more=1))

    def test_another_order(self) -> None:
        """The same fields in another order are refused."""
        turned = dict(reversed(json.loads(REQUEST).items()))
        self.refused(read_request, json.dumps(turned, indent=2) + "\n")

    def test_not_json(self) -> None:
        """What is no JSON, or JSON of another shape, is refused in one line."""
        for text in ("hello", "[]", "7", "null", '"x"', "{}", "[" * 9000, "9" * 9000, "{" * 9000):
            self.refused(read_request, text)
            self.refused(read_admission, text)

    def test_oversized(self) -> None:
        """A paper of more than 16 KiB is not even parsed."""
        refusal = self.refused(read_request, REQUEST + " " * papers.MAX_PAPER)
        self.assertEqual(refusal.reason, "oversized")

    def test_mixed_up(self) -> None:
        """Each paper in the place of the other is told by name."""
        self.assertIn("the other paper", str(self.refused(read_request, ADMISSION)))
        self.assertIn("the other paper", str(self.refused(read_admission, REQUEST)))

    def test_later_version(self) -> None:
        """A paper of a later version says so."""
        self.assertEqual(self.refused(read_request, respelt(REQUEST, version=2)).reason, "newer")

    def test_wrong_types(self) -> None:
        """Each field has its own type and bounds."""
        for change in (
            {"name": 7},
            {"name": "a" * 33},
            {"member": "A" * 52},
            {"public_key": "AA=="},
            {"public_key": "*"},
            {"room": "lab"},
            {"signature": "AA=="},
            {"version": "1"},
            {"version": 1.0},
        ):
            self.refused(read_request, respelt(REQUEST, **change))


class LyingTests(PaperCase):
    """Papers with a good signature that say what cannot be."""

    def test_hostile_names(self) -> None:
        """A name that could pass for another or move a cursor is refused and not repeated."""
        for name in (
            "Bob",
            "bob ",
            "",
            "1bob",
            "b\x1b[2J",
            "b\u202eob",
            "b\u043eb",
            "b\nob",
            "b" * 33,
        ):
            refusal = self.refused(read_request, signed_by(BOB, name))
            self.assertIn(refusal.reason, ("hostile-name", "malformed"))

    @given(st.text(max_size=32).filter(lambda name: not NAME.fullmatch(name)))
    @settings(max_examples=100, deadline=None)
    def test_any_hostile_name(self, name: str) -> None:
        """Nothing but a name is a name."""
        self.assertEqual(self.refused(read_request, signed_by(BOB, name)).reason, "hostile-name")

    def test_another_key(self) -> None:
        """Somebody else's key or id is refused."""
        other = Signer.from_seed("", Ed25519PrivateKey.generate().private_bytes_raw())
        self.assertEqual(
            self.refused(read_request, signed_by(BOB, "bob", member=other.member)).reason,
            "key-mismatch",
        )
        lent = signed_by(BOB, "bob", member=other.member, public_key=other.public)
        self.assertEqual(self.refused(read_request, lent).reason, "bad-signature")

    def test_weak_key(self) -> None:
        """A key that anybody can sign for is refused."""
        refusal = self.refused(read_request, signed_by(BOB, "bob", public_key=SMALL_ORDER))
        self.assertEqual(refusal.reason, "weak-key")

    def test_request_for_a_room_is_for_that_room(self) -> None:
        """The room of a request is under its signature."""
        text = write_request(Signer.from_seed(ROOM.room, KEY.private_bytes_raw()), "bob")
        self.assertEqual(read_request(text).room, ROOM.room)
        self.refused(read_request, respelt(text, room=""))
        self.refused(read_request, respelt(text, room="a" * 52))

    def test_admission_by_a_member(self) -> None:
        """A member cannot admit: only the room's own key signs admissions."""
        bob = Signer.from_seed(ROOM.room, KEY.private_bytes_raw())
        text = write_admission(bob, ROOM.certificate, DER, ADDRESSES)
        self.assertEqual(self.refused(read_admission, text).reason, "bad-signature")

    def test_admission_with_a_certificate_of_the_zoo(self) -> None:
        """An admission with a bad certificate is refused even if the authority signed it."""
        for name, (der, _) in zoo(ROOM).items():
            if name in ("expired", "not-yet-valid"):
                continue
            with self.subTest(name):
                self.refused(read_admission, self._admission(certificate=der))

    def test_admission_of_another(self) -> None:
        """The member that is named must be the certificate's."""
        refusal = self.refused(read_admission, self._admission(member="a" * 52))
        self.assertEqual(refusal.reason, "key-mismatch")

    def test_admission_with_bad_addresses(self) -> None:
        """Addresses that cannot be dialled are refused."""
        for address in ("nowhere", "0.0.0.0:7400", "\x1b[2J:1", "a:0"):
            self.refused(read_admission, self._admission(addresses=(address,)))
        self.refused(read_admission, self._admission(addresses=("192.0.2.1:1",) * 17))

    def test_admission_of_no_room(self) -> None:
        """A member's certificate in the place of the room's is refused."""
        refusal = self.refused(read_admission, self._admission(room_certificate=DER))
        self.assertEqual(refusal.reason, "not-a-room")

    def _admission(self, **changes: Any) -> str:
        """An admission that the authority signed, whatever it says."""
        good = msgspec.json.decode(ADMISSION.encode(), type=papers.Admission)
        changed = evolve(good, **changes)
        signed = AUTHORITY.sign(Purpose.ADMISSION, papers._statement(changed))
        return papers._render(evolve(changed, signature=signed.signature))
