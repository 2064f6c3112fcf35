"""Addresses as people write them, one spelling for every part."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.addresses import check_told, is_loopback, is_wildcard, join, number, split
from securechat.errors import HomeError
from securechat.home.config import Config, make_config
from securechat.membership.messages import is_address
from securechat.settings import MAX_ADDRESSES

HOSTS = st.one_of(
    st.from_regex(r"[a-zA-Z0-9._-]{1,110}", fullmatch=True),
    st.from_regex(r"\[[0-9a-f:.%]{2,40}\]", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda found: f"[{found}]"),
)
ADDRESSES = st.builds("{}:{}".format, HOSTS, st.integers(0, 70_000))


class SplitTests(SynchronousTestCase):
    """HOST:PORT and nothing else."""

    def test_good(self) -> None:
        """Names, IPv4 addresses, and IPv6 addresses in brackets."""
        for text, found in (
            ("192.0.2.7:7400", ("192.0.2.7", 7400)),
            ("[::1]:7400", ("::1", 7400)),
            ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
            ("node-1.example.org:65535", ("node-1.example.org", 65535)),
            ("ada.:1", ("ada.", 1)),
            ("a_b:7400", ("a_b", 7400)),
        ):
            self.assertEqual(split(text), found)
            self.assertEqual(join(*found), text)

    def test_bad(self) -> None:
        """Anything else says what is wrong, in one printable line."""
        for text in (
            "", ":", "7400", ":7400", "host", "host:", "host:0", "host:65536", "host:07400",
            "host:007", "host:-1", "host:+1", "host:7400x", "host:٣", "::1:7400", "[::1]",
            "[host]:7400", "[192.0.2.1]:7400", "[]:7400", "[x:y]:7400", "2001:db8::1:7400",
            "999.1.1.1:7400", "1.2.3:7400", "ho st:7400", "h\u00f6st:7400", "a..b:7400",
            "-a:7400", f"{'a' * 64}:7400", f"{'a.' * 127}a:7400", "host\n:7400", "host:7400\n",
            "[fe80::1%\n]:1", "[fe80::1%]:1", "[fe80::1%a%b]:1", "x" * 10_000,
        ):  # fmt: skip
            with self.subTest(text):
                refused = self.assertRaises(ValueError, split, text)
                self.assertTrue(str(refused) and str(refused).isprintable())
                self.assertLess(len(str(refused)), 100)

    @given(st.one_of(st.text(max_size=40), ADDRESSES))
    def test_any_text(self, text: str) -> None:
        """Any text is an address that is written the same way, or a ValueError."""
        try:
            host, port = split(text)
        except ValueError:
            return
        self.assertEqual(join(host, port), text)
        self.assertTrue(text.isascii() and text.isprintable())


class ToldTests(SynchronousTestCase):
    """What members tell each other to dial."""

    def test_not_told(self) -> None:
        """A scope of this machine, and what is too long for the first frame, is not told."""
        for text in ("[fe80::1%eth0]:1", "a." * 48 + "a:7400"):
            split(text)
            self.assertRaises(ValueError, check_told, text)
        check_told("a." * 47 + "a:7400")

    @given(st.lists(ADDRESSES, max_size=MAX_ADDRESSES).map(tuple))
    def test_what_the_configuration_takes(self, texts: tuple[str, ...]) -> None:
        """Whatever may stand under advertise, other members take in an Alive."""
        try:
            config = make_config(advertise=texts)
        except HomeError:
            config = Config()
        self.assertTrue(all(map(is_address, config.advertise)))


class MeaningTests(SynchronousTestCase):
    """Who can reach an address."""

    def test_loopback(self) -> None:
        """Loopback is 127/8, ::1 and the name localhost."""
        for host in ("127.0.0.1", "127.255.0.1", "::1", "localhost", "LOCALHOST"):
            self.assertTrue(is_loopback(host), host)
        for host in ("0.0.0.0", "192.0.2.1", "::", "localhost.example.org"):
            self.assertFalse(is_loopback(host), host)

    def test_wildcard(self) -> None:
        """0.0.0.0 and :: stand for every interface."""
        self.assertEqual(
            [is_wildcard(h) for h in ("0.0.0.0", "::", "::1", "a")], [True] * 2 + [False] * 2
        )

    def test_number(self) -> None:
        """A name is no IP address."""
        self.assertIsNone(number("ada"))
        self.assertEqual(str(number("192.0.2.7")), "192.0.2.7")
