"""Who a certificate names, and every certificate that is refused."""

from __future__ import annotations

from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.certificates import (
    NAME,
    check_dates,
    found_authority,
    issue,
    read_judged,
    read_member,
    read_room,
)
from securechat.errors import RemoteError
from securechat.signing import member_id, room_id
from tests.zoo import NOW_MS, REASONS, Paper, named, usage, zoo

ROOM = found_authority("lab", NOW_MS)
KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
GOOD = issue(ROOM.key, ROOM.certificate, "bob", PUBLIC, NOW_MS)
DAY_MS = 24 * 3600 * 1000


class GoodTests(SynchronousTestCase):
    """What a certificate of the room says."""

    def test_member(self) -> None:
        """The certificate that the authority issues names the member, its id and its key."""
        member = read_member(GOOD, ROOM.certificate)
        self.assertEqual((member.name, member.public, member.der), ("bob", PUBLIC, GOOD))
        self.assertEqual(member.member, member_id(PUBLIC))

    def test_its_form(self) -> None:
        """It has one SAN, no CA flag, both uses, one signature usage, and ten years."""
        found = x509.load_der_x509_certificate(GOOD)
        sans = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual([s.value for s in sans], [f"securechat:{member_id(PUBLIC)}"])
        basic = found.extensions.get_extension_for_class(x509.BasicConstraints)
        self.assertEqual((basic.value.ca, basic.critical), (False, True))
        used = found.extensions.get_extension_for_class(x509.KeyUsage).value
        self.assertEqual(used, usage())
        span = found.not_valid_after_utc - found.not_valid_before_utc
        self.assertEqual(span.days, 3651)

    def test_judged_before(self) -> None:
        """What a door once let in says the same when it is read without its room."""
        self.assertEqual(read_judged(GOOD), read_member(GOOD, ROOM.certificate))

    def test_room(self) -> None:
        """The authority's certificate names the room, and the room id is its hash."""
        room = read_room(ROOM.certificate)
        self.assertEqual((room.name, room.room), ("lab", room_id(ROOM.certificate)))
        self.assertEqual(ROOM.room, room.room)
        years = (room.not_after_ms - NOW_MS) / DAY_MS / 365
        self.assertGreater(years, 20)

    def test_serials_differ(self) -> None:
        """Two certificates of one member are told apart."""
        self.assertNotEqual(GOOD, issue(ROOM.key, ROOM.certificate, "bob", PUBLIC, NOW_MS))

    def test_same_from_same(self) -> None:
        """With key, time and serial given the bytes are always the same."""
        first, second = (found_authority("lab", NOW_MS, key=KEY, serial=7) for _ in range(2))
        self.assertEqual(first.certificate, second.certificate)
        one, two = (
            issue(KEY, first.certificate, "bob", PUBLIC, NOW_MS, serial=8) for _ in range(2)
        )
        self.assertEqual(one, two)

    def test_dates(self) -> None:
        """A day before it was issued to ten years later it can be used, and not beyond."""
        member = read_member(GOOD, ROOM.certificate)
        check_dates(member, NOW_MS - DAY_MS)
        check_dates(member, member.not_after_ms)
        for moment, reason in (
            (NOW_MS - DAY_MS - 1000, "not-yet-valid"),
            (member.not_after_ms + 1, "expired"),
        ):
            refused = self.assertRaises(RemoteError, check_dates, member, moment)
            self.assertEqual(refused.reason, reason)

    def test_names_that_cannot_be(self) -> None:
        """The authority itself cannot issue a hostile name."""
        for name in ("", "Ada", "a" * 33, "a b", "1a", "ada\n", "a\u202eb"):
            self.assertRaises(ValueError, ROOM.issue, name, PUBLIC, NOW_MS)
            self.assertRaises(ValueError, found_authority, name, NOW_MS)

    @given(st.from_regex(NAME, fullmatch=True))
    @settings(max_examples=50, deadline=None)
    def test_names_that_can_be(self, name: str) -> None:
        """Whatever is a name comes back as it was issued."""
        self.assertEqual(read_member(ROOM.issue(name, PUBLIC, NOW_MS), ROOM.certificate).name, name)


