"""HOST:PORT, and what counts as one source of connections."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.trial.unittest import SynchronousTestCase

from securechat.node.address import is_loopback, join, source, split


class AddressTests(SynchronousTestCase):
    """Reading and writing addresses."""

    def test_split(self) -> None:
        """Names, IPv4 and bracketed IPv6 are read, and written the same way."""
        for text in ("ada.lab:7400", "192.0.2.7:1", "[2001:db8::1]:65535", "[fe80::1%eth0]:7400"):
            self.assertEqual(join(*split(text)), text)

    def test_not_an_address(self) -> None:
        """Anything else is one readable line."""
        for text in (
            "", ":", "ada", "ada:", ":7400", "ada:x", "ada:-1", "ada:65536", "ada:\u0663",
            "2001:db8::1:7400", "a b:7400", "a\nb:7400", "[x:y]:7400", "[ada]:7400",
            "a" * 300 + ":1", "ada:000001",
        ):  # fmt: skip
            with self.assertRaises(ValueError) as caught:
                split(text)
            self.assertTrue(str(caught.exception).isprintable(), text)
            self.assertLess(len(str(caught.exception)), 150)

    def test_sources(self) -> None:
        """A network of IPv6 counts as one source, an embedded IPv4 address as itself."""
        for host, expected in (
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            ("::1", "::1"),
        ):
            kind = IPv6Address if ":" in host else IPv4Address
            self.assertEqual(source(kind("TCP", host, 1)), expected)

    def test_this_machine(self) -> None:
        """Only loopback addresses are this machine; a name is nobody's word for it."""
        self.assertTrue(is_loopback("127.0.0.9"))
        self.assertTrue(is_loopback(source(IPv6Address("TCP", "::1", 1))))
        self.assertFalse(is_loopback("192.0.2.7"))
        self.assertFalse(is_loopback("localhost"))