class ZooTests(SynchronousTestCase):
    """Every bad certificate, with its one reason."""

    def test_every_animal_has_its_reason(self) -> None:
        """Each certificate of the zoo is refused for the reason that is named, and no other."""
        animals = zoo(ROOM)
        self.assertEqual(set(animals), set(REASONS))
        for name, (der, _) in animals.items():
            with self.subTest(name):
                self.assertEqual(self._refusal(der), REASONS[name], name)

    def test_paper_is_good_unspoiled(self) -> None:
        """What the zoo spoils is good before: no animal is refused for something else."""
        der, _ = Paper(ROOM).made()
        self.assertEqual(read_member(der, ROOM.certificate).name, "mallory")

    @given(st.text(min_size=1, max_size=40).filter(lambda name: not NAME.fullmatch(name)))
    @settings(max_examples=80, deadline=None)
    def test_hostile_names(self, name: str) -> None:
        """A name that is none never gets in, and its text is not in what we say of it."""
        try:
            der, _ = named(Paper(ROOM), name)
        except (ValueError, UnicodeError):
            return
        refused = self.assertRaises(RemoteError, read_member, der, ROOM.certificate)
        self.assertEqual(refused.reason, "hostile-name")
        self.assertTrue(str(refused).isascii() and str(refused).isprintable())

    def _refusal(self, der: bytes) -> str:
        try:
            check_dates(read_member(der, ROOM.certificate), NOW_MS)
        except RemoteError as refused:
            self.assertTrue(str(refused).isprintable())
            return refused.reason
        return "taken"


class AlteredTests(SynchronousTestCase):
    """Bytes that nobody signed."""

    def test_every_bit_counts(self) -> None:
        """A certificate with any one bit changed is refused: also outside the signed part."""
        for at in range(len(GOOD)):
            altered = bytearray(GOOD)
            altered[at] ^= 1 << (at % 8)
            self.assertRaises(RemoteError, read_member, bytes(altered), ROOM.certificate)

    def test_every_bit_of_the_outer_algorithm(self) -> None:
        """The name of the algorithm that no signature covers cannot be exchanged either."""
        outer = GOOD[: -(64 + 3)]
        for at in range(len(outer) - 7, len(outer)):
            for bit in range(8):
                altered = bytearray(GOOD)
                altered[at] ^= 1 << bit
                self.assertRaises(RemoteError, read_member, bytes(altered), ROOM.certificate)

    def test_room_every_byte(self) -> None:
        """A room's certificate with one bit changed is no room's."""
        for at in range(len(ROOM.certificate)):
            altered = bytearray(ROOM.certificate)
            altered[at] ^= 1 << (at % 8)
            refused = self.assertRaises(RemoteError, read_room, bytes(altered))
            self.assertEqual(refused.reason, "not-a-room")

    def test_not_a_room(self) -> None:
        """A member's certificate, or one that another room signed, founds no room."""
        other = found_authority("lab", NOW_MS)
        crossed = evolve(
            Paper(other), names=Paper(other).names, basic=x509.BasicConstraints(True, None)
        )
        subordinate = evolve(crossed, usage=usage(certifies=True))
        for der in (GOOD, crossed.made()[0], subordinate.made()[0], b""):
            refused = self.assertRaises(RemoteError, read_room, der)
            self.assertEqual(refused.reason, "not-a-room")

    def test_serial_that_none_may_have(self) -> None:
        """A serial number that cryptography only warns of is refused, without a warning."""
        at = GOOD.index(b"\x02\x01\x02\x02\x14") + 5
        negative = GOOD[:at] + b"\xff" + GOOD[at + 1 :]
        refused = self.assertRaises(RemoteError, read_member, negative, ROOM.certificate)
        self.assertEqual(refused.reason, "malformed-certificate")
        self.assertEqual(self.flushWarnings(), [])

    def test_too_long(self) -> None:
        """A certificate of more than 2 KiB is not even parsed."""
        refused = self.assertRaises(RemoteError, read_member, b"0" * 2049, ROOM.certificate)
        self.assertEqual(refused.reason, "malformed-certificate")

    def test_trailing_bytes(self) -> None:
        """Nothing may follow the certificate."""
        self.assertRaises(RemoteError, read_member, GOOD + b"\0", ROOM.certificate)

    @given(st.binary(max_size=600))
    @settings(max_examples=300, deadline=None)
    def test_any_bytes(self, der: bytes) -> None:
        """Any bytes at all give one typed error."""
        refused = self.assertRaises(RemoteError, read_member, der, ROOM.certificate)
        self.assertEqual(refused.reason, "malformed-certificate")

    @given(st.integers(0, len(GOOD) - 1), st.binary(max_size=8), st.integers(0, 8))
    @settings(max_examples=300, deadline=None)
    def test_any_splice(self, at: int, put: bytes, drop: int) -> None:
        """Bytes put in or taken out anywhere give one typed error, or the same certificate."""
        spliced = GOOD[:at] + put + GOOD[at + drop :]
        if spliced != GOOD:
            self.assertRaises(RemoteError, read_member, spliced, ROOM.certificate)
